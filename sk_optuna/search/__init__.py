"""OptunaSearchCV, from its arguments to its fitted attributes."""

from sk_optuna.search._search_cv import OptunaSearchCV

__all__ = ["OptunaSearchCV"]
