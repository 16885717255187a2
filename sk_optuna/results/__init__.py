"""Trial records -> cv_results_, and the lines printed on the way."""

from sk_optuna.results._progress import Progress
from sk_optuna.results._table import check_not_pruned, metric_names, steering_metric, summarize, tabulate

__all__ = ["Progress", "check_not_pruned", "metric_names", "steering_metric", "summarize", "tabulate"]
