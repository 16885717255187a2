"""Trial records -> cv_results_ and learning curves, the records that displays draw, and the lines of progress."""

from sk_optuna.results._learning_curves import learning_curves
from sk_optuna.results._learning_curves_record import (
    LearningCurvesRecord,
    MeanCurve,
    learning_curves_record,
    record_of_curves,
)
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
    "LearningCurvesRecord",
    "MeanCurve",
    "Progress",
    "check_any_score",
    "check_not_pruned",
    "learning_curves",
    "learning_curves_record",
    "median_best_epoch",
    "metric_names",
    "record_of_curves",
    "steering_metric",
    "summarize",
    "tabulate",
]
