"""Who holds data beside its box: whoever does is found, wherever it hides; and who does not is not suspected."""

import gc
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.manifold import Isomap, LocallyLinearEmbedding
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import all_estimators

from sk_optuna.prefixes._ownership import References, is_held_elsewhere

X = np.abs(np.random.default_rng(0).normal(size=(40, 6))) + 0.1
Y = np.arange(40) % 3
FRAME = pd.DataFrame(X, columns=list("abcdef"))
MAKES = {
    "array": lambda: X * 2,
    "transposed": lambda: (X * 2).T,
    "part of an array of its own": lambda: (X * 2)[3:, ::2],
    "csr": lambda: sparse.csr_matrix(X > 1),
    "csc array": lambda: sparse.csc_array(X > 1),
    "coo": lambda: sparse.coo_matrix(X > 1),
    "frame": lambda: FRAME * 2,
    "frame of many kinds": lambda: (FRAME * 2).assign(s="x", c=pd.Categorical(["u"] * 40), n=pd.NA),
    "frame of polars": lambda: pl.DataFrame(X * 2),
    "series": lambda: FRAME["a"] * 2,
    "texts": lambda: [f"text {i}" for i in range(5)],
    "lists": lambda: [[1.0, 2.0], [3.0]],
    "objects": lambda: np.array([[1], None, "x"], dtype=object),
}
FIRST_AND_FURTHER = [*list(MAKES)[:4], *(pytest.param(name, marks=pytest.mark.slow) for name in list(MAKES)[4:])]


@pytest.mark.parametrize("name", FIRST_AND_FURTHER)
def test_data_just_made_is_nobody_elses(name):
    assert not is_held_elsewhere([MAKES[name]()])


class Slots:
    __slots__ = ("kept",)


def in_slot(data):
    holder = Slots()
    holder.kept = data
    return holder


def in_closure(data):
    return lambda: data


def in_cycle(data):
    cycle = [data]
    cycle.append(cycle)
    return cycle


def in_generator(data):
    def numbers():
        yield data

    generator = numbers()
    next(generator)
    return generator


HOLDERS = [lambda data: data, lambda data: [data], lambda data: {"a": (1, [data])}, in_slot, in_closure, in_cycle]
HOLDERS += [in_generator, lambda data: FunctionTransformer(kw_args={"a": data})]


@pytest.mark.parametrize("holds", HOLDERS)
@pytest.mark.parametrize("name", FIRST_AND_FURTHER)
def test_data_that_somebody_holds_is_found_out(name, holds):
    box = [MAKES[name]()]
    held = holds(box[0])
    assert is_held_elsewhere(box)
    del held


@pytest.mark.parametrize("holds", HOLDERS)
@pytest.mark.parametrize("name", FIRST_AND_FURTHER)
def test_one_reference_more_is_noticed(name, holds):
    data = MAKES[name]()
    references = References([data])
    assert not references.have_grown()
    held = holds(data)
    assert references.have_grown()
    del held
    gc.collect()
    assert not references.have_grown()


PARTS = {
    "a view": ("array", lambda data: data[:1]),
    "a view of a view": ("array", lambda data: data[1:][:1].T),
    "the memory": ("array", memoryview),
    "the values of a matrix": ("csr", lambda data: data.data),
    "the indices of a matrix": ("csr", lambda data: data.indices[:1]),
    "the values of a frame": ("frame", lambda data: data.to_numpy()),
    "one of the lists": ("lists", lambda data: data[0]),
    "one of the objects": ("objects", lambda data: data[0]),
    "an array around the data": ("array", lambda data: np.asarray(data).view()),
}


@pytest.mark.parametrize("name", PARTS)
def test_whoever_holds_a_part_is_found_out(name):
    make, part = PARTS[name]
    box = [MAKES[make]()]
    held = part(box[0])
    assert is_held_elsewhere(box)
    del held


def test_data_of_the_caller_is_held():
    assert is_held_elsewhere([X])
    assert is_held_elsewhere([X[:, ::2]])
    assert is_held_elsewhere([pd.DataFrame(X, copy=False)])


def test_objects_that_do_not_show_what_they_hold_are_suspects():
    torch = pytest.importorskip("torch")
    assert is_held_elsewhere([torch.zeros(3)])
    assert is_held_elsewhere([[torch.zeros(3)]])


KEEP_WHAT_THEY_MAKE = {"FunctionTransformer", "Isomap", "LocallyLinearEmbedding", "TSNE"}  # the first returns X itself


def transformers():
    for name, kind in all_estimators(type_filter="transformer"):
        try:
            yield pytest.param(name, kind(), id=name)
        except TypeError:  # takes arguments
            continue
    yield pytest.param("union", FeatureUnion([("a", StandardScaler()), ("b", PCA(2))]), id="union")
    table = ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", PCA(2), slice(2, 5))], remainder="passthrough")
    yield pytest.param("table", table, id="table")


@pytest.mark.parametrize(("name", "step"), transformers())
@pytest.mark.parametrize("output", ["default", "pandas"])
def test_transformers_of_scikit_learn_hold_what_they_are_known_to_hold(name, step, output):
    """Were they suspected for nothing, nothing would be shared."""
    rows, y = X.copy(), Y.copy()
    targets = References([y])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            box = [step.set_output(transform=output).fit_transform(rows, y)]
        except (ValueError, AttributeError, TypeError):
            pytest.skip("takes other data")
    assert is_held_elsewhere(box) is (name in KEEP_WHAT_THEY_MAKE)
    assert not targets.have_grown()


@pytest.mark.parametrize("kind", [Isomap, LocallyLinearEmbedding])
def test_step_that_keeps_its_data_shows(kind):
    rows = X.copy()
    held = References([rows])
    assert not held.have_grown()
    step = kind(n_neighbors=5).fit(rows)
    assert held.have_grown()
    del step
