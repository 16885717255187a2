"""A terminal's face: one line, written anew in its place."""

import os
import shutil
import time
import unicodedata
from collections.abc import Callable
from typing import TextIO

from sk_optuna.progress._face import Status, write

# Seconds between two writings of the line.
_EVERY = 0.2
# Characters of the bar.
_BAR = 8
_DOTS = "..."


def columns_of_terminal() -> int:
    """Return the width of the terminal as it is now."""
    return shutil.get_terminal_size().columns


class TerminalFace:
    """Writes the status into one line, over the last one, five times a second at most.

    Each writing goes to the start of the line and erases it, whatever a print or a warning has left there. The line
    ends before the last column: there, some terminals wrap.

    Parameters
    ----------
    stream : text stream
        The terminal.
    clock : callable, default=time.monotonic
        The time in seconds.
    columns : callable, default=columns_of_terminal
        The width, asked for each time, since windows are resized.
    knows_escapes : bool, default=True, but on Windows
        Whether the terminal has a sequence that erases a line, else blanks are written: old Windows consoles have none.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        clock: Callable[[], float] = time.monotonic,
        columns: Callable[[], int] = columns_of_terminal,
        knows_escapes: bool = os.name != "nt",
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._columns = columns
        self._knows_escapes = knows_escapes
        self._status: Status | None = None
        self._next = -float("inf")

    def begin(self, title: str) -> None:
        """Write what begins."""
        write(self._stream, f"{title}\n")

    def show(self, status: Status) -> None:
        """Write the status, if the last writing was long enough ago."""
        self._status = status
        if self._clock() >= self._next:
            self._draw(status)

    def tell(self, text: str) -> None:
        """Write a sentence above the status."""
        self.line(text)

    def line(self, text: str) -> None:
        """Write a line above the status, which follows now or with its next writing."""
        write(self._stream, f"{self._erased()}{text}\n")
        if self._status is not None:
            self.show(self._status)

    def end(self, status: Status) -> None:
        """Write the last status, and end its line."""
        self._draw(status)
        write(self._stream, "\n")

    def _draw(self, status: Status) -> None:
        self._next = self._clock() + _EVERY
        write(self._stream, self._erased() + line_of(status, self._columns() - 1))

    def _erased(self) -> str:
        return "\r\x1b[K" if self._knows_escapes else f"\r{' ' * (self._columns() - 1)}\r"


def line_of(status: Status, width: int) -> str:
    """Return the line of a status: with a bar where there is room, and cut where there is none."""
    text = "; ".join(status.pieces)
    share = status.share
    if share is not None:
        n_full = int(share * _BAR)
        with_bar = f"[{'#' * n_full}{'.' * (_BAR - n_full)}] {text}"
        # the parameters, which come last, may be cut for it; nothing else
        if width_of(with_bar) - width_of(status.pieces[-1]) <= width:
            text = with_bar
    return cut(text, width)


def cut(text: str, width: int) -> str:
    """Cut a text to so many columns; characters that move the cursor are replaced."""
    text = "".join(each if each.isprintable() else "?" for each in text)
    if width_of(text) <= width:
        return text
    while text and width_of(text) > width - len(_DOTS):
        text = text[:-1]
    return (text + _DOTS)[: max(width, 0)]


def width_of(text: str) -> int:
    """Return the columns that a text takes: two for a wide character, none for one that combines."""
    return sum(_width(each) for each in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
