"""The engine for one worker: tasks run in this thread.

This thread cannot look at a task that it runs. Where somebody wants to hear of tasks that take long, a second thread
looks; it sleeps but for an instant each second, and ends with the engine.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from sk_optuna.execution._engine import OnLook, Outcome

# Seconds between looks.
_LOOK_EVERY = 1.0


class SerialEngine:
    """Runs each task in this thread, when the search waits for it."""

    def __init__(self, function: Callable[..., Any], on_look: OnLook | None = None) -> None:
        self._function = function
        self._task: tuple[Hashable, tuple[Any, ...]] | None = None
        self._watch = None if on_look is None else _Watch(on_look)

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
        if self._watch is None:
            return Outcome(key, self._function(*args), None, time.perf_counter() - start)
        with self._watch.looking_at(key):
            return Outcome(key, self._function(*args), None, time.perf_counter() - start)

    def cancel(self, key: Hashable) -> bool:
        """Return False: a task is submitted when the search waits for it."""
        return False

    def __enter__(self) -> Self:
        if self._watch is not None:
            self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.end()


class _Watch(threading.Thread):
    """Looks once a second at the task that another thread runs."""

    def __init__(self, on_look: OnLook) -> None:
        super().__init__(name="sk_optuna-long-folds", daemon=True)
        self._on_look = on_look
        self._running: tuple[Hashable, float] | None = None
        self._is_over = threading.Event()

    @contextmanager
    def looking_at(self, key: Hashable) -> Iterator[None]:
        """Look at a task while it runs."""
        self._running = key, time.perf_counter()
        try:
            yield
        finally:
            self._running = None

    def run(self) -> None:
        """Look, until the engine ends."""
        while not self._is_over.wait(_LOOK_EVERY):
            if (running := self._running) is not None:
                key, start = running
                self._on_look([(key, time.perf_counter() - start)])

    def end(self) -> None:
        """End the thread."""
        self._is_over.set()
        self.join()
