"""Pictures of fitted searches, in the manner of scikit-learn's displays: a record first, a picture second."""

from sk_optuna.displays._learning_curves import LearningCurvesDisplay

__all__ = ["LearningCurvesDisplay"]
