"""Estimators with epochs are followed at the leaf, wherever it stands; others are refused."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from sk_optuna.epochs._following import check_reports_epochs, follow_epochs
from sk_optuna.epochs._leaf import as_leaf_sees, changes_predictions, leaf_of
from sk_optuna.epochs._monitors import UnscoredMonitor
from sk_optuna.exceptions import InvalidArgumentError

X, Y = make_classification(150, 8, n_informative=5, n_classes=3, random_state=0)
X_REG, Y_REG = make_regression(120, 6, noise=5, random_state=0)
Y_REG = (Y_REG - Y_REG.mean()) / Y_REG.std()


class Recorder(RegressorMixin, BaseEstimator):
    """Reports two epochs, and keeps what it was fitted on."""

    def __init__(self, tag=0):
        self.tag = tag

    def fit(self, X, y, **fit_params):
        self.fitted_on_ = (X, y)
        self.fit_params_ = fit_params
        return self

    def fit_epochs(self, X, y, monitor, **fit_params):
        self.fit(X, y, **fit_params)
        self.stopped_ = [monitor.report(), monitor.report()]
        self.followed_ = True
        return self

    def predict(self, X):
        return np.zeros(len(X))


# --- which can be followed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        SGDClassifier(),
        SGDRegressor(),
        LogisticRegression(),
        Recorder(),
        make_pipeline(StandardScaler(), SGDClassifier()),
        TransformedTargetRegressor(make_pipeline(StandardScaler(), SGDRegressor())),
        Pipeline([("a", StandardScaler()), ("b", Pipeline([("c", StandardScaler()), ("d", Recorder())]))]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_epochs_is_accepted(estimator):
    check_reports_epochs(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        Ridge(),
        GaussianNB(),  # a second pass would count each row twice
        make_pipeline(StandardScaler(), Ridge()),
        SGDClassifier(learning_rate="adaptive", eta0=0.1),  # it would learn at a constant rate
        LogisticRegression(solver="liblinear"),  # it knows of no warm start
        TransformedTargetRegressor(),
        BaggingClassifier,
    ],
    ids=repr,
)
def test_what_has_no_epochs_is_refused_with_what_to_use(estimator):
    with pytest.raises(
        InvalidArgumentError, match=r"report='epoch' needs .*fit_epochs.*is none of these.*report='fold'"
    ):
        check_reports_epochs(estimator)


WRAPPED = [
    Recorder(),
    make_pipeline(StandardScaler(), Recorder()),
    make_pipeline(StandardScaler(), None, "passthrough", make_pipeline(MinMaxScaler(), Recorder())),
    TransformedTargetRegressor(Recorder(), transformer=StandardScaler()),
    TransformedTargetRegressor(make_pipeline(MinMaxScaler(), Recorder()), transformer=StandardScaler()),
    make_pipeline(MinMaxScaler(), TransformedTargetRegressor(Recorder(), func=np.exp, inverse_func=np.log)),
]


# --- the leaf, and what it sees ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("estimator", WRAPPED, ids=range(len(WRAPPED)))
def test_leaf_is_followed_wherever_it_stands_and_sees_what_is_said(estimator, n_targets):
    estimator, y = clone(estimator), Y_REG if n_targets == 1 else np.c_[Y_REG, -Y_REG]
    given = []

    def monitor_of(leaf, X):
        given.append(leaf)
        return UnscoredMonitor(n_epochs=2)

    follow_epochs(estimator, monitor_of, all_kinds=True)
    estimator.fit(X_REG, y)
    leaf = leaf_of(estimator)
    assert given == [leaf]
    assert leaf.stopped_ == [False, True]
    for ours, theirs in zip(as_leaf_sees(estimator, X_REG, y), leaf.fitted_on_, strict=True):
        np.testing.assert_allclose(ours, theirs)
    assert changes_predictions(estimator) == ("Transformed" in repr(estimator))


@pytest.mark.parametrize("estimator", WRAPPED, ids=range(len(WRAPPED)))
def test_following_leaves_no_trace_and_lasts_for_one_fit(estimator):
    estimator = clone(estimator)
    follow_epochs(estimator, lambda leaf, X: UnscoredMonitor(), all_kinds=True)
    estimator.fit(X_REG, Y_REG)
    leaf = leaf_of(estimator)
    assert leaf.followed_
    assert {"fit", "__sklearn_clone__"}.isdisjoint([*vars(estimator), *vars(leaf)])
    assert not hasattr(leaf_of(clone(estimator).fit(X_REG, Y_REG)), "followed_")


def test_without_epochs_only_estimators_of_the_protocol_are_fitted_through_it():
    followed = []
    for estimator in (Recorder(), SGDRegressor()):
        follow_epochs(estimator, lambda leaf, X: followed.append(leaf) or UnscoredMonitor(), all_kinds=False)
        estimator.fit(X_REG, Y_REG)
    assert [type(leaf) for leaf in followed] == [Recorder]


def test_fit_parameters_reach_the_leaf():
    weight = np.arange(len(Y_REG))
    pipe = make_pipeline(StandardScaler(), Recorder())
    follow_epochs(pipe, lambda leaf, X: UnscoredMonitor(), all_kinds=True)
    pipe.fit(X_REG, Y_REG, recorder__sample_weight=weight)
    assert pipe[-1].fit_params_ == {"sample_weight": weight}


def test_rows_of_a_monitor_skip_steps_that_change_training_rows_only():
    class Sampler(BaseEstimator):
        """As imbalanced-learn's samplers, which its Pipeline passes over when it predicts."""

        def fit_resample(self, X, y):
            return X[::2], y[::2]

    pipe = Pipeline([("sample", Sampler()), ("double", FunctionTransformer(lambda X: 2 * X)), ("model", Recorder())])
    seen, _ = as_leaf_sees(pipe, X_REG, Y_REG)
    np.testing.assert_array_equal(seen, 2 * X_REG)
