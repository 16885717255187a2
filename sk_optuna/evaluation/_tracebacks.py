"""Read the text of a traceback: its errors, their messages, and the lines of code on the way to each.

scikit-learn hands on a failed fit as the text of its traceback, with the error itself gone, and workers send nothing
else: only the text is there to be read.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Before the frames of an error; one that was never raised has neither, and comes first or after one of the others.
_BEGINNINGS = (
    "Traceback (most recent call last):",
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
# The line under the frames: a class with its module, unless that is builtins or __main__, and the message, if any.
_EXCEPTION = re.compile(r"(?P<name>[\w.<>]+)(?:: (?P<message>.*))?")
_FRAME = re.compile(r'  File "(?P<file>.+)", line (?P<number>\d+)(?:, in (?P<function>.*))?')


class CodeLine(NamedTuple):
    """A line of code on the way to an error.

    Attributes
    ----------
    file : str
        Its file, or a name such as ``"<stdin>"``.
    number : int
        Its number in the file.
    function : str
        The function that it is in; empty for a line that could not be compiled.
    source : str
        Its text; empty where that is not known.
    """

    file: str
    number: int
    function: str
    source: str


class RaisedError(NamedTuple):
    """An error of a traceback.

    Attributes
    ----------
    name : str
        Its class, with the module unless that is builtins or __main__.
    message : str
        Its message, which may have several lines; empty if it has none.
    lines : list of CodeLine
        The line of each frame, the one that raised last.
    """

    name: str
    message: str
    lines: list[CodeLine]


def raised_errors(traceback_text: str) -> list[RaisedError]:
    """Return the errors of a traceback, a cause before its consequence.

    Frames are indented, so the first line after a beginning that is not is the error's. Lines after it belong to its
    message, whatever they look like, until the next beginning.

    Parameters
    ----------
    traceback_text : str
        As ``traceback.format_exc()`` returns it.
    """
    blocks: list[list[str]] = [[]]
    for line in traceback_text.split("\n"):
        if line in _BEGINNINGS:
            blocks.append([])
        else:
            blocks[-1].append(line)
    return [error for block in blocks if (error := _error_of(block)) is not None]


def _error_of(lines: Sequence[str]) -> RaisedError | None:
    end = next((i for i, line in enumerate(lines) if line and not line[0].isspace()), None)
    found = None if end is None else _EXCEPTION.fullmatch(lines[end])
    if end is None or found is None:
        return None
    message = "\n".join([found["message"] or "", *lines[end + 1 :]]).strip()
    return RaisedError(found["name"], message, list(_code_lines(lines[:end])))


def _code_lines(lines: Sequence[str]) -> Iterator[CodeLine]:
    """Yield the lines of frames; under each stands its source, if that is known, and maybe marks under the source."""
    for line, below in zip(lines, [*lines[1:], ""], strict=False):
        if found := _FRAME.fullmatch(line):
            source = below.strip() if below.startswith("    ") else ""
            yield CodeLine(found["file"], int(found["number"]), found["function"] or "", source)
