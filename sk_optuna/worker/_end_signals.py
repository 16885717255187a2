"""The signals that end a search: Ctrl-C, and SIGTERM as a cluster sends it.

Code that trains may swallow the KeyboardInterrupt of Ctrl-C, and return as if nothing had been. So the handler of
SIGINT is wrapped for the time of a search, which looks after each fold at whether it was called.

SIGTERM ends a process at once: workers run on, and stores stay open. During a search it is an interrupt instead, and
when the search has cleared up, the process sends itself the signal anew, to the handler that the system brings. So it
ends as whoever sent the signal expects, by the signal itself. Not taken: SystemExit(143), which the caller's code may
catch, and which ends with another status. Python runs handlers between two steps of Python code in the main thread:
a fit in native code delays the end.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sk_optuna.worker._current_fold import current_fold

# The signals of the searches that the main thread runs, the innermost last, and the handlers of SIGTERM set for them.
_of_main_thread: "list[EndSignals]" = []
_terminate: list[Any] = []


class EndSignals:
    """The signals that a search has seen.

    Attributes
    ----------
    n_interrupts : int
        How often the user pressed Ctrl-C, and a KeyboardInterrupt was raised.
    is_terminated : bool
        Whether SIGTERM came.
    """

    def __init__(self, around: "EndSignals | None" = None) -> None:
        self.n_interrupts = 0
        self.is_terminated = False
        self._around = around
        self._has_ended = False

    def raise_swallowed(self) -> None:
        """Raise KeyboardInterrupt if a signal came: its own has then been swallowed."""
        if self.n_interrupts or self.is_terminated or (self._around is not None and self._around._has_ended):
            raise KeyboardInterrupt

    def note_interrupt(self) -> None:
        """Note that Ctrl-C was pressed."""
        self.n_interrupts += 1
        self._has_ended = True

    def note_termination(self) -> None:
        """Note that SIGTERM came."""
        self.is_terminated = self._has_ended = True

    def forgive_first(self) -> None:
        """Count interrupts from here on."""
        self.n_interrupts = 0


@contextmanager
def end_signals() -> Iterator[EndSignals]:
    """Yield the signals of the `with` block, as far as this thread sees them; after SIGTERM the process ends with it.

    SIGTERM is left alone where it has a handler already, and both are in other threads than the main one. A search in
    the fold of another one, in a thread, ends with that one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield EndSignals(_of_main_thread[-1] if _of_main_thread and current_fold() is not None else None)
        return
    seen = EndSignals()
    with _appended(_of_main_thread, seen), _interrupts_counted(seen):
        try:
            with _termination_noted(seen):
                yield seen
        finally:
            if seen.is_terminated:
                os.kill(os.getpid(), signal.SIGTERM)


@cache
def _have_children_forget() -> None:
    """Have processes that are forked during a search ended by SIGTERM at once, as those that are not.

    A fork of several threads may wait for a lock for ever, and run no handler of Python's.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget)


def _forget() -> None:
    if signal.getsignal(signal.SIGTERM) in _terminate:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _interrupts_counted(seen: EndSignals) -> Iterator[None]:
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        yield
        return

    def interrupt(signum: int, frame: Any) -> None:
        try:
            handler(signum, frame)
        except KeyboardInterrupt:
            seen.note_interrupt()
            raise

    with _handler(signal.SIGINT, interrupt):
        yield


@contextmanager
def _termination_noted(seen: EndSignals) -> Iterator[None]:
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    _have_children_forget()

    def terminate(signum: int, frame: Any) -> None:
        # a second one ends the process at once
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        seen.note_termination()
        raise KeyboardInterrupt("SIGTERM")

    with _appended(_terminate, terminate), _handler(signal.SIGTERM, terminate):
        yield


@contextmanager
def _appended(items: list[Any], item: Any) -> Iterator[None]:
    items.append(item)
    try:
        yield
    finally:
        items.remove(item)


@contextmanager
def _handler(signum: int, handler: Any) -> Iterator[None]:
    """Set a handler for a while."""
    before = signal.signal(signum, handler)
    try:
        yield
    finally:
        signal.signal(signum, before)
