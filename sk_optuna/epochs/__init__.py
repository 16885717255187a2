"""How a search and the estimator that it trains talk after each epoch.

The search hands a monitor to the estimator's ``fit_epochs(X, y, monitor)``; the estimator reports each epoch to it and
is told whether to stop. Estimators that want to be followed may import this room.
"""

from sk_optuna.epochs._boosters import HeldOut
from sk_optuna.epochs._following import check_reports_epochs, follow_epochs
from sk_optuna.epochs._leaf import as_leaf_sees, keeps_data, leaf_of, name_of_leaf
from sk_optuna.epochs._libraries import check_early_stopping, how_to_follow, library_of, reason_not_to_follow
from sk_optuna.epochs._monitors import FoldMonitor, UnscoredMonitor
from sk_optuna.epochs._parked_monitor import ParksMonitor
from sk_optuna.epochs._predictions import Predictions
from sk_optuna.epochs._protocol import Curve, EpochMonitor, Judge, Monitor
from sk_optuna.epochs._rounds import N_LOOKS, RoundsParameter, rounds_parameter

__all__ = [
    "N_LOOKS",
    "Curve",
    "EpochMonitor",
    "FoldMonitor",
    "HeldOut",
    "Judge",
    "Monitor",
    "ParksMonitor",
    "Predictions",
    "RoundsParameter",
    "UnscoredMonitor",
    "as_leaf_sees",
    "check_early_stopping",
    "check_reports_epochs",
    "follow_epochs",
    "how_to_follow",
    "keeps_data",
    "leaf_of",
    "library_of",
    "name_of_leaf",
    "reason_not_to_follow",
    "rounds_parameter",
]
