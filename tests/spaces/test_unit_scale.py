"""Places of values between 0 and 1: the share of what the search could draw that lies below."""

import warnings

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats

from sk_optuna.spaces import unit_scales

SPACES = {
    "floats": (FloatDistribution(-2, 3), "range", (-2, 3)),
    "logs": (FloatDistribution(1e-3, 1e3, log=True), "range", (1e-3, 1e3)),
    "steps": (FloatDistribution(0, 1, step=0.1), "range", (0, 1)),
    "integers": (IntDistribution(1, 20), "range", (1, 20)),
    "log_integers": (IntDistribution(1, 64, log=True), "range", (1, 64)),
    "range": (range(1, 9, 2), "range", (1, 7)),
    "scipy": (stats.loguniform(1e-2, 1e2), "range", (1e-2, 1e2)),
    "randint": (stats.randint(2, 6), "range", (2, 5)),
    "list": ([0.1, 1, 10, 100], "list", (0.1, 100)),
    "falling": ((8, 4, 2, 1), "list", (1, 8)),
    "array": (np.array([1, 2, 5]), "list", (1, 5)),
}


@pytest.mark.parametrize("name", SPACES)
def test_bounds_are_at_the_ends_of_the_scale(name):
    written, kind, (low, high) = SPACES[name]
    scale = unit_scales({"a": written})["a"]
    assert scale.is_numeric
    assert scale.kind == kind
    assert scale.bounds == pytest.approx((low, high))
    assert (scale.position(low), scale.position(high)) == (0, 1)


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("floats", 0.5, 0.5),
        ("logs", 1.0, 0.5),
        ("steps", 0.30000000000000004, 0.3),
        ("integers", 20 / 2 + 0.5, None),
        ("log_integers", 8, 0.5),
        ("range", 3, 1 / 3),
        ("list", 10, 2 / 3),
        ("falling", 2, 1 / 3),
        ("array", np.int64(2), 0.5),
        ("logs", 1e4, None),
        ("list", 3, None),
        ("logs", "auto", None),
    ],
)
def test_values_have_places_on_the_scale_of_their_range(name, value, place):
    assert unit_scales({"a": SPACES[name][0]})["a"].position(value) == pytest.approx(place)


@pytest.mark.parametrize(
    "variable",
    [stats.loguniform(1e-3, 1e3), stats.norm(2, 5), stats.expon(scale=3), stats.beta(2, 3), stats.uniform(1, 4)],
    ids=lambda variable: variable.dist.name,
)
def test_a_place_is_the_share_of_draws_below(variable):
    scale = unit_scales({"a": variable})["a"]
    draws = variable.rvs(2000, random_state=0)
    for value in variable.ppf([0.01, 0.3, 0.9]):
        assert scale.position(value) == pytest.approx(np.mean(draws <= value), abs=0.04)


def test_what_has_no_order_has_no_places():
    space = {
        "texts": ["a", "b", "c"],
        "mixed": [1, 2, "all"],
        "two": [1, 2],
        "unordered": [3, 1, 2],
        "said": CategoricalDistribution([1, 2, 3]),
        "flags": [True, False],
        "drawn": type("Own", (), {"rvs": lambda self, random_state=None: 1})(),
    }
    scales = unit_scales(space)
    assert {scale.kind for scale in scales.values()} == {"choices"}
    assert all(scale.position(1) is None and scale.bounds is None and not scale.is_numeric for scale in scales.values())


def test_a_range_of_one_value_has_no_places():
    assert unit_scales({"a": IntDistribution(3, 3)})["a"].position(3) is None


def test_in_several_branches_the_place_nearest_to_the_middle_counts():
    scale = unit_scales([{"C": FloatDistribution(0, 1), "a": [1, 2, 3]}, {"C": FloatDistribution(0, 10)}])["C"]
    assert scale.position(1) == pytest.approx(0.1)
    assert scale.position(0.5) == pytest.approx(0.5)
    assert scale.bounds == (0, 10)


def test_a_parameter_that_is_a_choice_in_one_branch_has_no_places():
    scale = unit_scales([{"a": range(5)}, {"a": ["auto"]}])["a"]
    assert (scale.kind, scale.is_numeric, scale.position(0)) == ("mixed", False, None)


def test_callables_and_other_libraries_spaces_have_no_scales():
    assert unit_scales(lambda trial: {}) == {}
    foreign = type("Real", (), {"__module__": "skopt.space", "low": 0, "high": 1})()
    scale = unit_scales({"a": foreign})["a"]
    assert (scale.kind, scale.is_numeric, scale.position(0.5)) == ("unknown", False, None)


def test_scales_do_not_repeat_the_warnings_of_a_space():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unit_scales({"a": [1, 100, "log-uniform"]})


@pytest.mark.parametrize(
    ("written", "is_log"),
    [
        (stats.loguniform(1e-3, 1), True),
        (IntDistribution(1, 64, log=True), True),
        (stats.uniform(1, 2), False),
        (stats.gamma(2), False),
        ([0.01, 0.1, 1, 10], True),
        ([8, 4, 2, 1], True),
        ([1, 2, 3, 4], False),
        ([0, 1, 10, 100], False),
        (["a", "b", "c"], False),
    ],
)
def test_scales_that_are_even_in_logs_are_known(written, is_log):
    assert unit_scales({"a": written})["a"].is_log is is_log
    assert not unit_scales([{"a": written}, {"a": stats.uniform(1, 2)}])["a"].is_log
