"""Samplers for small budgets and for long searches; each serves any Optuna study."""

from sk_optuna.samplers._bounded_history import BoundedHistorySampler
from sk_optuna.samplers._gaussian_process import GaussianProcessSampler

__all__ = ["BoundedHistorySampler", "GaussianProcessSampler"]
