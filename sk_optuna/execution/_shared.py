"""A value that every task needs and no task should carry.

It is pickled once, with its large arrays apart. All parts travel as arrays that joblib memory-maps: a task carries
their file names only, and the workers' arrays are views of the same pages. A worker unpickles the value anew at every
task, which copies nothing that is large. Were it to keep the value, joblib, which removes the maps at the end of a
call, would have to wait until every worker had let go of them.
"""

import pickle
from typing import Any

import numpy as np

from sk_optuna._compat import dumps

_LARGE = 2**20
# Up to this size the pickled value goes along with every task: less to set up, and no map to remove at the end.
_SMALL = 2**16


class Shared:
    """A value, pickled once and sent many times.

    Parameters
    ----------
    value : object
        What to share; it is not changed. Workers see its large arrays read-only.
    map_above : int or None
        Size in bytes above which joblib memory-maps an array; None if it maps none.
    """

    def __init__(self, value: Any, *, map_above: int | None = None) -> None:
        large: list[pickle.PickleBuffer] = []
        stream = dumps(value, protocol=5, buffer_callback=lambda buffer: _set_apart(buffer, large))
        if map_above is not None and len(stream) > _SMALL:
            stream = stream.ljust(map_above + 1, b"\0")
        self._parts = [np.frombuffer(part, dtype=np.uint8) for part in (stream, *(b.raw() for b in large))]

    def __reduce__(self) -> Any:
        return _unpack, (self._parts,)

    def __sizeof__(self) -> int:
        # dask scatters an argument instead of sending it with each task if this is large
        return object.__sizeof__(self) + sum(part.nbytes for part in self._parts)


def _set_apart(buffer: pickle.PickleBuffer, large: list[pickle.PickleBuffer]) -> bool:
    """Keep a large buffer out of the stream; return whether the stream is to contain it."""
    if buffer.raw().nbytes < _LARGE:
        return True
    large.append(buffer)
    return False


def _unpack(parts: list[np.ndarray]) -> Any:
    """Return, in a worker, the value itself."""
    stream, *large = parts
    return pickle.loads(stream.data, buffers=large)
