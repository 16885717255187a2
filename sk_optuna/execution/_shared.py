"""A value that every task needs and no task should carry.

It is pickled once, with its large arrays apart. All parts travel as arrays that joblib memory-maps: a task carries
their file names only, and the workers' arrays are views of the same pages. NumPy arrays go as they are: of one that is
a memory map already joblib sends the file's name, and one whose rows lie scattered it writes without a copy. A worker
unpickles the value anew at every task, which copies nothing that is large. Were it to keep the value, joblib, which
removes the maps at the end of a call, would have to wait until every worker had let go of them.
"""

import io
import pickle
from typing import Any

import numpy as np

from sk_optuna._compat._joblib import CloudPickler

_LARGE = 2**20
# Up to this size the pickled value goes along with every task: less to set up, and no map to remove at the end.
_SMALL = 2**16


class Shared:
    """A value, pickled once and sent many times.

    Parameters
    ----------
    value : object
        The value to share; it is not changed. Workers see its large arrays read-only.
    map_above : int or None
        Size in bytes above which joblib memory-maps an array; None if it maps none.
    """

    def __init__(self, value: Any, *, map_above: int | None = None) -> None:
        pickler = _Pickler()
        pickler.dump(value)
        stream = pickler.stream.getvalue()
        if map_above is not None and len(stream) > _SMALL:
            stream = stream.ljust(map_above + 1, b"\0")
        self._arrays = pickler.arrays
        self._parts = [
            np.frombuffer(stream, np.uint8),
            *(np.frombuffer(buffer, np.uint8) for buffer in pickler.buffers),
        ]

    def __reduce__(self) -> Any:
        return _unpack, (self._parts, self._arrays)


class Kept:
    """A value that the workers of a cluster keep, pickled, with its large arrays beside it.

    `value` unpickles it anew for each task, as `Shared` does, so that no task sees what another one changed. Here the
    arrays travel with the object: on other machines there are no maps of this machine's disk.

    Parameters
    ----------
    value : object
        The value; it is not changed.
    """

    def __init__(self, value: Any) -> None:
        pickler = _Pickler()
        pickler.dump(value)
        self._stream = pickler.stream.getvalue()
        # what a map of the disk contains, not the map
        self._arrays = [np.asarray(array) for array in pickler.arrays]
        self._buffers = [np.frombuffer(buffer, np.uint8) for buffer in pickler.buffers]

    def value(self) -> Any:
        """Return the value, whose large arrays are read-only views of those that are kept."""
        arrays, buffers = ([_read_only(array) for array in kept] for kept in (self._arrays, self._buffers))
        return _Unpickler(io.BytesIO(self._stream), arrays, buffers).load()

    def __sizeof__(self) -> int:
        # by this a cluster counts the memory that its workers need
        n_bytes: int = len(self._stream) + sum(array.nbytes for array in (*self._arrays, *self._buffers))
        return object.__sizeof__(self) + n_bytes


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


class _Pickler(CloudPickler):
    """Keeps large arrays and buffers out of the stream."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()
        self.arrays: list[np.ndarray] = []
        self.buffers: list[memoryview] = []
        super().__init__(self.stream, protocol=5, buffer_callback=self._set_apart)

    def persistent_id(self, value: Any) -> int | None:
        """Return the number of a large array among those kept apart; None for a value that goes into the stream."""
        if type(value) not in (np.ndarray, np.memmap) or value.nbytes < _LARGE or value.dtype.hasobject:
            return None
        for i, array in enumerate(self.arrays):
            if array is value:
                return i
        self.arrays.append(value)
        return len(self.arrays) - 1

    def _set_apart(self, buffer: pickle.PickleBuffer) -> bool:
        """Keep a large buffer out of the stream; return whether the buffer goes into the stream."""
        if buffer.raw().nbytes < _LARGE:
            return True
        self.buffers.append(buffer.raw())
        return False


class _Unpickler(pickle.Unpickler):
    """Puts the arrays back."""

    def __init__(self, stream: Any, arrays: list[np.ndarray], buffers: list[np.ndarray]) -> None:
        super().__init__(stream, buffers=buffers)
        self._arrays = arrays

    def persistent_load(self, number: int) -> np.ndarray:
        """Return an array that was kept apart."""
        return self._arrays[number]


def _unpack(parts: list[np.ndarray], arrays: list[np.ndarray]) -> Any:
    """Return, in a worker, the value itself."""
    stream, *buffers = parts
    return _Unpickler(io.BytesIO(stream.data), arrays, buffers).load()
