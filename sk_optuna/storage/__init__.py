"""Where a search is kept, and from where it goes on: its identity, its folds and seed, its finished trials.

An Optuna storage holds them, or the search itself. Nothing in this room runs a fold or asks for a trial.
"""

from sk_optuna.storage._claims import Claim, SharedTrial, ended
from sk_optuna.storage._describe import describe, describe_data
from sk_optuna.storage._driver import Driver
from sk_optuna.storage._history import History, changed_versions, check_same, versions_of
from sk_optuna.storage._store import Store
from sk_optuna.storage._stored_trial import StoredTrial

__all__ = [
    "Claim",
    "Driver",
    "History",
    "SharedTrial",
    "Store",
    "StoredTrial",
    "changed_versions",
    "check_same",
    "describe",
    "describe_data",
    "ended",
    "versions_of",
]
