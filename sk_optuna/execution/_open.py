"""Choose the engine for `n_jobs` under joblib's active configuration."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from joblib import cpu_count, effective_n_jobs
from joblib.parallel import get_active_backend

from sk_optuna._compat._joblib import JoblibWorkers, eval_expr
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.execution._cluster import Cluster, ClusterEngine
from sk_optuna.execution._dask import DaskCluster
from sk_optuna.execution._engine import Engine, OnLook
from sk_optuna.execution._generations import GenerationEngine
from sk_optuna.execution._joblib import JoblibEngine
from sk_optuna.execution._limits import NO_LIMITS, Limits
from sk_optuna.execution._ray import RayCluster
from sk_optuna.execution._serial import SerialEngine
from sk_optuna.execution._together import TogetherEngine
from sk_optuna.worker import Branch, Meeting


def open_engine(
    function: Callable[..., Any],
    *,
    n_jobs: int | None,
    pre_dispatch: int | str,
    limits: Limits = NO_LIMITS,
    on_look: OnLook | None = None,
    meeting: Meeting | Branch | None = None,
    room_after: Callable[[Any], int] = int,
    is_late: Callable[[Any], bool] = lambda key: False,
) -> Engine:
    """Return the engine for `n_jobs` under joblib's active configuration.

    Parameters
    ----------
    function : callable
        The function that all tasks call.
    n_jobs : int or None
        As in joblib.
    pre_dispatch : int or str
        Most tasks outstanding at a time, as in joblib: "all", a number, or an expression of `n_jobs`.
    limits : Limits, default=NO_LIMITS
        What a task may take; any only where `ends_tasks` is True.
    on_look : callable, default=None
        Hears once a second of the tasks that run, where the engine can say: tasks in batches are not told apart.
    meeting : Meeting or None, default=None
        The meeting of tasks that do a part of their work together, where they run in this process.
    room_after, is_late : callable
        As in `TogetherEngine`; with a `meeting` only.
    """
    if meeting is not None and runs_in_this_process(n_jobs):
        return TogetherEngine(function, meeting, room_after=room_after, is_late=is_late, on_look=on_look)
    n_workers = effective_n_jobs(n_jobs)
    if _is_this_thread(n_jobs):
        return SerialEngine(function, on_look)
    room = max_outstanding(pre_dispatch, n_workers)
    workers = JoblibWorkers(n_jobs)
    if (cluster := _cluster_of(workers, n_workers)) is not None:
        grows = partial(max_outstanding, pre_dispatch)
        return ClusterEngine(function, cluster, n_workers, room=grows, on_look=on_look)
    if not workers.can_submit:
        return GenerationEngine(function, n_jobs=n_jobs, room=room)
    return JoblibEngine(
        function, workers, n_jobs=n_jobs, n_workers=n_workers, room=room, limits=limits, on_look=on_look
    )


def runs_in_this_process(n_jobs: int | None) -> bool:
    """Return whether tasks run in this process: one after the other, or in threads."""
    return _is_this_thread(n_jobs) or JoblibWorkers(n_jobs).share_memory


def ends_tasks(n_jobs: int | None) -> bool:
    """Return whether the workers behind `n_jobs` are processes that this one starts and can end."""
    return effective_n_jobs(n_jobs) > 1 and JoblibWorkers(n_jobs).are_joblibs_processes


def place_of_tasks(n_jobs: int | None) -> str:
    """Say in words where tasks run for `n_jobs` under joblib's active configuration."""
    if _is_this_thread(n_jobs):
        return "one after the other in the thread that calls fit"
    workers = JoblibWorkers(n_jobs)
    return "in threads" if workers.share_memory else f"on the workers of {workers.name}"


def _is_this_thread(n_jobs: int | None) -> bool:
    """Return whether tasks run in this thread: one worker, unless it is Dask's, which may be on another machine."""
    return effective_n_jobs(n_jobs) == 1 and (JoblibWorkers(n_jobs).cluster or ("", None))[0] != "dask"


def _cluster_of(workers: JoblibWorkers, n_workers: int) -> Cluster | None:
    """Return the cluster behind joblib's backend; None if there is none."""
    if workers.cluster is None:
        return None
    name, backend = workers.cluster
    if name == "ray":
        return RayCluster(n_workers, backend.ray_remote_args)
    return DaskCluster(
        backend.client, backend.submit_kwargs, backend.wait_for_workers_timeout, backend.retrieval_context
    )


def n_processes(n_jobs: int | None) -> int:
    """Return the number of processes behind `n_jobs` under joblib's active configuration; threads share one."""
    n_workers: int = effective_n_jobs(n_jobs)
    return 1 if n_workers == 1 or JoblibWorkers(n_jobs).share_memory else n_workers


def threads_of_a_task(n_jobs: int | None) -> int | None:
    """Return the number of threads that one task of several may use; None where it is the only one at a time.

    It is what joblib gives to each of its worker processes: `inner_max_num_threads`, or an equal share of the cores. A
    library that counts the cores of the machine by itself would use all of them in each worker. The other machines of a
    cluster are not known here, and a task has one thread.
    """
    n_workers: int = effective_n_jobs(n_jobs)
    if _is_this_thread(n_jobs):
        return None
    asked = getattr(get_active_backend()[0], "inner_max_num_threads", None)
    if asked is not None:
        return int(asked)
    return max(1, cpu_count() // n_workers) if runs_on_this_machine(n_jobs) else 1


def idle_workers_are_free(n_jobs: int | None) -> bool:
    """Return whether there are several workers behind `n_jobs`, joblib's own, of which an idle one costs nothing.

    Where workers are those of a cluster, or have a device each, somebody else may want what they would use.
    """
    return effective_n_jobs(n_jobs) > 1 and JoblibWorkers(n_jobs).are_joblibs_own


def runs_on_this_machine(n_jobs: int | None) -> bool:
    """Return whether the workers behind `n_jobs` run on this machine, under joblib's active configuration."""
    return _is_this_thread(n_jobs) or JoblibWorkers(n_jobs).are_local


def max_outstanding(pre_dispatch: int | str, n_workers: int) -> int:
    """Return the most tasks that `pre_dispatch` allows to be outstanding for `n_workers`, at least one.

    Raises
    ------
    InvalidArgumentError
        If joblib would not take `pre_dispatch`, or if it allows no task for any number of workers.
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
