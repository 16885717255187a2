"""The engine for joblib's backends: tasks are submitted one by one to its workers.

The function is pickled once, with its large arrays apart (`Shared`); a task carries its own arguments only. Threads are
given both as they are. Workers die differently on each backend: loky raises, a pool of multiprocessing replaces a dead
process without a word, so that the engine looks for itself.

It also looks for tasks that exceed a limit. Their process is ended, and with it all others: neither backend goes on
when one is missing. This death is no mystery, so that nobody falls under suspicion: the other tasks run again at once,
in the order in which they were submitted. Those that ran then have the whole time of the limit before the next end.
"""

import os
import queue
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, NamedTuple, Self

from sk_optuna._compat._joblib import JoblibWorkers, dumps, loads
from sk_optuna._compat._sklearn import with_caller_config
from sk_optuna.exceptions import WorkerDiedError
from sk_optuna.execution._engine import OldestTasks, OnLook, Outcome
from sk_optuna.execution._limits import NO_LIMITS, Excess, Limits, Notes, noted
from sk_optuna.execution._shared import Shared
from sk_optuna.execution._suspects import Suspects, death_of_blamed
from sk_optuna.worker import end_with


class _Task(NamedTuple):
    """A key and the arguments: pickled for processes, a tuple for threads."""

    key: Hashable
    payload: Any


class _Sent(NamedTuple):
    """An outstanding task, joblib's handle of its call, and the time of its submission."""

    task: _Task
    job: Any
    start: float


class _LimitExceededError(Exception):
    """Stands, among arrivals, for the error of tasks that exceed a limit."""

    def __init__(self, excesses: Mapping[int, Excess]) -> None:
        super().__init__(excesses)
        self.excesses = excesses


class JoblibEngine:
    """Submits tasks one by one to the workers of joblib's active backend.

    A process that dies takes all outstanding tasks with it. New workers are then started, and `Suspects` says which
    tasks run again and which is reported as dead.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        workers: JoblibWorkers,
        *,
        n_jobs: int | None,
        n_workers: int,
        room: int,
        limits: Limits = NO_LIMITS,
        on_look: OnLook | None = None,
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
        self._limits = limits
        self._on_look = on_look
        self._notes: Notes | None = None
        self._next_look = 0.0
        self._oldest = OldestTasks()
        # tickets of tasks that nobody waits for, keys of tasks that exceeded a limit maybe not by themselves
        self._unwanted: set[int] = set()
        self._doubted: set[Hashable] = set()
        self._ended: deque[Outcome] = deque()
        self._again: list[_Task] = []
        self._is_over = False
        # workers of others may be on other machines
        self._driver = os.getpid() if workers.are_joblibs_own else None

    @property
    def has_room(self) -> bool:
        """True if fewer tasks are outstanding than `pre_dispatch` allows, and nothing comes first.

        Suspects do, and outcomes that are known: by them the caller may lose interest in tasks that are to run again.
        """
        return len(self._outstanding) + len(self._again) < self._room and not self._suspects and not self._ended

    @property
    def is_idle(self) -> bool:
        """True if no task is outstanding or under suspicion, and no outcome waits to be taken."""
        return not (self._outstanding or self._suspects or self._ended or self._again)

    @property
    def has_idle_worker(self) -> bool:
        """True if there is room, and fewer tasks are outstanding than there are workers."""
        return self.has_room and len(self._outstanding) + len(self._again) < self._n_workers

    def submit(self, key: Hashable, *args: Any) -> None:
        """Send the task to a worker.

        The arguments are pickled here and now, so that a pickling error is raised in the caller, and later changes of
        the arguments do not reach the task.
        """
        self._send_again()
        self._send(_Task(key, args if self._workers.share_memory else dumps(args)))

    def wait(self) -> Outcome:
        """Wait for a task and return its outcome. Suspects run again first, one at a time."""
        while True:
            if self._ended:
                return self._ended.popleft()
            self._send_again()
            if self._suspects and not self._outstanding:
                self._send(self._suspects.next_alone())
            ticket, result, error = self._next_arrival()
            if ticket not in self._outstanding:
                continue
            task, _, start = self._outstanding[ticket]
            seconds = time.perf_counter() - start
            if isinstance(error, BrokenProcessPool):
                self._suspect(error)
                continue
            if isinstance(error, _LimitExceededError):
                self._end(error.excesses)
                continue
            del self._outstanding[ticket]
            self._unwanted.discard(ticket)
            if isinstance(error, Exception):
                return Outcome(task.key, None, None, seconds, error)
            if error is not None:
                raise error
            return Outcome(task.key, result, None, seconds)

    def cancel(self, key: Hashable) -> bool:
        """Take a task back that has not started, where the backend can, or that is to run again."""
        n_again = len(self._again)
        self._again = [task for task in self._again if task.key != key]
        if self._suspects.drop(lambda task: task.key == key) or len(self._again) < n_again:
            return True
        for ticket, sent in self._outstanding.items():
            if sent.task.key == key:
                if self._workers.cancel(sent.job):
                    del self._outstanding[ticket]
                    return True
                self._unwanted.add(ticket)
        return False

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        is_drained = False
        try:
            is_drained = kind in (None, GeneratorExit) and self._drain()
        finally:
            # an interrupt may have ended the wait for the last tasks
            if is_drained:
                self._workers.stop()
                self._close_notes()
            else:
                self._abort()

    def _start(self) -> None:
        self._workers.start()
        try:
            if not self._workers.share_memory:
                self._shared = Shared(self._function, map_above=self._workers.memmap_threshold)
            if self._limits:
                self._notes = Notes()
        except BaseException:
            self._workers.stop()
            raise

    def _send(self, task: _Task) -> None:
        self._n_sent += 1
        ticket = self._n_sent
        self._outstanding[ticket] = _Sent(task, None, time.perf_counter())
        if self._shared is None:
            call, args = self._run_in_thread, task.payload
        elif self._notes is None:
            call, args = _run_sealed, (self._shared, task.payload, self._driver)
        else:
            call, args = _run_noted, (self._shared, task.payload, self._driver, self._notes.folder, ticket)
        try:
            job = self._workers.submit(call, args, lambda result, error: self._arrived.put((ticket, result, error)))
        except BrokenProcessPool as error:  # a worker has died meanwhile, of which `wait` has not heard
            self._arrived.put((ticket, None, error))
        else:
            self._outstanding[ticket] = self._outstanding[ticket]._replace(job=job)

    def _run_in_thread(self, *args: Any) -> Any:
        """Run a task in a thread; none any more once the engine is left, as after Ctrl-C."""
        return None if self._is_over else self._function(*args)

    def _next_arrival(self) -> tuple[int, Any, BaseException | None]:
        """Wait for the next arrival: a task, or for any of them what a look at the workers shows."""
        with self._workers.waiting():
            while True:
                left = max(self._next_look - time.perf_counter(), 0)
                if left == 0 and self._arrived.empty():
                    if (error := self._look()) is not None:
                        return next(iter(self._outstanding)), None, error
                    continue
                try:
                    return self._arrived.get(timeout=left)
                except queue.Empty:
                    continue

    def _look(self) -> Exception | None:
        """Look at the workers, and report the tasks that run; return an error if a worker died or must be ended."""
        self._next_look = time.perf_counter() + self._limits.look_every
        if self._workers.lost_one():
            return BrokenProcessPool("A worker process was terminated abruptly.")
        if self._notes is not None:
            excesses = self._notes.excesses(self._limits)
            if excesses:
                return _LimitExceededError(excesses)
        if self._on_look is not None:
            self._on_look(self._running())
        return None

    def _running(self) -> list[tuple[Hashable, float]]:
        """Return the keys of the tasks that run and are wanted, with seconds."""
        running = self._oldest.running(list(self._outstanding), self._n_workers)
        wanted = [(ticket, seconds) for ticket, seconds in running if ticket not in self._unwanted]
        return [(self._outstanding[ticket].task.key, seconds) for ticket, seconds in wanted]

    def _suspect(self, error: BrokenProcessPool) -> None:
        """Have the tasks that a death cost run again, except one that is to blame, and those that nobody waits for."""
        now, lost = time.perf_counter(), list(self._outstanding.items())
        unwanted = {i for i, (ticket, _) in enumerate(lost) if ticket in self._unwanted}
        blamed = self._suspects.after_death([sent.task for _, sent in lost], unwanted)
        for i, (_, sent) in enumerate(lost):
            if i in unwanted or sent.task is blamed:
                self._ended.append(Outcome(sent.task.key, None, _death(error), now - sent.start))
        self._restart()

    def _end(self, excesses: Mapping[int, Excess]) -> None:
        """End tasks that exceed a limit, and have the other ones run again.

        One whose process may have had the memory of earlier tasks, too, gets another chance in a new process.
        """
        now = time.perf_counter()
        for ticket, sent in self._outstanding.items():
            key, excess = sent.task.key, excesses.get(ticket)
            is_doubtful = excess is not None and not excess.is_certain and key not in self._doubted
            if ticket in self._unwanted or (excess is not None and not is_doubtful):
                seconds = now - sent.start if excess is None else excess.seconds
                self._ended.append(Outcome(key, None, None, seconds, excess=excess))
            elif is_doubtful:
                self._doubted.add(key)
                self._again.insert(0, sent.task)
            else:
                self._again.append(sent.task)
        self._restart()

    def _send_again(self) -> None:
        """Send the tasks that were lost when another one was ended."""
        while self._again:
            self._send(self._again.pop(0))

    def _restart(self) -> None:
        """Forget what is outstanding, and start new workers."""
        self._outstanding.clear()
        self._unwanted.clear()
        self._abort()
        self._workers = JoblibWorkers(self._n_jobs)
        self._start()

    def _abort(self) -> None:
        """End the workers at once, whatever they do."""
        self._workers.abort()
        self._close_notes()

    def _close_notes(self) -> None:
        if self._notes is not None:
            self._notes.close()

    def _drain(self) -> bool:
        """Cancel the tasks that have not started and wait for the others; return whether the workers still live."""
        for ticket, sent in list(self._outstanding.items()):
            if self._workers.cancel(sent.job):
                del self._outstanding[ticket]
        while self._outstanding:
            ticket, _, error = self._next_arrival()
            if isinstance(error, BrokenProcessPool | _LimitExceededError):
                return False
            self._outstanding.pop(ticket, None)
        return True


def _run_sealed(function: Callable[..., Any], payload: bytes, driver: int | None) -> Any:
    """Run a task in a worker process. The `Shared` function arrives unpickled, the arguments do not."""
    if driver is not None:
        end_with(driver)
    return function(*loads(payload))


def _run_noted(function: Callable[..., Any], payload: bytes, driver: int | None, folder: str, ticket: int) -> Any:
    """Run a task in a worker process, and note meanwhile that it runs."""
    with noted(folder, ticket):
        return _run_sealed(function, payload, driver)


def _death(error: BaseException) -> WorkerDiedError:
    death = death_of_blamed(f"joblib says: {error}")
    death.__cause__ = error
    return death
