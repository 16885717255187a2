"""Draw the scores of all candidates by the values of each parameter, a panel a parameter.

All panels have one vertical axis, and each candidate is in every panel whose parameter it sets. A share of the
candidates that do not set it is in no panel of it, which the panel's title says.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from sk_optuna.displays._axes import (
    BEST_COLOR,
    COLORS,
    counted,
    mark_at_lower_edge,
    mark_beyond,
    remove_frame,
    score_limits,
    wrapped_name,
)
from sk_optuna.displays._display import Display
from sk_optuna.displays._panels import divide, explain_panels
from sk_optuna.displays._param_axis import set_number_axis, side_by_side
from sk_optuna.results import ParamSliceRecord, ParamValues, param_slice_record

# Points by group: those that were stopped are hollow.
_POINT_STYLES: dict[str, dict[str, Any]] = {
    "PRUNED": {"marker": "o", "markerfacecolor": "none", "markeredgecolor": COLORS["PRUNED"], "markersize": 4.5},
    "INFEASIBLE": {"marker": "X", "color": "#CC79A7", "markersize": 5, "markeredgewidth": 0},
    "COMPLETE": {"marker": "o", "color": COLORS["COMPLETE"], "markersize": 4.5, "markeredgewidth": 0, "alpha": 0.6},
}
# Those without a score stand at the lower edge.
_EDGE_COLORS = {"NO SCORE": COLORS["PRUNED"], "FAIL": "0.15"}
_BEST_STYLE: dict[str, Any] = {"marker": "D", "color": BEST_COLOR, "markersize": 7, "markeredgecolor": "white"}
_BOUND_STYLE: dict[str, Any] = {"color": "0.6", "linewidth": 0.8, "linestyle": ":", "label": "range of the space"}
_BAND_STYLE: dict[str, Any] = {"color": BEST_COLOR, "alpha": 0.13, "linewidth": 0, "zorder": 0}
# More categories than these have labels for some of them only; their points are all there.
_LABELLED = 12
# Steps by the golden section fill a strip evenly, however many points it has.
_GOLDEN = 0.618034


class ParamSliceDisplay(ParamSliceRecord, Display):
    """Scores of all candidates by the values of each parameter, the best one and the stopped ones marked.

    Use :meth:`from_search` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    params : sequence of objects
        The parameters, a panel each. Each has a `name`; `at`, an array with the number that each trial set, or the
        place of its value in `choices`, NaN where it set none; `choices`, a tuple, or None for numbers; `is_log`; and
        `low` and `high`, the ends of the axis.

    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.

    trial_state : ndarray of str of shape (n_trials,)
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.

    score : ndarray of shape (n_trials,)
        Mean scores; estimates for pruned trials; NaN where there is neither.

    infeasible : ndarray of bool of shape (n_trials,) or None, default=None
        True for complete trials that break a constraint; None where none does.

    best_trial : int or None, default=None
        Number of the best trial; None highlights none.

    standard_error : float, default=NaN
        That of the best trial's score; NaN draws no band.

    score_name : str, default="Score"
        Name of the scores, written at the vertical axes.

    not_shown : sequence of str, default=()
        Parameters that have no panel; the legend names them.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
        The panels.

    points_ : list of dict of str to matplotlib Line2D
        For each panel its points, by group: ``"COMPLETE"``, ``"PRUNED"``, ``"INFEASIBLE"``, ``"FAIL"``,
        ``"NO SCORE"``, ``"BELOW"`` (markers at the lower edge, of scores that the axis leaves out) and ``"BEST"``.

    bounds_ : list of list of matplotlib Line2D
        For each panel the ends of the space; none for categories.

    bands_ : list of matplotlib Patch
        For each panel, the band of one standard error; empty without one.

    ax_ : matplotlib Axes
        The axes whose place the panels share.

    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    ParamImportancesDisplay : One bar for each parameter, with its uncertainty.
    sk_optuna.OptunaSearchCV.plain_study : The study behind it, for Optuna's own pictures.

    Notes
    -----
    The most important parameters come first, by PED-ANOVA, as in :class:`ParamImportancesDisplay`. With fewer than 20
    candidates that have a score, parameters stay in the order of the space, those of one value last.

    The band is the best candidate's mean score, plus and minus its standard deviation over the folds divided by the
    root of their number. Folds share rows, so it is too narrow rather than too wide. To choose a simpler candidate that
    is nearly as good, see :class:`~sk_optuna.refit.OneStandardError`, which compares fold by fold.

    The range is that of the space, widened to what was tried. Of a distribution without ends, or of one name that is a
    list in one branch and a distribution in another, it is what was tried.

    When not to use it: to see which values work together. A panel shows one parameter while all others vary, and a
    sampler that learns tries good regions more often, so a slope may belong to another parameter.
    `optuna.visualization.plot_contour` of `plain_study` shows pairs.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import OptunaSearchCV
    >>> from sk_optuna.displays import ParamSliceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-3, 1e1), "kernel": ["rbf", "sigmoid"]}
    >>> search = OptunaSearchCV(SVC(), space, n_trials=30, cv=5, pruner="race", random_state=0).fit(X, y)
    >>> display = ParamSliceDisplay.from_search(search)  # doctest: +SKIP
    >>> display.figure_.savefig("slices.png")  # doctest: +SKIP
    >>> display.frame()  # doctest: +SKIP
    """

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        params: Sequence[str] | None = None,
        metric: str | None = None,
        score_name: str | None = None,
        ax: Any = None,
        focus: bool = True,
        despine: bool = False,
    ) -> Self:
        """Make a display of a fitted search and draw it.

        Parameters
        ----------
        search : OptunaSearchCV, GridSearchCV and the like
            A fitted search.

        params : sequence of str, default=None
            Names of parameters, in the order of the panels; None for the most important ones, at most eight.

        metric : str, default=None
            One of the metrics of the search; None takes the one that steered it, of several objectives the one that
            `refit` names.

        score_name : str, default=None
            Name of the scores; None makes one of the metric's.

        ax : matplotlib Axes, default=None
            Axes whose place the panels take; None makes a figure.

        focus, despine
            See :meth:`plot`.

        Returns
        -------
        display : ParamSliceDisplay
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Where the search is not fitted, or has no finished candidate.
        InvalidArgumentError
            Where it has no such parameter or metric, or several objectives of which none is named; where `ax` was
            divided before.
        NoScoreError
            Where no candidate has a score.
        MissingExtraError
            Where matplotlib is missing.
        """
        record = param_slice_record(search, params=params, metric=metric, score_name=score_name)
        return cls._of(record).plot(ax, focus=focus, despine=despine)

    def plot(self, ax: Any = None, *, focus: bool = True, despine: bool = False) -> Self:
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes whose place the panels take; None makes a figure, which grows with their number.

        focus : bool, default=True
            If True, scores that are worse beyond all proportion leave the picture: those further below the lower
            quartile than three times the distance from there to the best one. Marks at the lower edge count them.

        despine : bool, default=False
            If True, the upper and the right borders are hidden.

        Returns
        -------
        display : ParamSliceDisplay
            The display itself.

        Raises
        ------
        InvalidArgumentError
            Where `ax` was divided before.
        MissingExtraError
            Where matplotlib is missing.
        """
        ax = self._open(ax)
        missing = ", ".join(self.not_shown)
        note = wrapped_name(f"Not shown: {missing}", 90) if missing else ""
        n_labels = sum(int(mask.any()) for mask in self.groups().values()) + len(("best", "band", "range", "below"))
        self.axes_, n_columns = divide(
            ax,
            len(self.params),
            n_labels=n_labels,
            n_note_lines=note.count("\n") + 1 if note else 0,
            resize=self._has_own_figure,
            share_y=True,
        )
        limits = score_limits(np.asarray(self.score)) if focus else None
        if limits:
            self.axes_[0].set_ylim(limits)
        self.points_: list[dict[str, Any]] = []
        self.bounds_: list[list[Any]] = []
        self.bands_: list[Any] = []
        for i, (panel, param) in enumerate(zip(self.axes_, self.params, strict=True)):
            self.points_.append(self._draw_points(panel, param))
            self._draw_best(panel, param)
            self._draw_axis(panel, param)
            panel.set_ylabel(self.score_name if i % n_columns == 0 else "")
            if despine:
                remove_frame(panel)
        for panel, param, drawn in zip(self.axes_, self.params, self.points_, strict=True):
            self._mark_far(panel, param, drawn)
        explain_panels(ax, self.axes_, note=note)
        return self

    def _draw_points(self, panel: Any, param: ParamValues) -> dict[str, Any]:
        """Draw the points of one panel by group, those without a score at its lower edge."""
        x, score = _places(param), np.asarray(self.score)
        drawn = {}
        for state, mask in self.groups().items():
            there, label = mask & ~np.isnan(x), _labelled(state, int(mask.sum()))
            if state in _EDGE_COLORS and there.any():
                drawn[state] = mark_at_lower_edge(panel, x[there], label=label, color=_EDGE_COLORS[state])
            elif there.any():
                style = {"linestyle": "none", "label": label, **_POINT_STYLES[state]}
                (drawn[state],) = panel.plot(x[there], score[there], **style)
        best = (np.asarray(self.trial_number) == self.best_trial) & ~np.isnan(x) & ~np.isnan(score)
        if best.any():
            style = {"linestyle": "none", "zorder": 4, "label": f"best (trial {self.best_trial})", **_BEST_STYLE}
            (drawn["BEST"],) = panel.plot(x[best], score[best], **style)
        return drawn

    def _mark_far(self, panel: Any, param: ParamValues, drawn: dict[str, Any]) -> None:
        """Mark the scores below the axis, once it is the same for all panels."""
        x, score = _places(param), np.asarray(self.score)
        there = ~np.isnan(x)
        n_below = int((score < panel.get_ylim()[0]).sum())
        if marks := mark_beyond(panel, x[there], score[there], axis="y", n=n_below):
            drawn["BELOW"] = marks[0]

    def _draw_best(self, panel: Any, param: ParamValues) -> None:
        """Draw the band around the best score and the ends of the space."""
        best = self.score[np.asarray(self.trial_number) == self.best_trial]
        if len(best) and np.isfinite(best[0]) and np.isfinite(self.standard_error):
            band = (best[0] - self.standard_error, best[0] + self.standard_error)
            self.bands_.append(panel.axhspan(*band, label="± 1 standard error of the best", **_BAND_STYLE))
        ends = [param.low, param.high] if param.choices is None else []
        self.bounds_.append([panel.axvline(end, **_BOUND_STYLE) for end in ends])

    def _draw_axis(self, panel: Any, param: ParamValues) -> None:
        """Set scale, limits, ticks and name of a horizontal axis; categories have their counts."""
        panel.set_xlabel(wrapped_name(param.name), fontsize="small")
        panel.tick_params(labelsize="small")
        n_set = np.count_nonzero(~np.isnan(param.at))
        if n_set < len(param.at):
            panel.set_title(f"set in {n_set} of {len(param.at)} trials", fontsize="small")
        if param.choices is not None:
            _tick_choices(panel, param.at, param.choices)
        else:
            set_number_axis(panel, "x", param)


def _labelled(group: str, n_trials: int) -> str:
    """Label a group of trials with their number."""
    names = {"INFEASIBLE": "infeasible", "NO SCORE": "without a score"}
    return f"{names[group]} ({n_trials})" if group in names else counted(group, n_trials)


def _places(param: ParamValues) -> np.ndarray:
    """Place the points of a parameter: numbers as they are, those of a category side by side within its strip."""
    if param.choices is None:
        return param.at
    steps: np.ndarray = np.arange(len(param.at)) * _GOLDEN % 1
    places: np.ndarray = param.at + 0.6 * (steps - 0.5)
    return places


def _tick_choices(panel: Any, at: np.ndarray, choices: Sequence[Any]) -> None:
    """Label the categories, each with the number of its trials."""
    step = -(-len(choices) // _LABELLED)
    shown = range(0, len(choices), step)
    names, style = side_by_side(panel, [str(choices[i]) for i in shown])
    between = " " if "rotation" in style else "\n"
    labels = [f"{name}{between}({np.count_nonzero(at == i)})" for i, name in zip(shown, names, strict=True)]
    panel.set_xticks(list(shown), labels, **style)
    if step > 1:
        panel.set_xlabel(f"{panel.get_xlabel()}\n({len(choices)} categories, one in {step} labelled)", fontsize="small")
    panel.set_xlim(-0.6, len(choices) - 0.4)
