"""Samplers and pruners by name, seeds per trial, and the trials asked for, judged and told."""

from sk_optuna.study._fold_pruning import FoldPruning
from sk_optuna.study._proposals import Proposal, Proposals
from sk_optuna.study._pruners import check_pruner
from sk_optuna.study._pruning import EveryFold, Pruning, open_pruning
from sk_optuna.study._samplers import SamplerFactory, sampler_factory

__all__ = [
    "EveryFold",
    "FoldPruning",
    "Proposal",
    "Proposals",
    "Pruning",
    "SamplerFactory",
    "check_pruner",
    "open_pruning",
    "sampler_factory",
]
