"""The limits of one fold: the user's arguments, their checks, and what becomes of a candidate that exceeds one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import numpy as np

from sk_optuna._short_value import in_short
from sk_optuna.evaluation import Ending
from sk_optuna.exceptions import FoldMemoryError, FoldTimeoutError, InvalidArgumentError
from sk_optuna.execution import Excess, Limits, ends_tasks, place_of_tasks
from sk_optuna.worker import bytes_of, knows_resident_memory


class LimitingArguments(Protocol):
    """The arguments of a search that are checked here."""

    fold_memory: Any
    fold_timeout: Any
    n_jobs: int | None


@dataclass(frozen=True)
class FoldLimits:
    """The limits as the user wrote them; None for no limit.

    Attributes
    ----------
    timeout : float or None
        Seconds.
    memory : str or None
        A size.
    """

    timeout: float | None = None
    memory: str | None = None

    @property
    def of_tasks(self) -> Limits:
        """The limits for an engine, to which a fold is a task."""
        seconds = None if self.timeout is None else float(self.timeout)
        return Limits(seconds, None if self.memory is None else bytes_of(self.memory))

    def breach(self, excess: Excess, fold: int, params: Mapping[str, Any]) -> tuple[Exception, Ending]:
        """Return the error that a fold would have raised, had it noticed, and its ending."""
        if excess.kind == "timeout":
            reason = f"fold {fold} ran for more than fold_timeout={self.timeout!r} seconds"
            return FoldTimeoutError(f"With {in_short(params)}, {reason}."), Ending("timeout", f"timeout: {reason}")
        reason = f"fold {fold} took more than fold_memory={self.memory!r}"
        return FoldMemoryError(f"With {in_short(params)}, {reason}."), Ending("memory", f"out of memory: {reason}")


NO_FOLD_LIMITS = FoldLimits()


def check_fold_limits(search: LimitingArguments) -> None:
    """Refuse limits that mean nothing, and any where a fold that exceeds it could not be ended.

    Raises
    ------
    InvalidArgumentError
        Where a limit cannot be used.
    """
    timeout, memory = search.fold_timeout, search.fold_memory
    if timeout is not None and not _is_time(timeout):
        raise InvalidArgumentError(
            "The 'fold_timeout' parameter must be None or a number of seconds above 0 for the fit and the scores of "
            f"one fold, but got {timeout!r}. Pass a number such as 600, or None for no limit."
        )
    if memory is not None and bytes_of(memory) is None:
        raise InvalidArgumentError(
            "The 'fold_memory' parameter must be None or a size in bytes such as '500MB' or '4GiB', but got "
            f"{memory!r}."
        )
    if memory is not None and not knows_resident_memory():
        raise InvalidArgumentError(
            f"fold_memory={memory!r} needs Linux, which says in /proc how much memory a process has; this system does "
            "not. Leave fold_memory out."
        )
    for name, value in (("fold_timeout", timeout), ("fold_memory", memory)):
        if value is not None and not ends_tasks(search.n_jobs):
            raise InvalidArgumentError(
                f"{name}={value!r} needs worker processes, since only a process can be ended from outside, but with "
                f"n_jobs={search.n_jobs!r} the folds run here {place_of_tasks(search.n_jobs)}. Pass n_jobs=2 or more "
                f"and joblib's backend 'loky', which is the default, or 'multiprocessing'; or leave {name} out."
            )


def _is_time(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and 0 < float(value) < math.inf
