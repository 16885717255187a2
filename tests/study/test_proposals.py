"""Trials asked for and told: what is first, what is left, and when it ends."""

from collections import Counter

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold, ParameterGrid

from sk_optuna import OptunaSearchCV
from sk_optuna.spaces import space_from_user
from sk_optuna.study import Proposals, open_study, sampler_factory

# The same examples on every machine: a suite that fails now and then is not run.
examples = settings(max_examples=25)

X = np.zeros((6, 1))
CV = KFold(2)
SAMPLERS = ["tpe", "random", "grid", "nsgaii"]


class Model(BaseEstimator):
    def __init__(self, a=1, b="x", c=0.5, d=None):
        self.a = a
        self.b = b
        self.c = c
        self.d = d

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return float(self.a) if isinstance(self.a, int | float) else 0.0


def search(space, estimator=None, **arguments):
    arguments = {"cv": CV, "random_state": 0, "refit": False, **arguments}
    return OptunaSearchCV(estimator or Model(), space, **arguments).fit(X)


def tried(space, **arguments):
    return search(space, **arguments).cv_results_["params"]


def proposals(written, *, sampler="random", n_trials=None, first=()):
    space = space_from_user(written, None, Model())
    return Proposals(
        open_study(0),
        space,
        sampler_factory(sampler, 0, is_grid=space.is_grid),
        random_state=0,
        first=[space.fix(params) for params in first],
        n_trials=n_trials,
    )


def count(rows):
    return Counter(tuple(sorted((name, repr(value)) for name, value in row.items())) for row in rows)


GRID = {"a": [1, 2, 3], "b": ["x", "y"], "c": [0.5]}


# --- initial_params on a whole grid -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_whole_grid_begins_with_initial_params_and_stays_complete_and_in_order(sampler):
    initial = [{"a": 3, "b": "x", "c": 0.5}, {"b": "y"}]
    params = tried(GRID, initial_params=initial, sampler=sampler)
    assert params[0] == initial[0]
    assert params[1] == {"a": 1, "b": "y", "c": 0.5}
    rest = [row for row in ParameterGrid(GRID) if row not in params[:2]]
    assert params[2:] == rest


plain = st.sampled_from([None, True, 1, 1.0, 2, "x", (1,), "y"])
lists = st.lists(plain, min_size=1, max_size=3)
branches = st.dictionaries(st.sampled_from("abcd"), lists, max_size=3)


@examples
@given(grid=branches | st.lists(branches, min_size=1, max_size=3), data=st.data())
def test_whole_grid_with_any_initial_params_holds_every_combination_as_often_as_the_grid(grid, data):
    rows = list(ParameterGrid(grid))
    initial = data.draw(st.lists(st.sampled_from(rows), max_size=4))
    params = tried(grid, initial_params=initial)
    assert count(params) == count(rows)
    if initial:
        assert count(params[:1]) == count(initial[:1])


def test_initial_params_written_twice_bring_each_row_forward_once():
    params = tried(GRID, initial_params=[{"a": 2}, {"a": 2}, {"a": 2}])
    assert params[:2] == [{"a": 2, "b": "x", "c": 0.5}, {"a": 2, "b": "y", "c": 0.5}]
    assert count(params) == count(ParameterGrid(GRID))


def test_empty_initial_params_change_nothing():
    assert tried(GRID, initial_params=[]) == list(ParameterGrid(GRID))
    assert tried(GRID, initial_params=[{}]) == list(ParameterGrid(GRID))


# --- initial_params where a sampler chooses ---------------------------------------------------------------------------

LARGE = {"a": stats.randint(0, 100), "b": ["x", "y", "z"], "c": stats.loguniform(1e-3, 1e3), "d": stats.norm(5, 2)}


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cmaes", "gp", "auto", "nsgaii"])
def test_initial_params_come_first_and_the_sampler_chooses_the_rest(sampler):
    for package in {"cmaes": ["cmaes"]}.get(sampler, []):
        pytest.importorskip(package)
    initial = [{"a": 7, "b": "z", "c": 0.25, "d": 6.5}, {"b": "y"}, {"a": 0, "c": 1000.0}, {}]
    params = tried(LARGE, initial_params=initial, sampler=sampler, n_trials=6)
    assert len(params) == 6
    for row, first in zip(params, initial, strict=False):
        assert set(row) == set(LARGE)
        assert all(row[name] == pytest.approx(value) for name, value in first.items() if name != "b")
        assert row["b"] == first.get("b", row["b"])
    assert type(params[0]["a"]) is int


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsgaii"])
def test_many_initial_params_outlast_the_samplers_own_start(sampler):
    initial = [{"a": i} for i in range(18)]
    params = tried(LARGE, initial_params=initial, sampler=sampler, n_trials=20)
    assert [row["a"] for row in params[:18]] == list(range(18))
    assert len({row["c"] for row in params}) == 20


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_initial_params_are_not_tried_again(sampler):
    initial = [{"a": 3, "b": "y"}, {"a": 3, "b": "y", "c": 0.5}]
    params = tried(GRID, initial_params=initial, n_trials=5, sampler=sampler)
    assert params[0] == {"a": 3, "b": "y", "c": 0.5}
    assert len(params) == len(count(params)) == 5


def test_more_initial_params_than_trials_are_cut_off():
    assert tried(GRID, initial_params=[{"a": 3}, {"a": 2}, {"a": 1}], n_trials=2)[1]["a"] == 2
    assert len(tried(GRID, initial_params=[{"a": 3}, {"a": 2}, {"a": 1}], n_trials=2)) == 2


def test_initial_params_choose_the_branch_that_contains_them():
    space = [{"a": IntDistribution(1, 9)}, {"b": ["x", "y"], "c": FloatDistribution(0, 1)}]
    params = tried(space, initial_params=[{"b": "y"}, {"a": 5}, {"c": 0.5, "b": "x"}], n_trials=4)
    assert params[0]["b"] == "y"
    assert set(params[0]) == {"b", "c"}
    assert params[1] == {"a": 5}
    assert params[2] == {"b": "x", "c": 0.5}


def test_initial_params_may_be_equal_objects():
    steps = [PCA(1), PCA(2), (1, 2)]
    params = tried({"a": steps, "b": [1, 2]}, initial_params=[{"a": PCA(2), "b": 2}, {"a": (1, 2)}])
    assert params[0] == {"a": steps[1], "b": 2}
    assert params[1] == {"a": steps[2], "b": 1}


# --- "default" --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_trials", [None, 4])
def test_default_tries_the_estimators_own_values_first(n_trials):
    params = tried(GRID, estimator=Model(a=2, b="y"), initial_params="default", n_trials=n_trials)
    assert params[0] == {"a": 2, "b": "y", "c": 0.5}
    assert len(params) == len(count(params)) == (n_trials or 6)


def test_default_leaves_to_the_sampler_what_the_space_does_not_contain():
    params = tried(LARGE, estimator=Model(a=1000, b="z", c=-1.0), initial_params="default", n_trials=3)
    assert params[0]["b"] == "z"
    assert 0 <= params[0]["a"] < 100
    assert params[0]["c"] > 0


def test_default_outside_of_the_space_changes_nothing():
    space = {"a": [10, 20], "b": ["p", "q"]}
    assert tried(space, initial_params="default") == list(ParameterGrid(space))


def test_default_takes_the_branch_that_contains_most_of_it():
    space = [{"a": [5, 6]}, {"a": [1, 2], "b": ["x", "y"]}, {"d": [1]}]
    assert tried(space, initial_params="default")[0] == {"a": 1, "b": "x"}


# --- ask and tell -----------------------------------------------------------------------------------------------------


@examples
@given(
    grid=st.fixed_dictionaries({"a": st.lists(st.integers(0, 5), min_size=1, max_size=5), "b": lists}),
    n_trials=st.integers(1, 30),
    in_flight=st.integers(1, 5),
    sampler=st.sampled_from(["random", "tpe", "grid"]),
)
def test_asks_end_after_as_many_trials_as_there_are_or_are_wanted(grid, n_trials, in_flight, sampler):
    asked = proposals(grid, sampler=sampler, n_trials=n_trials)
    rows, open_ = [], []
    while (proposal := asked.ask()) is not None:
        rows.append(proposal.params)
        open_.append(proposal)
        if len(open_) >= in_flight:
            asked.tell(open_.pop(0), 1.0)
    size = len(ParameterGrid(grid))
    if n_trials >= size:
        assert count(rows) == count(ParameterGrid(grid))
    else:
        assert max(count(rows).values()) == 1
        assert len(rows) == min(n_trials, len(count(ParameterGrid(grid))))
    assert asked.ask() is None


def test_trial_in_flight_is_not_proposed_again():
    asked = proposals({"a": IntDistribution(1, 6)}, sampler="tpe")
    rows = [asked.ask().params["a"] for _ in range(6)]
    assert sorted(rows) == [1, 2, 3, 4, 5, 6]
    assert asked.ask() is None


def test_told_trials_keep_their_values_attributes_and_states():
    asked = proposals(GRID)
    first, second = asked.ask(), asked.ask()
    assert asked.tell(first, 0.5, attributes={"mean_fit_time": 1.0}).state == "COMPLETE"
    assert asked.tell(second, None).state == "FAIL"
    study = asked.close()
    assert [trial.value for trial in study.trials] == [0.5, None]
    assert study.trials[0].user_attrs == {"mean_fit_time": 1.0}
    assert study.direction is optuna.study.StudyDirection.MAXIMIZE


def test_closed_study_has_no_trial_that_was_never_finished():
    asked = proposals(GRID)
    asked.tell(asked.ask(), 1.0)
    asked.ask()
    study = asked.close()
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE]
    assert type(study) is optuna.Study


def test_trial_depends_on_results_and_not_on_how_they_were_waited_for():
    def rows(order):
        asked = proposals({"a": stats.randint(0, 50), "c": stats.uniform(0, 1)}, sampler="tpe", n_trials=30)
        found = []
        while batch := [p for p in (asked.ask() for _ in range(3)) if p is not None]:
            found += [p.params for p in batch]
            for proposal in order(batch):
                asked.tell(proposal, float(proposal.params["a"]))
        return found

    assert rows(list) == rows(lambda batch: batch[::-1])
    assert len(rows(list)) == 30


def test_integers_stay_integers_and_upper_bounds_are_exclusive_all_the_way():
    params = tried({"a": stats.randint(1, 4), "c": stats.poisson(3)}, n_trials=40, sampler="random")
    assert {row["a"] for row in params} == {1, 2, 3}
    assert all(type(row["a"]) is int and type(row["c"]) is int for row in params)


def test_random_sampling_of_a_quantile_follows_the_distribution():
    variables = {"a": stats.norm(2, 3), "c": stats.expon(scale=4), "d": stats.beta(2, 5)}
    asked = proposals(variables, sampler="random", n_trials=300)
    rows = []
    while (proposal := asked.ask()) is not None:
        rows.append(proposal.params)
        asked.tell(proposal, 0.0)
    for name, variable in variables.items():
        assert stats.kstest([row[name] for row in rows], variable.cdf).pvalue > 0.001


def test_search_ends_where_a_table_that_is_not_held_turns_out_to_be_exhausted(monkeypatch):
    monkeypatch.setattr("sk_optuna.study._tried._ALWAYS_HELD", 0)
    params = tried([{"a": optuna.distributions.IntDistribution(1, 3)}] * 20, n_trials=10)
    assert sorted(row["a"] for row in params) == [1, 2, 3]
