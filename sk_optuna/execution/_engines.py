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
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import joblib
from joblib import effective_n_jobs

from sk_optuna._compat import JoblibWorkers, dumps, eval_expr, loads, with_caller_config
from sk_optuna.exceptions import InvalidArgumentError, WorkerDiedError
from sk_optuna.execution._shared import Shared, forget

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
    return JoblibEngine(function, workers, n_jobs=n_jobs, room=room)


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
        self._n_jobs = n_jobs
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
    attempt: int


class JoblibEngine:
    """Submits tasks one by one to the workers of joblib's active backend.

    When a process dies, every outstanding task is lost with it, innocents too. Each of them becomes a suspect and runs
    again, alone; one that kills its worker a second time is reported as dead.
    """

    def __init__(self, function: Callable[..., Any], workers: JoblibWorkers, *, n_jobs: int | None, room: int) -> None:
        self._workers = workers
        self._n_jobs = n_jobs
        self._room = room
        self._function = with_caller_config(function)
        self._shared: Shared | None = None
        self._arrived: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()
        self._outstanding: dict[int, tuple[_Task, Any, float]] = {}
        self._suspects: deque[_Task] = deque()
        self._n_submitted = 0

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
        payload = args if self._workers.share_memory else dumps(args)
        self._send(_Task(key, payload, attempt=1))

    def wait(self) -> Outcome:
        """Return the next outcome."""
        while True:
            if self._suspects and not self._outstanding:
                self._send(self._suspects.popleft())
            ticket, result, error = self._next_arrival()
            if ticket not in self._outstanding:
                continue
            task, _, start = self._outstanding.pop(ticket)
            seconds = time.perf_counter() - start
            if error is None:
                return Outcome(task.key, result, None, seconds)
            if not isinstance(error, BrokenProcessPool):
                raise error
            self._restart()
            if task.attempt > 1:
                return Outcome(task.key, None, _death(error), seconds)
            self._suspect(task)

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and kind is not GeneratorExit:
            self._workers.abort()
            return
        self._drain()
        self._release()
        self._workers.stop()

    def _start(self) -> None:
        self._workers.start()
        if not self._workers.share_memory:
            threshold = self._workers.memmap_threshold
            self._shared = Shared(self._function, pad_to=0 if threshold is None else threshold + 1).pack()

    def _send(self, task: _Task) -> None:
        self._n_submitted += 1
        ticket = self._n_submitted
        self._outstanding[ticket] = (task, None, time.perf_counter())
        if self._shared is None:
            call, args = self._function, task.payload
        else:
            call, args = _run_sealed, (self._shared, task.payload)
        job = self._workers.submit(call, args, lambda result, error: self._arrived.put((ticket, result, error)))
        self._outstanding[ticket] = (task, job, self._outstanding[ticket][2])

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
        """Begin anew with new workers; whatever was outstanding is suspect."""
        for task, _, _ in self._outstanding.values():
            self._suspect(task)
        self._outstanding.clear()
        self._workers.abort()
        self._workers = JoblibWorkers(self._n_jobs)
        self._start()

    def _suspect(self, task: _Task) -> None:
        self._suspects.append(task._replace(attempt=task.attempt + 1))

    def _drain(self) -> None:
        """Call off what has not started and wait for what has."""
        for ticket, (_, job, _) in list(self._outstanding.items()):
            if hasattr(job, "cancel") and job.cancel():
                del self._outstanding[ticket]
        while self._outstanding:
            ticket, _, error = self._next_arrival()
            if isinstance(error, BrokenProcessPool):
                return
            self._outstanding.pop(ticket, None)

    def _release(self) -> None:
        """Have the workers that outlive this engine let go of the data; those that are missed do so at their next."""
        if self._shared is None or not self._shared.is_mapped or not self._workers.outlive_the_call:
            return
        released: queue.SimpleQueue[None] = queue.SimpleQueue()
        n_workers = effective_n_jobs(self._n_jobs)
        for _ in range(n_workers):
            self._workers.submit(forget, (self._shared.token,), lambda result, error: released.put(None))
        with suppress(queue.Empty):  # joblib removes the memory maps next, and waits while they are in use
            for _ in range(n_workers):
                released.get(timeout=_LOOK_EVERY)


def _run_sealed(function: Shared, payload: bytes) -> Any:
    """Run a task in a worker process."""
    return function.value(*loads(payload))


def _death(error: BaseException) -> WorkerDiedError:
    death = WorkerDiedError(
        "The worker process died twice while it ran this fold, the second time alone. The usual causes are that the "
        f"machine ran out of memory or that native code crashed. joblib says: {error}"
    )
    death.__cause__ = error
    return death
