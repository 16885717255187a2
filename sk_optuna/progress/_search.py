"""The progress of a search: it hears of trials and folds, counts them, and hands statuses to a face."""

import threading
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Protocol, Self

from sk_optuna._short_value import in_few_digits
from sk_optuna.evaluation import TrialRecord
from sk_optuna.progress._face import Face
from sk_optuna.progress._pace import seconds_left
from sk_optuna.progress._search_status import Best, RunningFold, SearchStatus
from sk_optuna.progress._words import FEWEST_DECIMALS, decimals_telling, duration, end_of, score_in_words

# Seconds after which a fold that still runs has a line; it has the next one after twice the time, and so on.
_LONG = 30.0

Value = float | Sequence[float] | None
"""The mean score of a trial, those of several objectives, or None."""


class Clock(Protocol):
    """The time of a search."""

    @property
    def elapsed(self) -> float:
        """Seconds since it began, without what was known before."""

    @property
    def left(self) -> float | None:
        """Seconds to its timeout; None if there is none."""


class SearchProgress:
    """Follows a search and shows how far it is; it is entered when the search begins and left when it ends.

    Folds that run long are told from a thread of the engine, so that everything happens under a lock.

    Parameters
    ----------
    face : Face
        Where it is shown.
    n_trials : int or None
        Number of trials; None if it is not known.
    n_splits : int
        Number of folds of each trial.
    clock : Clock
        The time of the search.
    n_past : int, default=0
        Number of trials that are known, since the search goes on.
    every_trial : bool, default=False
        Whether each trial is a line of its own.
    """

    def __init__(
        self,
        face: Face,
        *,
        n_trials: int | None,
        n_splits: int,
        clock: Clock,
        n_past: int = 0,
        every_trial: bool = False,
    ) -> None:
        self._face = face
        self._n_trials = n_trials
        self._n_splits = n_splits
        self._clock = clock
        self._n_past = n_past
        self._every_trial = every_trial
        self._lock = threading.Lock()
        self._best: Best | None = None
        self._front: list[Sequence[float]] = []
        self._n_decimals = FEWEST_DECIMALS
        self._n_finished = self._n_infeasible = 0
        self._n_of_state = {"COMPLETE": 0, "PRUNED": 0, "FAIL": 0}
        self._n_fits = self._n_fits_of_told = self._n_dropped = 0
        # until the first fit began: workers have to start
        self._seconds_before = self._seconds_at_last_fit = 0.0
        self._running: RunningFold | None = None
        self._next_line: dict[tuple[int, int], float] = {}
        self._remarks: set[str] = set()

    def __enter__(self) -> Self:
        n_splits, n_trials = self._n_splits, self._n_trials
        if n_trials is None:
            self._face.begin(f"Fitting {n_splits} folds for each candidate, until the time is over")
        else:
            self._face.begin(
                f"Fitting {n_splits} folds for each of {n_trials} candidates, totalling {n_splits * n_trials} fits"
            )
        self._face.show(self.status())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._running = None
            self._face.end(self.status(end_of(kind)))

    def report(self, record: TrialRecord, state: str, value: Value) -> None:
        """Show a trial of this search that was told.

        Parameters
        ----------
        record : TrialRecord
            The trial.
        state : {"COMPLETE", "PRUNED", "FAIL"}
            Its state.
        value : float, sequence of float or None
            Its mean score, or those of several objectives, if it is complete.
        """
        with self._lock:
            self._note(record, state, value)
            self._n_fits_of_told += len(record.results)
            status = self.status()
            if self._every_trial:
                self._face.line(
                    f"[{status.count}] trial {record.number}: {self._told(record, state, value)}; "
                    f"{status.best_so_far}; {duration(status.seconds)} elapsed; {in_few_digits(record.params)}"
                )
            self._face.show(status)

    def recall(self, record: TrialRecord, state: str, value: Value) -> None:
        """Take note of a trial that was known before, or that another process has told."""
        with self._lock:
            self._note(record, state, value)
            if self._n_finished < self._n_past:
                return
            if self._n_finished == self._n_past:
                self._face.tell(f"Going on after {self._n_past} candidates that were finished before")
            else:
                self._n_fits_of_told += len(record.results)
                self._count_fits(len(record.results))
            self._face.show(self.status())

    def fold_ended(self, seconds: float) -> None:
        """Count a fold that ran to its end, or to that of its trial, in so many seconds."""
        with self._lock:
            if self._n_fits == 0:
                self._seconds_before = max(self._clock.elapsed - seconds, 0.0)
            self._count_fits(1)
            self._face.show(self.status())

    def look(self, running: Iterable[RunningFold]) -> None:
        """Show the time, and folds that have been running for long; called about once a second."""
        with self._lock:
            long = [fold for fold in running if fold.seconds >= _LONG]
            self._running = max(long, key=lambda fold: fold.seconds, default=None)
            for fold in long:
                if self._is_line_due(fold):
                    self._face.tell(fold.words)
            self._face.show(self.status())

    def remark(self, text: str) -> None:
        """Write a line, once, however often it is told."""
        with self._lock:
            if text not in self._remarks:
                self._remarks.add(text)
                self._face.line(text)

    def dropped(self, records: Sequence[TrialRecord]) -> None:
        """Tell how many folds ran ahead of a decision by which they were not wanted."""
        with self._lock:
            self._n_dropped = sum(record.n_dropped for record in records)
            if self._n_dropped:
                n_used = sum(len(record.results) for record in records)
                self._face.tell(
                    f"{n_used} folds ran; {self._n_dropped} more, on workers that had nothing else to do, not wanted"
                )

    def status(self, end: str = "") -> SearchStatus:
        """Return the state of the search."""
        seconds, to_timeout = self._clock.elapsed, self._clock.left
        return SearchStatus(
            n_trials=self._n_trials,
            n_finished=self._n_finished,
            n_pruned=self._n_of_state["PRUNED"],
            n_failed=self._n_of_state["FAIL"],
            n_infeasible=self._n_infeasible,
            n_past=self._n_past,
            seconds=seconds,
            timeout=None if to_timeout is None else seconds + to_timeout,
            left=self._left(seconds, to_timeout),
            best=self._best,
            n_front=len(self._front),
            n_decimals=self._n_decimals,
            n_dropped=self._n_dropped,
            running=self._running,
            end=end,
        )

    def _left(self, seconds: float, to_timeout: float | None) -> float | None:
        """Estimate the time left: to the last trial at the pace so far, or to the timeout if that comes first."""
        estimates = [] if to_timeout is None else [max(to_timeout, 0.0)]
        if self._n_trials is not None:
            to_last = seconds_left(
                self._seconds_at_last_fit - self._seconds_before,
                seconds - self._seconds_at_last_fit,
                n_fits=self._n_fits,
                n_fits_of_told=self._n_fits_of_told,
                n_told=max(self._n_finished - self._n_past, 0),
                n_left=self._n_trials - self._n_finished,
                n_splits=self._n_splits,
            )
            estimates += [] if to_last is None else [to_last]
        return min(estimates, default=None)

    def _count_fits(self, n: int) -> None:
        self._n_fits += n
        self._seconds_at_last_fit = self._clock.elapsed

    def _note(self, record: TrialRecord, state: str, value: Value) -> None:
        self._n_finished += 1
        self._n_of_state[state] += 1
        self._n_infeasible += not record.is_feasible
        if state != "COMPLETE" or value is None or not record.is_feasible:
            return
        if isinstance(value, Sequence):
            if not any(_dominates(each, value) for each in self._front):
                self._front = [*(each for each in self._front if not _dominates(value, each)), value]
            return
        other = 0.0 if self._best is None else self._best.score
        self._n_decimals = decimals_telling(value, other, self._n_decimals)
        if self._best is None or value > self._best.score:
            self._best = Best(value, record.number, record.params)

    def _is_line_due(self, fold: RunningFold) -> bool:
        key = fold.trial, fold.fold
        due = self._next_line.get(key, _LONG)
        if fold.seconds < due:
            return False
        while due <= fold.seconds:
            due *= 2
        self._next_line[key] = due
        return True

    def _told(self, record: TrialRecord, state: str, value: Value) -> str:
        """Write how a trial ended: its scores, or what stopped it."""
        if state == "FAIL":
            return f"failed, {record.reason}" if record.reason else "failed"
        if state == "PRUNED":
            return _pruned(record)
        scores = value if isinstance(value, Sequence) else [value]
        written = ", ".join(score_in_words(score, self._n_decimals) for score in scores if score is not None)
        told = f"score{'s' if len(scores) > 1 else ''} {written}"
        if record.is_multimetric and not isinstance(value, Sequence):
            means = {name: record.value(name) for name in record.metrics}
            told += f" ({', '.join(_named_score(name, mean, self._n_decimals) for name, mean in means.items())})"
        return told if record.is_feasible else f"{told}, breaks a constraint"


def _named_score(name: str, mean: float | None, n_decimals: int) -> str:
    return f"{name} {'failed' if mean is None else score_in_words(mean, n_decimals)}"


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def _pruned(record: TrialRecord) -> str:
    """Tell how far a pruned trial got, or why it was stopped where something ran out."""
    if record.reason:
        return f"stopped, {record.reason}"
    if record.n_epochs:
        return f"pruned in fold {len(record.results)} of {len(record.folds)}, after {record.n_epochs} epochs"
    return f"pruned after {len(record.results)} of {len(record.folds)} folds"
