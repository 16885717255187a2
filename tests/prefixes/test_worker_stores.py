"""Stores of worker processes: one for each search, one thread to let them go, and one bound for all their files."""

import gc
import threading
import time
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_optuna.prefixes import _sharing, _worker_stores
from sk_optuna.prefixes._worker_stores import PrefixFiles, worker_store


@pytest.fixture(autouse=True)
def _no_stores_of_workers():
    _worker_stores._of_this_process.clear()
    yield
    _worker_stores._of_this_process.clear()


def _wait_until(condition):
    for _ in range(1000):
        if condition():
            return True
        time.sleep(0.01)
    return False


# --- stores -----------------------------------------------------------------------------------------------------------


def test_searches_side_by_side_keep_stores_of_their_own(tmp_path):
    first, second = (worker_store(token, 10, str(tmp_path), 2) for token in "ab")
    first.put(b"x", 1, 1, 0.0)
    for _ in range(3):
        assert worker_store("a", 10, str(tmp_path), 2) is first
        assert worker_store("b", 10, str(tmp_path), 2) is second
    assert first.get(b"x") == 1
    assert second.get(b"x") is None


def test_searches_side_by_side_have_one_thread_between_them(tmp_path):
    before = threading.active_count()
    for _ in range(20):
        for token in "abc":
            worker_store(token, 10, str(tmp_path), 2)
    assert threading.active_count() <= before + 1


def test_store_of_a_search_that_ended_is_let_go_when_the_next_begins(tmp_path):
    over = tmp_path / "over"
    over.mkdir()
    gone = weakref.ref(worker_store("a", 10, str(over), 2))
    over.rmdir()
    worker_store("b", 10, str(tmp_path), 2)
    gc.collect()
    assert gone() is None


def test_store_is_let_go_when_idle_and_so_is_the_thread(monkeypatch):
    monkeypatch.setattr(_worker_stores, "_IDLE_AFTER", 0.05)
    worker_store("a", 10, None, 2)
    keeper = _worker_stores._keeper
    assert _wait_until(lambda: not _worker_stores._of_this_process)
    if keeper is not None:
        keeper.join()


def test_store_stays_while_a_fold_is_evaluated(monkeypatch):
    """A fit may take longer than an idle worker waits; then most of all its result is worth keeping."""

    def wait_for_long():
        with monkeypatch.context() as patch, _worker_stores._lock:
            patch.setattr(_worker_stores, "_IDLE_AFTER", 0.0)
            _worker_stores._let_go()

    sharing = _sharing.PrefixSharing(10**6, n_processes=2, share_random=False)
    state = sharing.__getstate__()

    def arrives():
        arrived = _sharing.PrefixSharing.__new__(_sharing.PrefixSharing)
        arrived.__setstate__(state)
        return arrived

    worker = arrives()
    with worker.evaluating(0, None):
        wait_for_long()
        worker.store.put(b"x", "dear", 1, 0.0)
    assert arrives().store.get(b"x") == "dear"
    wait_for_long()
    assert arrives().store.get(b"x") is None
    sharing.close()


# --- files ------------------------------------------------------------------------------------------------------------


def _size(folder):
    return sum(file.stat().st_size for file in folder.iterdir())


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 3), st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(1, 4000)), max_size=30))
def test_files_of_all_processes_together_are_bounded(tmp_path_factory, n_writers, writes):
    folder = tmp_path_factory.mktemp("files")
    writers = [PrefixFiles(folder, 10_000, n_writers) for _ in range(n_writers)]
    for writer, key, size in writes:
        writers[writer % n_writers].write(bytes([key]), np.full(size, key, np.uint8))
        assert _size(folder) <= 10_000
    for key in range(10):
        found = writers[0].read(bytes([key]))
        assert found is None or set(found.tolist()) == {key}


def test_files_of_a_process_that_died_count(tmp_path):
    for _ in range(5):
        PrefixFiles(tmp_path, 10_000, 2).write(np.random.default_rng().bytes(8), bytes(3000))
        assert _size(tmp_path) <= 10_000


def test_file_that_was_not_used_for_longest_goes_first(tmp_path):
    files = PrefixFiles(tmp_path, 10_000, 1)
    for key in b"abc":
        files.write(bytes([key]), bytes(3000))
        time.sleep(0.02)  # the clock of the file system
    assert files.read(b"a") == bytes(3000)
    files.write(b"d", bytes(3000))
    assert files.read(b"b") is None
    assert files.read(b"a") == files.read(b"c") == files.read(b"d") == bytes(3000)


def test_value_too_large_for_a_file_leaves_the_others(tmp_path):
    files = PrefixFiles(tmp_path, 10_000, 2)
    files.write(b"a", bytes(1000))
    files.write(b"b", bytes(6000))
    assert files.read(b"a") == bytes(1000)
    assert files.read(b"b") is None


def test_folder_that_is_gone_is_no_error(tmp_path):
    files = PrefixFiles(tmp_path / "gone", 10_000, 2)
    files.write(b"a", bytes(1000))
    assert files.read(b"a") is None
