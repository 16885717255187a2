"""The model: agreement with scikit-learn's, and derivatives with differences."""

import math

import numpy as np
import pytest
from optuna.distributions import IntDistribution
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from sk_optuna.samplers import _process
from sk_optuna.samplers._axes import MISSING, Axes
from sk_optuna.samplers._improvement import _log_h, log_improvement, most_promising
from sk_optuna.samplers._process import Process, most_probable, points

RNG = np.random.default_rng(0)
N, P = 30, 3
NUMBERS = np.zeros(P, dtype=bool)
ROWS, VALUES = RNG.random((N, P)), RNG.normal(size=N)
LOGS = np.log([0.3, 0.8, 1.5, 1.3, 0.05])


def of_numbers(rows):
    return points(rows, NUMBERS, NUMBERS)


@pytest.fixture
def scikit_learns():
    lengths, signal, noise = np.exp(LOGS[:P]), math.exp(LOGS[P]), math.exp(LOGS[P + 1])
    kernel = ConstantKernel(signal) * Matern(lengths, nu=2.5) + WhiteKernel(noise)
    return GaussianProcessRegressor(kernel, optimizer=None, alpha=_process._JITTER).fit(ROWS, VALUES)


def test_mean_and_deviation_are_those_of_scikit_learns_process(scikit_learns):
    new = RNG.random((50, P))
    process = Process(of_numbers(ROWS), VALUES, np.zeros(N), LOGS)
    mean, deviation = process.mean_and_deviation(of_numbers(new))
    theirs, with_noise = scikit_learns.predict(new, return_std=True)
    assert mean == pytest.approx(theirs, abs=1e-8)
    assert process.mean(of_numbers(new)) == pytest.approx(theirs, abs=1e-8)
    assert deviation**2 == pytest.approx(with_noise**2 - math.exp(LOGS[P + 1]), abs=1e-8)


def test_likelihood_is_that_of_scikit_learns_process(scikit_learns):
    by_parameter = _process._by_parameter(of_numbers(ROWS), P)
    surprise, _ = _process._surprise(LOGS, by_parameter, VALUES, np.zeros(N), LOGS, np.ones(P + 2))
    constant = N / 2 * math.log(2 * math.pi)
    assert -surprise - constant == pytest.approx(scikit_learns.log_marginal_likelihood_value_)


@pytest.fixture
def mixed():
    """Numbers, one of them missing in a third of the rows, and choices."""
    rows = RNG.random((N, 4))
    rows[:, 3] = RNG.integers(3, size=N)
    rows[: N // 3, 1] = MISSING
    is_list = np.array([False, False, False, True])
    return rows, points(rows, is_list, np.array([False, True, False, False])), is_list


def test_derivatives_of_the_posterior_of_hyperparameters_are_its_differences(mixed):
    _, told, _ = mixed
    by_parameter = _process._by_parameter(told, 4)
    errors, start = RNG.random(N) * 0.1, RNG.normal(size=6) * 0.5 - 0.5

    def surprise(logs):
        return _process._surprise(logs, by_parameter, VALUES, errors, np.zeros(6), np.full(6, 2.0))

    differences = approx_fprime(start, lambda logs: surprise(logs)[0], 1e-6)
    assert surprise(start)[1] == pytest.approx(differences, rel=1e-4, abs=1e-4)


def test_derivatives_by_the_numbers_of_a_row_are_differences(mixed):
    rows, told, is_list = mixed
    process = Process(told, VALUES, np.zeros(N), np.log([0.5, 0.7, 0.4, 0.9, 1.2, 0.02]))
    row = points(rows[-1:] * 0.9, is_list, np.array([False, True, False, False]))

    def at(numbers):
        moved = points(rows[-1:] * 0.9, is_list, np.array([False, True, False, False]))
        moved.numbers[0] = numbers
        mean, deviation = process.mean_and_deviation(moved)
        return float(mean[0]), float(deviation[0])

    mean, deviation, by_mean, by_deviation = process.with_gradient(row)
    assert (mean, deviation) == pytest.approx(at(row.numbers[0]))
    for i, gradient in enumerate([by_mean, by_deviation]):
        assert gradient == pytest.approx(approx_fprime(row.numbers[0], lambda x, i=i: at(x)[i], 1e-6), abs=1e-4)


def test_most_probable_lengths_tell_which_parameter_matters():
    rows = RNG.random((50, 3))
    values = np.sin(6 * rows[:, 1]) / 0.7
    lengths = np.exp(most_probable(of_numbers(rows), values, np.zeros(50), 3, 3.0))[:3]
    assert lengths[1] < lengths[[0, 2]].min() / 2


def test_most_probable_is_a_minimum():
    found = most_probable(of_numbers(ROWS), VALUES, np.zeros(N), P, float(P))
    by_parameter = _process._by_parameter(of_numbers(ROWS), P)
    means = np.array([math.log(0.4 * math.sqrt(P))] * P + [0.0, -5.0])
    deviations = np.array([0.8] * P + [0.7, 1.5])

    def surprise(logs):
        return _process._surprise(logs, by_parameter, VALUES, np.zeros(N), means, deviations)[0]

    near = [surprise(found + step) for step in RNG.normal(size=(30, P + 2)) * 0.3]
    assert surprise(found) <= min(near) + 1e-2


def test_a_process_knows_what_it_expects_of_told_rows(mixed):
    _, told, _ = mixed
    process = Process(told, VALUES, np.zeros(N), np.log([0.5, 0.7, 0.4, 0.9, 1.2, 0.02]))
    assert process.expected == pytest.approx(process.mean(told))


def test_guesses_change_no_expectation_and_make_surer(mixed):
    rows, told, is_list = mixed
    guessed_at = points(rows[:5] * 0.8, is_list, np.array([False, True, False, False]))
    process = Process(told, VALUES, np.zeros(N), np.log([0.5, 0.7, 0.4, 0.9, 1.2, 0.02]))
    mean, deviation = process.with_guesses(guessed_at).mean_and_deviation(guessed_at)
    before, unsure = process.mean_and_deviation(guessed_at)
    assert mean == pytest.approx(before)
    assert (deviation < unsure).all()


def test_a_value_with_a_large_error_counts_for_little():
    rows = np.array([[0.2, 0.5, 0.5], [0.8, 0.5, 0.5]])
    for errors, expected in (([0.0, 0.0], 1.0), ([0.0, 100.0], 0.0)):
        process = Process(of_numbers(rows), np.array([0.0, 1.0]), np.array(errors), np.log([0.1, 1, 1, 1, 1e-6]))
        assert process.mean(of_numbers(rows[1:]))[0] == pytest.approx(expected, abs=0.02)


def test_trials_that_lack_a_parameter_are_near_each_other_and_far_from_those_that_have_it():
    rows = np.array([[MISSING, 0.5], [MISSING, 0.5], [0.5, 0.5], [0.1, 0.5]])
    told = points(rows, np.zeros(2, dtype=bool), np.array([True, False]))
    squared = _process._squared_distances(told, told, np.ones(2))
    assert squared[0, 1] == 0
    assert 0 < squared[0, 2] < squared[0, 3]


@pytest.mark.parametrize("z", [4.0, 0.5, -0.999, -1.001, -3.0, -7.0])
def test_improvement_is_the_integral_that_it_stands_for(z):
    best = 2.0
    mean, deviation = best + 0.3 * z, 0.3
    integral, _ = quad(lambda y: (y - best) * norm.pdf(y, mean, deviation), best, best + 40 * deviation, epsabs=0)
    assert log_improvement(np.array([mean]), np.array([deviation]), best)[0] == pytest.approx(math.log(integral))


def test_improvement_has_a_slope_however_far_below():
    z = -np.geomspace(0.5, 1e8, 400)
    log_h, slope = _log_h(z)
    assert (np.diff(log_h) < 0).all()
    assert slope[-1] == pytest.approx(1e8)
    middle = (log_h[1:] - log_h[:-1]) / (z[1:] - z[:-1])
    assert ((slope[1:] >= middle - 1e-6 * np.abs(middle)) & (slope[:-1] <= middle + 1e-6 * np.abs(middle))).all()


@pytest.mark.parametrize("length", [0.05, 0.2, 0.8])
def test_the_most_promising_row_has_the_greatest_improvement_over_the_best_that_is_expected(length):
    axes = Axes({"n": IntDistribution(0, 15)}, [])
    known = axes.rows({"n": n} for n in (1, 4, 9, 14))
    told = points(known, axes.is_list, axes.is_optional)
    process = Process(told, np.array([0.0, 1.0, -1.0, 0.5]), np.zeros(4), np.log([length, 1.0, 0.01]))
    rows = axes.rows({"n": n} for n in range(16) if n not in (1, 4, 9, 14))
    mean, deviation = process.mean_and_deviation(points(rows, axes.is_list, axes.is_optional))
    worth = log_improvement(mean, deviation, process.mean(told).max())
    chosen = most_promising(process, axes, known, np.random.default_rng(0))
    assert chosen == pytest.approx(rows[worth.argmax()])
