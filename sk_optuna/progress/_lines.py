"""The face of files and of continuous integration: few lines, each of which stays."""

import time
from collections.abc import Callable, Hashable
from typing import TextIO

from sk_optuna.progress._face import Status, write

# Seconds without a line after which there is one.
_EVERY = 60.0


class LinesFace:
    """Writes a line when there are news, such as a better score, and one a minute.

    Parameters
    ----------
    stream : text stream
        Where they go; it is flushed after each.
    clock : callable, default=time.monotonic
        The time in seconds.
    every_trial : bool, default=False
        Whether each trial has a line, which `line` writes, so that the news are in these.
    """

    def __init__(
        self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic, every_trial: bool = False
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._every_trial = every_trial
        self._news: Hashable = None
        self._next = clock() + _EVERY

    def begin(self, title: str) -> None:
        """Write what begins."""
        self.line(title)

    def show(self, status: Status) -> None:
        """Write the status, if it has news or a minute is over."""
        is_new = status.news != self._news and self._news is not None and not self._every_trial
        is_last = status.share == 1  # which `end` will write
        self._news = status.news
        if (is_new and not is_last) or self._clock() >= self._next:
            self.line("; ".join(status.pieces))

    def tell(self, text: str) -> None:
        """Write a sentence."""
        self.line(text)

    def line(self, text: str) -> None:
        """Write a line."""
        self._next = self._clock() + _EVERY
        write(self._stream, f"{text}\n")

    def end(self, status: Status) -> None:
        """Write the last status."""
        self.line("; ".join(status.pieces))
