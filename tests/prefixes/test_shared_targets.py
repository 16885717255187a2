"""Steps below a transformed target, or without one, are shared; the scores stay."""

import sys

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from sk_optuna._compat._joblib import cloudpickle

# Workers cannot import this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = [
    pytest.mark.usefixtures("cheap_steps_are_shared"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(42, 6)) * [5, 1, 1, 2, 1, 0.5] + 1
Y = (X[:, 1] + X[:, 2] * X[:, 3] > 2).astype(int)
TARGET = np.exp(X[:, 1] + 0.3 * X[:, 2])


def pipe(*steps, **arguments):
    return Pipeline([(name, step) for name, step in zip("abcdefg", steps, strict=False)], **arguments)


def predicts_by_fitting(estimator, X, y=None):
    return float(np.sum(estimator.fit_predict(X) * np.arange(len(X)))) + float(np.sum(estimator.predict(X)))


def case(make, space, X=X, y=Y, **arguments):
    return make, space, X, y, arguments


TARGETS = {
    "no target": case(
        lambda: pipe(StandardScaler(), PCA(random_state=0), KMeans(2, n_init=1, random_state=0, copy_x=False)),
        {"b__n_components": [2, 3], "c__n_clusters": [2, 3]},
        y=None,
    ),
    "no target, and a scorer that fits": case(
        lambda: pipe(StandardScaler(), PCA(2, random_state=0), KMeans(2, n_init=1, random_state=0)),
        {"b__whiten": [True, False], "c__n_clusters": [2, 3]},
        y=None,
        scoring=predicts_by_fitting,
    ),
    "a search over a transformer": case(
        lambda: pipe(StandardScaler(), PCA(random_state=0)), {"b__n_components": [2, 3]}, y=None
    ),
    "final estimators that change their data": case(
        lambda: pipe(StandardScaler(), Lasso(copy_X=False)),
        {
            "b": [
                Lasso(copy_X=False, alpha=0.01),
                LinearRegression(copy_X=False),
                Ridge(copy_X=False),
                Lasso(copy_X=False),
            ]
        },
        y=TARGET,
    ),
    "a transformed target": case(
        lambda: TransformedTargetRegressor(
            pipe(StandardScaler(), SelectKBest(f_regression), Ridge()),
            transformer=QuantileTransformer(n_quantiles=10, random_state=0),
        ),
        {"transformer__n_quantiles": [5, 10], "regressor__b__k": [1, 2], "regressor__c__alpha": [0.1, 10.0]},
        y=TARGET,
    ),
    "a target transformed by a function": case(
        lambda: pipe(
            StandardScaler(),
            TransformedTargetRegressor(pipe(SelectKBest(f_regression), Ridge()), check_inverse=False),
        ),
        {"b__func": [np.log1p, np.sqrt, lambda y: -1 / y], "b__inverse_func": [np.expm1], "b__regressor__a__k": [1, 2]},
        y=TARGET,
    ),
    "a transformed target twice transformed": case(
        lambda: TransformedTargetRegressor(
            pipe(
                StandardScaler(),
                TransformedTargetRegressor(pipe(SelectKBest(f_regression), Ridge()), transformer=StandardScaler()),
            ),
            transformer=QuantileTransformer(n_quantiles=10, random_state=0),
        ),
        {
            "transformer__n_quantiles": [5, 10],
            "regressor__b__transformer__with_std": [True, False],
            "regressor__b__regressor__a__k": [1, 2],
        },
        y=TARGET,
    ),
}


@pytest.mark.parametrize(
    "name", [*list(TARGETS)[:3], *(pytest.param(further, marks=pytest.mark.slow) for further in list(TARGETS)[3:])]
)
def test_scores_are_those_without_sharing(name, sharing):
    make, space, X, y, arguments = TARGETS[name]
    sharing.assert_changes_nothing(make, space, X, y, **arguments)
