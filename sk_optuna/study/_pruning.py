"""Choose how trials are pruned: between folds (`_fold_pruning`), between epochs (`_epoch_pruning`), or not at all.

A decision depends on the trial's own folds and on the trials that had been told when it was asked. Results that
came in meanwhile depend on how fast the workers are and are not shown to the pruner; nor does a pruner remember
anything from one trial to the next, since trials in flight are judged in no particular order. The one exception are
the first trials of a race, which wait for each other (`_heat`).
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from optuna import Study

from sk_optuna.epochs import Judge
from sk_optuna.study._epoch_pruning import EpochPruning, EpochRacing
from sk_optuna.study._fold_pruning import FoldPruning
from sk_optuna.study._proposals import Proposal
from sk_optuna.study._pruners import is_race
from sk_optuna.study._ready import Running
from sk_optuna.study._told import Curves, Told


def open_pruning(
    pruner: Any,
    study: Study,
    told: Told[Any],
    *,
    by_epoch: bool,
    n_splits: int,
    random_state: int,
    period: int = 1,
    is_alone: Callable[[], bool] | None = None,
    is_constrained: bool = False,
) -> "Pruning":
    """Return the pruning between folds, or between epochs.

    Parameters
    ----------
    pruner : None, str or optuna.pruners.BasePruner
        The user's argument, checked.
    study : optuna.study.Study
        The search's study.
    told : Told
        The trials that were told.
    by_epoch : bool
        Whether there is a decision after each epoch, else after each fold.
    n_splits : int
        Folds of a trial.
    random_state : int
        Seed of the search.
    period : int, default=1
        Epochs from one decision to the next.
    is_alone : callable, default=None
        Returns whether all trials in flight are the search's own; they are by default.
    is_constrained : bool, default=False
        Whether there are constraints.

    Warns
    -----
    UserWarning
        Where there is a single fold, so that there is nothing to decide between folds.
    """
    order = random_order(n_splits, random_state)
    if by_epoch:
        if is_race(pruner):
            return EpochRacing(study, told, order=order, period=period)
        return EpochPruning(pruner, study, told, order=order, period=period)
    if pruner is None:
        return EveryFold(n_splits)
    if n_splits == 1:
        warnings.warn(
            f"pruner={pruner!r} has no effect, since cv gives a single split and every candidate is fitted once. Use a "
            "cv with more splits, report='epoch', or pruner=None.",
            UserWarning,
            stacklevel=4,
        )
        return EveryFold(n_splits)
    return FoldPruning(pruner, study, told, order=order, is_alone=is_alone, is_constrained=is_constrained)


def random_order(n_splits: int, random_state: int) -> Sequence[int]:
    """Return the folds in the order in which every trial of a search runs them.

    It is random: folds of data that were not shuffled before may differ by their position.
    """
    order: list[int] = np.random.default_rng([random_state, n_splits]).permutation(n_splits).tolist()
    return order


class Pruning(Protocol):
    """The folds of a trial that run, and their order."""

    order: Sequence[int]
    looks_back: bool
    """Whether the judge of a fold depends on the scores of the folds before it."""
    period: int
    """Epochs from one look of a judge to the next."""

    def ready(self, proposal: Proposal, record: Running) -> Sequence[int]:
        """Return the folds of a trial that may run now, those that run or ended included.

        Where that is no new one, and none is running, the trial waits for others.
        """

    def stops(self, proposal: Proposal, scores: np.ndarray) -> bool:
        """Return whether a trial ends after the folds with these scores, in order; NaN for a fold that failed.

        Asked after each fold but the last; while a trial waits, also after each fold of any other.
        """

    def chances(self, proposal: Proposal) -> Sequence[float]:
        """Guess for each fold of a trial, in order, the chance that it will be wanted; no decision rests on it."""

    def ended(self, proposal: Proposal, scores: np.ndarray) -> None:
        """Note that no other fold of a trial will run: the last one ran, or the trial was stopped or ran out of memory.

        Called at that moment, in any order of trials; `finish` comes later, in the order in which they are told.
        """

    def judge(self, proposal: Proposal, fold: int, scores: np.ndarray) -> Judge | None:
        """Return the judge of the epochs of a fold, for the worker that runs it; None if the fold decides nothing.

        `scores` are those of the folds before it; of fewer, while all folds run side by side.
        """

    def estimate(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> float:
        """Estimate the mean score of a trial that was stopped, from the folds that ran, for the sampler to learn from.

        Called when the trial is told.
        """

    def finish(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> None:
        """Report the scores of a trial, before it is told."""


class EveryFold:
    """No pruning.

    Parameters
    ----------
    n_splits : int
        Folds of a trial.
    """

    looks_back = False
    period = 1

    def __init__(self, n_splits: int) -> None:
        self.order: Sequence[int] = range(n_splits)

    def ready(self, proposal: Proposal, record: Running) -> Sequence[int]:
        """Return all folds."""
        return self.order

    def stops(self, proposal: Proposal, scores: np.ndarray) -> bool:
        """Return False."""
        return False

    def chances(self, proposal: Proposal) -> Sequence[float]:
        """Return 1 for each fold."""
        return [1.0] * len(self.order)

    def ended(self, proposal: Proposal, scores: np.ndarray) -> None:
        """Do nothing: no trial waits for another."""

    def judge(self, proposal: Proposal, fold: int, scores: np.ndarray) -> None:
        """Return None."""

    def estimate(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> float:
        """Return the mean: no trial is stopped, so there is none to estimate."""
        return float(np.mean(scores))

    def finish(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> None:
        """Do nothing: reports cost time, and nobody asks for them."""
