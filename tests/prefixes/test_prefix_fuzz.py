"""Random pipelines of steps with bad habits: scores with shared prefixes are those without, to the last bit.

A seed is a case. A hundred run here, ten of them quick; `SK_OPTUNA_FUZZ=100:1100` in the environment, and `--slow`, run
those of other seeds.
"""

import itertools
import os
import time
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from joblib import parallel_config
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Lasso, Ridge
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit, ShuffleSplit, TimeSeriesSplit
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna.prefixes import _sharing, _stored

pytestmark = pytest.mark.usefixtures("sent_by_value")

FIRST, _, LAST = os.environ.get("SK_OPTUNA_FUZZ", "0:100").partition(":")
SEEDS = range(int(FIRST), int(LAST))
# Of so many cases one runs on two processes, whose steps take long enough for files.
PROCESSES_EVERY = 10
_RNG = np.random.default_rng(0)
N = 36
X = _RNG.normal(size=(N, 5)) * [5, 1, 1, 2, 0.5] + 1
TARGET = np.exp(0.5 * X[:, 1] + 0.3 * X[:, 2])
WEIGHTS = np.arange(float(N)) % 5 + 0.5
GROUPS = np.arange(N) % 6


# --- steps with habits ------------------------------------------------------------------------------------------------


class Habit(TransformerMixin, BaseEstimator):
    """Multiplies centred data by `by`, and takes `seconds`."""

    def __init__(self, by=1.0, seconds=0.0):
        self.by = by
        self.seconds = seconds

    def fit(self, X, y=None, sample_weight=None):
        time.sleep(self.seconds)
        self.mean_ = np.average(np.asarray(X, float), axis=0, weights=sample_weight)
        return self

    def transform(self, X):
        time.sleep(self.seconds)
        return (np.asarray(X, float) - self.mean_) * self.by


class ClipsY(Habit):
    def fit(self, X, y=None, sample_weight=None):
        if isinstance(y, np.ndarray):
            np.minimum(y, 2.0 + self.by, out=y)
        return super().fit(X, y)


class ChangesWeights(Habit):
    def fit(self, X, y=None, sample_weight=None):
        if sample_weight is not None:
            sample_weight[::3] *= 1 + self.by**2
        return super().fit(X, y, sample_weight)


class ChangesX(Habit):
    def fit(self, X, y=None, sample_weight=None):
        super().fit(X, y)
        if isinstance(X, np.ndarray):
            X *= self.by + 0.5
        return self


class ChangesXToTransform(Habit):
    """In `transform` only: `fit_transform` copies."""

    def fit_transform(self, X, y=None, sample_weight=None):
        return self.fit(X, y).transform(np.array(X, float))

    def transform(self, X):
        X = np.asarray(X)
        X -= self.mean_ * self.by
        return X


class ReturnsItsX(Habit):
    def transform(self, X):
        return X


class View(Habit):
    def transform(self, X):
        return np.asarray(X, float)[:, ::2] if self.by > 1 else np.asarray(X, float)[:, 1:]


class Holder:
    __slots__ = ("made",)


class KeepsOutput(Habit):
    """Keeps what it made, in one place or another, and centres by it later."""

    def fit(self, X, y=None, sample_weight=None):
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X, y=None, sample_weight=None):
        super().fit(X, y)
        made = super().transform(X) + 1
        self.keep(made)
        return made

    def transform(self, X):
        return super().transform(X) - self.kept().mean(axis=0)


class KeepsInAttribute(KeepsOutput):
    def keep(self, made):
        self.made_ = made

    def kept(self):
        return self.made_


class KeepsInDict(KeepsOutput):
    def keep(self, made):
        self.state_ = {"train": [made]}

    def kept(self):
        return self.state_["train"][0]


class KeepsInClosure(KeepsOutput):
    def keep(self, made):
        self.kept = lambda: made


class KeepsInSlot(KeepsOutput):
    def keep(self, made):
        self.holder_ = Holder()
        self.holder_.made = made[1:]

    def kept(self):
        return self.holder_.made


class KeepsInFrame(KeepsOutput):
    def keep(self, made):
        self.frame_ = pd.DataFrame(made, copy=False)

    def kept(self):
        return self.frame_.to_numpy()


class KeepsX(Habit):
    """Keeps the very array that it was given, and its target."""

    def fit(self, X, y=None, sample_weight=None):
        super().fit(X, y)
        self.X_, self.y_ = X, y
        return self

    def transform(self, X):
        shift = np.asarray(self.X_, float).mean() + (0 if self.y_ is None else np.mean(self.y_))
        return super().transform(X) + shift


class Counts(Habit):
    def fit(self, X, y=None, sample_weight=None):
        self.start()
        return super().fit(X, y)

    def transform(self, X):
        return super().transform(X) + self.next_number() * self.by

    def start(self):
        self.n_ = 0

    def next_number(self):
        self.n_ += 1
        return self.n_


class CountsInList(Counts):
    def start(self):
        self.calls_ = []

    def next_number(self):
        self.calls_.append(1)
        return len(self.calls_)


class CountsInIterator(Counts):
    def start(self):
        self.numbers_ = itertools.count(1)

    def next_number(self):
        return next(self.numbers_)


class CountsInArray(Counts):
    """One array of it is a view of another."""

    def start(self):
        self.all_ = np.zeros(3)
        self.first_ = self.all_[:1]

    def next_number(self):
        self.all_ += 1
        return self.first_[0]


class CountsOutOfSight(Counts):
    """Its pickle does not say how often it was asked."""

    def start(self):
        self.hidden_ = [0]

    def next_number(self):
        self.hidden_[0] += 1
        return self.hidden_[0]

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "hidden_"}


class Draws(Counts):
    def start(self):
        self.rng_ = np.random.RandomState(3)

    def next_number(self):
        return self.rng_.normal()


class LearnsToTransform(Habit):
    """Centres by all that it ever saw."""

    def transform(self, X):
        made = super().transform(X)
        self.mean_ = 0.5 * self.mean_ + 0.5 * np.asarray(X, float).mean(axis=0)
        return made


class Caches(Habit):
    """Keeps what it made of rows in a dict, and returns it again."""

    def fit(self, X, y=None, sample_weight=None):
        self.cache_ = {}
        return super().fit(X, y)

    def transform(self, X):
        key = np.asarray(X, float).tobytes()
        if key not in self.cache_:
            self.cache_[key] = super().transform(X)
        return self.cache_[key]


class Lazy(Habit):
    def transform(self, X):
        if not hasattr(self, "scale_"):
            self.scale_ = np.abs(np.asarray(X, float)).max() + 1
        return super().transform(X) / self.scale_


class GoesOn(Habit):
    def fit(self, X, y=None, sample_weight=None):
        before = getattr(self, "mean_", 0.0)
        super().fit(X, y)
        self.mean_ = self.mean_ + 0.5 * before
        return self


class IsItsClone(Habit):
    def __sklearn_clone__(self):
        return self

    def fit(self, X, y=None, sample_weight=None):
        self.mean_ = 0.0
        return self


class Noise(Habit):
    def __init__(self, by=1.0, seconds=0.0, random_state=None):
        super().__init__(by, seconds)
        self.random_state = random_state

    def transform(self, X):
        rng = np.random.RandomState(len(X) if self.random_state is None else self.random_state)
        return super().transform(X) + rng.normal(size=np.shape(X)) * self.by


class MakesFrames(Habit):
    def transform(self, X):
        made = super().transform(X)
        return pd.DataFrame(made, columns=[f"c{i}" for i in range(made.shape[1])])


class MakesLists(Habit):
    def transform(self, X):
        return super().transform(X).tolist()


class MakesSparse(Habit):
    def transform(self, X):
        made = super().transform(X)
        made[np.abs(made) < 0.3] = 0
        return sparse.csr_matrix(made)


class ChangesSparse(Habit):
    def fit(self, X, y=None, sample_weight=None):
        return self

    def transform(self, X):
        if sparse.issparse(X):
            X.data *= self.by + 0.5
            return X
        return np.asarray(X, float)


class Dense(Habit):
    def fit(self, X, y=None, sample_weight=None):
        return self

    def transform(self, X):
        return X.toarray() if sparse.issparse(X) else np.asarray(X, float)


class ChangesRows(RegressorMixin, BaseEstimator):
    """A final estimator that changes what it is given."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y, sample_weight=None):
        X = np.asarray(X)
        self.mean_, self.level_ = X.mean(axis=0), np.mean(y)
        X *= self.alpha
        return self

    def predict(self, X):
        X = np.asarray(X)
        X -= self.mean_
        return X.sum(axis=1) * self.alpha + self.level_


def doubled_in_place(X):
    X = np.asarray(X)
    X *= 2
    return X


HABITS = [each for each in vars().copy().values() if isinstance(each, type) and issubclass(each, Habit)]
HABITS = [each for each in HABITS if each not in (KeepsOutput, MakesSparse, Dense, ChangesSparse)]


# --- cases ------------------------------------------------------------------------------------------------------------


class Cases:
    """Draws the parts of a case.

    Attributes
    ----------
    space : dict
        What is searched.
    is_for_one : bool
        Whether candidates have something in common: a step, or NumPy's generator. Side by side they differ from run to
        run, with sharing and without.
    is_routed : bool
        Whether scikit-learn routes weights to those that ask for them.
    """

    def __init__(self, seed, seconds):
        self.rng = np.random.default_rng(seed)
        self.seconds = seconds
        self.space = {}
        self.is_for_one = False
        self.is_routed = False

    def one_of(self, *options):
        return options[self.rng.integers(len(options))]

    def chance(self, share):
        return self.rng.random() < share

    def step(self, path):
        """Return a step, and perhaps search over its parameters."""
        if self.chance(0.65):
            step, params = HABITS[self.rng.integers(len(HABITS))](seconds=self.seconds), {"by": [0.5, 1.5]}
        else:
            step, params = self.one_of(
                (StandardScaler(copy=self.chance(0.5)), {"with_std": [True, False]}),
                (StandardScaler(copy=False), {"copy": [True, False]}),
                (MinMaxScaler(copy=False), {"feature_range": [(0, 1), (-1, 2)]}),
                (RobustScaler(copy=False), {"with_scaling": [True, False]}),
                (PCA(1, random_state=0, copy=self.chance(0.5)), {"whiten": [True, False]}),
                (PCA(1, svd_solver="randomized"), {"whiten": [True, False]}),
                (TruncatedSVD(1, random_state=0), {"n_iter": [2, 5]}),
                (SelectKBest(f_regression, k=1), {"k": [1, "all"]}),
                (FunctionTransformer(np.cbrt), {"func": [np.cbrt, None, doubled_in_place]}),
                (FunctionTransformer(doubled_in_place), {"func": [doubled_in_place, np.asfortranarray]}),
                (
                    Pipeline(
                        [("s", MakesSparse(seconds=self.seconds)), ("c", ChangesSparse()), ("d", Dense())],
                    ),
                    {"c__by": [0.5, 1.5]},
                ),
            )
        self.is_for_one |= isinstance(step, IsItsClone) or getattr(step, "svd_solver", None) == "randomized"
        if self.chance(0.35):
            name = self.one_of(*params)
            self.space[f"{path}__{name}"] = params[name]
        return step

    def steps(self, path, depth, least=1):
        return [
            (name, self.part(f"{path}__{name}" if path else name, depth))
            for name in "abc"[: self.rng.integers(least, 4 if depth == 0 else 3)]
        ]

    def part(self, path, depth):
        """Return a step, a pipeline, a union or a table."""
        kind = self.one_of("step", "step", "step", "pipeline", "union", "table") if depth < 2 else "step"
        if kind == "step":
            return self.step(path)
        if kind == "pipeline":
            return Pipeline(self.steps(path, depth + 1))
        if kind == "union":
            return FeatureUnion(self.steps(path, depth + 1, least=2))
        columns = [slice(0, 2), [0], slice(0, 1), slice(None)]
        return ColumnTransformer(
            [(name, part, self.one_of(*columns)) for name, part in self.steps(path, depth + 1, least=2)],
            remainder=self.one_of("drop", "passthrough"),
        )

    def estimator(self):
        steps = self.steps("", 0)
        final, alphas = self.one_of(
            (Ridge(), [0.1, 1.0]), (Lasso(0.1, copy_X=False, tol=1.0), [0.1, 1.0]), (ChangesRows(), [0.5, 1.0])
        )
        target = self.one_of(None, None, None, "inside", "outside")
        if target == "inside":
            inner = Pipeline([("z", self.step("end__regressor__z")), ("end", final)])
            transformer = QuantileTransformer(n_quantiles=5, random_state=0)
            self.space["end__regressor__end__alpha"] = alphas
            return Pipeline([*steps, ("end", TransformedTargetRegressor(inner, transformer=transformer))])
        self.space["end__alpha"] = alphas
        if self.chance(0.2):
            self.space["a"] = ["passthrough", StandardScaler(copy=False), ClipsY(2.0)]
            self.space = {name: values for name, values in self.space.items() if not name.startswith("a__")}
        pipeline = Pipeline([*steps, ("end", final)])
        if target is None:
            return pipeline
        self.space = {f"regressor__{name}": values for name, values in self.space.items()}
        return TransformedTargetRegressor(pipeline, transformer=StandardScaler())

    def data(self):
        return self.one_of(X, X, np.asfortranarray(X), X[:, ::-1], pd.DataFrame(X, columns=list("vwxyz")), X.tolist())

    def weights(self, estimator):
        """Return weights as fit parameters: for top-level steps, or routed to all that are to have them."""
        if self.chance(0.3):
            self.is_routed = True
            listed = [value for values in self.space.values() for value in values]
            for each in [estimator, *estimator.get_params().values(), *listed]:
                if hasattr(each, "set_fit_request"):
                    each.set_fit_request(sample_weight=self.chance(0.7))
            return {"sample_weight": WEIGHTS}
        if not isinstance(estimator, Pipeline) or self.chance(0.5):
            return {}
        takers = [name for name, step in estimator.steps if isinstance(step, Habit | Ridge)]
        return {f"{name}__sample_weight": WEIGHTS for name in takers}

    def arguments(self):
        cv, groups = self.one_of(
            (KFold(2), None),
            (KFold(3, shuffle=True, random_state=1), None),
            (ShuffleSplit(2, random_state=0), None),
            (GroupKFold(2), GROUPS),
            (TimeSeriesSplit(2), None),
            (PredefinedSplit(np.arange(N) % 3 - 1), None),
        )
        if self.is_routed:
            r2 = make_scorer(r2_score).set_score_request(sample_weight=self.chance(0.5))
            return {"cv": KFold(2), "scoring": self.one_of(r2, plain_scorer)}, {}
        scoring = self.one_of(None, None, ["r2", "neg_mean_absolute_error"], make_scorer(r2_score), plain_scorer)
        return {"cv": cv, "scoring": scoring}, {} if groups is None else {"groups": groups}


def plain_scorer(estimator, X, y):
    return float(r2_score(y, estimator.predict(X)) + r2_score(y, estimator.predict(X)))


def scores_of(estimator, space, X, y, fit_params, **arguments):
    """Return scores of all folds, or what went wrong with all of them."""
    np.random.seed(0)  # noqa: NPY002
    X, y = (each.copy() if hasattr(each, "copy") else each for each in (X, y))
    fit_params = {name: values.copy() for name, values in fit_params.items()}
    search = OptunaSearchCV(clone(estimator), space, refit=False, return_train_score=True, random_state=0, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            search.fit(X, y, **fit_params)
        except (ValueError, TypeError) as error:
            return str(error)[:30]
    return {
        name: np.asarray(v, float) for name, v in search.cv_results_.items() if "_test_" in name or "_train_" in name
    }


def assert_case_is_the_same_with_and_without_sharing(seed):
    on_processes = seed % PROCESSES_EVERY == PROCESSES_EVERY - 1
    with sklearn.config_context(enable_metadata_routing=True):
        cases = Cases(seed, seconds=0.002 if on_processes else 0.0)
        estimator, data = cases.estimator(), cases.data()
        weights = cases.weights(estimator)
        arguments, groups = cases.arguments()
    arguments |= {"n_trials": 6, "sampler": "random"}
    given = (estimator, cases.space, data, cases.one_of(TARGET, TARGET, X[:, :2] + 1), weights | groups)
    with sklearn.config_context(enable_metadata_routing=cases.is_routed):
        _assert_same(seed, cases, given, arguments, on_processes=on_processes)


def _assert_same(seed, cases, given, arguments, *, on_processes):
    expected = scores_of(*given, cache_prefix=False, **arguments)
    workers = [] if cases.is_for_one else [(2, "loky" if on_processes else "threading")]
    for n_jobs, backend in [(1, "threading"), *workers]:
        with parallel_config(backend):
            found = scores_of(*given, **arguments, n_jobs=n_jobs, cache_prefix=cases.one_of("auto", "auto", "20kB"))
        assert type(found) is type(expected), (seed, backend, expected, found)
        if isinstance(expected, str):
            assert found == expected
            continue
        assert found.keys() == expected.keys()
        for name, column in expected.items():
            np.testing.assert_array_equal(found[name], column, err_msg=f"{seed=} {backend=} {name} of {given[0]}")


@pytest.fixture
def _cheap_steps_are_shared(monkeypatch):
    monkeypatch.setattr(_stored, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(_stored, "_TIMES_DEARER", 0.0)
    monkeypatch.setattr(_sharing, "_WORTH_SECONDS", 0.0)


@pytest.mark.usefixtures("_cheap_steps_are_shared")
@pytest.mark.parametrize("first", [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[10::10])])
def test_scores_of_steps_with_habits_are_those_without_sharing(first):
    for seed in SEEDS[SEEDS.index(first) :][:10]:
        assert_case_is_the_same_with_and_without_sharing(seed)
