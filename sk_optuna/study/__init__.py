"""Samplers and pruners by name, a seed for each trial, and the trials: asked for, judged, told, remembered.

A search asks and tells here; nothing in this room runs a fold.
"""

from sk_optuna.study._fold_pruning import FoldPruning
from sk_optuna.study._proposals import Proposal, Proposals, open_study
from sk_optuna.study._pruners import check_pruner
from sk_optuna.study._pruning import EveryFold, Pruning, open_pruning
from sk_optuna.study._samplers import (
    SamplerFactory,
    check_heeds_constraints,
    check_takes_objectives,
    is_gaussian_process,
    random_start,
    remembers,
    sampler_factory,
)
from sk_optuna.study._told import Told, ToldTrial

__all__ = [
    "EveryFold",
    "FoldPruning",
    "Proposal",
    "Proposals",
    "Pruning",
    "SamplerFactory",
    "Told",
    "ToldTrial",
    "check_heeds_constraints",
    "check_pruner",
    "check_takes_objectives",
    "is_gaussian_process",
    "open_pruning",
    "open_study",
    "random_start",
    "remembers",
    "sampler_factory",
]
