"""What a search through a list of values costs grows with the list, not with its square."""

import pickle
import sys

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from sklearn.base import BaseEstimator
from sklearn.model_selection import ShuffleSplit

from sk_optuna import OptunaSearchCV
from sk_optuna.spaces._domains import domain_of


class Constant(BaseEstimator):
    def __init__(self, a=0, b=0):
        self.a = a
        self.b = b

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return 1 / (1 + len(str(self.a)))


class Thing:
    def __init__(self, i):
        self.i = i

    def __repr__(self):
        return f"Thing({self.i})"


def search(space, **more):
    return OptunaSearchCV(Constant(), space, cv=ShuffleSplit(1, random_state=0), random_state=0, **more)


SEARCHES = {
    "numbers": lambda n: search({"a": list(range(n))}),
    "strings": lambda n: search({"a": list(map(str, range(n)))}),
    "objects": lambda n: search({"a": [Thing(i) for i in range(n)]}),
    "optuna": lambda n: search({"a": CategoricalDistribution(range(n))}),
    "two lists": lambda n: search({"a": list(range(n // 2)), "b": [1, 2]}),
    "branches": lambda n: search([{"a": list(range(n // 2))}, {"a": list(range(n // 2)), "b": [1]}]),
    "many branches": lambda n: search([{"a": [i]} for i in range(n)]),
    "all of it first": lambda n: search({"a": list(range(n))}, initial_params=[{"a": n - 1 - i} for i in range(n)]),
    "half of it at random": lambda n: search({"a": list(range(2 * n))}, n_trials=n, sampler="random"),
}
FURTHER = {"optuna", "two lists", "many branches"}  # slow


def n_calls(function):
    """Return how many functions, Python's and C's, are called in a call of `function`."""
    n = 0

    def count(frame, event, argument):
        nonlocal n
        n += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return n


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow) if kind in FURTHER else kind for kind in SEARCHES]
)
def test_twice_the_list_takes_twice_the_calls(kind):
    X = np.zeros((4, 1))
    SEARCHES[kind](10).fit(X)  # what is imported at the first call
    once, twice = (n_calls(lambda n=n: SEARCHES[kind](n).fit(X)) for n in (150, 300))
    assert twice < 2.25 * once


@pytest.mark.parametrize("read", [lambda study: study.trials, lambda study: study.best_trial, pickle.dumps])
def test_reading_the_study_of_a_list_takes_twice_the_calls_for_twice_the_list(read):
    X = np.zeros((4, 1))
    studies = [SEARCHES["numbers"](n).fit(X).study_ for n in (10, 150, 300)]
    _, once, twice = (n_calls(lambda study=study: read(study)) for study in studies)
    assert twice < 2.25 * once


def test_a_study_of_a_list_is_read_by_optuna():
    fitted = SEARCHES["two lists"](12).fit(np.zeros((4, 1)))
    study = pickle.loads(pickle.dumps(fitted)).study_
    assert [trial.params for trial in study.trials] == [dict(params) for params in fitted.cv_results_["params"]]
    assert optuna.search_space.intersection_search_space(study.trials) == study.trials[0].distributions
    study.optimize(lambda t: t.suggest_categorical("a", range(6)) + t.suggest_categorical("b", [1, 2]), n_trials=3)
    assert len(study.trials) == 15
    assert study.trials[0].distributions["b"] == CategoricalDistribution([1, 2])


def test_search_over_a_long_list_in_order_takes_the_calls_of_a_search_over_a_range():
    """Beyond reading the list once: TPE weighs the choices of a list one by one, for each trial that it has seen."""
    n, few, more = 2_000, 15, 30
    X = np.zeros((4, 1))
    calls = {}
    for kind, values in {"list": np.linspace(0, 1, n), "range": range(n)}.items():
        space = {"a": values, "b": [1, 2]}
        search(space, n_trials=2).fit(X)
        calls[kind] = [n_calls(lambda space=space, k=k: search(space, n_trials=k).fit(X)) for k in (few, more)]
    per_trial = {kind: (twice - once) / (more - few) for kind, (once, twice) in calls.items()}
    assert per_trial["list"] < 1.5 * per_trial["range"]


VALUES = [3, 1.5, True, None, "x", (1, 2), Thing(0), float("nan"), np.float64(7), [1, 2], 0, False]


@pytest.mark.parametrize("i", range(len(VALUES)))
def test_each_value_of_a_mixed_list_is_found_again(i):
    domain = domain_of("a", VALUES)
    assert domain.decode(domain.encode(VALUES[i])) is VALUES[i]


@pytest.mark.parametrize(("value", "means"), [(3.0, 3), (np.int64(3), 3), (7, 7.0), ([1, 2], [1, 2]), (0.0, 0)])
def test_an_equal_value_of_another_type_means_the_first_that_equals_it(value, means):
    domain = domain_of("a", VALUES)
    assert domain.decode(domain.encode(value)) == means


@pytest.mark.parametrize("value", [1, 1.0, 2, "y", (2, 1), Thing(0), [1]], ids=str)
def test_a_value_that_is_not_in_the_list_is_refused(value):
    with pytest.raises(ValueError, match="is none of the 12 values of the list"):
        domain_of("a", VALUES).encode(value)


def test_first_rows_of_a_grid_come_once_each_and_the_others_after_them_in_order():
    first = [{"a": 3, "b": 2}, {"b": 2}, {"a": 3, "b": 2}, {"a": 0, "b": 1}]
    fitted = search({"a": [0, 1, 2, 3], "b": [1, 2]}, initial_params=first).fit(np.zeros((4, 1)))
    rows = [(params["a"], params["b"]) for params in fitted.cv_results_["params"]]
    assert rows == [(3, 2), (0, 2), (0, 1), (1, 1), (1, 2), (2, 1), (2, 2), (3, 1)]
