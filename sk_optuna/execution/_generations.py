"""The engine for backends of joblib that take no single calls: tasks run in batches."""

import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

import joblib
from joblib import effective_n_jobs

from sk_optuna._compat._joblib import JoblibWorkers
from sk_optuna._compat._sklearn import with_caller_config
from sk_optuna.execution._engine import NoSetUp, Outcome


class GenerationEngine(NoSetUp):
    """Runs tasks in batches through ``joblib.Parallel``; a batch ends with its slowest task."""

    def __init__(self, function: Callable[..., Any], *, n_jobs: int | None, room: int) -> None:
        self._function = with_caller_config(function, in_threads=JoblibWorkers(n_jobs).share_memory)
        # joblib 1.3 does not ask the configuration where n_jobs is None
        self._n_jobs = effective_n_jobs(n_jobs)
        self._room = room
        self._tasks: list[tuple[Hashable, tuple[Any, ...]]] = []
        self._outcomes: deque[Outcome] = deque()

    @property
    def has_room(self) -> bool:
        """True if the batch may grow."""
        return len(self._tasks) < self._room

    @property
    def is_idle(self) -> bool:
        """True if no task waits to run and no outcome waits to be taken."""
        return not self._tasks and not self._outcomes

    @property
    def has_idle_worker(self) -> bool:
        """True if the next batch, about to run, has fewer tasks than there are workers."""
        return not self._outcomes and len(self._tasks) < min(self._n_jobs, self._room)

    def submit(self, key: Hashable, *args: Any) -> None:
        """Add the task to the batch."""
        self._tasks.append((key, args))

    def wait(self) -> Outcome:
        """Return the next outcome; run the batch if all outcomes of the last one are taken."""
        if not self._outcomes:
            tasks, self._tasks = self._tasks, []
            start = time.perf_counter()
            results = joblib.Parallel(n_jobs=self._n_jobs)(joblib.delayed(self._function)(*args) for _, args in tasks)
            seconds = time.perf_counter() - start
            self._outcomes.extend(
                Outcome(key, result, None, seconds) for (key, _), result in zip(tasks, results, strict=True)
            )
        return self._outcomes.popleft()

    def cancel(self, key: Hashable) -> bool:
        """Take a task out of the next batch; return whether it was there."""
        n_before = len(self._tasks)
        self._tasks = [task for task in self._tasks if task[0] != key]
        return len(self._tasks) < n_before
