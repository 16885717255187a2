"""Run tasks in this thread or on the workers of joblib's active backend; an engine knows nothing of trials."""

from sk_optuna.execution._engine import Engine, Outcome
from sk_optuna.execution._limits import Excess, Limits
from sk_optuna.execution._open import (
    ends_tasks,
    idle_workers_are_free,
    max_outstanding,
    n_processes,
    open_engine,
    place_of_tasks,
    runs_in_this_process,
    runs_on_this_machine,
    threads_of_a_task,
)

__all__ = [
    "Engine",
    "Excess",
    "Limits",
    "Outcome",
    "ends_tasks",
    "idle_workers_are_free",
    "max_outstanding",
    "n_processes",
    "open_engine",
    "place_of_tasks",
    "runs_in_this_process",
    "runs_on_this_machine",
    "threads_of_a_task",
]
