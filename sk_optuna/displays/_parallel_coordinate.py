"""Draw each candidate as a line through its parameters to its score, the best ones in colour.

`results/_parallel_coordinate_record.py` says which are the best.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from sk_optuna.displays._axes import BEST_COLOR, COLORS, counted, shortened
from sk_optuna.displays._cells import color_limits
from sk_optuna.displays._display import Display
from sk_optuna.results import ParallelCoordinateRecord, ParamValues, parallel_coordinate_record

# Height of the tick "not set", below the axes' own 0 to 1.
_NOT_SET = -0.15
_MOST_CHOICES = 8
# Drawn in this order; the best line comes last.
_STYLES: dict[str, dict[str, Any]] = {
    "FAIL": {"colors": COLORS["FAIL"], "linewidths": 0.8, "linestyles": ":"},
    "PRUNED": {"colors": COLORS["PRUNED"], "linewidths": 0.7, "linestyles": "--", "alpha": 0.6},
    "COMPLETE": {"colors": "0.35", "linewidths": 0.8, "alpha": 0.5},
    "best": {"colors": COLORS["COMPLETE"], "linewidths": 1.5, "alpha": 0.9, "zorder": 2.5},
}


class ParallelCoordinateDisplay(ParallelCoordinateRecord, Display):
    """Candidates of a search as lines through all parameters, the best ones in colour.

    Use :meth:`from_search` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.

    trial_state : ndarray of str of shape (n_trials,)
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.

    score : ndarray of shape (n_trials,)
        Mean score, of pruned ones the estimate; NaN where there is none.

    is_best : ndarray of bool of shape (n_trials,)
        The best of the complete candidates, as many as `best` says.

    params : sequence of objects
        The parameters, in the order of the axes, as :class:`ParamSliceDisplay` has them: each with `name`, `at`,
        `choices`, `is_log`, `low` and `high`.

    best : float, default=0.1
        Their share.

    best_trial : int or None, default=None
        Number of the best trial; None highlights none.

    score_name : str, default="Score"
        Name of the scores, written below the last axis.

    Attributes
    ----------
    lines_ : dict of str to matplotlib LineCollection
        The lines of ``"FAIL"``, ``"PRUNED"``, other ``"COMPLETE"`` candidates and the ``"best"`` ones, as far as there
        are any beside the best trial. Those of pruned candidates are dashed, those of failed ones dotted.

    line_ : matplotlib Line2D or None
        The line of the best trial.

    pruned_ : matplotlib Line2D or None
        Hollow marks at the estimates of pruned candidates.

    beyond_ : matplotlib Line2D or None
        Mark at the lower end of the last axis for scores beyond it.

    texts_ : list of matplotlib Text
        The values at the axes.

    ax_ : matplotlib Axes
        Axes with the lines.

    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    ParamHeatmapDisplay : Two parameters, with their scores.
    optuna.visualization.matplotlib.plot_parallel_coordinate : Optuna's, which leaves out candidates that lack one.

    Notes
    -----
    Every parameter has an axis from the lowest to the highest value, logarithmic where the space is. A parameter that
    a candidate does not have is at a tick of its own, "not set", below the axis. A candidate without a score ends
    there, too.

    Where the best lines meet, the value matters; where they spread, it does not. With more than some hundred candidates
    nothing but the best can be followed.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import OptunaSearchCV
    >>> from sk_optuna.displays import ParallelCoordinateDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = [
    ...     {"kernel": ["rbf"], "C": loguniform(1e-2, 1e2), "gamma": loguniform(1e-3, 1e1)},
    ...     {"kernel": ["linear"], "C": loguniform(1e-2, 1e2)},
    ... ]
    >>> search = OptunaSearchCV(SVC(), space, n_trials=20, cv=3, random_state=0).fit(X, y)
    >>> display = ParallelCoordinateDisplay.from_search(search, best=0.2)  # doctest: +SKIP
    >>> display.figure_.savefig("parameters.png")  # doctest: +SKIP
    >>> display.frame()  # doctest: +SKIP
    """

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        best: float = 0.1,
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

        best : float, default=0.1
            Share of the complete candidates that are drawn in colour, rounded up.

        params : sequence of str or None, default=None
            The parameters, in the order of the axes; None takes all.

        metric : str or None, default=None
            One of the metrics of the search; None takes the one that steered it.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        focus, despine
            See :meth:`plot`.

        Returns
        -------
        display : ParallelCoordinateDisplay
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Where the search is not fitted.
        InvalidArgumentError
            For unknown `params` or `metric`, for a share that is none, and for several objectives without `metric`.
        NoScoreError
            Where no candidate has a score.
        MissingExtraError
            Where matplotlib is missing.
        """
        record = parallel_coordinate_record(search, best=best, params=params, metric=metric)
        return cls._of(record).plot(ax, focus=focus, despine=despine)

    def plot(self, ax: Any = None, *, focus: bool = True, despine: bool = False) -> Self:
        """Draw the lines.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        focus : bool, default=True
            If True, scores that are worse beyond all proportion end at the lower end of the last axis: those further
            below the lower quartile than three times the distance from there to the best one. A mark counts them.

        despine : bool, default=False
            If True, the upper and the right border are hidden.

        Returns
        -------
        display : ParallelCoordinateDisplay
            The display itself.

        Raises
        ------
        MissingExtraError
            Where matplotlib is missing.
        """
        ax = self._open(ax)
        score = np.asarray(self.score)
        low, high = color_limits(score) if focus else (float(np.nanmin(score)), float(np.nanmax(score)))
        score_axis = ParamValues(name=self.score_name, at=score, choices=None, is_log=False, low=low, high=high)
        axes = [*self.params, score_axis]
        heights = np.column_stack([_heights(each) for each in axes])
        self._draw_lines(heights)
        self._mark_scores(heights[:, -1], score < low)
        self.texts_: list[Any] = []
        for place, each in enumerate(axes):
            ax.plot([place, place], [0, 1], color="0.2", linewidth=0.8, zorder=1)
            missing = "not set" if place < len(axes) - 1 else "no score"
            self._write_values(place, each, len(axes), missing)
        names = [shortened(each.name, 20) for each in axes]
        style: dict[str, Any] = {}
        if sum(map(len, names)) > 50:
            style = {"rotation": 50, "ha": "right", "rotation_mode": "anchor", "fontsize": "small"}
        ax.set_xticks(np.arange(len(names)), names, **style)
        bottom = _NOT_SET - 0.07 if np.isnan(np.column_stack([each.at for each in axes])).any() else -0.07
        ax.set(yticks=[], xlim=(-0.1, len(names) - 0.4), ylim=(bottom, 1.07))
        return self._close(despine=despine)

    def _draw_lines(self, heights: np.ndarray) -> None:
        """Draw the lines by state, then the best ones, then the best one, each candidate once."""
        from matplotlib.collections import LineCollection

        groups = np.where(self.is_best, "best", np.asarray(self.trial_state))
        is_line = np.asarray(self.trial_number) == self.best_trial
        share = f"{'others of the ' if is_line.any() else ''}best {100 * self.best:g} %"
        self.lines_: dict[str, Any] = {}
        self.line_: Any = None
        places = np.arange(heights.shape[1])
        for group, style in _STYLES.items():
            rows = np.flatnonzero((groups == group) & ~is_line)
            if len(rows):
                names = {"best": f"{share} ({len(rows)})", "COMPLETE": f"other complete ({len(rows)})"}
                label = names[group] if group in names else counted(group, len(rows))
                lines = [np.column_stack([places, heights[row]]) for row in rows]
                self.lines_[group] = self.ax_.add_collection(LineCollection(lines, label=label, **style))
        for row in np.flatnonzero(is_line)[:1]:
            label = f"best (trial {self.best_trial})"
            (self.line_,) = self.ax_.plot(
                places, heights[row], color=BEST_COLOR, linewidth=2.2, marker="o", zorder=3, label=label
            )

    def _mark_scores(self, heights: np.ndarray, is_below: np.ndarray) -> None:
        """Mark estimates, and scores beyond the axis, at the last axis."""
        at = len(self.params)
        pruned = (np.asarray(self.trial_state) == "PRUNED") & np.isfinite(self.score)
        self.pruned_, self.beyond_ = None, None
        style: dict[str, Any] = {"linestyle": "none", "markersize": 4, "zorder": 2.6}
        if pruned.any():
            ring = {"marker": "o", "markerfacecolor": "none", "color": COLORS["PRUNED"]}
            (self.pruned_,) = self.ax_.plot(np.full(pruned.sum(), at), heights[pruned], **style, **ring)
        if n_below := int(is_below.sum()):
            label = f"score further below ({n_below})"
            (self.beyond_,) = self.ax_.plot([at], [0.0], marker="v", color="0.2", label=label, **style)

    def _write_values(self, place: int, values: ParamValues, n_axes: int, missing: str) -> None:
        """Write ticks beside an axis: its ends and middle, or its choices, and one for what is not there."""
        ticks = _ticks(values)
        if np.isnan(values.at).any():
            ticks.append((_NOT_SET, missing))
        at_most = max(6, 60 // n_axes)
        style = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5}
        for height, text in ticks:
            self.ax_.plot([place], [height], marker="_", color="0.2", markersize=6, zorder=1)
            written = self.ax_.text(place + 0.04, height, shortened(text, at_most), fontsize="x-small", va="center")
            written.set(bbox=style, zorder=4)
            self.texts_.append(written)


def _heights(values: ParamValues) -> np.ndarray:
    """Map values to heights from 0 to 1, one half where all are equal, and below that where there is none."""
    low, high, at = _scaled(values, np.array([values.low])), _scaled(values, np.array([values.high])), values.at
    span = (high - low)[0]
    heights = np.full(len(at), 0.5) if span == 0 else (_scaled(values, at) - low) / (span or 1.0)
    return np.where(np.isnan(at), _NOT_SET, np.clip(heights, 0.0, 1.0))


def _scaled(values: ParamValues, at: np.ndarray) -> np.ndarray:
    """Take logarithms where the space is logarithmic."""
    scaled: np.ndarray = np.log(at) if values.is_log else at
    return scaled


def _ticks(values: ParamValues) -> list[tuple[float, str]]:
    """Return heights and texts of the ticks of an axis."""
    if values.choices is not None:
        last = len(values.choices) - 1
        shown = np.unique(np.linspace(0, last, min(last + 1, _MOST_CHOICES)).astype(int))
        return [(place / last if last else 0.5, str(values.choices[place])) for place in shown.tolist()]
    if values.low == values.high:
        return [(0.5, f"{values.low:g}")]
    middle = np.sqrt(values.low * values.high) if values.is_log else (values.low + values.high) / 2
    return [(0.0, f"{values.low:.3g}"), (0.5, f"{middle:.3g}"), (1.0, f"{values.high:.3g}")]
