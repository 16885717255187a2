"""skorch's networks for searches, Pipelines and nested cross-validation (extra ``skorch``: skorch and torch).

Each net is a subclass of skorch's net of the same name: change the import, and skorch's features stay.
`import sk_optuna` does not import this room.
"""

from sk_optuna._optional import require

require("torch", extra="skorch", purpose="sk_optuna.skorch")
require("skorch", extra="skorch", purpose="sk_optuna.skorch")

from sk_optuna.skorch._loader import TensorLoader  # noqa: E402
from sk_optuna.skorch._nets import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402

__all__ = ["NeuralNetBinaryClassifier", "NeuralNetClassifier", "NeuralNetRegressor", "TensorLoader"]
