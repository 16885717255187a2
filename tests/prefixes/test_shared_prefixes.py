"""Searches that share the fitted first steps of pipelines find what those find that fit every step every time.

"Exactly" is to the last bit. Cheap steps are shared as well here, which nobody would want elsewhere; and some stores
forget one kind of thing, since what is found must not depend on what was still there.
"""

import copy
import gc
import pickle
import sys
import threading
import time
import warnings
import weakref
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import RFECV, SelectKBest, chi2, f_regression, mutual_info_classif
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.manifold import LocallyLinearEmbedding
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import KFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._joblib import cloudpickle
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.prefixes import _evaluation, _sharing, _store, _stored

# Workers cannot import this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`TargetEncoder.shuffle` and:FutureWarning"),
]


@pytest.fixture(autouse=True)
def _cheap_steps_are_shared(monkeypatch):
    monkeypatch.setattr(_stored, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(_stored, "_TIMES_DEARER", 0.0)
    monkeypatch.setattr(_sharing, "_WORTH_SECONDS", 0.0)


# --- comparing searches -----------------------------------------------------------------------------------------------

_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(42, 6)) * [5, 1, 1, 2, 1, 0.5] + 1
Y = (X[:, 1] + X[:, 2] * X[:, 3] > 2).astype(int)
TARGET = np.exp(X[:, 1] + 0.3 * X[:, 2])
FRAME = pd.DataFrame(X, columns=list("abcdef"))
HOLES = np.where(_RNG.random(X.shape) < 0.15, np.nan, X)
COUNTS = sparse.csr_matrix(_RNG.poisson(0.4, (42, 20)) * 1.0)
DOCUMENTS = [" ".join(_RNG.choice(list("abcdefgh"), 12)) for _ in range(42)]
TABLE = FRAME.assign(text=DOCUMENTS, kind=_RNG.choice(list("uvw"), 42))

_put = _store.PrefixStore.put
STORES = {
    "keeps all": lambda value: True,
    "forgets transformed data": lambda value: isinstance(value, _evaluation._Fitted),
    "forgets fits": lambda value: not isinstance(value, _evaluation._Fitted),
}


def run(estimator, space, X, y, *, store="keeps all", fit_params=None, **arguments):
    """Return the scores of a search as a dict of arrays, the search, and how often something was found in its store."""
    keeps, n_found = STORES[store], 0
    get = _store.PrefixStore.get

    def put(self, key, value, *args):
        if keeps(value):
            _put(self, key, value, *args)

    def counted(self, key):
        nonlocal n_found
        value = get(self, key)
        n_found += value is not None
        return value

    arguments = {"cv": 2, "random_state": 0, "refit": False, "return_train_score": True, **arguments}
    arguments = {"error_score": "raise", **arguments}
    np.random.seed(0)  # noqa: NPY002
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(_store.PrefixStore, "put", put)
        patch.setattr(_store.PrefixStore, "get", counted)
        if arguments["error_score"] != "raise":
            warnings.simplefilter("ignore")
        search = OptunaSearchCV(estimator, space, **arguments).fit(copy.deepcopy(X), y, **(fit_params or {}))
    columns = {name: column for name, column in search.cv_results_.items() if "_test_" in name or "_train_" in name}
    return {name: np.asarray(column, float) for name, column in columns.items()}, search, n_found


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, column in expected.items():
        np.testing.assert_array_equal(found[name], column, err_msg=name)


def assert_sharing_changes_nothing(make, space, X=X, y=Y, *, shares=True, stores=STORES, **arguments):
    """Compare the search without sharing with searches that share; `make` makes the estimator anew for each."""
    expected, *_ = run(make(), space, X, y, cache_prefix=False, **arguments)
    for store in stores:
        found, _, n_found = run(make(), space, X, y, cache_prefix="auto", store=store, **arguments)
        assert_same(found, expected)
        assert n_found > 0 or not (shares and store == "keeps all")
    for size in ("3kB", "1B"):
        assert_same(run(make(), space, X, y, cache_prefix=size, **arguments)[0], expected)


def pipe(*steps, **arguments):
    return Pipeline([(name, step) for name, step in zip("abcdefg", steps, strict=False)], **arguments)


# --- transformers that do what one should not, and what one may -------------------------------------------------------


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


class GoesOn(Stateless):
    """Fitted again it remembers, as a step with warm_start does."""

    def fit(self, X, y=None):
        self.n_fits_ = getattr(self, "n_fits_", 0) + 1
        return self

    def transform(self, X):
        return X**self.n_fits_


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


class Weighted(Stateless):
    def fit(self, X, y=None, sample_weight=None):
        self.mean_ = np.average(X, axis=0, weights=sample_weight)
        return self

    def transform(self, X):
        return (X - self.mean_) ** 3


class LooksAt(Stateless):
    """Centers by other rows than those it is fitted on."""

    def fit(self, X, y=None, X_val=None):
        self.mean_ = np.mean(X_val, axis=0)
        return self

    def transform(self, X):
        return (X - self.mean_) ** 3


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


def read_only(X):
    X = X * 2
    X.flags.writeable = False
    return X


def doubled_if_it_may(X):
    return X * 2 if X.flags.writeable else X + 1


def frame_changed_in_place(frame):
    frame["z"] = frame["z"] * 2 if "z" in frame else frame["a"] * 2
    return frame[["z", "b"]]


# --- scorers ----------------------------------------------------------------------------------------------------------


def refits(estimator, X, y):
    return estimator.fit(X, y).score(X, y)


def refits_a_clone_on_some_rows(estimator, X, y):
    return clone(estimator).fit(X[:15], y[:15]).score(X, y)


def unpickles_and_refits(estimator, X, y):
    return pickle.loads(pickle.dumps(estimator)).fit(X[:15], y[:15]).score(X, y)


def copies_and_refits(estimator, X, y):
    return copy.deepcopy(estimator).fit(X[:15], y[:15]).score(X, y) + copy.copy(estimator).score(X[15:], y[15:])


def weighs_anew(estimator, X, y):
    first = estimator.fit(X, y, a__sample_weight=1.0 + (X[:, 0] > 1)).predict_proba(X).sum(axis=0)[0]
    return first + 10 * estimator.fit(X, y, a__sample_weight=1.0 + (X[:, 0] < 0)).predict_proba(X).sum(axis=0)[0]


def pickles(estimator, X, y):
    return pickle.loads(pickle.dumps(estimator)).predict_proba(X)[:, 0].sum() + copy.deepcopy(estimator).score(X, y)


def slices(estimator, X, y):
    return float(np.sum(estimator[:-1].transform(X))) + float(np.sum(estimator[:-1].transform(X[3:])))


def looks_inside(estimator, X, y):
    first = estimator.named_steps["a"]
    return (
        float(first.mean_.sum()) + len([name for name in vars(first) if name.endswith("_")]) + len(first.get_params())
    )


def scores_some_rows(estimator, X, y):
    return estimator.predict_proba(X[:10]).sum(axis=0)[0] + estimator.predict_proba(X[10:])[:, 0].sum()


def asks_for_frames(estimator, X, y):
    estimator.predict(X)
    return float(hasattr(estimator[:1].set_output(transform="pandas").transform(X), "columns"))


def leaves_frames_behind(estimator, X, y):
    made = estimator[:-1].transform(X)
    estimator[:-1].set_output(transform="pandas")
    return float(hasattr(made, "columns"))


def configures_frames(estimator, X, y):
    estimator.predict(X)
    with sklearn.config_context(transform_output="pandas"):
        return float(hasattr(estimator[:1].transform(X), "columns"))


def permutes_in_place(estimator, X, y):
    before = estimator.predict_proba(X)[:, 0].sum()
    X[:, 0] = X[::-1, 0].copy()
    return before - estimator.predict_proba(X)[:, 0].sum()


def changes_a_fitted_step(estimator, X, y):
    estimator.named_steps["a"].mean_ = estimator.named_steps["a"].mean_ + 1
    return estimator.predict_proba(X)[:, 0].sum()


def refits_a_step(estimator, X, y):
    estimator.named_steps["a"].fit(X[:7])
    return estimator.predict_proba(X)[:, 0].sum()


def predicts_by_fitting(estimator, X, y=None):
    return float(np.sum(estimator.fit_predict(X) * np.arange(len(X)))) + float(np.sum(estimator.predict(X)))


def two_numbers(estimator, X, y):
    return {"p": estimator.predict_proba(X)[:, 0].sum(), "accuracy": estimator.score(X, y)}


SCORERS = [
    refits,
    refits_a_clone_on_some_rows,
    unpickles_and_refits,
    copies_and_refits,
    weighs_anew,
    pickles,
    slices,
    looks_inside,
    scores_some_rows,
    asks_for_frames,
    configures_frames,
    permutes_in_place,
    changes_a_fitted_step,
    refits_a_step,
    two_numbers,
]


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: scorer.__name__)
@pytest.mark.filterwarnings("ignore:X has feature names")  # of frames that a scorer asked for, with sharing and without
def test_scores_of_any_scorer_are_those_without_sharing(scorer):
    space = {"b__n_components": [2, 3], "c__var_smoothing": [1e-9, 1e-2]}
    make = lambda: pipe(StandardScaler(), PCA(random_state=0), GaussianNB())  # noqa: E731
    assert_sharing_changes_nothing(make, space, scoring=scorer, refit=False)


def test_output_set_by_a_scorer_does_not_reach_other_candidates():
    make = lambda: pipe(StandardScaler(), GaussianNB()).set_output(transform="default")  # noqa: E731
    assert_sharing_changes_nothing(make, {"b__var_smoothing": [1e-9, 1e-2]}, scoring=leaves_frames_behind)


def test_scorer_that_refits_finds_a_step_that_goes_on_where_it_was():
    assert_sharing_changes_nothing(
        lambda: pipe(StandardScaler(), GoesOn(), GaussianNB()), {"c__var_smoothing": [1e-9, 1e-2]}, scoring=refits
    )


@pytest.mark.parametrize("scoring", [["accuracy"], ["accuracy", "roc_auc", "neg_log_loss"]])
@pytest.mark.parametrize("copies", [True, False])
def test_scores_of_several_metrics_are_those_without_sharing(scoring, copies):
    make = lambda: pipe(StandardScaler(copy=copies), PCA(2, random_state=0), GaussianNB())  # noqa: E731
    space = {"c__var_smoothing": [1e-9, 1e-2], "a__with_std": [True, False]}
    assert_sharing_changes_nothing(make, space, scoring=scoring, shares=copies)


# --- pipelines --------------------------------------------------------------------------------------------------------

MI = partial(mutual_info_classif, random_state=0)


def case(make, space, X=X, y=Y, **arguments):
    return make, space, X, y, arguments


def last(name, values=(1e-9, 1e-2)):
    return {f"{name}__var_smoothing": list(values)}


ORDINARY = {
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
    "union": case(
        lambda: pipe(
            FeatureUnion([("p", pipe(StandardScaler(), PCA(random_state=0))), ("k", SelectKBest(MI, k=2))]),
            GaussianNB(),
        ),
        {"a__p__a__with_std": [True, False], "a__p__b__n_components": [1, 2], "a__k__k": [1, 2]},
    ),
    "columns": case(
        lambda: pipe(
            ColumnTransformer(
                [
                    ("n", pipe(StandardScaler(), PCA(random_state=0)), ["a", "b", "c"]),
                    ("s", pipe(StandardScaler(), PCA(2, random_state=0), MinMaxScaler()), slice(0, 4)),
                    ("f", pipe(StandardScaler(), PCA(2, random_state=0), MinMaxScaler()), lambda frame: ["a", "c"]),
                    ("m", pipe(MinMaxScaler(), PCA(2, random_state=0), MinMaxScaler()), make_column_selector("^[bd]$")),
                    ("t", pipe(CountVectorizer(token_pattern=r"\w"), SelectKBest(chi2, k=3), MaxAbsScaler()), "text"),
                    ("o", pipe(OneHotEncoder(handle_unknown="ignore"), MaxAbsScaler()), ["kind"]),
                ],
                sparse_threshold=0,
            ),
            GaussianNB(),
        ),
        {"a__n__b__n_components": [1, 2], "a__t__b__k": [2, 3], "a__m__a__clip": [True, False]},
        X=TABLE,
    ),
    "pipelines in pipelines": case(
        lambda: pipe(
            pipe(StandardScaler(), pipe(PCA(random_state=0), MinMaxScaler())),
            pipe(FunctionTransformer(every_second), pipe(StandardScaler(), GaussianNB())),
        ),
        {"a__b__a__n_components": [2, 3], "b__b__a__with_std": [True, False], "b__b__b__var_smoothing": [1e-9, 1e-2]},
    ),
    "same step twice": case(
        lambda: pipe(
            FunctionTransformer(np.cbrt), FunctionTransformer(np.cbrt), StandardScaler(), StandardScaler(), Nearby()
        ),
        {"e__scale": [1.0, 3.0], "d__with_std": [True, False]},
    ),
    "pandas output": case(
        lambda: pipe(StandardScaler(), PCA(3, random_state=0), GaussianNB()).set_output(transform="pandas"),
        {"b__whiten": [True, False], **last("c")},
        X=FRAME,
    ),
    "frames of strided columns": case(
        lambda: pipe(FunctionTransformer(lambda frame: frame.iloc[:, ::2]), Ridge(solver="cholesky")),
        {"b__alpha": [0.1, 1.0]},
        X=FRAME,
        y=TARGET,
    ),
    "frames of many kinds": case(
        lambda: pipe(FunctionTransformer(lambda frame: frame.assign(g=1, h=frame.a > 1)[list("hgcab")]), Ridge()),
        {"b__alpha": [0.1, 1.0]},
        X=FRAME,
        y=TARGET,
    ),
    "frames changed in place": case(
        lambda: pipe(FunctionTransformer(frame_changed_in_place), StandardScaler(), GaussianNB()), last("c"), X=FRAME
    ),
    "columns in the order of Fortran": case(
        lambda: pipe(StandardScaler(), PolynomialFeatures(2, order="F"), Ridge()),
        {"b__interaction_only": [True, False], "c__alpha": [0.1, 1.0]},
        X=np.asfortranarray(X),
        y=TARGET,
    ),
    "lists of numbers": case(
        lambda: pipe(StandardScaler(), GaussianNB()),
        {"a__with_std": [True, False], **last("b")},
        X=X.tolist(),
        y=list(Y),
    ),
    "lists of texts": case(
        lambda: pipe(TfidfVectorizer(token_pattern=r"\w"), SelectKBest(chi2), Ridge()),
        {"a__norm": ["l1", "l2"], "b__k": [3, 4], "c__alpha": [0.1, 1.0]},
        X=DOCUMENTS,
    ),
    "a series of texts": case(
        lambda: pipe(CountVectorizer(token_pattern=r"\w"), TfidfTransformer(), Ridge()),
        {"a__binary": [True, False], "b__norm": ["l1", "l2"], "c__alpha": [0.1, 1.0]},
        X=pd.Series(DOCUMENTS),
    ),
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


@pytest.mark.parametrize("name", ORDINARY)
def test_scores_are_those_without_sharing(name):
    make, space, X, y, arguments = ORDINARY[name]
    unshared = ("frames changed in place", "frames of strided columns", "identities, lambdas and views", "in place")
    shares = name not in unshared
    assert_sharing_changes_nothing(make, space, X, y, shares=shares, **arguments)


@pytest.mark.parametrize("name", UNUSUAL)
@pytest.mark.filterwarnings("ignore:.*IterativeImputer.*|.*Early stopping.*")
def test_scores_of_unusual_steps_are_those_without_sharing(name):
    make, space, X, y, arguments = UNUSUAL[name]
    assert_sharing_changes_nothing(make, space, X, y, shares=False, **arguments)


@pytest.mark.parametrize("format", ["csr", "csc", "coo"])
def test_scores_of_sparse_data_are_those_without_sharing(format):
    assert_sharing_changes_nothing(
        lambda: pipe(MaxAbsScaler(), TfidfTransformer(), TruncatedSVD(3, random_state=0), GaussianNB()),
        {"b__norm": ["l1", "l2"], **last("d")},
        COUNTS.asformat(format),
    )


# --- fit parameters ---------------------------------------------------------------------------------------------------

WEIGHTS = np.arange(42.0) % 5 + 0.5


def test_scores_with_weights_for_a_step_are_those_without_sharing():
    assert_sharing_changes_nothing(
        lambda: pipe(Weighted(), PCA(2, random_state=0), GaussianNB()),
        {"b__whiten": [True, False], **last("c")},
        fit_params={"a__sample_weight": WEIGHTS, "c__sample_weight": WEIGHTS},
    )


def test_scores_with_routed_weights_are_those_without_sharing():
    with sklearn.config_context(enable_metadata_routing=True):
        steps = [Weighted().set_fit_request(sample_weight=value) for value in (True, False, "other")]
        assert_sharing_changes_nothing(
            lambda: pipe(
                Weighted().set_fit_request(sample_weight=True),
                StandardScaler().set_fit_request(sample_weight="other"),
                GaussianNB().set_fit_request(sample_weight=True),
            ),
            {"a": steps, **last("c")},
            scoring=make_scorer(accuracy_score).set_score_request(sample_weight=True),
            fit_params={"sample_weight": WEIGHTS, "other": WEIGHTS[::-1]},
        )


def test_scores_with_transformed_metadata_are_those_without_sharing():
    with sklearn.config_context(enable_metadata_routing=True):
        assert_sharing_changes_nothing(
            lambda: pipe(
                StandardScaler(), LooksAt().set_fit_request(X_val=True), GaussianNB(), transform_input=["X_val"]
            ),
            {"a__with_std": [True, False], "transform_input": [None, ["X_val"]], **last("c")},
            fit_params={"X_val": X[:9] + 1},
        )


# --- other engines, and searches in searches --------------------------------------------------------------------------


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
def test_scores_with_several_workers_are_those_without_sharing(backend, scorer):
    estimator = pipe(Naps(), PCA(random_state=0), GaussianNB())
    space = {"a__power": [1, 3], "b__n_components": [2, 3], **last("c")}
    expected, *_ = run(estimator, space, X, Y, cache_prefix=False, scoring=scorer)
    with joblib.parallel_config(backend=backend):
        for cache_prefix in ("auto", True, "10kB"):
            found, *_ = run(estimator, space, X, Y, cache_prefix=cache_prefix, scoring=scorer, n_jobs=2)
            assert_same(found, expected)


def test_scores_do_not_change_where_keys_stop_being_worth_their_while(monkeypatch):
    monkeypatch.setattr(_sharing, "_WORTH_SECONDS", 10.0)
    space = {"b__n_components": [1, 2, 3, 4], "c__var_smoothing": [1e-9, 1e-2, 1.0]}
    assert_sharing_changes_nothing(lambda: pipe(StandardScaler(), PCA(random_state=0), GaussianNB()), space)


@pytest.mark.parametrize("worth", [0.0, 0.002])
def test_scores_of_a_search_in_a_searched_pipeline_are_those_without_sharing(monkeypatch, worth):
    """The inner pipelines are cheap, so that the inner search stops looking for their prefixes."""
    monkeypatch.setattr(_sharing, "_WORTH_SECONDS", worth)

    def make():
        inner = pipe(FunctionTransformer(np.cbrt), MinMaxScaler(), GaussianNB())
        space = {"c__var_smoothing": [1e-9, 1e-6, 1e-3, 1e-2, 0.1, 1.0]}
        return pipe(Naps(), OptunaSearchCV(inner, space, cv=2, sampler="random", error_score="raise"))

    space = {"b__cv": [2, 3, KFold(2)]}
    expected, *_ = run(make(), space, X, Y, cache_prefix=False)
    assert_same(run(make(), space, X, Y, cache_prefix="auto")[0], expected)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_nested_cross_validation_gives_the_scores_without_sharing(n_jobs):
    def scores(cache_prefix):
        estimator = pipe(StandardScaler(), PCA(random_state=0), GaussianNB())
        space = {"b__n_components": [1, 2, 3], **last("c")}
        search = OptunaSearchCV(estimator, space, cv=2, random_state=0, cache_prefix=cache_prefix)
        with joblib.parallel_config(backend="threading"):
            return cross_val_score(search, X, Y, cv=3, n_jobs=n_jobs)

    np.testing.assert_array_equal(scores("auto"), scores(False))


def test_search_that_is_out_of_time_keeps_scores_without_sharing():
    estimator = pipe(Naps(), PCA(random_state=0), GaussianNB())
    space = {"b__n_components": [1, 2, 3, 4, 5], "c__var_smoothing": list(np.logspace(-9, 0, 9))}
    expected, *_ = run(estimator, space, X, Y, cache_prefix=False)
    found, search, _ = run(estimator, space, X, Y, cache_prefix="auto", timeout=0.15)
    assert 1 <= search.n_trials_ <= 45
    for name, column in found.items():
        if "rank" not in name:
            np.testing.assert_array_equal(column, expected[name][: search.n_trials_])


# --- what is fitted how often -----------------------------------------------------------------------------------------

FITS = []


class Counted(TransformerMixin, BaseEstimator):
    def __init__(self, name="", power=1, random_state=0):
        self.name = name
        self.power = power
        self.random_state = random_state

    def fit(self, X, y=None):
        FITS.append(self.name)
        self.n_ = len(X)
        return self

    def transform(self, X):
        return X + self.power


class SubPipeline(Pipeline):
    pass


def n_fits(estimator, space, cache_prefix="auto", **arguments):
    FITS.clear()
    run(estimator, space, X, Y, cache_prefix=cache_prefix, **arguments)
    return {name: FITS.count(name) for name in dict.fromkeys(FITS)}


@pytest.mark.parametrize("n_splits", [2, 5])
@pytest.mark.parametrize("max_concurrent_trials", [1, 4])
def test_each_distinct_prefix_is_fitted_once_per_fold(n_splits, max_concurrent_trials):
    estimator = pipe(Counted("a"), Counted("b"), Counted("c"), GaussianNB())
    space = {"a__power": [1, 2], "b__power": [1, 2, 3], **last("d", (1e-9, 1e-3, 1e-2, 0.1))}
    expected = {"a": 2 * n_splits, "b": 6 * n_splits, "c": 6 * n_splits}
    arguments = {"cv": n_splits, "max_concurrent_trials": max_concurrent_trials}
    assert n_fits(estimator, space, **arguments) == expected
    assert n_fits(estimator, space, "100MB", **arguments) == expected
    assert n_fits(estimator, space, False, **arguments) == dict.fromkeys("abc", 24 * n_splits)


def test_nested_prefixes_are_fitted_once_per_fold():
    estimator = pipe(pipe(Counted("a"), Counted("b")), pipe(Counted("c"), GaussianNB()))
    space = {"a__b__power": [1, 2, 3], "b__a__power": [1, 2], "b__b__var_smoothing": [1e-9, 1e-2]}
    assert n_fits(estimator, space) == {"a": 2, "b": 6, "c": 12}


def test_branches_of_unions_and_columns_are_fitted_once_per_fold():
    branch = pipe(Counted("a"), Counted("b"))
    union = FeatureUnion([("u", branch), ("v", "passthrough")])
    columns = ColumnTransformer([("u", clone(branch), [0, 1]), ("v", Counted("v"), [2])])
    for step in (union, columns):
        found = n_fits(pipe(step, GaussianNB()), {"a__u__b__power": [1, 2, 3], **last("b")})
        # the last step of a branch is fitted where its pipeline is, once for each distinct pipeline
        assert (found["a"], found["b"]) == (2, 6)


def test_prefixes_below_a_transformed_target_are_fitted_once_per_fold_and_target():
    estimator = TransformedTargetRegressor(
        pipe(Counted("a"), Ridge()), transformer=QuantileTransformer(n_quantiles=5, random_state=0)
    )
    space = {"transformer__n_quantiles": [4, 5], "regressor__b__alpha": [0.1, 1.0, 2.0]}
    assert n_fits(estimator, space, cv=3) == {"a": 6}


def test_prefixes_below_a_target_transformed_at_random_are_fitted_each_time():
    estimator = TransformedTargetRegressor(
        pipe(Counted("a"), Ridge()), transformer=QuantileTransformer(n_quantiles=5, random_state=None)
    )
    assert n_fits(estimator, {"regressor__b__alpha": [0.1, 1.0, 2.0]}) == {"a": 6}


RANDOM_STEPS = {
    "None": Counted("a", random_state=None),
    "a RandomState": Counted("a", random_state=np.random.RandomState(0)),
    "a Generator": Counted("a", random_state=np.random.default_rng(0)),
    "inside": pipe(Counted("a", random_state=None), StandardScaler()),
    "in a score function": pipe(Counted("a"), SelectKBest(mutual_info_classif, k=2)),
}


@pytest.mark.parametrize("name", RANDOM_STEPS)
def test_step_that_draws_at_random_is_shared_only_if_asked(name):
    inside = name == "in a score function"
    estimator = pipe(
        SelectKBest(mutual_info_classif, k=2) if inside else RANDOM_STEPS[name], Counted("z"), GaussianNB()
    )
    space = last("c", (1e-9, 1e-3, 1e-2))
    counted = "z" if inside else "a"
    assert n_fits(estimator, space)[counted] == 6
    assert n_fits(estimator, space, True)[counted] == 2


def test_step_after_one_that_draws_at_random_is_not_shared():
    estimator = pipe(Counted("a"), Counted("b", random_state=None), Counted("c"), GaussianNB())
    assert n_fits(estimator, last("d", (1e-9, 1e-3, 1e-2))) == {"a": 2, "b": 6, "c": 6}


class TakesSplits(Counted):
    def __init__(self, name="", cv=None):
        super().__init__(name)
        self.cv = cv


@pytest.mark.parametrize(("shuffle", "seed", "n"), [(True, None, 6), (True, 0, 2), (False, None, 2)])
def test_step_whose_splits_are_drawn_at_random_is_not_shared(shuffle, seed, n):
    estimator = pipe(TakesSplits("a", KFold(2, shuffle=shuffle, random_state=seed)), GaussianNB())
    assert n_fits(estimator, last("b", (1e-9, 1e-3, 1e-2))) == {"a": n}


def test_random_steps_draw_the_same_numbers_as_without_sharing():
    """They draw from NumPy's global state, which `run` seeds."""
    make = lambda: pipe(  # noqa: E731
        StandardScaler(),
        PCA(3, svd_solver="randomized"),
        SelectKBest(mutual_info_classif, k=2),
        RBFSampler(n_components=4),
        GaussianNB(),
    )
    assert_sharing_changes_nothing(make, {"b__whiten": [True, False], **last("e")}, shares=True)


def test_selection_by_shuffled_splits_draws_the_same_numbers_as_without_sharing():
    make = lambda: pipe(RFECV(Ridge(), cv=KFold(2, shuffle=True)), RBFSampler(n_components=4), GaussianNB())  # noqa: E731
    assert_sharing_changes_nothing(make, last("c"), y=TARGET > 2, shares=False)


def test_subclass_of_pipeline_is_not_shared():
    estimator = SubPipeline([("a", Counted("a")), ("b", GaussianNB())])
    assert n_fits(estimator, last("b")) == {"a": 4}
    inner = pipe(SubPipeline([("x", Counted("x")), ("y", StandardScaler())]), GaussianNB())
    # as a step like any other it is
    assert n_fits(inner, last("b")) == {"x": 2}


def test_sharing_goes_no_further_than_its_search():
    estimator = pipe(Counted("a"), GaussianNB())
    assert n_fits(estimator, last("b")) == n_fits(estimator, last("b")) == {"a": 2}


def test_fit_times_are_those_really_spent():
    estimator = pipe(Naps(), GaussianNB())
    _, search, _ = run(estimator, last("b", (1e-9, 1e-3, 1e-2)), X, Y, cache_prefix="auto")
    times = search.cv_results_["mean_fit_time"]
    assert times[0] >= 0.025
    assert min(times[1:]) < 0.025


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["1kB", "5kB", "20 kb", "1MiB"])
def test_store_never_holds_more_than_its_limit(monkeypatch, limit):
    held, bound = [], _sharing._bytes(limit)
    get = _store.PrefixStore.get

    def noted(self, key):
        held.append((self.n_bytes, sum(size for _, size in self._held.values())))
        return get(self, key)

    monkeypatch.setattr(_store.PrefixStore, "get", noted)
    estimator = pipe(StandardScaler(), PolynomialFeatures(), PCA(random_state=0), GaussianNB())
    run(estimator, {"c__n_components": [1, 2, 3, 4], **last("d")}, X, Y, cache_prefix=limit)
    assert all(counted == added <= bound for counted, added in held)
    assert held


def test_memory_is_free_after_the_search(monkeypatch):
    stores = []

    class Noted(_store.PrefixStore):
        def __init__(self, *args):
            super().__init__(*args)
            stores.append(weakref.ref(self))

    monkeypatch.setattr(_sharing, "PrefixStore", Noted)
    search = OptunaSearchCV(pipe(StandardScaler(), PCA(2, random_state=0), GaussianNB()), last("c"), cv=2).fit(X, Y)
    gc.collect()
    assert len(stores) == 1
    assert stores[0]() is None
    assert search.n_trials_ == 2


# --- what belongs to the caller ---------------------------------------------------------------------------------------


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


class NotedMemory:
    """A user's memory."""

    def __init__(self):
        self.calls = []

    def cache(self, function, ignore=None):
        def noted(step, *args, **kwargs):
            self.calls.append(type(step).__name__)
            return function(step, *args, **kwargs)

        return noted

    def __deepcopy__(self, memo):
        return self


@pytest.mark.parametrize("cache_prefix", [False, "auto", True])
def test_memory_of_the_user_is_asked_as_ever(cache_prefix):
    memory = NotedMemory()
    estimator = pipe(StandardScaler(), PCA(2, random_state=0), GaussianNB(), memory=memory)
    _, search, n_found = run(estimator, last("c"), X, Y, cache_prefix=cache_prefix, refit=True)
    assert memory.calls == ["StandardScaler", "PCA"] * (2 * 2 + 1)
    assert n_found == 0
    assert estimator.memory is search.best_estimator_.memory is memory


def test_directory_of_the_user_is_used_as_ever(tmp_path):
    make = lambda memory: pipe(StandardScaler(), PCA(2, random_state=0), GaussianNB(), memory=memory)  # noqa: E731
    expected, *_ = run(make(None), last("c"), X, Y, cache_prefix=False)
    for cache_prefix in (False, "auto"):
        folder = tmp_path / str(cache_prefix)
        found, search, _ = run(make(str(folder)), last("c"), X, Y, cache_prefix=cache_prefix, refit=True)
        assert_same(found, expected)
        assert search.best_estimator_.memory == str(folder)
    n_outputs = [len(list((tmp_path / name).rglob("output.pkl"))) for name in ("False", "auto")]
    assert n_outputs[0] == n_outputs[1] > 0


def test_memory_may_be_searched(tmp_path):
    make = lambda: pipe(StandardScaler(), PCA(2, random_state=0), GaussianNB())  # noqa: E731
    assert_sharing_changes_nothing(make, {"memory": [None, str(tmp_path)], **last("c")}, shares=False)


def test_data_of_the_caller_stays_as_it_was():
    data, estimator = X.copy(), pipe(StandardScaler(copy=False), Nearby())
    run(estimator, {"b__scale": [1.0, 2.0]}, data, Y, cache_prefix="auto")
    np.testing.assert_array_equal(data, X)


def test_warnings_of_steps_appear_as_without_sharing():
    def warns(X):
        warnings.warn("a transform warns", UserWarning, stacklevel=1)
        return X + 1

    estimator = pipe(FunctionTransformer(warns), GaussianNB())
    for cache_prefix in (False, "auto"):
        with pytest.warns(UserWarning, match="a transform warns"):
            run(estimator, last("b"), X, Y, cache_prefix=cache_prefix)


@pytest.mark.skipif(not hasattr(OptunaSearchCV, "set_callbacks"), reason="callbacks are new in scikit-learn 1.9")
def test_callbacks_of_scikit_learn_turn_sharing_off():
    class Silent:
        def setup(self, *args, **kwargs):
            pass

        def teardown(self, *args, **kwargs):
            pass

        def on_fit_task_begin(self, *args, **kwargs):
            pass

        def on_fit_task_end(self, *args, **kwargs):
            return False

    FITS.clear()
    estimator = pipe(Counted("a"), GaussianNB())
    search = OptunaSearchCV(estimator, last("b"), cv=2, refit=False)
    search.set_callbacks(Silent()).fit(X, Y)
    assert FITS.count("a") == 4
    plain = OptunaSearchCV(estimator, last("b"), cv=2, refit=False, cache_prefix=False).fit(X, Y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])


# --- the argument -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["", "many", "10", "-1GB", "0MB", "0.1B", "Auto", 3, 1.5, None, 0, 1, np.array([1, 2]), []]
)
def test_other_values_are_refused_before_anything_is_fitted(value):
    FITS.clear()
    search = OptunaSearchCV(pipe(Counted("a"), GaussianNB()), last("b"), cv=2, cache_prefix=value)
    with pytest.raises(InvalidArgumentError, match=r"'cache_prefix'.*'auto', True, False.*'500MB' or '2GiB', but got"):
        search.fit(X, Y)
    assert FITS == []


@pytest.mark.parametrize(("value", "n"), [(np.True_, 2), (np.False_, 4)])
def test_bool_of_numpy_is_a_bool(value, n):
    assert n_fits(pipe(Counted("a", random_state=None), GaussianNB()), last("b"), value) == {"a": n}


@pytest.mark.parametrize("estimator", [GaussianNB(), FeatureUnion([("a", pipe(StandardScaler()))])])
def test_estimator_without_pipelines_is_searched_as_ever(estimator):
    space = {"var_smoothing": [1e-9]} if isinstance(estimator, GaussianNB) else {"n_jobs": [None]}
    scoring = None if isinstance(estimator, GaussianNB) else lambda estimator, X, y: 0.0
    for cache_prefix in ("auto", True, "1MB"):
        assert run(estimator, space, X, Y, cache_prefix=cache_prefix, scoring=scoring)[2] == 0
