"""joblib's privates: its active backend as a place to submit single calls, and its folder for memory maps.

Until joblib 1.4 a backend's `submit` was `apply_async`, and `_backend_kwargs` was `_backend_args`.
"""

import os
import queue
import shutil
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from multiprocessing.pool import TERMINATE
from typing import Any, Literal

import joblib
from joblib._memmapping_reducer import _get_temp_dir
from joblib._utils import eval_expr
from joblib.externals.loky.backend import resource_tracker
from joblib.externals.loky.backend.utils import kill_process_tree
from joblib.parallel import BatchedCalls, LokyBackend, MultiprocessingBackend

try:
    # joblib until 1.5 brings its own.
    from joblib.externals import cloudpickle
except ImportError:
    import cloudpickle

__all__ = ["CloudPickler", "JoblibWorkers", "SharedFolder", "dumps", "eval_expr", "loads", "loky_executor"]

CloudPickler = cloudpickle.CloudPickler
dumps = cloudpickle.dumps
loads = cloudpickle.loads


class SharedFolder:
    """A folder that worker processes of this machine share, where joblib would put its memory maps.

    `remove` removes it; if this process is killed before, the process that removes joblib's own folders does.

    Attributes
    ----------
    path : str
        The folder.
    """

    def __init__(self) -> None:
        self.path, _ = _get_temp_dir(f"sk_optuna_{uuid.uuid4().hex}")
        os.makedirs(self.path, exist_ok=True)
        resource_tracker.register(self.path, "folder")

    def remove(self) -> None:
        """Remove the folder; a second time does nothing."""
        if os.path.isdir(self.path):
            shutil.rmtree(self.path, ignore_errors=True)
            resource_tracker.unregister(self.path, "folder")


_LOCAL_BACKENDS = {"LokyBackend", "MultiprocessingBackend", "SequentialBackend", "ThreadingBackend"}


class JoblibWorkers:
    """The workers of joblib's active backend, entered and left as ``joblib.Parallel`` enters and leaves them.

    ``joblib.Parallel`` itself consumes an iterator ahead of the results; here one call is submitted at a time.

    Parameters
    ----------
    n_jobs : int or None
        As in ``joblib.Parallel``.
    """

    def __init__(self, n_jobs: int | None) -> None:
        self._parallel = joblib.Parallel(n_jobs=joblib.effective_n_jobs(n_jobs))
        self._backend = self._parallel._backend
        self._pids: set[int] = set()

    @property
    def can_submit(self) -> bool:
        """True if single calls can be submitted to the backend; if not, use ``joblib.Parallel``."""
        backend = self._backend
        return (
            getattr(backend, "supports_retrieve_callback", False)
            and (hasattr(backend, "submit") or hasattr(backend, "apply_async"))
            and hasattr(backend, "retrieve_result_callback")
        )

    @property
    def cluster(self) -> tuple[Literal["dask", "ray"], Any] | None:
        """The name of the library whose cluster the backend uses, and the backend; None if it uses none of them."""
        kind = type(self._backend)
        if kind.__name__ == "DaskDistributedBackend":
            return "dask", self._backend
        return ("ray", self._backend) if kind.__module__.startswith("ray.") else None

    @property
    def share_memory(self) -> bool:
        """True if the workers are threads of this process."""
        return bool(getattr(self._backend, "supports_sharedmem", False))

    @property
    def are_local(self) -> bool:
        """True if the backend is known to have its workers on this machine, as threads or processes."""
        return self.are_joblibs_own or type(self._backend).__module__.startswith("sk_optuna.")

    @property
    def are_joblibs_own(self) -> bool:
        """True if the backend is one of those that joblib brings for this machine."""
        kind = type(self._backend)
        return kind.__name__ in _LOCAL_BACKENDS and kind.__module__.startswith("joblib.")

    @property
    def are_joblibs_processes(self) -> bool:
        """True if the workers are processes that joblib starts on this machine, and that can be ended."""
        return isinstance(self._backend, LokyBackend | MultiprocessingBackend) and self.cluster is None

    @property
    def name(self) -> str:
        """The name of the backend's class."""
        return type(self._backend).__name__

    @property
    def memmap_threshold(self) -> int | None:
        """Bytes beyond which an array is memory-mapped instead of sent; None if none is."""
        parallel = self._parallel
        arguments = parallel._backend_kwargs if hasattr(parallel, "_backend_kwargs") else parallel._backend_args
        threshold: int | None = arguments["max_nbytes"]
        return threshold

    def start(self) -> None:
        """Start the workers, or join those that are there."""
        self._parallel.__enter__()
        self._backend = self._parallel._backend
        if hasattr(self._backend, "start_call"):
            self._backend.start_call()
        self._pids = self._pool_pids()

    def submit(self, function: Callable[..., Any], args: tuple[Any, ...], done: Callable[[Any, Any], None]) -> Any:
        """Run ``function(*args)`` on a worker; ``done(result, error)`` is called from another thread, once or more."""
        backend = self._backend
        call = BatchedCalls([(function, args, {})], backend.get_nested_backend(), self._use_own_temp_folder)

        def retrieve(out: Any = None) -> None:
            try:
                (result,) = backend.retrieve_result_callback(out)
            except BaseException as error:
                done(None, error)
            else:
                done(result, None)

        def retrieve_error(future: Any) -> None:  # dask calls back for successes only
            if not future.cancelled() and future.exception() is not None:
                done(None, future.exception())

        submit = backend.submit if _has_submit(backend) else backend.apply_async
        job = submit(call, callback=retrieve)
        if hasattr(job, "add_done_callback"):
            job.add_done_callback(retrieve_error)
        return job

    def waiting(self) -> AbstractContextManager[Any]:
        """Return the context in which to wait for results: within a dask worker it gives up the worker's slot."""
        context: AbstractContextManager[Any] = getattr(self._backend, "retrieval_context", nullcontext)()
        return context

    def lost_one(self) -> bool:
        """Return whether a process of a multiprocessing pool has died; the pool itself replaces it silently."""
        return self._pool_pids() != self._pids

    def stop(self) -> None:
        """Leave the workers as joblib leaves them."""
        if hasattr(self._backend, "stop_call"):
            self._backend.stop_call()
        self._parallel.__exit__(None, None, None)

    def cancel(self, job: Any) -> bool:
        """Cancel a job that has not started, on loky only: dask does not survive cancelled futures."""
        return self._loky is not None and job is not None and bool(job.cancel())

    def abort(self) -> None:
        """Leave the workers at once, whatever they do."""
        if self._loky is not None:
            # Its thread would stumble over calls that are queued when the workers are killed.
            _empty_queue_of(self._loky)
        if isinstance(self._backend, MultiprocessingBackend):
            _kill_workers_of(self._backend._pool)
        # An interrupt may have ended an earlier call, after loky's executor was gone.
        if self._loky is not None or not isinstance(self._backend, LokyBackend):
            self._backend.abort_everything(ensure_ready=False)
        self.stop()

    def _pool_pids(self) -> set[int]:
        processes = getattr(getattr(self._backend, "_pool", None), "_pool", [])
        return {process.pid for process in processes if hasattr(process, "pid")}

    def _use_own_temp_folder(self) -> None:
        """Have loky keep memory maps in the folder that is removed when this call to it ends."""
        if self._loky is not None:
            self._loky._temp_folder_manager.set_current_context(self._parallel._id)

    @property
    def _loky(self) -> Any:
        """The executor of loky, None for other backends."""
        return loky_executor(self._backend)


def loky_executor(backend: Any) -> Any:
    """Return the executor of a loky backend that was started; None of any other."""
    executor = getattr(backend, "_workers", None)
    return executor if hasattr(executor, "_temp_folder_manager") else None


def _empty_queue_of(executor: Any) -> None:
    """Take from a loky executor the calls that no worker received yet."""
    with suppress(queue.Empty):
        while True:
            executor._pending_work_items.pop(executor._work_ids.get_nowait(), None)


def _kill_workers_of(pool: Any) -> None:
    """Kill the workers of a pool of multiprocessing, if there is one, and free the locks that they held.

    Its own `terminate` waits for workers that ignore SIGTERM, and for locks of dead ones: that on the queue of tasks,
    which one idle worker always holds, and that on the queue of results. The thread that replaces dead workers ends
    first.
    """
    if pool is None:
        return
    pool._worker_handler._state = TERMINATE
    pool._change_notifier.put(None)
    pool._worker_handler.join()
    for process in pool._pool:
        kill_process_tree(process)
    for lock in (pool._inqueue._rlock, pool._outqueue._wlock):
        if lock is not None:
            # Held for longer than a thread of this process would, it is held by a dead worker.
            lock.acquire(timeout=0.5)
            lock.release()


def _has_submit(backend: Any) -> bool:
    """Return whether the backend implements `submit` rather than inheriting the stub that calls `apply_async`."""
    base = joblib.parallel.ParallelBackendBase
    return getattr(type(backend), "submit", None) is not getattr(base, "submit", None)
