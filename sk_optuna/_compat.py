"""Other people's privates, behind one door: nothing else here imports a private name of scikit-learn or joblib.

Those of Optuna have a door of their own, `_compat_optuna`, so that worker processes need not import it.

scikit-learn's pieces are called, never copied; they have had the same signatures from 1.6 to 1.9 but for what is noted.
Dropping a version is deleting what is marked with it.
"""

import copy
import inspect
import os
import queue
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from traceback import format_exc
from typing import Any

import joblib
import sklearn
from joblib._memmapping_reducer import _get_temp_dir
from joblib._utils import eval_expr
from joblib.externals.loky.backend import resource_tracker
from joblib.parallel import BatchedCalls
from sklearn.base import _fit_context as fit_context
from sklearn.metrics._scorer import _BaseScorer, _PassthroughScorer
from sklearn.metrics._scorer import _MultimetricScorer as MultimetricScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._search import _search_estimator_has as search_estimator_has
from sklearn.model_selection._validation import _fit_and_score, _insert_error_scores, _warn_or_raise_about_fit_failures
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import _safe_split as safe_split
from sklearn.utils.parallel import delayed
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _num_samples as num_samples

try:
    from joblib.externals import cloudpickle  # joblib until 1.5 brings its own
except ImportError:
    import cloudpickle

__all__ = [
    "BaseSearchCV",
    "CloudPickler",
    "Interval",
    "JoblibWorkers",
    "MultimetricScorer",
    "NoTask",
    "SharedFolder",
    "StrOptions",
    "begin_fit",
    "check_method_params",
    "detached_task",
    "dumps",
    "eval_expr",
    "fit_and_score",
    "fit_context",
    "has_callbacks",
    "insert_error_scores",
    "loads",
    "num_samples",
    "only_predicts",
    "own_warm_start",
    "safe_split",
    "search_estimator_has",
    "warn_or_raise_about_fit_failures",
    "watching_scorer",
    "with_caller_config",
]

insert_error_scores = _insert_error_scores
warn_or_raise_about_fit_failures = _warn_or_raise_about_fit_failures


# --- scikit-learn: callbacks, new in 1.9 ------------------------------------------------------------------------------

_HAS_CALLBACKS = hasattr(BaseSearchCV, "_init_callback_context")


class NoTask:
    """A task that nobody watches, for scikit-learn before 1.9 and for folds without callbacks."""

    def subcontext(self, **kwargs: Any) -> "NoTask":
        """Return a task that nobody watches either."""
        return self

    def propagate_callback_context(self, sub_estimator: Any) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    def call_on_fit_task_begin(self, **kwargs: Any) -> "NoTask":
        """Do nothing."""
        return self

    def call_on_fit_task_end(self, **kwargs: Any) -> bool:
        """Do nothing, and do not ask to stop."""
        return False


def begin_fit(search: Any, *, max_subtasks: int, **kwargs: Any) -> Any:
    """Return the root task of a fit, begun; `kwargs` are those of ``call_on_fit_task_begin``."""
    if not _HAS_CALLBACKS:
        return NoTask()
    context = search._init_callback_context(max_subtasks=max_subtasks)
    return context.call_on_fit_task_begin(estimator=search, **kwargs)


def has_callbacks(estimator: Any) -> bool:
    """Return whether scikit-learn callbacks are set on an estimator or one within."""
    return any(hasattr(each, "_skl_callbacks") for each in (estimator, *estimator.get_params().values()))


def detached_task(context: Any) -> Any:
    """Return a copy of a task and its ancestors without any other descendants, to be sent to a worker.

    The whole tree would be pickled with every fold, and while it grows.
    """
    if isinstance(context, NoTask):
        return context
    detached = copy.copy(context)
    detached._children_map = {}
    if context.parent is not None:
        detached.parent = detached_task(context.parent)
        detached.parent._children_map = {detached.task_id: detached}
    return detached


def fit_and_score(*args: Any, caller: Any, callback_ctx: Any, **kwargs: Any) -> dict[str, Any]:
    """Call scikit-learn's ``_fit_and_score``, which knows `caller` and `callback_ctx` since 1.9."""
    if "callback_ctx" in _FIT_AND_SCORE_PARAMETERS:
        kwargs.update(caller=caller, callback_ctx=callback_ctx)
    result: dict[str, Any] = _fit_and_score(*args, **kwargs)
    return result


_FIT_AND_SCORE_PARAMETERS = inspect.signature(_fit_and_score).parameters


# --- scikit-learn: scorers --------------------------------------------------------------------------------------------


def only_predicts(scorer: Any) -> bool:
    """Return whether a scorer is scikit-learn's own: it predicts for the rows, or calls the estimator's `score`."""
    scorers = scorer._scorers.values() if isinstance(scorer, MultimetricScorer) else [scorer]
    return all(isinstance(each, _BaseScorer | _PassthroughScorer) for each in scorers)


def watching_scorer(scorer: Any, watch: Callable[[Any], None], failed: Callable[[str], None]) -> Any:
    """Return `scorer` so that ``watch(X)`` is called before it scores, and ``failed(traceback)`` if it raises.

    ``_fit_and_score`` treats several metrics otherwise than one, and knows them by their class.
    """
    if isinstance(scorer, MultimetricScorer):
        return _WatchingMultimetricScorer(scorer, watch, failed)

    return _WatchingScorer(scorer, watch, failed)


class _WatchingScorer:
    def __init__(self, scorer: Any, watch: Callable[[Any], None], failed: Callable[[str], None]) -> None:
        self._scorer = scorer
        self._watch = watch
        self._failed = failed

    def __call__(self, estimator: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        self._watch(X)
        try:
            return self._scorer(estimator, X, *args, **kwargs)
        except Exception:
            self._failed(format_exc())
            raise

    def __repr__(self) -> str:
        """Name the scorer as scikit-learn's messages are to name it."""
        return repr(self._scorer)


class _WatchingMultimetricScorer(MultimetricScorer):
    def __init__(self, scorer: Any, watch: Callable[[Any], None], failed: Callable[[str], None]) -> None:
        super().__init__(scorers=scorer._scorers, raise_exc=scorer._raise_exc)
        self._watch = watch
        self._failed = failed

    def __call__(self, estimator: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        self._watch(X)
        scores = super().__call__(estimator, X, *args, **kwargs)
        for score in scores.values():
            if isinstance(score, str):  # the traceback of a scorer that raised
                self._failed(score)
        return scores


# --- scikit-learn: forests, which advise against a warm start with class weights --------------------------------------


@contextmanager
def own_warm_start(estimator: Any) -> Iterator[None]:
    """Have `fit` keep its advice on a warm start to itself: that other rows would have other weights than the first.

    Parameters
    ----------
    estimator : estimator
        One that is fitted on the same rows again and again; any that gives no such advice is left as it is.
    """
    name = "_validate_y_class_weight"
    validate = getattr(estimator, name, None)
    if validate is None:
        yield
        return

    def validate_as_if_fitted_once(*args: Any, **kwargs: Any) -> Any:
        estimator.warm_start = False
        try:
            return validate(*args, **kwargs)
        finally:
            estimator.warm_start = True

    vars(estimator)[name] = validate_as_if_fitted_once
    try:
        yield
    finally:
        del vars(estimator)[name]


# --- scikit-learn: configuration in workers; `with_config` until 1.6, `with_config_and_warning_filters` since ---------


def with_caller_config(function: Callable[..., Any], *, in_threads: bool = False) -> Callable[..., Any]:
    """Return `function` so that it runs under this thread's scikit-learn configuration and warning filters.

    Threads share the filters of the process, so in them nothing is exchanged, which all would see.
    """
    if in_threads:
        return sklearn.config_context(**sklearn.get_config())(function)  # type: ignore[no-any-return]
    wrapped, _, _ = delayed(function)()
    config = sklearn.get_config()
    if hasattr(wrapped, "with_config_and_warning_filters"):
        return wrapped.with_config_and_warning_filters(config, list(warnings.filters))  # type: ignore[no-any-return]
    return wrapped.with_config(config)  # type: ignore[no-any-return]


# --- joblib: its active backend as a place to submit single calls. Until 1.4 `submit` was `apply_async`, and
# `_backend_kwargs` was `_backend_args` -------------------------------------------------------------------------------

CloudPickler = cloudpickle.CloudPickler
dumps = cloudpickle.dumps
loads = cloudpickle.loads


class SharedFolder:
    """A folder that worker processes of this machine share, where joblib would put its memory maps.

    It is removed by `remove`, or, should this process be killed before, by the process that removes joblib's own.

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
        """Whether the backend has what single calls need; else use ``joblib.Parallel``."""
        backend = self._backend
        return (
            getattr(backend, "supports_retrieve_callback", False)
            and (hasattr(backend, "submit") or hasattr(backend, "apply_async"))
            and hasattr(backend, "retrieve_result_callback")
        )

    @property
    def share_memory(self) -> bool:
        """Whether the workers are threads of this process."""
        return bool(getattr(self._backend, "supports_sharedmem", False))

    @property
    def are_local(self) -> bool:
        """Whether the workers are threads or processes of this machine, as far as is known of the backend."""
        kind = type(self._backend)
        return kind.__name__ in _LOCAL_BACKENDS or kind.__module__.startswith("sk_optuna.")

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

        def retrieve_error(future: Any) -> None:  # dask calls back only for what succeeded
            if not future.cancelled() and future.exception() is not None:
                done(None, future.exception())

        submit = backend.submit if _has_submit(backend) else backend.apply_async
        job = submit(call, callback=retrieve)
        if hasattr(job, "add_done_callback"):
            job.add_done_callback(retrieve_error)
        return job

    def waiting(self) -> AbstractContextManager[Any]:
        """Return the context to wait for results in: within a dask worker it gives up the worker's slot."""
        context: AbstractContextManager[Any] = getattr(self._backend, "retrieval_context", nullcontext)()
        return context

    def lost_one(self) -> bool:
        """Return whether a process of a multiprocessing pool has died; the pool itself replaces it without a word."""
        return self._pool_pids() != self._pids

    def stop(self) -> None:
        """Leave the workers as joblib leaves them."""
        if hasattr(self._backend, "stop_call"):
            self._backend.stop_call()
        self._parallel.__exit__(None, None, None)

    def cancel(self, job: Any) -> bool:
        """Call off a job that has not started, if the backend can; dask does not survive that its futures are."""
        return self._loky is not None and bool(job.cancel())

    def abort(self) -> None:
        """Leave the workers at once, whatever they do."""
        if self._loky is not None:  # its thread stumbles over what is still queued when the workers are killed
            _empty_queue_of(self._loky)
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
        executor = getattr(self._backend, "_workers", None)
        return executor if hasattr(executor, "_temp_folder_manager") else None


def _empty_queue_of(executor: Any) -> None:
    """Take from a loky executor the calls that no worker was handed yet."""
    with suppress(queue.Empty):
        while True:
            executor._pending_work_items.pop(executor._work_ids.get_nowait(), None)


def _has_submit(backend: Any) -> bool:
    """Return whether the backend implements `submit` rather than inheriting the stub that calls `apply_async`."""
    base = joblib.parallel.ParallelBackendBase
    return getattr(type(backend), "submit", None) is not getattr(base, "submit", None)
