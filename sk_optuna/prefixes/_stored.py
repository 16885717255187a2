"""Data put by: copied in and out, with its checksum.

Nothing that is handed out is shared: a step's output goes to estimators that may change it in place. So data
is copied in and out, in the same order in memory, on which the last bits of a sum may depend.
"""

import copyreg
import pickle
import time
from typing import Any
from zlib import crc32

import numpy as np
from scipy import sparse

from sk_optuna._compat._joblib import dumps
from sk_optuna.prefixes._arrays import copied, span
from sk_optuna.prefixes._snapshot import snapshot

# A fit must have cost this many times the copying of its result, and at least so many seconds.
_TIMES_DEARER = 2.0
_LEAST_SECONDS = 5e-4


class Stored:
    """Data in the store.

    Parameters
    ----------
    data : object
        A copy of the data, or a snapshot of them.
    n_bytes : int
        Size of that copy.

    Attributes
    ----------
    checksum : int or None
        The checksum of the data that `thaw` returns.
    """

    def __init__(self, data: Any, n_bytes: int) -> None:
        self._data = data
        self.n_bytes = n_bytes
        self.checksum = checksum(self.thaw())

    def thaw(self) -> Any:
        """Return a new copy of the data."""
        if isinstance(self._data, np.ndarray):
            return copied(self._data)
        return _copied_matrix(self._data) if sparse.issparse(self._data) else self._data.copy()


def stored(data: Any, seconds: float) -> Stored | None:
    """Copy `data` for the store; None if no faithful copy can be made, or not much faster than the data itself.

    Parameters
    ----------
    data : object
        Arrays, sparse matrices, data frames, lists, or anything else that can be pickled.
    seconds : float
        Time that making it took.
    """
    if not is_worth(seconds, 0.0):
        return None
    start = time.perf_counter()
    kept = _store_copy(data)
    return kept if is_worth(seconds, time.perf_counter() - start) else None


def is_worth(seconds: float, cost: float) -> bool:
    """Return whether data that took `seconds` to make is worth keeping, if copying it `cost` so many."""
    return seconds >= _LEAST_SECONDS and seconds >= _TIMES_DEARER * cost


def _store_copy(data: Any) -> Stored | None:
    if _is_plain(data):
        return Stored(copied(data), span(data))
    if sparse.issparse(data) and _arrays_of(data):
        return Stored(_copied_matrix(data), footprint(data) or 0)
    if type(data) is list and all(type(item) is str for item in data):
        return Stored(data.copy(), footprint(data) or 0)
    taken = snapshot(data)
    return None if taken is None else Stored(taken, taken.n_bytes)


def _is_plain(data: Any) -> bool:
    """Return whether data is an array that is nothing but its values."""
    return type(data) in (np.ndarray, np.memmap) and not data.dtype.hasobject


def _copied_matrix(matrix: Any) -> Any:
    twin = matrix.copy()
    for ours, theirs in zip(_arrays_of(twin), _arrays_of(matrix), strict=True):
        ours.flags.writeable = theirs.flags.writeable
    return twin


def pickled(value: Any) -> bytes | None:
    """Pickle a value; equal values mostly give equal bytes. None if it cannot be pickled."""
    for dump in (pickle.dumps, dumps):
        try:
            return dump(value)
        except Exception:
            # An object's own pickling may raise anything.
            continue
    return None


def checksum(data: Any) -> int | None:
    """Return a checksum of the values of data, their order in memory and their type; None if it cannot be pickled."""
    if _is_plain(data):
        return _checksum_of_array(data, 0)
    parts = _arrays_of(data) if sparse.issparse(data) else []
    if parts:
        total = crc32(f"{data.format}{data.shape}".encode())
        for part in parts:
            total = _checksum_of_array(part, total)
        return total
    content = pickled(data)
    return None if content is None else crc32(content)


def _checksum_of_array(array: np.ndarray, total: int) -> int:
    flags = array.flags
    kind = f"{array.dtype.str}{array.shape}{flags.c_contiguous}{flags.f_contiguous}{flags.writeable}"
    values = array.ravel(order="K")
    return crc32(values.view(np.uint8).data if values.size else b"", crc32(kind.encode(), total))


def _arrays_of(matrix: Any) -> list[np.ndarray]:
    """Return the arrays that a sparse matrix is made of; an empty list if one of them is not plain."""
    found = [each for value in vars(matrix).values() for each in (value if isinstance(value, tuple) else (value,))]
    arrays = [each for each in found if isinstance(each, np.ndarray)]
    return arrays if all(map(_is_plain, arrays)) else []


def footprint(value: Any) -> int | None:
    """Return roughly how many bytes a value holds: the length of its pickle; None if it cannot be pickled."""
    counter = _Counter()
    pickler = pickle.Pickler(counter, protocol=5, buffer_callback=lambda buffer: counter.add(buffer.raw().nbytes))
    pickler.dispatch_table = _SIZED  # type: ignore[attr-defined, unused-ignore]
    try:
        pickler.dump(value)
    except Exception:
        # Only cloudpickle can pickle some functions; and an object's own pickling may raise anything.
        content = pickled(value)
        return None if content is None else len(content)
    return counter.n_bytes


# A vectorizer's vocabulary has thousands of NumPy's scalars, and pickle takes microseconds for each.
_SIZED = copyreg.dispatch_table | {kind: lambda value: (int, ()) for kind in (np.int64, np.int32, np.float64)}


class _Counter:
    """A file that counts the bytes written to it."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def write(self, data: Any) -> int:
        length = memoryview(data).nbytes
        self.n_bytes += length
        return length

    def add(self, n_bytes: int) -> bool:
        self.n_bytes += n_bytes
        return False
