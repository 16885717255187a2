"""The arguments of a search on which its results depend."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sk_optuna.evaluation import TrialRecord, check_refit, metric_names, steering_metric
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.refit import metric_of
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
    test_size : float or None, default=None
        Rows that a split tests, as a share of those that it uses.
    constraints : Constraints or None
        The constraints, if there are any.
    objectives : sequence of str
        The metrics that are maximized at once, where there are several.
    """

    scoring: Any
    refit: Any
    refit_metric: Any
    error_score: Any
    return_train_score: bool
    pruner: Any
    by_epoch: bool
    checkpoint: str
    test_size: float | None = None
    constraints: Constraints | None = None
    objectives: Sequence[str] = ()

    def leading(self, metrics: Sequence[str]) -> str:
        """Return, of these metrics, the one that `refit` names, else the first objective, else the first of them."""
        objective = next((name for name in self.objectives if name in metrics), None)
        if objective is not None and metric_of(self.refit) not in metrics:
            return objective
        return steering_metric(self.refit, metrics)

    def state(self, record: TrialRecord) -> Literal["COMPLETE", "PRUNED", "FAIL"]:
        """Return how a trial ended: in each of several objectives, if there are."""
        states = {record.state(metric) for metric in self.objectives or [self.steering([record])]}
        return "FAIL" if "FAIL" in states else "PRUNED" if "PRUNED" in states else "COMPLETE"

    def value(self, record: TrialRecord) -> float | list[float] | None:
        """Return the mean score of a trial, for the sampler, or those of several objectives; None if it failed."""
        if not self.objectives:
            return record.value(self.steering([record]))
        values = [value for metric in self.objectives if (value := record.value(metric)) is not None]
        return values if len(values) == len(self.objectives) and not record.is_cut else None

    def steering(self, records: Sequence[TrialRecord]) -> str:
        """Return the metric that the sampler is told of these trials; of several objectives the one that leads.

        Raises
        ------
        ValueError
            Where a callable `scoring` returns several metrics and `refit` names none of them, or lacks an objective.
        """
        metrics = metric_names(records)
        if callable(self.scoring) and any(record.is_multimetric for record in records):
            check_refit(self.refit, metrics)
        missing = [name for name in self.objectives if name not in metrics]
        if missing and callable(self.scoring) and any(self._has_scores(record) for record in records):
            raise InvalidArgumentError(
                f"objectives names {missing}, but the callable for scoring returned {metrics}. Return a dict with all "
                "objectives."
            )
        return self.leading(metrics)

    def _has_scores(self, record: TrialRecord) -> bool:
        """Return whether a fold was scored without an error."""
        return any(fold.fit_error is None and not fold.failed_scores for fold in record.results)
