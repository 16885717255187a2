"""Hyperparameter search for scikit-learn with Optuna: GridSearchCV's interface, Optuna's samplers."""

from sk_optuna import exceptions
from sk_optuna._search import OptunaSearchCV
from sk_optuna._version import __version__

__all__ = ["OptunaSearchCV", "__version__", "exceptions"]
