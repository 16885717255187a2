"""One fold: fit, score, result; and the record of a trial."""

from sk_optuna.evaluation._fold import FoldEvaluator, FoldResult, FoldTask
from sk_optuna.evaluation._record import TrialRecord
from sk_optuna.evaluation._splits import split_once

__all__ = ["FoldEvaluator", "FoldResult", "FoldTask", "TrialRecord", "split_once"]
