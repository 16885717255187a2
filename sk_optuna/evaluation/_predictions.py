"""The predictions of one fold for its test rows, made by the model that is scored on them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier

from sk_optuna._compat._sklearn import safe_split
from sk_optuna.evaluation._evaluator import FoldEvaluator
from sk_optuna.evaluation._fold import Fold, FoldResult


class FoldPredictions(NamedTuple):
    """The predictions for the test rows of one fold, in their order.

    Attributes
    ----------
    y_pred : ndarray of shape (n_test,) or (n_test, n_outputs)
        Predictions.
    values : ndarray of shape (n_test,) or (n_test, n_classes), or None
        Probabilities, or else decision values; None where there are neither, or there are several outputs.
    kind : {"proba", "decision"} or None
        The kind of `values`.
    classes : ndarray of shape (n_classes,) or None
        The class of each column of `values`; None of decision values in one column.
    """

    y_pred: np.ndarray
    values: np.ndarray | None = None
    kind: str | None = None
    classes: np.ndarray | None = None


@dataclass(frozen=True)
class FoldPredictor:
    """Runs a fold as its evaluator does, and returns its result and the predictions for its test rows."""

    evaluator: FoldEvaluator

    def __call__(self, fold: Fold) -> tuple[FoldResult, FoldPredictions]:
        """Fit on the fold's training rows, score its test rows, and predict for them."""
        found: list[FoldPredictions] = []

        def predict(estimator: Any) -> None:
            train, test = self.evaluator.splits[fold.number]
            X, _ = safe_split(estimator, self.evaluator.X, self.evaluator.y, test, train)
            found.append(predictions_of(estimator, X))

        result = self.evaluator(fold, then=predict)
        return result, found[0]

    def close(self) -> None:
        """Release what the evaluator has kept."""
        self.evaluator.close()


def predictions_of(estimator: Any, X: Any) -> FoldPredictions:
    """Predict with a fitted estimator.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator with `predict`.
    X : array-like of shape (n_rows, n_features)
        Rows.
    """
    y_pred = np.asarray(estimator.predict(X))
    # a mixture has probabilities, too, of components
    has_classes = is_classifier(estimator) or hasattr(estimator, "classes_")
    methods = [("predict_proba", "proba")] if has_classes else []
    for method, kind in [*methods, ("decision_function", "decision")]:
        # some have a method only once they are fitted
        if y_pred.ndim == 1 and hasattr(estimator, method):
            values = np.asarray(getattr(estimator, method)(X))
            if values.ndim == 1:
                return FoldPredictions(y_pred, values, kind)
            classes = None if kind == "decision" and _compares_pairs(estimator) else _classes(estimator, values)
            return FoldPredictions(y_pred) if classes is None else FoldPredictions(y_pred, values, kind, classes)
    return FoldPredictions(y_pred)


def _compares_pairs(estimator: Any) -> bool:
    """Return whether decision values are those of pairs of classes; three classes have three pairs."""
    params = getattr(estimator, "best_estimator_", estimator).get_params()
    return any(name.endswith("decision_function_shape") and value == "ovo" for name, value in params.items())


def _classes(estimator: Any, values: np.ndarray) -> np.ndarray | None:
    """Return the class of each column; None where there are more or fewer columns than classes."""
    classes = np.asarray(getattr(estimator, "classes_", np.arange(values.shape[1])))
    return classes if classes.shape == values.shape[1:] else None
