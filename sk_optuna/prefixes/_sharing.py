"""Fit the first steps of a pipeline once for all candidates that differ in later steps only.

A Pipeline offers its own place for this, `memory`. The memory that is put there differs from joblib's Memory in its
keys: not a hash of the data, but the origin of the data. The rows that a fold's fit is given are known by the
fold; the output of a step on known data is known by the step. Data of unknown origin is never looked up, so that a
wrong guess costs time and not correctness.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sk_optuna._compat._joblib import SharedFolder
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.prefixes._current_evaluation import evaluating
from sk_optuna.prefixes._draws_at_random import draws_at_random
from sk_optuna.prefixes._evaluation import Evaluation
from sk_optuna.prefixes._pipelines import with_shared_prefixes
from sk_optuna.prefixes._store import PrefixStore
from sk_optuna.prefixes._worker_stores import worker_store
from sk_optuna.worker import bytes_of, free_memory

# After so many folds whose prefixes all took less than so many seconds, keys cost more than they save.
_LOOKED_AT = 10
_WORTH_SECONDS = 2e-3


class PrefixSharing:
    """The steps that are shared, and the store of their outputs.

    Parameters
    ----------
    limit : int
        Most bytes, of all processes together.
    n_processes : int
        Processes that evaluate folds; if there are several, each has a store of its own.
    share_random : bool
        Whether steps that draw other random numbers at each fit are shared, too.

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
        """Remove the folder that processes share."""
        if self._shared is not None:
            self._shared.remove()

    @contextmanager
    def evaluating(self, fold: int, estimator: Any, *, only_predicts: bool = True) -> Iterator[None]:
        """Share the prefixes of `estimator`, which `with_shared_prefixes` prepared, while a fold of it is evaluated.

        Outputs of transforms are shared only if nothing but predictions is asked of the fitted estimator.
        """
        gains = self.store.n_evaluations < _LOOKED_AT or self.store.dearest >= _WORTH_SECONDS
        evaluation = Evaluation(self, fold, estimator, only_predicts) if gains else None
        with evaluating(evaluation), self.store.in_use():
            yield
        if evaluation is not None:
            self.store.n_evaluations += 1
            self.store.dearest = max(self.store.dearest, evaluation.seconds)

    def repeats_itself(self, key: bytes, step: Any) -> bool:
        """Return whether a step, whose key this is, gives the same output for the same data each time."""
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
    """Refuse anything but a switch or a size.

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
        A switch, or the most memory that all processes may take together.
    estimator : estimator
        An unfitted estimator; its pipelines are changed.
    n_processes : int
        Processes that will evaluate folds.

    Returns
    -------
    PrefixSharing or None
        None where the user wants no sharing, or there is no pipeline.
    """
    switch = None if isinstance(value, str) else bool(value)
    if switch is False or not with_shared_prefixes(estimator):
        return None
    limit = free_memory() // 4 if switch or value == "auto" else _bytes(value)
    return PrefixSharing(limit, n_processes=n_processes, share_random=bool(switch))


def _bytes(size: Any) -> int:
    """Return the bytes of a size such as ``"500MB"``."""
    number = bytes_of(size)
    if number is None:
        raise InvalidArgumentError(
            "The 'cache_prefix' parameter must be 'auto', True, False, or a size in bytes such as '500MB' or '2GiB', "
            f"but got {size!r}."
        )
    return number
