"""The progress of a nested cross-validation: outer folds of all, and an estimate for each row."""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np

from sk_optuna.progress._face import Face
from sk_optuna.progress._words import duration, end_of, spent


@dataclass(frozen=True)
class RowStatus:
    """A row of the comparison: its outer folds that are finished, their scores, and the seconds that they took.

    Attributes
    ----------
    name : str
        Its name.
    scores : tuple of float
        Scores of the outer folds that are finished; NaN of one that failed.
    work : float
        Seconds that their fits and scores took, wherever they ran.
    """

    name: str
    scores: tuple[float, ...] = ()
    work: float = 0.0

    @property
    def mean(self) -> float:
        """The mean score so far; NaN if there is none."""
        scored = [score for score in self.scores if not np.isnan(score)]
        return float(np.mean(scored)) if scored else float("nan")


@dataclass(frozen=True)
class NestedStatus:
    """How far a nested cross-validation is.

    Attributes
    ----------
    rows_of_table : tuple of RowStatus
        The rows.
    n_folds : int
        Outer folds of each.
    n_failed : int
        Outer folds that failed, of all rows.
    metric : str
        The metric that is shown.
    seconds : float
        Seconds since it began.
    end : str
        How it ended; empty while it runs.
    """

    rows_of_table: tuple[RowStatus, ...]
    n_folds: int
    metric: str
    n_failed: int = 0
    seconds: float = 0.0
    end: str = ""

    @property
    def n_done(self) -> int:
        """The outer folds that are finished, of all rows."""
        return sum(len(row.scores) for row in self.rows_of_table)

    @property
    def n_all(self) -> int:
        """The outer folds of all rows."""
        return self.n_folds * len(self.rows_of_table)

    @property
    def share(self) -> float:
        """The share of the outer folds that are finished."""
        return self.n_done / self.n_all

    @property
    def left(self) -> float | None:
        """The seconds left, at the pace so far; None until each row has a finished outer fold.

        A search takes a thousand times as long as a dummy, so that rows are reckoned apart.
        """
        if not all(row.scores for row in self.rows_of_table):
            return None
        per_fold = [row.work / len(row.scores) for row in self.rows_of_table]
        to_come = [self.n_folds - len(row.scores) for row in self.rows_of_table]
        done = sum(row.work for row in self.rows_of_table)
        return self.seconds * sum(np.multiply(per_fold, to_come)) / done if done > 0 else None

    @property
    def news(self) -> Hashable:
        """The outer folds that all rows have finished."""
        return min(len(row.scores) for row in self.rows_of_table)

    @property
    def pieces(self) -> list[str]:
        """Outer folds, time, and the mean score of each row."""
        failed = [f"{self.n_failed} failed"] * bool(self.n_failed)
        scores = [f"{row.name} {row.mean:.4g}" for row in self.rows_of_table if not np.isnan(row.mean)]
        return [
            ", ".join([f"{self.n_done}/{self.n_all} outer folds", *failed]),
            spent(self.seconds, self.left, self.end),
            f"mean {self.metric}: {', '.join(scores)}" if scores else "no score yet",
        ]

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The same for a table, a line for each row of the comparison."""
        counts, times, _ = self.pieces
        return [
            ("Outer folds", counts.replace(" outer folds", "", 1)),
            *((row.name, self._estimate(row)) for row in self.rows_of_table),
            ("Time", times),
        ]

    def _estimate(self, row: RowStatus) -> str:
        told = "no score yet" if np.isnan(row.mean) else f"mean {self.metric} {row.mean:.4g}"
        return f"{told}, {len(row.scores)} of {self.n_folds} outer folds"


@dataclass
class NestedProgress:
    """Follows a nested cross-validation and shows how far it is; it is entered and left as that begins and ends.

    Parameters
    ----------
    face : Face
        Where it is shown.
    rows : sequence of str
        The names of the rows.
    n_folds : int
        Outer folds of each.
    metric : str
        The metric that is shown.
    every_fold : bool, default=False
        Whether each outer fold is a line of its own.
    clock : callable, default=time.monotonic
        The time in seconds.
    """

    face: Face
    rows: Sequence[str]
    n_folds: int
    metric: str
    every_fold: bool = False
    clock: Callable[[], float] = time.monotonic
    _by_row: dict[str, RowStatus] = field(init=False)
    _n_failed: int = field(default=0, init=False)
    _start: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __enter__(self) -> Self:
        self._by_row = {name: RowStatus(name) for name in self.rows}
        self._start = self.clock()
        self.face.begin(
            f"{self.n_folds} outer folds for each of {len(self.rows)} rows, totalling {self.n_folds * len(self.rows)}"
        )
        self.face.show(self.status())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self.face.end(self.status(end_of(kind)))

    def tick(self) -> None:
        """Show the time."""
        with self._lock:
            self.face.show(self.status())

    def report(self, row: str, fold: int, score: float, seconds: float, error: str = "") -> None:
        """Show an outer fold that is finished.

        Parameters
        ----------
        row : str
            The name of its row.
        fold : int
            Its number.
        score : float
            Its score; NaN if it failed.
        seconds : float
            Seconds that it took.
        error : str, default=""
            The error for which it failed, in a line.
        """
        with self._lock:
            old = self._by_row[row]
            self._by_row[row] = RowStatus(row, (*old.scores, score), old.work + seconds)
            self._n_failed += bool(error)
            status = self.status()
            if self.every_fold:
                told = f"failed: {error}" if error else f"{self.metric} {score:.4g}"
                count = f"{status.n_done}/{status.n_all}"
                self.face.line(f"[{count}] {row}, outer fold {fold}: {told}, {duration(seconds)}")
            self.face.show(status)

    def status(self, end: str = "") -> NestedStatus:
        """Return the state of the run."""
        rows = tuple(self._by_row.values())
        return NestedStatus(rows, self.n_folds, self.metric, self._n_failed, self.clock() - self._start, end)
