"""Draw the scores of all candidates by epoch, and mark where the pruned ones were stopped.

`results/_learning_curves_record.py` says how the folds of a candidate become one line.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np

from sk_optuna.displays._axes import BEST_COLOR, COLORS, counted, focused_limits, mark_beyond, tick_whole_numbers
from sk_optuna.displays._display import Display
from sk_optuna.results import LearningCurvesRecord, MeanCurve, learning_curves_record

# Drawn in this order; the best line comes last.
_STYLES: dict[str, dict[str, Any]] = {
    "FAIL": {"color": COLORS["FAIL"], "linewidth": 0.8, "linestyle": ":"},
    "PRUNED": {"color": COLORS["PRUNED"], "linewidth": 0.8, "alpha": 0.7},
    "COMPLETE": {"color": COLORS["COMPLETE"], "linewidth": 1.0, "alpha": 0.55},
}
_STOP_STYLE = {"color": "0.35", "marker": "x", "markersize": 4, "markeredgewidth": 1, "linestyle": "none"}
_BEST_STYLE: dict[str, Any] = {"color": BEST_COLOR, "linewidth": 2.2, "zorder": 3}


class LearningCurvesDisplay(LearningCurvesRecord, Display):
    """Learning curves of the candidates of a search, the best one and the pruned ones marked.

    Use :meth:`from_search` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.

    trial_state : sequence of str of length n_trials
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.

    values : ndarray of shape (n_trials, n_folds, n_epochs)
        Score or loss after each epoch; NaN for epochs that were not run, or not reported.

    epochs : ndarray of shape (n_epochs,) or None, default=None
        The epochs of `values`, in order; None for 1, 2, 3 and so on.

    best_trial : int or None, default=None
        Number of the best trial; None highlights none.

    score_name : str, default="Score"
        Name of the values, written at the vertical axis.

    greater_is_better : bool, default=True
        True for scores, False for losses.

    epoch_name : str, default="Epoch"
        Name of the epochs, written at the horizontal axis; ``"Round"`` for boosters and forests.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        A line for each trial that has values, the best one's last.

    line_ : matplotlib Line2D or None
        The best trial's.

    fill_between_ : matplotlib PolyCollection or None
        The band around it.

    stops_ : matplotlib Line2D or None
        A marker for each pruned trial where it was stopped.

    leaving_ : list of matplotlib Line2D
        Markers at the lower or the upper edge, where curves leave the picture.

    ax_ : matplotlib Axes
        Axes with the curves.

    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    sk_optuna.OptunaSearchCV : Keeps the curves with ``report="epoch"``, in `learning_curves_`.
    sklearn.model_selection.LearningCurveDisplay : Draws scores by the number of training rows instead.

    Notes
    -----
    A line is the mean over the folds that a candidate began, as far as all of them went. Folds differ in difficulty,
    and a candidate that was stopped in its first fold is drawn by that fold alone: to compare it with others, choose
    one fold. For more than some hundred candidates, or to ask what a parameter does, ``pandas.DataFrame`` of
    `learning_curves_` is the better start.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sk_optuna import OptunaSearchCV
    >>> from sk_optuna.displays import LearningCurvesDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> search = OptunaSearchCV(
    ...     SGDClassifier(max_iter=5, random_state=0), {"alpha": loguniform(1e-6, 1e1)}, n_trials=12, cv=3,
    ...     pruner="median", report="epoch", random_state=0,
    ... ).fit(X, y)
    >>> display = LearningCurvesDisplay.from_search(search)  # doctest: +SKIP
    >>> display.ax_.set_title("SGD on digits")  # doctest: +SKIP
    >>> display.figure_.savefig("curves.png")  # doctest: +SKIP
    >>> display.frame()  # doctest: +SKIP
    """

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        column: Literal["valid_score", "train_loss"] = "valid_score",
        fold: int | None = None,
        score_name: str | None = None,
        negate_score: bool = False,
        ax: Any = None,
        focus: bool = True,
        band: bool = True,
        line_kw: Mapping[str, Any] | None = None,
        best_line_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
        despine: bool = False,
    ) -> Self:
        """Make a display of a fitted search and draw it.

        Parameters
        ----------
        search : OptunaSearchCV
            Fitted with ``report="epoch"``.

        column : {"valid_score", "train_loss"}, default="valid_score"
            Column of `learning_curves_` to draw.

        fold : int, default=None
            Draw this fold only, counted from 0; None draws means over folds.

        score_name : str, default=None
            Name of the values; None takes the name of the metric that steered the search.

        negate_score : bool, default=False
            If True, scores are drawn with the opposite sign. Use it for metrics that begin with ``neg_``.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        focus, band, line_kw, best_line_kw, fill_between_kw, despine
            See :meth:`plot`.

        Returns
        -------
        display : LearningCurvesDisplay
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Where the search is not fitted.
        InvalidArgumentError
            Where it kept no curves, has no such fold, or did not learn the training loss.
        MissingExtraError
            Where matplotlib is missing.
        """
        record = learning_curves_record(
            search, column=column, fold=fold, score_name=score_name, negate_score=negate_score
        )
        return cls._of(record).plot(
            ax,
            focus=focus,
            band=band,
            line_kw=line_kw,
            best_line_kw=best_line_kw,
            fill_between_kw=fill_between_kw,
            despine=despine,
        )

    def plot(
        self,
        ax: Any = None,
        *,
        focus: bool = True,
        band: bool = True,
        line_kw: Mapping[str, Any] | None = None,
        best_line_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
        despine: bool = False,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        focus : bool, default=True
            If True, candidates that ran away may leave the picture: those whose values are further below the lower
            quartile (above the upper one, for losses) than three times the distance from there to the best value. No
            line is dropped: ``display.ax_.autoscale()`` shows them all.

        band : bool, default=True
            If True, a band around the best line shows one standard deviation of the folds.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, for all lines but the best.

        best_line_kw : dict, default=None
            Those for the best line.

        fill_between_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.fill_between`.

        despine : bool, default=False
            If True, the upper and the right border are hidden.

        Returns
        -------
        display : LearningCurvesDisplay
            The display itself.

        Raises
        ------
        MissingExtraError
            Where matplotlib is missing.
        """
        ax = self._open(ax)
        curves = [curve for curve in self.mean_curves() if len(curve.mean)]
        self._draw_others([curve for curve in curves if curve.trial_number != self.best_trial], line_kw or {})
        best = next((curve for curve in curves if curve.trial_number == self.best_trial), None)
        self.line_: Any = None if best is None else self._draw_best(best, best_line_kw or {})
        self.fill_between_ = None
        if best is not None and band and best.n_folds > 1:
            self.fill_between_ = self._draw_band(best, fill_between_kw or {})
        points = np.concatenate([np.empty(0), *(curve.mean for curve in curves)])
        if focus and (limits := focused_limits(points, greater_is_better=self.greater_is_better)):
            ax.set_ylim(limits)
        tick_whole_numbers(ax.xaxis)
        n_epochs = max((int(curve.epochs[-1]) for curve in curves), default=1)
        ax.set(xlabel=self.epoch_name, ylabel=self.score_name, xlim=(0.5, n_epochs + 0.5))
        self._mark_leaving(curves)
        return self._close(despine=despine)

    def _draw_others(self, others: Sequence[MeanCurve], line_kw: Mapping[str, Any]) -> None:
        """Draw all lines but the best one, pruned ones below, and mark where those were stopped."""
        self.lines_: list[Any] = []
        self.stops_ = None
        for state, style in _STYLES.items():
            group = [curve for curve in others if curve.trial_state == state]
            for i, curve in enumerate(group):
                label = counted(state, len(group)) if i == 0 and state != "PRUNED" else None
                self.lines_.append(self._draw_line(curve, {"label": label, **style, **line_kw}))
            if state == "PRUNED" and group:
                ends = zip(*((curve.epochs[-1], curve.mean[-1]) for curve in group), strict=True)
                (self.stops_,) = self.ax_.plot(*ends, label=counted(state, len(group)), **_STOP_STYLE)

    def _draw_best(self, best: MeanCurve, best_line_kw: Mapping[str, Any]) -> Any:
        """Draw the best line over all others."""
        line = self._draw_line(best, {"label": f"best (trial {self.best_trial})", **_BEST_STYLE, **best_line_kw})
        self.lines_.append(line)
        return line

    def _draw_band(self, best: MeanCurve, fill_between_kw: Mapping[str, Any]) -> Any:
        """Draw the band in the colour of the best line, below it and above the others."""
        style = {
            "color": self.line_.get_color(),
            "alpha": 0.2,
            "linewidth": 0,
            "zorder": 2.5,
            "label": "± 1 std of the folds",
            **fill_between_kw,
        }
        return self.ax_.fill_between(best.epochs, best.mean - best.std, best.mean + best.std, **style)

    def _mark_leaving(self, curves: Sequence[MeanCurve]) -> None:
        """Mark where curves leave the picture, below or above, at the first epoch of which they do."""
        low, high = self.ax_.get_ylim()
        away = [
            (curve.epochs[beyond.argmax()], curve.mean[beyond.argmax()])
            for curve in curves
            for beyond in (curve.mean < low, curve.mean > high)
            if beyond.any()
        ]
        epochs, means = np.array(away, dtype=float).reshape(-1, 2).transpose()
        self.leaving_ = mark_beyond(self.ax_, epochs, means, axis="y", how="goes on")

    def _draw_line(self, curve: MeanCurve, style: dict[str, Any]) -> Any:
        """Draw a line; a line of a single epoch is a point."""
        point = {"marker": "o", "markersize": 3} if len(curve.mean) == 1 else {}
        (line,) = self.ax_.plot(curve.epochs, curve.mean, **{**point, **style})
        return line
