"""Trial records -> cv_results_ and learning curves, and the lines printed on the way."""

from sk_optuna.results._learning_curves import learning_curves
from sk_optuna.results._no_best import check_any_score, check_not_pruned
from sk_optuna.results._progress import Progress
from sk_optuna.results._table import (
    median_best_epoch,
    metric_names,
    steering_metric,
    summarize,
    tabulate,
)

__all__ = [
    "Progress",
    "check_any_score",
    "check_not_pruned",
    "learning_curves",
    "median_best_epoch",
    "metric_names",
    "steering_metric",
    "summarize",
    "tabulate",
]
