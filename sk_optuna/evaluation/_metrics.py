"""The metrics of a search's trials, and the one that steers the sampler."""

from collections.abc import Sequence
from typing import Any

from sk_optuna.evaluation._record import TrialRecord


def metric_names(records: Sequence[TrialRecord]) -> list[str]:
    """Return the names of the metrics of all records, ``["score"]`` where there is one."""
    return next((record.metrics for record in records if record.metrics != ["score"]), ["score"])


def steering_metric(refit: Any, metrics: Sequence[str]) -> str:
    """Return the metric that the sampler is told: the one that chooses the best candidate, else the first one."""
    return refit if isinstance(refit, str) and refit in metrics else metrics[0]
