"""Run tasks in this thread or on the workers of joblib's active backend; an engine knows nothing of trials."""

from sk_optuna.execution._engine import Engine, Outcome
from sk_optuna.execution._open import (
    idle_workers_are_free,
    max_outstanding,
    n_processes,
    open_engine,
    runs_on_this_machine,
)

__all__ = [
    "Engine",
    "Outcome",
    "idle_workers_are_free",
    "max_outstanding",
    "n_processes",
    "open_engine",
    "runs_on_this_machine",
]
