"""Decide after an epoch, in the worker, whether a trial is to go on.

A trial is compared with earlier ones at the same epoch of the same fold: a mean over the folds so far would have easy
folds pass for progress. The worker holds what had been told of that fold when the trial was asked for, and asks the
pruner itself; no storage is shared, and the decision does not depend on when it is made. Once a trial is stopped in
a fold, its other folds are not begun. The race, ours, looks at all folds of a trial (`_epoch_race`).
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna import Study
from optuna.pruners import BasePruner

from sk_optuna._compat._optuna import frozen
from sk_optuna.epochs import Curve, Judge
from sk_optuna.study._epoch_judge import EpochJudge, ToldFold
from sk_optuna.study._epoch_race import N_STARTUP, ToldTrial, race_judge
from sk_optuna.study._proposals import Proposal
from sk_optuna.study._pruners import FOR_EPOCHS

Curves = Sequence[Curve | None]
"""The epochs of a trial's folds in the order in which they run; None where they were not reported."""


class EpochPruning:
    """Pruning between epochs.

    Parameters
    ----------
    pruner : None, str or optuna.pruners.BasePruner
        The user's argument; None keeps the curves and stops nothing.
    study : optuna.study.Study
        The search's study, into which trials are told in order.
    order : sequence of int
        The folds in the order in which every trial runs them.

    Attributes
    ----------
    order : sequence of int
        The order.
    """

    def __init__(self, pruner: Any, study: Study, *, order: Sequence[int]) -> None:
        self._pruner: BasePruner | None = FOR_EPOCHS[pruner]() if isinstance(pruner, str) else deepcopy(pruner)
        self.order = range(len(order)) if pruner is None else order
        self._study = study
        self._told: list[_Told] = []

    def n_free(self, proposal: Proposal) -> int:
        """Return how many folds of a trial run side by side: one, since it may be stopped in any."""
        return len(self.order) if self._pruner is None else 1

    def judge(self, proposal: Proposal, fold: int, scores: np.ndarray) -> Judge | None:
        """Return what decides between the epochs of a fold; `scores` are those of the folds before it."""
        if self._pruner is None:
            return None
        told = [trial.in_folds[fold] for trial in self._told_at_ask(proposal) if fold in trial.in_folds]
        return EpochJudge(deepcopy(self._pruner), frozen(proposal.trial), told, self._study.study_name)

    def stops(self, proposal: Proposal, scores: np.ndarray) -> bool:
        """Return False: what is to be decided, the fold has decided."""
        return False

    def finish(self, proposal: Proposal, scores: np.ndarray, curves: Curves, *, pruned: bool) -> None:
        """Take note of the epochs of a trial that is going to be told, and report their mean over the folds.

        A trial with a fold that failed is nothing to compare with.
        """
        told = _Told(scores, curves)
        self._told.append(told)
        if not np.isfinite(scores).all():
            return
        told.is_complete = not pruned
        if self._pruner is not None:
            for fold, score, curve in zip(self.order, scores.tolist(), curves, strict=False):
                if curve is not None and np.isfinite(curve.scores).all():
                    told.in_folds[fold] = ToldFold(proposal.number, not pruned, score, curve.scores, curve.notes)
        for epoch, mean in enumerate(_mean_curve(curves), start=1):
            proposal.trial.report(mean, epoch)

    def estimate(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> float:
        """Return the incumbent's mean score and, added to it, the mean difference to it on the same folds.

        In the fold in which the trial was stopped, it is the difference at that epoch.
        """
        complete = [trial for trial in self._told_at_ask(proposal) if trial.is_complete]
        if not complete:
            return float(np.mean(scores))
        incumbent = max(complete, key=lambda trial: float(trial.scores.mean()))
        differences = scores - incumbent.scores[: len(scores)]
        theirs, ours = incumbent.curves[len(scores) - 1], curves[-1]
        if theirs is not None and ours is not None and theirs.scores and ours.scores:
            at_same_epoch = theirs.scores[min(len(ours.scores), len(theirs.scores)) - 1]
            differences[-1] = ours.scores[-1] - at_same_epoch
        return float(incumbent.scores.mean() + differences.mean())

    def _told_at_ask(self, proposal: Proposal) -> "list[_Told]":
        return self._told[: proposal.n_told]


class EpochRacing(EpochPruning):
    """The race between epochs.

    Parameters
    ----------
    study : optuna.study.Study
        The search's study, into which trials are told in order.
    order : sequence of int
        The folds in the order in which every trial runs them.
    """

    def __init__(self, study: Study, *, order: Sequence[int]) -> None:
        super().__init__(None, study, order=order)
        self.order = order

    def n_free(self, proposal: Proposal) -> int:
        """Return how many folds of a trial run side by side: all of them while there can be no decision."""
        n_complete = sum(trial.is_complete for trial in self._told_at_ask(proposal))
        return 1 if n_complete >= N_STARTUP else len(self.order)

    def judge(self, proposal: Proposal, fold: int, scores: np.ndarray) -> Judge | None:
        """Return what decides between the epochs of a fold; `scores` are those of the folds before it."""
        if self.n_free(proposal) > 1:
            return None
        told = [
            ToldTrial(trial.scores, curve.scores)
            for trial in self._told_at_ask(proposal)
            if trial.is_complete and (curve := trial.curves[len(scores)]) and np.isfinite(curve.scores).all()
        ]
        return race_judge(scores, told)


@dataclass
class _Told:
    """A trial as later ones are compared with it; its scores and curves in the order of the folds."""

    scores: np.ndarray
    curves: Curves
    is_complete: bool = False
    in_folds: dict[int, ToldFold] = field(default_factory=dict)


def _mean_curve(curves: Curves) -> list[float]:
    """Return the mean score at each epoch, of the folds that had it."""
    scores = [curve.scores for curve in curves if curve is not None]
    longest = max(map(len, scores), default=0)
    return [float(np.mean([each[i] for each in scores if len(each) > i])) for i in range(longest)]
