"""One set of claims, run on every engine."""

import contextlib
import os
import pickle
import threading
import time
import uuid
import warnings
from multiprocessing.connection import Connection
from multiprocessing.pool import ThreadPool
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from joblib.externals.loky import reusable_executor
from joblib.externals.loky.backend import queues as loky_queues
from joblib.parallel import ParallelBackendBase
from scipy.stats import uniform
from sklearn.base import BaseEstimator

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._joblib import JoblibWorkers
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.execution import max_outstanding, open_engine
from sk_optuna.execution._cluster import ClusterEngine
from sk_optuna.execution._generations import GenerationEngine
from sk_optuna.execution._joblib import JoblibEngine
from sk_optuna.execution._serial import SerialEngine
from sk_optuna.execution._together import TogetherEngine
from sk_optuna.worker import Meeting, MeetingClosedError, MemberExpelledError, current_place

pytestmark = [
    pytest.mark.usefixtures("sent_by_value"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


# --- the engines ------------------------------------------------------------------------------------------------------


class OldFashionedBackend(ParallelBackendBase):
    """Two threads behind what joblib asked of a backend before there were retrieve callbacks."""

    supports_retrieve_callback = False
    supports_sharedmem = True
    uses_threads = True

    def effective_n_jobs(self, n_jobs):
        return 1 if n_jobs is None else n_jobs

    def configure(self, n_jobs=1, parallel=None, **kwargs):
        self.parallel = parallel
        self._pool = None
        return self.effective_n_jobs(n_jobs)

    def apply_async(self, func, callback=None):
        if self._pool is None:
            self._pool = ThreadPool(2)
        return self._pool.apply_async(func, callback=callback)

    submit = apply_async

    def terminate(self):
        if self._pool is not None:
            self._pool.terminate()


joblib.register_parallel_backend("old-fashioned", OldFashionedBackend)

_KINDS = {
    "serial": ("loky", 1, SerialEngine),
    "generation": ("old-fashioned", 2, GenerationEngine),
    "loky": ("loky", 2, JoblibEngine),
    "threading": ("threading", 2, JoblibEngine),
    "multiprocessing": ("multiprocessing", 2, JoblibEngine),
    "dask": ("dask", 2, ClusterEngine),
    "together": ("loky", 1, TogetherEngine),
}

every_engine = pytest.mark.parametrize("kind", _KINDS)
process_engines = pytest.mark.parametrize("kind", ["loky", "multiprocessing", "dask"])
engines_with_maps = pytest.mark.parametrize("kind", ["loky", "multiprocessing"])


@contextlib.contextmanager
def _opened(kind, function, *, pre_dispatch="2*n_jobs", n_turns=1, **config):
    """Enter an engine of this kind under joblib's configuration for it."""
    backend, n_jobs, expected = _KINDS[kind]
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs, **config):
        meeting = Meeting(n_turns=n_turns) if kind == "together" else None
        together = {"meeting": meeting, "room_after": lambda result: 100}
        engine = open_engine(function, n_jobs=None, pre_dispatch=pre_dispatch, **together)
        assert isinstance(engine, expected)
        with engine:
            yield engine


def _run_all(engine, tasks):
    """Submit tasks as far as there is room, take what comes, and return the outcomes in order of arrival."""
    waiting, outcomes = list(tasks), []
    while waiting or not engine.is_idle:
        while waiting and engine.has_room:
            key, *args = waiting.pop(0)
            engine.submit(key, *args)
        outcomes.append(engine.wait())
    return outcomes


def _square(x):
    time.sleep(x * 7 % 5 / 1000)
    return x * x


# --- tasks and results ------------------------------------------------------------------------------------------------


@every_engine
def test_every_task_comes_back_once_with_its_own_result(kind):
    with _opened(kind, _square) as engine:
        assert engine.is_idle
        outcomes = _run_all(engine, [((n, "fold"), n) for n in range(23)])
        assert engine.is_idle
    assert sorted(outcome.key for outcome in outcomes) == [(n, "fold") for n in range(23)]
    assert all(outcome.result == outcome.key[0] ** 2 for outcome in outcomes)
    assert all(outcome.death is None and outcome.seconds >= 0 for outcome in outcomes)


@every_engine
def test_an_engine_can_be_left_without_a_task(kind):
    with _opened(kind, _square) as engine:
        assert engine.has_room


@pytest.mark.parametrize(("pre_dispatch", "room"), [(1, 1), ("n_jobs", 2), ("2*n_jobs", 4), ("n_jobs + 1", 3), (7, 7)])
@pytest.mark.parametrize("kind", [kind for kind in _KINDS if kind != "together"])
def test_pre_dispatch_says_how_many_tasks_are_submitted(kind, pre_dispatch, room):
    with _opened(kind, _square, pre_dispatch=pre_dispatch) as engine:
        submitted = 0
        while engine.has_room:
            engine.submit(submitted, submitted)
            submitted += 1
        assert submitted == (1 if kind == "serial" else room)
        engine.wait()
        assert engine.has_room
        while not engine.is_idle:
            engine.wait()


def test_tasks_that_meet_are_all_there_at_once():
    n_met = []
    all_there = threading.Event()

    def together(meeting, parts):
        n_met.append(len(parts))
        return parts

    def meet(x):
        if x < 0:
            return x
        assert all_there.wait(60)
        return current_place().bring(x, together)

    with _opened("together", meet) as engine:
        engine.submit((-1,), -1)
        assert not engine.has_room  # the first one shows what kind they are
        assert engine.wait().result == -1
        for key in range(9):
            assert engine.has_room
            assert engine.has_idle_worker == (key == 0)
            engine.submit((key,), key)
        all_there.set()
        assert sorted(engine.wait().result for _ in range(9)) == list(range(9))
    assert n_met == [9]


def test_result_tells_how_many_tasks_may_run_at_once():
    with joblib.parallel_config(n_jobs=1):
        engine = open_engine(
            _square, n_jobs=None, pre_dispatch="all", meeting=Meeting(), room_after=lambda result: result - 4
        )
    with engine:
        room = []
        for key in (2, 3, 2, 1):
            engine.submit((key,), key)
            engine.wait()
            n_more = 0
            while engine.has_room:
                n_more += 1
                engine.submit((key, n_more), key)
            room.append(n_more)
            while not engine.is_idle:
                engine.wait()
        assert room == [1, 5, 1, 1]


def test_task_that_runs_alone_runs_in_the_thread_of_the_search():
    here = threading.current_thread()
    for room, is_here in ((1, [True, True]), (2, [True, False])):
        with joblib.parallel_config(n_jobs=1):
            engine = open_engine(
                lambda: threading.current_thread() is here,
                n_jobs=None,
                pre_dispatch="all",
                meeting=Meeting(),
                room_after=lambda result, room=room: room,
            )
        with engine:
            found = []
            for key in range(2):
                engine.submit((key,))
                assert not engine.is_idle
                found.append(engine.wait().result)
        assert found == is_here


def test_as_many_tasks_run_as_the_meeting_has_turns_though_they_are_not_done_together():
    both = threading.Barrier(2)

    def wait_for_the_other(x):
        return x and both.wait(60) >= 0

    with joblib.parallel_config(n_jobs=1):
        engine = open_engine(
            wait_for_the_other,
            n_jobs=None,
            pre_dispatch="all",
            meeting=Meeting(n_turns=2),
            room_after=lambda result: 0,
        )
    with engine:
        engine.submit((0,), 0)
        assert engine.wait().result == 0
        for key in (1, 2):
            assert engine.has_room
            engine.submit((key,), key)
        assert not engine.has_room
        assert [engine.wait().result for _ in range(2)] == [True, True]


def test_task_that_is_late_ends_when_it_meets_the_others_and_so_does_one_that_is_cancelled():
    def meet(x):
        while x:
            current_place().bring(x, lambda meeting, parts: parts)
        return x

    with joblib.parallel_config(n_jobs=1):
        engine = open_engine(
            meet,
            n_jobs=None,
            pre_dispatch="all",
            meeting=Meeting(),
            room_after=lambda result: 9,
            is_late=lambda key: key == (1,),
        )
    with engine:
        engine.submit((0,), 0)
        engine.wait()
        engine.submit((1,), 1)
        engine.submit((2,), 2)
        late = engine.wait()
        assert (late.key, type(late.error)) == ((1,), MemberExpelledError)
        assert not engine.cancel((2,))
        assert isinstance(engine.wait().error, MemberExpelledError)


def test_leaving_the_engine_ends_what_waits_in_the_meeting():
    ends = []

    def wait_in_vain(x):
        if x in (0, 3):
            return x
        try:
            # the other one is there, and brings nothing
            return gone.wait(timeout=200) if x == 1 else current_place().bring(x, lambda meeting, parts: parts)
        except MeetingClosedError as error:
            ends.append(error)
            gone.set()
            raise

    gone = threading.Event()
    with _opened("together", wait_in_vain, n_turns=2) as engine:
        engine.submit((0,), 0)
        assert engine.wait().result == 0
        for key in (1, 2, 3):
            engine.submit((key,), key)
        assert engine.wait().result == 3
    assert len(ends) == 1


def test_pre_dispatch_all_has_no_bound():
    assert max_outstanding("all", 2) > 10**6


@pytest.mark.parametrize("pre_dispatch", [0, -1, "0*n_jobs", "jobs", "", None, "1/0", "__import__('os')"])
def test_a_pre_dispatch_that_is_no_number_is_refused(pre_dispatch):
    with pytest.raises(InvalidArgumentError, match="'pre_dispatch' parameter must be 'all', a number"):
        max_outstanding(pre_dispatch, 2)


def _raise(x):
    if x == 3:
        raise LookupError(f"no {x}")
    return x


@every_engine
def test_an_exception_of_the_function_is_raised_in_wait_or_is_the_outcomes(kind):
    def raise_first():
        with _opened(kind, _raise) as engine:
            raise next(outcome.error for outcome in _run_all(engine, [(n, n) for n in range(6)]) if outcome.error)

    with pytest.raises(LookupError, match="no 3"):
        raise_first()
    _assert_joblib_works(kind)


def _wait_for(path, x):
    while path is not None and not Path(path).exists():
        time.sleep(0.001)
    return x


@pytest.mark.parametrize("kind", ["loky", "threading", "multiprocessing", "dask"])
def test_workers_are_idle_while_there_are_fewer_tasks_than_workers(kind, tmp_path):
    with _opened(kind, _wait_for) as engine:
        assert engine.has_idle_worker
        for key in range(2):
            assert engine.has_idle_worker
            engine.submit(key, str(tmp_path / "go"), key)
        assert engine.has_room
        assert not engine.has_idle_worker
        (tmp_path / "go").touch()
        engine.wait()
        assert engine.has_idle_worker
        engine.wait()


def test_one_worker_is_never_idle_and_two_are_where_pre_dispatch_lets_them():
    with _opened("serial", _square) as engine:
        assert not engine.has_idle_worker
    with _opened("threading", _square, pre_dispatch=1) as engine:
        assert engine.has_idle_worker
        engine.submit(0, 1)
        assert not engine.has_idle_worker
        engine.wait()


def test_a_batch_has_idle_workers_until_it_is_as_large_as_they_are_many():
    with _opened("generation", _square) as engine:
        for key in range(2):
            assert engine.has_idle_worker
            engine.submit(key, key)
        assert not engine.has_idle_worker
        engine.wait()
        # The other outcome may show what to run next.
        assert not engine.has_idle_worker
        engine.wait()
        assert engine.has_idle_worker


@pytest.mark.parametrize("kind", ["generation", "loky"])
def test_a_task_that_was_cancelled_has_no_outcome(kind, tmp_path):
    path = str(tmp_path / "go") if kind == "loky" else None
    with _opened(kind, _wait_for, pre_dispatch="all") as engine:
        for key in range(12):
            engine.submit(key, path, key)
        assert engine.cancel(11)
        assert not engine.cancel(11)
        assert not engine.cancel("unknown")
        (tmp_path / "go").touch()
        outcomes = [engine.wait() for _ in range(11)]
        assert engine.is_idle
    assert sorted(outcome.key for outcome in outcomes) == list(range(11))
    _assert_joblib_works(kind)


def _lock_or_number(x):
    return threading.Lock() if x == 1 else x


@process_engines
def test_a_result_that_cannot_be_pickled_is_the_outcomes_error(kind):
    with _opened(kind, _lock_or_number) as engine:
        errors = {outcome.key: outcome.error for outcome in _run_all(engine, [(n, n) for n in range(4)])}
    assert "pickle" in str(errors.pop(1))
    assert set(errors.values()) == {None}
    _assert_joblib_works(kind)


@process_engines
def test_an_argument_that_cannot_be_pickled_is_raised_in_submit(kind):
    with _opened(kind, _square) as engine:
        with pytest.raises(TypeError, match="pickle"):
            engine.submit(0, threading.Lock())
        engine.submit(1, 5)
        assert engine.wait().result == 25
        assert engine.is_idle
    _assert_joblib_works(kind)


@process_engines
def test_arguments_are_what_they_were_when_submitted(kind):
    with _opened(kind, sum, pre_dispatch="all") as engine:
        numbers = [1]
        for key in range(8):
            engine.submit(key, numbers)
            numbers.append(1)
        outcomes = [engine.wait() for _ in range(8)]
    assert {outcome.key: outcome.result for outcome in outcomes} == {n: n + 1 for n in range(8)}


# --- what workers know ------------------------------------------------------------------------------------------------


def _assume_finite(x):
    return sklearn.get_config()["assume_finite"], sklearn.get_config()["enable_metadata_routing"]


@every_engine
def test_configuration_of_scikit_learn_reaches_the_workers(kind):
    with sklearn.config_context(assume_finite=True, enable_metadata_routing=True), _opened(kind, _assume_finite) as e:
        inside = {outcome.result for outcome in _run_all(e, [(n, n) for n in range(4)])}
    with _opened(kind, _assume_finite) as engine:
        outside = {outcome.result for outcome in _run_all(engine, [(n, n) for n in range(4)])}
    assert inside == {(True, True)}
    assert outside == {(False, False)}


class Data:
    """A function that holds arrays, and says where they are."""

    def __init__(self, n_rows):
        self.large = np.arange(n_rows * 4, dtype=float).reshape(-1, 4)
        self.fortran = np.asfortranarray(self.large)
        self.small = np.arange(5)

    def __call__(self, x):
        time.sleep(0.01)
        where = []
        for array in (self.large, self.fortran):
            base = array
            while base is not None and not isinstance(base, np.memmap):
                base = base.base if isinstance(base, np.ndarray) else getattr(base, "obj", None)
            where.append((None if base is None else str(base.filename), array.flags.writeable))
        assert self.fortran.flags.f_contiguous
        return os.getpid(), where, float(self.large[x].sum() + self.fortran[x].sum())


@engines_with_maps
def test_large_arrays_reach_process_workers_once_as_read_only_memory_maps(kind):
    data = Data(60_000)
    with _opened(kind, data) as engine:
        results = [outcome.result for outcome in _run_all(engine, [(n, n) for n in range(16)])]
    maps = {tuple(where) for _, where, _ in results}
    assert len({pid for pid, _, _ in results} - {os.getpid()}) in (1, 2)
    assert len(maps) == 1  # the same files in every worker and at every task
    (of_large, may_write), (of_fortran, may_write_too) = next(iter(maps))
    assert of_large is not None
    assert of_fortran is not None
    assert not may_write
    assert not may_write_too
    assert sorted(total for _, _, total in results) == [2.0 * data.large[n].sum() for n in range(16)]
    assert data.large.flags.writeable


@pytest.mark.parametrize("kind", ["serial", "threading", "generation", "together"])
def test_threads_see_the_very_arrays(kind):
    data = Data(10)
    with _opened(kind, lambda x: data.large) as engine:
        assert all(outcome.result is data.large for outcome in _run_all(engine, [(n, n) for n in range(4)]))


@pytest.fixture
def sent(monkeypatch):
    """Sizes of what goes to process workers, as it goes over the wire."""
    sizes = []
    dumps, send_bytes, parent = loky_queues.dumps, Connection.send_bytes, os.getpid()

    def noted_dumps(obj, *args, **kwargs):
        stream = dumps(obj, *args, **kwargs)
        if os.getpid() == parent:
            sizes.append(len(stream))
        return stream

    def noted_send(self, stream, *args, **kwargs):
        if os.getpid() == parent:
            sizes.append(len(stream))
        return send_bytes(self, stream, *args, **kwargs)

    monkeypatch.setattr(loky_queues, "dumps", noted_dumps)
    monkeypatch.setattr(Connection, "send_bytes", noted_send)
    return sizes


@engines_with_maps
def test_a_task_does_not_grow_with_the_data(kind, sent):
    largest = []
    for n_rows in (40_000, 160_000):
        sent.clear()
        with _opened(kind, Data(n_rows)) as engine:
            _run_all(engine, [(n, n) for n in range(6)])
        assert len(sent) >= 6  # or nothing was measured
        largest.append(max(sent))
    assert largest[1] < 20_000
    assert abs(largest[1] - largest[0]) < 200


class Mean(BaseEstimator):
    def __init__(self, a=1.0):
        self.a = a

    def fit(self, X, y=None):
        self.mean_ = float(np.mean(X))
        return self

    def score(self, X, y=None):
        return self.mean_ - (self.a - 0.3) ** 2 + float(np.mean(X))


def _search(**arguments):
    space = {"a": [0.1, 0.2, 0.3, 0.4, 0.5]}
    return OptunaSearchCV(Mean(), space, n_trials=4, cv=3, random_state=0, **arguments)


@engines_with_maps
def test_index_arrays_are_not_sent_with_a_fold(kind, sent):
    rows = np.random.default_rng(0).normal(size=(60_000, 2))
    largest = []
    for X in (rows[:30_000], rows):
        sent.clear()
        with joblib.parallel_config(backend=kind):
            _search(n_jobs=2, refit=False).fit(X)
        assert len(sent) >= 12
        largest.append(max(sent))
    assert largest[1] < 20_000  # the indices of one fold's training rows are 320 kB
    assert abs(largest[1] - largest[0]) < 200


@engines_with_maps
def test_max_nbytes_none_turns_memory_maps_off(kind):
    with _opened(kind, Data(40_000), max_nbytes=None) as engine:
        results = [outcome.result for outcome in _run_all(engine, [(n, n) for n in range(4)])]
    assert {where[0][0] for _, where, _ in results} == {None}


# --- leaving ----------------------------------------------------------------------------------------------------------


def _identity(x):
    return x


def _assert_joblib_works(kind):
    backend, n_jobs, _ = _KINDS[kind]
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        assert joblib.Parallel()(joblib.delayed(_identity)(n) for n in range(6)) == list(range(6))


def _nap(x):
    time.sleep(0.03)
    return x


class _EnoughError(Exception):
    pass


@pytest.mark.parametrize("leaving", [None, pytest.param(_EnoughError, marks=pytest.mark.slow), KeyboardInterrupt])
@every_engine
def test_leaving_with_tasks_outstanding_breaks_neither_this_nor_the_next_call(kind, leaving):
    expected = contextlib.nullcontext() if leaving is None else pytest.raises(leaving)
    with expected, _opened(kind, _nap) as engine:
        for _ in range(2):
            while engine.has_room:
                engine.submit(uuid.uuid4().hex, 1)
            engine.wait()
        while engine.has_room:
            engine.submit(uuid.uuid4().hex, 1)
        if leaving is not None:
            raise leaving
    _assert_joblib_works(kind)
    with _opened(kind, _square) as engine:
        assert [outcome.result for outcome in _run_all(engine, [(0, 4)])] == [16]


@pytest.mark.parametrize("leaving", [None, pytest.param(_EnoughError, marks=pytest.mark.slow)])
@engines_with_maps
def test_the_temporary_folder_is_cleaned_up(kind, leaving, tmp_path):
    expected = contextlib.nullcontext() if leaving is None else pytest.raises(leaving)
    with expected, _opened(kind, Data(40_000), **_temp_folder(kind, tmp_path)) as engine:
        _run_all(engine, [(n, n) for n in range(6)])
        assert list(_files_under(tmp_path))  # or this test shows nothing
        engine.submit("left behind", 1)
        if leaving is not None:
            raise leaving
    for _ in range(100):  # loky's files are unlinked by a process of its own
        if not list(_files_under(tmp_path)):
            break
        time.sleep(0.05)
    assert list(_files_under(tmp_path)) == []


def _temp_folder(kind, path):
    """Return the configuration that puts memory maps under `path`."""
    if kind == "loky":  # a reused pool keeps the folder that it was made with
        reusable_executor.get_reusable_executor().shutdown(wait=True)
    return {"temp_folder": str(path)}


def _files_under(path):
    return (found for found in Path(path).rglob("*") if found.is_file())


def test_the_pool_of_loky_is_reused_and_not_replaced():
    with joblib.parallel_config(backend="loky", n_jobs=2):
        joblib.Parallel()(joblib.delayed(_nap)(n) for n in range(4))
        executor, pids = reusable_executor._executor, set(reusable_executor._executor._processes)
        found = _search().fit(np.arange(24.0).reshape(-1, 2))
        stopped = _search(study_callbacks=[lambda study, trial: study.stop()]).fit(np.arange(24.0).reshape(-1, 2))
        assert reusable_executor._executor is executor
        assert set(executor._processes) == pids
        joblib.Parallel()(joblib.delayed(_nap)(n) for n in range(4))
        assert set(reusable_executor._executor._processes) == pids
    assert (found.n_trials_, stopped.n_trials_) == (4, 1)


@pytest.mark.parametrize("sampler", ["tpe", "qmc", "nsgaii"])
def test_a_search_in_threads_leaves_the_warning_filters_alone(sampler):
    """They belong to the process: threads that exchange them in turn can leave behind what was meant for a moment."""
    before = _filters()
    with joblib.parallel_config(backend="threading", n_jobs=4):
        for _ in range(5):
            OptunaSearchCV(Mean(), {"a": uniform(0, 1)}, n_trials=12, sampler=sampler, random_state=0).fit(
                np.arange(60.0).reshape(-1, 2)
            )
            assert _filters() == before


def _filters():
    """Return what the filters say: a pattern may be compiled or not."""
    return [tuple(getattr(part, "pattern", part) for part in entry) for entry in warnings.filters]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="says what is mapped")
def test_a_worker_keeps_no_data_after_the_search():
    with _opened("loky", Data(40_000)) as engine:
        _run_all(engine, [(n, n) for n in range(8)])
    with joblib.parallel_config(backend="loky", n_jobs=2):
        for _ in range(50):
            held = joblib.Parallel()(joblib.delayed(_held)(n) for n in range(4))
            if not any(held):
                break
            time.sleep(0.05)
    assert not any(held)


def _held(x):
    time.sleep(0.02)
    return Path("/proc/self/maps").read_text().count("joblib_memmapping_folder")


# --- backends without retrieve callbacks ------------------------------------------------------------------------------


def test_a_backend_without_retrieve_callbacks_gives_the_same_search():
    X = np.random.default_rng(0).normal(size=(24, 2))
    with joblib.parallel_config(backend="old-fashioned", n_jobs=2):
        assert not JoblibWorkers(None).can_submit
        in_generations = _search().fit(X)
    alone = _search(n_jobs=1).fit(X)
    for key in ("params", "mean_test_score", "rank_test_score", "trial_number", "trial_state"):
        assert list(in_generations.cv_results_[key]) == list(alone.cv_results_[key])
    assert pickle.loads(pickle.dumps(in_generations)).best_params_ == alone.best_params_


def test_an_exception_in_a_generation_is_the_functions_own():
    def fail(x):
        raise _EnoughError("of this")

    with pytest.raises(_EnoughError, match="of this"), _opened("generation", fail) as engine:
        _run_all(engine, [(n, n) for n in range(3)])
