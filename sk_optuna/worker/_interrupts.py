"""Ctrl-C ends a search, whatever the library that trains makes of a KeyboardInterrupt.

On Ctrl-C, skorch keeps the net as it is and returns. Lightning's Trainer ends the process, or returns, and has SIGINT
ignored from then on. A callback may also raise KeyboardInterrupt by itself, to stop one training early. Only the
handler of SIGINT knows the user's Ctrl-C from that, so it is wrapped while a net trains. Python runs this handler in
the main thread and lets no other thread set one: in other threads nothing is wrapped, and no interrupt arrives. Not
taken: to block SIGINT during a fit, which would delay the end of a search by the rest of a training.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class _CarriedInterrupt(BaseException):
    """Ctrl-C on its way past a library that swallows KeyboardInterrupt."""


class Interrupts:
    """The user's interrupts during one training.

    Attributes
    ----------
    by_user : bool
        Whether the user pressed Ctrl-C; False for a KeyboardInterrupt that code raises.
    """

    def __init__(self) -> None:
        self.by_user = False

    @contextmanager
    def carried(self) -> Iterator[None]:
        """Send the user's KeyboardInterrupt past code that swallows it, up to the `delivered` around that code."""
        try:
            yield
        except KeyboardInterrupt:
            if self.by_user:
                raise _CarriedInterrupt from None
            raise


@contextmanager
def delivered() -> Iterator[None]:
    """Raise KeyboardInterrupt again for an interrupt that was carried this far."""
    try:
        yield
    except _CarriedInterrupt:
        raise KeyboardInterrupt from None


@contextmanager
def watched() -> Iterator[Interrupts]:
    """Yield the user's interrupts of the `with` block, as far as this thread sees them."""
    interrupts = Interrupts()
    with _handler_kept() as handler:
        if callable(handler):

            def interrupt(signum: int, frame: Any) -> None:
                interrupts.by_user = True
                handler(signum, frame)

            signal.signal(signal.SIGINT, interrupt)
        yield interrupts


@contextmanager
def kept_alive(interrupted: Callable[[], bool]) -> Iterator[None]:
    """Raise KeyboardInterrupt where a library ends the process, or returns, after one; put the handler of SIGINT back.

    Parameters
    ----------
    interrupted : callable
        Asked at the end of the `with` block: whether the library met a KeyboardInterrupt.
    """
    try:
        with _handler_kept():
            yield
    except SystemExit:
        if not interrupted():
            raise
    if interrupted():
        raise KeyboardInterrupt


@contextmanager
def on_interrupt(action: Callable[[], None]) -> Iterator[None]:
    """Call `action` when a KeyboardInterrupt leaves the `with` block; the interrupt then goes on.

    Parameters
    ----------
    action : callable
        For example a function that keeps the results so far. An error of it becomes a note of the interrupt, in whose
        place it would otherwise be raised.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        try:
            action()
        except Exception as error:
            interrupt.add_note(f"On Ctrl-C, {type(error).__name__}: {error}")
        raise


@contextmanager
def _handler_kept() -> Iterator[Any]:
    """Yield the handler of SIGINT and put it back; None in a thread that may not set one."""
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if is_main else None
    try:
        yield handler
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
