"""Samplers see the numbers of an ordered list as neighbours, and nobody else sees a difference."""

import pickle
import warnings
from copy import deepcopy

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GridSampler, PartialFixedSampler, RandomSampler, TPESampler
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, ParameterGrid

from sk_optuna import OptunaSearchCV
from sk_optuna.samplers import BoundedHistorySampler
from sk_optuna.spaces._domains import domain_of

X = np.zeros((6, 1))
CV = KFold(2)
N = 12
NEEDS = {"cmaes": ["cmaes"], "gp": ["torch", "greenlet"]}
SAMPLERS = ["tpe", "qmc", "nsgaii", "cmaes", pytest.param("gp", marks=pytest.mark.slow)]
LISTS = {
    "rising floats": np.geomspace(1e-3, 1e3, N).tolist(),
    "falling floats": np.geomspace(1e3, 1e-3, N).tolist(),
    "an array": np.linspace(-1, 1, N),
    "integers with gaps": [2**i for i in range(N)],
    "numbers that are places of others": list(range(1, N + 1)),
}


class Places(BaseEstimator):
    """Scores by places in lists, so that lists and ranges of one length can be searched alike."""

    def __init__(self, a=0, b=0, c=0.0, lists=None):
        self.a = a
        self.b = b
        self.c = c
        self.lists = lists

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        a, b = (
            value if self.lists is None else list(self.lists[name]).index(value)
            for name, value in (("a", self.a), ("b", self.b))
        )
        return -((a - 0.7 * N) ** 2) - abs(b - 2) - self.c


def installed(sampler):
    for package in NEEDS.get(sampler, []):
        pytest.importorskip(package)
    return sampler


def search(space, *, lists=None, **arguments):
    arguments = {"cv": CV, "random_state": 0, "n_trials": 20, "sampler": "tpe", **arguments}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return OptunaSearchCV(Places(lists=lists), space, **arguments).fit(X)


def params(found):
    return [dict(row) for row in found.cv_results_["params"]]


class Seen(TPESampler):
    """TPE that notes the distributions of which it was asked, and those of the trials that it can read."""

    # As one of Optuna's own: those of users are shown the lists.
    __module__ = TPESampler.__module__

    def __init__(self):
        super().__init__(seed=0)
        self.asked = {}
        self.told = []
        self.ended = []

    def after_trial(self, study, trial, state, values):
        self.ended.append(trial.params)

    def sample_independent(self, study, trial, name, distribution):
        self.asked[name] = distribution
        self.told = [(t.params, t.distributions) for t in study.get_trials(deepcopy=False)]
        return super().sample_independent(study, trial, name, distribution)


def seen(space, **arguments):
    sampler = Seen()
    found = search(space, sampler=lambda seed: sampler, **{"n_trials": 3, **arguments})
    return sampler, found


# --- neighbours -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    "kind", [kind if i < 2 else pytest.param(kind, marks=pytest.mark.slow) for i, kind in enumerate(LISTS)]
)
def test_a_list_in_order_is_searched_as_a_range_is(sampler, kind):
    """The same places, trial by trial, beside a continuous parameter and with a list of its own kind."""
    lists = {"a": LISTS[kind], "b": [1, 10, 100, 1000]}
    rest = {"c": FloatDistribution(0, 1)}
    as_lists = search({**lists, **rest}, lists=lists, sampler=installed(sampler))
    as_ranges = search({"a": range(N), "b": range(4), **rest}, sampler=sampler)
    written = [{"a": lists["a"][row["a"]], "b": lists["b"][row["b"]], "c": row["c"]} for row in params(as_ranges)]
    assert params(as_lists) == written


@pytest.mark.parametrize("pruner", ["race", pytest.param(None, marks=pytest.mark.slow)])
def test_branches_and_pruned_trials_are_searched_as_with_ranges(pruner):
    lists = {"a": LISTS["falling floats"], "b": [1, 10, 100, 1000]}
    arguments = {"pruner": pruner, "cv": KFold(5), "n_trials": 24}
    X = np.zeros((10, 1))
    as_lists = OptunaSearchCV(Places(lists=lists), [lists, {"a": lists["a"], "b": [1]}], **arguments, random_state=0)
    as_ranges = OptunaSearchCV(Places(), [{"a": range(N), "b": range(4)}, {"a": range(N), "b": [0]}], **arguments)
    as_lists.fit(X)
    as_ranges.set_params(random_state=0).fit(X)
    assert params(as_lists) == [{"a": lists["a"][row["a"]], "b": lists["b"][row["b"]]} for row in params(as_ranges)]


@pytest.mark.parametrize(
    ("values", "ordered"),
    [
        ([1, 2, 3], True),
        ([3.5, 2, -1], True),
        ((0.1, 1, 10), True),
        (range(9, 0, -2), True),
        (np.arange(4, 20), True),
        (np.logspace(-3, 3, 20), True),
        (np.array([1, 2, 4], dtype=np.uint8), True),
        (np.array([0.5, 0.25, 0.125], dtype=np.float16), True),
        ([np.float32(0.1), 1, np.int64(7)], True),
        ([1, 2, 10**400], True),
        ([1, 2], False),
        ([1, 3, 2], False),
        ([1, 2, 2, 3], False),
        ([1, 1.0, 2, 3], False),
        ([0.0, -0.0, -1], False),
        ([False, 2, 3], False),
        ([False, True], False),
        (np.array([False, True]), False),
        ([1, 2, None], False),
        ([1, 2, "3"], False),
        (["1", "2", "3"], False),
        ([1.0, 2.0, float("inf")], False),
        ([1.0, float("nan"), 2.0], False),
        ([(1,), (2,), (3,)], False),
        (CategoricalDistribution([1, 2, 3]), False),
    ],
    ids=str,
)
def test_numbers_that_rise_or_fall_are_in_order_and_nothing_else(values, ordered):
    assert domain_of("a", values).is_ordered == ordered


def test_trials_that_the_sampler_reads_are_in_places_those_in_flight_too():
    values = [5, 3, 2]
    sampler, found = seen({"a": values, "c": FloatDistribution(0, 1)}, n_trials=6, max_concurrent_trials=3)
    told = sampler.told[:5]
    places = [values.index(row["a"]) for row in params(found)]
    assert [params["a"] for params, _ in told] == places[:5]
    assert [params["a"] for params in sampler.ended] == places
    assert all(distributions["a"] == IntDistribution(0, 2) for _, distributions in told)
    assert [params["c"] for params, _ in told] == [row["c"] for row in params(found)[:5]]


# --- and nobody else sees a difference --------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["random", "grid", lambda seed: RandomSampler(seed=seed)], ids=["r", "g", "own"])
def test_random_rows_are_those_of_choices(sampler):
    values = LISTS["rising floats"]
    rows = [
        params(search({"a": a, "b": [1, 2, 3, 4]}, sampler=sampler, n_trials=20))
        for a in (values, [*values[1:], values[0]])
    ]
    place = {value: i for i, value in enumerate([*values[1:], values[0]])}
    assert [(values.index(row["a"]), row["b"]) for row in rows[0]] == [(place[row["a"]], row["b"]) for row in rows[1]]


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_whole_grid_comes_in_parameter_grids_order(sampler):
    grid = {"a": np.geomspace(100, 1, 4), "b": [3, 2, 1], "c": [0.0, 0.5]}
    assert params(search(grid, n_trials=None, sampler=sampler)) == list(ParameterGrid(grid))


def test_table_has_the_users_own_numbers():
    values = np.geomspace(1, 1000, 4).astype(np.float32)
    found = search({"a": values, "c": FloatDistribution(0, 1)}, n_trials=5)
    assert all(type(row["a"]) is np.float32 for row in params(found))
    assert set(found.cv_results_["param_a"]) <= set(values)


def test_study_shows_values_and_goes_on_with_neighbours_also_when_pickled():
    lists = {"a": LISTS["rising floats"], "b": [1, 10, 100, 1000]}
    found = search(lists, lists=lists, n_trials=15)
    study = found.study_
    assert [trial.params for trial in study.trials] == params(found)
    for going_on in (study, deepcopy(study), pickle.loads(pickle.dumps(study))):
        going_on.optimize(
            lambda trial: sum(trial.suggest_categorical(name, list(values)) for name, values in lists.items()),
            n_trials=4,
        )
        assert len(going_on.trials) == 19
        assert set(going_on.trials[-1].params) == {"a", "b"}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_study_goes_on_with_the_sampler_that_searched_it(sampler):
    space = {"a": LISTS["falling floats"], "b": [1, 10, 100], "c": FloatDistribution(0, 1)}
    lists = {name: space[name] for name in "ab"}
    study = search(space, lists=lists, sampler=installed(sampler)).study_
    trial = study.ask(study.trials[0].distributions)
    study.tell(trial, 0.0)
    assert trial.params["a"] in lists["a"]
    assert trial.params["b"] in lists["b"]


def test_a_sampler_instance_remembers_in_places_and_its_study_goes_on():
    lists = {"a": LISTS["rising floats"], "b": [1, 10, 100, 1000]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = TPESampler(seed=0, multivariate=True)
    study = search(lists, lists=lists, sampler=sampler).study_
    trial = study.ask(study.trials[0].distributions)
    assert trial.params["a"] in lists["a"]


@pytest.mark.parametrize(
    "make",
    [
        lambda lists: GridSampler(lists, seed=0),
        lambda lists: PartialFixedSampler({"a": lists["a"][3]}, TPESampler(seed=0)),
        lambda lists: BoundedHistorySampler(PartialFixedSampler({"a": lists["a"][3]}, TPESampler(seed=0))),
    ],
    ids=["grid", "fixed", "fixed within a bounded history"],
)
def test_samplers_that_were_told_values_are_asked_for_values(make):
    lists = {"a": LISTS["rising floats"], "b": [1, 10, 100, 1000]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = make(lists)
    found = search(lists, lists=lists, sampler=sampler, n_trials=2)
    if not isinstance(sampler, GridSampler):
        assert [row["a"] for row in params(found)] == [lists["a"][3]] * 2
    assert len(params(found)) == 2


class TakesTheFirst(BaseSampler):
    """A user's own sampler, which knows what a list is."""

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, param_name, param_distribution):
        return param_distribution.choices[0]


def test_users_own_samplers_are_shown_choices_and_asked_for_values():
    lists = {"a": LISTS["rising floats"], "b": [1, 10, 100, 1000]}
    found = search(lists, lists=lists, sampler=TakesTheFirst(), n_trials=1)
    assert params(found) == [{name: values[0] for name, values in lists.items()}]


def test_bounded_history_is_a_history_in_places():
    lists = {"a": LISTS["rising floats"], "b": [1, 10, 100, 1000]}
    bounded = search(lists, lists=lists, sampler=lambda seed: BoundedHistorySampler(seed=seed))
    assert len(params(bounded)) == 20


def test_initial_params_are_values_and_the_rest_is_suggested():
    lists = {"a": LISTS["falling floats"], "b": [1, 10, 100, 1000]}
    first = [{"a": lists["a"][7], "b": 100}, {"a": np.float64(lists["a"][2])}, {"b": 10.0}]
    found = params(search(lists, lists=lists, initial_params=first))
    assert found[0] == first[0]
    assert found[1]["a"] == lists["a"][2]
    assert found[2]["b"] == 10
    assert len({tuple(row.items()) for row in found}) == 20


# --- branches ---------------------------------------------------------------------------------------------------------


def names(space):
    found = search(space, n_trials=8, error_score=0)
    return {name for trial in found.study_.trials for name in trial.params} - {"branch"}


def test_lists_of_one_length_share_a_name_only_if_they_are_the_same():
    rest = {"c": FloatDistribution(0, 1)}
    assert names([{"a": [1, 2, 3], **rest}, {"a": [1, 2, 3], "b": [1], **rest}]) == {"a", "b", "c"}
    assert names([{"a": [1, 2, 3], **rest}, {"a": [10, 20, 30], "b": [1], **rest}]) == {"a", "a@1", "b", "c"}
    assert names([{"a": [1, 2, 3], **rest}, {"a": [3, 2, 1], "b": [1], **rest}]) == {"a", "a@1", "b", "c"}
    assert names([{"a": [1, 2, 3], **rest}, {"a": range(3), "b": [1], **rest}]) == {"a", "a@1", "b", "c"}


@pytest.mark.parametrize("turn", [1, -1])
def test_list_that_one_branch_says_has_no_order_has_none_in_the_study(turn):
    branches = [{"a": [1, 2, 3]}, {"a": CategoricalDistribution([1, 2, 3]), "c": FloatDistribution(0, 1)}]
    sampler, _ = seen(branches[::turn])
    assert isinstance(sampler.asked["a"], CategoricalDistribution)


def test_places_of_two_branches_are_places_in_their_own_lists():
    space = [{"a": [1, 2, 3], "b": [5, 6, 7]}, {"a": [30, 20, 10], "b": [5, 6, 7], "c": [0.1, 0.2, 0.3]}]
    found = search(space, n_trials=30)
    for row in params(found):
        assert row["a"] in ([30, 20, 10] if "c" in row else [1, 2, 3])
