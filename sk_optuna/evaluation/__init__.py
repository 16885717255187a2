"""One fold of one candidate: fit, score, result; the splits that folds come from, and the record of a trial."""

from sk_optuna.evaluation._fold import FoldEvaluator, FoldResult, FoldTask
from sk_optuna.evaluation._metrics import metric_names, steering_metric
from sk_optuna.evaluation._record import TrialRecord
from sk_optuna.evaluation._splits import split_once, together

__all__ = [
    "FoldEvaluator",
    "FoldResult",
    "FoldTask",
    "TrialRecord",
    "metric_names",
    "split_once",
    "steering_metric",
    "together",
]
