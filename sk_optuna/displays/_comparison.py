"""Draw paired differences of nested results to one of their rows, with intervals, a rope and probabilities."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from sk_optuna.displays._axes import mark_beyond, wrapped_name
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
from sk_optuna.results import ComparisonRecord, comparison_record

_ROPE_STYLE = {"color": "#56B4E9", "alpha": 0.25, "linewidth": 0, "zorder": 0.6}


class ComparisonDisplay(ComparisonRecord, Display):
    """Differences of outer scores to those of a reference, a row a model, by outer fold and with their mean.

    Use :meth:`from_results` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    model : sequence of str of length n_models
        Names of the rows that are compared, the best first.

    reference : str
        The row that they are compared with.

    fold_difference : ndarray of shape (n_models, n_outer_folds)
        Score of the model minus score of the reference; NaN where one of them is missing.

    difference, low, high : ndarray of shape (n_models,)
        Mean difference and its interval of 95 %; NaN where there is none.

    p_worse, p_equivalent, p_better : ndarray of shape (n_models,)
        Probabilities of the correlated t posterior; NaN where there is no ground for any.

    reason : sequence of str of length n_models
        The reason why there is no test; empty where there is one.

    rope : float, default=0.0
        Region of practical equivalence: a difference of at most so much counts as none.

    score_name : str, default="Score"
        Name of the scores, written at the horizontal axis.

    Attributes
    ----------
    folds_ : matplotlib Line2D
        A point for each outer fold in which both have a score.

    means_ : matplotlib Line2D
        The mean differences.

    intervals_ : matplotlib LineCollection or None
        Their intervals.

    rope_ : matplotlib Polygon or Rectangle, or None
        The band of differences that count as none.

    zero_ : matplotlib Line2D
        The line of the reference.

    beyond_ : list of matplotlib Line2D
        Markers at the edges for what lies outside the picture.

    ax_ : matplotlib Axes
        Axes with the rows.

    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    sk_optuna.NestedCVResults.compare : Has these numbers, with tests and wins.
    NestedScoresDisplay : Draws the scores themselves.

    Notes
    -----
    Without a `reference`, it is the best of the searches, which was chosen by the same scores: differences to it come
    out somewhat too large. An interval that contains zero does not say that two are alike; a large probability of being
    alike, within a rope that was chosen beforehand, does.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import nested_cross_validate
    >>> from sk_optuna.displays import ComparisonDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> results = nested_cross_validate(GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=3), X, y, cv=3)
    >>> display = ComparisonDisplay.from_results(results, reference="dummy", rope=0.01)  # doctest: +SKIP
    >>> display.figure_.savefig("comparison.png")  # doctest: +SKIP
    >>> display.frame()  # doctest: +SKIP
    """

    @classmethod
    def from_results(
        cls,
        results: Any,
        *,
        reference: str | None = None,
        rope: float = 0.0,
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

        reference : str or None, default=None
            The row that all others are compared with; None for the best that is no baseline.

        rope : float, default=0.0
            Region of practical equivalence, in units of the score.

        search : str, sequence of str or None, default=None
            Names of the rows that are compared with it; None for all others, baselines among them.

        score_name : str, default=None
            Name of the scores; None takes the name of the metric.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure, whose height grows with the rows.

        focus, despine
            See :meth:`plot`.

        Returns
        -------
        display : ComparisonDisplay
            The display, drawn.

        Raises
        ------
        InvalidArgumentError
            Where `results` are no nested results, `reference` or `search` is no row of theirs, there is only one row,
            or `rope` is below 0.
        MissingExtraError
            Where matplotlib is missing.
        """
        record = comparison_record(results, reference=reference, rope=rope, search=search, score_name=score_name)
        return cls._of(record).plot(ax, focus=focus, despine=despine)

    def plot(self, ax: Any = None, *, focus: bool = True, despine: bool = False) -> Self:
        """Draw the differences.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure, whose height grows with the rows.

        focus : bool, default=True
            If True, differences beyond all proportion may leave the picture: those that are further from the median
            than twenty-five times the median distance from there; and the last row, such as the dummy, where it would
            take up more than half of the picture. They are marked at the edge, and counted in the legend.

        despine : bool, default=False
            If True, the upper and the right border are hidden.

        Returns
        -------
        display : ComparisonDisplay
            The display itself.

        Raises
        ------
        MissingExtraError
            Where matplotlib is missing.
        """
        ax = self._open(ax)
        n_models, n_folds = self.fold_difference.shape
        rows, heights = np.arange(n_models), heights_of_folds(n_models, n_folds)
        self.rope_ = None
        if self.rope:
            self.rope_ = ax.axvspan(-self.rope, self.rope, label=f"counts as none: ± {self.rope:g}", **_ROPE_STYLE)
        self.zero_ = ax.axvline(0, color="0.45", linewidth=1.2, linestyle="--", label="the reference")
        (self.folds_,) = ax.plot(self.fold_difference.ravel(), heights.ravel(), label="outer folds", **FOLD_STYLE)
        self.intervals_ = draw_intervals(ax, self.low, self.high)
        label = "mean (no interval)" if self.intervals_ is None else "mean"
        (self.means_,) = ax.plot(self.difference, rows, label=label, **MEAN_STYLE)
        shared = self._shared_reason()
        name_rows(ax, [self._label(i, shared) for i in range(n_models)], resize=self._has_own_figure)
        ax.set_xlabel(f"{self.score_name}, minus that of\n{wrapped_name(self.reference)}")
        ax.set_title(shared, fontsize="small", wrap=True)
        if focus:
            self._set_limits()
        x = np.concatenate([self.fold_difference.ravel(), self.difference])
        self.beyond_ = mark_beyond(ax, x, np.concatenate([heights.ravel(), rows]), axis="x")
        return self._close(despine=despine)

    def _shared_reason(self) -> str:
        """Return the reason why no row has a test, where it is the same for all of several rows; else an empty text."""
        return self.reason[0] if len(self.reason) > 1 and len(set(self.reason)) == 1 else ""

    def _label(self, row: int, shared: str) -> str:
        """Write the name of a row, and below it its mean and its probabilities, or why there are none."""
        mean = f"{self.difference[row]:+.3g}" if np.isfinite(self.difference[row]) else ""
        if self.reason[row]:
            note = "\n".join(filter(None, [mean, "" if shared else wrapped_name(self.reason[row])]))
        else:
            parts = [("better", self.p_better[row]), ("alike", self.p_equivalent[row]), ("worse", self.p_worse[row])]
            written = [f"{word} {p:.2f}".replace(" 0.", " .") for word, p in parts if word != "alike" or self.rope]
            note = f"{mean}, P {', '.join(written)}"
        return f"{wrapped_name(self.model[row])}\n{note}".rstrip()

    def _set_limits(self) -> None:
        """Leave out differences beyond all proportion, with intervals of rows that have such differences."""
        low, high = range_without_far(self.fold_difference.ravel())
        others = self.fold_difference[np.isfinite(self.difference)][:-1]
        others = np.append(others[(others >= low) & (others <= high)], [0.0, -self.rope, self.rope])
        if np.isfinite(self.difference).sum() > 2 and np.ptp(others) < (high - low) / 2:
            low, high = others.min(), others.max()
        with np.errstate(invalid="ignore"):
            near = ~((self.fold_difference < low) | (self.fold_difference > high)).any(axis=1)
        ends = [low, high, 0.0, -self.rope, self.rope, *self.low[near], *self.high[near]]
        set_range(self.ax_, np.nanmin(ends), np.nanmax(ends))
