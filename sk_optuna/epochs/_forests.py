"""scikit-learn's forests and bags: estimators whose predictions are averaged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_array

from sk_optuna.epochs._predictions import Predictions


class _Averaged:
    """Estimators that are averaged; it grows by blocks, since nothing is called after one of them.

    Parameters
    ----------
    leaf : estimator
        The ensemble.
    rows : array-like of shape (n_samples, n_features)
        The test rows.
    """

    # Fitted attributes that have an entry for each estimator.
    _by_estimator: tuple[str, ...] = ("estimators_",)
    # Fitted attributes that only all estimators together have.
    _of_all: tuple[str, ...] = ("oob_score_", "oob_decision_function_", "oob_prediction_")

    def __init__(self, leaf: Any, rows: Any) -> None:
        self._leaf = leaf
        self._rows = rows

    @property
    def n_rounds(self) -> int:
        """Number of estimators by now."""
        return len(self._leaf.estimators_)

    def cut(self, n: int) -> None:
        """Leave the ensemble as one of `n` estimators, without what was computed out of bag."""
        for name, values in self._first(n).items():
            setattr(self._leaf, name, values)
        for name in self._of_all:
            vars(self._leaf).pop(name, None)

    @contextmanager
    def as_of(self, n: int) -> Iterator[None]:
        """Have the ensemble predict with its first `n` estimators."""
        first = self._first(n)
        hidden = {name: getattr(self._leaf, name) for name in first}
        vars(self._leaf).update(first)
        try:
            yield
        finally:
            vars(self._leaf).update(hidden)

    def _first(self, n: int) -> dict[str, Any]:
        return {name: getattr(self._leaf, name)[:n] for name in self._by_estimator} | {"n_estimators": n}

    def predictions(self, n: int) -> Predictions | None:
        """Return None: the ensemble itself has to predict."""
        return None

    def train_loss(self, n: int) -> float | None:
        """Return None: no loss is computed."""
        return None

    def grow(self, X: Any, y: Any, look: Callable[[int], bool], fit_params: dict[str, Any]) -> bool:
        """Return False."""
        return False


class Bag(_Averaged):
    """A BaggingClassifier or BaggingRegressor."""

    _by_estimator = ("estimators_", "estimators_features_")


class Forest(_Averaged):
    """A random forest, or one of extremely randomized trees.

    The sum over the trees is kept from look to look, in the order in which the forest adds them up.
    """

    def __init__(self, leaf: Any, rows: Any) -> None:
        super().__init__(leaf, rows)
        self._sum: Any = 0.0
        self._n_added = 0

    def predictions(self, n: int) -> Predictions | None:
        """Return its predictions with its first `n` trees; None where a classifier has several outputs."""
        leaf = self._leaf
        if not is_classifier(leaf):
            return Predictions(leaf, predict=lambda: self._mean(n, "predict"))
        if leaf.n_outputs_ > 1:
            return None
        return Predictions(
            leaf,
            predict=lambda: leaf.classes_.take(np.argmax(self._mean(n, "predict_proba"), axis=1), axis=0),
            predict_proba=lambda: self._mean(n, "predict_proba"),
        )

    def _mean(self, n: int, method: str) -> np.ndarray:
        for tree in self._leaf.estimators_[self._n_added : n]:
            self._sum = self._sum + getattr(tree, method)(self._seen_by_trees, check_input=False)
        self._n_added = n
        return np.asarray(self._sum / n)

    @cached_property
    def _seen_by_trees(self) -> Any:
        return check_array(self._rows, accept_sparse="csr", dtype=np.float32, ensure_all_finite=False)
