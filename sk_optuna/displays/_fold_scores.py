"""Draw a matrix of candidates and folds, with the folds that were spared.

`results/_fold_scores_record.py` says which folds failed and which were not run.
"""

from typing import Any, Literal, Self

import numpy as np

from sk_optuna.displays._axes import COLORS, counted
from sk_optuna.displays._cells import (
    SCORE_COLORS,
    add_color_bar,
    color_limits,
    frame_cells,
    hatch_cells,
    in_digits,
    write_in_cells,
)
from sk_optuna.displays._display import Display
from sk_optuna.results import FoldScoresRecord, fold_scores_record

_MOST_NUMBERS = 80
_MOST_TICKS = 20
_MARKERS = {"FAIL": "|", "PRUNED": "o", "COMPLETE": "o"}


class FoldScoresDisplay(FoldScoresRecord, Display):
    """Scores of a search by candidate and fold, failed folds and those that the race skipped marked.

    Use :meth:`from_search` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials, from the top.

    trial_state : ndarray of str of shape (n_trials,)
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.

    scores : ndarray of shape (n_trials, n_folds)
        Score of each fold; NaN where there is none. A failed fold has the `error_score` of the search.

    outcome : ndarray of str of shape (n_trials, n_folds)
        ``"scored"``, ``"failed"`` or ``"not run"``.

    best_trial : int or None, default=None
        Number of the best trial; None highlights none.

    order : {"rank", "trial"}, default="rank"
        Order of the candidates: the best first, then pruned ones by their estimates, then failed ones; or as they were
        tried.

    score_name : str, default="Score"
        Name of the scores, written at the colour bar.

    Attributes
    ----------
    image_ : matplotlib AxesImage
        The scores; light is high.

    not_run_ : matplotlib PolyCollection or None
        Hatched cells: folds that were not run.

    failed_ : matplotlib Line2D or None
        Crosses: folds that failed.

    states_ : list of matplotlib Line2D
        Marks to the right of the rows: filled for complete candidates, hollow for pruned ones, ticks for failed ones.

    best_ : matplotlib Rectangle or None
        Frame around the best candidate.

    texts_ : list of matplotlib Text
        Numbers in the cells, where there are at most 80 cells.

    color_bar_ : matplotlib Colorbar
        The colours, above the axes. An arrow stands for scores beyond them.

    ax_ : matplotlib Axes
        Axes with the matrix.

    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    SearchHistoryDisplay : Mean scores by trials, fits or seconds.
    sk_optuna.pruners.PairedRacePruner : The race between folds.

    Notes
    -----
    A column that is darker than the others is a fold that is harder for all. The race compares candidates on the same
    folds, so such a column does not decide. Rows of similar colours are candidates that the data do not tell apart.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import OptunaSearchCV
    >>> from sk_optuna.displays import FoldScoresDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": loguniform(1e-2, 1e2), "gamma": loguniform(1e-3, 1e1)}
    >>> search = OptunaSearchCV(SVC(), space, n_trials=12, pruner="race", cv=5, random_state=0).fit(X, y)
    >>> display = FoldScoresDisplay.from_search(search)  # doctest: +SKIP
    >>> display.figure_.savefig("folds.png")  # doctest: +SKIP
    >>> display.frame()  # doctest: +SKIP
    """

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        order: Literal["rank", "trial"] = "rank",
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

        order : {"rank", "trial"}, default="rank"
            Order of the candidates: the best first, or as they were tried.

        metric : str or None, default=None
            One of the metrics of the search; None takes the one that steered it.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure. The colour bar takes room from them.

        focus, despine
            See :meth:`plot`.

        Returns
        -------
        display : FoldScoresDisplay
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Where the search is not fitted.
        InvalidArgumentError
            For an unknown `order` or `metric`, and for several objectives without `metric`.
        NoScoreError
            Where no candidate has a score.
        MissingExtraError
            Where matplotlib is missing.
        """
        return cls._of(fold_scores_record(search, order=order, metric=metric)).plot(ax, focus=focus, despine=despine)

    def plot(self, ax: Any = None, *, focus: bool = True, despine: bool = False) -> Self:
        """Draw the matrix.

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
        display : FoldScoresDisplay
            The display itself.

        Raises
        ------
        MissingExtraError
            Where matplotlib is missing.
        """
        ax = self._open(ax)
        scored = np.where(np.asarray(self.outcome) == "scored", self.scores, np.nan)
        low, high = color_limits(scored) if focus else (np.nanmin(scored), np.nanmax(scored))
        n_trials, n_folds = scored.shape
        style = {"cmap": SCORE_COLORS, "vmin": low, "vmax": high, "aspect": "auto", "interpolation": "nearest"}
        self.image_ = ax.imshow(np.ma.masked_invalid(scored), **style)
        self._mark_cells()
        self._mark_rows(n_trials, n_folds)
        self.texts_: list[Any] = []
        if scored.size <= _MOST_NUMBERS:
            rows, folds = np.nonzero(np.isfinite(scored))
            values, at = scored[rows, folds], list(zip(folds.tolist(), rows.tolist(), strict=True))
            self.texts_ = write_in_cells(ax, self.image_, at, values, in_digits(values))
        self.color_bar_ = add_color_bar(ax, self.image_, scored, label=self.score_name)
        ax.set_xticks(np.arange(0, n_folds, -(-n_folds // _MOST_TICKS)))
        shown = np.unique(np.linspace(0, n_trials - 1, min(n_trials, _MOST_TICKS)).astype(int))
        ax.set_yticks(shown, np.asarray(self.trial_number)[shown].astype(str), fontsize="small")
        ylabel = "Trial, the best first" if self.order == "rank" else "Trial"
        ax.set(xlabel="Fold", ylabel=ylabel, xlim=(-0.5, n_folds), ylim=(n_trials - 0.5, -0.5))
        return self._close(despine=despine)

    def _mark_cells(self) -> None:
        """Hatch the folds that were not run, and cross those that failed."""
        rows, folds = np.nonzero(np.asarray(self.outcome) == "not run")
        self.not_run_ = hatch_cells(self.ax_, np.column_stack([folds, rows]), label=f"fold not run ({len(rows)})")
        rows, folds = np.nonzero(np.asarray(self.outcome) == "failed")
        self.failed_ = None
        if len(rows):
            style = {"linestyle": "none", "marker": "x", "color": COLORS["FAIL"], "markersize": self._mark_size()}
            (self.failed_,) = self.ax_.plot(folds, rows, label=f"fold failed ({len(rows)})", **style)

    def _mark_rows(self, n_trials: int, n_folds: int) -> None:
        """Mark the states to the right of the rows, and frame the best."""
        self.states_: list[Any] = []
        for state, marker in _MARKERS.items():
            rows = np.flatnonzero(np.asarray(self.trial_state) == state)
            if len(rows):
                hollow = {} if state == "COMPLETE" else {"markerfacecolor": "none"}
                style = {"linestyle": "none", "marker": marker, "color": COLORS[state], "markersize": self._mark_size()}
                at = np.full(len(rows), n_folds - 0.25)
                self.states_ += self.ax_.plot(at, rows, label=counted(state, len(rows)), **style, **hollow)
        self.best_ = None
        for row in np.flatnonzero(np.asarray(self.trial_number) == self.best_trial)[:1]:
            label = f"best (trial {self.best_trial})"
            self.best_ = frame_cells(self.ax_, 0, row, n_columns=n_folds, label=label)

    def _mark_size(self) -> float:
        """Return a size at which marks of neighbouring rows touch only where there are many."""
        return float(np.clip(220 / len(self.scores), 2.0, 5.0))
