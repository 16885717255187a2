"""Pictures of fitted searches, in the manner of scikit-learn's displays: a record first, a picture second."""

from sk_optuna.displays._learning_curves import LearningCurvesDisplay
from sk_optuna.displays._param_importances import ParamImportancesDisplay
from sk_optuna.displays._param_slice import ParamSliceDisplay

__all__ = ["LearningCurvesDisplay", "ParamImportancesDisplay", "ParamSliceDisplay"]
