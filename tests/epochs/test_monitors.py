"""A monitor leaves the estimator at the epoch that the checkpoint names."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from sk_optuna.epochs._incremental import how_to_fit_by_epochs
from sk_optuna.epochs._monitors import FoldMonitor, UnscoredMonitor

X, Y = make_classification(150, 8, n_informative=5, n_classes=3, random_state=0)


class Reports(UnscoredMonitor):
    """Remembers what is reported, and what the estimator predicted then."""

    def __init__(self, n_epochs=None, estimator=None, rows=None):
        super().__init__(n_epochs=n_epochs)
        self.losses, self.predictions = [], []
        self.estimator, self.rows = estimator, rows

    def report(self, *, train_loss=None, score=None):
        self.losses.append(train_loss)
        if self.estimator is not None:
            self.predictions.append(self.estimator.predict(self.rows))
        return super().report()


def fitted_by_epochs(estimator, X, y, monitor=None):
    estimator = clone(estimator)
    return how_to_fit_by_epochs(estimator)(estimator, X, y, monitor or UnscoredMonitor())


class Wavering:
    """Scores that rise and fall, whatever is scored."""

    def __init__(self, scores):
        self.scores = iter(scores)

    def __call__(self, estimator, X, y):
        return next(self.scores)


@pytest.mark.parametrize("checkpoint", ["last", "best"])
@pytest.mark.parametrize(
    "estimator",
    [
        SGDClassifier(max_iter=6, random_state=0, learning_rate="constant", eta0=0.5),
        MLPClassifier((4,), max_iter=6, random_state=0, learning_rate_init=0.1),
        GradientBoostingClassifier(n_estimators=6, random_state=0),
        RandomForestClassifier(n_estimators=6, random_state=0, max_depth=2),
        BaggingClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=6, random_state=0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_checkpoint_says_at_which_epoch_the_estimator_is_left(estimator, checkpoint):
    leaf = clone(estimator)
    monitor = FoldMonitor(leaf, leaf, lambda: (X, Y), Wavering([0.1, 0.3, 0.9, 0.2, 0.9, 0.4]), True, None, checkpoint)
    how_to_fit_by_epochs(leaf)(leaf, X, Y, monitor)
    monitor.finish()
    assert monitor.curve.best_epoch == 3
    assert monitor.curve.scores == (0.1, 0.3, 0.9, 0.2, 0.9, 0.4)
    reference = fitted_by_epochs(estimator, X, Y, Reports(n_epochs=3 if checkpoint == "best" else 6))
    np.testing.assert_array_equal(leaf.predict(X), reference.predict(X))
    if hasattr(leaf, "predict_proba"):
        np.testing.assert_allclose(leaf.predict_proba(X).sum(axis=1), 1)
    size = {"n_estimators": 3} if checkpoint == "best" and hasattr(leaf, "n_estimators") else {}
    assert repr(leaf) == repr(clone(estimator).set_params(**size))


def test_epochs_without_a_number_for_a_score_are_never_the_best():
    leaf = SGDClassifier(max_iter=3)
    monitor = FoldMonitor(leaf, leaf, lambda: (X, Y), Wavering([np.nan] * 3), True, None, "best")
    how_to_fit_by_epochs(leaf)(leaf, X, Y, monitor)
    monitor.finish()
    assert monitor.curve.best_epoch == 0
