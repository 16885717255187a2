"""Optuna's privates, behind one door: nothing else here imports a private name of Optuna.

To drop a version, delete the lines that are marked with it.
"""

import copy
import inspect
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace
from optuna.storages import BaseStorage, RDBStorage, _CachedStorage
from optuna.study import StudyDirection
from optuna.study.study import _SYSTEM_ATTR_METRIC_NAMES as METRIC_NAMES
from optuna.trial import FrozenTrial, TrialState

__all__ = [
    "CONSTRAINTS",
    "METRIC_NAMES",
    "QMC_LOG",
    "RDB_LOG",
    "as_of_now",
    "as_values",
    "caching",
    "constraints_of",
    "contains",
    "frozen",
    "heeding_constraints",
    "make_unwarned",
    "n_at_random",
    "new_study",
    "note",
    "note_constraints",
    "notes_on",
    "ped_anova",
    "refreshed",
    "reseeded",
    "stop_requested",
    "stoppable",
    "storage_of",
    "stored_as",
    "suggest",
    "tell",
    "tpe_sampler",
    "without_log_lines",
    "wrapped_pruner",
]

# The system attribute of a trial that has its constraints.
CONSTRAINTS = "constraints"
# The loggers of the QMCSampler, of databases and of studies in memory.
QMC_LOG = "optuna.samplers._qmc"
RDB_LOG = "optuna.storages._rdb.storage"
_IN_MEMORY_LOG = "optuna.storages._in_memory"


def tpe_sampler(seed: int, *, group: bool) -> Any:
    """Return a multivariate TPESampler that knows of trials in flight.

    It equals ``TPESampler(multivariate=True, group=group, constant_liar=True)``. These arguments warn that they are
    experimental, and warnings cannot be silenced without exchanging filters that all threads share.
    """
    sampler = optuna.samplers.TPESampler(seed=seed)
    sampler._multivariate = True
    sampler._constant_liar = True
    sampler._warn_independent_sampling = False
    sampler._parzen_estimator_parameters = sampler._parzen_estimator_parameters._replace(multivariate=True)
    if group:
        sampler._group = True
        sampler._group_decomposed_search_space = _GroupDecomposedSearchSpace(True)
    return sampler


def make_unwarned(kind: Any, **kwargs: Any) -> Any:
    """Return ``kind(**kwargs)`` without the warning that Optuna wraps around constructors of experimental classes."""
    made = kind.__new__(kind)
    inspect.unwrap(kind.__init__)(made, **kwargs)
    return made


def n_at_random(sampler: Any) -> int | None:
    """Return how many trials a sampler wants before it learns from any; None where it does not say.

    TPESampler, CmaEsSampler, GPSampler and the one of this package keep the number under one name. The genetic samplers
    draw their first population at random.
    """
    n: int | None = getattr(sampler, "_n_startup_trials", getattr(sampler, "_population_size", None))
    return n


def reseeded(sampler: Any, seed: int) -> Any:
    """Return `sampler`, a TPESampler or RandomSampler, drawing the numbers that a new one with this seed would draw."""
    for owner in (sampler, getattr(sampler, "_random_sampler", None)):
        if owner is not None:
            owner._rng.rng.seed(seed)
    return sampler


@contextmanager
def without_log_lines(logger_name: str) -> Iterator[None]:
    """Drop the lines of one of Optuna's loggers in this thread; the logger's level belongs to the user."""
    here = threading.get_ident()
    logger = logging.getLogger(logger_name)

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    logger.addFilter(elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(elsewhere)


def new_study(sampler: Any = None, study_name: str | None = None, values: Sequence[str] = ()) -> optuna.Study:
    """Return an empty study in memory that maximizes, without the log line that Optuna writes about it.

    `values` names the objectives; without names there is one.
    """
    with without_log_lines(_IN_MEMORY_LOG):
        directions = [StudyDirection.MAXIMIZE] * (len(values) or 1)
        study = optuna.create_study(directions=directions, sampler=sampler, study_name=study_name)
    if values:
        study._storage.set_study_system_attr(study._study_id, METRIC_NAMES, list(values))
    return study


def tell(
    study: optuna.Study, trial: optuna.Trial, state: TrialState, value: float | Sequence[float] | None
) -> FrozenTrial:
    """Tell how a trial ended, and return it as its storage keeps it; callers do not change it.

    ``Study.tell`` would take the last reported value for that of a pruned trial, and would return a deep copy.
    """
    values = as_values(value)
    study._thread_local.cached_all_trials = None
    try:
        study.sampler.after_trial(study, frozen(trial), state, values)
    finally:
        study._storage.set_trial_state_values(trial._trial_id, state=state, values=values)
    return frozen(trial)


def as_values(value: float | Sequence[float] | None) -> list[float] | None:
    """Return the value of a trial, or those of several objectives, as Optuna keeps them."""
    if value is None:
        return None
    return [float(each) for each in value] if isinstance(value, Sequence) else [float(value)]


def frozen(trial: optuna.Trial) -> FrozenTrial:
    """Return a running trial as its storage keeps it; callers do not change it."""
    return trial.storage.get_trial(trial._trial_id)


def notes_on(trial: optuna.Trial) -> dict[str, Any]:
    """Return the system attributes of a running trial: what its sampler has noted on it."""
    return dict(frozen(trial).system_attrs)


def note(trial: optuna.Trial, notes: Mapping[str, Any]) -> None:
    """Set system attributes of a running trial."""
    for key, value in notes.items():
        trial.storage.set_trial_system_attr(trial._trial_id, key, value)


def note_constraints(trial: optuna.Trial, values: Sequence[float]) -> None:
    """Note the constraints of a running trial, each fine at 0 or below, where all versions of Optuna look for them.

    ``Trial.set_constraint`` came with Optuna 5, which reads these, too.
    """
    note(trial, {CONSTRAINTS: list(values)})


def constraints_of(trial: FrozenTrial) -> list[float]:
    """Return the constraints of a trial: a dict since Optuna 5, a system attribute before."""
    if hasattr(trial, "constraints"):
        return list(trial.constraints.values())
    return list(_noted_constraints(trial))


def _noted_constraints(trial: FrozenTrial) -> Sequence[float]:
    values: Sequence[float] | None = trial.system_attrs.get(CONSTRAINTS)
    return () if values is None else values


def heeding_constraints(sampler: Any) -> Any:
    """Return `sampler`, made to heed the constraints that are noted on trials, if it can and was not told of others.

    Optuna 5 needs no telling. Before, a sampler heeded those that a function of its own returned.
    """
    strategies = ("_elite_population_selection_strategy", "_child_generation_strategy", "_after_trial_strategy")
    for owner in (sampler, *(getattr(sampler, name, None) for name in strategies)):
        if getattr(owner, "_constraints_func", ()) is None:
            owner._constraints_func = _noted_constraints
    return sampler


def stored_as(trial: optuna.Trial, other: FrozenTrial) -> FrozenTrial:
    """Return a copy of `other` that shares the system attributes of `trial`, so that a pruner can keep notes."""
    stored, now = frozen(trial), copy.copy(other)
    now._trial_id, now.system_attrs = stored._trial_id, {**other.system_attrs, **stored.system_attrs}
    return now


def refreshed(study: optuna.Study) -> optuna.Study:
    """Clear the study's cache of trials, which Optuna clears only in `ask`, and return the study."""
    study._thread_local.cached_all_trials = None
    return study


def wrapped_pruner(pruner: Any) -> Any:
    """Return the pruner that a PatientPruner asks, None if it asks none."""
    return pruner._wrapped_pruner


def storage_of(study: optuna.Study) -> Any:
    """Return the storage of a study."""
    return study._storage


def caching(storage: BaseStorage) -> BaseStorage:
    """Return a storage that reads the finished trials of a database once; any other storage as it is."""
    return _CachedStorage(storage) if isinstance(storage, RDBStorage) else storage


def as_of_now(study: optuna.Study, trial: FrozenTrial) -> FrozenTrial:
    """Return a copy of `trial`, its parameters free to change, with the attributes that samplers have set meanwhile."""
    now = copy.copy(study._storage.get_trial(trial._trial_id))
    now.params, now.distributions = dict(now.params), dict(now.distributions)
    return now


def suggest(trial: optuna.Trial, name: str, distribution: Any) -> Any:
    """Suggest a value from this very distribution; the public methods of a trial make a new one at each call."""
    return trial._suggest(name, distribution)


def contains(distribution: Any, value: Any) -> bool:
    """Return whether an Optuna distribution contains `value`."""
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (TypeError, ValueError):
        return False


@contextmanager
def stoppable(study: optuna.Study) -> Iterator[None]:
    """Allow ``study.stop()``, as Optuna does within ``optimize``."""
    study._stop_flag = False
    study._thread_local.in_optimize_loop = True
    try:
        yield
    finally:
        study._thread_local.in_optimize_loop = False


def stop_requested(study: optuna.Study) -> bool:
    """Return whether ``study.stop()`` was called."""
    return bool(study._stop_flag)


def ped_anova(quantile: float) -> Any:
    """Return the evaluator of importances for being among the best trials, which are this share of all.

    Optuna 4 calls the share otherwise, and warns that the class is experimental.
    """
    # imports sklearn.ensemble
    from optuna.importance import PedAnovaImportanceEvaluator

    names = inspect.signature(inspect.unwrap(PedAnovaImportanceEvaluator.__init__)).parameters
    share = "target_quantile" if "target_quantile" in names else "baseline_quantile"  # Optuna 4
    return make_unwarned(PedAnovaImportanceEvaluator, **{share: quantile})
