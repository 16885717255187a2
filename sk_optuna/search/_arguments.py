"""Checks of a search's arguments that scikit-learn's parameter constraints cannot express."""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, Protocol

import numpy as np
from optuna.samplers import RandomSampler
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state

from sk_optuna._compat._callbacks import has_callbacks
from sk_optuna._compat._optuna import new_study
from sk_optuna._compat._sklearn import num_samples
from sk_optuna.epochs import check_early_stopping, check_reports_epochs, keeps_data, leaf_of
from sk_optuna.evaluation import fuses
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.execution import idle_workers_are_free, max_outstanding, runs_on_this_machine
from sk_optuna.prefixes import check_cache_prefix
from sk_optuna.search._fold_limits import check_fold_limits
from sk_optuna.search._objectives import check_objectives
from sk_optuna.search._predictions import check_predicts
from sk_optuna.study import check_heeds_constraints, check_pruner

# Candidates that are looked at before the first fit, as long as none of them could be fitted.
_LOOKED_AT = 64


class Arguments(Protocol):
    """The arguments of a search that are checked here."""

    cache_prefix: Any
    checkpoint: Any
    constraints: Any
    estimator: Any
    fold_memory: Any
    fold_timeout: Any
    fuse: Any
    n_iter: Any
    n_jobs: int | None
    n_trials: Any
    objectives: Any
    pre_dispatch: Any
    pruner: Any
    refit: Any
    sampler: Any
    report: Any
    return_predictions: bool
    scoring: Any
    speculate: Any
    storage: Any
    study_callbacks: Any
    study_name: Any


def check_arguments(search: Arguments, *, by_epoch: bool) -> None:
    """Refuse arguments that scikit-learn's constraints cannot refuse, or not as helpfully.

    Parameters
    ----------
    search : Arguments
        The search.
    by_epoch : bool
        Whether epochs are reported.

    Raises
    ------
    InvalidArgumentError
        Where an argument, or two together, cannot be used.
    """
    if search.n_iter is not None and search.n_trials is not None:
        raise InvalidArgumentError(
            "Only one of n_iter and n_trials can be given (they mean the same; n_iter is RandomizedSearchCV's name), "
            f"but got n_iter={search.n_iter!r} and n_trials={search.n_trials!r}. Leave one out."
        )
    _check_scorer(search)
    check_objectives(search)
    check_pruner(search.pruner, by_epoch=by_epoch)
    if search.constraints is not None:
        check_heeds_constraints(search.sampler)
    check_cache_prefix(search.cache_prefix)
    if by_epoch:
        check_reports_epochs(search.estimator)
    elif search.checkpoint != "last":
        raise InvalidArgumentError(
            f"checkpoint={search.checkpoint!r} needs report='epoch', but got report={search.report!r}: without the "
            "scores of epochs there is no best one. Use report='epoch', or checkpoint='last'."
        )
    callbacks = search.study_callbacks
    if callbacks is not None and not (isinstance(callbacks, list | tuple) and all(map(callable, callbacks))):
        raise InvalidArgumentError(
            "The 'study_callbacks' parameter must be None or a list of callables of an optuna study and a trial, "
            f"but got {callbacks!r}. For callbacks of scikit-learn use set_callbacks."
        )
    for i, callback in enumerate(callbacks or ()):
        if isinstance(callback, type):
            name = callback.__name__
            raise InvalidArgumentError(
                f"study_callbacks[{i}] must be a callable of an optuna study and a trial, but got the class {name}. "
                f"Pass an object of it: {name}(...)."
            )
    max_outstanding(search.pre_dispatch, 1)
    check_fold_limits(search)
    fuses(search)
    if search.return_predictions:
        check_predicts(search.estimator, search.refit, search.scoring)
    if search.study_name is not None and (search.storage is None or not search.study_name):
        raise InvalidArgumentError(
            "The 'study_name' parameter must name the study of a search in its storage, but got "
            f"{search.study_name!r} with storage={search.storage!r}. Give a storage and a name that is not empty, or "
            "leave study_name out."
        )


def _check_scorer(search: Arguments) -> None:
    """Refuse a metric of scikit-learn in a scorer's place, which GridSearchCV does among several metrics only."""
    if not callable(search.scoring):
        return
    try:
        check_scoring(search.estimator, search.scoring)
    except ValueError as error:
        raise InvalidArgumentError(f"The 'scoring' parameter cannot be used: {error}") from None


def check_candidates(search: Arguments, space: Any, X: Any, y: Any, splits: Sequence[tuple[Any, Any]]) -> None:
    """Ask the leaf of the estimator whether any candidate could be fitted, where it has a method `check_fit` to say so.

    Candidates are drawn at random, the same each time, up to the first that could. Where folds run on other machines,
    and no model is fitted here, these may have packages or devices that this one lacks, and nobody is asked. Data is
    shown if every row of it is fitted or scored.

    Raises
    ------
    InvalidArgumentError
        The leaf's error for the first candidate, if none could be fitted.
    """
    if not hasattr(leaf_of(search.estimator), "check_fit"):
        return
    if search.refit is False and not runs_on_this_machine(search.n_jobs):
        return
    uses_all_rows = search.refit is not False or _contain_all_rows(splits, num_samples(X))
    refusal = None
    for seed in range(_LOOKED_AT):
        params = space.suggest(new_study(sampler=RandomSampler(seed=seed)).ask())
        candidate = clone(search.estimator).set_params(**clone(params, safe=False))
        check = getattr(leaf_of(candidate), "check_fit", None)
        if check is None:
            return
        try:
            check(*((X, y) if uses_all_rows and keeps_data(candidate) else ()))
        except InvalidArgumentError as error:
            refusal = refusal or error
        else:
            return
    assert refusal is not None
    raise refusal


def check_stopping(search: Arguments, space: Any, fit_params: Iterable[str]) -> None:
    """Refuse a booster that stops early on the test rows, unless the best round is asked for, or no round is looked at.

    Raises
    ------
    InvalidArgumentError
        Where it would.
    """
    if search.report == "epoch" and search.checkpoint == "last":
        names = {name for branch in getattr(space, "branches", ()) for name in branch}
        check_early_stopping(search.estimator, names, fit_params)


def _contain_all_rows(splits: Sequence[tuple[Any, Any]], n_rows: int) -> bool:
    seen = np.zeros(n_rows, dtype=bool)
    for split in splits:
        for rows in split:  # indices, or a mask
            seen[np.asarray(rows)] = True
    return bool(seen.all())


def speculates(search: Arguments) -> bool:
    """Return whether idle workers run folds ahead of decisions; callbacks would hear of folds that are in no table."""
    if search.pruner is None or has_callbacks(search):
        return False
    return idle_workers_are_free(search.n_jobs) if search.speculate == "auto" else bool(search.speculate)


def seed_from(random_state: Any) -> int:
    """Return the seed of the search; None takes fresh entropy and leaves NumPy's global state alone."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
