"""Draw the scores of all candidates by the values of each parameter, a panel a parameter.

All panels have one vertical axis, and each candidate is in every panel whose parameter it sets. A share of the
candidates that do not set it is in no panel of it, which the panel's title says.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from sk_optuna.displays._axes import (
    BEST_COLOR,
    POINT_NAMES,
    POINT_STYLES,
    add_legend_below,
    divide,
    focused_limits,
    in_lines,
    remove_frame,
    tick_whole_numbers,
)
from sk_optuna.displays._display import Display
from sk_optuna.results import PanelValues, ParamSliceRecord, param_slice_record

_BEST_STYLE: dict[str, Any] = {"marker": "D", "color": BEST_COLOR, "markersize": 7, "markeredgecolor": "white"}
_BELOW_STYLE: dict[str, Any] = {"marker": "v", "color": "0.2", "markersize": 5, "clip_on": False}
_BOUND_STYLE: dict[str, Any] = {"color": "0.6", "linewidth": 0.8, "linestyle": ":", "label": "range of the space"}
_BAND_STYLE: dict[str, Any] = {"color": BEST_COLOR, "alpha": 0.13, "linewidth": 0, "zorder": 0}
_PANEL = (3.0, 2.6)
# More categories than these have labels for some of them only; their points are all there.
_LABELLED = 12
# Steps by the golden section fill a strip evenly, however many points it has.
_GOLDEN = 0.618034


class ParamSliceDisplay(ParamSliceRecord, Display):
    """Scores of all candidates by the values of each parameter, the best one and the stopped ones marked.

    Use :meth:`from_search` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    params : sequence of PanelValues
        The parameters, a panel each: named tuples of `name`, `values` (numbers; of categories their places in
        `choices`; NaN for trials that do not set the parameter), `bounds`, `is_log` and `choices`.

    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.

    trial_state : sequence of str of length n_trials
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.

    score : ndarray of shape (n_trials,)
        Mean scores; estimates for pruned trials; NaN where there is neither.

    feasible : ndarray of shape (n_trials,) or None, default=None
        False for complete trials that break a constraint; None where none does.

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
    OptunaSearchCV.plain_study : The study behind it, for Optuna's own pictures.

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
        search : OptunaSearchCV
            A fitted search.

        params : sequence of str, default=None
            Names of parameters, in the order of the panels; None for the most important ones, at most eight.

        metric : str, default=None
            One of several `objectives`; None for the one that chose the best candidate, else the first.

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
            Where it is another search, did not maximize that metric, has no such parameter, or no score; where `ax`
            cannot be divided.
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
            Axes of a grid (``plt.subplots``), whose place the panels take; None makes a figure.

        focus : bool, default=True
            If True, scores that are further below the lower quartile than three times the distance from there to the
            best score leave the picture, and are marked at the lower edge.

        despine : bool, default=False
            If True, the upper and the right borders are hidden.

        Returns
        -------
        display : ParamSliceDisplay
            The display itself.

        Raises
        ------
        InvalidArgumentError
            Where `ax` has no place in a grid, or was divided before.
        MissingExtraError
            Where matplotlib is missing.
        """
        n_panels = len(self.params)
        n_columns = n_panels if n_panels <= 3 else -(-n_panels // 2) if n_panels <= 8 else 4
        ax = self._open(ax)
        self.axes_, strip = divide(ax, n_panels, n_columns=n_columns)
        if self._has_own_figure:
            width, height = _PANEL
            self.figure_.set_size_inches(max(width * n_columns, 5.5), height * -(-n_panels // n_columns) + 0.7)
        limits = focused_limits(self.score, greater_is_better=True) if focus else None
        if limits:
            self.axes_[0].set_ylim(limits)
        self.points_: list[dict[str, Any]] = []
        self.bounds_: list[list[Any]] = []
        self.bands_: list[Any] = []
        for i, (panel, param) in enumerate(zip(self.axes_, self.params, strict=True)):
            self.points_.append(self._draw_points(panel, param, -np.inf if limits is None else limits[0]))
            self._draw_best(panel, param)
            self._draw_axis(panel, param)
            panel.set_ylabel(self.score_name if i % n_columns == 0 else "")
            if despine:
                remove_frame(panel)
        missing = ", ".join(self.not_shown)
        add_legend_below(strip, self.axes_, note=in_lines(f"Not shown: {missing}", 90) if missing else "")
        return self

    def _draw_points(self, panel: Any, param: PanelValues, floor: float) -> dict[str, Any]:
        """Draw the points of one panel by group, and at its lower edge those without a score or with one below it."""
        x = _places(param)
        below = self.score < floor
        groups = {state: mask & ~below for state, mask in self.groups().items()}
        labels = {state: f"{POINT_NAMES[state]} ({mask.sum()})" for state, mask in self.groups().items()}
        drawn = {}
        for state, mask in groups.items():
            there = mask & ~np.isnan(x)
            at_edge = state in ("NO SCORE", "FAIL")
            edge: Mapping[str, Any] = {"transform": panel.get_xaxis_transform()} if at_edge else {}
            if there.any():
                heights = np.zeros(there.sum()) if at_edge else self.score[there]
                style = {"linestyle": "none", "label": labels[state], **POINT_STYLES[state], **edge}
                (drawn[state],) = panel.plot(x[there], heights, **style)
        there = below & ~np.isnan(x)
        if there.any():
            style = {"linestyle": "none", "label": f"further below ({below.sum()})", **_BELOW_STYLE}
            transform = panel.get_xaxis_transform()
            (drawn["BELOW"],) = panel.plot(x[there], np.zeros(there.sum()), transform=transform, **style)
        best = (np.asarray(self.trial_number) == self.best_trial) & ~np.isnan(x) & ~np.isnan(self.score)
        if best.any():
            style = {"linestyle": "none", "zorder": 4, "label": f"best (trial {self.best_trial})", **_BEST_STYLE}
            (drawn["BEST"],) = panel.plot(x[best], self.score[best], **style)
        return drawn

    def _draw_best(self, panel: Any, param: PanelValues) -> None:
        """Draw the band around the best score and the ends of the space."""
        best = self.score[np.asarray(self.trial_number) == self.best_trial]
        if len(best) and np.isfinite(best[0]) and np.isfinite(self.standard_error):
            ends = (best[0] - self.standard_error, best[0] + self.standard_error)
            self.bands_.append(panel.axhspan(*ends, label="± 1 standard error of the best", **_BAND_STYLE))
        self.bounds_.append(
            [] if param.bounds is None else [panel.axvline(end, **_BOUND_STYLE) for end in param.bounds]
        )

    def _draw_axis(self, panel: Any, param: PanelValues) -> None:
        """Set scale, limits, ticks and name of a horizontal axis; categories have their counts."""
        panel.set_xlabel(in_lines(param.name), fontsize="small")
        panel.tick_params(labelsize="small")
        n_set = np.count_nonzero(~np.isnan(param.values))
        if n_set < len(param.values):
            panel.set_title(f"set in {n_set} of {len(param.values)} trials", fontsize="small")
        if param.choices is not None:
            _tick_choices(panel, param.values, param.choices)
        elif param.bounds is not None:
            if param.is_log:
                panel.set_xscale("log")
            elif (param.values[~np.isnan(param.values)] % 1 == 0).all():
                tick_whole_numbers(panel.xaxis)
            panel.set_xlim(_widened(param.bounds, is_log=param.is_log))


def _places(param: PanelValues) -> np.ndarray:
    """Place the points of a parameter: numbers as they are, those of a category side by side within its strip."""
    if param.choices is None:
        return param.values
    steps: np.ndarray = np.arange(len(param.values)) * _GOLDEN % 1
    places: np.ndarray = param.values + 0.6 * (steps - 0.5)
    return places


def _tick_choices(panel: Any, values: np.ndarray, choices: Sequence[Any]) -> None:
    """Label the categories, each with the number of its trials."""
    step = -(-len(choices) // _LABELLED)
    shown = range(0, len(choices), step)
    names = [_cut(str(choices[i])) for i in shown]
    is_long = max(map(len, names)) * len(names) > 28
    labels = [
        f"{name}{' ' if is_long else chr(10)}({np.count_nonzero(values == i)})"
        for i, name in zip(shown, names, strict=True)
    ]
    panel.set_xticks(list(shown), labels, **({"rotation": 30, "ha": "right"} if is_long else {}))
    if step > 1:
        panel.set_xlabel(f"{panel.get_xlabel()}\n({len(choices)} categories, one in {step} labelled)", fontsize="small")
    panel.set_xlim(-0.6, len(choices) - 0.4)


def _cut(text: str, width: int = 18) -> str:
    """Shorten a text to `width` letters, in its middle: texts often differ at their ends."""
    return text if len(text) <= width else f"{text[: width // 2]}…{text[-(width - width // 2 - 1) :]}"


def _widened(bounds: tuple[float, float], *, is_log: bool) -> tuple[float, float]:
    """Widen a range by a twentieth on either side, for points that lie on its ends."""
    low, high = np.log10(bounds) if is_log else bounds
    margin = 0.05 * (high - low) or (0.5 if is_log else 0.1 * abs(low) or 0.5)
    return (10 ** (low - margin), 10 ** (high + margin)) if is_log else (low - margin, high + margin)
