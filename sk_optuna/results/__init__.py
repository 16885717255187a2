"""Trial records -> cv_results_, and the lines printed on the way."""

from sk_optuna.results._progress import Progress
from sk_optuna.results._table import metric_names, steering_metric, summarize, tabulate

__all__ = ["Progress", "metric_names", "steering_metric", "summarize", "tabulate"]
