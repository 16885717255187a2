"""Decide after an epoch, in the worker, whether a trial goes on.

A trial is compared with earlier ones at the same epoch of the same fold: a mean over the folds so far would have easy
folds pass for progress. The worker holds the results of that fold that were told when the trial was asked for, and asks
the pruner itself; no storage is shared, and the decision does not depend on when it is made. Once a trial is stopped in
a fold, its other folds are not begun. The race, ours, looks at all folds of a trial (`_epoch_race`).
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from optuna import Study
from optuna.pruners import BasePruner

from sk_optuna._compat._optuna import frozen
from sk_optuna.epochs import Judge
from sk_optuna.study._epoch_judge import EpochJudge, RivalFold
from sk_optuna.study._epoch_race import N_STARTUP, Rival, race_judge
from sk_optuna.study._proposals import Proposal
from sk_optuna.study._pruners import FOR_EPOCHS
from sk_optuna.study._ready import Running, one_after_the_other
from sk_optuna.study._told import Curves, Told, ToldTrial


class EpochPruning:
    """Pruning between epochs.

    Parameters
    ----------
    pruner : None, str or optuna.pruners.BasePruner
        The user's argument; None keeps the curves and stops nothing.
    study : optuna.study.Study
        The search's study, of which Optuna's pruners read the name.
    told : Told
        The trials that were told.
    order : sequence of int
        The folds in the order in which every trial runs them.
    period : int, default=1
        Epochs from one decision to the next.

    Attributes
    ----------
    order : sequence of int
        The order.
    looks_back : bool
        False: a fold is compared with the same fold of other trials.
    period : int
        Epochs from one decision to the next.
    """

    looks_back = False

    def __init__(self, pruner: Any, study: Study, told: Told[Any], *, order: Sequence[int], period: int = 1) -> None:
        self._pruner: BasePruner | None = FOR_EPOCHS[pruner]() if isinstance(pruner, str) else deepcopy(pruner)
        self.order = range(len(order)) if pruner is None else order
        self._study = study
        self._told = told
        self.period = period

    def ready(self, proposal: Proposal, record: Running) -> Sequence[int]:
        """Return one fold after the other, since a trial may be stopped in any; without a pruner all of them."""
        return self.order if self._pruner is None else one_after_the_other(self.order, record)

    def judge(self, proposal: Proposal, fold: int, scores: np.ndarray) -> Judge | None:
        """Return the judge of the epochs of a fold; `scores` are those of the folds before it."""
        if self._pruner is None:
            return None
        place = self.order.index(fold)
        told = self._told.as_of(proposal.n_told)
        rivals = [rival for trial in told if (rival := self._rival_fold(trial, place)) is not None]
        return EpochJudge(deepcopy(self._pruner), frozen(proposal.trial), rivals, self._study.study_name)

    def stops(self, proposal: Proposal, scores: np.ndarray) -> bool:
        """Return False: decisions fall within a fold."""
        return False

    def chances(self, proposal: Proposal) -> Sequence[float]:
        """Return 1 for each fold: how long a trial goes on is not guessed."""
        return [1.0] * len(self.order)

    def ended(self, proposal: Proposal, scores: np.ndarray) -> None:
        """Do nothing: no trial waits for another."""

    def estimate(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> float:
        """Estimate the mean score of a trial that was stopped, by the best complete one as of its ask."""
        return self._told.as_of(proposal.n_told).estimate(scores, curves)

    def finish(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> None:
        """Report the mean over a trial's folds at each epoch, before the trial is told; nothing if a fold failed.

        Optuna takes no reports where there are several objectives.
        """
        if np.isfinite(scores).all() and len(self._study.directions) == 1:
            for epoch, mean in _mean_curve(curves).items():
                proposal.trial.report(mean, epoch)

    def _rival_fold(self, trial: ToldTrial[Any], place: int) -> RivalFold | None:
        """Return the fold that a trial ran at this place; None if there is nothing to compare with, or one failed."""
        curve = trial.curves[place] if place < len(trial.curves) else None
        if (
            curve is None
            or not trial.is_feasible
            or not np.isfinite(trial.scores).all()
            or not np.isfinite(curve.scores).all()
        ):
            return None
        score, looks = float(trial.scores[place]), curve.looks(self.period)
        return RivalFold(trial.number, trial.is_complete, score, looks, curve.notes)


class EpochRacing(EpochPruning):
    """The race between epochs.

    Parameters
    ----------
    study : optuna.study.Study
        The search's study.
    told : Told
        The trials that were told.
    order : sequence of int
        The folds in the order in which every trial runs them.
    period : int, default=1
        Epochs from one decision to the next.

    Attributes
    ----------
    looks_back : bool
        True: a trial is compared by all its folds so far.
    """

    looks_back = True

    def __init__(self, study: Study, told: Told[Any], *, order: Sequence[int], period: int = 1) -> None:
        super().__init__(None, study, told, order=order, period=period)
        self.order = order

    def ready(self, proposal: Proposal, record: Running) -> Sequence[int]:
        """Return one fold after the other; all of them while no decision is possible."""
        return one_after_the_other(self.order, record) if self._may_stop(proposal) else self.order

    def judge(self, proposal: Proposal, fold: int, scores: np.ndarray) -> Judge | None:
        """Return the judge of the epochs of a fold; `scores` are those of the folds before it."""
        if not self._may_stop(proposal):
            return None
        rivals = [
            Rival(trial.scores, curve.looks(self.period))
            for trial in self._told.as_of(proposal.n_told).rivals
            if (curve := trial.curves[len(scores)]) and np.isfinite(curve.scores).all()
        ]
        return race_judge(scores, rivals)

    def _may_stop(self, proposal: Proposal) -> bool:
        return self._told.n_rivals(proposal.n_told) >= N_STARTUP


def _mean_curve(curves: Curves) -> dict[int, float]:
    """Return the mean score at each epoch, of the folds that had it."""
    scores: dict[int, list[float]] = {}
    for curve in curves:
        if curve is not None:
            for epoch, score in zip(curve.epochs, curve.scores, strict=True):
                scores.setdefault(epoch, []).append(score)
    return {epoch: float(np.mean(each)) for epoch, each in sorted(scores.items())}
