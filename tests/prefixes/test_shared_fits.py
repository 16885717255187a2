"""Each distinct prefix is fitted once in a fold, unless it draws at random or sharing is off."""

import sys
import time

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.feature_selection import RFECV, SelectKBest, mutual_info_classif
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._joblib import cloudpickle
from sk_optuna.exceptions import InvalidArgumentError

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


def n_fits(sharing, estimator, space, cache_prefix="auto", **arguments):
    FITS.clear()
    sharing.run(estimator, space, X, Y, cache_prefix=cache_prefix, **arguments)
    return {name: FITS.count(name) for name in dict.fromkeys(FITS)}


# --- what is fitted how often -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_splits", [2, 5])
@pytest.mark.parametrize("max_concurrent_trials", [1, 4])
def test_each_distinct_prefix_is_fitted_once_per_fold(n_splits, max_concurrent_trials, sharing):
    estimator = pipe(Counted("a"), Counted("b"), Counted("c"), GaussianNB())
    space = {"a__power": [1, 2], "b__power": [1, 2, 3], **last("d", (1e-9, 1e-3, 1e-2, 0.1))}
    expected = {"a": 2 * n_splits, "b": 6 * n_splits, "c": 6 * n_splits}
    arguments = {"cv": n_splits, "max_concurrent_trials": max_concurrent_trials}
    assert n_fits(sharing, estimator, space, **arguments) == expected
    assert n_fits(sharing, estimator, space, "100MB", **arguments) == expected
    assert n_fits(sharing, estimator, space, False, **arguments) == dict.fromkeys("abc", 24 * n_splits)


def test_nested_prefixes_are_fitted_once_per_fold(sharing):
    estimator = pipe(pipe(Counted("a"), Counted("b")), pipe(Counted("c"), GaussianNB()))
    space = {"a__b__power": [1, 2, 3], "b__a__power": [1, 2], "b__b__var_smoothing": [1e-9, 1e-2]}
    assert n_fits(sharing, estimator, space) == {"a": 2, "b": 6, "c": 12}


def test_branches_of_unions_and_columns_are_fitted_once_per_fold(sharing):
    branch = pipe(Counted("a"), Counted("b"))
    union = FeatureUnion([("u", branch), ("v", "passthrough")])
    columns = ColumnTransformer([("u", clone(branch), [0, 1]), ("v", Counted("v"), [2])])
    for step in (union, columns):
        found = n_fits(sharing, pipe(step, GaussianNB()), {"a__u__b__power": [1, 2, 3], **last("b")})
        # the last step of a branch is fitted where its pipeline is, once for each distinct pipeline
        assert (found["a"], found["b"]) == (2, 6)


def test_prefixes_below_a_transformed_target_are_fitted_once_per_fold_and_target(sharing):
    estimator = TransformedTargetRegressor(
        pipe(Counted("a"), Ridge()), transformer=QuantileTransformer(n_quantiles=5, random_state=0)
    )
    space = {"transformer__n_quantiles": [4, 5], "regressor__b__alpha": [0.1, 1.0, 2.0]}
    assert n_fits(sharing, estimator, space, cv=3) == {"a": 6}


def test_prefixes_below_a_target_transformed_at_random_are_fitted_each_time(sharing):
    estimator = TransformedTargetRegressor(
        pipe(Counted("a"), Ridge()), transformer=QuantileTransformer(n_quantiles=5, random_state=None)
    )
    assert n_fits(sharing, estimator, {"regressor__b__alpha": [0.1, 1.0, 2.0]}) == {"a": 6}


RANDOM_STEPS = {
    "None": Counted("a", random_state=None),
    "a RandomState": Counted("a", random_state=np.random.RandomState(0)),
    "a Generator": Counted("a", random_state=np.random.default_rng(0)),
    "inside": pipe(Counted("a", random_state=None), StandardScaler()),
    "in a score function": pipe(Counted("a"), SelectKBest(mutual_info_classif, k=2)),
}


@pytest.mark.parametrize("name", RANDOM_STEPS)
def test_step_that_draws_at_random_is_shared_only_if_asked(name, sharing):
    inside = name == "in a score function"
    estimator = pipe(
        SelectKBest(mutual_info_classif, k=2) if inside else RANDOM_STEPS[name], Counted("z"), GaussianNB()
    )
    space = last("c", (1e-9, 1e-3, 1e-2))
    counted = "z" if inside else "a"
    assert n_fits(sharing, estimator, space)[counted] == 6
    assert n_fits(sharing, estimator, space, True)[counted] == 2


def test_step_after_one_that_draws_at_random_is_not_shared(sharing):
    estimator = pipe(Counted("a"), Counted("b", random_state=None), Counted("c"), GaussianNB())
    assert n_fits(sharing, estimator, last("d", (1e-9, 1e-3, 1e-2))) == {"a": 2, "b": 6, "c": 6}


class TakesSplits(Counted):
    def __init__(self, name="", cv=None):
        super().__init__(name)
        self.cv = cv


@pytest.mark.parametrize(("shuffle", "seed", "n"), [(True, None, 6), (True, 0, 2), (False, None, 2)])
def test_step_whose_splits_are_drawn_at_random_is_not_shared(shuffle, seed, n, sharing):
    estimator = pipe(TakesSplits("a", KFold(2, shuffle=shuffle, random_state=seed)), GaussianNB())
    assert n_fits(sharing, estimator, last("b", (1e-9, 1e-3, 1e-2))) == {"a": n}


def test_random_steps_draw_the_same_numbers_as_without_sharing(sharing):
    """They draw from NumPy's global state, which `run` seeds."""
    make = lambda: pipe(  # noqa: E731
        StandardScaler(),
        PCA(3, svd_solver="randomized"),
        SelectKBest(mutual_info_classif, k=2),
        RBFSampler(n_components=4),
        GaussianNB(),
    )
    sharing.assert_changes_nothing(make, {"b__whiten": [True, False], **last("e")}, shares=True)


def test_selection_by_shuffled_splits_draws_the_same_numbers_as_without_sharing(sharing):
    make = lambda: pipe(RFECV(Ridge(), cv=KFold(2, shuffle=True)), RBFSampler(n_components=4), GaussianNB())  # noqa: E731
    sharing.assert_changes_nothing(make, last("c"), y=TARGET > 2, shares=False)


def test_subclass_of_pipeline_is_not_shared(sharing):
    estimator = SubPipeline([("a", Counted("a")), ("b", GaussianNB())])
    assert n_fits(sharing, estimator, last("b")) == {"a": 4}
    inner = pipe(SubPipeline([("x", Counted("x")), ("y", StandardScaler())]), GaussianNB())
    # as a step like any other it is
    assert n_fits(sharing, inner, last("b")) == {"x": 2}


def test_sharing_goes_no_further_than_its_search(sharing):
    estimator = pipe(Counted("a"), GaussianNB())
    assert n_fits(sharing, estimator, last("b")) == n_fits(sharing, estimator, last("b")) == {"a": 2}


def test_fit_times_are_those_really_spent(sharing):
    estimator = pipe(Naps(), GaussianNB())
    _, search, _ = sharing.run(estimator, last("b", (1e-9, 1e-3, 1e-2)), X, Y, cache_prefix="auto")
    times = search.cv_results_["mean_fit_time"]
    assert times[0] >= 0.025
    assert min(times[1:]) < 0.025


# --- what belongs to the caller ---------------------------------------------------------------------------------------


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
def test_bool_of_numpy_is_a_bool(value, n, sharing):
    assert n_fits(sharing, pipe(Counted("a", random_state=None), GaussianNB()), last("b"), value) == {"a": n}


@pytest.mark.parametrize("estimator", [GaussianNB(), FeatureUnion([("a", pipe(StandardScaler()))])])
def test_estimator_without_pipelines_is_searched_as_ever(estimator, sharing):
    space = {"var_smoothing": [1e-9]} if isinstance(estimator, GaussianNB) else {"n_jobs": [None]}
    scoring = None if isinstance(estimator, GaussianNB) else lambda estimator, X, y: 0.0
    for cache_prefix in ("auto", True, "1MB"):
        assert sharing.run(estimator, space, X, Y, cache_prefix=cache_prefix, scoring=scoring)[2] == 0
