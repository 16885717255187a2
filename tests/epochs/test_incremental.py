"""An estimator that is fitted by epochs becomes the one that a plain fit gives."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, SGDClassifier, SGDRegressor
from sklearn.metrics import accuracy_score
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

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

    def report(self, *, train_loss=None, score=None):
        self.losses.append(train_loss)
        if self.estimator is not None:
            self.predictions.append(self.estimator.predict(self.rows))
        return super().report()


def fitted_by_epochs(estimator, X, y, monitor=None):
    estimator = clone(estimator)
    return how_to_fit_by_epochs(estimator)(estimator, X, y, monitor or UnscoredMonitor())


GROWING = [
    (GradientBoostingClassifier(n_estimators=7, max_depth=2, subsample=0.7, random_state=0), X, Y, 7),
    (RandomForestClassifier(n_estimators=6, random_state=0), X, Y, 6),
    (ExtraTreesRegressor(n_estimators=5, random_state=1, bootstrap=True), X_REG, Y_REG, 5),
    (BaggingClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=4, random_state=0), X, Y, 4),
    (HistGradientBoostingRegressor(max_iter=6, random_state=0, max_features=0.5), X_REG, Y_REG, 6),
]


# --- by epochs as at once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("estimator", "X", "y", "n"), GROWING, ids=lambda value: type(value).__name__)
def test_ensembles_that_grow_by_epochs_predict_what_a_plain_fit_predicts(estimator, X, y, n):
    monitor = Reports()
    grown = fitted_by_epochs(estimator, X, y, monitor)
    assert len(monitor.losses) == n
    np.testing.assert_array_equal(grown.predict(X), clone(estimator).fit(X, y).predict(X))
    assert grown.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    assert repr(grown) == repr(estimator)


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
        (GradientBoostingClassifier(n_estimators=9, random_state=0), (X, Y)),
        (HistGradientBoostingRegressor(max_iter=9), (X_REG, Y_REG)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_training_ends_where_the_monitor_says(estimator, data):
    stopped, other = Reports(n_epochs=4), Reports(n_epochs=4)
    short = fitted_by_epochs(estimator, *data, stopped)
    assert len(stopped.losses) == 4
    size = "n_estimators" if hasattr(estimator, "n_estimators") else "max_iter"
    same = fitted_by_epochs(clone(estimator).set_params(**{size: 4}), *data, other)
    np.testing.assert_array_equal(short.predict(data[0]), same.predict(data[0]))
    assert getattr(short, size) == (4 if size == "n_estimators" else 9)


def test_training_losses_are_reported_where_scikit_learn_keeps_them():
    boosting, perceptron, linear = Reports(), Reports(), Reports()
    trained = fitted_by_epochs(GradientBoostingClassifier(n_estimators=5, random_state=0), X, Y, boosting)
    fitted_by_epochs(MLPClassifier((4,), max_iter=5, random_state=0), X, Y, perceptron)
    fitted_by_epochs(SGDClassifier(max_iter=5), X, Y, linear)
    assert boosting.losses == trained.train_score_.tolist()
    assert perceptron.losses == sorted(perceptron.losses, reverse=True)
    assert linear.losses == [None] * 5


# --- the fold that is being evaluated ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (MLPClassifier((4,), max_iter=3, early_stopping=True, random_state=0), Y),
        (SGDClassifier(max_iter=3, early_stopping=True, random_state=0), Y),
        (MLPClassifier((4,), max_iter=3, random_state=0), np.eye(3, dtype=int)[Y]),
        (BaggingClassifier(n_estimators=3, oob_score=True, random_state=0), Y),
        (RandomForestClassifier(n_estimators=3, random_state=np.random.RandomState(0)), Y),
    ],
    ids=["perceptron", "linear", "multilabel", "out of bag", "generator"],
)
def test_options_that_do_not_go_with_epochs_are_left_aside_meanwhile(estimator, y):
    trained, monitor = clone(estimator), Reports()
    how_to_fit_by_epochs(trained)(trained, X, y, monitor)
    assert len(monitor.losses) == 3
    assert trained.predict(X).shape == y.shape
    assert trained.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    for name in ("early_stopping", "oob_score"):
        assert getattr(trained, name, None) == getattr(estimator, name, None)


FORESTS = [
    RandomForestClassifier(n_estimators=40, class_weight="balanced", random_state=0),
    ExtraTreesClassifier(n_estimators=40, class_weight="balanced_subsample", bootstrap=True, random_state=0, n_jobs=2),
    RandomForestClassifier(n_estimators=40, class_weight="balanced_subsample", oob_score=True, random_state=0),
    RandomForestClassifier(n_estimators=40, class_weight={0: 1, 1: 2, 2: 3}, oob_score=accuracy_score, random_state=0),
    ExtraTreesRegressor(n_estimators=40, oob_score=True, bootstrap=True, random_state=0),
]


@pytest.mark.parametrize("forest", FORESTS, ids=range(len(FORESTS)))
def test_forests_grow_without_a_word_to_what_a_plain_fit_gives(forest):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grown, plain = fitted_by_epochs(forest, X, Y), clone(forest).fit(X, Y)
    np.testing.assert_array_equal(grown.predict(X), plain.predict(X))
    np.testing.assert_array_equal(grown.feature_importances_, plain.feature_importances_)
    assert getattr(grown, "oob_score_", None) == getattr(plain, "oob_score_", None)
    assert grown.get_params() == forest.get_params()
    assert vars(grown).keys() == vars(plain).keys()


@pytest.mark.parametrize("n_epochs", [1, 30])
def test_a_refit_that_ends_early_scores_out_of_bag_as_a_plain_fit_of_as_many_trees(n_epochs):
    forest = RandomForestClassifier(n_estimators=40, class_weight="balanced", oob_score=True, random_state=0)
    plain = clone(forest).set_params(n_estimators=n_epochs)
    with warnings.catch_warnings(record=True) as of_grown:
        warnings.simplefilter("always")
        grown = fitted_by_epochs(forest, X, Y, UnscoredMonitor(n_epochs=n_epochs))
    with warnings.catch_warnings(record=True) as of_plain:
        warnings.simplefilter("always")
        plain.fit(X, Y)
    assert [str(each.message) for each in of_grown] == [str(each.message) for each in of_plain]
    assert grown.oob_score_ == plain.oob_score_
    np.testing.assert_array_equal(grown.oob_decision_function_, plain.oob_decision_function_)
    np.testing.assert_array_equal(grown.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize(
    ("booster", "off"),
    [
        (GradientBoostingClassifier(n_estimators=8, n_iter_no_change=2, random_state=0), {"n_iter_no_change": None}),
        (HistGradientBoostingRegressor(max_iter=8, early_stopping=True, random_state=0), {"early_stopping": False}),
    ],
    ids=["by trees", "by iterations"],
)
def test_a_rule_for_stopping_early_sets_no_rows_aside(booster, off):
    grown, plain = fitted_by_epochs(booster, X, Y), clone(booster).set_params(**off).fit(X, Y)
    np.testing.assert_array_equal(grown.predict(X), plain.predict(X))
    assert grown.get_params() == booster.get_params()


def test_what_a_plain_fit_warns_of_is_warned_of_by_epochs():
    too_few = RandomForestClassifier(n_estimators=2, oob_score=True, random_state=0)
    for fit in (lambda: clone(too_few).fit(X, Y), lambda: fitted_by_epochs(too_few, X, Y)):
        with pytest.warns(UserWarning, match="do not have OOB scores"):
            fit()
    ones_own = RandomForestClassifier(n_estimators=2, class_weight="balanced", warm_start=True)
    with pytest.warns(UserWarning, match="not recommended for warm_start"):
        fitted_by_epochs(ones_own, X, Y)
    with pytest.raises(ValueError, match="bootstrap=True"):
        fitted_by_epochs(ExtraTreesClassifier(n_estimators=3, oob_score=True), X, Y, Reports(n_epochs=1))


def test_iterations_of_a_warm_start_draw_one_after_the_other():
    lasso = Lasso(alpha=0.01, selection="random", random_state=0, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        trained = fitted_by_epochs(lasso, X_REG, Y_REG)
        plain = clone(lasso).fit(X_REG, Y_REG)
    np.testing.assert_allclose(trained.coef_, plain.coef_, atol=1e-3)
