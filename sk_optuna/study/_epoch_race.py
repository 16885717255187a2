"""Stop a trial after an epoch when, on the same epochs of the same folds, it is too far behind the best one.

A pruner that compares one fold at a time asks the same question again in each: a trial must survive as often as there
are folds, and at early epochs, when the order of the candidates is not yet theirs at the end. Here a fold adds to the
results of the folds before it, and how much an epoch says of the end is learned from trials that ran to their end.
The rivals are known when a fold begins, so its worker receives no more than a lowest score for each look.

Roads not taken, on the tuning sets of `benchmarks/epoch_pruning.py`: a regression of the end on the epoch, spreads from
the nearer half of the trials or pooled over the folds, smoothed curves, several looks in a row, an expected gain below
some part of the spread. None spared more epochs for the same loss by more than chance would have it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

CHANCE = 0.1
"""How often, at one look, a trial that would have tied with the incumbent may be stopped."""
N_STARTUP = 5
"""Complete trials, the incumbent among them, before the first is stopped."""


class Rival(NamedTuple):
    """A trial that ran to its end, with which the running one is compared.

    Attributes
    ----------
    finals : ndarray of shape (n_folds,)
        Scores of its folds, in the order in which they run.
    curve : sequence of float
        Scores by epoch of the fold in question.
    """

    finals: np.ndarray
    curve: Sequence[float]


@dataclass
class RaceJudge:
    """Stops a trial that scores less than it must; a worker receives it.

    Attributes
    ----------
    least : mapping of int to float
        The score that a trial must have, by epoch; at others there is no look.
    notes : dict
        Empty, since the race remembers nothing of a trial.
    """

    least: Mapping[int, float]
    notes: dict[str, Any] = field(default_factory=dict)

    def stops(self, scores: Sequence[float]) -> bool:
        """Return whether a trial ends after the epochs that have these scores; never if one is not finite."""
        least = self.least.get(len(scores))
        return least is not None and bool(np.isfinite(scores).all()) and scores[-1] < least


def race_judge(finals: np.ndarray, rivals: Sequence[Rival]) -> RaceJudge | None:
    r"""Return the judge of the epochs of a trial's next fold; None if too little is known.

    Let :math:`D` be the mean difference between the trial and the incumbent, the best of `rivals`: in folds that have
    ended that of their scores, in the running one that of the scores at the same epoch. For other complete trials,
    `D` at that point and its value at the end, :math:`F`, are known. The trial is stopped if

    .. math:: D + t \sqrt{\operatorname{mean} (F - D)^2} < 0,

    `t` being the quantile of Student's distribution, with as many degrees of freedom as there are such trials, that is
    exceeded with a chance of .1. The mean of :math:`F - D` is not taken off: trials that ran to their end did better
    after early epochs than others, or they had been stopped.

    Looks are at epochs 1, 2, 4, 8, ..., and the incumbent's last one, since each look is another chance to be wrong.
    Nobody is stopped at an epoch that the incumbent or all but three others did not have.

    Parameters
    ----------
    finals : ndarray of shape (n_ended,)
        Scores of the trial's folds that have ended, in order.
    rivals : sequence of Rival
        Complete trials, with the curve of the fold that is to run.
    """
    if len(rivals) < N_STARTUP or not np.isfinite(finals).all():
        return None
    n_ended = len(finals)
    incumbent = max(rivals, key=lambda trial: float(trial.finals.mean()))
    others = [trial for trial in rivals if (trial.finals != incumbent.finals).any()]
    ahead = float((finals - incumbent.finals[:n_ended]).sum())
    is_last_fold = n_ended == len(incumbent.finals) - 1
    least = {}
    for epoch in _looks(len(incumbent.curve), is_last_fold):
        error = _error(others, incumbent, n_ended, epoch)
        if error is not None:
            least[epoch] = incumbent.curve[epoch - 1] - ahead - (n_ended + 1) * error
    return RaceJudge(least)


def _looks(n_epochs: int, is_last_fold: bool) -> list[int]:
    """Return the epochs at which there is a look; when the last fold has ended, there is nothing left to save."""
    looks = [2**i for i in range(n_epochs.bit_length()) if 2**i < n_epochs]
    return looks if is_last_fold or not n_epochs else [*looks, n_epochs]


def _error(others: Sequence[Rival], incumbent: Rival, n_ended: int, epoch: int) -> float | None:
    """Return how far behind a trial may be; None if too few trials had the epoch."""
    had = [trial for trial in others if len(trial.curve) >= epoch]
    if len(had) < N_STARTUP - 1:
        return None
    differences = np.array([trial.finals for trial in had]) - incumbent.finals
    now = np.array([trial.curve[epoch - 1] for trial in had]) - incumbent.curve[epoch - 1]
    seen = (differences[:, :n_ended].sum(axis=1) + now) / (n_ended + 1)
    squares = (differences.mean(axis=1) - seen) ** 2
    return float(stdtrit(len(had), 1 - CHANCE)) * math.sqrt(float(squares.mean()))
