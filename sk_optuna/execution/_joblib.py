"""The engine for joblib's backends: tasks are submitted one by one to its workers.

The function is pickled once, with its large arrays apart (`Shared`); a task carries its own arguments only. Threads are
given both as they are. Workers die differently on each backend: loky raises, a pool of multiprocessing replaces a dead
process without a word, so that the engine looks for itself.
"""

import queue
import time
from collections.abc import Callable, Hashable
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, NamedTuple, Self

from sk_optuna._compat._joblib import JoblibWorkers, dumps, loads
from sk_optuna._compat._sklearn import with_caller_config
from sk_optuna.exceptions import WorkerDiedError
from sk_optuna.execution._engine import Outcome
from sk_optuna.execution._shared import Shared
from sk_optuna.execution._suspects import Suspects

# Seconds between looks at whether a worker has died without a word.
_LOOK_EVERY = 1.0


class _Task(NamedTuple):
    """A key and the arguments: pickled for processes, a tuple for threads."""

    key: Hashable
    payload: Any


class _Sent(NamedTuple):
    """An outstanding task, joblib's handle of its call, and the time of its submission."""

    task: _Task
    job: Any
    start: float


class JoblibEngine:
    """Submits tasks one by one to the workers of joblib's active backend.

    A process that dies takes all outstanding tasks with it. New workers are then started, and `Suspects` says which
    tasks run again and which is reported as dead.
    """

    def __init__(
        self, function: Callable[..., Any], workers: JoblibWorkers, *, n_jobs: int | None, n_workers: int, room: int
    ) -> None:
        self._workers = workers
        self._n_jobs = n_jobs
        self._room = room
        self._n_workers = n_workers
        self._function = with_caller_config(function, in_threads=workers.share_memory)
        self._shared: Shared | None = None
        self._arrived: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()
        self._outstanding: dict[int, _Sent] = {}
        self._suspects: Suspects[_Task] = Suspects(n_workers)
        self._n_sent = 0

    @property
    def has_room(self) -> bool:
        """True if fewer tasks are outstanding than `pre_dispatch` allows, and none is under suspicion."""
        return len(self._outstanding) < self._room and not self._suspects

    @property
    def is_idle(self) -> bool:
        """True if no task is outstanding or under suspicion."""
        return not self._outstanding and not self._suspects

    @property
    def has_idle_worker(self) -> bool:
        """True if there is room, and fewer tasks are outstanding than there are workers."""
        return self.has_room and len(self._outstanding) < self._n_workers

    def submit(self, key: Hashable, *args: Any) -> None:
        """Send the task to a worker.

        The arguments are pickled here and now, so that a pickling error is raised in the caller, and later changes of
        the arguments do not reach the task.
        """
        self._send(_Task(key, args if self._workers.share_memory else dumps(args)))

    def wait(self) -> Outcome:
        """Wait for a task and return its outcome. Suspects run again first, one at a time."""
        while True:
            if self._suspects and not self._outstanding:
                self._send(self._suspects.next_alone())
            ticket, result, error = self._next_arrival()
            if ticket not in self._outstanding:
                continue
            task, _, start = self._outstanding[ticket]
            seconds = time.perf_counter() - start
            if isinstance(error, BrokenProcessPool):
                blamed = self._suspects.after_death([sent.task for sent in self._outstanding.values()])
                self._restart()
                if blamed is None:
                    continue
                return Outcome(blamed.key, None, _death(error), seconds)
            del self._outstanding[ticket]
            if isinstance(error, Exception):
                return Outcome(task.key, None, None, seconds, error)
            if error is not None:
                raise error
            return Outcome(task.key, result, None, seconds)

    def cancel(self, key: Hashable) -> bool:
        """Take a task back that has not started, where the backend can; return whether it could."""
        for ticket, sent in self._outstanding.items():
            if sent.task.key == key and self._workers.cancel(sent.job):
                del self._outstanding[ticket]
                return True
        return False

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind in (None, GeneratorExit) and self._drain():
            self._workers.stop()
        else:
            self._workers.abort()

    def _start(self) -> None:
        self._workers.start()
        if not self._workers.share_memory:
            self._shared = Shared(self._function, map_above=self._workers.memmap_threshold)

    def _send(self, task: _Task) -> None:
        self._n_sent += 1
        ticket = self._n_sent
        self._outstanding[ticket] = _Sent(task, None, time.perf_counter())
        if self._shared is None:
            call, args = self._function, task.payload
        else:
            call, args = _run_sealed, (self._shared, task.payload)
        job = self._workers.submit(call, args, lambda result, error: self._arrived.put((ticket, result, error)))
        self._outstanding[ticket] = self._outstanding[ticket]._replace(job=job)

    def _next_arrival(self) -> tuple[int, Any, BaseException | None]:
        with self._workers.waiting():
            while True:
                try:
                    return self._arrived.get(timeout=_LOOK_EVERY)
                except queue.Empty:
                    if self._workers.lost_one():
                        ticket = next(iter(self._outstanding))
                        return ticket, None, BrokenProcessPool("A worker process was terminated abruptly.")

    def _restart(self) -> None:
        """Forget what is outstanding, and start new workers."""
        self._outstanding.clear()
        self._workers.abort()
        self._workers = JoblibWorkers(self._n_jobs)
        self._start()

    def _drain(self) -> bool:
        """Cancel the tasks that have not started and wait for the others; return whether the workers still live."""
        for ticket, sent in list(self._outstanding.items()):
            if self._workers.cancel(sent.job):
                del self._outstanding[ticket]
        while self._outstanding:
            ticket, _, error = self._next_arrival()
            if isinstance(error, BrokenProcessPool):
                return False
            self._outstanding.pop(ticket, None)
        return True


def _run_sealed(function: Callable[..., Any], payload: bytes) -> Any:
    """Run a task in a worker process. The `Shared` function arrives unpickled, the arguments do not."""
    return function(*loads(payload))


def _death(error: BaseException) -> WorkerDiedError:
    death = WorkerDiedError(
        "The worker process died twice while it ran this fold, the second time alone. The usual causes are that the "
        f"machine ran out of memory or that native code crashed. joblib says: {error}"
    )
    death.__cause__ = error
    return death
