"""A trial as the search remembers it: its parameters and what each fold said."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sk_optuna.epochs import PRUNED
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
    stopped : bool
        Whether the folds that have not run are not going to.
    """

    number: int
    params: dict[str, Any]
    order: Sequence[int]
    folds: list[FoldResult | None] = field(init=False, repr=False)
    stopped: bool = False

    def __post_init__(self) -> None:
        self.folds = [None] * len(self.order)

    @property
    def is_finished(self) -> bool:
        """Whether no fold is left to run."""
        return self.stopped or all(fold is not None for fold in self.folds)

    @property
    def results(self) -> list[FoldResult]:
        """The folds that have run."""
        return [fold for fold in self.folds if fold is not None]

    @property
    def first_results(self) -> list[FoldResult]:
        """The folds that have run, in the order of running, up to the first that has not."""
        results = []
        for i in self.order:
            fold = self.folds[i]
            if fold is None:
                break
            results.append(fold)
        return results

    @property
    def cut(self) -> str | None:
        """Why a fold was cut short, None if none was."""
        return next((fold.cut for fold in self.first_results if fold.cut is not None), None)

    @property
    def reason(self) -> str:
        """What ran out, so that the trial was stopped; empty for other trials."""
        return self.cut if self.cut is not None and self.cut != PRUNED else ""

    @property
    def n_epochs(self) -> int:
        """Number of epochs that were reported, of all folds."""
        return sum(len(fold.curve.scores) for fold in self.results if fold.curve is not None)

    def add(self, fold: int, result: FoldResult) -> None:
        """Note what a fold said. If it was cut short, the trial is stopped, and what came of later folds is dropped.

        Those ran only because there were workers left, and are not to make a difference.
        """
        self.folds[fold] = result
        first = self.first_results
        cut = next((i for i, result in enumerate(first) if result.cut is not None), None)
        if cut is not None:
            self.stopped = True
            for later in self.order[cut + 1 :]:
                self.folds[later] = None

    @property
    def stop(self) -> bool:
        """Whether a scikit-learn callback asked for the search to end."""
        return any(fold.stop for fold in self.results)

    @property
    def is_multimetric(self) -> bool:
        """Whether a fold has scores by name."""
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

    def first_scores(self, metric: str) -> np.ndarray:
        """Return the test scores of `first_results`, NaN where a fit or the scorer failed."""
        results = self.first_results
        return np.array([math.nan if _failed(fold, metric) else _score(fold, metric) for fold in results], dtype=float)

    def value(self, metric: str) -> float | None:
        """Return the mean score of the folds that have run; None if a fit or the scorer failed, or it is not finite.

        A candidate without a value must not win.
        """
        if any(_failed(fold, metric) for fold in self.results):
            return None
        mean = float(self.scores(metric).mean())
        return mean if math.isfinite(mean) else None

    def state(self, metric: str) -> str:
        """Return what became of the trial, in Optuna's words: FAIL, PRUNED or COMPLETE."""
        if self.value(metric) is None and not self.reason:
            return "FAIL"
        return "PRUNED" if self.stopped else "COMPLETE"


def _failed(fold: FoldResult, metric: str) -> bool:
    if not isinstance(fold.test_scores, dict) and fold.failed_scores:
        return True  # a callable of several metrics that raised has not named them
    return fold.fit_error is not None or metric in fold.failed_scores


def _score(fold: FoldResult, metric: str) -> float:
    return fold.test_scores[metric] if isinstance(fold.test_scores, dict) else fold.test_scores
