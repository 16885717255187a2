"""Pruners by name, and the answers that a search needs of any pruner."""

import sys
from collections.abc import Callable
from typing import Any

import optuna
from optuna.pruners import BasePruner, PatientPruner, ThresholdPruner, WilcoxonPruner

from sk_optuna._compat._optuna import make_unwarned, wrapped_pruner
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.pruners import PairedRacePruner

# From minus this to this lie all finite numbers and no others.
LARGEST = sys.float_info.max

# By name, from the number of folds. A fold is the resource of halving and Hyperband, and half the candidates go on.
FOR_FOLDS: dict[str, Callable[[int], BasePruner]] = {
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
# Hyperband learns from complete trials how many epochs there are.
FOR_EPOCHS: dict[str, Callable[[], BasePruner]] = {
    "halving": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    "hyperband": lambda: optuna.pruners.HyperbandPruner(min_resource=1, max_resource="auto", reduction_factor=3),
    "median": lambda: optuna.pruners.MedianPruner(),
    "percentile": lambda: optuna.pruners.PercentilePruner(25.0),
    "threshold": lambda: ThresholdPruner(lower=-LARGEST, upper=LARGEST),
}


def check_pruner(pruner: Any, *, by_epoch: bool) -> None:
    """Refuse a pruner that cannot decide between folds, or between epochs.

    Parameters
    ----------
    pruner : object
        The user's argument.
    by_epoch : bool
        Whether there is a decision after each epoch, else after each fold.

    Raises
    ------
    InvalidArgumentError
        Where `pruner` is neither None, nor a name, nor an optuna pruner; or one that compares folds where epochs are
        reported.
    """
    names = sorted([*FOR_EPOCHS, "race"] if by_epoch else FOR_FOLDS)
    if pruner is None or (isinstance(pruner, str) and pruner in names):
        return
    known = ", ".join(map(repr, names))
    compares = isinstance(pruner, BasePruner) and compares_folds(pruner)
    if by_epoch and (compares or (isinstance(pruner, str) and pruner in FOR_FOLDS)):
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


def is_race(pruner: Any) -> bool:
    """Return whether the user's argument is the name of our race."""
    return isinstance(pruner, str) and pruner == "race"


def compares_folds(pruner: BasePruner) -> bool:
    """Return whether a pruner, or the one within, wants the scores of single folds, as its documentation says."""
    if isinstance(pruner, PatientPruner):
        return compares_folds(wrapped_pruner(pruner))
    return isinstance(pruner, PairedRacePruner | WilcoxonPruner)
