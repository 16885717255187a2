"""A value that every task needs and no task should carry.

Pickled once, with its large arrays apart. All parts travel as arrays that joblib memory-maps, so a task carries their
file names only, and the workers' arrays are views of the same pages. A worker unpickles the value at its first task.
"""

import pickle
import time
import uuid
from typing import Any

import numpy as np

from sk_optuna._compat import dumps

# In a worker: the last value it was sent, by token. One is enough, since a process serves one search at a time.
_attached: dict[str, "Shared"] = {}

_LARGE = 2**20
# Up to this size the pickled value goes along with every task: a memory map must be removed from disk at the end, and
# joblib waits in steps of .1 s, up to 1 s, until no worker holds it.
_SMALL = 2**16


class Shared:
    """A value, cheap to send again to a worker that has it.

    Parameters
    ----------
    value : object
        What to share; it is not changed. Workers see its large arrays read-only.
    pad_to : int, default=0
        Least size in bytes of the pickled value: joblib maps only what is larger than a threshold.
    """

    def __init__(self, value: Any, *, pad_to: int = 0) -> None:
        self.value = value
        self.token = uuid.uuid4().hex
        self._pad_to = pad_to
        self._parts: list[np.ndarray] | None = None

    def pack(self) -> "Shared":
        """Pickle the value now, in this thread, and return self."""
        if self._parts is None:
            large: list[pickle.PickleBuffer] = []
            stream = dumps(self.value, protocol=5, buffer_callback=lambda buffer: _set_apart(buffer, large))
            if len(stream) > _SMALL:
                stream = stream.ljust(self._pad_to, b"\0")
            self._parts = [np.frombuffer(part, dtype=np.uint8) for part in (stream, *(b.raw() for b in large))]
        return self

    @property
    def is_mapped(self) -> bool:
        """Whether it is memory-mapped, where anything is, rather than sent with each task."""
        return sum(part.nbytes for part in self.pack()._parts or []) > _SMALL

    def __reduce__(self) -> Any:
        self.pack()
        return _attach, (self.token, self._parts)

    def __sizeof__(self) -> int:
        # dask scatters an argument instead of sending it with each task if this is large
        return object.__sizeof__(self) + sum(part.nbytes for part in self.pack()._parts or [])


def _set_apart(buffer: pickle.PickleBuffer, large: list[pickle.PickleBuffer]) -> bool:
    """Keep a large buffer out of the stream; return whether the stream is to contain it."""
    if buffer.raw().nbytes < _LARGE:
        return True
    large.append(buffer)
    return False


def _attach(token: str, parts: list[np.ndarray]) -> Shared:
    """Return the shared value in a worker, unpickled if this worker does not have it yet."""
    shared = _attached.get(token)
    if shared is None:
        stream, *large = parts
        shared = Shared(pickle.loads(stream.data, buffers=large))
        shared.token, shared._parts = token, parts
        _attached.clear()
        _attached[token] = shared
    return shared


def forget(token: str) -> None:
    """Release, in a worker, what it was sent under `token`, and leave the next such call to another worker."""
    _attached.pop(token, None)
    time.sleep(0.02)
