"""The interface of an engine: tasks are submitted one by one, and their outcomes taken as they finish.

So the next task can depend on the last result; joblib's own generators dispatch ahead of the results. An engine knows
nothing of trials: a task is a key and the arguments of the one function that all tasks call.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from sk_optuna.exceptions import WorkerDiedError
from sk_optuna.execution._limits import Excess

OnLook = Callable[[Sequence[tuple[Hashable, float]]], None]
"""Called about once a second with the keys of the tasks that run, and the seconds for which they have."""


class Outcome(NamedTuple):
    """The end of a task: a result, the death of its worker, or a limit that it exceeded.

    Attributes
    ----------
    key : hashable
        The key of the task.
    result : object
        The function's return value; None if there is none.
    death : WorkerDiedError or None
        The death, which the engine reports and does not raise; None if the worker lives.
    seconds : float
        Seconds between submission and outcome.
    error : Exception or None
        The exception of the function, where the engine does not raise it.
    excess : Excess or None
        The limit for which the engine ended the task.
    """

    key: Hashable
    result: Any
    death: WorkerDiedError | None
    seconds: float
    error: Exception | None = None
    excess: Excess | None = None


class Engine(Protocol):
    """Runs tasks. It is entered before the first task and left after the last."""

    @property
    def has_room(self) -> bool:
        """True if another task should be submitted now."""

    @property
    def is_idle(self) -> bool:
        """True if no task is outstanding."""

    @property
    def has_idle_worker(self) -> bool:
        """True if a task that is submitted now costs nothing but the time of a worker that has none."""

    def submit(self, key: Hashable, *args: Any) -> None:
        """Take on a task."""

    def wait(self) -> Outcome:
        """Wait for a task and return its outcome.

        An exception of the function is the outcome's; where the caller could not pass it over, it is raised here.
        """

    def cancel(self, key: Hashable) -> bool:
        """Take a task back that has not started; return whether that was possible, so that it has no outcome.

        One that has started runs on, and nobody waits for its outcome: if it is lost, it does not run again.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class OldestTasks:
    """A guess at the tasks that run, where workers do not say: they take tasks in the order of submission."""

    def __init__(self) -> None:
        self._began: dict[int, float] = {}

    def running(self, outstanding: Sequence[int], n_workers: int) -> list[tuple[int, float]]:
        """Return the oldest of the outstanding tasks, one for each worker, with the seconds since they became so."""
        now = time.perf_counter()
        self._began = {ticket: self._began.get(ticket, now) for ticket in outstanding[:n_workers]}
        return [(ticket, now - start) for ticket, start in self._began.items()]


class NoSetUp:
    """Base class of engines that keep no workers between tasks: entering and leaving do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
