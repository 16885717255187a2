"""skorch's networks for searches, Pipelines and nested cross-validation (extra ``skorch``: skorch and torch).

A net is one import away from skorch's: what skorch can do stays, what a search needs is added. `import sk_optuna` does
not import this room.
"""

from sk_optuna._optional import require

require("torch", extra="skorch", purpose="sk_optuna.skorch")
require("skorch", extra="skorch", purpose="sk_optuna.skorch")

from sk_optuna.skorch._loader import TensorLoader  # noqa: E402
from sk_optuna.skorch._nets import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402

__all__ = ["NeuralNetBinaryClassifier", "NeuralNetClassifier", "NeuralNetRegressor", "TensorLoader"]
