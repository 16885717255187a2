"""Constraints of trials as the Gaussian process takes them: a model of each, and the probability that it is kept.

Source: Gardner, Kusner, Xu, Weinberger and Cunningham, *Bayesian optimization with inequality constraints*, ICML 2014;
the expected improvement is weighted by the probability that all constraints are kept.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from sk_optuna.samplers._process import Points, Process

_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)
# Numbers further from 0 than so many of their typical sizes count as at that distance.
_REACH = 3.0

Model = Callable[[np.ndarray, np.ndarray], Process]
"""From places of trials, and a value of each, of mean 0 and deviation 1, to the process of them."""


@dataclass(frozen=True)
class Limit:
    """A constraint, as it is modelled.

    Attributes
    ----------
    process : Process
        The model of its standardized numbers.
    most : float
        The standardized 0: numbers up to this are fine.
    """

    process: Process
    most: float

    def log_probability(self, rows: Points) -> np.ndarray:
        """Return the logarithm of the probability that the constraint is kept at each row."""
        mean, deviation = self.process.mean_and_deviation(rows)
        logarithm: np.ndarray = log_ndtr((self.most - mean) / deviation)
        return logarithm

    def with_gradient(self, row: Points) -> tuple[float, np.ndarray]:
        """Return the same of one row, and its gradient with respect to the row's numbers."""
        mean, deviation, by_mean, by_deviation = self.process.with_gradient(row)
        z = (self.most - mean) / deviation
        logarithm = float(log_ndtr(z))
        hazard = math.exp(min(-(z**2) / 2 - _LOG_ROOT_2PI - logarithm, 700.0))
        return logarithm, -hazard * (by_mean + z * by_deviation) / deviation


@dataclass(frozen=True)
class Limits:
    """The constraints of trials that some of them break.

    Attributes
    ----------
    limits : sequence of Limit
        Those that are broken; of the others there is nothing to learn.
    is_kept : ndarray of bool, shape (n_trials,)
        Whether each trial that the objective's model knows could be the best.
    """

    limits: Sequence[Limit]
    is_kept: np.ndarray

    def followed_by(self, pending: Points) -> "Limits":
        """Return these and trials in flight, which could be the best if it is more likely than not."""
        likely = np.exp(self.log_probability(pending)) >= 0.5
        return Limits(self.limits, np.concatenate([self.is_kept, likely]))

    def log_probability(self, rows: Points) -> np.ndarray:
        """Return the logarithm of the probability that all constraints are kept, independent of each other."""
        return sum((limit.log_probability(rows) for limit in self.limits), np.zeros(len(rows)))

    def with_gradient(self, row: Points) -> tuple[float, np.ndarray]:
        """Return the same of one row, and its gradient with respect to the row's numbers."""
        found = [limit.with_gradient(row) for limit in self.limits]
        return sum(each for each, _ in found), np.sum([gradient for _, gradient in found], axis=0)


def limits_of(
    constraints: Sequence[Sequence[float]], model: Callable[[np.ndarray, np.ndarray], Process]
) -> Limits | None:
    """Model the constraints of trials; None if none is broken.

    Parameters
    ----------
    constraints : sequence of sequences of float
        Of each trial its numbers, fine at 0 or below; empty if they are not known.
    model : callable
        Makes the model.
    """
    known = np.array([i for i, numbers in enumerate(constraints) if len(numbers)], dtype=int)
    n = max((len(numbers) for numbers in constraints), default=0)
    limits = []
    for j in range(n):
        places = np.array([i for i in known if j < len(constraints[i])], dtype=int)
        numbers = np.array([constraints[i][j] for i in places], dtype=float)
        if (numbers > 0).any():
            values, mean, scale = _standardized(numbers)
            limits.append(Limit(model(places, values), -mean / scale))
    if not limits:
        return None
    is_kept = np.array([len(numbers) == 0 or max(numbers) <= 0 for numbers in constraints])
    return Limits(limits, is_kept)


def _standardized(numbers: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return numbers of mean 0 and deviation 1, with the mean and scale that were taken out."""
    typical = float(np.median(np.abs(numbers[numbers != 0])))
    numbers = np.clip(numbers / typical, -_REACH, _REACH)
    mean, scale = float(numbers.mean()), float(numbers.std()) or 1.0
    return (numbers - mean) / scale, mean, scale
