"""The arguments of a search on which its results depend."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sk_optuna.evaluation import TrialRecord, check_refit, metric_names, steering_metric
from sk_optuna.results._constraints import Constraints


@dataclass(frozen=True)
class Rules:
    """The arguments of a search on which its results depend, beside the trials.

    Attributes
    ----------
    scoring, refit, error_score, return_train_score, pruner, checkpoint : object
        As in OptunaSearchCV.
    refit_metric : str
        The metric by which scikit-learn chooses the best candidate; ``"score"`` where there is one.
    by_epoch : bool
        Whether epochs are reported.
    constraints : Constraints or None
        The constraints, if there are any.
    """

    scoring: Any
    refit: Any
    refit_metric: Any
    error_score: Any
    return_train_score: bool
    pruner: Any
    by_epoch: bool
    checkpoint: str
    constraints: Constraints | None = None

    def steering(self, records: Sequence[TrialRecord]) -> str:
        """Return the metric that the sampler is told of these trials.

        Raises
        ------
        ValueError
            Where a callable `scoring` returns several metrics and `refit` names none of them.
        """
        metrics = metric_names(records)
        if callable(self.scoring) and any(record.is_multimetric for record in records):
            check_refit(self.refit, metrics)
        return steering_metric(self.refit, metrics)
