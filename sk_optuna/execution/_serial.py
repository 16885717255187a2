"""Run tasks in this thread."""

import time
from collections.abc import Callable, Hashable
from typing import Any

from sk_optuna.execution._engine import Outcome, _Entered


class SerialEngine(_Entered):
    """Runs each task in this thread when it is waited for."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._task: tuple[Hashable, tuple[Any, ...]] | None = None

    @property
    def has_room(self) -> bool:
        """Whether no task is waiting: decisions come before the next fold."""
        return self._task is None

    @property
    def is_idle(self) -> bool:
        """Whether no task is waiting."""
        return self._task is None

    def submit(self, key: Hashable, *args: Any) -> None:
        """Keep the task until it is waited for."""
        self._task = (key, args)

    def wait(self) -> Outcome:
        """Run the task."""
        assert self._task is not None
        (key, args), self._task = self._task, None
        start = time.perf_counter()
        return Outcome(key, self._function(*args), None, time.perf_counter() - start)
