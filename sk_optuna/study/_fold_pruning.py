"""Decide after a fold whether a trial's other folds run."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from optuna import Study
from optuna.pruners import BasePruner, ThresholdPruner
from optuna.trial import FrozenTrial

from sk_optuna._compat._optuna import frozen
from sk_optuna._study_view import study_showing
from sk_optuna.pruners import PairedRacePruner
from sk_optuna.study._proposals import Proposal
from sk_optuna.study._pruners import FOR_FOLDS, compares_folds
from sk_optuna.study._ready import Running, one_after_the_other
from sk_optuna.study._told import Curves


class FoldPruning:
    """Pruning between folds.

    Parameters
    ----------
    pruner : str or optuna.pruners.BasePruner
        The user's argument; a pruner is copied.
    study : optuna.study.Study
        The search's study, into which trials are told in order.
    order : sequence of int
        The folds in the order in which every trial runs them.

    Attributes
    ----------
    order : sequence of int
        The order.
    pruner : optuna.pruners.BasePruner
        The pruner.
    looks_back : bool
        False: folds have no judges.
    """

    looks_back = False

    def __init__(self, pruner: Any, study: Study, *, order: Sequence[int]) -> None:
        self.pruner: BasePruner = FOR_FOLDS[pruner](len(order)) if isinstance(pruner, str) else deepcopy(pruner)
        self.order = order
        self._study = study
        self._compares_folds = compares_folds(self.pruner)
        self._n_before: dict[int, int] = {}
        self._own: dict[int, BasePruner] = {}

    def ready(self, proposal: Proposal, record: Running) -> Sequence[int]:
        """Return the folds that no decision can spare, side by side, then one after the other."""
        return one_after_the_other(self.order, record, self._n_before_decision(proposal))

    def stops(self, proposal: Proposal, scores: np.ndarray) -> bool:
        """Return whether a trial ends here.

        A trial with a score that is not finite has failed and cannot be compared; only a ThresholdPruner, which exists
        to notice such values, judges it.
        """
        if len(scores) < self._n_before_decision(proposal):
            return False
        if not np.isfinite(scores).all() and not isinstance(self.pruner, ThresholdPruner):
            return False
        self._report(proposal, scores)
        return bool(self._pruner_of(proposal).prune(self._as_asked(proposal), frozen(proposal.trial)))

    def ended(self, proposal: Proposal, scores: np.ndarray) -> None:
        """Do nothing: no trial waits for another."""

    def judge(self, proposal: Proposal, fold: int, scores: np.ndarray) -> None:
        """Return None: there is no decision within a fold."""

    def finish(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> None:
        """Report the scores that were not reported, before the trial is told; nothing if a fold failed."""
        self._own.pop(proposal.number, None)
        self._n_before.pop(proposal.number, None)
        if np.isfinite(scores).all():
            self._report(proposal, scores)

    def _n_before_decision(self, proposal: Proposal) -> int:
        """Return how many folds of a trial run before the first decision; all of them if none is possible."""
        if proposal.number not in self._n_before:
            self._n_before[proposal.number] = self._first_decision(proposal)
        return self._n_before[proposal.number]

    def _first_decision(self, proposal: Proposal) -> int:
        if not isinstance(self.pruner, PairedRacePruner):
            return 1
        return self.pruner.n_startup_steps if self.pruner.may_prune(self._as_asked(proposal)) else len(self.order)

    def _report(self, proposal: Proposal, scores: np.ndarray) -> None:
        """Report new scores: those of the folds to a pruner that compares folds, else the mean so far."""
        reports = scores if self._compares_folds else scores.cumsum() / np.arange(1, len(scores) + 1)
        for step in range(len(frozen(proposal.trial).intermediate_values), len(scores)):
            proposal.trial.report(float(reports[step]), step + 1)

    def _pruner_of(self, proposal: Proposal) -> BasePruner:
        """Return the trial's own copy of the pruner; ours needs none, since it remembers nothing but its reading."""
        if isinstance(self.pruner, PairedRacePruner):
            return self.pruner
        return self._own.setdefault(proposal.number, deepcopy(self.pruner))

    def _as_asked(self, proposal: Proposal) -> Study:
        """Return the study as it was when the trial was asked, without the trials then in flight."""

        def told(trials: list[FrozenTrial]) -> list[FrozenTrial]:
            return trials[: proposal.n_told]

        return study_showing(self._study, told)
