"""Fit the first steps of a pipeline once for all candidates that differ in later steps only.

A Pipeline offers its own place for this, `memory`. What is put there here differs from joblib's Memory in what it takes
for a key: not a hash of the data, but where the data came from. The rows that a fold's fit is given are known by the
fold; what a step makes of known data is known by the step. Data of unknown origin is never looked up, so that a wrong
guess costs time and not correctness.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from sk_optuna._compat import SharedFolder, only_predicts, watching_scorer
from sk_optuna.evaluation._prefix_evaluation import (
    Evaluation,
    branches,
    compose,
    evaluating,
    evaluation_here,
    share_no_more,
)
from sk_optuna.evaluation._prefix_store import PrefixStore, free_memory
from sk_optuna.evaluation._randomness import draws_at_random
from sk_optuna.evaluation._worker_stores import worker_store
from sk_optuna.exceptions import InvalidArgumentError

# After so many folds whose prefixes all took less than so many seconds, keys cost more than they save.
_LOOKED_AT = 10
_WORTH_SECONDS = 2e-3

_SIZE = re.compile(r"(\d{1,15}(?:\.\d+)?)\s*([kmgt]?)(i?)b", re.IGNORECASE)


class PrefixSharing:
    """Which steps are shared, and where what they made is kept.

    Parameters
    ----------
    limit : int
        Most bytes, of all processes together.
    n_processes : int
        Processes that evaluate folds; if there are several, each has a store of its own.
    share_random : bool
        Whether steps are shared that draw other random numbers at each fit.

    Attributes
    ----------
    store : PrefixStore
        The store of this process.
    """

    def __init__(self, limit: int, *, n_processes: int, share_random: bool) -> None:
        self._limit = limit // n_processes
        self._n_processes = n_processes
        self._share_random = share_random
        self._token = uuid.uuid4().hex
        self._shared = None if n_processes == 1 else SharedFolder()
        self._folder = None if self._shared is None else self._shared.path
        self.store = PrefixStore(self._limit)

    def close(self) -> None:
        """Remove what processes share."""
        if self._shared is not None:
            self._shared.remove()

    @contextmanager
    def evaluating(self, fold: int, estimator: Any, *, only_predicts: bool = True) -> Iterator[None]:
        """Share the prefixes of `estimator`, one that `with_shared_prefixes` made, while a fold of it is evaluated.

        What transforms make is shared only if nothing but predictions is asked of the fitted estimator.
        """
        gains = self.store.n_evaluations < _LOOKED_AT or self.store.dearest >= _WORTH_SECONDS
        evaluation = Evaluation(self, fold, estimator, only_predicts) if gains else None
        with evaluating(evaluation), self.store.in_use():
            yield
        if evaluation is not None:
            self.store.n_evaluations += 1
            self.store.dearest = max(self.store.dearest, evaluation.seconds)

    def repeats_itself(self, key: bytes, step: Any) -> bool:
        """Return whether a step, which has this key, makes the same of the same data each time."""
        if self._share_random:
            return True
        repeatable = self.store.repeatable
        if key not in repeatable:
            repeatable[key] = not draws_at_random(step)
        return repeatable[key]

    def __getstate__(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in ("_limit", "_n_processes", "_share_random", "_token", "_folder")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _shared=None)
        self.store = worker_store(self._token, self._limit, self._folder, self._n_processes)


def check_cache_prefix(value: Any) -> None:
    """Refuse what is neither a switch nor a size.

    Raises
    ------
    InvalidArgumentError
        Where `value` is neither "auto", nor True or False, nor a size.
    """
    if not isinstance(value, bool | np.bool_) and not (isinstance(value, str) and value == "auto"):
        _bytes(value)


def share_prefixes(value: Any, estimator: Any, *, n_processes: int) -> PrefixSharing | None:
    """Have the pipelines in `estimator` share prefixes as `value`, the user's argument, says.

    Parameters
    ----------
    value : "auto", bool or str
        Whether, and within which memory, all processes together.
    estimator : estimator
        An unfitted estimator; its pipelines are changed.
    n_processes : int
        Processes that will evaluate folds.

    Returns
    -------
    PrefixSharing or None
        None where nothing is to be shared, or there is no pipeline to share anything of.
    """
    switch = None if isinstance(value, str) else bool(value)
    if switch is False or not with_shared_prefixes(estimator):
        return None
    limit = free_memory() // 4 if switch or value == "auto" else _bytes(value)
    return PrefixSharing(limit, n_processes=n_processes, share_random=bool(switch))


def _bytes(size: Any) -> int:
    """Return the bytes of a size such as ``"500MB"``."""
    found = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
    number = 0.0
    if found is not None:
        digits, prefix, binary = found.groups()
        number = float(digits) * (1024 if binary else 1000) ** "_kmgt".index(prefix.lower() or "_")
    if number < 1:
        raise InvalidArgumentError(
            "The 'cache_prefix' parameter must be 'auto', True, False, or a size in bytes such as '500MB' or '2GiB', "
            f"but got {size!r}."
        )
    return int(number)


def with_shared_prefixes(estimator: Any) -> bool:
    """Have the pipelines in `estimator` ask for shared prefixes; return whether there are any.

    Parameters
    ----------
    estimator : estimator
        An unfitted estimator, which is changed: a Pipeline, or a TransformedTargetRegressor around one. Pipelines that
        are steps, in a FeatureUnion or in a ColumnTransformer are found as well. One with a `memory` of its own is left
        alone, as are subclasses of these, which may do otherwise than they.
    """
    return _place(estimator, (), (), is_entry=True)


def _place(estimator: Any, path: tuple[str, ...], targets: tuple[tuple[str, ...], ...], *, is_entry: bool) -> bool:
    if type(estimator) is compose().TransformedTargetRegressor:
        return _place(estimator.regressor, (*path, "regressor"), (*targets, path), is_entry=is_entry)
    if type(estimator) is not Pipeline or estimator.memory is not None:
        return False
    estimator.memory = PrefixMemory(targets, is_entry=is_entry)
    for name, step in estimator.steps:
        for inner in branches(step):
            _place(inner, (*path, name), targets, is_entry=False)
    return True


@dataclass(eq=False)
class PrefixMemory:
    """The `memory` of a pipeline whose prefixes are shared; outside a search it does nothing.

    Attributes
    ----------
    targets : tuple of paths
        Where the TransformedTargetRegressors are that change y before the pipeline is given it.
    is_entry : bool
        Whether what the pipeline is fitted on are the fold's rows.
    """

    targets: tuple[tuple[str, ...], ...]
    is_entry: bool

    location: None = None  # or a Pipeline would clone its steps, which not all can be

    def cache(self, function: Callable[..., Any], ignore: Any = None) -> Callable[..., Any]:
        """Return what a Pipeline calls to fit a step and transform with it, in place of `function`."""
        evaluation = evaluation_here()
        if evaluation is None:
            return function
        return lambda step, X, y, **kwargs: evaluation.fit_transform(self, function, step, X, y, kwargs)

    def __deepcopy__(self, memo: Any) -> "PrefixMemory":
        return self  # clones of a pipeline stand at the same place


def sharing_nothing() -> AbstractContextManager[None]:
    """Share nothing in a search that is itself part of another one's fold."""
    return evaluating(None)


def prefix_origin(data: Any) -> bytes | None:
    """Return the key of data that shared steps were given or made, None if it is not known."""
    evaluation = evaluation_here()
    return None if evaluation is None else evaluation.origin(data)


def know_test_rows(X: Any) -> None:
    """Remember that `X` are the fold's test rows, before a scorer is given them."""
    evaluation = evaluation_here()
    if evaluation is not None:
        evaluation.know_test_rows(X)


def watching(scorer: Any, failed: Callable[[str], None]) -> Any:
    """Return `scorer` so that the rows which it is given to score are known, if it only predicts for them.

    One that a user wrote may do anything with the estimator and the rows. It is left alone with them: nothing is shared
    while it runs.

    Parameters
    ----------
    scorer : callable
        The scorer, or the scorer of several metrics.
    failed : callable
        Called with the traceback of a scorer that raised.
    """
    return watching_scorer(scorer, _know_rows if only_predicts(scorer) else _leave, failed)


def _know_rows(X: Any) -> None:
    evaluation = evaluation_here()
    if evaluation is not None:
        evaluation.know_scored(X)


def _leave(X: Any) -> None:
    share_no_more()
