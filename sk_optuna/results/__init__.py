"""Trial records -> cv_results_ and learning curves, and the lines printed on the way."""

from sk_optuna.results._no_best import check_any_score, check_not_pruned
from sk_optuna.results._outcome import keep_results
from sk_optuna.results._progress import Progress
from sk_optuna.results._table import (
    learning_curves,
    median_best_epoch,
    summarize,
    tabulate,
)

__all__ = [
    "Progress",
    "check_any_score",
    "check_not_pruned",
    "keep_results",
    "learning_curves",
    "median_best_epoch",
    "summarize",
    "tabulate",
]
