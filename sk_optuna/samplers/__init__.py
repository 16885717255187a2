"""Samplers for small budgets and for long searches; each serves any Optuna study."""

from sk_optuna.samplers._bounded_history import BoundedHistorySampler
from sk_optuna.samplers._gaussian_process import ERROR_OF_ESTIMATE, GaussianProcessSampler

__all__ = ["ERROR_OF_ESTIMATE", "BoundedHistorySampler", "GaussianProcessSampler"]
