"""Trial records -> cv_results_ and learning curves, and the lines printed on the way."""

from sk_optuna.results._outcome import Best, Outcome, conclude
from sk_optuna.results._progress import Progress
from sk_optuna.results._rules import Rules
from sk_optuna.results._table import learning_curves, summarize, tabulate

__all__ = [
    "Best",
    "Outcome",
    "Progress",
    "Rules",
    "conclude",
    "learning_curves",
    "summarize",
    "tabulate",
]
