"""Constraints in the Gaussian process: probabilities that are kept, their slopes, and suggestions that keep them."""

import numpy as np
import optuna
import pytest

from sk_optuna.samplers import GaussianProcessSampler
from sk_optuna.samplers._limits import limits_of
from sk_optuna.samplers._process import Process, points

RNG = np.random.default_rng(0)
ROWS = RNG.random((12, 2))
IS_LIST, IS_OPTIONAL = np.array([False, False]), np.array([False, False])
LOGS = np.log([0.4, 0.5, 1.0, 0.01])


def at(rows):
    return points(np.atleast_2d(rows), IS_LIST, IS_OPTIONAL)


def model(places, values):
    return Process(at(ROWS[places]), values, np.zeros(len(places)), LOGS)


def limits(*functions):
    return limits_of([[f(row) for f in functions] for row in ROWS], model)


def test_probabilities_are_high_where_trials_kept_a_constraint_and_low_where_they_broke_it():
    found = limits(lambda row: row[0] - 0.5)
    chances = np.exp(found.log_probability(at(ROWS)))
    assert (chances[ROWS[:, 0] < 0.4] > 0.5).all()
    assert (chances[ROWS[:, 0] > 0.6] < 0.5).all()
    np.testing.assert_array_equal(found.is_kept, ROWS[:, 0] <= 0.5)


def test_the_scale_of_a_constraint_does_not_matter():
    plain, thousandfold = limits(lambda row: row[0] - 0.5), limits(lambda row: 1000 * (row[0] - 0.5))
    np.testing.assert_allclose(plain.log_probability(at(ROWS)), thousandfold.log_probability(at(ROWS)))


@pytest.mark.parametrize("row", RNG.random((4, 2)).tolist())
def test_slopes_agree_with_differences(row):
    found = limits(lambda row: row[0] - 0.5, lambda row: 0.3 - row[1])
    logarithm, gradient = found.with_gradient(at(row))
    assert logarithm == pytest.approx(float(found.log_probability(at(row))[0]))
    for j, slope in enumerate(gradient):
        step = 1e-6 * np.eye(2)[j]
        above, below = (float(found.log_probability(at(row + sign * step))[0]) for sign in (1, -1))
        assert slope == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-6)


def test_constraints_that_no_trial_breaks_or_that_are_not_known_change_nothing():
    assert limits(lambda row: row[0] - 2) is None
    assert limits_of([[]] * len(ROWS), model) is None
    partly = limits_of([[row[0] - 0.5] if i % 2 else [] for i, row in enumerate(ROWS)], model)
    assert partly.is_kept[::2].all()


@pytest.mark.parametrize("feasible_from", [0.0, 0.9])
def test_an_optuna_study_with_constraints_ends_at_the_constrained_optimum(feasible_from):
    """From 0.9 the process does not know a feasible trial at first, and looks for one."""

    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        numbers = [x + y - 0.5 if feasible_from == 0 else feasible_from - x]
        # as Optuna keeps them, in all versions
        trial.storage.set_trial_system_attr(trial._trial_id, "constraints", numbers)
        return -((x - 0.8) ** 2) - (y - 0.2) ** 2

    study = optuna.create_study(direction="maximize", sampler=GaussianProcessSampler(seed=1))
    study.optimize(objective, n_trials=25)
    best = max(t.value for t in study.trials if t.system_attrs["constraints"][0] <= 0)
    assert best > (-0.13 if feasible_from == 0 else -0.01) - 0.003
