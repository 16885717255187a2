"""The outcome of a search: cv_results_, learning curves and the best candidate, made of the records of its trials.

Records that displays draw are made here, too. Nothing in this room needs a search.
"""

from sk_optuna.results._comparison_record import ComparisonRecord, comparison_record
from sk_optuna.results._constraints import Constraints, constraints_from
from sk_optuna.results._failing_start import failing_start, too_many_failures
from sk_optuna.results._failures import errors_table
from sk_optuna.results._fold_scores_record import FoldScoresRecord, fold_scores_record
from sk_optuna.results._learning_curves import learning_curves
from sk_optuna.results._learning_curves_record import (
    LearningCurvesRecord,
    MeanCurve,
    learning_curves_record,
    name_of_metric,
    record_of_curves,
)
from sk_optuna.results._nested_scores_record import NestedScoresRecord, nested_scores_record
from sk_optuna.results._no_best import check_has_candidates
from sk_optuna.results._outcome import Best, Outcome, conclude
from sk_optuna.results._parallel_coordinate_record import ParallelCoordinateRecord, parallel_coordinate_record
from sk_optuna.results._param_heatmap_record import Cells, ParamHeatmapRecord, param_heatmap_record
from sk_optuna.results._param_importances_record import (
    LEAST_SCORES,
    ParamImportancesRecord,
    param_importances_record,
)
from sk_optuna.results._param_slice_record import ParamSliceRecord, param_slice_record
from sk_optuna.results._param_stability_record import ParamStabilityRecord, param_stability_record
from sk_optuna.results._param_values import ParamValues
from sk_optuna.results._predictions import predictions_table
from sk_optuna.results._rules import Rules
from sk_optuna.results._search_history_record import SearchHistoryRecord, search_history_record
from sk_optuna.results._table import row_of, summarize

__all__ = [
    "LEAST_SCORES",
    "Best",
    "Cells",
    "ComparisonRecord",
    "Constraints",
    "FoldScoresRecord",
    "LearningCurvesRecord",
    "MeanCurve",
    "NestedScoresRecord",
    "Outcome",
    "ParallelCoordinateRecord",
    "ParamHeatmapRecord",
    "ParamImportancesRecord",
    "ParamSliceRecord",
    "ParamStabilityRecord",
    "ParamValues",
    "Rules",
    "SearchHistoryRecord",
    "check_has_candidates",
    "comparison_record",
    "conclude",
    "constraints_from",
    "errors_table",
    "failing_start",
    "fold_scores_record",
    "learning_curves",
    "learning_curves_record",
    "name_of_metric",
    "nested_scores_record",
    "parallel_coordinate_record",
    "param_heatmap_record",
    "param_importances_record",
    "param_slice_record",
    "param_stability_record",
    "predictions_table",
    "record_of_curves",
    "row_of",
    "search_history_record",
    "summarize",
    "too_many_failures",
]
