"""Lines of progress, one for each finished trial and some for folds that run for long, printed with verbose >= 1."""

from collections.abc import Mapping, Sequence
from typing import Any

from sk_optuna.evaluation import TrialRecord

# Seconds after which a fold that still runs has a line; it has the next one after twice the time, and so on.
_LONG = 30.0
# Decimals of a score: as many at least, and more where they tell it from the best one.
_FEWEST_DECIMALS, _MOST_DECIMALS = 4, 12
# Characters of parameters in a line.
_MOST_CHARACTERS = 300


class Progress:
    """Prints the state of the search after each trial.

    Parameters
    ----------
    n_trials : int or None
        Number of trials to come; None if it is not known.
    n_splits : int
        Number of folds of each trial.
    n_past : int, default=0
        Number of trials that are known, since the search goes on.
    """

    def __init__(self, n_trials: int | None, n_splits: int, *, n_past: int = 0) -> None:
        self._n_trials = n_trials
        self._best: tuple[float, int] | None = None
        self._n_decimals = _FEWEST_DECIMALS
        self._front: list[Sequence[float]] = []
        self._n_finished = 0
        self._n_past = n_past
        self._next_line: dict[tuple[int, int], float] = {}
        if n_trials is None:
            print(f"Fitting {n_splits} folds for each candidate, until the time is over")
        else:
            print(f"Fitting {n_splits} folds for each of {n_trials} candidates, totalling {n_splits * n_trials} fits")

    def report(
        self,
        record: TrialRecord,
        state: str,
        value: float | Sequence[float] | None,
        elapsed: float,
        left: float | None,
    ) -> None:
        """Print the line of one trial.

        Parameters
        ----------
        record : TrialRecord
            The trial.
        state : {"COMPLETE", "PRUNED", "FAIL"}
            Its state.
        value : float, sequence of float or None
            Its mean score, or those of several objectives, if it is complete.
        elapsed : float
            Seconds since the search began.
        left : float or None
            Seconds to the timeout, None if there is none.
        """
        self._note(record, state, value)
        count = str(self._n_finished) if self._n_trials is None else f"{self._n_finished}/{self._n_trials}"
        score = (
            self._scored(record, value)
            if state == "COMPLETE"
            else _failed(record)
            if state == "FAIL"
            else _pruned(record)
        )
        spent = f"{_duration(elapsed)} elapsed{self._remaining(elapsed, left)}"
        print(f"[{count}] trial {record.number}: {score}; {self._best_so_far}; {spent}")

    def recall(self, record: TrialRecord, state: str, value: float | Sequence[float] | None) -> None:
        """Take note of a trial that is known; of the last of them print that the search goes on."""
        self._note(record, state, value)
        if self._n_finished == self._n_past:
            print(f"Going on after {self._n_past} candidates that were finished before; {self._best_so_far}")

    def _note(self, record: TrialRecord, state: str, value: float | Sequence[float] | None) -> None:
        self._n_finished += 1
        if state != "COMPLETE" or value is None or not record.is_feasible:
            return
        if isinstance(value, Sequence):
            if not any(_dominates(each, value) for each in self._front):
                self._front = [*(each for each in self._front if not _dominates(value, each)), value]
            return
        self._show_apart(value, 0.0 if self._best is None else self._best[0])
        if self._best is None or value > self._best[0]:
            self._best = (value, record.number)

    def _show_apart(self, one: float, other: float) -> None:
        """Write scores with more decimals from now on, if these two would look alike and are not."""
        while one != other and self._n_decimals < _MOST_DECIMALS:
            if float(self._written(one)) != float(self._written(other)):
                break
            self._n_decimals += 1

    def _written(self, score: float) -> str:
        return f"{score:.{self._n_decimals}f}"

    def _scored(self, record: TrialRecord, value: float | Sequence[float] | None) -> str:
        """Return the score of a trial, or its scores by several objectives."""
        scores = value if isinstance(value, Sequence) else [value]
        written = ", ".join(self._written(score) for score in scores if score is not None)
        return f"score{'s' if len(scores) > 1 else ''} {written}{'' if record.is_feasible else ', breaks a constraint'}"

    @property
    def _best_so_far(self) -> str:
        if self._front:
            return f"front of {len(self._front)}"
        return "no score yet" if self._best is None else f"best {self._written(self._best[0])} (trial {self._best[1]})"

    def report_running(self, trial: int, fold: int, seconds: float, params: Mapping[str, Any]) -> None:
        """Print the parameters of a fold that has been running for so long, if a line is due."""
        due = self._next_line.get((trial, fold), _LONG)
        if seconds < due:
            return
        while due <= seconds:
            due *= 2
        self._next_line[trial, fold] = due
        print(f"trial {trial}, fold {fold}: running for {_duration(seconds)} with {in_short(params)}", flush=True)

    def report_dropped(self, records: Sequence[TrialRecord]) -> None:
        """Print how many folds ran ahead of a decision by which they were not wanted."""
        n_used = sum(len(record.results) for record in records)
        n_dropped = sum(record.n_dropped for record in records)
        print(f"{n_used} folds ran; {n_dropped} others, on workers that had nothing else to do, were not wanted")

    def _remaining(self, elapsed: float, left: float | None) -> str:
        """Estimate the time left: to the last trial at the pace so far, or to the timeout if that comes first."""
        estimates = [] if left is None else [max(left, 0.0)]
        if self._n_trials is not None:
            estimates.append(elapsed / (self._n_finished - self._n_past) * (self._n_trials - self._n_finished))
        return f", about {_duration(min(estimates))} left" if estimates else ""


def in_short(params: Mapping[str, Any]) -> str:
    """Write parameters in one line, cut off where it gets too long."""
    text = " ".join(repr(dict(params)).split())
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}h{minutes % 60:02d}min" if minutes >= 60 else f"{minutes}min{rest:02d}s"


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def _failed(record: TrialRecord) -> str:
    return f"failed, {record.reason}" if record.reason else "failed"


def _pruned(record: TrialRecord) -> str:
    """Tell how far a pruned trial got, or why it was stopped where something ran out."""
    if record.reason:
        return f"stopped, {record.reason}"
    if record.n_epochs:
        return f"pruned in fold {len(record.results)} of {len(record.folds)}, after {record.n_epochs} epochs"
    return f"pruned after {len(record.results)} of {len(record.folds)} folds"
