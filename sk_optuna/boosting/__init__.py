"""Boosters that stop early on rows of their training data."""

from sk_optuna.boosting._early_stopping import EarlyStoppingBooster

__all__ = ["EarlyStoppingBooster"]
