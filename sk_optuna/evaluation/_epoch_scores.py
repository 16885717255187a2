"""The score of an epoch: that of the metric which steers the search."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sk_optuna.evaluation._metrics import steering_metric


@dataclass(frozen=True)
class EpochScores:
    """How epochs are scored.

    Attributes
    ----------
    scorer : callable
        A scorer of scikit-learn's kind, or the scorer of several metrics, which knows whose weights are whose.
    refit : object
        The user's argument, which names the score that counts if the scorer returns several.
    checkpoint : {"last", "best"}
        The epoch whose score is the score of the fold.
    period : int, default=1
        Epochs from one score to the next, for leaves that grow by rounds.
    """

    scorer: Callable[..., Any]
    refit: str | None
    checkpoint: Literal["last", "best"]
    period: int = 1

    def score(self, estimator: Any, X: Any, y: Any, params: Mapping[str, Any]) -> float:
        """Return the score of an estimator on rows and, where there are any, targets."""
        scores = self.scorer(estimator, X, **params) if y is None else self.scorer(estimator, X, y, **params)
        if isinstance(scores, dict):
            scores = scores[steering_metric(self.refit, list(scores))]
        try:
            return float(scores)
        except (TypeError, ValueError):  # in scikit-learn's words
            raise ValueError(
                f"scoring must return a number, got {scores} ({type(scores)}) instead. (scorer={self.scorer})"
            ) from None
