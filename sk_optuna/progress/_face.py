"""The interface of a face, and of the status that it shows."""

from collections.abc import Hashable, Sequence
from typing import Protocol, TextIO


class Status(Protocol):
    """A state of what runs, in numbers and, asked for them, in words."""

    @property
    def share(self) -> float | None:
        """The share of the work that is done, from 0 to 1; None if it is not known."""

    @property
    def news(self) -> Hashable:
        """A value that changes where a line in a file is due."""

    @property
    def pieces(self) -> Sequence[str]:
        """The state in a line, in pieces, the ones that matter most first."""

    @property
    def rows(self) -> Sequence[tuple[str, str]]:
        """The state in a table: names and values."""


class Face(Protocol):
    """Shows how far something is."""

    def begin(self, title: str) -> None:
        """Show what begins."""

    def show(self, status: Status) -> None:
        """Show a status, unless another one was shown a moment ago."""

    def tell(self, text: str) -> None:
        """Write a sentence of which `rows` of the status have the content."""

    def line(self, text: str) -> None:
        """Write a line that belongs to no status."""

    def end(self, status: Status) -> None:
        """Show the last status, whenever another one was shown."""


def write(stream: TextIO, text: str) -> None:
    """Write to a stream now. Characters that it cannot encode are written as escapes: they must not end a search.

    Of what stands for a stream, as an object that hands lines to a logger, no more than `write` is needed.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    flush = getattr(stream, "flush", None)
    if flush is not None:
        flush()
