"""Draw scores over the plane of two parameters: a whole grid as a matrix with numbers, else the candidates as points.

`results/_param_heatmap_record.py` says what a whole grid is.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from sk_optuna.displays._axes import BEST_COLOR, COLORS, counted, shortened
from sk_optuna.displays._cells import (
    SCORE_COLORS,
    add_color_bar,
    color_limits,
    frame_cells,
    in_digits,
    write_in_cells,
)
from sk_optuna.displays._display import Display
from sk_optuna.displays._param_axis import set_param_axis
from sk_optuna.results import Cells, ParamHeatmapRecord, param_heatmap_record

_RING: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 6, "markerfacecolor": "none"}
# Of marks in the legend that stand for points of all colours.
_NEUTRAL = "0.35"


class ParamHeatmapDisplay(ParamHeatmapRecord, Display):
    """Scores over the plane of two parameters of a search.

    A whole grid, of which every pair of values was tried, is a matrix with numbers. Otherwise candidates are points.

    Use :meth:`from_search` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.

    trial_state : ndarray of str of shape (n_trials,)
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.

    score : ndarray of shape (n_trials,)
        Mean score, of pruned ones the estimate; NaN where there is none.

    x, y : objects
        The parameters, as :class:`ParamSliceDisplay` has them: each with `name`, `at`, `choices`, `is_log`, `low` and
        `high`.

    best_trial : int or None, default=None
        Number of the best trial; None highlights none.

    score_name : str, default="Score"
        Name of the scores, written at the colour bar.

    Attributes
    ----------
    image_ : matplotlib AxesImage or None
        The matrix of a whole grid.

    texts_ : list of matplotlib Text
        Its numbers; estimates of pruned candidates in brackets.

    points_ : dict of str to matplotlib PathCollection
        Candidates with a score, by state, where there is no matrix; pruned ones are hollow.

    without_score_ : list of matplotlib Line2D
        Crosses at the values of candidates without a score; in a matrix, in cells without any score.

    best_ : matplotlib Line2D, Rectangle or None
        Mark around the best candidate.

    color_bar_ : matplotlib Colorbar
        The colours, above the axes. An arrow stands for scores beyond them.

    ax_ : matplotlib Axes
        Axes with the plane.

    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    ParallelCoordinateDisplay : All parameters at once.
    optuna.visualization.matplotlib.plot_contour : Optuna's, which draws contours between the points.

    Notes
    -----
    A plane hides all other parameters. A cell has the highest score over them, of complete candidates where it has any;
    it is too high where more of them were tried. Between points nothing is drawn: contours would be guesses of another
    model.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import OptunaSearchCV
    >>> from sk_optuna.displays import ParamHeatmapDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": [0.1, 1, 10, 100], "gamma": [0.001, 0.01, 0.1, 1]}
    >>> search = OptunaSearchCV(SVC(), space, cv=3, random_state=0).fit(X, y)
    >>> display = ParamHeatmapDisplay.from_search(search, params=["C", "gamma"])  # doctest: +SKIP
    >>> display.figure_.savefig("plane.png")  # doctest: +SKIP
    >>> display.frame()  # doctest: +SKIP
    """

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        params: Sequence[str] | None = None,
        metric: str | None = None,
        ax: Any = None,
        focus: bool = True,
        despine: bool = False,
    ) -> Self:
        """Make a display of a fitted search and draw it.

        Parameters
        ----------
        search : OptunaSearchCV, GridSearchCV and the like
            Fitted.

        params : (str, str) or None, default=None
            Two different parameters, the horizontal one first. None takes the most important pair, as
            :class:`ParamImportancesDisplay` orders parameters, with fewer than 20 scores as the space does. Both of
            the pair vary among the candidates that set both: in a list of dicts, no parameter stands beside one that
            is there for a single value of it. Without such a pair it takes the first two.

        metric : str or None, default=None
            One of the metrics of the search; None takes the one that steered it.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure. The colour bar takes room from them.

        focus, despine
            See :meth:`plot`.

        Returns
        -------
        display : ParamHeatmapDisplay
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Where the search is not fitted.
        InvalidArgumentError
            For what is no search, for `params` that are not two different ones of it, for an unknown `metric`, for a
            search with fewer than two parameters, and for several objectives without `metric`.
        NoScoreError
            Where no candidate has a score.
        MissingExtraError
            Where matplotlib is missing.
        """
        return cls._of(param_heatmap_record(search, params=params, metric=metric)).plot(
            ax, focus=focus, despine=despine
        )

    def plot(self, ax: Any = None, *, focus: bool = True, despine: bool = False) -> Self:
        """Draw the plane.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure. The colour bar takes room from them.

        focus : bool, default=True
            If True, scores that are worse beyond all proportion share the darkest colour: those further below the lower
            quartile than three times the distance from there to the best one.

        despine : bool, default=False
            If True, the upper and the right border are hidden.

        Returns
        -------
        display : ParamHeatmapDisplay
            The display itself.

        Raises
        ------
        MissingExtraError
            Where matplotlib is missing.
        """
        ax = self._open(ax)
        cells = self.cells()
        values = np.asarray(self.score) if cells is None else cells.score
        low, high = color_limits(values) if focus else (float(np.nanmin(values)), float(np.nanmax(values)))
        self.image_: Any = None
        self.texts_: list[Any] = []
        self.points_: dict[str, Any] = {}
        self.without_score_: list[Any] = []
        n_unset = int((np.isnan(self.x.at) | np.isnan(self.y.at)).sum())
        if n_unset:
            ax.plot([], [], linestyle="none", label=f"one of the two is not set ({n_unset})")
        label = self.score_name
        if cells is None:
            colored = self._draw_points(low, high)
            set_param_axis(ax, "x", self.x)
            set_param_axis(ax, "y", self.y)
        else:
            colored = self._draw_cells(cells, low, high)
            label += ", the best of each cell" if cells.most > 1 else ""
        self._mark_best(cells)
        self.color_bar_ = add_color_bar(ax, colored, values, label=label)
        ax.set(xlabel=shortened(self.x.name, 60), ylabel=shortened(self.y.name, 40))
        return self._close(despine=despine)

    def _draw_cells(self, cells: Cells, low: float, high: float) -> Any:
        """Draw a matrix, the lowest values of both parameters at the lower left."""
        style: dict[str, Any] = {"cmap": SCORE_COLORS, "vmin": low, "vmax": high, "aspect": "auto", "origin": "lower"}
        self.image_ = self.ax_.imshow(np.ma.masked_invalid(cells.score), **style)
        rows, columns = np.nonzero(np.isfinite(cells.score))
        values, states = cells.score[rows, columns], cells.state[rows, columns]
        texts = [f"({t})" if s == "PRUNED" else t for t, s in zip(in_digits(values), states, strict=True)]
        self.texts_ = write_in_cells(self.ax_, self.image_, list(zip(columns, rows, strict=True)), values, texts)
        set_param_axis(self.ax_, "x", self.x, cells.x)
        set_param_axis(self.ax_, "y", self.y, cells.y)
        rows, columns = np.nonzero(~np.isfinite(cells.score))
        counts = {state: int((np.asarray(self.trial_state) == state).sum()) for state in COLORS}
        if counts["FAIL"]:
            self._cross(columns, rows, counted("FAIL", counts["FAIL"]))
        if counts["PRUNED"]:
            label = f"{counted('PRUNED', counts['PRUNED'])}: (estimate)"
            self.ax_.plot([], [], color=COLORS["PRUNED"], label=label, **_RING)
        if counts["COMPLETE"]:
            self.ax_.plot([], [], "s", color=_NEUTRAL, label=counted("COMPLETE", counts["COMPLETE"]))
        return self.image_

    def _draw_points(self, low: float, high: float) -> Any:
        """Draw candidates in the colours of their scores, the highest on top, and those without one as crosses."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        colored = ScalarMappable(Normalize(low, high), SCORE_COLORS)
        score = np.asarray(self.score)
        is_set = ~np.isnan(self.x.at) & ~np.isnan(self.y.at)
        for state in COLORS:
            of_state = is_set & (np.asarray(self.trial_state) == state)
            at, without = np.flatnonzero(of_state & np.isfinite(score)), np.flatnonzero(of_state & ~np.isfinite(score))
            if len(without):
                label = counted(state, len(without)) + ("" if state == "FAIL" else " without a score")
                self._cross(self.x.at[without], self.y.at[without], label)
            if len(at):
                at = at[np.argsort(score[at], kind="stable")]
                colors = colored.to_rgba(score[at])
                faces = colors if state == "COMPLETE" else "none"
                style = {"facecolors": faces, "edgecolors": colors, "s": 36}
                self.points_[state] = self.ax_.scatter(self.x.at[at], self.y.at[at], **style)
                # the points have many colours, so that the legend has an empty twin in none of them
                grey = {"markerfacecolor": _NEUTRAL if state == "COMPLETE" else "none", "markeredgecolor": _NEUTRAL}
                self.ax_.plot([], [], **{**_RING, **grey}, label=counted(state, len(at)))
        return colored

    def _cross(self, x: np.ndarray, y: np.ndarray, label: str) -> None:
        """Mark values of candidates without a score."""
        style = {"linestyle": "none", "marker": "x", "color": COLORS["FAIL"], "label": label}
        self.without_score_ += self.ax_.plot(x, y, **style)

    def _mark_best(self, cells: Cells | None) -> None:
        """Mark the best candidate, unless it has no place in the plane."""
        self.best_: Any = None
        for i in np.flatnonzero(np.asarray(self.trial_number) == self.best_trial)[:1]:
            x, y = self.x.at[i], self.y.at[i]
            if np.isnan(x) or np.isnan(y):
                return
            label = f"best (trial {self.best_trial})"
            if cells is not None:
                x, y = np.searchsorted(cells.x, x), np.searchsorted(cells.y, y)
                self.best_ = frame_cells(self.ax_, x, y, n_columns=1, label=label)
                return
            style = {**_RING, "color": BEST_COLOR, "markersize": 11, "markeredgewidth": 2, "zorder": 3}
            (self.best_,) = self.ax_.plot([x], [y], label=label, **style)
