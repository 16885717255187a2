"""Make an estimator of a plain training function."""

from sk_optuna._function_estimator._estimator import FunctionEstimator

__all__ = ["FunctionEstimator"]
