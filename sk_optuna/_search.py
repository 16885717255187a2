"""The module in which pickles of the last version look for OptunaSearchCV; to be removed in the next."""

from sk_optuna.search import OptunaSearchCV

__all__ = ["OptunaSearchCV"]
