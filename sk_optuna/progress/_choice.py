"""The face that fits where the output goes.

One status of a process is live, in a terminal or a notebook: two would write over each other. Meanwhile others, in
threads, show nothing, since a line of theirs would end in the middle of the live one; in a file each has its lines.
Worker processes show nothing: they share the output with their parent, and know nothing of each other.
"""

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from sk_optuna.progress._face import Face
from sk_optuna.progress._lines import LinesFace
from sk_optuna.progress._nested import NestedProgress
from sk_optuna.progress._notebook import NotebookFace, display_of_kernel
from sk_optuna.progress._search import Clock, SearchProgress
from sk_optuna.progress._terminal import TerminalFace
from sk_optuna.progress._ticker import ticking

_LIVE = threading.Lock()


@contextmanager
def following_search(
    verbose: int, *, n_trials: int | None, n_splits: int, clock: Clock, n_past: int = 0
) -> Iterator[SearchProgress | None]:
    """Yield the progress of a search; None where nothing is to be shown.

    Parameters
    ----------
    verbose : int
        0 for nothing, 1 for the status, more for a line for each trial, too.
    n_trials, n_splits, clock, n_past : object
        As in `SearchProgress`.
    """
    with _face(verbose) as face:
        if face is None:
            yield None
            return
        with SearchProgress(
            face, n_trials=n_trials, n_splits=n_splits, clock=clock, n_past=n_past, every_trial=verbose > 1
        ) as progress:
            yield progress


@contextmanager
def following_nested(
    verbose: int, *, rows: Sequence[str], n_folds: int, metric: str
) -> Iterator[NestedProgress | None]:
    """Yield the progress of a nested cross-validation; None where nothing is to be shown.

    Parameters
    ----------
    verbose : int
        0 for nothing, 1 for the status, more for a line for each outer fold, too.
    rows, n_folds, metric : object
        As in `NestedProgress`.
    """
    with _face(verbose) as face:
        if face is None:
            yield None
            return
        progress = NestedProgress(face, rows=rows, n_folds=n_folds, metric=metric, every_fold=verbose > 1)
        with progress, ticking(progress.tick):
            yield progress


@contextmanager
def _face(verbose: int) -> Iterator[Face | None]:
    """Yield a face; None where nothing is to be shown, or where there is no output, as under pythonw."""
    stream: TextIO | None = sys.stdout
    if verbose < 1 or stream is None or multiprocessing.parent_process() is not None:
        yield None
        return
    live = _live_face(stream)
    if live is None:
        yield LinesFace(stream, every_trial=verbose > 1)
    elif _LIVE.acquire(blocking=False):
        try:
            yield live
        finally:
            _LIVE.release()
    else:
        yield None


def _live_face(stream: TextIO) -> Face | None:
    """Return a face that writes over itself; None where the output keeps all that is written."""
    display = display_of_kernel()
    if display is not None:
        return NotebookFace(display, stream)
    is_terminal = getattr(stream, "isatty", lambda: False)
    return TerminalFace(stream) if is_terminal() and os.environ.get("TERM") != "dumb" else None
