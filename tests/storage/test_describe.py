"""Equal arguments have equal descriptions, in any process; others have others, and no value of the data is in one."""

import functools
import operator
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date

import numpy as np
import optuna
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import sparse, stats
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer, precision_score
from sklearn.model_selection import KFold, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sk_optuna.storage import describe, describe_data


@dataclass
class Options:
    rate: float
    names: tuple = ()


class Plain:
    def __init__(self, **attributes):
        vars(self).update(attributes)


class Slotted:
    __slots__ = ("level",)

    def __init__(self, level):
        self.level = level


class Kept(BaseEstimator):
    def __init__(self, value=None):
        self.value = value


def scorer_of(function):
    @functools.wraps(function)
    def scorer(*args):
        return function(*args)

    return scorer


def counted(n):
    def space(trial):
        return {"x": trial.suggest_int("x", 0, n)}

    return space


def with_default(n):
    return lambda trial, n=n: {"x": n}


def one_column(values):
    return pl.DataFrame({"a": values})


def distribution(shape):
    return stats.rv_histogram(np.histogram(shape))


# Each row: values of which no two are the same argument.
DIFFERENT = {
    "numbers": [0, 0.0, False, None, "0", -0.0, float("nan"), float("inf"), b"0", 0j],
    "nested": [[1, [2]], [1, (2,)], (1, [2]), [[1], 2], {1: 2}, {"1": 2}, {1, 2}, range(1, 2), []],
    "estimators": [SVC(), SVC(C=2), SVC(kernel="linear"), LogisticRegression(), make_pipeline(SVC()), SVC],
    "nested estimators": [Kept(SVC(C=1.0)), Kept(SVC(C=1.5)), Kept(Kept()), Kept([SVC()]), Kept({"a": SVC()})],
    "scorers": [
        "f1",
        make_scorer(f1_score),
        make_scorer(f1_score, average="macro"),
        make_scorer(precision_score),
        make_scorer(lambda y, p: 0),
        make_scorer(lambda y, p: 1),
    ],
    "splitters": [
        3,
        KFold(3),
        KFold(3, shuffle=True),
        KFold(3, shuffle=True, random_state=np.random.RandomState(0)),
        KFold(3, shuffle=True, random_state=np.random.RandomState(1)),
        PredefinedSplit(np.arange(2000) % 2),
        PredefinedSplit((np.arange(2000) + (np.arange(2000) == 1000)) % 2),
    ],
    "lambdas": [lambda t: 1, lambda t: 2, lambda t: t.a, lambda t: t.b, lambda t: t in {"a", "b"}, lambda: lambda: 3],
    "closures": [counted(1), counted(2), counted([1]), counted(np.arange(2)), counted(np.arange(3))],
    "defaults": [with_default(1), with_default(2)],
    "wrapped": [scorer_of(lambda y: 1), scorer_of(lambda y: 2)],
    "partials": [
        functools.partial(f1_score),
        functools.partial(f1_score, average="macro"),
        functools.partial(f1_score, None),
        functools.partial(precision_score),
    ],
    "functions of others": [
        np.log,
        np.exp,
        np.mean,
        np.median,
        len,
        min,
        operator.itemgetter(1),
        operator.itemgetter(2),
    ],
    "methods": [
        Plain(a=1).__init__,
        Plain(a=2).__init__,
        np.random.default_rng(0).normal,
        np.random.default_rng(1).normal,
        np.random.default_rng(0).uniform,
        "a".join,
        "b".join,
    ],
    "generators": [
        np.random.RandomState(0),
        np.random.RandomState(1),
        np.random.default_rng(0),
        np.random.default_rng(1),
        np.random,
        None,
    ],
    "distributions": [
        stats.loguniform(1e-3, 1e3),
        stats.loguniform(1e-3, 1e2),
        stats.uniform(1e-3, 1e3),
        stats.norm(scale=2),
        stats.norm(2),
        distribution([1.0, 2.0]),
        distribution([1.0, 3.0]),
        distribution([1.0, 2.0])(),
        optuna.distributions.FloatDistribution(0, 1),
        optuna.distributions.FloatDistribution(1e-9, 1, log=True),
        optuna.distributions.FloatDistribution(0, 1, step=0.1),
        optuna.distributions.IntDistribution(0, 1),
        optuna.distributions.CategoricalDistribution([1, 2]),
        optuna.distributions.CategoricalDistribution([1, True]),
    ],
    "samplers and pruners": [
        optuna.pruners.MedianPruner(),
        optuna.pruners.MedianPruner(n_startup_trials=2),
        optuna.pruners.PercentilePruner(25.0),
        optuna.samplers.TPESampler(seed=0),
        optuna.samplers.TPESampler(seed=0, n_startup_trials=3),
    ],
    "arrays": [
        np.arange(3),
        np.arange(3.0),
        np.arange(3)[:, None],
        np.arange(3)[::-1],
        np.arange(3, dtype="int32"),
        np.ma.masked_array(np.arange(3), mask=[0, 0, 1]),
        np.ma.masked_array(np.arange(3), mask=[0, 1, 0]),
        np.ma.masked_array(np.array([0, 1, 5]), mask=[0, 0, 0]),
        np.array(["a", "b"]),
        np.array(["a", "b"], dtype=object),
        np.array([1, "b"], dtype=object),
        np.array([1, None], dtype=object),
    ],
    "long arrays": [np.zeros(5000), np.eye(1, 5000, 2500)[0]],
    "frames": [
        pd.DataFrame({"a": [1, 2]}),
        pd.DataFrame({"a": [1, 3]}),
        pd.DataFrame({"b": [1, 2]}),
        pd.DataFrame({"a": [1.0, 2.0]}),
        pd.DataFrame({"a": pd.Categorical(["u", "v"])}),
        pd.DataFrame({"a": pd.Categorical(["u", "v"], categories=["v", "u"])}),
        pd.DataFrame({"a": pd.Categorical(["u", "v"], ordered=True)}),
        pd.DataFrame({"a": pd.to_datetime(["2026-01-01", "2026-01-02"])}),
        pd.DataFrame({"a": pd.to_datetime(["2026-01-01", "2026-01-03"])}),
        pd.DataFrame({"a": pd.to_datetime(["2026-01-01", "2026-01-02"]).tz_localize("Europe/Paris")}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
        pd.DataFrame({"a": [date(2026, 1, 1), None]}),
        pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
        pd.DataFrame([[1, 2], [3, 5]], columns=["a", "a"]),
        pd.DataFrame({"a": np.arange(5000)}),
        pd.DataFrame({"a": np.arange(5000) + (np.arange(5000) == 2500)}),
        pl.DataFrame({"a": [1, 2]}),
        pl.DataFrame({"a": [1, 3]}),
        pl.DataFrame({"a": ["u", "v"]}),
        pl.DataFrame({"a": [date(2026, 1, 1), None]}),
    ],
    "sparse": [
        sparse.csr_matrix(np.eye(3)),
        sparse.csr_matrix(np.eye(3) * 2),
        sparse.csr_matrix(np.eye(3)[::-1]),
        sparse.csc_matrix(np.eye(4)),
        sparse.coo_array(np.eye(3, dtype="float32")),
    ],
    "objects": [
        Plain(),
        Plain(a=1),
        Plain(a=2),
        Plain(b=Plain(a=2)),
        Slotted(1),
        Slotted(2),
        Options(0.1),
        Options(0.2),
    ],
    "times": [np.datetime64("NaT"), None, np.datetime64("2026-01-01"), np.timedelta64(1, "s"), np.timedelta64(1, "ms")],
    "long lists": [list(range(50_000)), [*range(49_999), 0]],
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_arguments_that_differ_have_descriptions_that_differ(kind):
    seen = {}
    for value in DIFFERENT[kind]:
        text = describe(value)
        assert text not in seen, f"{value!r} and {seen[text]!r} are both {text}"
        seen[text] = value


PRINTED = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("test_describe", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["test_describe"] = module
spec.loader.exec_module(module)
print(json.dumps({kind: [module.describe(value) for value in values] for kind, values in module.DIFFERENT.items()}))
"""


def test_descriptions_are_the_same_in_another_process_with_other_hashes():
    seen = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PRINTED, __file__],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        seen.add(done.stdout)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.float64(0.5), 0.5),
        (np.int32(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.asfortranarray(np.ones((3, 2))), np.ones((3, 2))),
        (np.ones((6, 2))[::2], np.ones((3, 2))),
        (sparse.csr_matrix(np.eye(3)), sparse.csr_matrix(np.eye(3))),
        (np.array([date(2026, 1, 1)] * 2), np.array([date(2026, 1, 1), date(2026, 1, 1)])),
        (KFold(3, shuffle=True, random_state=np.random.RandomState(0)),) * 2,
        (np.random.mtrand._rand, np.random.mtrand._rand),
        (Plain(a={"x", "y"}), Plain(a={"y", "x"})),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_way_in_which_a_value_is_held_does_not_matter(one, other):
    assert describe(one) == describe(other)


def test_what_others_draw_from_the_global_generator_does_not_matter():
    before = describe(distribution([1.0, 2.0]))
    np.random.random_sample()  # noqa: NPY002
    assert describe(distribution([1.0, 2.0])) == before


def test_parameters_are_in_clear_text_unless_they_are_defaults():
    assert describe(SVC(C=2, kernel="rbf")) == "sklearn.svm._classes.SVC(C=2)"
    assert describe({"C": stats.loguniform(1e-3, 10)}) == "{'C': loguniform(0.001, 10)}"


def test_a_mended_function_is_the_same_one_and_a_lambda_is_not():
    def before(x):
        return x

    def after(x):
        return x + 1

    after.__qualname__ = before.__qualname__
    assert describe(before) == describe(after)


def test_values_that_contain_themselves_are_described():
    items, one = [1], Plain()
    items.append(items)
    one.self = one
    assert describe(items) == "[1, ...]"
    assert "self=..." in describe(one)

    def recursive(n):
        return recursive(n - 1) if n else unassigned

    assert "recursive" in describe(recursive)
    unassigned = 0
    assert "recursive" in describe(recursive)


def test_a_generator_of_folds_is_described_without_being_drawn_from():
    folds = KFold(3).split(np.zeros(6))
    assert describe(folds) == describe(KFold(3, shuffle=True).split(np.zeros(6)))
    assert len(list(folds)) == 3


def test_a_description_is_short_whatever_is_described():
    assert len(describe(list(range(10**6)))) < 21_000


@given(arrays(st.sampled_from(["f8", "f4", "i8", "u1", "bool", "U3", "S2", "M8[s]"]), array_shapes(max_dims=3)))
def test_equal_arrays_are_described_alike_in_any_layout_and_contain_no_value(array):
    text = describe_data(array)
    assert text == describe_data(array.copy()) == describe_data(np.asfortranarray(array))
    assert text.startswith(f"array of shape {array.shape}, {array.dtype}, ")
    assert len(text.rpartition(", ")[2]) == 16


@given(arrays("f8", st.integers(1, 20), elements=st.floats(width=16, allow_nan=False)), st.data())
def test_one_changed_value_changes_the_description(array, data):
    changed = array.copy()
    i = data.draw(st.integers(0, len(array) - 1))
    changed[i] = -array[i] if array[i] else 1.0
    for kind in (np.asarray, list, sparse.csr_matrix, pd.Series, one_column, np.ma.masked_array):
        assert (describe_data(kind(array)) == describe_data(kind(changed))) == (array.tobytes() == changed.tobytes())


def test_lists_and_texts_as_data():
    texts = ["one", "two"]
    assert describe_data(texts) == describe_data(["one", "".join(["t", "wo"])])
    assert describe_data(texts) != describe_data(["one", "too"])
    assert describe_data(texts).startswith("list of length 2, ")
    assert describe_data([[1, 2], [1, 2]]) == describe_data([[1, 2]] * 2)
    assert describe_data(None) == "None"


def test_data_whose_values_cannot_be_got_at_is_described_by_its_class():
    class Closed:
        shape = (3, 2)

        def __reduce__(self):
            raise RuntimeError("no")

    assert describe_data(Closed()) == "Closed of shape (3, 2)"


def test_networks_are_described_by_their_layers_and_weights():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    one, other = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    assert describe(one) != describe(other)
    other.load_state_dict(one.state_dict())
    assert describe(Kept(one)) == describe(Kept(other))
    assert "Linear(in_features=2" in describe(one)
    assert describe(torch.nn.Linear) == "torch.nn.modules.linear.Linear"
    weights = torch.zeros(2000)
    assert describe(weights) != describe(torch.eye(1, 2000)[0])
    assert describe_data(weights.requires_grad_()) == describe_data(torch.zeros(2000))
    assert describe_data(torch.zeros(3, dtype=torch.bfloat16)) != describe_data(torch.ones(3, dtype=torch.bfloat16))


def test_forests_in_a_pipeline_are_described_whole():
    one = make_pipeline(RandomForestClassifier(random_state=0))
    assert describe(one) == describe(make_pipeline(RandomForestClassifier(random_state=0)))
    assert describe(one) != describe(make_pipeline(RandomForestClassifier(random_state=0, ccp_alpha=0.1)))


class Shy(BaseEstimator):
    """Cannot be asked for anything."""

    def get_params(self, deep=True):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")


class Endless:
    """Has no length, as datasets that are streams."""

    def __len__(self):
        raise TypeError("no length")

    def __reduce__(self):
        raise TypeError("no pickle")


def test_objects_that_raise_when_they_are_asked_are_described_by_their_class():
    assert describe([Shy(), 1]).endswith("Shy, 1]")
    assert describe_data(Endless()) == "Endless"
