"""The caller's estimator, data and warnings are as without sharing; the best estimator is a plain fit."""

import pickle
import sys
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._joblib import cloudpickle
from sk_optuna.prefixes import _stored

# Workers cannot import this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = [
    pytest.mark.usefixtures("cheap_steps_are_shared"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(42, 6)) * [5, 1, 1, 2, 1, 0.5] + 1
Y = (X[:, 1] + X[:, 2] * X[:, 3] > 2).astype(int)


def pipe(*steps, **arguments):
    return Pipeline([(name, step) for name, step in zip("abcdefg", steps, strict=False)], **arguments)


class Nearby(ClassifierMixin, BaseEstimator):
    """Changes its data in place."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, X, y):
        X *= self.scale
        self.classes_, self.mean_ = np.unique(y), X.mean(axis=0)
        return self

    def predict(self, X):
        X -= self.mean_
        return (X.sum(axis=1) > 0).astype(int)


def last(name, values=(1e-9, 1e-2)):
    return {f"{name}__var_smoothing": list(values)}


def _all_pipelines():
    return {
        "flat": (pipe(StandardScaler(), PCA(2, random_state=0), GaussianNB()), last("c")),
        "nested": (pipe(pipe(StandardScaler(), PCA(2, random_state=0)), GaussianNB()), last("b")),
        "columns": (
            pipe(ColumnTransformer([("u", pipe(StandardScaler(), PCA(2, random_state=0)), [0, 1, 2])]), GaussianNB()),
            last("b"),
        ),
        "target": (TransformedTargetRegressor(pipe(StandardScaler(), Ridge())), {"regressor__b__alpha": [0.1, 1.0]}),
    }


def _pipelines_in(estimator):
    found = [estimator] if isinstance(estimator, Pipeline) else []
    params = {**estimator.get_params(deep=True), **vars(estimator)}
    return found + [value for value in params.values() if isinstance(value, Pipeline)]


def _steps_in(estimator):
    return [step for pipeline in _pipelines_in(estimator) for _, step in pipeline.steps]


@pytest.mark.parametrize("name", _all_pipelines())
@pytest.mark.parametrize("cache_prefix", ["auto", True, "1MB"])
def test_estimator_of_the_caller_stays_as_it_was(name, cache_prefix):
    estimator, space = _all_pipelines()[name]
    before, steps = repr(estimator), _steps_in(estimator)
    state = [dict(vars(step)) for step in steps]
    search = OptunaSearchCV(estimator, space, cv=2, cache_prefix=cache_prefix).fit(X, Y)
    assert search.estimator is estimator
    assert [id(step) for step in _steps_in(estimator)] == [id(step) for step in steps]
    assert [dict(vars(step)) for step in steps] == state
    assert all(pipeline.memory is None for pipeline in _pipelines_in(estimator))
    assert repr(estimator) == before


@pytest.mark.parametrize("name", _all_pipelines())
def test_best_estimator_is_a_plain_fit(name):
    estimator, space = _all_pipelines()[name]
    search = OptunaSearchCV(estimator, space, cv=2).fit(X, Y)
    best = search.best_estimator_
    by_hand = clone(estimator).set_params(**search.best_params_).fit(X, Y)
    np.testing.assert_array_equal(best.predict(X), by_hand.predict(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), by_hand.predict(X))
    np.testing.assert_array_equal(clone(best).fit(X, Y).predict(X), by_hand.predict(X))
    assert all(pipeline.memory is None for pipeline in _pipelines_in(best))
    assert all("transform" not in vars(step) for step in _steps_in(best))
    assert b"sk_optuna" not in pickle.dumps(best)
    assert repr(best) == repr(by_hand)


def test_frozen_step_of_the_caller_stays_as_it_was():
    frozen = FrozenEstimator(StandardScaler().fit(X))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_stored, "_LEAST_SECONDS", 0.0)
        OptunaSearchCV(pipe(frozen, GaussianNB()), last("b"), cv=2, error_score=np.nan).fit(X, Y)
    assert list(vars(frozen)) == ["estimator"]


class Prefit(TransformerMixin, BaseEstimator):
    """A clone of it is itself, as one of a FrozenEstimator is."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X * 2

    def __sklearn_clone__(self):
        return self


def test_step_that_is_its_own_clone_stays_as_it_was():
    step = Prefit()
    search = OptunaSearchCV(pipe(step, GaussianNB()), last("b"), cv=2).fit(X, Y)
    assert "transform" not in vars(step)
    pickle.dumps(search.best_estimator_)


def test_data_of_the_caller_stays_as_it_was(sharing):
    data, estimator = X.copy(), pipe(StandardScaler(copy=False), Nearby())
    sharing.run(estimator, {"b__scale": [1.0, 2.0]}, data, Y, cache_prefix="auto")
    np.testing.assert_array_equal(data, X)


def test_warnings_of_steps_appear_as_without_sharing(sharing):
    def warns(X):
        warnings.warn("a transform warns", UserWarning, stacklevel=1)
        return X + 1

    estimator = pipe(FunctionTransformer(warns), GaussianNB())
    for cache_prefix in (False, "auto"):
        with pytest.warns(UserWarning, match="a transform warns"):
            sharing.run(estimator, last("b"), X, Y, cache_prefix=cache_prefix)
