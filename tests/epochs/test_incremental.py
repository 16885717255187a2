"""An estimator that is fitted by epochs becomes the one that a plain fit gives."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier

from sk_optuna.epochs._incremental import how_to_fit_by_epochs
from sk_optuna.epochs._monitors import UnscoredMonitor

X, Y = make_classification(150, 8, n_informative=5, n_classes=3, random_state=0)
X_REG, Y_REG = make_regression(120, 6, noise=5, random_state=0)
Y_REG = (Y_REG - Y_REG.mean()) / Y_REG.std()


class Reports(UnscoredMonitor):
    """Remembers what is reported, and what the estimator predicted then."""

    def __init__(self, n_epochs=None, estimator=None, rows=None):
        super().__init__(n_epochs=n_epochs)
        self.losses, self.predictions = [], []
        self.estimator, self.rows = estimator, rows

    def report(self, *, train_loss=None):
        self.losses.append(train_loss)
        if self.estimator is not None:
            self.predictions.append(self.estimator.predict(self.rows))
        return super().report()


def fitted_by_epochs(estimator, X, y, monitor=None):
    estimator = clone(estimator)
    return how_to_fit_by_epochs(estimator)(estimator, X, y, monitor or UnscoredMonitor())


# --- by epochs as at once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("random_state", [3, None], ids=str)
def test_passes_of_partial_fit_draw_their_order_one_after_the_other(random_state):
    estimator = SGDClassifier(max_iter=5, random_state=random_state, alpha=0.01, shuffle=True)
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(11)  # noqa: NPY002
    trained = fitted_by_epochs(estimator, X, Y)
    np.random.seed(11)  # noqa: NPY002
    rng = np.random.RandomState(random_state) if random_state is not None else np.random.mtrand._rand
    by_hand = clone(estimator).set_params(random_state=rng)
    for _ in range(5):
        by_hand.partial_fit(X, Y, classes=[0, 1, 2])
    np.random.set_state(before)  # noqa: NPY002
    np.testing.assert_array_equal(trained.coef_, by_hand.coef_)
    assert trained.random_state == random_state


def test_balanced_weights_are_those_of_all_rows():
    y = (Y == 0).astype(int)
    trained = fitted_by_epochs(SGDClassifier(class_weight="balanced", max_iter=4, random_state=0), X, y)
    weights = {c: len(y) / 2 / np.count_nonzero(y == c) for c in (0, 1)}
    by_hand = fitted_by_epochs(SGDClassifier(class_weight=weights, max_iter=4, random_state=0), X, y)
    np.testing.assert_array_equal(trained.coef_, by_hand.coef_)
    assert trained.class_weight == "balanced"


@pytest.mark.parametrize(
    ("estimator", "data"),
    [
        (SGDClassifier(max_iter=9, random_state=0), (X, Y)),
        (SGDRegressor(max_iter=9, random_state=0), (X_REG, Y_REG)),
        (MLPClassifier((4,), max_iter=9, random_state=0), (X, Y)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_training_ends_where_the_monitor_says(estimator, data):
    stopped, other = Reports(n_epochs=4), Reports(n_epochs=4)
    short = fitted_by_epochs(estimator, *data, stopped)
    assert len(stopped.losses) == 4
    same = fitted_by_epochs(clone(estimator).set_params(max_iter=4), *data, other)
    np.testing.assert_array_equal(short.predict(data[0]), same.predict(data[0]))
    assert short.max_iter == 9


def test_training_losses_are_reported_where_scikit_learn_keeps_them():
    perceptron, linear = Reports(), Reports()
    fitted_by_epochs(MLPClassifier((4,), max_iter=5, random_state=0), X, Y, perceptron)
    fitted_by_epochs(SGDClassifier(max_iter=5), X, Y, linear)
    assert perceptron.losses == sorted(perceptron.losses, reverse=True)
    assert linear.losses == [None] * 5


# --- the fold that is being evaluated ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (MLPClassifier((4,), max_iter=3, early_stopping=True, random_state=0), Y),
        (SGDClassifier(max_iter=3, early_stopping=True, random_state=0), Y),
        (MLPClassifier((4,), max_iter=3, random_state=0), np.eye(3, dtype=int)[Y]),
    ],
    ids=["perceptron", "linear", "multilabel"],
)
def test_options_that_do_not_go_with_epochs_are_left_aside_meanwhile(estimator, y):
    trained, monitor = clone(estimator), Reports()
    how_to_fit_by_epochs(trained)(trained, X, y, monitor)
    assert len(monitor.losses) == 3
    assert trained.predict(X).shape == y.shape
    assert trained.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    assert trained.early_stopping == estimator.early_stopping


def test_iterations_of_a_warm_start_draw_one_after_the_other():
    lasso = Lasso(alpha=0.01, selection="random", random_state=0, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        trained = fitted_by_epochs(lasso, X_REG, Y_REG)
        plain = clone(lasso).fit(X_REG, Y_REG)
    np.testing.assert_allclose(trained.coef_, plain.coef_, atol=1e-3)
