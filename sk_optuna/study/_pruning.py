"""Decide after a fold whether a trial's other folds are to run; between epochs, `_epoch_pruning` does.

A decision depends on the trial's own folds and on the trials that had been told when it was asked. What came in
meanwhile depends on how fast the workers are and is not shown to the pruner; nor does a pruner remember anything from
one trial to the next, since trials in flight are judged in no particular order.
"""

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Protocol

import numpy as np
import optuna
from optuna import Study
from optuna.pruners import BasePruner, PatientPruner, ThresholdPruner, WilcoxonPruner
from optuna.trial import FrozenTrial

from sk_optuna._compat_optuna import frozen, make_unwarned, wrapped_pruner
from sk_optuna._history import study_showing
from sk_optuna.evaluation import Judge
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.pruners import PairedRacePruner
from sk_optuna.study._epoch_pruning import BY_NAME as BY_NAME_FOR_EPOCHS
from sk_optuna.study._epoch_pruning import LARGEST, Curves, EpochPruning, EpochRacing
from sk_optuna.study._proposals import Proposal

# By name, from the number of folds. A fold is the resource of halving and Hyperband, and half the candidates go on.
_BY_NAME: dict[str, Callable[[int], BasePruner]] = {
    "halving": lambda n_splits: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
    "hyperband": lambda n_splits: optuna.pruners.HyperbandPruner(
        min_resource=1, max_resource=n_splits, reduction_factor=2
    ),
    "median": lambda n_splits: optuna.pruners.MedianPruner(),
    "percentile": lambda n_splits: optuna.pruners.PercentilePruner(25.0),
    "race": lambda n_splits: PairedRacePruner(),
    "threshold": lambda n_splits: ThresholdPruner(lower=-LARGEST, upper=LARGEST),
    "wilcoxon": lambda n_splits: make_unwarned(WilcoxonPruner),
}


def check_pruner(pruner: Any, report: str) -> None:
    """Refuse what cannot decide between folds, or between epochs.

    Parameters
    ----------
    pruner : object
        The user's argument.
    report : {"fold", "epoch"}
        After what there is a decision.

    Raises
    ------
    InvalidArgumentError
        Where `pruner` is neither None, nor a name, nor an optuna pruner; or one that compares folds where epochs are
        reported.
    """
    names = sorted(_BY_NAME if report == "fold" else [*BY_NAME_FOR_EPOCHS, "race"])
    if pruner is None or (isinstance(pruner, str) and pruner in names):
        return
    known = ", ".join(map(repr, names))
    compares = isinstance(pruner, BasePruner) and _compares_folds(pruner)
    if report == "epoch" and (compares or (isinstance(pruner, str) and pruner in _BY_NAME)):
        raise InvalidArgumentError(
            f"pruner={pruner!r} compares the scores of folds, but with report='epoch' there is a decision after each "
            f"epoch. Use one of {known}, among which 'race' is a race between epochs, another optuna pruner, or "
            "report='fold'."
        )
    if isinstance(pruner, BasePruner):
        return
    hint = ""
    if isinstance(pruner, type) and issubclass(pruner, BasePruner):
        hint = f" Call the class: {pruner.__name__}(...)."
    raise InvalidArgumentError(
        f"The 'pruner' parameter must be None, one of {known}, or an optuna pruner, but got {pruner!r} of type "
        f"{type(pruner).__name__}.{hint}"
    )


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
        return EpochRacing(study, order=order) if _is_race(pruner) else EpochPruning(pruner, study, order=order)
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
    return FoldPruning(pruner, study, n_splits=n_splits, random_state=random_state)


def _is_race(pruner: Any) -> bool:
    return isinstance(pruner, str) and pruner == "race"


def random_order(n_splits: int, random_state: int) -> Sequence[int]:
    """Return the folds in the order in which every trial of a search runs them."""
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


class FoldPruning:
    """Pruning between folds.

    Parameters
    ----------
    pruner : str or optuna.pruners.BasePruner
        The user's argument; a pruner is copied.
    study : optuna.study.Study
        The search's study, into which trials are told in order.
    n_splits : int
        Folds of a trial.
    random_state : int
        Seed of the search, which determines the order of the folds.

    Attributes
    ----------
    order : list of int
        The folds in the order in which every trial runs them. It is random: folds of data that were not shuffled
        before may differ by their position.
    pruner : optuna.pruners.BasePruner
        The pruner.
    """

    def __init__(self, pruner: Any, study: Study, *, n_splits: int, random_state: int) -> None:
        self.pruner: BasePruner = _BY_NAME[pruner](n_splits) if isinstance(pruner, str) else deepcopy(pruner)
        self.order = random_order(n_splits, random_state)
        self._study = study
        self._compares_folds = _compares_folds(self.pruner)
        self._complete: dict[int, np.ndarray] = {}
        self._own: dict[int, BasePruner] = {}

    def n_free(self, proposal: Proposal) -> int:
        """Return how many folds of a trial run before the first decision, all of them if there can be none."""
        if not isinstance(self.pruner, PairedRacePruner):
            return 1
        return self.pruner.n_startup_steps if self.pruner.may_prune(self._as_asked(proposal)) else len(self.order)

    def stops(self, proposal: Proposal, scores: np.ndarray) -> bool:
        """Return whether a trial ends here.

        A trial with a score that is not finite has failed, and is nothing to compare with; only a ThresholdPruner,
        which exists to notice such values, is told of it.
        """
        if not np.isfinite(scores).all() and not isinstance(self.pruner, ThresholdPruner):
            return False
        self._report(proposal, scores)
        return bool(self._pruner_of(proposal).prune(self._as_asked(proposal), frozen(proposal.trial)))

    def judge(self, proposal: Proposal, fold: int, scores: np.ndarray) -> None:
        """Return None: no decision within a fold."""

    def finish(self, proposal: Proposal, scores: np.ndarray, curves: Curves, *, pruned: bool) -> None:
        """Take note of all scores of a trial that is going to be told."""
        self._own.pop(proposal.number, None)
        if np.isfinite(scores).all():
            self._report(proposal, scores)
            if not pruned:
                self._complete[proposal.number] = scores

    def estimate(self, proposal: Proposal, scores: np.ndarray, curves: Curves) -> float:
        """Return the incumbent's mean score and, added to it, the mean difference to it on the same folds.

        Unlike the mean of the folds that ran, this does not depend on how hard just these were.
        """
        try:
            incumbent = self._complete[self._as_asked(proposal).best_trial.number]
        except ValueError:
            return float(np.mean(scores))
        return float(incumbent.mean() + np.mean(scores - incumbent[: len(scores)]))

    def _report(self, proposal: Proposal, scores: np.ndarray) -> None:
        """Report what was not reported: fold scores to a pruner that compares folds, else the mean so far."""
        reports = scores if self._compares_folds else scores.cumsum() / np.arange(1, len(scores) + 1)
        for step in range(len(frozen(proposal.trial).intermediate_values), len(scores)):
            proposal.trial.report(float(reports[step]), step + 1)

    def _pruner_of(self, proposal: Proposal) -> BasePruner:
        """Return the trial's own copy of the pruner; ours needs none, since it remembers only what it has read."""
        if isinstance(self.pruner, PairedRacePruner):
            return self.pruner
        return self._own.setdefault(proposal.number, deepcopy(self.pruner))

    def _as_asked(self, proposal: Proposal) -> Study:
        """Return the study as it was when the trial was asked, without the trials then in flight."""

        def told(trials: list[FrozenTrial]) -> list[FrozenTrial]:
            return trials[: proposal.n_told]

        return study_showing(self._study, told)


def _compares_folds(pruner: BasePruner) -> bool:
    """Return whether a pruner, or the one within, wants the scores of single folds, as its documentation says."""
    if isinstance(pruner, PatientPruner):
        return _compares_folds(wrapped_pruner(pruner))
    return isinstance(pruner, PairedRacePruner | WilcoxonPruner)
