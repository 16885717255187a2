"""Predictions of an estimator for given rows at some moment of its training, for scorers to score in its place.

A booster follows its predictions for the test rows while it trains. To score a round, nothing has to be predicted
again, and the estimator need not predict as of that round.
"""

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from sk_optuna.epochs._leaf import regressor_of, transforms_target

Values = np.ndarray | Callable[[], np.ndarray]
"""An array, or a function that computes it, which is called when a scorer first asks for it."""

# Where `score` is the accuracy of a classifier and the R2 of a regressor.
_SCORED_AS_USUAL = ("sklearn", "lightgbm", "xgboost", "catboost")


def _has(name: str) -> Callable[[Any], bool]:
    return lambda predictions: name in predictions._values


class Predictions:
    """Predictions of an estimator for the rows that a monitor scores; they cannot be changed.

    It has `predict`, `predict_proba` and `decision_function`, as far as their values are given, and `score`,
    `classes_` and the tags of the estimator: what scikit-learn's scorers ask of an estimator. It answers for these rows
    only, whatever rows it is given.

    Parameters
    ----------
    estimator : estimator
        The estimator that predicts; a classifier has its `classes_` already.
    predict : ndarray of shape (n_samples,) or (n_samples, n_outputs), or callable
        Its labels or values.
    predict_proba : ndarray of shape (n_samples, n_classes), or callable, default=None
        Its probabilities; None for an estimator without.
    decision_function : ndarray of shape (n_samples,) or (n_samples, n_classes), or callable, default=None
        Its decision values; None for an estimator without.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        predict: Values,
        predict_proba: Values | None = None,
        decision_function: Values | None = None,
    ) -> None:
        values: Mapping[str, Values | None] = {
            "predict": predict,
            "predict_proba": predict_proba,
            "decision_function": decision_function,
        }
        self._estimator = estimator
        self._values = {name: each for name, each in values.items() if each is not None}

    @property
    def classes_(self) -> Any:
        """The classes of a classifier."""
        return self._estimator.classes_

    def predict(self, X: Any = None) -> np.ndarray:
        """Return the labels or values."""
        return self._of("predict")

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any = None) -> np.ndarray:
        """Return the probabilities."""
        return self._of("predict_proba")

    @available_if(_has("decision_function"))
    def decision_function(self, X: Any = None) -> np.ndarray:
        """Return the decision values."""
        return self._of("decision_function")

    def __sklearn_tags__(self) -> Any:
        return self._estimator.__sklearn_tags__()

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of a classifier, the R2 of a regressor."""
        metric = accuracy_score if is_classifier(self) else r2_score
        return float(metric(y, self.predict(), sample_weight=sample_weight))

    def _of(self, name: str) -> np.ndarray:
        value = self._values[name]
        if callable(value):
            value = self._values[name] = np.asarray(value())
        return value


def scores_as_usual(leaf: Any) -> bool:
    """Return whether the estimator's own `score` is that of `Predictions`."""
    owner = next((base for base in type(leaf).__mro__ if "score" in vars(base)), None)
    return owner is not None and owner.__module__.partition(".")[0] in _SCORED_AS_USUAL


def as_estimator(estimator: Any, predictions: Predictions) -> Any:
    """Return an object that predicts as `estimator` would if its leaf predicted `predictions`.

    These are the predictions themselves, but for a TransformedTargetRegressor, which transforms them back.

    Parameters
    ----------
    estimator : estimator
        An estimator whose leaf is being fitted.
    predictions : Predictions
        Of that leaf.
    """
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    if not transforms_target(estimator):
        return predictions
    shown = copy(estimator)
    shown.regressor_ = as_estimator(regressor_of(estimator), predictions)
    return shown
