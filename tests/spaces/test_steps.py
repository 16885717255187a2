"""A range of floats with steps has one float for each step, whoever suggests it, and the study agrees."""

from decimal import Decimal

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from sklearn.datasets import make_regression
from sklearn.linear_model import Ridge

from sk_optuna import OptunaSearchCV
from sk_optuna.spaces._domains import domain_of

X, Y = make_regression(40, 3, noise=3, random_state=0)
RANGES = [(0, 0.3, 0.1), (0, 0.7, 0.1), (0.05, 0.6, 0.05), (-0.3, 0.3, 0.1), (0, 5e-5, 1e-5), (0.1, 0.1, 0.1)]


def as_written(low, high, step):
    low, high, step = (Decimal(str(number)) for number in (low, high, step))
    return [float(low + i * step) for i in range(int((high - low) / step) + 1)]


class Signed(Ridge):
    """A Ridge that takes negative values of a parameter that it does not use."""

    def __init__(self, alpha=1.0, shift=0.0):
        super().__init__(alpha=alpha)
        self.shift = shift


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", lambda seed: optuna.samplers.NSGAIISampler(seed=seed)])
@pytest.mark.parametrize("bounds", RANGES, ids=str)
def test_every_step_is_tried_once_as_a_person_writes_it(bounds, sampler):
    low, high, step = bounds
    space = {"shift": FloatDistribution(low, high, step=step)}
    search = OptunaSearchCV(Signed(), space, n_trials=50, sampler=sampler, random_state=1, cv=2).fit(X, Y)
    tried = [params["shift"] for params in search.cv_results_["params"]]
    assert sorted(tried) == as_written(*bounds)
    assert [trial.params["shift"] for trial in search.study_.trials] == tried


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
@pytest.mark.parametrize("bounds", RANGES, ids=str)
def test_a_callable_is_suggested_the_same_floats(bounds, sampler):
    low, high, step = bounds

    def space(trial):
        return {"shift": trial.suggest_float("shift", low, high, step=step)}

    search = OptunaSearchCV(Signed(), space, n_trials=25, sampler=sampler, random_state=0, cv=2).fit(X, Y)
    tried = [params["shift"] for params in search.cv_results_["params"]]
    assert set(tried) <= set(as_written(*bounds))
    assert [trial.params["shift"] for trial in search.study_.trials] == tried


@pytest.mark.parametrize("is_callable", [False, True])
def test_a_first_value_that_is_off_by_rounding_is_the_step_that_it_means(is_callable):
    distribution = FloatDistribution(0, 0.3, step=0.1)
    space = {"shift": distribution}
    if is_callable:
        space = lambda trial: {"shift": trial.suggest_float("shift", 0, 0.3, step=0.1)}  # noqa: E731
    first = [{"shift": 0.1 + 0.1 + 0.1}] if not is_callable else [{"shift": 0.3 - 1e-17}]
    search = OptunaSearchCV(Signed(), space, n_trials=4, initial_params=first, random_state=0, cv=2).fit(X, Y)
    assert search.cv_results_["params"][0] == {"shift": 0.3}
    assert is_callable or sorted(p["shift"] for p in search.cv_results_["params"]) == [0.0, 0.1, 0.2, 0.3]


@pytest.mark.parametrize("bounds", [(0, 1e5, 1e-5), (-1e9, 1e9, 1e-3), (0, 1e13, 0.1)])
def test_over_millions_of_steps_the_study_keeps_what_was_tried(bounds):
    low, high, step = bounds
    space = {"shift": FloatDistribution(low, high, step=step)}
    search = OptunaSearchCV(Signed(), space, n_trials=20, random_state=0, cv=2).fit(X, Y)
    tried = [params["shift"] for params in search.cv_results_["params"]]
    domain = domain_of("shift", space["shift"])
    assert [trial.params["shift"] for trial in search.study_.trials] == tried
    assert [domain.decode(value) for value in tried] == tried
    assert len(set(tried)) == 20
    assert all(low <= value <= high for value in tried)


@settings(max_examples=60)
@given(st.integers(-1000, 1000), st.integers(1, 50), st.integers(0, 1000), st.integers(0, 5))
def test_column_encode_and_decode_agree_on_each_step(low, step, n, places):
    unit = 10**places
    distribution = FloatDistribution(low / unit, (low + n * step) / unit, step=step / unit)
    domain = domain_of("x", distribution)
    column = list(domain.column())
    assert column == [(low + i * step) / unit for i in range(n + 1)]
    reached = [distribution.low + i * distribution.step for i in range(n + 1)]
    assert [domain.encode(value) for value in column] == column
    assert [domain.encode(value) for value in reached] == column
    assert [domain.decode(value) for value in reached] == column


@pytest.mark.parametrize("value", [0.15, -0.1, 0.4, 0.30001, np.nan, np.inf, True, "0.1"])
def test_what_lies_between_steps_or_beyond_them_is_refused(value):
    with pytest.raises(ValueError, match=r"is not in FloatDistribution|is not a number"):
        domain_of("x", FloatDistribution(0, 0.3, step=0.1)).encode(value)
