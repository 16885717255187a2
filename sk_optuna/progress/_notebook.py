"""A notebook's face: one output, updated in its place."""

import sys
import time
import uuid
from collections.abc import Callable
from typing import Any, TextIO

from sk_optuna.progress._face import Status, write
from sk_optuna.progress._html import table

# Seconds between two updates, each of which is a message to the browser.
_EVERY = 0.5


def display_of_kernel() -> Any | None:
    """Return IPython's module of displays, if this process is the kernel of a notebook; nothing is imported for it."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if getattr(shell, "kernel", None) is None:
        return None
    from IPython import display

    return display


class NotebookFace:
    """Shows the status as an output that is updated, and in the end is the summary.

    Parameters
    ----------
    display : module
        IPython's ``display`` and ``update_display``.
    stream : text stream
        Where lines go that belong to no status.
    clock : callable, default=time.monotonic
        The time in seconds.
    """

    def __init__(self, display: Any, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._display = display
        self._stream = stream
        self._clock = clock
        self._id = uuid.uuid4().hex
        self._title = ""
        self._next = -float("inf")

    def begin(self, title: str) -> None:
        """Show what begins; the output is updated from now on."""
        self._title = title
        data = {"text/plain": title, "text/html": table(title, [])}
        self._display.display(data, raw=True, display_id=self._id)

    def show(self, status: Status) -> None:
        """Update the output, if the last update was long enough ago."""
        if self._clock() >= self._next:
            self._update(status, status.share)

    def tell(self, text: str) -> None:
        """Do nothing: the rows of the status say it."""

    def line(self, text: str) -> None:
        """Write a line, which appears below the output."""
        write(self._stream, f"{text}\n")

    def end(self, status: Status) -> None:
        """Replace the output by the summary."""
        self._update(status, None)

    def _update(self, status: Status, share: float | None) -> None:
        self._next = self._clock() + _EVERY
        data = {"text/plain": "; ".join(status.pieces), "text/html": table(self._title, status.rows, share)}
        self._display.update_display(data, raw=True, display_id=self._id)
