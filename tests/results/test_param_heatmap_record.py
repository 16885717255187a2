"""The record behind ParamHeatmapDisplay, and the values of parameters that it shares with others."""

import numpy as np
import pytest
from scipy.stats import loguniform, uniform
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results import ParamHeatmapRecord, ParamValues, param_heatmap_record
from sk_optuna.results._param_values import param_values, params_of

X = np.zeros((8, 1))
GRID = {"a": [1, 2, 3], "b": [10.0, 20.0], "kind": ["x", None]}


class Known(BaseEstimator):
    """Its score is -a, and 0.25 more of kind x."""

    def __init__(self, a=1.0, b=1.0, kind="x"):
        self.a = a
        self.b = b
        self.kind = kind

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return -self.a + 0.001 * self.b + (0.25 if self.kind == "x" else 0.0)


def searched(space, kind=OptunaSearchCV, **options):
    options = {"cv": 2, **options}
    return kind(Known(), space, **({"random_state": 0} if kind is OptunaSearchCV else {}), **options).fit(X)


def values(at, choices=None, name="a"):
    at = np.array(at, dtype=float)
    return ParamValues(name=name, at=at, choices=choices, is_log=False, low=float(np.nanmin(at)), high=float(max(at)))


def record_of(x, y, score, states=None):
    states = np.array(states or ["COMPLETE"] * len(x))
    return ParamHeatmapRecord(
        trial_number=np.arange(len(x)),
        trial_state=states,
        score=np.array(score, dtype=float),
        x=values(x),
        y=values(y, name="b"),
    )


@pytest.mark.parametrize("kind", [OptunaSearchCV, GridSearchCV])
def test_cells_of_a_grid_have_the_highest_score_over_other_parameters(kind):
    cells = param_heatmap_record(searched(GRID, kind), params=("a", "b")).cells()
    assert (cells.x.tolist(), cells.y.tolist(), cells.most) == ([1, 2, 3], [10, 20], 2)
    expected = [[-a + 0.001 * b + 0.25 for a in (1, 2, 3)] for b in (10, 20)]
    np.testing.assert_allclose(cells.score, expected)


def test_complete_candidates_come_before_higher_estimates_and_failed_ones_last():
    x, y = [0, 0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 0, 1, 1]
    states = ["PRUNED", "COMPLETE", "COMPLETE", "PRUNED", "FAIL", "COMPLETE", "FAIL"]
    cells = record_of(x, y, [9, 1, 2, 3, np.nan, 4, np.nan], states).cells()
    np.testing.assert_array_equal(cells.score, [[2, 3], [4, np.nan]])
    assert cells.state.tolist() == [["COMPLETE", "PRUNED"], ["COMPLETE", "FAIL"]]
    assert cells.most == 3


@pytest.mark.parametrize(
    ("x", "y"), [([0, 1, 0], [0, 0, 1]), ([0, 1], [0, 0]), (np.repeat(np.arange(13), 2), np.tile([0, 1], 13))]
)
def test_what_is_no_whole_grid_or_a_large_one_has_no_cells(x, y):
    assert record_of(x, y, np.zeros(len(x))).cells() is None


def test_values_are_the_users_and_missing_where_not_set():
    search = searched([{"a": loguniform(0.1, 10)}, {"a": loguniform(0.1, 10), "kind": ["x", None]}], n_trials=12)
    found = param_values(params_of(search))
    rows = search.cv_results_["params"]
    np.testing.assert_array_equal(found["a"].at, [row["a"] for row in rows])
    assert (found["a"].is_log, found["a"].low, found["a"].high) == (True, 0.1, 10.0)
    assert found["kind"].shown().tolist() == [row.get("kind") for row in rows]
    at = found["kind"].at
    assert np.isnan(at).tolist() == ["kind" not in row for row in rows]
    assert {found["kind"].choices[int(place)] for place in at[~np.isnan(at)]} == {"x", None}


def test_the_two_most_important_parameters_are_the_default():
    space = {"a": uniform(0, 1e-6), "b": uniform(0, 1), "kind": ["x", "y"]}
    few = param_heatmap_record(searched(space, n_trials=8))
    many = param_heatmap_record(searched(space, n_trials=40, sampler="random"))
    assert (few.x.name, few.y.name) == ("a", "b")
    assert {many.x.name, many.y.name} == {"b", "kind"}
    assert list(few.columns()) == ["trial_number", "trial_state", "score", "param_a", "param_b"]


def test_equal_scores_and_parameters_of_some_candidates_fall_back_to_the_order_of_the_table():
    equal = param_heatmap_record(searched({"kind": ["x"], "a": [1.0], "b": uniform(0, 1e-300)}, n_trials=25))
    assert (equal.x.name, equal.y.name) == ("a", "b")
    lists = [{"a": uniform(0, 3)}, {"b": uniform(0, 3), "kind": ["x", "y"]}]
    record = param_heatmap_record(searched(lists, n_trials=25))
    assert {record.x.name, record.y.name} < {"a", "b", "kind"}


@pytest.mark.parametrize("n_trials", [12, 60])
def test_no_default_plane_has_a_parameter_beside_one_that_decides_whether_it_is_there(n_trials):
    space = [{"kind": ["x"], "a": uniform(0, 1), "b": uniform(0, 1)}, {"kind": ["y"]}]
    record = param_heatmap_record(searched(space, n_trials=n_trials, sampler="random"))
    assert {record.x.name, record.y.name} == {"a", "b"}


def test_without_a_pair_that_varies_together_the_first_two_are_drawn():
    space = [{"kind": ["x"], "a": uniform(0, 1)}, {"kind": ["y"], "b": uniform(0, 1)}]
    record = param_heatmap_record(searched(space, n_trials=12, sampler="random"))
    assert [record.x.name, record.y.name] == list(param_values(params_of(searched(space, n_trials=12))))[:2]


def test_bad_input_is_refused():
    search = searched(GRID)
    with pytest.raises(NotFittedError):
        param_heatmap_record(OptunaSearchCV(Known(), GRID))
    with pytest.raises(InvalidArgumentError, match=r"params names 'kin', which no .*Nearest to 'kin': 'kind'"):
        param_heatmap_record(search, params=["a", "kin"])
    with pytest.raises(InvalidArgumentError, match=r"two different names, but has \['a', 'b', 'kind'\]"):
        param_heatmap_record(search, params=["a", "b", "kind"])
    with pytest.raises(InvalidArgumentError, match=r"params must have two different names, but has \['a', 'a'\]"):
        param_heatmap_record(search, params=["a", "a"])
    with pytest.raises(InvalidArgumentError, match=r"two different names, but has \['a', 'b', 'a'\]"):
        param_heatmap_record(search, params=["a", "b", "a"])
    for params in ("ab", [], [1, 2]):
        with pytest.raises(InvalidArgumentError, match="params must be None or a list of names"):
            param_heatmap_record(search, params=params)
    with pytest.raises(InvalidArgumentError, match=r"plane of two parameters, but this search has 1: \['a'\]"):
        param_heatmap_record(searched({"a": [1, 2]}))
