"""The engine for clusters: tasks go one by one to workers that may be on other machines.

A cluster differs from joblib's own workers in two ways. It cannot read this machine's memory maps, so that what all
tasks share is handed to it once (`Kept`), and a task names it. And it outlives a worker: only the tasks that a dead
worker had are lost, and fall under suspicion, while the others run on. joblib's backends for Dask and Ray are not asked
to run anything: that of Dask forgets a task whose data was lost, so that a search would wait for ever, and that of Ray
sends the data with each task.
"""

import queue
import sys
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import joblib

from sk_optuna._compat._joblib import dumps, loads
from sk_optuna._compat._sklearn import with_caller_config
from sk_optuna.exceptions import WorkerDiedError
from sk_optuna.execution._engine import OldestTasks, OnLook, Outcome
from sk_optuna.execution._shared import Kept
from sk_optuna.execution._suspects import Suspects, death_of_blamed

# Seconds between looks at which workers the cluster has.
_LOOK_EVERY = 1.0


class Arrival(NamedTuple):
    """A report of a cluster on one task, or on all that were lost together.

    Attributes
    ----------
    tickets : sequence of int
        The tasks.
    result : bytes or None
        What `run_kept` returned; None if there is none.
    error : BaseException or None
        The cluster's own error, which is not one of the function.
    death : str or None
        The cluster's words for the death of the worker that had the tasks. If all three are None, the tasks were lost
        and no worker died of them.
    """

    tickets: Sequence[int]
    result: bytes | None = None
    error: BaseException | None = None
    death: str | None = None


class Cluster(Protocol):
    """The workers of a cluster."""

    @property
    def has_threads(self) -> bool:
        """True if a process of the cluster may run several tasks at a time."""

    def open(self, kept: Kept, report: Callable[[Arrival], None]) -> None:
        """Hand `kept` to the workers; from now on arrivals are reported, from any thread."""

    def submit(self, ticket: int, payload: bytes) -> None:
        """Have a worker call ``run_kept(kept, payload)``."""

    def cancel(self, ticket: int) -> bool:
        """Take a task back that has not started; return whether it is certain that it has not."""

    def check(self) -> int:
        """Return the number of workers, asked for about once a second.

        Raises
        ------
        WorkerDiedError
            If there has been none for long.
        """

    def waiting(self) -> AbstractContextManager[Any]:
        """Return the context in which to wait for arrivals."""

    def close(self) -> None:
        """Take back all tasks, and leave nothing on the cluster; what cannot be ended runs to its end unheard."""


class _Task(NamedTuple):
    """A key, the pickled arguments, and the time of the first submission."""

    key: Hashable
    payload: bytes
    start: float


class ClusterEngine:
    """Submits tasks one by one to the workers of a cluster.

    Parameters
    ----------
    function : callable
        The function that all tasks call.
    cluster : Cluster
        The workers.
    n_workers : int
        Number of workers at the start.
    room : callable
        Returns, for a number of workers, how many tasks may be outstanding: a cluster grows.
    on_look : callable, default=None
        Hears once a second of the tasks that run, as far as their order of submission says.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        cluster: Cluster,
        n_workers: int,
        *,
        room: Callable[[int], int],
        on_look: OnLook | None = None,
    ) -> None:
        self._function = with_caller_config(function, in_threads=cluster.has_threads)
        self._cluster = cluster
        self._n_workers = n_workers
        self._room = room
        self._arrived: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._outstanding: dict[int, _Task] = {}
        # each task that a dead worker had may have been running
        self._suspects: Suspects[_Task] = Suspects(sys.maxsize)
        self._ended: deque[Outcome] = deque()
        self._unwanted: set[int] = set()
        self._on_look = on_look
        self._oldest = OldestTasks()
        self._n_sent = 0
        self._next_look = time.monotonic() + _LOOK_EVERY

    @property
    def has_room(self) -> bool:
        """True if fewer tasks are outstanding than `pre_dispatch` allows, and none is under suspicion."""
        return len(self._outstanding) < self._room(self._n_workers) and not self._suspects

    @property
    def is_idle(self) -> bool:
        """True if no task is outstanding or under suspicion, and no outcome waits to be taken."""
        return not self._outstanding and not self._suspects and not self._ended

    @property
    def has_idle_worker(self) -> bool:
        """True if there is room, and fewer tasks are outstanding than there are workers."""
        return self.has_room and len(self._outstanding) < self._n_workers

    def submit(self, key: Hashable, *args: Any) -> None:
        """Send the task to the cluster. The arguments are pickled here and now."""
        self._send(_Task(key, dumps(args), time.perf_counter()))

    def wait(self) -> Outcome:
        """Wait for a task and return its outcome. Suspects run again first, one at a time."""
        while not self._ended:
            if self._suspects and not self._outstanding:
                self._send(self._suspects.next_alone())
            self._take(self._next_arrival())
        return self._ended.popleft()

    def cancel(self, key: Hashable) -> bool:
        """Take a task back that has not started, where the cluster can say so, or that is to run again."""
        if self._suspects.drop(lambda task: task.key == key):
            return True
        for ticket, task in self._outstanding.items():
            if task.key == key:
                if self._cluster.cancel(ticket):
                    del self._outstanding[ticket]
                    return True
                self._unwanted.add(ticket)
        return False

    def __enter__(self) -> Self:
        try:
            self._cluster.open(Kept(self._function), self._arrived.put)
        except BaseException:
            self._cluster.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind in (None, GeneratorExit):
                self._drain()
        finally:
            self._cluster.close()

    def _send(self, task: _Task) -> None:
        self._n_sent += 1
        self._outstanding[self._n_sent] = task
        self._cluster.submit(self._n_sent, task.payload)

    def _take(self, arrival: Arrival) -> None:
        """Make outcomes of an arrival, or have tasks that were lost and are wanted run again."""
        arrived = [ticket for ticket in arrival.tickets if ticket in self._outstanding]
        tasks = [self._outstanding.pop(ticket) for ticket in arrived]
        unwanted = {i for i, ticket in enumerate(arrived) if ticket in self._unwanted}
        self._unwanted.difference_update(arrived)
        if arrival.result is not None or arrival.error is not None:
            for task in tasks:
                result, error = (None, arrival.error) if arrival.result is None else loads(arrival.result)
                if error is not None and not isinstance(error, Exception):
                    raise error
                self._end(task, result, error=error)
            return
        words = arrival.death or "the data of the task was lost"
        blamed = None if arrival.death is None else self._suspects.after_death(tasks, unwanted)
        for i, task in enumerate(tasks):
            if i in unwanted or task is blamed:
                self._end(task, None, death=death_of_blamed(f"The cluster says: {words}"))
            elif arrival.death is None:
                self._send(task)

    def _end(
        self, task: _Task, result: Any, *, death: WorkerDiedError | None = None, error: Exception | None = None
    ) -> None:
        self._ended.append(Outcome(task.key, result, death, time.perf_counter() - task.start, error))

    def _next_arrival(self) -> Arrival:
        with self._cluster.waiting():
            while True:
                try:
                    return self._arrived.get(timeout=max(self._next_look - time.monotonic(), 0))
                except queue.Empty:
                    self._n_workers = max(self._cluster.check(), 1)
                    self._next_look = time.monotonic() + _LOOK_EVERY
                    if self._on_look is not None:
                        self._on_look(self._running())

    def _running(self) -> list[tuple[Hashable, float]]:
        """Return the keys of the tasks that run and are wanted, with seconds."""
        running = self._oldest.running(list(self._outstanding), self._n_workers)
        return [(self._outstanding[ticket].key, seconds) for ticket, seconds in running if ticket not in self._unwanted]

    def _drain(self) -> None:
        """Take back the tasks that have not started, and wait for the others; those that are lost now stay lost."""
        for ticket in list(self._outstanding):
            if self._cluster.cancel(ticket):
                del self._outstanding[ticket]
        while self._outstanding:
            for ticket in self._next_arrival().tickets:
                self._outstanding.pop(ticket, None)


def run_kept(kept: Kept, payload: bytes) -> bytes:
    """Run a task on a worker of a cluster, and return result and error, pickled.

    An error travels as a value: each cluster has its own way to wrap what a task raises. joblib's calls within the task
    run in threads, as they do in joblib's own worker processes: on Dask they would go to all workers again.
    """
    outcome: tuple[Any, BaseException | None]
    with joblib.parallel_config(backend="threading"):
        try:
            outcome = kept.value()(*loads(payload)), None
        except BaseException as error:
            outcome = None, error
    try:
        content: bytes = dumps(outcome)
    except Exception as error:
        error.add_note(f"A fold on a worker of the cluster ended with {outcome!r:.500}, which cannot be sent back.")
        content = dumps((None, error))
    return content
