"""Samplers by name, seeds per trial, and the trials asked for and told."""

from sk_optuna.study._proposals import Proposal, Proposals
from sk_optuna.study._samplers import SamplerFactory, sampler_factory

__all__ = ["Proposal", "Proposals", "SamplerFactory", "sampler_factory"]
