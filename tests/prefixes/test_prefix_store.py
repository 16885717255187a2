"""The store of prefixes: bounded, the least recently used goes first, and what comes out is what went in."""

import gc
import threading
import weakref

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from sk_optuna.prefixes import _stored
from sk_optuna.prefixes._store import PrefixStore
from sk_optuna.prefixes._stored import checksum, footprint, stored
from sk_optuna.worker import _memory
from sk_optuna.worker._memory import free_memory


@pytest.fixture(autouse=True)
def _everything_is_stored(monkeypatch):
    monkeypatch.setattr(_stored, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(_stored, "_TIMES_DEARER", 0.0)


@pytest.fixture
def _no_stores_of_workers():
    _stored._of_this_process.clear()
    yield
    _stored._of_this_process.clear()


# --- the bound --------------------------------------------------------------------------------------------------------

_KEYS = st.binary(min_size=1, max_size=1)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 40), st.lists(st.tuples(st.booleans(), _KEYS, st.integers(0, 50)), max_size=40))
def test_store_is_a_cache_that_drops_what_was_not_used_for_longest(limit, steps):
    store, model = PrefixStore(limit), {}
    for puts, key, size in steps:
        if not puts:
            assert store.get(key) == (model.get(key, (None,))[0])
            if key in model:
                model[key] = model.pop(key)
            continue
        value = object()
        store.put(key, value, size, 1.0)
        if size > limit:
            continue
        model.pop(key, None)
        model[key] = value, size
        while sum(size for _, size in model.values()) > limit:
            del model[next(iter(model))]
        assert store.n_bytes == sum(size for _, size in model.values()) <= limit
    assert {key: store.get(key) for key in model} == {key: value for key, (value, _) in model.items()}


def test_value_that_is_too_large_drops_nothing():
    store = PrefixStore(10)
    store.put(b"a", "small", 10, 1.0)
    store.put(b"b", "large", 11, 1.0)
    assert store.get(b"a") == "small"
    assert store.get(b"b") is None


def test_value_that_is_dropped_is_let_go():
    store, value = PrefixStore(10), np.zeros(1)
    gone = weakref.ref(value)
    store.put(b"a", value, 6, 1.0)
    del value
    store.put(b"b", None, 6, 1.0)
    gc.collect()
    assert gone() is None


def test_threads_share_a_store_within_its_bound():
    store, seen = PrefixStore(100), []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(300):
            store.put(bytes([rng.integers(20)]), seed, int(rng.integers(1, 30)), 1.0)
            store.get(bytes([rng.integers(20)]))
            seen.append(store.n_bytes)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 1200
    assert 0 < store.n_bytes == sum(size for _, size in store._held.values()) <= 100


# --- data in and out --------------------------------------------------------------------------------------------------

_A = np.random.default_rng(0).normal(size=(30, 7))
_S = sparse.random(30, 20, 0.2, format="csr", random_state=0)
_FRAME = pd.DataFrame(_A, columns=list("abcdefg"))
ARRAYS = {
    "C": _A,
    "F": np.asfortranarray(_A),
    "vector": _A[:, 0].copy(),
    "row": _A[:1],
    "nothing": _A[:0],
    "scalar": np.array(3.0),
    "integers": np.arange(12).reshape(3, 4),
    "cube": np.asfortranarray(_A[:, :6].reshape(30, 2, 3)),
    "texts": np.array(["a", "bc"]),
    "objects": np.array(["a", None, 3], dtype=object),
    "other bytes": _A.astype(">f4"),
    "not a number": np.array([[np.nan, -0.0, np.inf]]),
}
STRIDED = {"every second column": _A[:, ::2], "reversed": _A[::-1], "transposed cube": _A.reshape(30, 7, 1)[::2]}


@pytest.mark.parametrize("name", ARRAYS)
def test_array_comes_out_as_it_went_in(name):
    array = ARRAYS[name]
    kept = stored(array, 1.0)
    before = array.copy(order="K")
    for _ in range(2):
        out = kept.thaw()
        np.testing.assert_array_equal(out, before)
        assert out.dtype == array.dtype
        assert out.flags.c_contiguous == array.flags.c_contiguous
        assert out.flags.f_contiguous == array.flags.f_contiguous
        assert out.flags.writeable
        assert not np.may_share_memory(out, array)
        out[...] = out.ravel()[:1][0] if out.size else 0
    assert kept.n_bytes >= array.nbytes


@pytest.mark.parametrize("writeable", [True, False])
@pytest.mark.parametrize("name", [name for name in {**ARRAYS, **STRIDED} if name != "objects"])
def test_strides_and_the_permission_to_write_are_kept(name, writeable):
    array = {**ARRAYS, **STRIDED}[name]
    array = array.copy() if name in ARRAYS else array
    before = array.flags.writeable
    array.flags.writeable = writeable
    kept = stored(array, 1.0)
    for _ in range(2):
        out = kept.thaw()
        np.testing.assert_array_equal(out, array)
        assert out.strides == array.strides
        assert out.flags.writeable == writeable
    assert kept.checksum == checksum(out)
    array.flags.writeable = before


def test_matrices_and_frames_that_must_not_be_written_to_come_out_so():
    matrix = _S.copy()
    matrix.data.flags.writeable = False
    out = stored(matrix, 1.0).thaw()
    assert not out.data.flags.writeable
    assert out.indices.flags.writeable
    values = _A.copy()
    values.flags.writeable = False
    frame = pd.DataFrame(values, copy=False)
    assert not stored(frame, 1.0).thaw().to_numpy().flags.writeable


MASKED = np.ma.array(_A, mask=_A > 1)


def test_masked_arrays_come_out_as_they_went_in():
    kept = stored(MASKED, 1.0)
    out = kept.thaw()
    np.testing.assert_array_equal(out.mask, MASKED.mask)
    np.testing.assert_array_equal(out.filled(0), MASKED.filled(0))
    assert checksum(MASKED) == checksum(MASKED) is not None
    other = MASKED.copy()
    other[0, 0] = np.ma.masked
    assert checksum(other) != checksum(MASKED)


@pytest.mark.parametrize("format", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
def test_sparse_matrix_comes_out_as_it_went_in(format):
    matrix = _S.asformat(format)
    kept = stored(matrix, 1.0)
    out = kept.thaw()
    assert type(out) is type(matrix)
    assert out.format == format
    np.testing.assert_array_equal(out.toarray(), matrix.toarray())
    if format in ("csr", "csc"):
        for part in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(out, part), getattr(matrix, part))
            assert getattr(out, part).dtype == getattr(matrix, part).dtype
        out.data[:] = 0
        np.testing.assert_array_equal(kept.thaw().toarray(), matrix.toarray())


def test_unsorted_indices_stay_unsorted():
    matrix = sparse.csr_matrix((np.array([1.0, 2.0, 3.0]), np.array([2, 0, 1]), np.array([0, 3])), shape=(1, 3))
    np.testing.assert_array_equal(stored(matrix, 1.0).thaw().indices, [2, 0, 1])


@pytest.mark.parametrize(
    "frame",
    [_FRAME, _FRAME.iloc[:, ::2], _FRAME[["c", "a"]], _FRAME.assign(h=1, i="x"), _FRAME["a"], _FRAME.iloc[::-1]],
)
def test_frame_comes_out_as_it_went_in(frame):
    out = stored(frame, 1.0).thaw()
    assert type(out) is type(frame)
    assert out.equals(frame)
    assert out.index.equals(frame.index)
    numbers, expected = out.to_numpy(), frame.to_numpy()
    assert numbers.dtype == expected.dtype


@pytest.mark.parametrize("make", [lambda: [[1.0, 2.0], [3.0]], lambda: [{"a": 1}, {"a": 2}], lambda: [np.zeros(2)]])
def test_changing_an_element_of_a_list_that_came_out_does_not_change_the_next(make):
    kept = stored(made := make(), 1.0)
    for out in (made, kept.thaw()):
        first = out[0]
        if isinstance(first, dict):
            first["a"] = 9
        else:
            first[0] = 9
    assert str(kept.thaw()) == str(make())


def test_changing_an_object_in_an_array_that_came_out_does_not_change_the_next():
    array = np.empty(1, dtype=object)
    array[0] = [1]
    kept = stored(array, 1.0)
    kept.thaw()[0].append(2)
    array[0].append(3)
    assert kept.thaw()[0] == [1]


class Units(np.ndarray):
    """An array with an attribute, which its pickle does not contain."""


_READ_ONLY = np.array(["a", None], dtype=object)
_READ_ONLY.flags.writeable = False


@pytest.mark.parametrize("data", [_READ_ONLY, _A.view(Units), MASKED[:, ::2]])
def test_array_that_would_come_out_as_another_is_not_stored(data):
    assert stored(data, 1.0) is None


@pytest.mark.parametrize("data", [[threading.Lock()], (threading.Lock(),), np.array([threading.Lock()])])
def test_data_that_cannot_be_pickled_is_not_stored(data):
    assert stored(data, 1.0) is None


def test_data_that_was_made_sooner_than_it_is_copied_is_not_stored(monkeypatch):
    monkeypatch.setattr(_stored, "_TIMES_DEARER", 2.0)
    assert stored(_A, 0.0) is None
    assert stored(_A, 60.0) is not None
    monkeypatch.setattr(_stored, "_LEAST_SECONDS", 1.0)
    assert stored(_A, 0.9) is None


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(10,), (1000, 30), (30, 1000)])
def test_footprint_of_arrays_is_their_size(shape):
    for array in (np.zeros(shape), np.zeros(shape, order="F"), np.zeros(shape, np.float32)):
        assert array.nbytes <= footprint(array) <= array.nbytes + 1000
        assert array.nbytes <= stored(array, 1.0).n_bytes <= array.nbytes + 1000


def test_footprint_of_sparse_matrices_is_that_of_their_parts():
    matrix = sparse.random(500, 500, 0.1, format="csr", random_state=0)
    size = matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes
    assert size <= footprint(matrix) <= size + 2000
    assert size <= stored(matrix, 1.0).n_bytes <= size + 2000


def test_footprint_of_a_fitted_vectorizer_counts_its_vocabulary():
    words = [f"word{number}" for number in range(5000)]
    small, large = (TfidfVectorizer().fit([" ".join(words[:n])]) for n in (50, 5000))
    text = sum(map(len, words))
    assert footprint(large) - footprint(small) >= 0.9 * text + 0.9 * 5000 * 8
    assert footprint(large) <= 10 * (text + 5000 * 8)


def test_footprint_counts_what_only_cloudpickle_can_pickle():
    array = np.zeros(1000)
    assert footprint(lambda: array) >= array.nbytes


def test_free_memory_is_positive_and_no_more_than_the_machine_has():
    assert 0 < free_memory() <= _memory._of_the_machine() * 1.5


def test_free_memory_is_assumed_where_the_system_does_not_say(monkeypatch):
    def refuses(self, *args, **kwargs):
        raise OSError

    monkeypatch.setattr(_memory.Path, "read_text", refuses)
    assert free_memory() == _memory._UNKNOWN_MEMORY


@pytest.mark.parametrize(("limit", "current", "free"), [("max", "5", 2048), ("1000", "400", 600), ("1000", "1200", 0)])
def test_free_memory_is_bounded_by_the_control_group(monkeypatch, limit, current, free):
    files = {"memory.max": limit, "memory.current": current, "meminfo": "MemTotal: 9 kB\nMemAvailable: 2 kB\n"}
    monkeypatch.setattr(_memory.Path, "read_text", lambda self, **kwargs: files[self.name])
    assert free_memory() == free


# --- what was changed -------------------------------------------------------------------------------------------------


def _set(data, value):
    data[0, 0] = value


CHANGES = {
    "a value": (_A.copy, lambda data: _set(data, 9.0)),
    "two values changed places": (_A.copy, lambda data: data.__setitem__(slice(None), data[::-1].copy())),
    "one nan is another value": (lambda: np.full((2, 2), np.nan), lambda data: _set(data, 0.0)),
    "the sign of zero": (lambda: np.zeros((2, 2)), lambda data: _set(data, -0.0)),
    "may no longer be written to": (_A.copy, lambda data: data.setflags(write=False)),
    "its shape": (_A.copy, lambda data: data.resize((7, 30), refcheck=False)),
    "a value of a view": (lambda: _A.copy()[:, ::2], lambda data: _set(data, 9.0)),
    "a value of a sparse matrix": (_S.copy, lambda data: data.data.__setitem__(0, 9.0)),
    "an index of a sparse matrix": (_S.copy, lambda data: data.indices.__setitem__(0, 19)),
    "a row of a list-of-lists matrix": (lambda: _S.tolil(), lambda data: _set(data, 9.0)),
    "a key of a matrix": (lambda: _S.todok(), lambda data: _set(data, 9.0)),
    "a value of a frame": (_FRAME.copy, lambda data: data.iloc.__setitem__((0, 0), 9.0)),
    "a column of a frame": (_FRAME.copy, lambda data: data.insert(0, "new", 1)),
    "an element of an element": (lambda: [[1.0], [2.0]], lambda data: data[0].append(3.0)),
    "an object in an array": (lambda: np.array([{}, None], dtype=object), lambda data: data[0].update(a=1)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_checksum_shows_every_change(name):
    make, change = CHANGES[name]
    data = make()
    before = checksum(data)
    assert before == checksum(data) is not None
    change(data)
    assert checksum(data) != before


@pytest.mark.parametrize("name", ARRAYS)
def test_data_that_comes_out_has_the_checksum_that_is_remembered(name):
    kept = stored(ARRAYS[name], 1.0)
    assert kept.checksum == checksum(kept.thaw()) is not None


def test_checksum_of_what_cannot_be_pickled_is_none():
    assert checksum([threading.Lock()]) is None
