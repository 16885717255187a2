"""Where a task runs: this thread, or a worker of joblib's active backend.

Tasks are submitted one by one and taken as they finish, so that the next one can depend on what came back; joblib's own
generators dispatch ahead of the results. An engine knows nothing of trials: a task is a key and the arguments of the
one function that all tasks call.
"""

import queue
import sys
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import joblib
from joblib import effective_n_jobs

from sk_optuna._compat._joblib import JoblibWorkers, dumps, eval_expr, loads
from sk_optuna._compat._sklearn import with_caller_config
from sk_optuna.exceptions import InvalidArgumentError, WorkerDiedError
from sk_optuna.execution._shared import Shared

# Seconds between looks at whether a worker has died without a word.
_LOOK_EVERY = 1.0


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


def open_engine(function: Callable[..., Any], *, n_jobs: int | None, pre_dispatch: int | str) -> Engine:
    """Return the engine for `n_jobs` under joblib's active configuration.

    Parameters
    ----------
    function : callable
        What all tasks call; sent to each worker once.
    n_jobs : int or None
        As in joblib.
    pre_dispatch : int or str
        Most tasks submitted at a time, as in joblib: a number or an expression of `n_jobs`.
    """
    n_workers = effective_n_jobs(n_jobs)
    if n_workers == 1:
        return SerialEngine(function)
    room = max_outstanding(pre_dispatch, n_workers)
    workers = JoblibWorkers(n_jobs)
    if not workers.can_submit:
        return GenerationEngine(function, n_jobs=n_jobs, room=room)
    return JoblibEngine(function, workers, n_jobs=n_jobs, n_workers=n_workers, room=room)


def n_processes(n_jobs: int | None) -> int:
    """Return how many processes `n_jobs` stands for under joblib's active configuration; threads share one."""
    n_workers: int = effective_n_jobs(n_jobs)
    return 1 if n_workers == 1 or JoblibWorkers(n_jobs).share_memory else n_workers


def runs_on_this_machine(n_jobs: int | None) -> bool:
    """Return whether the workers that `n_jobs` stands for under joblib's active configuration are of this machine."""
    return effective_n_jobs(n_jobs) == 1 or JoblibWorkers(n_jobs).are_local


def max_outstanding(pre_dispatch: int | str, n_workers: int) -> int:
    """Return how many tasks `pre_dispatch` lets be submitted to `n_workers`, at least one.

    Raises
    ------
    InvalidArgumentError
        Where `pre_dispatch` is none of what joblib takes, or would let none be submitted to any number of workers.
    """
    if pre_dispatch == "all":
        return sys.maxsize
    try:
        most = _evaluate(pre_dispatch, n_workers)
        if max(most, _evaluate(pre_dispatch, 1024)) < 1:
            raise ValueError(f"{most} tasks cannot be submitted")
    except (ArithmeticError, KeyError, SyntaxError, TypeError, ValueError) as error:
        raise InvalidArgumentError(
            "The 'pre_dispatch' parameter must be 'all', a number of at least 1, or an expression of n_jobs such "
            f"as '2*n_jobs', but got {pre_dispatch!r}."
        ) from error
    return max(most, 1)


def _evaluate(pre_dispatch: int | str, n_workers: int) -> int:
    return int(eval_expr(str(pre_dispatch).replace("n_jobs", str(n_workers))))


class _Entered:
    """The empty half of an engine that needs no entering."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


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


class _Task(NamedTuple):
    key: Hashable
    payload: Any
    n_deaths: int = 0


class _Sent(NamedTuple):
    task: _Task
    job: Any
    start: float


class JoblibEngine:
    """Submits tasks one by one to the workers of joblib's active backend.

    When a process dies, every outstanding task is lost with it, innocents too. Each of them runs again, alone; one that
    may have been running at two deaths is reported as dead.
    """

    def __init__(
        self, function: Callable[..., Any], workers: JoblibWorkers, *, n_jobs: int | None, n_workers: int, room: int
    ) -> None:
        self._workers = workers
        self._n_jobs = n_jobs
        self._n_workers = n_workers
        self._room = room
        self._function = with_caller_config(function, in_threads=workers.share_memory)
        self._shared: Shared | None = None
        self._arrived: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()
        self._outstanding: dict[int, _Sent] = {}
        self._suspects: deque[_Task] = deque()
        self._n_sent = 0

    @property
    def has_room(self) -> bool:
        """Whether fewer tasks are outstanding than the workers are to have, and none is under suspicion."""
        return len(self._outstanding) < self._room and not self._suspects

    @property
    def is_idle(self) -> bool:
        """Whether nothing is outstanding."""
        return not self._outstanding and not self._suspects

    def submit(self, key: Hashable, *args: Any) -> None:
        """Send the task to a worker.

        The arguments are pickled here and now: a pickling error is the caller's, and joblib's own thread must not
        pickle what the search goes on to change.
        """
        self._send(_Task(key, args if self._workers.share_memory else dumps(args)))

    def wait(self) -> Outcome:
        """Return the next outcome."""
        while True:
            if self._suspects and not self._outstanding:
                self._send(self._suspects.popleft())
            ticket, result, error = self._next_arrival()
            if ticket not in self._outstanding:
                continue
            task, _, start = self._outstanding[ticket]
            seconds = time.perf_counter() - start
            if isinstance(error, BrokenProcessPool):
                self._restart()
                if self._suspects[-1].n_deaths < 2:
                    continue
                return Outcome(self._suspects.pop().key, None, _death(error), seconds)
            del self._outstanding[ticket]
            if error is not None:
                raise error
            return Outcome(task.key, result, None, seconds)

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
        """Begin anew with new workers. The oldest tasks, one for each worker, are those that may have been running."""
        for i, sent in enumerate(self._outstanding.values()):
            died = 1 if i < self._n_workers else 0
            self._suspects.append(sent.task._replace(n_deaths=sent.task.n_deaths + died))
        self._outstanding.clear()
        self._workers.abort()
        self._workers = JoblibWorkers(self._n_jobs)
        self._start()

    def _drain(self) -> bool:
        """Call off what has not started and wait for what has; return whether the workers are still there."""
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
    """Run a task in a worker process, where the shared function has arrived as itself."""
    return function(*loads(payload))


def _death(error: BaseException) -> WorkerDiedError:
    death = WorkerDiedError(
        "The worker process died twice while it ran this fold, the second time alone. The usual causes are that the "
        f"machine ran out of memory or that native code crashed. joblib says: {error}"
    )
    death.__cause__ = error
    return death
