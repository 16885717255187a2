"""Dask's workers, through the public interface of `distributed`.

The search has a client of its own beside the user's, so that all it left on the cluster goes when that client closes,
or when this process is killed. The scheduler tells it which tasks a dead worker had. Dask itself would run these again,
up to three times, each of which may cost a worker; the search takes them back instead, and decides (`Suspects`).
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any
from uuid import uuid4

from sk_optuna.exceptions import WorkerDiedError
from sk_optuna.execution._cluster import Arrival, run_kept
from sk_optuna.execution._shared import Kept

# Seconds without any worker after which a search ends, unless joblib's `wait_for_workers_timeout` says more.
NO_WORKER_FOR = 60.0
# Seconds between looks for a worker that data can be sent to.
_LOOK_EVERY = 0.1


class DaskCluster:
    """The workers behind a client of Dask.

    Parameters
    ----------
    client : distributed.Client
        The user's client.
    submit_kwargs : dict
        Arguments of ``Client.submit`` that the user gave to ``parallel_config("dask", ...)``, such as `resources`.
    patience : float or None
        Seconds for which to wait for a first worker, as the user gave them; None for any number.
    waiting : callable
        Returns the context in which to wait: within a worker it gives up the worker's slot.
    """

    def __init__(
        self,
        client: Any,
        submit_kwargs: dict[str, Any],
        patience: float | None,
        waiting: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._of_user = client
        self._submit_kwargs = submit_kwargs
        self._patience = patience
        self.waiting = waiting
        self._client: Any = None
        self._data: Any = None
        self._lock = threading.Lock()
        self._tasks: dict[str, tuple[int, Any]] = {}
        self._is_stale = False
        self._heard: set[str] = set()
        self._last_worker_seen = time.monotonic()

    @property
    def has_threads(self) -> bool:
        """True if a worker of the cluster has several threads."""
        return any(n > 1 for n in self._of_user.nthreads().values())

    def open(self, kept: Kept, report: Callable[[Arrival], None]) -> None:
        """Hand `kept` to all workers. Those that come later fetch it from one of them."""
        from distributed import Client

        self._kept, self._report = kept, report
        connect: Any = Client
        self._client = connect(self._of_user.scheduler.address, security=self._of_user.security, set_as_default=False)
        self._hand_over()

    def submit(self, ticket: int, payload: bytes) -> None:
        """Submit the task; hand over `kept` again first if the cluster has lost it."""
        if self._is_stale:
            self._hand_over()
        key = f"sk_optuna-{uuid4().hex}"
        future = self._client.submit(run_kept, self._data, payload, key=key, pure=False, **self._submit_kwargs)
        with self._lock:
            self._tasks[key] = ticket, future
        future.add_done_callback(partial(self._finished, self._data, key))

    def cancel(self, ticket: int) -> bool:
        """Return False: the scheduler does not say whether a task has started."""
        return False

    def check(self) -> int:
        """Listen for the deaths of workers that have come, and return the number of threads of all.

        Raises
        ------
        WorkerDiedError
            If there has been no worker for long.
        """
        now = time.monotonic()
        workers: dict[str, int] = self._client.nthreads()
        for address in workers.keys() - self._heard:
            # not the topic "all", among whose events are some that the scheduler cannot send
            self._client.subscribe_topic(address, partial(self._hear, address))
        self._heard |= workers.keys()
        if workers:
            self._last_worker_seen = now
        elif self._patience and now - self._last_worker_seen > max(self._patience, NO_WORKER_FOR):
            raise WorkerDiedError(
                f"The Dask cluster at {self._client.scheduler.address} has had no worker for "
                f"{now - self._last_worker_seen:.0f} s. Start workers and search again; a cluster that takes longer to "
                "start them needs joblib.parallel_config('dask', wait_for_workers_timeout=seconds)."
            )
        return sum(workers.values())

    def close(self) -> None:
        """Close the search's own client, with which all tasks and data go; folds that run end unheard."""
        with self._lock:
            self._tasks.clear()
        if self._client is not None:
            for address in self._heard:
                self._client.unsubscribe_topic(address)
            self._client.close()
            self._client = None

    def _hand_over(self) -> None:
        """Send `kept` to all workers at once: the scheduler gives tasks to those that have it, others would idle."""
        self._data = None
        while self._data is None:
            while not self.check():
                time.sleep(_LOOK_EVERY)
            # the workers may go, and do so without a word, before they have it
            with suppress(TimeoutError):
                self._data = self._client.scatter(self._kept, broadcast=True, hash=False)
        self._is_stale = False

    def _pop(self, key: str) -> tuple[int, Any] | None:
        """Return the ticket and the future of a task; None if it was taken back, or reported already."""
        with self._lock:
            return self._tasks.pop(key, None)

    def _finished(self, data: Any, key: str, future: Any) -> None:
        """Report a task, from Dask's thread for callbacks."""
        from distributed import CancelledError
        from distributed.scheduler import KilledWorker

        result, error, is_lost = None, None, future.cancelled()
        try:
            if not is_lost and (error := future.exception()) is None:
                result = future.result()
        except CancelledError:
            # the worker died with the result, and with what it would take to run the task again
            is_lost = True
        if (task := self._pop(key)) is None:
            return
        if is_lost:
            # Nobody here cancels what is still listed: Dask does, if a task has lost its data with a worker.
            self._is_stale = self._is_stale or data is self._data
            self._report(Arrival([task[0]]))
            return
        if isinstance(error, KilledWorker):
            self._report(Arrival([task[0]], death=str(error)))
        else:
            self._report(Arrival([task[0]], result, error))

    async def _hear(self, address: str, event: tuple[float, Any]) -> None:
        """Report the tasks of a worker that died, and take them back from Dask."""
        _, message = event
        if not isinstance(message, dict) or message.get("action") != "remove-worker" or message.get("expected"):
            return
        lost = [task for key in message["processing-tasks"] if (task := self._pop(key)) is not None]
        if lost:
            self._report(Arrival(sorted(ticket for ticket, _ in lost), death=f"worker {address} was lost"))
            await self._client.cancel([future for _, future in lost], asynchronous=True)
