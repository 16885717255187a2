"""The stores of worker processes: one for each search, and files through which the processes of a search share.

With many workers, each would otherwise make nearly everything itself. The files lie where joblib puts its memory maps.
Its content is the ledger: processes come and go, and each counts the files of all of them.
"""

import os
import pickle
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from sk_optuna.prefixes._store import PrefixStore
from sk_optuna.prefixes._stored import pickled

# Seconds without use after which a worker drops its store: the search is over, or elsewhere.
_IDLE_AFTER = 30.0

# By search: its store, and a folder that exists as long as the search; None where this process sees no such folder.
_of_this_process: dict[str, tuple[PrefixStore, str | None]] = {}
_lock = threading.Lock()
_keeper: threading.Thread | None = None


class PrefixFiles:
    """Values in files of one folder. A process that needs room removes the files that were not used for longest.

    Parameters
    ----------
    folder : path
        The folder; it need not exist.
    limit : int
        Most bytes in the folder.
    n_writers : int
        Processes that write there. Each leaves room for the others to write as much at the same time.
    """

    def __init__(self, folder: Path, limit: int, n_writers: int) -> None:
        self._folder = folder
        self._limit = limit
        self._n_writers = n_writers

    def read(self, key: bytes) -> Any:
        """Read the value that a process wrote under `key`; None if none did, or it is gone."""
        path = self._folder / key.hex()
        try:
            with open(path, "rb") as file:
                value = pickle.load(file)
            os.utime(path)
        except OSError:
            return None
        return value

    def write(self, key: bytes, value: Any) -> None:
        """Write a value, all of it or nothing, unless the disk is full or the value too large."""
        content = pickled(value)
        if content is None or len(content) * self._n_writers > self._limit:
            return
        path = self._folder / key.hex()
        unfinished = path.with_suffix(f".{uuid.uuid4().hex}")
        try:
            self._make_room(len(content) * self._n_writers)
            unfinished.write_bytes(content)
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _make_room(self, n_bytes: int) -> None:
        """Remove files until there is room for so many bytes more."""
        found = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # another process was faster
                    found.append((entry.stat().st_mtime_ns, entry.stat().st_size, entry.path))
        excess = sum(size for _, size, _ in found) + n_bytes - self._limit
        for _, size, path in sorted(found):
            if excess <= 0:
                return
            with suppress(FileNotFoundError):
                os.unlink(path)
            excess -= size


def worker_store(token: str, limit: int, folder: str | None, n_processes: int) -> PrefixStore:
    """Return the store of one search in this worker process.

    Parameters
    ----------
    token : str
        The search.
    limit : int
        Most bytes that this process may hold.
    folder : str or None
        The folder of the search's processes, there for as long as the search.
    n_processes : int
        Number of these processes.
    """
    global _keeper
    with _lock:
        if token not in _of_this_process:
            _let_go()
            files = None if folder is None else PrefixFiles(Path(folder), limit // 2 * n_processes, n_processes)
            is_here = folder is not None and os.path.isdir(folder)
            _of_this_process[token] = PrefixStore(limit, files), folder if is_here else None
        store, _ = _of_this_process[token]
        store.last_used = time.monotonic()
        if _keeper is None or not _keeper.is_alive():
            _keeper = threading.Thread(target=_keep, daemon=True)
            _keeper.start()
        return store


def _keep() -> None:
    """Drop unused stores from time to time, until there is none."""
    global _keeper
    while True:
        time.sleep(_IDLE_AFTER / 4)
        with _lock:
            _let_go()
            if not _of_this_process:
                _keeper = None
                return


def _let_go() -> None:
    """Drop the stores of searches that ended, and stores that were not used for long."""
    for token, (store, folder) in list(_of_this_process.items()):
        ended = folder is not None and not os.path.isdir(folder)
        if store.n_users == 0 and (ended or time.monotonic() - store.last_used > _IDLE_AFTER):
            del _of_this_process[token]
