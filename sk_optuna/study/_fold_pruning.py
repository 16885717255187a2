"""Decide after a fold whether a trial's other folds run."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cached_property
from typing import Any

import numpy as np
from optuna import Study
from optuna.pruners import BasePruner, ThresholdPruner
from optuna.trial import FrozenTrial, TrialState

from sk_optuna._compat._optuna import frozen
from sk_optuna._study_view import study_showing
from sk_optuna.pruners import PairedRacePruner
from sk_optuna.study._heat import Heat
from sk_optuna.study._proposals import Proposal
from sk_optuna.study._pruners import FOR_FOLDS, compares_folds
from sk_optuna.study._ready import Running, one_after_the_other
from sk_optuna.study._told import Curves, Told, estimate

# Most trials of a heat, and the fewest: two of them would wait for each other and save nothing.
_MOST_IN_HEAT, _FEWEST_IN_HEAT = 8, 3
# Folds by which the leader of a heat is chosen. One would do by its mean, but there is no spread of one difference.
_N_FIRST = 2
# How often a trial of which nothing is known runs another fold: a guess, by which idle workers choose their folds.
_GOES_ON = 0.9


class FoldPruning:
    """Pruning between folds.

    Parameters
    ----------
    pruner : str or optuna.pruners.BasePruner
        The user's argument; a pruner is copied.
    study : optuna.study.Study
        The search's study, into which trials are told in order.
    told : Told
        The trials that were told.
    order : sequence of int
        The folds in the order in which every trial runs them.
    is_alone : callable, default=None
        Returns whether all trials in flight are the search's own, so that they may wait for each other. They are by
        default.
    is_constrained : bool, default=False
        Whether there are constraints. There is no heat then: its leader might turn out to break one.

    Attributes
    ----------
    order : sequence of int
        The order.
    pruner : optuna.pruners.BasePruner
        The pruner.
    looks_back : bool
        False: folds have no judges.
    period : int
        1: there are no epochs.
    """

    looks_back = False
    period = 1

    def __init__(
        self,
        pruner: Any,
        study: Study,
        told: Told[Any],
        *,
        order: Sequence[int],
        is_alone: Callable[[], bool] | None = None,
        is_constrained: bool = False,
    ) -> None:
        self.pruner: BasePruner = FOR_FOLDS[pruner](len(order)) if isinstance(pruner, str) else deepcopy(pruner)
        self.order = order
        self._study = study
        self._told = told
        self._is_alone = is_alone
        self._is_constrained = is_constrained
        self._compares_folds = compares_folds(self.pruner)
        self._n_before: dict[int, int] = {}
        self._own: dict[int, BasePruner] = {}

    def ready(self, proposal: Proposal, record: Running) -> Sequence[int]:
        """Return the folds that no decision can spare, side by side, then one after the other."""
        if self._is_in_heat(proposal):
            return self.order[: self._heat.n_ready(proposal.number, record.n_leading)]
        return one_after_the_other(self.order, record, self._n_before_decision(proposal))

    def stops(self, proposal: Proposal, scores: np.ndarray) -> bool:
        """Return whether a trial ends here.

        A trial with a score that is not finite has failed and cannot be compared; only a ThresholdPruner, which exists
        to notice such values, judges it.
        """
        if self._is_in_heat(proposal):
            return self._stops_in_heat(proposal.number, scores)
        if len(scores) < self._n_before_decision(proposal):
            return False
        if not np.isfinite(scores).all() and not isinstance(self.pruner, ThresholdPruner):
            return False
        self._report(proposal, scores)
        return bool(self._pruner_of(proposal).prune(self._as_asked(proposal), frozen(proposal.trial)))

    def chances(self, proposal: Proposal) -> Sequence[float]:
        """Guess the chances by the race's projection; 1 in the heat and with other pruners."""
        if self._is_in_heat(proposal) or not isinstance(self.pruner, PairedRacePruner):
            return [1.0] * len(self.order)
        chances = self.pruner.chances(self._as_asked(proposal), frozen(proposal.trial))
        return [_GOES_ON**place for place in range(len(self.order))] if chances is None else chances

    def ended(self, proposal: Proposal, scores: np.ndarray) -> None:
        """Let the heat know: its other trials may have waited for that."""
        if self._is_in_heat(proposal):
            self._heat.end(proposal.number, scores)

    def judge(self, proposal: Proposal, fold: int, scores: np.ndarray) -> None:
        """Return None: there is no decision within a fold."""

    def estimate(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> float:
        """Estimate the mean score of a trial that was stopped, by the one that it was compared with.

        That is the best complete one as of its ask, and in the heat the leader, which may not have been told yet.
        """
        if self._is_in_heat(proposal) and (leading := self._heat.leading_row) is not None:
            return estimate(scores, leading)
        return self._told.as_of(proposal.n_told).estimate(scores, curves)

    def finish(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> None:
        """Report the scores that were not reported, before the trial is told; nothing if a fold failed."""
        self._own.pop(proposal.number, None)
        self._n_before.pop(proposal.number, None)
        if np.isfinite(scores).all():
            self._report(proposal, scores)

    @cached_property
    def _heat(self) -> Heat:
        """The trials that are in flight when the first of them is to run; empty where there is no heat.

        Nor is there one where other processes run trials of the same study, for which nobody can wait.

        All of them have been asked by then, and nothing was told.
        """
        pruner, trials = self.pruner, self._study.get_trials(deepcopy=False)
        if self._is_constrained or (self._is_alone is not None and not self._is_alone()):
            trials = []
        size, n_first = min(_MOST_IN_HEAT, len(trials)), _N_FIRST
        if isinstance(pruner, PairedRacePruner):
            n_first = max(n_first, pruner.n_startup_steps)
            is_heat = pruner.n_startup_trials == 1 and size >= _FEWEST_IN_HEAT and n_first < len(self.order)
            if is_heat and all(trial.state == TrialState.RUNNING for trial in trials):
                return Heat(size, n_first=n_first, n_folds=len(self.order))
        return Heat(0, n_first=n_first, n_folds=len(self.order))

    def _is_in_heat(self, proposal: Proposal) -> bool:
        return proposal.number in self._heat

    def _stops_in_heat(self, number: int, scores: np.ndarray) -> bool:
        self._heat.note(number, scores)
        rows = self._heat.rows
        if number == 0 or rows is None or not np.isfinite(scores).all():
            return False
        assert isinstance(self.pruner, PairedRacePruner)
        own = np.append(scores, np.full(len(self.order) - len(scores), np.nan))
        return self.pruner.is_behind(own, rows)

    def _n_before_decision(self, proposal: Proposal) -> int:
        """Return how many folds of a trial run before the first decision; all of them if none is possible."""
        if proposal.number not in self._n_before:
            self._n_before[proposal.number] = self._first_decision(proposal)
        return self._n_before[proposal.number]

    def _first_decision(self, proposal: Proposal) -> int:
        if not isinstance(self.pruner, PairedRacePruner):
            return 1
        may_prune = self.pruner.may_prune(self._as_asked(proposal))
        return self.pruner.n_startup_steps if may_prune else len(self.order)

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
        """Return the study as it was when the trial was asked, without the trials then in flight.

        Trials that break constraints are left out: one that could be the best must not be stopped for them.
        """

        def told(trials: list[FrozenTrial]) -> list[FrozenTrial]:
            return [each.trial for each in self._told[: proposal.n_told] if each.is_feasible]

        return study_showing(self._study, told)
