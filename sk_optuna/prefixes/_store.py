"""The fitted prefixes that a process keeps, in memory up to a bound: the least recently used goes first."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

# Seconds of making, from which on a value is worth a file for other processes.
_WORTH_A_FILE = 0.02


class Files(Protocol):
    """Files in which processes leave values for each other that took long to make."""

    def read(self, key: bytes) -> Any:
        """Return the value that a process wrote under `key`; None if none did, or it is gone."""

    def write(self, key: bytes, value: Any) -> None:
        """Write a value, all of it or nothing."""


class PrefixStore:
    """Values by key, bounded in memory, and the knowledge of pipelines that a process gains on the way.

    Parameters
    ----------
    limit : int
        Most bytes to hold.
    files : Files or None, default=None
        Files that the processes of a search leave for each other. Half of `limit` is then for these.

    Attributes
    ----------
    n_bytes : int
        Bytes held, files not included.
    n_users : int
        Folds that are being evaluated with this store.
    last_used : float
        The time of the last look-up, by :func:`time.monotonic`.
    repeatable : dict of bytes to bool
        By key of an unfitted step, whether it makes the same of the same data each time; by key of a fitted one's
        output, whether making it was all it did.
    n_evaluations : int
        Folds whose prefixes were looked up.
    dearest : float
        Most seconds that the prefix of a fold has taken.
    """

    def __init__(self, limit: int, files: Files | None = None) -> None:
        self._limit = limit if files is None else limit // 2
        self._files = files
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
        """Keep a worker from dropping this store, however long a fold takes."""
        with self._lock:
            self.n_users += 1
        try:
            yield
        finally:
            with self._lock:
                self.n_users -= 1
                self.last_used = time.monotonic()

    def get(self, key: bytes) -> Any:
        """Return the value of `key`; None if neither this process nor a file has it."""
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
        """Hold a value and drop those that were not used for longest; a value beyond the limit is not held."""
        if n_bytes > self._limit:
            return
        with self._lock:
            if key in self._held:
                self.n_bytes -= self._held.pop(key)[1]
            self._held[key] = value, n_bytes
            self.n_bytes += n_bytes
            while self.n_bytes > self._limit:
                self.n_bytes -= self._held.popitem(last=False)[1][1]
