"""Parameters as coordinates, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sk_optuna.samplers._axes import MISSING, Axes, axis_of

DISCRETE = {
    "integers": (IntDistribution(-3, 12), range(-3, 13)),
    "integers with steps": (IntDistribution(2, 20, step=3), range(2, 21, 3)),
    "integers on a log scale": (IntDistribution(1, 200, log=True), range(1, 201)),
    "floats with steps": (FloatDistribution(0, 1, step=0.1), [i / 10 for i in range(11)]),
    "floats whose steps exceed the bound": (FloatDistribution(0.1, 0.7, step=0.1), [i / 10 for i in range(1, 8)]),
    "choices": (CategoricalDistribution(["a", None, 3, False]), ["a", None, 3, False]),
}


@pytest.mark.parametrize("kind", DISCRETE)
def test_every_value_has_a_place_of_its_own_from_which_it_comes_back(kind):
    distribution, values = DISCRETE[kind]
    axis = axis_of(distribution)
    places = [axis.place(value) for value in values]
    assert (
        [axis.value(place) for place in places] == pytest.approx(list(values)) if kind.startswith("float") else values
    )
    assert len(set(places)) == axis.n_values == len(values)


@given(st.floats(1e-6, 1e6), st.floats(1.001, 1e6), st.booleans(), st.floats(0, 1))
def test_a_place_in_a_range_is_a_value_of_it_and_the_way_back_leads_there(low, factor, log, place):
    axis = axis_of(FloatDistribution(low, low * factor, log=log))
    value = axis.value(place)
    assert low <= value <= low * factor
    assert axis.place(value) == pytest.approx(place, abs=1e-6)


@pytest.mark.parametrize("kind", ["integers", "integers with steps", "floats with steps", "choices"])
def test_uniform_numbers_give_each_value_the_same_share(kind):
    distribution, values = DISCRETE[kind]
    axis = axis_of(distribution)
    n = 100 * len(values)
    places = axis.spread((np.arange(n) + 0.5) / n)
    _, counts = np.unique(places.round(9), return_counts=True)
    assert counts.tolist() == [100] * len(values)


def test_places_of_numbers_keep_their_order_and_logs_their_ratios():
    axis = axis_of(FloatDistribution(1e-3, 1e3, log=True))
    assert [axis.place(10.0**k) for k in range(-3, 4)] == pytest.approx(np.linspace(0, 1, 7))


BRANCHES = [
    {"model": "svm", "kernel": "rbf", "C": 1.0, "gamma": 0.1},
    {"model": "svm", "kernel": "poly", "C": 2.0, "degree": 3},
    {"model": "svm", "kernel": "linear", "C": 0.5},
    {"model": "tree", "depth": 4},
]
NESTED = {
    "model": CategoricalDistribution(["svm", "tree", "forest"]),
    "kernel": CategoricalDistribution(["rbf", "poly", "linear"]),
    "C": FloatDistribution(1e-3, 1e3, log=True),
    "gamma": FloatDistribution(1e-3, 1e3, log=True),
    "degree": IntDistribution(2, 5),
    "depth": IntDistribution(1, 9),
    "scale": FloatDistribution(0, 1),
}


@pytest.fixture
def nested():
    rng = np.random.default_rng(0)
    return Axes(NESTED, [BRANCHES[i % 4] | {"scale": float(rng.random())} for i in range(24)])


def test_new_rows_have_the_parameters_that_trials_with_their_choices_had(nested):
    needed = {"svm": {"model", "kernel", "C", "scale"}, "tree": {"model", "depth", "scale"}}
    more = {"rbf": {"gamma"}, "poly": {"degree"}, "linear": set()}
    rows = nested.spread(np.random.default_rng(1).random((500, len(NESTED))))
    seen = set()
    for params in map(nested.params, rows):
        if params["model"] != "forest":
            assert set(params) == needed[params["model"]] | more.get(params.get("kernel"), set())
        else:
            # a model that no trial had: what all trials had, and no more
            assert set(params) == {"model", "scale"}
        seen.add((params["model"], params.get("kernel")))
    assert len(seen) == 5


def test_an_independent_choice_does_not_decide_which_parameters_there_are():
    space = {"branch": CategoricalDistribution([0, 1]), "a": IntDistribution(1, 9), "b": IntDistribution(1, 9)}
    space["other"] = CategoricalDistribution(["x", "y", "z"])
    trials = [
        {"branch": 0, "a": 1, "other": "x"},
        {"branch": 1, "b": 1, "other": "y"},
        {"branch": 0, "a": 2, "other": "x"},
        {"branch": 1, "b": 2, "other": "y"},
    ]
    axes = Axes(space, trials)
    rows = axes.spread(np.random.default_rng(0).random((200, 4)))
    found = {(params["branch"], params["other"], "a" in params, "b" in params) for params in map(axes.params, rows)}
    assert found == {(branch, other, branch == 0, branch == 1) for branch in (0, 1) for other in "xyz"}


def test_neighbours_move_by_a_cell_at_least_and_stay_in_the_space(nested):
    row = nested.row(BRANCHES[3] | {"scale": 0.5})
    rng = np.random.default_rng(0)
    shape = (200, len(NESTED))
    size = rng.normal(size=shape) * 1e-6
    size[:, 0] = 0
    moved = nested.moved(row, rng.random(shape), size)
    depths = {params["depth"] for params in map(nested.params, moved)}
    assert depths == {3, 5}
    assert all(0 <= params["scale"] <= 1 for params in map(nested.params, moved))


def test_a_choice_of_an_earlier_list_has_no_place():
    axes = Axes({"c": CategoricalDistribution(["a", "b"])}, [])
    assert axes.row({"c": "gone"}).tolist() == [MISSING]


@pytest.mark.parametrize(("low", "high", "step"), [(0.1, 0.7, 0.1), (-0.3, 0.3, 0.1), (1e-3, 9e-3, 1e-3)])
def test_no_value_exceeds_the_bound_of_a_range_with_steps(low, high, step):
    distribution = FloatDistribution(low, high, step=step)
    values = [axis_of(distribution).value(place) for place in np.linspace(0, 1, 200)]
    assert (min(values), max(values)) == (low, high)


def test_large_integers_keep_their_last_digits():
    axis = axis_of(IntDistribution(10**15 + 1, 10**15 + 9))
    assert {axis.value(axis.place(10**15 + i)) for i in range(1, 10)} == {10**15 + i for i in range(1, 10)}


def test_a_value_outside_of_the_range_has_a_place_that_is_not_that_of_a_missing_one():
    axes = Axes({"x": FloatDistribution(5, 10)}, [])
    places = axes.rows([{"x": value} for value in (-100.0, 0.0, 7.5, 400.0)])[:, 0]
    assert places.tolist() == [-0.5, -0.5, 0.5, 1.5]
