"""The record behind ParamSliceDisplay: values, ranges and scores of the candidates, without a picture."""

import numpy as np
import pytest
from scipy.stats import loguniform, uniform
from sklearn.base import BaseEstimator

from sk_optuna import OptunaSearchCV
from sk_optuna.results import ParamSliceRecord, ParamValues, param_slice_record

X = np.zeros((20, 1))
NAN = np.nan


class Bowl(BaseEstimator):
    def __init__(self, a=1.0, b=0.0, kind="x"):
        self.a = a
        self.b = b
        self.kind = kind

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return -((np.log10(self.a) + 1) ** 2) - 0.001 * self.b


SPACE = [
    {"kind": ["x", len], "b": uniform(0, 1), "a": loguniform(1e-3, 10)},
    {"kind": ["none"], "b": uniform(2, 1)},
]


@pytest.fixture(scope="module")
def search():
    return OptunaSearchCV(Bowl(), SPACE, n_trials=40, cv=2, random_state=0).fit(X)


def test_values_are_those_of_the_table_with_nan_where_a_parameter_is_not_set(search):
    record = param_slice_record(search)
    assert {param.name for param in record.params} == {"a", "b", "kind"}
    for param in record.params:
        for value, params in zip(param.at, search.cv_results_["params"], strict=True):
            if param.name not in params:
                assert np.isnan(value)
            elif param.choices is None:
                assert value == params[param.name]
            else:
                assert param.choices[int(value)] == getattr(params["kind"], "__name__", params["kind"])
    np.testing.assert_array_equal(record.score, search.cv_results_["mean_test_score"])


def test_ranges_and_scales_are_those_of_the_space(search):
    shown = {param.name: param for param in param_slice_record(search).params}
    assert (shown["a"].low, shown["a"].high, shown["a"].is_log, shown["a"].choices) == (1e-3, 10.0, True, None)
    assert (shown["b"].low, shown["b"].high, shown["b"].is_log) == (0.0, 3.0, False)
    assert set(shown["kind"].choices) == {"x", "len", "none"}


def test_the_most_important_parameter_comes_first_and_others_are_named():
    names = [f"p{i}" for i in range(9)]
    space = {"b": uniform(0, 1), "a": loguniform(1e-3, 10)}
    many = type("Many", (Bowl,), {"__init__": None})
    code = f"def __init__(self, a=1.0, b=0.0, kind='x', {', '.join(f'{n}=0' for n in names)}):\n"
    scope = {}
    exec(code + "".join(f"    self.{n} = {n}\n" for n in ["a", "b", "kind", *names]), scope)
    many.__init__ = scope["__init__"]
    space = {**{name: uniform(0, 1) for name in names}, **space}
    search = OptunaSearchCV(many(), space, n_trials=60, sampler="random", cv=2, random_state=0).fit(X)
    record = param_slice_record(search)
    assert record.params[0].name == "a"
    assert len(record.params) == 8
    assert {*(param.name for param in record.params), *record.not_shown} == set(space)
    assert len(record.not_shown) == 3


def test_of_fewer_than_20_candidates_parameters_keep_their_order_and_constants_come_last():
    space = {"kind": ["x"], "b": uniform(0, 1), "a": loguniform(1e-3, 10)}
    search = OptunaSearchCV(Bowl(), space, n_trials=8, cv=2, random_state=0).fit(X)
    varied = [name for name in search.cv_results_["params"][0] if name != "kind"]
    assert [param.name for param in param_slice_record(search).params] == [*varied, "kind"]


def test_parameters_that_are_asked_for_are_in_that_order(search):
    record = param_slice_record(search, params=["b", "a"])
    assert [param.name for param in record.params] == ["b", "a"]
    assert record.not_shown == ["kind"]


STATES = ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED", "FAIL"]


def record_of_five():
    return ParamSliceRecord(
        params=[
            ParamValues(
                name="x", at=np.array([1.0, 2.0, NAN, 3.0, 4.0]), choices=None, is_log=False, low=0.0, high=5.0
            ),
            ParamValues(
                name="k", at=np.array([1.0, 0.0, 0.0, NAN, 1.0]), choices=("a", True), is_log=False, low=0.0, high=1.0
            ),
        ],
        trial_number=np.arange(5),
        trial_state=np.array(STATES),
        score=np.array([0.5, 0.25, 0.125, NAN, NAN]),
        infeasible=np.array([False, True, False, False, False]),
    )


def test_each_trial_is_in_one_group():
    groups = record_of_five().groups()
    assert {name: np.flatnonzero(mask).tolist() for name, mask in groups.items()} == {
        "PRUNED": [2],
        "INFEASIBLE": [1],
        "COMPLETE": [0],
        "NO SCORE": [3],
        "FAIL": [4],
    }


def test_columns_have_one_row_for_each_parameter_that_a_trial_sets():
    columns = record_of_five().columns()
    assert columns["param"].tolist() == ["x"] * 4 + ["k"] * 4
    assert columns["value"].tolist() == [1.0, 2.0, 3.0, 4.0, True, "a", "a", True]
    assert columns["trial_number"].tolist() == [0, 1, 3, 4, 0, 1, 2, 4]
    assert columns["trial_state"].tolist() == [STATES[i] for i in [0, 1, 3, 4, 0, 1, 2, 4]]
    np.testing.assert_array_equal(columns["score"], [0.5, 0.25, NAN, NAN, 0.5, 0.25, 0.125, NAN])
