"""Limits of a task, which an engine enforces from outside by ending the process that runs it.

Code that hangs, or takes memory, will not end itself: a timer in the worker waits for native code to return, and a
limit of the system's kind (RLIMIT_AS) counts address space, of which libraries reserve far more than they use. So each
worker notes in a file which task it runs, and the engine looks at the notes. The time of a task counts from that note,
not from its submission. Not taken: to have tasks report by a queue, which has to be handed to workers that exist.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from sk_optuna._compat._joblib import SharedFolder
from sk_optuna.worker import resident_memory

# Seconds between looks, at most, and the part of the time limit by which a task may overrun it.
_LOOK_EVERY, _LOOK_AT_MEMORY_EVERY, _OVERRUN = 1.0, 0.1, 0.1
_n_begun = 0


class Limits(NamedTuple):
    """The most that a task may take.

    Attributes
    ----------
    seconds : float or None
        Time from its start in the worker; None for any.
    n_bytes : int or None
        Resident memory of the process that runs it; None for any.
    """

    seconds: float | None = None
    n_bytes: int | None = None

    def __bool__(self) -> bool:
        return self != (None, None)

    @property
    def look_every(self) -> float:
        """Seconds between looks at the tasks that run."""
        seconds = _LOOK_EVERY if self.n_bytes is None else _LOOK_AT_MEMORY_EVERY
        return seconds if self.seconds is None else min(seconds, max(self.seconds * _OVERRUN, 0.01))


NO_LIMITS = Limits()


class Excess(NamedTuple):
    """The limit that a task exceeded.

    Attributes
    ----------
    kind : {"timeout", "memory"}
        The limit.
    seconds : float
        Seconds for which the task ran.
    is_certain : bool
        False if it may not be the task's own: earlier tasks may have left memory in the same process.
    """

    kind: Literal["timeout", "memory"]
    seconds: float
    is_certain: bool


class _Note(NamedTuple):
    """A task that runs: the process, the number of the task, its start, and the tasks that the process ran before."""

    pid: int
    ticket: int
    start: float
    n_before: int


class Notes:
    """The notes of all workers: one file for each process, in a folder that they share."""

    def __init__(self) -> None:
        self._shared = SharedFolder()

    @property
    def folder(self) -> str:
        """The folder, which goes along with each task."""
        folder: str = self._shared.path
        return folder

    def excesses(self, limits: Limits) -> dict[int, Excess]:
        """Return by ticket the tasks that now exceed a limit."""
        found = {note.ticket: self._excess(note, limits) for note in self._read()}
        return {ticket: excess for ticket, excess in found.items() if excess is not None}

    def close(self) -> None:
        """Remove the folder; a second time does nothing."""
        self._shared.remove()

    def _read(self) -> Iterator[_Note]:
        for path in Path(self.folder).iterdir():
            words = path.read_text(encoding="ascii").split()
            # empty between two tasks
            if len(words) == 3:
                yield _Note(int(path.name), int(words[0]), float(words[1]), int(words[2]))

    @staticmethod
    def _excess(note: _Note, limits: Limits) -> Excess | None:
        # On all systems the monotonic clock is one clock for all processes.
        seconds = time.monotonic() - note.start
        if limits.seconds is not None and seconds > limits.seconds:
            return Excess("timeout", seconds, is_certain=True)
        if limits.n_bytes is not None and resident_memory(note.pid) > limits.n_bytes:
            return Excess("memory", seconds, is_certain=note.n_before == 0)
        return None


@contextmanager
def noted(folder: str, ticket: int) -> Iterator[None]:
    """Note, in a worker, that this process runs a task, until it has."""
    global _n_begun
    path = os.path.join(folder, str(os.getpid()))
    _write(path, f"{ticket} {time.monotonic()} {_n_begun}\n")
    _n_begun += 1
    try:
        yield
    finally:
        # The folder is gone where nobody waits for the task any more.
        with suppress(FileNotFoundError):
            _write(path, "")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
