"""What all tasks share is pickled once, and its large arrays travel beside it, however they lie in memory."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sk_optuna.execution._shared import Kept, Shared

MEGABYTE = 2**20


def _arrays(folder):
    array = np.arange(4 * MEGABYTE / 8).reshape(1024, -1)
    mapped = np.memmap(folder / "map", dtype=array.dtype, mode="w+", shape=array.shape)
    mapped[:] = array
    return {
        "C": array,
        "Fortran": np.asfortranarray(array),
        "columns": array[:, ::2],
        "rows": array[::2],
        "reversed": array[::-1],
        "map": mapped,
        "view of a map": mapped[:, 3:],
    }


LAYOUTS = ["C", "Fortran", "columns", "rows", "reversed", "map", "view of a map"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_large_array_is_neither_pickled_nor_copied(tmp_path, layout):
    array = _arrays(tmp_path)[layout]
    function, (parts, arrays) = Shared({"X": array, "again": array, "n": 3}).__reduce__()
    assert sum(part.nbytes for part in parts) < 10_000
    assert len(arrays) == 1
    assert arrays[0] is array
    value = function(parts, arrays)
    assert value["X"] is value["again"] is array
    assert value["n"] == 3


@pytest.mark.parametrize(
    "value",
    [
        np.arange(10.0),
        np.array(["a", None] * MEGABYTE, dtype=object),
        pd.DataFrame(np.ones((2**17, 10))),
        sparse.random(4096, 4096, density=0.1, format="csr", random_state=0),
        [lambda: 7, "text" * MEGABYTE],
    ],
    ids=["small", "objects", "frame", "sparse", "other"],
)
@pytest.mark.parametrize(
    "sent",
    [
        lambda value: pickle.loads(pickle.dumps(Shared(value, map_above=MEGABYTE))),
        lambda value: pickle.loads(pickle.dumps(Kept(value))).value(),
    ],
    ids=["shared", "kept"],
)
def test_any_value_arrives_as_it_was(value, sent):
    copy = sent(value)
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(copy, value)
    elif sparse.issparse(value):
        assert (copy != value).nnz == 0
    elif isinstance(value, np.ndarray):
        np.testing.assert_array_equal(copy, value)
    else:
        assert copy[0]() == 7
        assert copy[1] == value[1]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_kept_is_read_only_the_same_for_each_task_and_no_map_of_this_machine(tmp_path, layout):
    array = _arrays(tmp_path)[layout]
    kept = pickle.loads(pickle.dumps(Kept({"X": array, "again": array, "seen": []})))
    (tmp_path / "map").unlink()
    first, second = kept.value(), kept.value()
    first["seen"].append(1)
    assert second["seen"] == []
    assert first["X"] is first["again"]
    assert np.shares_memory(first["X"], second["X"])
    assert type(first["X"]) is np.ndarray
    np.testing.assert_array_equal(first["X"], array)
    with pytest.raises(ValueError, match="read-only"):
        first["X"][0] = 0.0
    assert array.flags.writeable


def test_its_size_is_that_of_what_it_carries(tmp_path):
    array = _arrays(tmp_path)["columns"]
    assert array.nbytes < Kept([array, array]).__sizeof__() < 1.1 * array.nbytes
