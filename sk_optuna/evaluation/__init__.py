"""One fold: fit, score, result; prefixes of pipelines shared between folds' fits; and the record of a trial."""

from sk_optuna.evaluation._fold import FoldEvaluator, FoldResult, FoldTask
from sk_optuna.evaluation._prefixes import PrefixSharing, check_cache_prefix, share_prefixes
from sk_optuna.evaluation._record import TrialRecord
from sk_optuna.evaluation._splits import split_once, together

__all__ = [
    "FoldEvaluator",
    "FoldResult",
    "FoldTask",
    "PrefixSharing",
    "TrialRecord",
    "check_cache_prefix",
    "share_prefixes",
    "split_once",
    "together",
]
