"""Snapshots: what comes out is the step as it was, whole, and shares nothing that can change."""

import itertools
import threading
import warnings
from functools import partial

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import all_estimators

from sk_optuna.prefixes._snapshot import OwnTransform, snapshot

X = np.abs(np.random.default_rng(0).normal(size=(40, 6))) + 0.1
Y = np.arange(40) % 3
SHARE_MEMORY_WITHIN = {"Birch", "SplineTransformer"}


def transformers():
    for name, kind in all_estimators(type_filter="transformer"):
        try:
            yield pytest.param(name, kind(), id=name)
        except TypeError:
            continue


@pytest.mark.parametrize(("name", "step"), transformers())
def test_copies_of_fitted_transformers_transform_alike(name, step):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            step.fit(X.copy(), Y)
            taken, names = snapshot(step), list(vars(step))  # a transform may draw
            expected = step.transform(X.copy())
        except (ValueError, AttributeError, TypeError):
            pytest.skip("takes other data, or does not transform")
        if name in SHARE_MEMORY_WITHIN:
            assert taken is None
            return
        for _ in range(2):
            found = taken.copy().transform(X.copy())
            assert type(found) is type(expected)
            dense = (each.toarray() if sparse.issparse(each) else each for each in (found, expected))
            np.testing.assert_array_equal(*dense)
    assert list(vars(taken.copy())) == names


class Holder(TransformerMixin, BaseEstimator):
    def __init__(self, held=None):
        self.held = held


class HidesState(Holder):
    def __getstate__(self):
        return {}


class Slots:
    __slots__ = ("a", "b")


class Reduced:
    def __reduce__(self):
        return Reduced, ()


class OwnClone(Holder):
    def __sklearn_clone__(self):
        return self


def local_function():
    return lambda X: X


def test_copy_has_also_what_an_estimator_leaves_out_of_its_pickle():
    assert snapshot(HidesState([3])).copy().held == [3]


def test_copy_has_slots():
    value = Slots()
    value.a = [1]
    copied = snapshot(Holder(value)).copy().held
    assert copied.a == [1]
    assert copied.a is not value.a
    assert not hasattr(copied, "b")


@pytest.mark.parametrize(
    "make", [list, dict, lambda: np.zeros(3), lambda: {"a": [np.zeros(2)]}, lambda: itertools.count(3)]
)
def test_nothing_that_changes_is_shared(make):
    held = make()
    taken = snapshot(Holder(held))
    first, second = taken.copy().held, taken.copy().held
    assert first is not held
    assert first is not second
    if isinstance(first, np.ndarray):
        assert not np.may_share_memory(first, second)
        first += 1
    elif isinstance(first, itertools.count):
        assert next(first) == 3
        assert next(second) == 3
    assert snapshot(Holder(held)) == taken


@pytest.mark.parametrize("function", [np.log1p, len, local_function(), snapshot, X.mean, partial(np.clip, a_min=0)])
def test_functions_stay_the_same(function):
    found = snapshot(FunctionTransformer(function)).copy().func
    if hasattr(function, "__self__") and function.__self__ is X:
        assert found() == function()
    else:
        assert found is function or found.func is function.func


def test_local_classes_stay_the_same():
    class Local(StandardScaler):
        pass

    assert type(snapshot(Local().fit(X)).copy()) is Local


def test_what_is_one_object_stays_one_object():
    array = np.zeros(3)
    copied = snapshot(Holder([array, {"a": array}])).copy().held
    assert copied[0] is copied[1]["a"]


VIEWS = [_ := np.asfortranarray(X), X, X[:, ::2], X[::-1], X.T[1:], X[:, :3], np.asfortranarray(X)[:3], X[::2, ::-2]]


@pytest.mark.parametrize("array", VIEWS, ids=lambda array: str(array.strides))
def test_arrays_keep_values_and_strides(array):
    copied = snapshot(Holder(array)).copy().held
    np.testing.assert_array_equal(copied, array)
    assert copied.strides == array.strides
    assert copied.flags.writeable == array.flags.writeable
    assert not np.may_share_memory(copied, array)


def read_only():
    array = np.zeros(3)
    array.setflags(write=False)
    return array


def test_read_only_arrays_stay_read_only():
    for array in (read_only(), read_only()[::2]):
        assert not snapshot(Holder(array)).copy().held.flags.writeable


def views_of_one_array():
    array = np.zeros(3)
    return [array, array[:1]]


REFUSED = {
    "views of one array": views_of_one_array(),
    "a lock": threading.Lock(),
    "a generator": (i for i in range(3)),
    "a class with a way of its own": Reduced(),
    "its own clone": OwnClone(),
    "a frozen estimator": FrozenEstimator(PCA().fit(X)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_copied_whole_is_refused(name):
    assert snapshot(Holder(REFUSED[name])) is None


@pytest.mark.parametrize("name", ["its own clone", "a frozen estimator"])
def test_what_is_its_own_clone_can_be_compared(name):
    step = REFUSED[name]
    before = snapshot(step, of_the_caller=True)
    assert before == snapshot(step, of_the_caller=True) is not None
    step.new_ = 1
    assert snapshot(step, of_the_caller=True) != before
    del step.new_


CHANGES = {
    "an attribute": lambda step: setattr(step, "new_", 1),
    "an array": lambda step: step.mean_.__setitem__(0, 7.0),
    "a list": lambda step: step.list_.append(1),
    "something out of sight": lambda step: step.hidden_.held.append(1),
    "a generator": lambda step: step.rng_.normal(),
    "a function": lambda step: setattr(step, "function_", local_function()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_snapshots_tell_what_has_changed(name):
    step = StandardScaler().fit(X)
    step.list_, step.hidden_ = [], HidesState([])
    step.rng_, step.function_ = np.random.RandomState(0), local_function()
    before = snapshot(step)
    assert before == snapshot(step)
    CHANGES[name](step)
    assert snapshot(step) != before


def test_transform_that_was_set_is_not_copied():
    step = StandardScaler().fit(X)
    vars(step)["transform"] = OwnTransform()
    copied = snapshot(Holder([step])).copy().held[0]
    assert "transform" not in vars(copied)
    np.testing.assert_array_equal(copied.transform(X), StandardScaler().fit_transform(X))
