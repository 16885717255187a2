"""The metrics of a search's trials, and the one that steers the sampler."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sklearn.metrics import get_scorer_names

from sk_optuna._compat._sklearn import check_refit_for_multimetric
from sk_optuna._nearest import hint, nearest
from sk_optuna.evaluation._record import TrialRecord
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.refit import Policy, metric_of


def metric_names(records: Sequence[TrialRecord]) -> list[str]:
    """Return the names of the metrics of all records, ``["score"]`` where there is one."""
    return next((record.metrics for record in records if record.metrics != ["score"]), ["score"])


def steering_metric(refit: Any, metrics: Sequence[str]) -> str:
    """Return the metric that the sampler maximizes: the one that chooses the best candidate, else the first one."""
    named = metric_of(refit)
    return named if named is not None and named in metrics else metrics[0]


def scoring_of(scoring: Any, objectives: Any) -> Any:
    """Return the metrics of a search: the objectives, if `scoring` names none."""
    return list(objectives) if scoring is None and isinstance(objectives, list | tuple) else scoring


def check_refit(refit: Any, metrics: Iterable[str]) -> None:
    """Refuse a `refit` that does not say which of several metrics chooses the best candidate.

    Raises
    ------
    ValueError
        In scikit-learn's words, with the metrics that may be meant.
    """
    if isinstance(refit, Policy):
        refit.check_metrics(list(metrics))
    with nearest_metrics(refit, metrics):
        check_refit_for_multimetric(refit, metrics)


@contextmanager
def nearest_scorers(scoring: Any) -> Iterator[None]:
    """Add the nearest names to scikit-learn's error about an unknown `scoring`."""
    try:
        yield
    except ValueError as error:
        names = [scoring] if isinstance(scoring, str) else scoring.values() if isinstance(scoring, Mapping) else scoring
        names = names if isinstance(names, Iterable) else []
        known = get_scorer_names()
        unknown = [name for name in names if isinstance(name, str) and name not in known]
        _raise_with_nearest(unknown, known, error)


@contextmanager
def nearest_metrics(refit: Any, metrics: Iterable[str]) -> Iterator[None]:
    """Add the nearest metrics, or all of a few, to scikit-learn's error about a `refit` that is no metric."""
    try:
        yield
    except ValueError as error:
        _raise_with_nearest([refit] if isinstance(refit, str) else [], list(metrics), error)


def _raise_with_nearest(unknown: list[str], known: list[str], error: ValueError) -> None:
    all_of_a_few = known if len(known) <= 6 else []
    hints = "".join(hint(name, nearest(name, known) or all_of_a_few) for name in unknown)
    if not hints:
        raise error
    raise InvalidArgumentError(f"{hints.lstrip()} {error}") from error
