"""What fitted prefixes of pipelines leave behind, in memory up to a bound: the least recently used goes first.

Nothing that is handed out is shared: what comes out of a step goes to estimators that may change it in place. So data
is copied in and out, in the same order in memory, on which the last bits of a sum may depend.
"""

import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sk_optuna._compat import dumps

# What is assumed to be free where the system does not say.
_UNKNOWN_MEMORY = 2**32
# A fit must have cost this many times what copying its result costs, and at least so many seconds.
_TIMES_DEARER = 2.0
_LEAST_SECONDS = 5e-4
# Seconds without use after which a worker lets go of what it stored: the search is over, or elsewhere.
_IDLE_AFTER = 30.0


class PrefixStore:
    """Values by key, bounded in memory, and what a process has learnt of the pipelines on the way.

    Parameters
    ----------
    limit : int
        Most bytes to hold.

    Attributes
    ----------
    n_bytes : int
        Bytes held.
    last_used : float
        When something was last looked up, by :func:`time.monotonic`.
    repeatable : dict of bytes to bool
        By key of an unfitted step, whether it makes the same of the same data each time.
    n_evaluations : int
        Folds whose prefixes were looked up.
    dearest : float
        Seconds that the prefix of a fold has taken at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[bytes, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.n_bytes = 0
        self.last_used = time.monotonic()
        self.repeatable: dict[bytes, bool] = {}
        self.n_evaluations = 0
        self.dearest = 0.0

    def get(self, key: bytes) -> Any:
        """Return the value of `key`, None if it is not held."""
        with self._lock:
            self.last_used = time.monotonic()
            if key not in self._held:
                return None
            self._held.move_to_end(key)
            return self._held[key][0]

    def put(self, key: bytes, value: Any, n_bytes: int) -> None:
        """Hold a value, in place of those that were not used for longest if need be, unless it is too large itself."""
        if n_bytes > self._limit:
            return
        with self._lock:
            if key in self._held:
                self.n_bytes -= self._held.pop(key)[1]
            self._held[key] = value, n_bytes
            self.n_bytes += n_bytes
            while self.n_bytes > self._limit:
                self.n_bytes -= self._held.popitem(last=False)[1][1]


class Stored(NamedTuple):
    """Data put by.

    Attributes
    ----------
    thaw : callable
        Returns the data, new each time.
    n_bytes : int
        Its size.
    """

    thaw: Callable[[], Any]
    n_bytes: int


def put_by(data: Any, seconds: float) -> Stored | None:
    """Return `data` put by; None if that cannot be done faithfully, or not much faster than to make it anew.

    Parameters
    ----------
    data : object
        Arrays, sparse matrices, data frames, lists, or whatever can be pickled.
    seconds : float
        What it cost to make it.
    """
    if seconds < _LEAST_SECONDS:
        return None
    start = time.perf_counter()
    stored = _put_by(data)
    cost = time.perf_counter() - start
    return stored if seconds > _TIMES_DEARER * cost else None


def _put_by(data: Any) -> Stored | None:
    if type(data) is np.ndarray:
        if not (data.flags.c_contiguous or data.flags.f_contiguous):
            return None
        array = data.copy(order="K")
        return Stored(lambda: array.copy(order="K"), footprint(array) if array.dtype.hasobject else array.nbytes)
    if sparse.issparse(data):
        matrix = data.copy()
        return Stored(matrix.copy, footprint(matrix))
    if type(data) is list:
        items = list(data)
        return Stored(items.copy, footprint(items))
    try:
        pickled = pickle.dumps(data, protocol=5)
    except Exception:  # whatever the object's own pickling raises
        return None
    return Stored(lambda: pickle.loads(pickled), len(pickled))


def footprint(value: Any) -> int:
    """Return roughly how many bytes a value holds: the length of its pickle, which is not made."""
    counter = _Counter()
    pickler = pickle.Pickler(counter, protocol=5, buffer_callback=lambda buffer: counter.add(buffer.raw().nbytes))
    try:
        pickler.dump(value)
    except Exception:  # functions that only cloudpickle can pickle
        return len(dumps(value))
    return counter.n_bytes


class _Counter:
    """A file that counts what is written to it."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def write(self, data: Any) -> int:
        length = memoryview(data).nbytes
        self.n_bytes += length
        return length

    def add(self, n_bytes: int) -> bool:
        self.n_bytes += n_bytes
        return False


# --- how much memory there is -----------------------------------------------------------------------------------------


def free_memory() -> int:
    """Return how many bytes this process could still take, as far as the system and its control group say."""
    free = [_of_the_machine()]
    with suppress(OSError, ValueError):  # the limit is "max" where there is none
        group = Path("/sys/fs/cgroup")
        limit, current = ((group / f"memory.{name}").read_text(encoding="ascii") for name in ("max", "current"))
        free.append(max(int(limit) - int(current), 0))
    return min(free)


def _of_the_machine() -> int:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    return _UNKNOWN_MEMORY


# --- stores of worker processes ---------------------------------------------------------------------------------------

_of_this_process: dict[str, PrefixStore] = {}
_lock = threading.Lock()


def worker_store(token: str, limit: int) -> PrefixStore:
    """Return the store of one search in this worker process; that of another search is let go."""
    with _lock:
        if token not in _of_this_process:
            _of_this_process.clear()
            _of_this_process[token] = PrefixStore(limit)
            threading.Thread(target=_let_go_when_idle, args=(token,), daemon=True).start()
        return _of_this_process[token]


def _let_go_when_idle(token: str) -> None:
    while True:
        time.sleep(_IDLE_AFTER / 4)
        with _lock:
            store = _of_this_process.get(token)
            if store is None:
                return
            if time.monotonic() - store.last_used > _IDLE_AFTER:
                del _of_this_process[token]
                return
