"""Run tasks in batches, for backends of joblib that single calls cannot be submitted to."""

import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

import joblib
from joblib import effective_n_jobs

from sk_optuna._compat import with_caller_config
from sk_optuna.execution._engine import Outcome, _Entered


class GenerationEngine(_Entered):
    """Runs tasks in batches through ``joblib.Parallel``, for backends that single calls cannot be submitted to."""

    def __init__(self, function: Callable[..., Any], *, n_jobs: int | None, room: int) -> None:
        self._function = with_caller_config(function)
        self._n_jobs = effective_n_jobs(n_jobs)  # joblib 1.3 does not ask the configuration where n_jobs is None
        self._room = room
        self._tasks: list[tuple[Hashable, tuple[Any, ...]]] = []
        self._outcomes: deque[Outcome] = deque()

    @property
    def has_room(self) -> bool:
        """Whether the batch may grow."""
        return len(self._tasks) < self._room

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to run or to be taken."""
        return not self._tasks and not self._outcomes

    def submit(self, key: Hashable, *args: Any) -> None:
        """Add the task to the batch."""
        self._tasks.append((key, args))

    def wait(self) -> Outcome:
        """Run the batch if all outcomes of the last one were taken."""
        if not self._outcomes:
            tasks, self._tasks = self._tasks, []
            start = time.perf_counter()
            results = joblib.Parallel(n_jobs=self._n_jobs)(joblib.delayed(self._function)(*args) for _, args in tasks)
            seconds = time.perf_counter() - start
            self._outcomes.extend(
                Outcome(key, result, None, seconds) for (key, _), result in zip(tasks, results, strict=True)
            )
        return self._outcomes.popleft()
