"""Searches on several workers, and searches in searches, find the scores that they find without sharing."""

import sys
import time

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._joblib import cloudpickle
from sk_optuna.prefixes import _sharing

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


def slices(estimator, X, y):
    return float(np.sum(estimator[:-1].transform(X))) + float(np.sum(estimator[:-1].transform(X[3:])))


def scores_some_rows(estimator, X, y):
    return estimator.predict_proba(X[:10]).sum(axis=0)[0] + estimator.predict_proba(X[10:])[:, 0].sum()


def last(name, values=(1e-9, 1e-2)):
    return {f"{name}__var_smoothing": list(values)}


class Naps(TransformerMixin, BaseEstimator):
    """Slow enough to be worth sharing anywhere."""

    def __init__(self, power=1):
        self.power = power

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        time.sleep(0.02)
        return self

    def transform(self, X):
        time.sleep(0.005)
        return (X - self.mean_) ** self.power


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("scorer", [None, slices, scores_some_rows])
def test_scores_with_several_workers_are_those_without_sharing(backend, scorer, sharing):
    estimator = pipe(Naps(), PCA(random_state=0), GaussianNB())
    space = {"a__power": [1, 3], "b__n_components": [2, 3], **last("c")}
    expected, *_ = sharing.run(estimator, space, X, Y, cache_prefix=False, scoring=scorer)
    with joblib.parallel_config(backend=backend):
        for cache_prefix in ("auto", True, "10kB"):
            found, *_ = sharing.run(estimator, space, X, Y, cache_prefix=cache_prefix, scoring=scorer, n_jobs=2)
            sharing.assert_same(found, expected)


def test_scores_do_not_change_where_keys_stop_being_worth_their_while(monkeypatch, sharing):
    monkeypatch.setattr(_sharing, "_WORTH_SECONDS", 10.0)
    space = {"b__n_components": [1, 2, 3, 4], "c__var_smoothing": [1e-9, 1e-2, 1.0]}
    sharing.assert_changes_nothing(lambda: pipe(StandardScaler(), PCA(random_state=0), GaussianNB()), space)


@pytest.mark.parametrize("worth", [0.0, 0.002])
def test_scores_of_a_search_in_a_searched_pipeline_are_those_without_sharing(monkeypatch, worth, sharing):
    """The inner pipelines are cheap, so that the inner search stops looking for their prefixes."""
    monkeypatch.setattr(_sharing, "_WORTH_SECONDS", worth)

    def make():
        inner = pipe(FunctionTransformer(np.cbrt), MinMaxScaler(), GaussianNB())
        space = {"c__var_smoothing": [1e-9, 1e-6, 1e-3, 1e-2, 0.1, 1.0]}
        return pipe(Naps(), OptunaSearchCV(inner, space, cv=2, sampler="random", error_score="raise"))

    space = {"b__cv": [2, 3, KFold(2)]}
    expected, *_ = sharing.run(make(), space, X, Y, cache_prefix=False)
    sharing.assert_same(sharing.run(make(), space, X, Y, cache_prefix="auto")[0], expected)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_nested_cross_validation_gives_the_scores_without_sharing(n_jobs):
    def scores(cache_prefix):
        estimator = pipe(StandardScaler(), PCA(random_state=0), GaussianNB())
        space = {"b__n_components": [1, 2, 3], **last("c")}
        search = OptunaSearchCV(estimator, space, cv=2, random_state=0, cache_prefix=cache_prefix)
        with joblib.parallel_config(backend="threading"):
            return cross_val_score(search, X, Y, cv=3, n_jobs=n_jobs)

    np.testing.assert_array_equal(scores("auto"), scores(False))


def test_search_that_is_out_of_time_keeps_scores_without_sharing(sharing):
    estimator = pipe(Naps(), PCA(random_state=0), GaussianNB())
    space = {"b__n_components": [1, 2, 3, 4, 5], "c__var_smoothing": list(np.logspace(-9, 0, 9))}
    expected, *_ = sharing.run(estimator, space, X, Y, cache_prefix=False)
    found, search, _ = sharing.run(estimator, space, X, Y, cache_prefix="auto", timeout=0.15)
    assert 1 <= search.n_trials_ <= 45
    for name, column in found.items():
        if "rank" not in name:
            np.testing.assert_array_equal(column, expected[name][: search.n_trials_])
