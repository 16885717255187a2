"""Transformed rows are shared: searches find the scores that they find without sharing."""

import sys
from functools import partial

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)

from sk_optuna._compat._joblib import cloudpickle

# Workers cannot import this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = [
    pytest.mark.usefixtures("cheap_steps_are_shared"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`TargetEncoder.shuffle` and:FutureWarning"),
]


_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(42, 6)) * [5, 1, 1, 2, 1, 0.5] + 1
Y = (X[:, 1] + X[:, 2] * X[:, 3] > 2).astype(int)
TARGET = np.exp(X[:, 1] + 0.3 * X[:, 2])
HOLES = np.where(_RNG.random(X.shape) < 0.15, np.nan, X)
COUNTS = sparse.csr_matrix(_RNG.poisson(0.4, (42, 20)) * 1.0)


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


def every_second(X):
    return X[:, ::2]


def doubled_in_place(X):
    X *= 2
    return X


MI = partial(mutual_info_classif, random_state=0)


def case(make, space, X=X, y=Y, **arguments):
    return make, space, X, y, arguments


def last(name, values=(1e-9, 1e-2)):
    return {f"{name}__var_smoothing": list(values)}


TRANSFORMS = {
    "a scaler and PCA": case(
        lambda: pipe(StandardScaler(), PCA(random_state=0), GaussianNB()),
        {"a__with_std": [True, False], "b__n_components": [2, 3], **last("c")},
    ),
    "randomized PCA, whitened": case(
        lambda: pipe(PCA(3, svd_solver="randomized", random_state=0), MinMaxScaler(), GaussianNB()),
        {"a__whiten": [True, False], "b__clip": [True, False], **last("c")},
    ),
    "selection by mutual information": case(
        lambda: pipe(SelectKBest(MI), PolynomialFeatures(2), GaussianNB()),
        {"a__k": [2, 3], "b__interaction_only": [True, False]},
    ),
    "fit_transform unlike fit and transform": case(
        lambda: pipe(
            KBinsDiscretizer(3, encode="ordinal", subsample=None, random_state=0),
            TargetEncoder(cv=3, random_state=0),
            Nearby(),
        ),
        {"a__strategy": ["uniform", "kmeans"], "b__smooth": [1.0, 5.0], "c__scale": [1.0, 2.0]},
    ),
    "sparse one-hot": case(
        lambda: pipe(OneHotEncoder(handle_unknown="ignore"), TruncatedSVD(random_state=0), GaussianNB()),
        {"b__n_components": [2, 3], **last("c")},
        X=np.floor(X),
    ),
    "replaced steps": case(
        lambda: pipe(MinMaxScaler(clip=True), PCA(2, random_state=0), GaussianNB()),
        {"b": [PCA(2, random_state=0), "passthrough", NMF(2, random_state=0, max_iter=3, tol=1e9), None], **last("c")},
    ),
    "first step replaced": case(
        lambda: pipe("passthrough", PCA(2, random_state=0), GaussianNB()),
        {"a": ["passthrough", StandardScaler(), None, StandardScaler(copy=False)], **last("c")},
    ),
    "identities, lambdas and views": case(
        lambda: pipe(
            FunctionTransformer(), FunctionTransformer(every_second), StandardScaler(copy=False), GaussianNB()
        ),
        {"b__func": [every_second, lambda X: X[:, 1:], None], "c__with_std": [True, False], **last("d")},
    ),
    "in place": case(
        lambda: pipe(
            FunctionTransformer(doubled_in_place), StandardScaler(copy=False), MinMaxScaler(copy=False), Nearby()
        ),
        {"b__with_std": [True, False], "c__feature_range": [(0, 1), (-1, 1)], "d__scale": [1.0, -1.0]},
    ),
    "holes": case(
        lambda: pipe(SimpleImputer(), RBFSampler(n_components=5, random_state=0), GaussianNB()),
        {"a__add_indicator": [True, False], "b__gamma": [0.1, 1.0]},
        X=HOLES,
    ),
    "a step that keeps its data": case(
        lambda: pipe(KNNImputer(n_neighbors=2), PCA(2, random_state=0), GaussianNB()),
        {"a__weights": ["uniform", "distance"], **last("c")},
        X=HOLES,
    ),
    "same step twice": case(
        lambda: pipe(
            FunctionTransformer(np.cbrt), FunctionTransformer(np.cbrt), StandardScaler(), StandardScaler(), Nearby()
        ),
        {"e__scale": [1.0, 3.0], "d__with_std": [True, False]},
    ),
    "columns in the order of Fortran": case(
        lambda: pipe(StandardScaler(), PolynomialFeatures(2, order="F"), Ridge()),
        {"b__interaction_only": [True, False], "c__alpha": [0.1, 1.0]},
        X=np.asfortranarray(X),
        y=TARGET,
    ),
    "small folds of few": case(
        lambda: pipe(StandardScaler(), SelectKBest(k=2), GaussianNB()),
        {"b__k": [1, 2], **last("c")},
        X=X[:15],
        y=np.array([0] * 12 + [1] * 3),
        cv=3,
    ),
    "branches of a space": case(
        lambda: pipe(StandardScaler(), PCA(2, random_state=0), GaussianNB()),
        [{"b__whiten": [True, False]}, {"b": ["passthrough"], **last("c")}],
    ),
    "define by run": case(
        lambda: pipe(StandardScaler(), PCA(2, random_state=0), GaussianNB()),
        lambda trial: (
            {"b": "passthrough"}
            if trial.suggest_categorical("plain", [True, False])
            else {
                "b__n_components": trial.suggest_int("n", 1, 3),
                "c__var_smoothing": trial.suggest_float("s", 1e-9, 1.0),
            }
        ),
        n_trials=12,
    ),
    "a race": case(
        lambda: pipe(StandardScaler(), PCA(random_state=0), GaussianNB()),
        {"b__n_components": [1, 2, 3, 4, 5], "c__var_smoothing": [1e-9, 1e-2, 1.0]},
        pruner="race",
        cv=5,
    ),
}


@pytest.mark.parametrize(
    "name",
    [*list(TRANSFORMS)[:3], *(pytest.param(further, marks=pytest.mark.slow) for further in list(TRANSFORMS)[3:])],
)
def test_scores_are_those_without_sharing(name, sharing):
    make, space, X, y, arguments = TRANSFORMS[name]
    shares = name not in ("identities, lambdas and views", "in place")
    sharing.assert_changes_nothing(make, space, X, y, shares=shares, **arguments)


@pytest.mark.parametrize("format", ["csr", "csc", "coo"])
def test_scores_of_sparse_data_are_those_without_sharing(format, sharing):
    sharing.assert_changes_nothing(
        lambda: pipe(MaxAbsScaler(), TfidfTransformer(), TruncatedSVD(3, random_state=0), GaussianNB()),
        {"b__norm": ["l1", "l2"], **last("d")},
        COUNTS.asformat(format),
    )
