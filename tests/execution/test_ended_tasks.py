"""Tasks that are ended, dropped, or lost with their worker: which run again, and what the engine says of the others.

Tasks leave a line in a file each time they begin, and wait for files that the test makes: nothing here depends on how
long anything takes.
"""

import contextlib
import multiprocessing
import os
import signal
import time
from pathlib import Path

import joblib
import numpy as np
import pytest

from sk_optuna.execution import Limits, open_engine

pytestmark = [
    pytest.mark.usefixtures("sent_by_value"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

process_backends = pytest.mark.parametrize("backend", ["multiprocessing", pytest.param("loky", marks=pytest.mark.slow)])


def task(folder, name, how="return"):
    """Leave a line, then do as `how` says."""
    with (folder / name).open("a") as file:
        file.write(f"{os.getpid()}\n")
    if how == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        wait_for(folder / "never")
    if how == "take":
        taken = np.ones(2**27)
        wait_for(folder / "never")
        del taken
    if how in ("wait", "die"):
        wait_for(folder / "go")
    if how == "die":
        os._exit(1)
    return name


def wait_for(path):
    while not path.exists():
        time.sleep(0.01)


def begun(folder, name):
    """Return the process ids in which a task began."""
    path = folder / name
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def wait_until_begun(folder, *names):
    while not all(begun(folder, name) for name in names):
        time.sleep(0.01)


@contextlib.contextmanager
def opened(backend, **arguments):
    with (
        joblib.parallel_config(backend=backend),
        open_engine(task, n_jobs=2, pre_dispatch="all", **arguments) as engine,
    ):
        yield engine


def outcomes(engine):
    found = {}
    while not engine.is_idle:
        outcome = engine.wait()
        found[outcome.key] = outcome
    return found


@process_backends
def test_a_task_that_hangs_is_ended_and_innocents_run_again(backend, tmp_path):
    with opened(backend, limits=Limits(seconds=3)) as engine:
        engine.submit("hang", tmp_path, "hang", "hang")
        for name in ("a", "b", "c"):
            engine.submit(name, tmp_path, name)
        found = outcomes(engine)
    assert found["hang"].excess.kind == "timeout"
    assert found["hang"].seconds > 3
    assert (found["hang"].result, found["hang"].death) == (None, None)
    assert [found[name].result for name in ("a", "b", "c")] == ["a", "b", "c"]
    assert len(begun(tmp_path, "hang")) == 1


def test_the_time_of_a_task_counts_from_its_start(tmp_path):
    """The tasks of three rounds wait in the queue for longer than each may take."""
    with (
        joblib.parallel_config(backend="multiprocessing"),
        opened("multiprocessing", limits=Limits(seconds=3)) as engine,
    ):
        for name in ("hang 1", "hang 2", "hang 3", "hang 4"):
            engine.submit(name, tmp_path, name, "hang")
        engine.submit("last", tmp_path, "last")
        found = outcomes(engine)
    assert found["last"].result == "last"
    assert [found[f"hang {i}"].excess.kind for i in (1, 2, 3, 4)] == ["timeout"] * 4


@process_backends
def test_a_task_that_takes_too_much_memory_is_ended(backend, tmp_path):
    with opened(backend, limits=Limits(n_bytes=900 * 2**20)) as engine:
        engine.submit("first", tmp_path, "first")
        assert engine.wait().result == "first"
        engine.submit("take", tmp_path, "take", "take")
        engine.submit("other", tmp_path, "other")
        found = outcomes(engine)
    assert found["take"].excess.kind == "memory"
    assert found["other"].result == "other"
    # in a process that had run another task before it gets another chance
    assert len(begun(tmp_path, "take")) in (1, 2)


@process_backends
def test_a_task_that_nobody_waits_for_does_not_run_again_when_its_worker_dies(backend, tmp_path):
    with opened(backend) as engine:
        engine.submit("dropped", tmp_path, "dropped", "die")
        engine.submit("other", tmp_path, "other", "wait")
        wait_until_begun(tmp_path, "dropped", "other")
        assert not engine.cancel("dropped")
        (tmp_path / "go").touch()
        found = outcomes(engine)
    assert found["other"].result == "other"
    assert found["dropped"].result is None
    assert len(begun(tmp_path, "dropped")) == 1


@process_backends
def test_the_last_task_may_kill_its_worker(backend, tmp_path):
    (tmp_path / "go").touch()
    with opened(backend) as engine:
        engine.submit("last", tmp_path, "last", "die")
        found = outcomes(engine)
    assert found["last"].death is not None
    assert len(begun(tmp_path, "last")) == 2


@process_backends
def test_a_dropped_task_that_was_lost_alone_leaves_the_engine_idle(backend, tmp_path):
    with opened(backend) as engine:
        engine.submit("dropped", tmp_path, "dropped", "die")
        wait_until_begun(tmp_path, "dropped")
        engine.cancel("dropped")
        (tmp_path / "go").touch()
        assert engine.wait().key == "dropped"
        assert engine.is_idle
    assert len(begun(tmp_path, "dropped")) == 1


@process_backends
def test_a_task_lost_with_another_can_be_taken_back(backend, tmp_path):
    with opened(backend, limits=Limits(seconds=3)) as engine:
        engine.submit("hang", tmp_path, "hang", "hang")
        engine.submit("other", tmp_path, "other", "wait")
        wait_until_begun(tmp_path, "hang", "other")
        kinds = {}
        while "hang" not in kinds:
            outcome = engine.wait()
            kinds[outcome.key] = outcome.excess
            engine.cancel("other")
        while not engine.is_idle:
            engine.wait()
    assert kinds["hang"].kind == "timeout"
    assert len(begun(tmp_path, "other")) == 1


def test_a_worker_killed_while_it_waits_for_tasks_holds_nobody_up(tmp_path):
    """It held the lock of the queue, without which no other worker gets a task, and the pool does not end."""
    with opened("multiprocessing") as engine:
        pids = [child.pid for child in multiprocessing.active_children()]
        engine.submit("waiting", tmp_path, "waiting", "wait")
        wait_until_begun(tmp_path, "waiting")
        for pid in set(pids) - set(begun(tmp_path, "waiting")):
            os.kill(pid, signal.SIGKILL)
        (tmp_path / "go").touch()
        engine.submit("next", tmp_path, "next")
        found = outcomes(engine)
        assert {key: outcome.result for key, outcome in found.items()} == {"waiting": "waiting", "next": "next"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@process_backends
def test_no_worker_runs_on_after_an_error(backend, error, tmp_path):
    def begin_and_raise():
        with opened(backend) as engine:
            engine.submit("hang", tmp_path, "hang", "hang")
            wait_until_begun(tmp_path, "hang")
            raise error

    with pytest.raises(error):
        begin_and_raise()
    assert not is_alive(*begun(tmp_path, "hang"))


def test_no_worker_runs_on_if_the_wait_for_the_last_tasks_is_interrupted(tmp_path):
    def begin():
        with opened("multiprocessing", on_look=lambda running: signal.raise_signal(signal.SIGINT)) as engine:
            engine.submit("hang", tmp_path, "hang", "hang")
            wait_until_begun(tmp_path, "hang")

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert not is_alive(*begun(tmp_path, "hang"))


def test_a_hanging_task_that_nobody_waits_for_does_not_hold_up_the_end(tmp_path):
    with opened("multiprocessing", limits=Limits(seconds=1)) as engine:
        engine.submit("hang", tmp_path, "hang", "hang")
        wait_until_begun(tmp_path, "hang")
        engine.cancel("hang")
    assert not is_alive(*begun(tmp_path, "hang"))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- looks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "n_jobs"),
    [("loky", 1), ("threading", 2), ("multiprocessing", 2), pytest.param("loky", 2, marks=pytest.mark.slow)],
)
def test_somebody_hears_of_a_task_while_it_runs(backend, n_jobs, tmp_path):
    """The task ends when its name was heard, by a thread of the engine's where this one runs it."""
    heard = []

    def on_look(running):
        heard.extend(running)
        for key, _ in running:
            Path(tmp_path / key).touch()

    with joblib.parallel_config(backend=backend):
        engine = open_engine(wait_for, n_jobs=n_jobs, pre_dispatch="all", on_look=on_look)
        with engine:
            engine.submit("first", tmp_path / "first")
            assert engine.wait().key == "first"
    assert {key for key, _ in heard} == {"first"}
    assert all(seconds >= 0 for _, seconds in heard)
