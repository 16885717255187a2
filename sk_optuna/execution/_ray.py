"""Ray's workers, through the public interface of `ray`: as many actors as joblib was asked for jobs.

What all tasks share is put into Ray's object store once, where the actors of one machine read it from shared memory.
An actor has one task at a time, so that an actor's death costs the task that it ran and no other; a new actor takes its
place.
"""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sk_optuna.exceptions import WorkerDiedError
from sk_optuna.execution._cluster import Arrival, run_kept
from sk_optuna.execution._shared import Kept

# Seconds for which no actor is ready, after which a search ends: Ray waits for ever for what its cluster does not have.
NO_WORKER_FOR = 300.0


class _Runner:
    """The actor: a process that runs one task at a time."""

    def is_ready(self) -> bool:
        """Return True, once the process has started."""
        return True

    def run(self, kept: Kept, payload: bytes) -> bytes:
        """Run a task."""
        return run_kept(kept, payload)


class RayCluster:
    """Actors on Ray's cluster, and a thread for each that hands it the oldest task.

    Parameters
    ----------
    n_workers : int
        Number of actors.
    options : dict or None
        Options of actors, such as `num_gpus`: `ray_remote_args` of ``parallel_config("ray", ...)``.
    """

    has_threads = False

    def __init__(self, n_workers: int, options: dict[str, Any] | None) -> None:
        self._n_workers = n_workers
        self._options = {"num_cpus": 1, **(options or {})}
        self._lock = threading.Lock()
        self._waiting: dict[int, bytes] = {}
        self._turns: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._actors: dict[int, Any] = {}
        self._threads: list[threading.Thread] = []
        self._is_closed = False
        self._n_ready = 0
        self._last_ready_seen = 0.0

    def open(self, kept: Kept, report: Callable[[Arrival], None]) -> None:
        """Put `kept` into the object store, and start the actors."""
        import ray

        self._report = report
        self._reference = ray.put(kept)
        self._last_ready_seen = time.monotonic()
        for number in range(self._n_workers):
            self._actors[number] = self._new_actor()
            thread = threading.Thread(target=self._serve, args=(number,), name="sk_optuna-ray", daemon=True)
            self._threads.append(thread)
            thread.start()

    def submit(self, ticket: int, payload: bytes) -> None:
        """Queue the task; the next idle actor takes it."""
        with self._lock:
            self._waiting[ticket] = payload
        self._turns.put(True)

    def cancel(self, ticket: int) -> bool:
        """Take a task back that no actor has taken; return whether it was there."""
        with self._lock:
            return self._waiting.pop(ticket, None) is not None

    def check(self) -> int:
        """Return the number of actors, also of those that are about to start.

        Raises
        ------
        WorkerDiedError
            If none has been ready for long.
        """
        now = time.monotonic()
        if self._n_ready:
            self._last_ready_seen = now
        elif now - self._last_ready_seen > NO_WORKER_FOR:
            raise WorkerDiedError(
                f"No actor of Ray with {self._options} has started for {now - self._last_ready_seen:.0f} s. Compare "
                "ray.available_resources() with what ray_remote_args and n_jobs ask for, and search again."
            )
        return self._n_workers

    def waiting(self) -> AbstractContextManager[Any]:
        """Return a context that does nothing."""
        return nullcontext()

    def close(self) -> None:
        """End the actors at once, whatever they do."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()
            actors = list(self._actors.values())
        for actor in actors:
            _kill(actor)
        for _ in self._threads:
            self._turns.put(False)
        for thread in self._threads:
            thread.join()
        del self._reference

    def _new_actor(self) -> Any:
        import ray

        return ray.remote(_Runner).options(**self._options).remote()

    def _serve(self, number: int) -> None:
        """Hand tasks to one actor after the other has died, until the cluster is closed."""
        import ray

        while not self._is_closed:
            actor = self._actors[number]
            try:
                ray.get(actor.is_ready.remote())
            except ray.exceptions.RayError as error:
                self._refuse_all(error)
                return
            with self._lock:
                self._n_ready += 1
            try:
                self._hand_tasks_to(actor)
            finally:
                with self._lock:
                    self._n_ready -= 1
                    if not self._is_closed:
                        self._actors[number] = self._new_actor()
            _kill(actor)

    def _hand_tasks_to(self, actor: Any) -> None:
        """Have the actor run tasks until it dies, or the cluster is closed."""
        import ray

        while self._turns.get():
            if (task := self._oldest()) is None:
                continue
            ticket, payload = task
            try:
                arrival = Arrival([ticket], ray.get(actor.run.remote(self._reference, payload)))
            except ray.exceptions.RayTaskError as error:
                arrival = Arrival([ticket], error=error)
            except ray.exceptions.RayError as error:
                if not self._is_closed:
                    self._report(Arrival([ticket], death=str(error)))
                return
            self._report(arrival)

    def _oldest(self) -> tuple[int, bytes] | None:
        """Return the task that has waited longest; None if it was taken back."""
        with self._lock:
            for ticket in self._waiting:
                return ticket, self._waiting.pop(ticket)
        return None

    def _refuse_all(self, error: Exception) -> None:
        """Report that an actor cannot start, for each task, until the cluster is closed."""
        while self._turns.get():
            if (task := self._oldest()) is not None:
                self._report(Arrival([task[0]], error=error))


def _kill(actor: Any) -> None:
    """End the process of an actor, which may have ended already."""
    import ray

    ray.kill(actor)
