"""The engine for one worker: tasks run in this thread."""

import time
from collections.abc import Callable, Hashable
from typing import Any

from sk_optuna.execution._engine import NoSetUp, Outcome


class SerialEngine(NoSetUp):
    """Runs each task in this thread, when the search waits for it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._task: tuple[Hashable, tuple[Any, ...]] | None = None

    @property
    def has_room(self) -> bool:
        """True if no task is waiting: the search decides on each result before it submits the next fold."""
        return self._task is None

    @property
    def is_idle(self) -> bool:
        """True if no task is waiting."""
        return self._task is None

    @property
    def has_idle_worker(self) -> bool:
        """False: the one worker is this thread."""
        return False

    def submit(self, key: Hashable, *args: Any) -> None:
        """Keep the task until `wait`."""
        self._task = (key, args)

    def wait(self) -> Outcome:
        """Run the task and return its outcome."""
        assert self._task is not None
        (key, args), self._task = self._task, None
        start = time.perf_counter()
        return Outcome(key, self._function(*args), None, time.perf_counter() - start)

    def cancel(self, key: Hashable) -> bool:
        """Return False: a task is submitted when the search waits for it."""
        return False
