"""The one memory of told trials.

A trial is added once, when it is told, and does not change. Samplers, pruners, results and progress read it here, so a
search that goes on after a crash has one thing to restore.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from sk_optuna.epochs import Curve
from sk_optuna.pruners import paired_variance
from sk_optuna.samplers import ERROR_OF_ESTIMATE

Curves = Sequence[Curve | None]
"""The epochs of a trial's folds in the order in which they run; None where they were not reported."""

Record = TypeVar("Record")


@dataclass(frozen=True, eq=False)
class ToldTrial(Generic[Record]):
    """A trial that was told.

    Attributes
    ----------
    trial : FrozenTrial
        The trial as the study keeps it, not to be changed; its `params` are the row, as the study stores it.
    scores : ndarray of shape (n_folds_run,)
        Scores of the metric that steers the search, in the order in which folds run; NaN for a fold that failed.
    curves : sequence of Curve or None
        Epochs of the same folds.
    record : object
        The results of the folds, which nothing here reads.
    notes : mapping
        The sampler's notes on the trial as of the ask, which later trials depend on.
    is_feasible : bool
        Whether it keeps all constraints, or is not complete.
    """

    trial: FrozenTrial
    scores: np.ndarray
    curves: Curves
    record: Record
    notes: Mapping[str, Any] = field(default_factory=dict)
    is_feasible: bool = True

    @property
    def number(self) -> int:
        """The trial's number in the study."""
        return self.trial.number

    @property
    def state(self) -> str:
        """How the trial ended, in Optuna's words: COMPLETE, PRUNED or FAIL."""
        return self.trial.state.name

    @property
    def is_complete(self) -> bool:
        """True if the trial ran to its end, without a failure."""
        return self.trial.state == TrialState.COMPLETE

    @property
    def is_rival(self) -> bool:
        """True if others are compared with the trial: it is complete, and could be the best."""
        return self.is_complete and self.is_feasible

    @property
    def value(self) -> float | None:
        """The mean score; of a pruned trial its estimate; None where there is neither, or several objectives."""
        return None if self.trial.values is None or len(self.trial.values) > 1 else self.trial.values[0]

    @property
    def result(self) -> float | Sequence[float] | None:
        """The value, or the values of several objectives."""
        return self.value if self.value is not None else self.trial.values

    def as_complete(self, error: float) -> FrozenTrial:
        """Return the trial as if it had run to its end, its estimate for a value, with the estimate's error noted."""
        complete = copy(self.trial)
        complete.state = TrialState.COMPLETE
        complete.system_attrs = {**complete.system_attrs, ERROR_OF_ESTIMATE: error}
        return complete

    @property
    def mean(self) -> float:
        """The mean score, summed up in the order in which folds run."""
        return float(self.scores.mean())


class Told(Sequence[ToldTrial[Record]]):
    """The trials of a search that were told, in order.

    Parameters
    ----------
    trials : iterable of ToldTrial, default=()
        Trials that were told before.
    """

    def __init__(self, trials: Iterable[ToldTrial[Record]] = ()) -> None:
        self._trials: list[ToldTrial[Record]] = []
        # after each trial, and before the first
        self._n_rivals = [0]
        self._estimated: dict[int, ToldTrial[Record]] = {}
        self._shown: dict[int, FrozenTrial] = {}
        self._n_told_when_shown = 0
        for told in trials:
            self.append(told)

    def __len__(self) -> int:
        return len(self._trials)

    def __getitem__(self, index: Any) -> Any:
        return self._trials[index]

    def __iter__(self) -> Iterator[ToldTrial[Record]]:
        return iter(self._trials)

    def append(self, told: ToldTrial[Record]) -> None:
        """Add the trial that was told last."""
        self._trials.append(told)
        self._n_rivals.append(self._n_rivals[-1] + told.is_rival)
        if told.trial.state == TrialState.PRUNED and told.value is not None:
            self._estimated[told.number] = told

    def as_of(self, n_told: int) -> "Told[Record]":
        """Return the memory as it was when so many trials had been told."""
        return Told(self._trials[:n_told])

    def n_rivals(self, n_told: int) -> int:
        """Return how many trials were complete and kept all constraints when so many had been told."""
        return self._n_rivals[n_told]

    @property
    def records(self) -> list[Record]:
        """The records of the trials, by their numbers."""
        return [told.record for told in sorted(self._trials, key=lambda told: told.number)]

    @property
    def has_complete(self) -> bool:
        """True if any trial ran to its end, without a failure."""
        return any(told.is_complete for told in self._trials)

    @property
    def rivals(self) -> list[ToldTrial[Record]]:
        """The complete trials that keep all constraints, with which others are compared."""
        return [told for told in self._trials if told.is_rival]

    @property
    def incumbent(self) -> ToldTrial[Record] | None:
        """The best of the rivals, the first of equals; None if there is none."""
        return max(self.rivals, key=lambda told: told.trial.value, default=None)  # type: ignore[arg-type, return-value]

    def estimate(self, scores: np.ndarray, curves: Curves = ()) -> float:
        """Estimate the mean score of a trial that was stopped.

        It is `estimate` by the incumbent. Without an incumbent it is the mean.

        Parameters
        ----------
        scores : ndarray of shape (n_folds_run,)
            Scores of the folds that ran, in order.
        curves : sequence of Curve or None, default=()
            Their epochs.
        """
        incumbent = self.incumbent
        if incumbent is None:
            return float(np.mean(scores))
        return estimate(scores, incumbent.scores, curves, incumbent.curves)

    @property
    def has_estimates(self) -> bool:
        """True once a trial was pruned and has an estimate."""
        return bool(self._estimated)

    def with_estimates(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Return the study's trials as samplers see them: pruned ones are complete, with their estimates as values."""
        if self._n_told_when_shown < len(self):
            self._n_told_when_shown = len(self)
            errors = self._errors()
            self._shown = {
                number: told.as_complete(errors[len(told.scores)]) for number, told in self._estimated.items()
            }
        return [self._shown.get(trial.number, trial) for trial in trials]

    def _errors(self) -> list[float]:
        """Return the standard errors of estimates, by the folds that ran; 0 where too little is known to tell."""
        known = [told.scores for told in self._trials if told.value is not None]
        most = max(map(len, known), default=0)
        incumbent = self.incumbent
        variance = None
        if incumbent is not None:
            rows = np.array([np.append(scores, np.full(most - len(scores), np.nan)) for scores in known])
            variance = paired_variance(rows - incumbent.scores)
        if variance is None:
            return [0.0] * (most + 1)
        return [0.0, *(math.sqrt(variance * (1 / n - 1 / most)) for n in range(1, most + 1))]


def estimate(scores: np.ndarray, of_rival: np.ndarray, curves: Curves = (), curves_of_rival: Curves = ()) -> float:
    """Estimate the mean score of a trial that was stopped, by a rival that was complete.

    It is the rival's mean plus the mean difference to it on the same folds. Unlike the mean of the folds that ran, this
    does not depend on how hard just these were. In a fold in which the trial was stopped, the difference is that at the
    same epoch.

    Parameters
    ----------
    scores, of_rival : ndarray of shape (n_folds_run,) and (n_folds,)
        Scores of the folds that ran, in order.
    curves, curves_of_rival : sequence of Curve or None, default=()
        Their epochs.
    """
    differences = scores - of_rival[: len(scores)]
    ours = curves[-1] if curves else None
    theirs = curves_of_rival[len(scores) - 1] if curves_of_rival else None
    if theirs is not None and ours is not None and theirs.scores and ours.scores:
        at_same_epoch = max(bisect_right(theirs.epochs, ours.n_epochs), 1) - 1
        differences[-1] = ours.scores[-1] - theirs.scores[at_same_epoch]
    return float(of_rival.mean()) + float(differences.mean())
