"""Draw how searches went on: every candidate, and the best so far, by trials, fits or seconds.

`results/_search_history_record.py` says what had been spent when a candidate ended.
"""

from typing import Any, Literal, Self

import numpy as np

from sk_optuna.displays._axes import (
    BEST_COLOR,
    COLORS,
    counted,
    mark_at_lower_edge,
    mark_beyond,
    score_limits,
    shortened,
    tick_whole_numbers,
)
from sk_optuna.displays._display import Display
from sk_optuna.results import SearchHistoryRecord, search_history_record

# Okabe and Ito's, but for the yellow, which is faint on white; marks and dashes tell searches apart in grey.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
_BREAKS = "complete, but not feasible"
_X_NAMES = {"trial": "Trial", "fits": "Fits", "seconds": "Seconds"}


class SearchHistoryDisplay(SearchHistoryRecord, Display):
    """History of a search, or of several in one picture: each candidate, and the best so far.

    Use :meth:`from_search` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    search_name : ndarray of str of shape (n_points,)
        Name of the search; points of a search stand together, in the order of `spent`.

    trial_number : ndarray of shape (n_points,)
        Numbers of the trials.

    trial_state : ndarray of str of shape (n_points,)
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.

    feasible : ndarray of bool of shape (n_points,)
        Those that may be the best: complete, with a score, and within the constraints.

    spent : ndarray of shape (n_points,)
        What had been spent when the candidate ended, in the unit of `x`.

    score : ndarray of shape (n_points,)
        Mean score, of pruned ones the estimate; NaN where there is none.

    x : {"trial", "fits", "seconds"}, default="trial"
        What is spent: the horizontal axis.

    score_name : str, default="Score"
        Name of the scores, written at the vertical axis.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        The best so far, a line for each search that has one.

    points_ : list of matplotlib Line2D
        The candidates with a score, by search and state; pruned ones are hollow, those that break a constraint crosses.

    without_score_ : list of matplotlib Line2D
        Ticks at the lower edge: failed candidates, and pruned ones without an estimate.

    beyond_ : list of matplotlib Line2D
        Markers at an edge for candidates that lie beyond it.

    ax_ : matplotlib Axes
        Axes with the history.

    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    FoldScoresDisplay : The scores of the single folds, and those that the race skipped.
    optuna.visualization.matplotlib.plot_optimization_history : Optuna's, without pruned trials and axes of the user's.

    Notes
    -----
    The best so far is what the search would have returned at that point: pruned and failed candidates, and those that
    break a constraint, do not count. Scores of the best candidates are too good, the more of them were tried; a rising
    line is no proof that the model gets better.

    Compare searches by ``x="fits"`` where one of them spares folds, since pruned trials cost less. Seconds are those
    during which a trial ran: pauses between two calls of `fit` do not count. They depend on the machine and on
    `n_jobs`.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import OptunaSearchCV
    >>> from sk_optuna.displays import SearchHistoryDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": loguniform(1e-2, 1e2), "gamma": loguniform(1e-3, 1e1)}
    >>> searches = {
    ...     sampler: OptunaSearchCV(SVC(), space, n_trials=10, sampler=sampler, cv=3, random_state=0).fit(X, y)
    ...     for sampler in ("tpe", "random")
    ... }
    >>> display = SearchHistoryDisplay.from_search(searches, x="fits")  # doctest: +SKIP
    >>> display.figure_.savefig("history.png")  # doctest: +SKIP
    >>> display.frame()  # doctest: +SKIP
    """

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        x: Literal["trial", "fits", "seconds"] = "trial",
        metric: str | None = None,
        ax: Any = None,
        focus: bool = True,
        despine: bool = False,
    ) -> Self:
        """Make a display of a fitted search, or of several, and draw it.

        Parameters
        ----------
        search : OptunaSearchCV, GridSearchCV and the like, or dict of str to these
            Fitted. The keys of a dict are the names in the legend.

        x : {"trial", "fits", "seconds"}, default="trial"
            Horizontal axis: the number of the trial; the fits, one a fold, until its end; the seconds until its end
            during which any trial ran.

        metric : str or None, default=None
            One of the metrics of the searches; None takes the one that steered them.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        focus, despine
            See :meth:`plot`.

        Returns
        -------
        display : SearchHistoryDisplay
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Where a search is not fitted.
        InvalidArgumentError
            For an unknown `x` or `metric`, for no search at all, for several objectives without `metric`, for searches
            of different metrics, and for seconds of a search that kept no times.
        NoScoreError
            Where no candidate of a search has a score.
        MissingExtraError
            Where matplotlib is missing.
        """
        return cls._of(search_history_record(search, x=x, metric=metric)).plot(ax, focus=focus, despine=despine)

    def plot(self, ax: Any = None, *, focus: bool = True, despine: bool = False) -> Self:
        """Draw the history.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        focus : bool, default=True
            If True, candidates that are worse beyond all proportion leave the picture: those further below the lower
            quartile than three times the distance from there to the best one. Markers at the edge count them.

        despine : bool, default=False
            If True, the upper and the right border are hidden.

        Returns
        -------
        display : SearchHistoryDisplay
            The display itself.

        Raises
        ------
        MissingExtraError
            Where matplotlib is missing.
        """
        ax = self._open(ax)
        self.lines_: list[Any] = []
        self.points_: list[Any] = []
        self.without_score_: list[Any] = []
        names = self.names()
        # The first is drawn last, so that it begins the legend.
        for i in reversed(range(len(names))):
            self._draw_search(names[i], None if len(names) == 1 else i)
        self.lines_.reverse()
        ax.set(xlabel=_X_NAMES[self.x], ylabel=self.score_name)
        if self.x != "seconds":
            tick_whole_numbers(ax.xaxis)
            if len(set(self.spent)) == 1:
                ax.set_xlim(self.spent[0] - 1, self.spent[0] + 1)
        if focus and (limits := score_limits(np.asarray(self.score))):
            ax.set_ylim(limits)
        self.beyond_ = mark_beyond(ax, np.asarray(self.spent), np.asarray(self.score), axis="y")
        return self._close(despine=despine)

    def _draw_search(self, name: str, place: int | None) -> None:
        """Draw one search: in the colours of the states where it is alone, else in a colour of its own."""
        of_search = np.asarray(self.search_name) == name
        prefix = "" if place is None else f"{shortened(name)}: "
        has_score = np.isfinite(self.score)
        breaks = (np.asarray(self.trial_state) == "COMPLETE") & has_score & ~np.asarray(self.feasible)
        states = np.where(breaks, _BREAKS, self.trial_state)
        for state in ("FAIL", "PRUNED", _BREAKS, "COMPLETE"):
            at = of_search & (states == state)
            known, unknown = np.asarray(self.spent)[at & has_score], np.asarray(self.spent)[at & ~has_score]
            style = _style(state, place)
            if len(known):
                label = f"breaks a constraint ({len(known)})" if state == _BREAKS else counted(state, len(known))
                label = prefix + label
                self.points_ += self.ax_.plot(known, np.asarray(self.score)[at & has_score], label=label, **style)
            if len(unknown):
                label = prefix + counted(state, len(unknown)) + ("" if state == "FAIL" else " without a score")
                color = style["markeredgecolor"] if place is not None else COLORS["FAIL"]
                self.without_score_.append(mark_at_lower_edge(self.ax_, unknown, label=label, color=color))
        self._draw_best_so_far(of_search, prefix, place)

    def _draw_best_so_far(self, of_search: np.ndarray, prefix: str, place: int | None) -> None:
        """Draw the steps of the best so far, from the first candidate that counts to the last point of the search."""
        at = of_search & ~np.isnan(self.best_so_far())
        if not at.any():
            return
        color, dashes = BEST_COLOR, _DASHES[0]
        if place is not None:
            color, dashes = _nth(_COLORS, place), _nth(_DASHES, place)
        best = self.best_so_far()[at]
        style = {"color": color, "linestyle": dashes, "linewidth": 2.0, "drawstyle": "steps-post", "zorder": 3}
        if len(best) == 1:
            style["marker"] = "o"
        self.lines_ += self.ax_.plot(np.asarray(self.spent)[at], best, label=f"{prefix}best so far", **style)


def _nth(values: tuple[Any, ...], place: int) -> Any:
    """Take a value, beginning again after the last."""
    return values[place % len(values)]


def _style(state: str, place: int | None) -> dict[str, Any]:
    """Return the style of points: filled for complete trials, hollow for pruned ones."""
    color = COLORS.get(state, COLORS["FAIL"]) if place is None else _nth(_COLORS, place)
    is_filled = state == "COMPLETE"
    if state == _BREAKS:
        return {"linestyle": "none", "marker": "x", "markersize": 4.5, "markeredgecolor": color, "alpha": 0.7}
    return {
        "linestyle": "none",
        "marker": "o" if place is None else _nth(_MARKERS, place),
        "markersize": 4.5,
        "markerfacecolor": color if is_filled else "none",
        "markeredgecolor": color,
        "markeredgewidth": 0 if is_filled else 1,
        "alpha": 0.7 if place is None else 0.4,
    }
