"""A trial as the search remembers it: its parameters and the results of its folds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from sk_optuna.evaluation._ending import Ending
from sk_optuna.evaluation._fold import FoldResult


@dataclass
class TrialRecord:
    """One candidate and its folds.

    Attributes
    ----------
    number : int
        The trial's number in the study.
    params : dict
        The estimator's parameters, as the user wrote them.
    order : sequence of int
        The folds in the order in which they run.
    folds : list of FoldResult or None
        By fold; None until the fold has run.
    is_cut : bool
        Whether the trial was stopped: the folds that have not run never will.
    n_dropped : int
        Number of runs of its folds on which no decision rests, since it was stopped before them.
    constraints : sequence of float
        Numbers that are fine at 0 or below; empty without constraints, or if the trial is not complete.
    """

    number: int
    params: dict[str, Any]
    order: Sequence[int]
    folds: list[FoldResult | None] = field(init=False, repr=False)
    is_cut: bool = False
    n_dropped: int = 0
    constraints: Sequence[float] = ()
    _values: dict[str, float | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.folds = [None] * len(self.order)

    @property
    def is_finished(self) -> bool:
        """True once no fold is left to run."""
        return self.is_cut or None not in self.folds

    @property
    def is_feasible(self) -> bool:
        """True unless the trial breaks a constraint."""
        return all(value <= 0 for value in self.constraints)

    @property
    def results(self) -> list[FoldResult]:
        """The folds that have run."""
        return [fold for fold in self.folds if fold is not None]

    @property
    def leading_results(self) -> list[FoldResult]:
        """The folds that have run, in the order of running, up to the first that has not."""
        results = []
        for i in self.order:
            fold = self.folds[i]
            if fold is None:
                break
            results.append(fold)
        return results

    @property
    def n_leading(self) -> int:
        """Number of folds that have run, in the order of running, up to the first that has not."""
        return len(self.leading_results)

    @property
    def reason(self) -> str:
        """The shortage for which the trial was stopped, in one line; empty for other trials."""
        return "" if self._cut_by is None else self._cut_by.detail

    @property
    def _cut_by(self) -> Ending | None:
        """The end of a fold for which the trial was stopped."""
        endings = [fold.ending for fold in self.leading_results if fold.ending is not None and fold.ending.cuts_trial]
        return endings[0] if endings else None

    @property
    def n_epochs(self) -> int:
        """Number of epochs, or rounds, of all folds."""
        return sum(fold.curve.n_epochs for fold in self.results if fold.curve is not None)

    def add(self, fold: int, result: FoldResult) -> None:
        """Add the result of a fold. If it cuts the trial, results of later folds are dropped.

        Those ran only because workers were free, which must not make a difference.
        """
        self.folds[fold] = result
        self._values.clear()
        if all(each is None or each.ending is None for each in self.folds):
            return
        endings = [result.ending for result in self.leading_results]
        cut = next((i for i, ending in enumerate(endings) if ending is not None and ending.cuts_trial), None)
        if cut is not None:
            self.is_cut = True
            for later in self.order[cut + 1 :]:
                self.folds[later] = None

    @property
    def ends_search(self) -> bool:
        """True if a scikit-learn callback asked for the search to end."""
        return any(fold.ends_search for fold in self.results)

    @property
    def is_multimetric(self) -> bool:
        """True if a fold has scores by name."""
        return any(isinstance(fold.test_scores, dict) for fold in self.results)

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics; ``["score"]`` where there is one, or where no fit got as far as its scores."""
        for fold in self.results:
            if isinstance(fold.test_scores, dict):
                return list(fold.test_scores)
        return ["score"]

    def scores(self, metric: str) -> np.ndarray:
        """Return the test scores of the folds that have run, of shape (n_folds_run,)."""
        return np.array([_score(fold, metric) for fold in self.results], dtype=np.float64)

    def leading_scores(self, metric: str) -> np.ndarray:
        """Return the test scores of `leading_results`, NaN where a fit or the scorer failed."""
        results = self.leading_results
        return np.array([math.nan if _failed(fold, metric) else _score(fold, metric) for fold in results], dtype=float)

    def value(self, metric: str) -> float | None:
        """Return the mean score of the folds that have run; None if a fit or the scorer failed, or it is not finite.

        A candidate without a value must not win.
        """
        # Asked for again and again: to tell the trial, for its state, and for the table.
        if metric not in self._values:
            self._values[metric] = self._mean(metric)
        return self._values[metric]

    def _mean(self, metric: str) -> float | None:
        if any(_failed(fold, metric) for fold in self.results):
            return None
        mean = float(self.scores(metric).mean())
        return mean if math.isfinite(mean) else None

    def state(self, metric: str) -> Literal["COMPLETE", "PRUNED", "FAIL"]:
        """Return how the trial ended, in Optuna's words."""
        if self.value(metric) is None and (self._cut_by is None or self._cut_by.kind != "memory"):
            return "FAIL"
        return "PRUNED" if self.is_cut else "COMPLETE"


def _failed(fold: FoldResult, metric: str) -> bool:
    if not isinstance(fold.test_scores, dict) and fold.failed_scores:
        # A callable of several metrics that raised has not named them.
        return True
    return fold.fit_error is not None or metric in fold.failed_scores


def _score(fold: FoldResult, metric: str) -> float:
    return fold.test_scores[metric] if isinstance(fold.test_scores, dict) else fold.test_scores
