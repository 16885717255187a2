"""Which pipelines share prefixes, which steps are the same, and what a shared step is outside a search."""

import copy
import pickle
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import RFECV, SelectFromModel, SelectKBest, f_classif, mutual_info_classif
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.prefixes import _current_evaluation, _sharing, _stored
from sk_optuna.prefixes._pipelines import PrefixMemory, with_shared_prefixes
from sk_optuna.prefixes._sharing import PrefixSharing, check_cache_prefix, share_prefixes

X = np.random.default_rng(0).normal(size=(20, 4)) + 1
Y = np.arange(20) % 2


@pytest.fixture(autouse=True)
def _cheap_steps_are_shared(monkeypatch):
    monkeypatch.setattr(_stored, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(_stored, "_TIMES_DEARER", 0.0)
    monkeypatch.setattr(_sharing, "_WORTH_SECONDS", 0.0)


# --- the argument -----------------------------------------------------------------------------------------------------

SIZES = {
    "1B": 1,
    "500MB": 500 * 10**6,
    "2GiB": 2 * 2**30,
    "1.5 kB": 1500,
    " 3 kib ": 3072,
    "0.5MB": 500_000,
    "1TB": 10**12,
    "7b": 7,
}


@pytest.mark.parametrize(("size", "n_bytes"), SIZES.items())
def test_sizes_are_read_in_thousands_and_with_an_i_in_1024s(size, n_bytes):
    check_cache_prefix(size)
    assert _sharing._bytes(size) == n_bytes


@pytest.mark.parametrize("value", [True, False, "auto", np.True_, np.False_])
def test_switches_are_accepted(value):
    check_cache_prefix(value)
    sharing = share_prefixes(value, make_pipeline(StandardScaler(), Ridge()), n_processes=1)
    assert (sharing is not None) is (value == "auto" or bool(value))


REFUSED = ["", "many", "10", "-1GB", "0MB", "0.5B", "1e3MB", "MB", "5 M", "AUTO", 3, 1.5, None, 0, [], b"auto", np.nan]


@pytest.mark.parametrize("value", [*REFUSED, np.array([1, 2])], ids=repr)
def test_other_values_are_refused_with_examples(value):
    says = (
        "'cache_prefix' parameter must be 'auto', True, False, or a size in bytes such as '500MB' or '2GiB', but got "
    )
    with pytest.raises(InvalidArgumentError, match=re.escape(says + repr(value))):
        check_cache_prefix(value)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.text("0123456789.-+ kKmMgGiIbBe", max_size=8))
def test_any_text_is_a_size_or_is_refused(text):
    try:
        n_bytes = _sharing._bytes(text)
    except InvalidArgumentError:
        return
    assert n_bytes >= 1


def test_memory_is_divided_among_processes():
    one, four = (
        share_prefixes("1MB", make_pipeline(StandardScaler(), Ridge()), n_processes=n_processes)._limit
        for n_processes in (1, 4)
    )
    assert (one, four) == (10**6, 250_000)


# --- where pipelines share --------------------------------------------------------------------------------------------


class SubPipeline(Pipeline):
    pass


def pipe(*steps, **arguments):
    return Pipeline([(name, step) for name, step in zip("abcdefg", steps, strict=False)], **arguments)


def shares(pipeline):
    return isinstance(pipeline.memory, PrefixMemory)


def test_pipelines_share_wherever_known_data_reaches_them():
    leaf = partial(pipe, StandardScaler(), MinMaxScaler())
    union = FeatureUnion([("u", leaf()), ("s", SubPipeline(leaf().steps)), ("m", leaf(memory="."))])
    table = ColumnTransformer([("u", leaf(), [0]), ("d", "drop", [1])])
    target = TransformedTargetRegressor(pipe(leaf(), Ridge()))
    estimator = pipe(union, table, None, "passthrough", leaf(), target)
    assert with_shared_prefixes(estimator)
    assert shares(estimator)
    assert shares(union.transformer_list[0][1])
    assert not shares(union.transformer_list[1][1])
    assert union.transformer_list[2][1].memory == "."
    assert shares(table.transformers[0][1])
    assert shares(estimator.named_steps["e"])
    assert shares(target.regressor)
    assert shares(target.regressor.steps[0][1])
    assert target.regressor.memory.targets == (("f",),)
    assert [pipeline.memory.is_entry for pipeline in (estimator, target.regressor)] == [True, False]


ALONE = {
    "no pipeline": LogisticRegression(),
    "subclass": SubPipeline([("a", StandardScaler()), ("b", Ridge())]),
    "memory of its own": pipe(StandardScaler(), Ridge(), memory="."),
    "union": FeatureUnion([("u", pipe(StandardScaler()))]),
    "target of an estimator": TransformedTargetRegressor(Ridge()),
    "target of the default": TransformedTargetRegressor(),
}


@pytest.mark.parametrize("name", ALONE)
def test_other_estimators_are_left_alone(name):
    estimator = clone(ALONE[name])
    before = repr(estimator)
    assert not with_shared_prefixes(estimator)
    assert repr(estimator) == before
    for value in ("auto", True, "1MB"):
        assert share_prefixes(value, estimator, n_processes=1) is None


def test_memory_stays_the_same_in_clones_and_is_of_no_effect_elsewhere():
    estimator = pipe(StandardScaler(), PCA(2, random_state=0), LogisticRegression())
    plain = clone(estimator).fit(X, Y)
    with_shared_prefixes(estimator)
    copied = clone(estimator)
    assert copied.memory is estimator.memory is copy.deepcopy(estimator).memory
    np.testing.assert_array_equal(copied.fit(X, Y).predict_proba(X), plain.predict_proba(X))
    arrived = pickle.loads(pickle.dumps(copied))
    np.testing.assert_array_equal(arrived.fit(X, Y).predict_proba(X), plain.predict_proba(X))


def test_pipeline_that_shares_does_not_clone_its_steps_more_than_without():
    """A step fitted again goes on where it was, as one with warm_start wants to."""
    estimator = pipe(StandardScaler(), LogisticRegression())
    with_shared_prefixes(estimator)
    step = estimator.steps[0][1]
    estimator.fit(X, Y)
    assert estimator.steps[0][1] is step


# --- which steps repeat themselves ------------------------------------------------------------------------------------


def noise(X, random_state=None):
    return X + np.random.default_rng(random_state).normal(size=X.shape)


class Duck:
    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


class Params(TransformerMixin, BaseEstimator):
    def __init__(self, random_state=0, inner=None, other=None):
        self.random_state = random_state
        self.inner = inner
        self.other = other


REPEATS = {
    "no random_state": StandardScaler(),
    "an integer": PCA(random_state=3),
    "an integer of NumPy": PCA(random_state=np.int64(3)),
    "a function": FunctionTransformer(np.log1p),
    "a score function": SelectKBest(f_classif),
    "a score function given its seed": SelectKBest(partial(mutual_info_classif, random_state=0)),
    "seeds all the way down": SelectFromModel(RandomForestClassifier(random_state=0)),
    "splits in order": RFECV(LinearRegression(), cv=KFold(3)),
    "splits with a seed": RFECV(LinearRegression(), cv=KFold(3, shuffle=True, random_state=0)),
    "a class": Params(other=np.random.RandomState),
    "a duck with a seed": Duck(0),
}
DRAWS = {
    "None": PCA(),
    "RandomState": PCA(random_state=np.random.RandomState(0)),
    "Generator": Params(np.random.default_rng(0)),
    "the module": Params(np.random.mtrand._rand),
    "a generator under another name": Params(other=np.random.default_rng(0)),
    "below": SelectFromModel(RandomForestClassifier()),
    "further below": pipe(FeatureUnion([("u", PCA())]), StandardScaler()),
    "a score function": SelectKBest(mutual_info_classif),
    "a score function with a generator": SelectKBest(
        partial(mutual_info_classif, random_state=np.random.RandomState(0))
    ),
    "a function with a default": FunctionTransformer(noise),
    "shuffled splits": RFECV(LinearRegression(), cv=KFold(3, shuffle=True)),
    "a generator among keywords": FunctionTransformer(np.clip, kw_args={"out": np.random.RandomState(0)}),
    "a duck": Duck(),
}


@pytest.mark.parametrize("name", REPEATS)
def test_step_that_repeats_itself_is_shared(name):
    assert PrefixSharing(1, n_processes=1, share_random=False).repeats_itself(b"key", REPEATS[name])


@pytest.mark.parametrize("name", DRAWS)
def test_step_that_draws_at_random_is_shared_only_if_asked(name):
    assert not PrefixSharing(1, n_processes=1, share_random=False).repeats_itself(b"key", DRAWS[name])
    assert PrefixSharing(1, n_processes=1, share_random=True).repeats_itself(b"key", DRAWS[name])


# --- a shared step ----------------------------------------------------------------------------------------------------


def shared_fit(estimator, sharing, fold=0):
    with sharing.evaluating(fold, estimator):
        return estimator.fit(X, Y)


def test_shared_step_is_outside_a_search_what_its_class_makes_it():
    estimator = pipe(StandardScaler(), PCA(2, random_state=0), LogisticRegression())
    plain = clone(estimator).fit(X, Y)
    sharing = share_prefixes("1MB", estimator, n_processes=1)
    for _ in range(2):
        fitted = shared_fit(clone(estimator), sharing)
        for make in (lambda e: e, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e)), lambda e: e[:]):
            found = make(fitted)
            np.testing.assert_array_equal(found.predict_proba(X), plain.predict_proba(X))
            np.testing.assert_array_equal(found[:-1].transform(X[:3]), plain[:-1].transform(X[:3]))
        assert fitted[0].get_params() == plain[0].get_params()
        assert fitted[0].__sklearn_is_fitted__() if hasattr(fitted[0], "__sklearn_is_fitted__") else True
        np.testing.assert_array_equal(fitted[0].inverse_transform(X), plain[0].inverse_transform(X))


def test_shared_step_that_is_fitted_anew_transforms_as_fitted_anew():
    estimator = pipe(StandardScaler(), LogisticRegression())
    sharing = share_prefixes("1MB", estimator, n_processes=1)
    for _ in range(2):
        copied = clone(estimator)
        with sharing.evaluating(0, copied):
            data = X.copy()
            copied.fit(data, Y)
            step = copied[0]
            first = step.transform(data)
            step.fit(data[:5])
            np.testing.assert_array_equal(step.transform(data), StandardScaler().fit(X[:5]).transform(X))
            np.testing.assert_array_equal(first, StandardScaler().fit_transform(X))


@pytest.mark.parametrize("fold", [0, 1])
def test_fit_of_one_fold_is_not_taken_for_that_of_another(fold):
    estimator = pipe(StandardScaler(), LogisticRegression())
    sharing = share_prefixes("1MB", estimator, n_processes=1)
    shared_fit(clone(estimator), sharing, fold=0)
    copied = clone(estimator)
    with sharing.evaluating(fold, copied):
        copied.fit(X[:15] if fold else X, Y[:15] if fold else Y)
    np.testing.assert_array_equal(copied[0].mean_, X[:15].mean(axis=0) if fold else X.mean(axis=0))


def test_evaluation_within_another_does_not_reach_the_outer_one(monkeypatch):
    """Not even where the inner one no longer looks for prefixes."""
    outer, inner = (pipe(StandardScaler(), LogisticRegression()) for _ in range(2))
    outer_sharing = share_prefixes("1MB", outer, n_processes=1)
    inner_sharing = share_prefixes("1MB", inner, n_processes=1)
    monkeypatch.setattr(_sharing, "_WORTH_SECONDS", 1e9)
    monkeypatch.setattr(_sharing, "_LOOKED_AT", 1)
    inner_sharing.store.n_evaluations = 1
    with outer_sharing.evaluating(0, outer):
        outer.fit(X, Y)
        with inner_sharing.evaluating(0, inner):
            inner.fit(X[:10], Y[:10])
        np.testing.assert_array_equal(inner[0].mean_, X[:10].mean(axis=0))
        assert "transform" not in vars(inner[0])


def test_nothing_is_known_after_an_evaluation():
    estimator = pipe(StandardScaler(), LogisticRegression())
    sharing = share_prefixes("1MB", estimator, n_processes=1)
    with pytest.raises(ZeroDivisionError), sharing.evaluating(0, estimator):
        raise ZeroDivisionError
    assert getattr(_current_evaluation._here, "evaluation", None) is None
