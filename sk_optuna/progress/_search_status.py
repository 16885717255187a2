"""The state of a search: a record of numbers, and its words."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sk_optuna._short_value import in_few_digits
from sk_optuna.progress._words import FEWEST_DECIMALS, duration, score_in_words, spent


class RunningFold(NamedTuple):
    """A fold that has been running for long."""

    trial: int
    fold: int
    seconds: float
    params: Mapping[str, Any]

    @property
    def words(self) -> str:
        """The fold in a line."""
        ran = f"running for {duration(self.seconds)}"
        return f"trial {self.trial}, fold {self.fold}: {ran} with {in_few_digits(self.params)}"


class Best(NamedTuple):
    """The best trial so far."""

    score: float
    trial: int
    params: Mapping[str, Any]


@dataclass(frozen=True)
class SearchStatus:
    """How far a search is.

    Attributes
    ----------
    n_trials : int or None
        Number of trials, those that were known before included; None if only the time is limited.
    n_finished, n_pruned, n_failed, n_infeasible, n_past : int
        Of those: finished ones; among them pruned ones, failed ones, complete ones that break a constraint, and those
        that were known before.
    seconds : float
        Seconds since it began.
    timeout : float or None
        Seconds that it may take.
    left : float or None
        Seconds that it is likely to take, of both limits to the nearer one.
    best : Best or None
        The best trial; None if there is none, or with several objectives.
    n_front : int
        Trials on the front of several objectives.
    n_decimals : int
        Decimals by which its scores are told apart.
    n_dropped : int
        Folds that ran ahead of a decision and were not wanted.
    running : RunningFold or None
        The fold that has been running for longest, if that is long.
    end : str
        How it ended; empty while it runs.
    """

    n_trials: int | None
    n_finished: int = 0
    n_pruned: int = 0
    n_failed: int = 0
    n_infeasible: int = 0
    n_past: int = 0
    seconds: float = 0.0
    timeout: float | None = None
    left: float | None = None
    best: Best | None = None
    n_front: int = 0
    n_decimals: int = FEWEST_DECIMALS
    n_dropped: int = 0
    running: RunningFold | None = None
    end: str = ""

    @property
    def share(self) -> float | None:
        """The share of the trials that are finished; of the time where only that is limited."""
        if self.n_trials is not None:
            return min(self.n_finished / self.n_trials, 1.0)
        return None if self.timeout is None else min(self.seconds / self.timeout, 1.0)

    @property
    def news(self) -> Hashable:
        """The best score, or the trials on the front."""
        return (None if self.best is None else self.best.score), self.n_front

    @property
    def count(self) -> str:
        """The number of finished trials, of all if that is known."""
        return str(self.n_finished) if self.n_trials is None else f"{self.n_finished}/{self.n_trials}"

    @property
    def best_so_far(self) -> str:
        """The best score, and whose it is; of several objectives the size of the front."""
        if self.n_front:
            return f"front of {self.n_front}"
        if self.best is None:
            return "no score yet"
        return f"best {self._best_score} (trial {self.best.trial})"

    @property
    def pieces(self) -> list[str]:
        """Trials, the best score, time, a fold that runs long, and the best parameters, which may be long."""
        pieces = [
            ", ".join([f"{self.count} trials", *self._kinds()]),
            self.best_so_far,
            spent(self.seconds, self.left, self.end),
        ]
        if self.running is not None:
            pieces.append(f"trial {self.running.trial} runs for {duration(self.running.seconds)}")
        if self.best is not None:
            pieces.append(in_few_digits(self.best.params))
        return pieces

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The same for a table."""
        of_all = "" if self.n_trials is None else f" of {self.n_trials}"
        rows = [("Trials", ", ".join([f"{self.n_finished}{of_all}", *self._kinds()]))]
        if self.n_past:
            rows.append(("Known before", f"{self.n_past} trials"))
        if self.best is not None:
            rows.append(("Best score", f"{self._best_score} (trial {self.best.trial})"))
            rows.append(("Best parameters", in_few_digits(self.best.params)))
        else:
            rows.append(("Best", self.best_so_far))
        rows.append(("Time", spent(self.seconds, self.left, self.end)))
        if self.running is not None:
            rows.append(("Long fold", self.running.words))
        if self.end and self.n_dropped:
            rows.append(("Folds not wanted", f"{self.n_dropped}, run by workers that had nothing else to do"))
        return rows

    @property
    def _best_score(self) -> str:
        assert self.best is not None
        return score_in_words(self.best.score, self.n_decimals)

    def _kinds(self) -> list[str]:
        """Name the trials that are not complete, or not allowed."""
        kinds = {"pruned": self.n_pruned, "failed": self.n_failed, "breaking a constraint": self.n_infeasible}
        return [f"{n} {kind}" for kind, n in kinds.items() if n]
