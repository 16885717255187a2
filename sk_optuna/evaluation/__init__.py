"""One fold: fit, score, result; epochs followed; prefixes of pipelines shared; and the record of a trial."""

from sk_optuna.evaluation._current_fold import CurrentFold, current_fold, in_fold
from sk_optuna.evaluation._epochs import Curve, EpochMonitor, EpochReports, Judge, UnscoredMonitor
from sk_optuna.evaluation._fold import FoldEvaluator, FoldResult, FoldTask
from sk_optuna.evaluation._following import check_reports_epochs, follow_epochs
from sk_optuna.evaluation._generators import generators_lock
from sk_optuna.evaluation._leaf import keeps_data, leaf_of
from sk_optuna.evaluation._out_of_memory import on_release
from sk_optuna.evaluation._prefixes import PrefixSharing, check_cache_prefix, share_prefixes
from sk_optuna.evaluation._record import TrialRecord
from sk_optuna.evaluation._splits import split_once, together
from sk_optuna.evaluation._torch_threads import torch_threads, torch_threads_of_a_fold

__all__ = [
    "CurrentFold",
    "Curve",
    "EpochMonitor",
    "EpochReports",
    "FoldEvaluator",
    "FoldResult",
    "FoldTask",
    "Judge",
    "PrefixSharing",
    "TrialRecord",
    "UnscoredMonitor",
    "check_cache_prefix",
    "check_reports_epochs",
    "current_fold",
    "follow_epochs",
    "generators_lock",
    "in_fold",
    "keeps_data",
    "leaf_of",
    "on_release",
    "share_prefixes",
    "split_once",
    "together",
    "torch_threads",
    "torch_threads_of_a_fold",
]
