"""Pictures of fitted searches, in the manner of scikit-learn's displays: a record first, a picture second."""

from sk_optuna.displays._comparison import ComparisonDisplay
from sk_optuna.displays._learning_curves import LearningCurvesDisplay
from sk_optuna.displays._nested_scores import NestedScoresDisplay
from sk_optuna.displays._param_stability import ParamStabilityDisplay

__all__ = ["ComparisonDisplay", "LearningCurvesDisplay", "NestedScoresDisplay", "ParamStabilityDisplay"]
