"""One fold of one candidate: fit, score, result; the splits that folds come from, and the record of a trial."""

from sk_optuna.evaluation._ending import Ending
from sk_optuna.evaluation._epoch_scores import EpochScores
from sk_optuna.evaluation._evaluator import FoldEvaluator
from sk_optuna.evaluation._fold import Fold, FoldHooks, FoldResult
from sk_optuna.evaluation._fusing import fuses, is_plain_net, open_meeting
from sk_optuna.evaluation._metrics import (
    check_refit,
    metric_names,
    nearest_metrics,
    nearest_scorers,
    scoring_of,
    steering_metric,
)
from sk_optuna.evaluation._predictions import FoldPredictions, FoldPredictor, predictions_of
from sk_optuna.evaluation._record import TrialRecord
from sk_optuna.evaluation._splits import packed, split_once
from sk_optuna.evaluation._tracebacks import CodeLine, RaisedError, raised_errors

__all__ = [
    "CodeLine",
    "Ending",
    "EpochScores",
    "Fold",
    "FoldEvaluator",
    "FoldHooks",
    "FoldPredictions",
    "FoldPredictor",
    "FoldResult",
    "RaisedError",
    "TrialRecord",
    "check_refit",
    "fuses",
    "is_plain_net",
    "metric_names",
    "nearest_metrics",
    "nearest_scorers",
    "open_meeting",
    "packed",
    "predictions_of",
    "raised_errors",
    "scoring_of",
    "split_once",
    "steering_metric",
]
