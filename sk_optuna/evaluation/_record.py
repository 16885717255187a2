"""A trial as the search remembers it: its parameters and what each fold said."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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
    folds : list of FoldResult or None
        By fold; None until the fold has run.
    """

    number: int
    params: dict[str, Any]
    folds: list[FoldResult | None] = field(repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether every fold has run."""
        return all(fold is not None for fold in self.folds)

    @property
    def results(self) -> list[FoldResult]:
        """The folds that have run."""
        return [fold for fold in self.folds if fold is not None]

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
        """Return the test scores by fold, of shape (n_splits,)."""
        by_fold = (fold.test_scores for fold in self.results)
        return np.array(
            [scores[metric] if isinstance(scores, dict) else scores for scores in by_fold], dtype=np.float64
        )

    def value(self, metric: str) -> float | None:
        """Return the mean score; None if a fit or the scorer failed, or the mean is not finite.

        A candidate without a value must not win.
        """
        if any(fold.fit_error is not None or metric in fold.failed_scores for fold in self.results):
            return None
        mean = float(self.scores(metric).mean())
        return mean if math.isfinite(mean) else None
