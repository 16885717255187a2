"""What all engines are to the search: tasks are submitted one by one and their outcomes taken as they finish."""

from collections.abc import Hashable
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from sk_optuna.exceptions import WorkerDiedError


class Outcome(NamedTuple):
    """What came of a task.

    Attributes
    ----------
    key : hashable
        The task.
    result : object
        What the function returned; None if the task had no result.
    death : WorkerDiedError or None
        Why there is no result.
    seconds : float
        Between submission and outcome.
    """

    key: Hashable
    result: Any
    death: WorkerDiedError | None
    seconds: float


class Engine(Protocol):
    """Runs tasks; entered before the first and left after the last."""

    @property
    def has_room(self) -> bool:
        """Whether another task should be submitted now."""

    @property
    def is_idle(self) -> bool:
        """Whether no task is outstanding."""

    def submit(self, key: Hashable, *args: Any) -> None:
        """Take on a task."""

    def wait(self) -> Outcome:
        """Return the outcome of a task, waiting for it; an exception of the function is raised here."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _Entered:
    """The empty half of an engine that needs no entering."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
