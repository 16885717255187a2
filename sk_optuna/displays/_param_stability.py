"""Draw the parameters that the outer folds of a search chose, a panel a parameter, on the scale of the space."""

from numbers import Integral
from typing import Any, Self

import numpy as np

from sk_optuna._short_value import short_value
from sk_optuna.displays._axes import COLORS, plain_text, remove_frame, tick_whole_numbers, wrapped_name
from sk_optuna.displays._display import Display
from sk_optuna.displays._panels import divide, explain_panels
from sk_optuna.results import ParamStabilityRecord, param_stability_record

_POINT_STYLE: dict[str, Any] = {"color": COLORS["COMPLETE"], "marker": "o", "markersize": 6, "linestyle": "none"}
_UNSET_STYLE: dict[str, Any] = {"color": "0.4", "marker": "o", "markerfacecolor": "none", "linestyle": "none"}
_FAILED_STYLE: dict[str, Any] = {"color": "0.2", "marker": "x", "linestyle": "none"}
_BOUND_STYLE = {"color": "0.45", "linewidth": 1.0, "linestyle": "--"}
# Share of a panel's height where folds without a choice are marked, and the share that is kept free for them.
_AT_EDGE, _EDGE = 0.06, 0.16


class ParamStabilityDisplay(ParamStabilityRecord, Display):
    """Choices of the outer folds of a search: a panel a parameter, a point a fold.

    Numbers stand on the space's own scale, between its bounds; other choices are strips with their counts, the most
    frequent one below; of those that no fold chose there is none. The title of a panel has the spread of numbers,
    highest minus lowest choice as a share of the range, or else the share of the most frequent choice.

    Use :meth:`from_results` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    search : str
        Name of the search.

    parameter : sequence of str of length n_parameters
        Names of the parameters that any outer fold chose.

    chosen : ndarray of object of shape (n_parameters, n_outer_folds)
        The chosen values; None where there is no choice.

    is_set : ndarray of bool of shape (n_parameters, n_outer_folds)
        True where the parameter was there; a conditional one may not be.

    failed : ndarray of bool of shape (n_outer_folds,)
        True for outer folds that failed, and chose nothing.

    is_numeric : ndarray of bool of shape (n_parameters,)
        True for parameters of which all choices are numbers.

    space_low, space_high : ndarray of shape (n_parameters,)
        Bounds of the space; NaN where they are not known.

    space_log : ndarray of bool of shape (n_parameters,)
        True where the space is log.

    active_share : ndarray of shape (n_parameters,)
        Share of the folds with a choice in which the parameter was there.

    mode : sequence of str of length n_parameters
        The choice made most often.

    modal_share : ndarray of shape (n_parameters,)
        Its share among folds in which the parameter was there.

    spread : ndarray of shape (n_parameters,)
        Distance of the lowest and the highest choice as a share of the range; NaN for what is no number.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        The panels, in the order of `parameter`.

    points_ : list of matplotlib Line2D
        The choices, a line a panel.

    ax_ : matplotlib Axes
        Axes above the panels, with the name of the search and the legend.

    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    sk_optuna.NestedCVResults : Has these numbers in `stability_` and `outer_`.

    Notes
    -----
    Folds that choose far apart are no fault by themselves: where the score hardly depends on a parameter, any value is
    as good. They say that the value is not to be read as a finding.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import nested_cross_validate
    >>> from sk_optuna.displays import ParamStabilityDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> results = nested_cross_validate(GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=3), X, y, cv=3)
    >>> display = ParamStabilityDisplay.from_results(results)  # doctest: +SKIP
    >>> display.figure_.savefig("choices.png")  # doctest: +SKIP
    >>> display.frame()  # doctest: +SKIP
    """

    @classmethod
    def from_results(cls, results: Any, *, search: str | None = None, ax: Any = None, despine: bool = False) -> Self:
        """Make a display of nested results and draw it.

        Parameters
        ----------
        results : NestedCVResults
            The results.

        search : str or None, default=None
            Name of the search; None for the best one that has choices.

        ax : matplotlib Axes, default=None
            Axes whose place the panels take; None makes a figure, which grows with their number.

        despine : bool, default=False
            See :meth:`plot`.

        Returns
        -------
        display : ParamStabilityDisplay
            The display, drawn.

        Raises
        ------
        InvalidArgumentError
            Where `results` are no nested results, there is no such search, or it chose nothing.
        MissingExtraError
            Where matplotlib is missing.
        """
        return cls._of(param_stability_record(results, search=search)).plot(ax, despine=despine)

    def plot(self, ax: Any = None, *, despine: bool = False) -> Self:
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes whose place the panels take; None makes a figure, which grows with their number.

        despine : bool, default=False
            If True, the upper and the right border of the panels are hidden.

        Returns
        -------
        display : ParamStabilityDisplay
            The display itself.

        Raises
        ------
        MissingExtraError
            Where matplotlib is missing.
        """
        ax = self._open(ax)
        ax.set_title(f"Chosen by the outer folds of {plain_text(self.search)}", fontsize="medium", wrap=True)
        self._explain()
        n_labels = len(ax.get_legend_handles_labels()[0])
        self.axes_, _ = divide(ax, len(self.parameter), n_labels=n_labels, resize=self._has_own_figure)
        self.points_ = [self._draw_panel(panel, i) for i, panel in enumerate(self.axes_)]
        for panel in self.axes_ if despine else ():
            remove_frame(panel)
        explain_panels(ax, ())
        return self

    def _draw_panel(self, panel: Any, i: int) -> Any:
        """Draw the choices of one parameter; return their points."""
        folds = np.flatnonzero(self.is_set[i])
        values = list(self.chosen[i, folds])
        if self.is_numeric[i]:
            (points,) = panel.plot(folds, np.array(values, dtype=float), **_POINT_STYLE)
            if not self.space_log[i] and all(isinstance(value, Integral) for value in values):
                tick_whole_numbers(panel.yaxis)
            self._scale(panel, i)
        else:
            texts = [short_value(value) for value in values]
            strips = sorted(set(texts), key=lambda text: (-texts.count(text), texts.index(text)))
            (points,) = panel.plot(folds, [strips.index(text) for text in texts], **_POINT_STYLE)
            labels = [f"{wrapped_name(text)} ({texts.count(text)})" for text in strips]
            panel.set_yticks(range(len(strips)), labels, fontsize="small")
            panel.set_ylim(-0.5 - 0.25 * len(strips) * self._has_gaps(i), len(strips) - 0.5)
            panel.grid(axis="y", color="0.9", linewidth=6)
        edge = panel.get_xaxis_transform()
        for at, style in ((~self.is_set[i] & ~self.failed, _UNSET_STYLE), (self.failed, _FAILED_STYLE)):
            if at.any():
                panel.plot(np.flatnonzero(at), np.full(at.sum(), _AT_EDGE), transform=edge, **style)
        panel.set_axisbelow(True)
        panel.set_xlim(-0.5, len(self.failed) - 0.5)
        tick_whole_numbers(panel.xaxis)
        panel.set_xlabel("Outer fold", fontsize="small")
        panel.set_title(self._title(i), fontsize="small")
        return points

    def _has_gaps(self, i: int) -> bool:
        """Tell whether a fold has no choice of a parameter."""
        return not bool(self.is_set[i].all())

    def _scale(self, panel: Any, i: int) -> None:
        """Set the scale of a panel of numbers: that of the space, from bound to bound, with room for folds without."""
        if self.space_log[i]:
            panel.set_yscale("log")
        ends = [self.space_low[i], self.space_high[i]]
        for end in ends:
            if np.isfinite(end):
                panel.axhline(end, zorder=1, **_BOUND_STYLE)
        low, high = np.nanmin([*panel.dataLim.intervaly, *ends]), np.nanmax([*panel.dataLim.intervaly, *ends])
        if low == high:
            if isinstance(self.chosen[i, self.is_set[i]][0], Integral):
                panel.set_ylim(low - 1, high + 1)
            return
        place, back = (np.log, np.exp) if self.space_log[i] else (np.asarray, np.asarray)
        a, b = place(low), place(high)
        panel.set_ylim(back(a - (b - a) * (_EDGE if self._has_gaps(i) else 0.06)), back(b + 0.06 * (b - a)))

    def _title(self, i: int) -> str:
        """Write the name of a parameter, how far folds agree on it, and in how many of them it is."""
        lines = [wrapped_name(self.parameter[i])]
        if np.isfinite(self.spread[i]):
            lines.append(f"spread {self.spread[i]:.0%} of the {'log ' if self.space_log[i] else ''}range")
        else:
            lines.append(f"{wrapped_name(self.mode[i])} in {self.modal_share[i]:.0%}")
        if self.active_share[i] < 1:
            lines.append(f"set in {self.is_set[i].sum()} of {(~self.failed).sum()} folds")
        return "\n".join(lines)

    def _explain(self) -> None:
        """Put the artists of the panels into the legend, as far as there are any."""
        self.ax_.plot([], [], label="chosen", **_POINT_STYLE)
        has_bounds = bool((self.is_numeric & np.isfinite(self.space_low)).any())
        n_unset, n_failed = int((~self.is_set & ~self.failed).sum()), int(self.failed.sum())
        if has_bounds:
            self.ax_.plot([], [], label="bounds of the space", **_BOUND_STYLE)
        if n_failed:
            self.ax_.plot([], [], label=f"fold failed ({n_failed})", **_FAILED_STYLE)
        if n_unset:
            self.ax_.plot([], [], label=f"not set ({n_unset})", **_UNSET_STYLE)
