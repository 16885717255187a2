"""Optuna's distributions, made cheap for long lists and exact for steps of floats."""

import copy
import pickle
from decimal import Decimal

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
    distribution_to_json,
    json_to_distribution,
)

from sk_optuna._compat._optuna import suggest
from sk_optuna._distributions import ListDistribution, Steps, has_finite_bounds, on_step

LISTS = [(1, 2, 3), ("a", None, 1.5, "1"), (True, False), (0,), tuple(range(100))]


class Counting(str):
    """A string that counts how often one is compared."""

    n = 0

    def __eq__(self, other):
        Counting.n += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@pytest.mark.parametrize("choices", LISTS, ids=str)
def test_a_list_is_the_distribution_that_optuna_would_make_of_it(choices):
    ours, theirs = ListDistribution(choices), CategoricalDistribution(choices)
    assert ours == theirs
    assert theirs == ours
    assert hash(ours) == hash(theirs)
    assert repr(ours) == repr(theirs)
    assert distribution_to_json(ours) == distribution_to_json(theirs)
    assert json_to_distribution(distribution_to_json(ours)) == ours
    check_distribution_compatibility(ours, theirs)
    check_distribution_compatibility(theirs, ours)
    for i, choice in enumerate(choices):
        assert ours.to_internal_repr(choice) == theirs.to_internal_repr(choice) == i
        assert ours.to_external_repr(i) is theirs.to_external_repr(i)


@pytest.mark.parametrize("value", ["z", 7.5, float("nan"), [1]], ids=str)
def test_a_list_refuses_what_it_does_not_contain_as_optuna_does(value):
    for distribution in (ListDistribution((1, 2)), CategoricalDistribution((1, 2))):
        with pytest.raises(ValueError, match=r"not in \(1, 2\)"):
            distribution.to_internal_repr(value)


def test_lists_that_differ_are_not_equal():
    assert ListDistribution((1, 2)) != ListDistribution((2, 1))
    assert ListDistribution((1, 2)) != CategoricalDistribution((1, 2, 3))
    assert ListDistribution((1, 2)) != IntDistribution(1, 2)


def test_a_list_is_used_without_walking_it():
    choices = [Counting(i) for i in range(1000)]
    ours = ListDistribution(choices)
    Counting.n = 0
    assert ours.to_internal_repr(str(999)) == 999
    assert ours == copy.deepcopy(ours)
    assert copy.copy(ours) is ours
    check_distribution_compatibility(ours, ours)
    assert Counting.n <= 1
    assert copy.deepcopy([ours, ours]) == [ours, ours]


def test_a_pickled_list_is_optunas_own_and_needs_nothing_else():
    ours = ListDistribution((1, 2, 3))
    content = pickle.dumps([ours, ours])
    again = pickle.loads(content)
    assert b"sk_optuna" not in content
    assert again[0] is again[1]
    assert type(again[0]) is CategoricalDistribution
    assert again[0] == ours == again[0]


def test_a_study_with_lists_goes_on_with_suggest_categorical_and_into_a_storage(tmp_path):
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=2))
    for _ in range(4):
        trial = study.ask()
        study.tell(trial, suggest(trial, "a", ListDistribution((1, 2, 3))))
    study.optimize(lambda trial: trial.suggest_categorical("a", [1, 2, 3]), n_trials=4)
    url = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(storage=url, study_name="stored").add_trials(study.trials)
    stored = optuna.load_study(storage=url, study_name="stored")
    assert [trial.params for trial in stored.trials] == [trial.params for trial in study.trials]
    assert {type(trial.distributions["a"]) for trial in stored.trials} == {CategoricalDistribution}


@st.composite
def steps(draw):
    """Draw low, step and the number of steps as a person writes them: decimals of up to seven places."""
    places = draw(st.integers(0, 7))
    low = Decimal(draw(st.integers(-(10**6), 10**6))).scaleb(-places)
    step = Decimal(draw(st.integers(1, 10**4))).scaleb(-places)
    return low, step, draw(st.integers(1, 10**5))


@settings(max_examples=200)
@given(steps(), st.data())
def test_each_step_is_the_float_that_a_person_writes_whichever_way_it_is_reached(written, data):
    low, step, n = written
    distribution = FloatDistribution(float(low), float(low + n * step), step=float(step))
    column = Steps(distribution.low, distribution.high, distribution.step)
    assert len(column) == n + 1
    assert column[n] == distribution.high
    i = data.draw(st.integers(0, n))
    exact = float(low + i * step)
    assert column[i] == exact
    assert distribution.low <= exact <= distribution.high
    reached = [
        exact,
        float(low) + i * float(step),
        float(low) + round((exact - float(low)) / float(step)) * float(step),
    ]
    assert {on_step(distribution, value) for value in reached} == {exact}


@pytest.mark.parametrize(
    ("low", "high", "step"), [(-1e17, 1e17, 0.1), (0, 1e300, 1e-5), (0, 1e-310, 1e-315), (1e16, 1e16 + 10, 0.5)]
)
def test_steps_finer_than_floats_are_floats_in_range_and_stay_where_they_are(low, high, step):
    column = Steps(low, high, step)
    for part in (0.0, 0.1, 1 / 3, 0.5, 0.77, 1.0):
        value = column.nearest(min(low + part * (high - low), high))
        assert low <= value <= high
        assert column.nearest(value) == value


@pytest.mark.parametrize("high", [0.35, 0.39999])
def test_high_between_two_steps_is_the_step_below(high):
    with pytest.warns(UserWarning, match="not divisible by `step`"):
        distribution = FloatDistribution(0, high, step=0.1)
    assert list(Steps(distribution.low, distribution.high, distribution.step)) == [0.0, 0.1, 0.2, 0.3]
    assert on_step(distribution, high) == 0.3


def test_what_has_no_steps_of_floats_is_left_alone():
    assert on_step(FloatDistribution(0, 1), 0.123) == 0.123
    assert on_step(IntDistribution(0, 10, step=2), 4) == 4
    assert on_step(CategoricalDistribution(["a"]), "a") == "a"


@pytest.mark.parametrize(
    ("low", "high"), [(float("nan"), 1), (0, float("nan")), (0, float("inf")), (-float("inf"), 0), (-1.7e308, 1.7e308)]
)
def test_bounds_that_no_sampler_can_reckon_with_are_told(low, high):
    assert not has_finite_bounds(FloatDistribution(low, high))
    assert not has_finite_bounds(IntDistribution(0, 10**400))
    assert has_finite_bounds(FloatDistribution(0, 1))
    assert has_finite_bounds(CategoricalDistribution([1]))
