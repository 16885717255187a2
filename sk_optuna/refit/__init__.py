"""Policies for `refit`: the simplest, or the cheapest, of the candidates that are about as good as the best one.

They are callables from `cv_results_` to a row, as GridSearchCV's `refit` takes them, and serve any scikit-learn search.
"""

from sk_optuna.refit._choice import Choice
from sk_optuna.refit._policies import OneStandardError, PercentLoss, Policy, metric_of

__all__ = ["Choice", "OneStandardError", "PercentLoss", "Policy", "metric_of"]
