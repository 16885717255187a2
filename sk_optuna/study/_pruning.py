"""Decide after a fold whether a trial's other folds are to run; between epochs, `_epoch_pruning` does.

A decision depends on the trial's own folds and on the trials that had been told when it was asked. What came in
meanwhile depends on how fast the workers are and is not shown to the pruner; nor does a pruner remember anything from
one trial to the next, since trials in flight are judged in no particular order.
"""

import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from optuna import Study

from sk_optuna.epochs import Judge
from sk_optuna.study._epoch_pruning import Curves, EpochPruning, EpochRacing
from sk_optuna.study._fold_pruning import FoldPruning
from sk_optuna.study._proposals import Proposal
from sk_optuna.study._pruners import is_race


def open_pruning(pruner: Any, study: Study, *, report: str, n_splits: int, random_state: int) -> "Pruning":
    """Return what decides between folds, or between epochs.

    Parameters
    ----------
    pruner : None, str or optuna.pruners.BasePruner
        The user's argument, checked.
    study : optuna.study.Study
        The search's study.
    report : {"fold", "epoch"}
        After what there is a decision.
    n_splits : int
        Folds of a trial.
    random_state : int
        Seed of the search.

    Warns
    -----
    UserWarning
        Where there is a single fold, so that there is nothing to decide between folds.
    """
    if report == "epoch":
        order = random_order(n_splits, random_state)
        return EpochRacing(study, order=order) if is_race(pruner) else EpochPruning(pruner, study, order=order)
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
    return FoldPruning(pruner, study, order=random_order(n_splits, random_state))


def random_order(n_splits: int, random_state: int) -> Sequence[int]:
    """Return the folds in the order in which every trial of a search runs them.

    It is random: folds of data that were not shuffled before may differ by their position.
    """
    order: list[int] = np.random.default_rng([random_state, n_splits]).permutation(n_splits).tolist()
    return order


class Pruning(Protocol):
    """Which folds of a trial run, and in which order."""

    order: Sequence[int]

    def n_free(self, proposal: Proposal) -> int:
        """Return how many folds of a trial run before the first decision."""

    def stops(self, proposal: Proposal, scores: np.ndarray) -> bool:
        """Return whether a trial ends after the folds, in order, that have these scores; NaN for one that failed."""

    def judge(self, proposal: Proposal, fold: int, scores: np.ndarray) -> Judge | None:
        """Return what decides between the epochs of a fold, in the worker that runs it.

        `scores` are those of the folds before it; of fewer, while all folds run side by side.
        """

    def finish(self, proposal: Proposal, scores: np.ndarray, curves: Curves, *, pruned: bool) -> None:
        """Take note of all scores of a trial that is going to be told."""

    def estimate(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> float:
        """Return what the mean score of a stopped trial would have been, as far as can be known."""


class EveryFold:
    """No pruning.

    Parameters
    ----------
    n_splits : int
        Folds of a trial.
    """

    def __init__(self, n_splits: int) -> None:
        self.order: Sequence[int] = range(n_splits)

    def n_free(self, proposal: Proposal) -> int:
        """Return the number of folds."""
        return len(self.order)

    def stops(self, proposal: Proposal, scores: np.ndarray) -> bool:
        """Return False."""
        return False

    def judge(self, proposal: Proposal, fold: int, scores: np.ndarray) -> None:
        """Return None."""

    def finish(self, proposal: Proposal, scores: np.ndarray, curves: Curves, *, pruned: bool) -> None:
        """Do nothing: reports cost time, and nobody asks for them."""

    def estimate(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> float:
        """Return the mean."""
        return float(np.mean(scores))
