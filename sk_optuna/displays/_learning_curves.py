"""The scores of all candidates, epoch by epoch, and where those were stopped that did not go on.

A candidate that was pruned has run some folds to the end, one in part and the others not at all. A mean over whatever
folds there are at each epoch would jump where one of them ends, so a line is the mean over the folds that the
candidate began, only as far as all of them went. What is drawn is kept as arrays, and `plot` is the only function that
imports matplotlib.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sk_optuna._optional import require
from sk_optuna.exceptions import InvalidArgumentError

_COLUMNS = ("valid_score", "train_loss")
# From Okabe and Ito's palette, which can be told apart with any kind of colour vision; the best is drawn last.
_STYLES: dict[str, dict[str, Any]] = {
    "FAIL": {"color": "0.45", "linewidth": 0.8, "linestyle": ":"},
    "PRUNED": {"color": "0.6", "linewidth": 0.8, "alpha": 0.7},
    "COMPLETE": {"color": "#0072B2", "linewidth": 1.0, "alpha": 0.55},
}
_BEST_STYLE: dict[str, Any] = {"color": "#D55E00", "linewidth": 2.2}
_NAMES = {"FAIL": "failed", "PRUNED": "pruned", "COMPLETE": "complete"}


class LearningCurvesDisplay:
    """Learning curves of the candidates of a search, the best one and the pruned ones marked.

    Use :meth:`from_search` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.

    trial_state : sequence of str of length n_trials
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.

    values : ndarray of shape (n_trials, n_folds, n_epochs)
        Score or loss after each epoch; NaN for epochs that were not run.

    best_trial : int or None, default=None
        Number of the best trial; None highlights none.

    score_name : str, default="Score"
        What the values are.

    greater_is_better : bool, default=True
        Whether greater values are better, as scores are, and losses are not.

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

    ax_ : matplotlib Axes
        Axes with the curves.

    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    OptunaSearchCV : Keeps the curves with ``report="epoch"``, in `learning_curves_`.
    sklearn.model_selection.LearningCurveDisplay : Scores by the number of training rows, which is another question.

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
    """

    def __init__(
        self,
        *,
        trial_number: np.ndarray,
        trial_state: Sequence[str],
        values: np.ndarray,
        best_trial: int | None = None,
        score_name: str = "Score",
        greater_is_better: bool = True,
    ) -> None:
        self.trial_number = trial_number
        self.trial_state = trial_state
        self.values = values
        self.best_trial = best_trial
        self.score_name = score_name
        self.greater_is_better = greater_is_better

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
    ) -> Self:
        """Make a display of a fitted search and draw it.

        Parameters
        ----------
        search : OptunaSearchCV
            Fitted with ``report="epoch"``.

        column : {"valid_score", "train_loss"}, default="valid_score"
            What is drawn, a column of `learning_curves_`.

        fold : int, default=None
            Draw this fold only, counted from 0; None draws means over folds.

        score_name : str, default=None
            What the values are; None takes the name of the metric that steered the search.

        negate_score : bool, default=False
            Whether to draw the scores with the opposite sign, as is of use for metrics that begin with ``neg_``.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        focus, band, line_kw, best_line_kw, fill_between_kw
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
        check_is_fitted(search, "cv_results_")
        curves = _curves_of(search, column)
        numbers = np.asarray(search.cv_results_["trial_number"])
        values = _as_array(curves, column, numbers, search.n_splits_)
        if fold is not None:
            values = values[:, [_checked_fold(fold, search.n_splits_)]]
        if column == "train_loss":
            if np.isnan(values).all():
                raise InvalidArgumentError(
                    "column='train_loss' cannot be drawn: the estimator did not report one. Use column='valid_score'."
                )
            negate_score, name = False, "Training loss"
        else:
            name = _metric_of(search)
        if negate_score:
            values, name = -values, name.removeprefix("neg_")
        best = getattr(search, "best_index_", None)
        display = cls(
            trial_number=numbers,
            trial_state=[str(state) for state in search.cv_results_["trial_state"]],
            values=values,
            best_trial=None if best is None else int(numbers[best]),
            score_name=name.replace("_", " ").capitalize() if score_name is None else score_name,
            greater_is_better=column == "valid_score" and not negate_score,
        )
        return display.plot(
            ax,
            focus=focus,
            band=band,
            line_kw=line_kw,
            best_line_kw=best_line_kw,
            fill_between_kw=fill_between_kw,
        )

    def means(self) -> list[np.ndarray]:
        """Return what the lines show.

        Returns
        -------
        list of ndarray
            For each trial, in order, its mean over the folds that it began, by epoch, as far as all of them went.
        """
        begun = [_begun(values) for values in self.values]
        return [values.mean(axis=0) if len(values) else np.empty(0) for values in begun]

    def plot(
        self,
        ax: Any = None,
        *,
        focus: bool = True,
        band: bool = True,
        line_kw: Mapping[str, Any] | None = None,
        best_line_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        focus : bool, default=True
            Whether candidates that ran away may leave the picture: those whose values are further below the lower
            quartile (above the upper one, for losses) than three times what the best value is above it. No line is
            dropped: ``display.ax_.autoscale()`` shows all there is.

        band : bool, default=True
            Whether to draw one standard deviation of the folds around the best line.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, for all lines but the best.

        best_line_kw : dict, default=None
            Those for the best line.

        fill_between_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.fill_between`.

        Returns
        -------
        display : LearningCurvesDisplay
            The display itself.

        Raises
        ------
        MissingExtraError
            Where matplotlib is missing.
        """
        require("matplotlib", extra="plot", purpose=f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        means = self.means()
        self._draw_others(means, line_kw or {})
        self._draw_best(means, best_line_kw or {}, fill_between_kw or {}, band=band)
        if focus:
            self._focus(means)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        ax.set(xlabel="Epoch", ylabel=self.score_name, xlim=(0.5, max(map(len, means), default=1) + 0.5))
        ax.legend(
            handles=ax.get_legend_handles_labels()[0][::-1],
            loc=f"{'lower' if self.greater_is_better else 'upper'} right",
            fontsize="small",
            framealpha=0.85,
        )
        return self

    def _draw_others(self, means: Sequence[np.ndarray], line_kw: Mapping[str, Any]) -> None:
        """Draw all lines but the best one, pruned ones below, and mark where those were stopped."""
        self.lines_: list[Any] = []
        self.stops_ = None
        for state, style in _STYLES.items():
            group = [
                mean
                for number, own, mean in zip(self.trial_number, self.trial_state, means, strict=True)
                if own == state and number != self.best_trial and len(mean)
            ]
            for i, mean in enumerate(group):
                label = f"{_NAMES[state]} ({len(group)})" if i == 0 and state != "PRUNED" else None
                self.lines_ += self._draw(mean, {"label": label, **style, **line_kw})
            if state == "PRUNED" and group:
                ends = [(len(mean), mean[-1]) for mean in group]
                marks = {"color": "0.35", "marker": "x", "markersize": 4, "markeredgewidth": 1, "linestyle": "none"}
                (self.stops_,) = self.ax_.plot(*zip(*ends, strict=True), label=f"pruned ({len(group)})", **marks)

    def _draw_best(
        self,
        means: Sequence[np.ndarray],
        best_line_kw: Mapping[str, Any],
        fill_between_kw: Mapping[str, Any],
        *,
        band: bool,
    ) -> None:
        self.line_ = self.fill_between_ = None
        rows = np.flatnonzero(np.asarray(self.trial_number) == self.best_trial)
        if not len(rows) or not len(mean := means[rows[0]]):
            return
        values = _begun(self.values[rows[0]])
        style = {"label": f"best (trial {self.best_trial})", "zorder": 3, **_BEST_STYLE, **best_line_kw}
        (self.line_,) = self._draw(mean, style)
        self.lines_.append(self.line_)
        if band and len(values) > 1:
            spread, epochs = values.std(axis=0), np.arange(1, len(mean) + 1)
            filled = {"color": self.line_.get_color(), "alpha": 0.2, "linewidth": 0, "zorder": 2.5, **fill_between_kw}
            self.fill_between_ = self.ax_.fill_between(epochs, mean - spread, mean + spread, **filled)

    def _draw(self, mean: np.ndarray, style: dict[str, Any]) -> list[Any]:
        """Draw a line; one of a single epoch is a point."""
        point = {"marker": "o", "markersize": 3} if len(mean) == 1 else {}
        drawn: list[Any] = self.ax_.plot(np.arange(1, len(mean) + 1), mean, **{**point, **style})
        return drawn

    def _focus(self, means: Sequence[np.ndarray]) -> None:
        """Cut the axis where values are out of all proportion."""
        sign = 1.0 if self.greater_is_better else -1.0
        known = sign * np.concatenate([np.empty(0), *means])
        known = known[np.isfinite(known)]
        if not len(known):
            return
        quartile, top = np.quantile(known, 0.25), known.max()
        far = quartile - 3 * (top - quartile)
        if known.min() < far < top:
            self.ax_.set_ylim(*sorted((sign * far, sign * (top + 0.05 * (top - far)))))


def _curves_of(search: Any, column: str) -> Mapping[str, np.ndarray]:
    """Return the curves that a fitted search kept."""
    if column not in _COLUMNS:
        raise InvalidArgumentError(f"column must be one of {_COLUMNS}, but got {column!r}.")
    curves: Mapping[str, np.ndarray] | None = getattr(search, "learning_curves_", None)
    if curves is None:
        how = f"was fitted with report={search.report!r}" if hasattr(search, "report") else "keeps none"
        raise InvalidArgumentError(
            f"There are no learning curves to draw: this {type(search).__name__} {how}. "
            "Fit an OptunaSearchCV with report='epoch'."
        )
    if not len(curves["epoch"]):
        raise InvalidArgumentError(
            "There are no learning curves to draw: no candidate reported an epoch. See cv_results_['trial_state'] for "
            "whether they failed, and let fit_epochs call monitor.report()."
        )
    return curves


def _checked_fold(fold: Any, n_folds: int) -> int:
    if isinstance(fold, bool) or not isinstance(fold, int | np.integer) or not 0 <= fold < n_folds:
        raise InvalidArgumentError(
            f"fold must be None or an integer from 0 to {n_folds - 1}, the number of a fold of this search, but got "
            f"{fold!r}."
        )
    return int(fold)


def _as_array(curves: Mapping[str, np.ndarray], column: str, numbers: np.ndarray, n_folds: int) -> np.ndarray:
    """Return a column by trial, fold and epoch, NaN where there is none."""
    values = np.full((len(numbers), n_folds, int(curves["epoch"].max())), np.nan)
    rows = np.searchsorted(numbers, curves["trial_number"])
    values[rows, curves["fold"], curves["epoch"] - 1] = curves[column]
    return values


def _begun(values: np.ndarray) -> np.ndarray:
    """Return the folds of one trial that were begun, as far as all of them went."""
    lengths = [np.flatnonzero(~np.isnan(fold)).max(initial=-1) + 1 for fold in values]
    begun = values[np.array(lengths) > 0]
    return begun[:, : min((n for n in lengths if n), default=0)]


def _metric_of(search: Any) -> str:
    """Return the name of the metric that steered the search, as far as it has one."""
    if isinstance(search.refit, str):
        return search.refit
    if isinstance(search.scorer_, dict):
        return str(next(iter(search.scorer_)))
    return search.scoring if isinstance(search.scoring, str) else "score"
