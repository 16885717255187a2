"""The outcome of a search: cv_results_, learning curves and the best candidate, made of the records of its trials.

Records that displays draw and the lines of progress are made here, too. Nothing in this room needs a search.
"""

from sk_optuna.results._comparison_record import ComparisonRecord, comparison_record
from sk_optuna.results._constraints import Constraints, constraints_from
from sk_optuna.results._failing_start import failing_start, too_many_failures
from sk_optuna.results._failures import errors_table
from sk_optuna.results._learning_curves import learning_curves
from sk_optuna.results._learning_curves_record import (
    LearningCurvesRecord,
    MeanCurve,
    learning_curves_record,
    name_of_metric,
    record_of_curves,
)
from sk_optuna.results._nested_scores_record import NestedScoresRecord, nested_scores_record
from sk_optuna.results._outcome import Best, Outcome, conclude
from sk_optuna.results._param_stability_record import ParamStabilityRecord, param_stability_record
from sk_optuna.results._predictions import predictions_table
from sk_optuna.results._progress import Progress, in_short
from sk_optuna.results._rules import Rules
from sk_optuna.results._short_value import short_value
from sk_optuna.results._table import row_of, summarize

__all__ = [
    "Best",
    "ComparisonRecord",
    "Constraints",
    "LearningCurvesRecord",
    "MeanCurve",
    "NestedScoresRecord",
    "Outcome",
    "ParamStabilityRecord",
    "Progress",
    "Rules",
    "comparison_record",
    "conclude",
    "constraints_from",
    "errors_table",
    "failing_start",
    "in_short",
    "learning_curves",
    "learning_curves_record",
    "name_of_metric",
    "nested_scores_record",
    "param_stability_record",
    "predictions_table",
    "record_of_curves",
    "row_of",
    "short_value",
    "summarize",
    "too_many_failures",
]
