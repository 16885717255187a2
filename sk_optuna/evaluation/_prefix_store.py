"""What fitted prefixes of pipelines leave behind, in memory up to a bound: the least recently used goes first.

Nothing that is handed out is shared: what comes out of a step goes to estimators that may change it in place. So data
is copied in and out, in the same order in memory, on which the last bits of a sum may depend.

Worker processes leave for each other what took long to make, in files where joblib puts its memory maps: with many
workers, each would otherwise make nearly everything itself.
"""

import copyreg
import pickle
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import copy, deepcopy
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from sk_optuna._compat import OUTPUT_CONFIG, dumps

# What is assumed to be free where the system does not say.
_UNKNOWN_MEMORY = 2**32
# A fit must have cost this many times what copying its result costs, and at least so many seconds.
_TIMES_DEARER = 2.0
_LEAST_SECONDS = 5e-4
# Seconds to make what is worth a file for other processes.
_WORTH_A_FILE = 0.02
# Seconds without use after which a worker lets go of what it stored: the search is over, or elsewhere.
_IDLE_AFTER = 30.0


class Stored:
    """Data put by.

    Parameters
    ----------
    data : object
        A copy of the data, or bytes that they are pickled to.
    pickled : bool, default=False
        Whether they are.
    n_bytes : int
        Its size.
    """

    def __init__(self, data: Any, n_bytes: int, *, pickled: bool = False) -> None:
        self._data = data
        self._pickled = pickled
        self.n_bytes = n_bytes

    def thaw(self) -> Any:
        """Return the data, new each time."""
        if self._pickled:
            return pickle.loads(self._data)
        return self._data.copy(order="K") if isinstance(self._data, np.ndarray) else self._data.copy()


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
    if type(data) is np.ndarray and not data.dtype.hasobject:
        if not (data.flags.c_contiguous or data.flags.f_contiguous):
            return None
        return Stored(data.copy(order="K"), data.nbytes)
    if sparse.issparse(data) and not data.dtype.hasobject:
        return Stored(data.copy(), footprint(data) or 0)
    if type(data) is list and all(type(item) is str for item in data):
        return Stored(data.copy(), footprint(data) or 0)
    try:
        content = pickle.dumps(data, protocol=5)
    except Exception:  # whatever the object's own pickling raises
        return None
    return Stored(content, len(content), pickled=True)


class PrefixStore:
    """Values by key, bounded in memory, and what a process has learnt of the pipelines on the way.

    Parameters
    ----------
    limit : int
        Most bytes to hold.
    folder : str or None, default=None
        Where the processes of a search leave for each other what took long to make. Half of `limit` is then for files.

    Attributes
    ----------
    n_bytes : int
        Bytes held, files not included.
    n_users : int
        Folds that are being evaluated with it.
    last_used : float
        When something was last looked up, by :func:`time.monotonic`.
    repeatable : dict of bytes to bool
        By key of an unfitted step, whether it makes the same of the same data each time.
    n_evaluations : int
        Folds whose prefixes were looked up.
    dearest : float
        Seconds that the prefix of a fold has taken at most.
    """

    def __init__(self, limit: int, folder: str | None = None) -> None:
        self._limit = limit if folder is None else limit // 2
        self._files = None if folder is None else _Files(Path(folder), limit // 2)
        self._held: OrderedDict[bytes, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.n_bytes = 0
        self.last_used = time.monotonic()
        self.n_users = 0
        self.repeatable: dict[bytes, bool] = {}
        self.n_evaluations = 0
        self.dearest = 0.0

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep a worker's store from being let go, however long a fold takes."""
        with self._lock:
            self.n_users += 1
        try:
            yield
        finally:
            with self._lock:
                self.n_users -= 1
                self.last_used = time.monotonic()

    def get(self, key: bytes) -> Any:
        """Return the value of `key`, None if neither this process nor another one has it."""
        with self._lock:
            self.last_used = time.monotonic()
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key][0]
        found = None if self._files is None else self._files.read(key)
        if found is None:
            return None
        self._hold(key, *found)
        return found[0]

    def put(self, key: bytes, value: Any, n_bytes: int, seconds: float) -> None:
        """Hold a value that took so many seconds to make, and leave it for other processes if it took long."""
        self._hold(key, value, n_bytes)
        if self._files is not None and seconds > _WORTH_A_FILE:
            self._files.write(key, (value, n_bytes))

    def _hold(self, key: bytes, value: Any, n_bytes: int) -> None:
        """Hold a value in place of those that were not used for longest, unless it is too large itself."""
        if n_bytes > self._limit:
            return
        with self._lock:
            if key in self._held:
                self.n_bytes -= self._held.pop(key)[1]
            self._held[key] = value, n_bytes
            self.n_bytes += n_bytes
            while self.n_bytes > self._limit:
                self.n_bytes -= self._held.popitem(last=False)[1][1]


class _Files:
    """Values in files, of which each process removes the oldest of its own."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._written: deque[tuple[Path, int]] = deque()
        self._n_bytes = 0

    def read(self, key: bytes) -> Any:
        """Return what a process wrote under `key`; None if none did, or it is gone."""
        try:
            with open(self._folder / key.hex(), "rb") as file:
                return pickle.load(file)
        except OSError:
            return None

    def write(self, key: bytes, value: Any) -> None:
        """Write a value, all of it or nothing, unless the disk is full or the value too large."""
        content = pickled(value)
        if content is None or len(content) > self._limit:
            return
        while self._written and self._n_bytes + len(content) > self._limit:
            path, n_bytes = self._written.popleft()
            path.unlink(missing_ok=True)
            self._n_bytes -= n_bytes
        path = self._folder / key.hex()
        unfinished = path.with_suffix(f".{uuid.uuid4().hex}")
        try:
            unfinished.write_bytes(content)
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            return
        self._written.append((path, len(content)))
        self._n_bytes += len(content)


def pickled(value: Any) -> bytes | None:
    """Return what values share that are alike; None if they cannot be pickled."""
    for dump in (pickle.dumps, dumps):
        try:
            return dump(value)
        except Exception:  # whatever an object's own pickling raises
            continue
    return None


def footprint(value: Any) -> int | None:
    """Return roughly how many bytes a value holds: the length of its pickle; None if it cannot be pickled."""
    counter = _Counter()
    pickler = pickle.Pickler(counter, protocol=5, buffer_callback=lambda buffer: counter.add(buffer.raw().nbytes))
    pickler.dispatch_table = _SIZED  # type: ignore[attr-defined, unused-ignore]
    try:
        pickler.dump(value)
    except Exception:  # functions that only cloudpickle can pickle, or whatever an object's own pickling raises
        content = pickled(value)
        return None if content is None else len(content)
    return counter.n_bytes


# Of NumPy's scalars a vectorizer's vocabulary has thousands, and each takes pickle microseconds.
_SIZED = copyreg.dispatch_table | {kind: lambda value: (int, ()) for kind in (np.int64, np.int32, np.float64)}


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


# --- fitted steps -----------------------------------------------------------------------------------------------------

# What `copied` copies within a fitted step: the steps of pipelines, unions and tables, which are at this position in a
# list's items, and what `set_output` changes in place.
COPIED_WITHIN = {"steps": 1, "transformer_list": 1, "transformers_": 1, OUTPUT_CONFIG: None}
GENERATORS = (np.random.RandomState, np.random.Generator)


class OwnTransform:
    """A `transform` that was set on one step and is not that of its copies."""


def copied(step: Any) -> Any:
    """Return a copy of a fitted step to which anything may be set, and so for the steps within; arrays are shared."""
    if not isinstance(step, BaseEstimator):
        return copy(step)
    twin = object.__new__(type(step))  # as `copy` does, but for estimators that leave attributes out of their state
    for name, value in vars(step).items():
        position = COPIED_WITHIN.get(name)
        if position is not None and isinstance(value, list):
            value = [(*item[:position], copied(item[position]), *item[position + 1 :]) for item in value]
        elif name == OUTPUT_CONFIG and isinstance(value, dict):
            value = dict(value)
        elif isinstance(value, GENERATORS):
            value = deepcopy(value)
        elif isinstance(value, OwnTransform):
            continue
        vars(twin)[name] = value
    return twin


def draws_later(step: Any) -> bool:
    """Return whether a fitted step, or one within, has a generator that a transform may draw from."""
    return any(isinstance(value, GENERATORS) for value in getattr(step, "__dict__", {}).values()) or any(
        draws_later(inner) for inner in _within(step)
    )


def holds_memory_of(step: Any, output: Any) -> bool:
    """Return whether what is done to an output in place would change the fitted step, or one within."""
    arrays = (value for value in getattr(step, "__dict__", {}).values() if isinstance(value, np.ndarray))
    if isinstance(output, np.ndarray) and any(np.may_share_memory(array, output) for array in arrays):
        return True
    return any(holds_memory_of(inner, output) for inner in _within(step))


def _within(step: Any) -> list[Any]:
    lists = (getattr(step, name, None) for name, position in COPIED_WITHIN.items() if position is not None)
    return [item[1] for each in lists if isinstance(each, list) for item in each]


def fingerprint(data: Any) -> int | None:
    """Return what changes with the values of data; None where that cannot be said."""
    if sparse.issparse(data):
        data = getattr(data, "data", data)
    if isinstance(data, np.ndarray) and not data.dtype.hasobject:
        return crc32(np.ascontiguousarray(data).view(np.uint8).data) if data.size else 0
    content = pickled(data)
    return None if content is None else crc32(content)


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


def worker_store(token: str, limit: int, folder: str | None) -> PrefixStore:
    """Return the store of one search in this worker process; that of another search is let go."""
    with _lock:
        if token not in _of_this_process:
            _of_this_process.clear()
            _of_this_process[token] = PrefixStore(limit, folder)
            threading.Thread(target=_let_go_when_idle, args=(token,), daemon=True).start()
        return _of_this_process[token]


def _let_go_when_idle(token: str) -> None:
    while True:
        time.sleep(_IDLE_AFTER / 4)
        with _lock:
            store = _of_this_process.get(token)
            if store is None:
                return
            if store.n_users == 0 and time.monotonic() - store.last_used > _IDLE_AFTER:
                del _of_this_process[token]
                return
