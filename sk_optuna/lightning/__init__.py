"""LightningModules as scikit-learn estimators, whose epochs a search can follow (extra `lightning`)."""

from sk_optuna._optional import require

for _package in ("torch", "lightning"):
    require(_package, extra="lightning", purpose="sk_optuna.lightning")

from sk_optuna.lightning._classifier import LightningClassifier  # noqa: E402
from sk_optuna.lightning._regressor import LightningRegressor  # noqa: E402

__all__ = ["LightningClassifier", "LightningRegressor"]
