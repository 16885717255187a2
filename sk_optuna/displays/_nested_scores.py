"""Draw the outer scores of nested results, a row a search, beside inner scores and baselines."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from sk_optuna.displays._axes import BEST_COLOR, DEFAULTS_COLOR, mark_beyond, wrapped_name
from sk_optuna.displays._display import Display
from sk_optuna.displays._rows import (
    FOLD_STYLE,
    MEAN_STYLE,
    draw_intervals,
    heights_of_folds,
    name_rows,
    range_without_far,
    set_range,
)
from sk_optuna.results import NestedScoresRecord, nested_scores_record

_FAILED_STYLE: dict[str, Any] = {"color": "0.2", "marker": "x", "markersize": 6, "linestyle": "none", "zorder": 3}
_HOLLOW: dict[str, Any] = {"linestyle": "none", "markerfacecolor": "none", "markersize": 7, "markeredgewidth": 1.6}
_INNER_STYLE = {"color": BEST_COLOR, "marker": "D", "zorder": 4, **_HOLLOW}
_DEFAULTS_STYLE = {"color": DEFAULTS_COLOR, "marker": "s", "zorder": 4, **_HOLLOW}
# In sizes of the median score: the least width of the picture, so that scores that are all but equal look so; and the
# distance up to which the mean of defaults stays in it, however near the other points are to one another.
_LEAST_WIDTH, _DEFAULTS_REACH = 0.01, 2.0
_DUMMY_STYLE = {"color": "0.45", "linestyle": "--", "linewidth": 1.2}


class NestedScoresDisplay(NestedScoresRecord, Display):
    """Outer scores of searches, a row each, with their mean, its interval, the best inner score and baselines.

    Use :meth:`from_results` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    search : sequence of str of length n_rows
        Names of the rows, best first.

    test_score : ndarray of shape (n_rows, n_outer_folds)
        Outer scores; NaN where there is none.

    failed : ndarray of bool of shape (n_rows, n_outer_folds)
        True for outer folds that failed, also where a number stands for their score.

    mean, low, high : ndarray of shape (n_rows,)
        Mean over the outer folds and its interval of 95 %; NaN where there is none.

    inner_best : ndarray of shape (n_rows,)
        Mean of the best inner scores; NaN where there is none.

    default_mean : ndarray of shape (n_rows,)
        Mean of the search's own estimator with its own parameters; NaN where there is none.

    dummy_mean : float, default=NaN
        Mean of the dummy.

    score_name : str, default="Score"
        Name of the scores, written at the horizontal axis.

    Attributes
    ----------
    folds_ : matplotlib Line2D or None
        A point for each outer fold that has a score; None if none has, as for the others.

    failed_ : matplotlib Line2D or None
        Crosses of failed folds that were given a score.

    means_ : matplotlib Line2D or None
        The means.

    intervals_ : matplotlib LineCollection or None
        Their intervals.

    inner_, defaults_ : matplotlib Line2D or None
        The means of the best inner scores, and of the defaults.

    dummy_ : matplotlib Line2D or None
        The line of the dummy.

    beyond_ : list of matplotlib Line2D
        Markers at the edges for what lies outside the picture.

    ax_ : matplotlib Axes
        Axes with the rows.

    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    sk_optuna.NestedCVResults : Has these numbers in `table_` and `outer_`.
    ComparisonDisplay : Draws differences on the same folds, by which rows are to be compared.

    Notes
    -----
    Intervals of two rows may overlap where one is better on every fold, since folds differ in difficulty for both: this
    picture is for the level of scores and their optimism, and `ComparisonDisplay` for "which is better". The inner best
    is the best of many scores, and tells nothing about new rows; its distance to the mean is the optimism.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import nested_cross_validate
    >>> from sk_optuna.displays import NestedScoresDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> results = nested_cross_validate(GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=3), X, y, cv=3)
    >>> display = NestedScoresDisplay.from_results(results)  # doctest: +SKIP
    >>> display.figure_.savefig("scores.png")  # doctest: +SKIP
    >>> display.frame()  # doctest: +SKIP
    """

    @classmethod
    def from_results(
        cls,
        results: Any,
        *,
        search: str | Sequence[str] | None = None,
        score_name: str | None = None,
        ax: Any = None,
        focus: bool = True,
        despine: bool = False,
    ) -> Self:
        """Make a display of nested results and draw it.

        Parameters
        ----------
        results : NestedCVResults
            The results.

        search : str, sequence of str or None, default=None
            Names of the rows; None for all but baselines. A baseline that is named has a row of its own.

        score_name : str, default=None
            Name of the scores; None takes the name of the metric.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure, whose height grows with the rows.

        focus, despine
            See :meth:`plot`.

        Returns
        -------
        display : NestedScoresDisplay
            The display, drawn.

        Raises
        ------
        InvalidArgumentError
            Where `results` are no nested results, or there is no such row.
        MissingExtraError
            Where matplotlib is missing.
        """
        record = nested_scores_record(results, search=search, score_name=score_name)
        return cls._of(record).plot(ax, focus=focus, despine=despine)

    def plot(self, ax: Any = None, *, focus: bool = True, despine: bool = False) -> Self:
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure, whose height grows with the rows.

        focus : bool, default=True
            If True, scores beyond all proportion may leave the picture, such as one of -1e9: those that are further
            below the median than twenty-five times the median distance from there. They are marked at the edge, and
            counted in the legend. So may the dummy where it would take up more than half of the picture; the legend
            has its mean. Means of defaults stay unless their distance from the median is more than twice the median
            as well. The picture is at least one percent of the median wide.

        despine : bool, default=False
            If True, the upper and the right border are hidden.

        Returns
        -------
        display : NestedScoresDisplay
            The display itself.

        Raises
        ------
        MissingExtraError
            Where matplotlib is missing.
        """
        ax = self._open(ax)
        self.dummy_ = None
        if np.isfinite(self.dummy_mean):
            self.dummy_ = ax.axvline(self.dummy_mean, **_DUMMY_STYLE)
        self._draw_folds()
        self._draw_means()
        rows = np.arange(len(self.search))
        self.defaults_ = self._draw_marks(self.default_mean, rows, label="defaults, mean", **_DEFAULTS_STYLE)
        self.inner_ = self._draw_marks(self.inner_best, rows, label="inner best, mean", **_INNER_STYLE)
        name_rows(ax, [self._label(i) for i in range(len(rows))], resize=self._has_own_figure)
        ax.set_xlabel(self.score_name)
        if focus:
            self._set_limits()
        self.beyond_ = mark_beyond(ax, *self._points(), axis="x")
        if self.dummy_ is not None:
            is_left = self.dummy_mean < ax.get_xlim()[0]
            self.dummy_.set_label(f"dummy, mean {self.dummy_mean:.3g}{' (further left)' if is_left else ''}")
        return self._close(despine=despine)

    def _draw_folds(self) -> None:
        """Draw a point for each outer fold, and a cross for a failed one that has a score all the same."""
        shown, heights = np.where(self.failed, np.nan, self.test_score), heights_of_folds(*self.test_score.shape)
        self.folds_ = self._draw_marks(shown, heights, label="outer folds", **FOLD_STYLE)
        given = np.where(self.failed, self.test_score, np.nan)
        n_given = np.isfinite(given).sum()
        self.failed_ = self._draw_marks(given, heights, label=f"failed, score given ({n_given})", **_FAILED_STYLE)

    def _draw_means(self) -> None:
        """Draw the means, and their intervals where there are any."""
        self.intervals_ = draw_intervals(self.ax_, self.low, self.high)
        label = "outer mean (no interval)" if self.intervals_ is None else "outer mean"
        self.means_ = self._draw_marks(self.mean, np.arange(len(self.search)), label=label, **MEAN_STYLE)

    def _draw_marks(self, x: np.ndarray, y: np.ndarray, **style: Any) -> Any:
        """Draw the points that have a number; None if there are none."""
        known = np.isfinite(x)
        return self.ax_.plot(x[known], y[known], **style)[0] if known.any() else None

    def _label(self, row: int) -> str:
        """Write the name of a row, and below it which of its folds failed."""
        folds = np.flatnonzero(self.failed[row] | ~np.isfinite(self.test_score[row]))
        if not len(folds):
            return wrapped_name(self.search[row])
        listed = f"fold {folds[0]}" if len(folds) == 1 else f"{len(folds)} folds"
        without = "" if np.isfinite(self.mean[row]) else "no mean: "
        return f"{wrapped_name(self.search[row])}\n{without}{listed} failed"

    def _points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return places and heights of all points of the rows."""
        rows = np.arange(len(self.search))
        x = [self.test_score.ravel(), self.mean, self.inner_best, self.default_mean]
        return np.concatenate(x), np.concatenate([heights_of_folds(*self.test_score.shape).ravel(), rows, rows, rows])

    def _set_limits(self) -> None:
        """Leave out scores beyond all proportion, with intervals of such rows, and a dummy far below all the rest."""
        points = self._points()[0]
        known = points[np.isfinite(points)]
        middle = float(np.median(known)) if len(known) else 0.0
        reached = np.abs(self.default_mean - middle) <= _DEFAULTS_REACH * abs(middle)
        low = min([range_without_far(points)[0], *self.default_mean[reached]])
        near = ~(self.test_score < low).any(axis=1)
        seen = np.concatenate([points[points >= low], self.low[near], self.high[near], [low]])
        low, high = np.nanmin(seen), np.nanmax(seen)
        widening = max(0.0, _LEAST_WIDTH * abs(middle) - (high - low)) / 2
        low, high = low - widening, high + widening
        if np.isfinite(self.dummy_mean) and self.dummy_mean >= low - (high - low):
            low, high = min(low, self.dummy_mean), max(high, self.dummy_mean)
        set_range(self.ax_, low, high)
