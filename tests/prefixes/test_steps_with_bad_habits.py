"""Steps that change data, draw numbers or fail: sharing keeps their scores."""

import sys
import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.manifold import LocallyLinearEmbedding
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, RobustScaler, StandardScaler

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
FRAME = pd.DataFrame(X, columns=list("abcdef"))
HOLES = np.where(_RNG.random(X.shape) < 0.15, np.nan, X)


def pipe(*steps, **arguments):
    return Pipeline([(name, step) for name, step in zip("abcdefg", steps, strict=False)], **arguments)


class Stateless(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True


class Bare:
    """A transformer that owes nothing to scikit-learn."""

    def fit(self, X, y=None):
        self.mean = np.mean(X, axis=0)
        return self

    def transform(self, X):
        return X - self.mean


class HoldsALock(Stateless):
    def fit(self, X, y=None):
        self.lock_ = threading.Lock()
        return self

    def transform(self, X):
        return X * 2


class MakesLocks(Stateless):
    """Makes a list that cannot be pickled."""

    def transform(self, X):
        return [(threading.Lock(), row) for row in X]


class TakesLocks(Stateless):
    def transform(self, X):
        return np.array([row for _, row in X])


class CountsInItself(Stateless):
    """What it makes depends on how often it was asked."""

    def fit(self, X, y=None):
        self.n_calls_ = 0
        return self

    def transform(self, X):
        self.n_calls_ += 1
        return X**self.n_calls_


class HidesItsFunction(Stateless):
    """Its pickle does not say what it does, nor does a shallow copy by way of it."""

    def __init__(self, function=None):
        self.function = function

    def transform(self, X):
        return self.function(X)

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "function"}


class MakesLists(Stateless):
    def transform(self, X):
        return [list(row) for row in X]


class ChangesLists(Stateless):
    def __init__(self, factor=1.0):
        self.factor = factor

    def transform(self, X):
        for row in X:
            row[0] = row[0] ** 2 * self.factor
        return np.array(X)


class MakesObjects(Stateless):
    def transform(self, X):
        made = np.empty(len(X), dtype=object)
        made[:] = [list(row) for row in X]
        return made


class ChangesAndCopies(Stateless):
    def transform(self, X):
        X *= 2
        return X + 1


class KeepsWhatItMade(Stateless):
    """Its fitted attribute is the very array that goes to the next step."""

    def fit_transform(self, X, y=None):
        self.made_ = np.asarray(X) * 2.0
        return self.made_

    def fit(self, X, y=None):
        self.fit_transform(X, y)
        return self

    def transform(self, X):
        return np.asarray(X) - self.made_.mean()


class Fails(Stateless):
    def __init__(self, above=1.0, at=0.0):
        self.above = above
        self.at = at

    def fit(self, X, y=None):
        if self.at > self.above:
            raise ValueError("too much")
        return self

    def transform(self, X):
        return X + self.at


def read_only(X):
    X = X * 2
    X.flags.writeable = False
    return X


def doubled_if_it_may(X):
    return X * 2 if X.flags.writeable else X + 1


def case(make, space, X=X, y=Y, **arguments):
    return make, space, X, y, arguments


def last(name, values=(1e-9, 1e-2)):
    return {f"{name}__var_smoothing": list(values)}


FAILURES = {
    "steps that fail": case(
        lambda: pipe(StandardScaler(), Fails(), PCA(random_state=0), GaussianNB()),
        {"b__at": [0.5, 2.0], "c__n_components": [2, 99], **last("d")},
        error_score=np.nan,
    ),
    "failures scored": case(
        lambda: pipe(StandardScaler(), Fails(), PCA(2, random_state=0), GaussianNB()),
        {"b__at": [2.0, 0.5], **last("d")},
        error_score=-1.0,
    ),
}

UNUSUAL = {
    "masked targets": case(
        lambda: pipe(StandardScaler(), Ridge()), {"b__alpha": [0.1, 1.0]}, y=np.ma.array(TARGET, mask=False)
    ),
    "masked rows": case(
        lambda: pipe(FunctionTransformer(np.ma.array), PCA(2, random_state=0), GaussianNB()),
        {"b__whiten": [True, False], **last("c")},
    ),
    "rows that must not be written to": case(
        lambda: pipe(FunctionTransformer(read_only), FunctionTransformer(doubled_if_it_may), GaussianNB()), last("c")
    ),
    "not of scikit-learn": case(lambda: pipe(Bare(), StandardScaler(), GaussianNB()), last("c")),
    "a frozen step": case(
        lambda: pipe(FrozenEstimator(PCA(2, random_state=0).fit(X)), StandardScaler(), GaussianNB()),
        {"b__with_std": [True, False], **last("c")},
    ),
    "fitted steps that cannot be pickled": case(lambda: pipe(HoldsALock(), GaussianNB()), last("b")),
    "data that cannot be pickled": case(lambda: pipe(MakesLocks(), TakesLocks(), GaussianNB()), last("c")),
    "a parameter that pickles do not contain": case(
        lambda: pipe(HidesItsFunction(), GaussianNB()), {"a__function": [np.square, np.cbrt], **last("b")}
    ),
    "a step that counts": case(lambda: pipe(CountsInItself(), GaussianNB()), last("b")),
    "PCA that overwrites": case(
        lambda: pipe(PCA(3, svd_solver="full", random_state=0, copy=False), MinMaxScaler(), GaussianNB()),
        {"b__clip": [True, False], **last("c")},
    ),
    "a step that changes its data and returns other": case(
        lambda: pipe(ChangesAndCopies(), MinMaxScaler(), GaussianNB()), last("c")
    ),
    "a branch that overwrites": case(
        lambda: pipe(
            FeatureUnion(
                [
                    ("a", pipe(PCA(3, svd_solver="full", random_state=0, copy=False), MinMaxScaler())),
                    ("b", pipe(RobustScaler(), MinMaxScaler())),
                ]
            ),
            GaussianNB(),
        ),
        {"a__b__a__with_centering": [True, False], "a__a__b__clip": [True, False]},
    ),
    "holes filled in place": case(
        lambda: pipe(SimpleImputer(copy=False, add_indicator=True), GaussianNB()),
        last("b"),
        X=HOLES,
        scoring=["accuracy", "roc_auc", "neg_log_loss"],
    ),
    "frames scaled in place": case(
        lambda: pipe(StandardScaler(copy=False), GaussianNB()),
        last("b"),
        X=FRAME,
        scoring=["accuracy", "roc_auc", "neg_log_loss"],
    ),
    "lists of lists that a step changes": case(
        lambda: pipe(MakesLists(), ChangesLists(), GaussianNB()), {"b__factor": [1.0, 2.0, -3.0], **last("c")}
    ),
    "objects that a step changes": case(
        lambda: pipe(MakesObjects(), FunctionTransformer(list), ChangesLists(), GaussianNB()),
        {"c__factor": [1.0, 2.0, -3.0], **last("d")},
    ),
    "an attribute that the next step changes": case(
        lambda: pipe(KeepsWhatItMade(), StandardScaler(copy=False), GaussianNB()),
        {"b__with_std": [True, False], **last("c")},
    ),
    "an embedding that the next step changes": case(
        lambda: pipe(LocallyLinearEmbedding(n_neighbors=5, random_state=0), StandardScaler(copy=False), Ridge()),
        {"b__with_std": [True, False], "c__alpha": [0.1, 1.0]},
        y=TARGET,
    ),
    "numbers drawn to transform": case(
        lambda: pipe(IterativeImputer(sample_posterior=True, max_iter=2, tol=1e9, random_state=0), GaussianNB()),
        last("b"),
        X=HOLES,
        scoring=["accuracy", "roc_auc", "neg_log_loss"],
    ),
}


@pytest.mark.parametrize(
    "name", [*list(FAILURES)[:3], *(pytest.param(further, marks=pytest.mark.slow) for further in list(FAILURES)[3:])]
)
def test_scores_are_those_without_sharing(name, sharing):
    make, space, X, y, arguments = FAILURES[name]
    sharing.assert_changes_nothing(make, space, X, y, **arguments)


@pytest.mark.parametrize(
    "name", [*list(UNUSUAL)[:3], *(pytest.param(further, marks=pytest.mark.slow) for further in list(UNUSUAL)[3:])]
)
@pytest.mark.filterwarnings("ignore:.*IterativeImputer.*|.*Early stopping.*")
def test_scores_of_unusual_steps_are_those_without_sharing(name, sharing):
    make, space, X, y, arguments = UNUSUAL[name]
    sharing.assert_changes_nothing(make, space, X, y, shares=False, **arguments)
