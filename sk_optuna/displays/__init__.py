"""Pictures of fitted searches, in the manner of scikit-learn's displays: a record first, a picture second."""

from sk_optuna.displays._comparison import ComparisonDisplay
from sk_optuna.displays._fold_scores import FoldScoresDisplay
from sk_optuna.displays._learning_curves import LearningCurvesDisplay
from sk_optuna.displays._nested_scores import NestedScoresDisplay
from sk_optuna.displays._parallel_coordinate import ParallelCoordinateDisplay
from sk_optuna.displays._param_heatmap import ParamHeatmapDisplay
from sk_optuna.displays._param_importances import ParamImportancesDisplay
from sk_optuna.displays._param_slice import ParamSliceDisplay
from sk_optuna.displays._param_stability import ParamStabilityDisplay
from sk_optuna.displays._search_history import SearchHistoryDisplay

__all__ = [
    "ComparisonDisplay",
    "FoldScoresDisplay",
    "LearningCurvesDisplay",
    "NestedScoresDisplay",
    "ParallelCoordinateDisplay",
    "ParamHeatmapDisplay",
    "ParamImportancesDisplay",
    "ParamSliceDisplay",
    "ParamStabilityDisplay",
    "SearchHistoryDisplay",
]
