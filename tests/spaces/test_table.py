"""Dicts and lists of dicts: their size, their order, their branches, and what a study sees of them."""

import math
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidSpaceError
from sk_optuna.spaces import TableSpace, space_from_user

# The same examples on every machine: a suite that fails now and then is not run.
examples = settings(max_examples=30)

X = np.zeros((6, 1))
CV = KFold(2)


class Anything(BaseEstimator):
    """Takes any parameter under any name, and scores by a number made of the plain ones."""

    def __init__(self, **params):
        self.params = params

    def get_params(self, deep=True):
        return dict(self.params)

    def set_params(self, **params):
        self.params = {**self.params, **params}
        return self

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return float(sum(v for v in self.params.values() if isinstance(v, int | float) and math.isfinite(v)))


def search(space, **arguments):
    return OptunaSearchCV(Anything(), space, **{"cv": CV, "random_state": 0, "refit": False, **arguments}).fit(X)


def table(space):
    return space_from_user(space, None, Anything())


def same(a, b):
    return a is b or (type(a) is type(b) and a == b)


def same_rows(rows, others):
    return len(rows) == len(others) and all(
        list(row) == list(other) and all(same(row[name], other[name]) for name in row)
        for row, other in zip(rows, others, strict=True)
    )


values = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, 2.0]) | st.text("ab", max_size=2)
objects = (
    st.tuples(values) | st.lists(values, max_size=2) | st.dictionaries(st.text("ab", max_size=1), values, max_size=1)
)
lists = st.lists(values | objects, min_size=1, max_size=4)
branches = st.dictionaries(st.sampled_from("dbca"), lists, max_size=3)
grids = branches | st.lists(branches, min_size=1, max_size=3)


# --- a whole grid is ParameterGrid ------------------------------------------------------------------------------------


@examples
@given(grid=grids)
def test_rows_are_parameter_grids_in_its_order_with_duplicates(grid):
    space = table(grid)
    rows = [space.decode(row) for row in space.rows()]
    assert same_rows(rows, list(ParameterGrid(grid)))
    assert space.size == len(ParameterGrid(grid))
    assert space.is_grid


@settings(examples, max_examples=15)
@given(grid=grids)
def test_search_over_a_whole_grid_tries_what_grid_search_cv_tries(grid):
    found = search(grid)
    expected = GridSearchCV(Anything(), grid, cv=CV, refit=False).fit(X)
    assert same_rows(found.cv_results_["params"], expected.cv_results_["params"])
    assert found.best_index_ == expected.best_index_
    for name in (name for name in expected.cv_results_ if name.startswith("param_")):
        ours, theirs = found.cv_results_[name], expected.cv_results_[name]
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours.mask, theirs.mask)


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "nsgaii"])
@pytest.mark.parametrize("n_trials", [None, 6, 100])
def test_whole_grid_is_in_order_whatever_the_sampler(sampler, n_trials):
    grid = {"b": [2, 1, 2], "a": ["y", "x"]}
    assert search(grid, sampler=sampler, n_trials=n_trials).cv_results_["params"] == list(ParameterGrid(grid))


def test_true_one_and_one_point_zero_are_three_candidates():
    params = search({"a": [True, 1, 1.0, 1]}).cv_results_["params"]
    assert [type(row["a"]) for row in params] == [bool, int, float, int]
    fewer = search({"a": [True, 1, 1.0, "x"]}, n_trials=3, sampler="random").cv_results_["params"]
    assert len({type(row["a"]) for row in fewer}) == 3


@pytest.mark.parametrize("space", [{}, [{}], ({},)], ids=str)
@pytest.mark.parametrize("n_trials", [None, 1, 5])
def test_empty_dict_is_one_candidate(space, n_trials):
    assert search(space, n_trials=n_trials).cv_results_["params"] == [{}]


def test_empty_dict_beside_others_is_one_candidate_of_them():
    found = search([{"a": [1, 2]}, {}, {"b": [3]}])
    assert found.cv_results_["params"] == [{"a": 1}, {"a": 2}, {}, {"b": 3}]


# --- branches ---------------------------------------------------------------------------------------------------------

BRANCHES = [
    {"kind": ["svc"], "C": stats.loguniform(1e-3, 1e3), "gamma": FloatDistribution(0, 1)},
    {"kind": ["forest"], "depth": stats.randint(1, 5)},
    {"kind": ["knn"], "n": [1, 3, 5], "C": stats.uniform(5, 1)},
]


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cmaes", "nsgaii"])
def test_parameters_of_one_branch_never_leak_into_another(sampler):
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    found = search(BRANCHES, n_trials=30, sampler=sampler)
    names = {"svc": {"kind", "C", "gamma"}, "forest": {"kind", "depth"}, "knn": {"kind", "n", "C"}}
    seen = Counter(params["kind"] for params in found.cv_results_["params"])
    assert set(seen) == set(names)
    for params in found.cv_results_["params"]:
        assert set(params) == names[params["kind"]]
        if params["kind"] == "knn":
            assert 5 <= params["C"] <= 6


def test_branches_are_one_study_that_says_which_branch_a_trial_took():
    found = search(BRANCHES, n_trials=15)
    assert len(found.study_.trials) == 15
    kinds = ["svc", "forest", "knn"]
    for trial, params in zip(found.study_.trials, found.cv_results_["params"], strict=True):
        assert kinds[trial.params["branch"]] == params["kind"]


def test_absent_parameters_are_masked():
    found = search(BRANCHES, n_trials=15)
    for name in ("C", "gamma", "depth", "n"):
        column = found.cv_results_[f"param_{name}"]
        assert isinstance(column, np.ma.MaskedArray)
        absent = [name not in params for params in found.cv_results_["params"]]
        assert any(absent)
        assert column.mask.tolist() == absent
        assert column.compressed().tolist() == [p[name] for p in found.cv_results_["params"] if name in p]


def test_parameter_called_branch_is_the_users_own():
    found = search([{"branch": ["x", "y"]}, {"branch_": [1, 2]}])
    assert found.cv_results_["params"] == [{"branch": "x"}, {"branch": "y"}, {"branch_": 1}, {"branch_": 2}]


@examples
@given(
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    lows=st.lists(st.integers(-9, 9), min_size=4, max_size=4),
    seed=st.integers(0, 100),
)
def test_same_name_keeps_each_branchs_own_range(widths, lows, seed):
    space = [
        {"a": IntDistribution(low, low + width), "of": [i]}
        for i, (low, width) in enumerate(zip(lows, widths, strict=False))
    ]
    for params in search(space, n_trials=12, sampler="random", random_state=seed).cv_results_["params"]:
        assert lows[params["of"]] <= params["a"] <= lows[params["of"]] + widths[params["of"]]


def test_same_labels_of_different_objects_stay_apart():
    mine, yours = PCA(2), PCA(2)
    found = search([{"step": [mine], "of": [0]}, {"step": [yours], "of": [1]}])
    assert found.cv_results_["params"][0]["step"] is mine
    assert found.cv_results_["params"][1]["step"] is yours


def test_swapped_steps_with_parameters_of_their_own_are_accepted():
    X, y = np.random.RandomState(0).randn(30, 4), np.arange(30) % 2
    pipe = Pipeline([("reduce", "passthrough"), ("clf", LogisticRegression())])
    space = [
        {"reduce": [PCA()], "reduce__n_components": [1, 2], "clf": [SVC()], "clf__gamma": stats.loguniform(0.1, 1)},
        {"reduce": [SelectKBest()], "reduce__k": stats.randint(1, 4), "clf__C": stats.loguniform(0.1, 1)},
        {"reduce": ["passthrough", None]},
    ]
    found = OptunaSearchCV(pipe, space, n_trials=12, cv=2, random_state=0, error_score="raise").fit(X, y)
    kinds = Counter(type(params["reduce"]) for params in found.cv_results_["params"])
    assert kinds.keys() == {PCA, SelectKBest, str, type(None)}


# --- never twice, and an end ------------------------------------------------------------------------------------------


def distinct(params):
    """Return how many different combinations there are, equal tuples being equal."""
    return len({tuple(sorted((name, repr(value)) for name, value in row.items())) for row in params})


# More than five rows where all are lists, so that five trials are not the whole grid, which keeps its duplicates.
OVERLAPPING = [
    pytest.param([{"a": IntDistribution(1, 3)}, {"a": IntDistribution(2, 4)}], 4, id="integer ranges"),
    pytest.param([{"a": [1, 2, 2, 2], "b": [1]}, {"b": [1], "a": [2, 3]}], 3, id="lists"),
    pytest.param([{"a": IntDistribution(1, 3)}] * 20, 3, id="twenty times the same branch"),
    pytest.param([{"a": [1, 2]}, {"a": IntDistribution(1, 3)}], 3, id="a list beside a range"),
    pytest.param([{"a": FloatDistribution(0, 1, step=0.25)}, {"a": [0.25, 0.5]}], 5, id="steps beside a list"),
    pytest.param({"a": [1] * 20 + [2]}, 2, id="twenty times the same value"),
    pytest.param({"a": [(i % 3,) for i in range(9)]}, 3, id="equal tuples"),
]


@pytest.mark.parametrize(("space", "n_distinct"), OVERLAPPING)
@pytest.mark.parametrize("n_trials", [2, 3, 4, 5])
def test_combination_that_two_branches_share_is_tried_once_and_the_search_ends(space, n_distinct, n_trials):
    params = search(space, n_trials=n_trials).cv_results_["params"]
    assert distinct(params) == len(params) == min(n_trials, n_distinct)


@pytest.mark.parametrize(
    ("space", "n"),
    [
        ({"a": IntDistribution(1, 5)}, 5),
        ({"a": stats.randint(0, 7)}, 7),
        ({"a": IntDistribution(0, 9, step=3)}, 4),
        ({"a": IntDistribution(1, 6, log=True)}, 6),
        ({"a": FloatDistribution(0, 1, step=0.1)}, 11),
        ({"a": FloatDistribution(0, 1, step=0.25), "b": IntDistribution(0, 1)}, 10),
        ({"a": IntDistribution(1, 3), "b": [SVC(), (1, 2), None]}, 9),
        ([{"a": IntDistribution(1, 3)}, {"b": ["x", "y"]}], 5),
    ],
    ids=["integers", "randint", "every third", "logarithmic", "tenths", "two ranges", "objects", "branches"],
)
@pytest.mark.parametrize("limit", [{"n_trials": 60}, {"timeout": 3600}, {}], ids=str)
def test_search_of_a_discrete_space_ends_when_all_was_tried(space, n, limit):
    params = search(space, sampler="random", **limit).cv_results_["params"]
    assert len(params) == distinct(params) == n


# --- large ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_parameters", [9, 25])
@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "nsgaii"])
def test_grid_of_a_thousand_million_combinations_and_more_is_never_enumerated(monkeypatch, n_parameters, sampler):
    def rows(self):
        raise AssertionError("the grid was enumerated")

    monkeypatch.setattr(TableSpace, "rows", rows)
    grid = {f"p{i}": list(range(10)) for i in range(n_parameters)}
    assert table(grid).size == 10**n_parameters
    params = search(grid, n_trials=15, sampler=sampler).cv_results_["params"]
    assert len(params) == distinct(params) == 15


def test_large_grid_costs_no_memory():
    grid = {f"p{i}": range(10) for i in range(25)}
    search(grid, n_trials=2)  # what is imported or cached at the first search is not the grid's
    tracemalloc.start()
    try:
        search(grid, n_trials=5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_small_branch_beside_a_large_one_is_not_repeated(sampler):
    space = [{"a": [1, 2]}, {f"p{i}": list(range(10)) for i in range(10)}]
    params = search(space, n_trials=40, sampler=sampler).cv_results_["params"]
    assert len(params) == distinct(params) == 40


def test_range_of_more_integers_than_a_sequence_can_have_is_sampled():
    params = search({"a": IntDistribution(0, 10**20)}, n_trials=5).cv_results_["params"]
    assert len(params) == distinct(params) == 5


def test_long_range_as_a_list_is_sampled():
    params = search({"a": range(10_000), "b": range(10_000)}, n_trials=5, sampler="random").cv_results_["params"]
    assert len(params) == distinct(params) == 5


# --- the caller's objects ---------------------------------------------------------------------------------------------


class Vandal(BaseEstimator):
    """Changes its parameters while it is fitted, as no estimator should."""

    def __init__(self, step=None, numbers=(), table=None):
        self.step = step
        self.numbers = numbers
        self.table = table

    def fit(self, X, y=None):
        self.numbers.append(1)
        self.table["fitted"] = True
        self.step.set_params(n_components=99).fit_ = True
        return self

    def score(self, X, y=None):
        return float(len(self.numbers))


@pytest.mark.parametrize("form", ["lists", "callable"])
def test_fit_does_not_change_the_callers_objects(form):
    steps, numbers, tables = [PCA(1), PCA(2)], [[0], [0, 0]], [{}, {"x": 1}]

    def by_run(trial):
        i = trial.suggest_int("i", 0, 1)
        return {"step": steps[i], "numbers": numbers[i], "table": tables[i]}

    space = by_run if form == "callable" else {"step": steps, "numbers": numbers, "table": tables}
    found = OptunaSearchCV(Vandal(PCA(), [], {}), space, cv=CV, n_trials=4, random_state=0).fit(X)
    assert [step.n_components for step in steps] == [1, 2]
    assert not any(hasattr(step, "fit_") for step in steps)
    assert numbers == [[0], [0, 0]]
    assert tables == [{}, {"x": 1}]
    # every fit got a clone of its own, or scores would grow from fold to fold
    for i, params in enumerate(found.cv_results_["params"]):
        assert found.cv_results_["mean_test_score"][i] == len(params["numbers"]) + 1
    assert found.best_estimator_.step is not steps[1]


def test_objects_never_enter_the_study_and_come_back_in_the_table():
    class Unpicklable:
        def __reduce__(self):
            raise TypeError("not this one")

        def __deepcopy__(self, memo):
            return self

    grid = {
        "a": [SVC(), PCA(), None, lambda x: x, Unpicklable()],
        "b": [np.arange(3), (1, 2), {"x": 1}],
        "c": [np.nan, 1],
    }
    found = search(grid)
    assert len(found.study_.trials) == 30
    for trial in found.study_.trials:
        assert all(type(value) in (bool, int, float, str, type(None)) for value in trial.params.values())
    expected = list(ParameterGrid(grid))
    assert [id(p["a"]) for p in found.cv_results_["params"]] == [id(p["a"]) for p in expected]
    assert [id(p["b"]) for p in found.cv_results_["params"]] == [id(p["b"]) for p in expected]


def test_space_argument_stays_the_object_it_was_and_is_read_again_at_each_fit():
    space = {"a": [1, 2]}
    found = search(space)
    assert found.param_distributions is space
    assert space == {"a": [1, 2]}
    space["a"].append(3)
    assert len(found.fit(X).cv_results_["params"]) == 3
    assert len(clone(found).fit(X).cv_results_["params"]) == 3


# --- fixing -----------------------------------------------------------------------------------------------------------


def test_fix_takes_the_first_branch_with_room():
    space = table([{"a": [1, 2]}, {"a": [2, 3], "b": ["x"]}])
    assert space.decode({**space.fix({"a": 2}), "b": "x"}) == {"a": 2}
    assert space.fix({"a": 3})["branch"] == 1
    assert space.fix({"a": 2, "b": "x"})["branch"] == 1


def test_fix_says_why_no_branch_has_room():
    with pytest.raises(InvalidSpaceError, match=r"a: 9 is none of the 2 values.*no parameter 'a', only \['b'\]"):
        table([{"a": [1, 2]}, {"b": [1]}]).fix({"a": 9})


def test_fix_known_takes_the_branch_that_contains_most():
    space = table([{"a": [1]}, {"a": [1], "b": [2]}, {"c": [9]}])
    known = space.fix_known({"a": 1, "b": 2, "c": 3, "other": 4})
    assert known["branch"] == 1
    assert {name: value for name, value in known.items() if name != "branch"} == {"a": 1, "b": 2}
    assert space.fix_known({"c": 3}) == {}


def test_equal_rows_of_two_branches_have_one_key():
    space = table([{"a": [1, 2], "b": [None]}, {"b": [None], "a": IntDistribution(2, 3)}])
    assert len({space.key(row) for row in space.rows()}) == 3


def test_branches_that_mean_the_same_share_a_name_whichever_came_first():
    table = space_from_user([{"C": [1, 2]}, {"C": [3, 4]}, {"C": [3, 4]}], None, SVC())
    names = [set(row) - {"branch"} for row in table.rows()]
    assert names == [{"C"}, {"C"}, {"C@1"}, {"C@1"}, {"C@1"}, {"C@1"}]
