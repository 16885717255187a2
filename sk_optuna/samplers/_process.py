r"""A Gaussian process with a Matern kernel, one length for each parameter, its hyperparameters at their most probable.

Formulas as in Rasmussen and Williams, *Gaussian Processes for Machine Learning*, 2006, chapters 2 and 5.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs, dtrtrs
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from sk_optuna.samplers._axes import MISSING

_ROOT5 = math.sqrt(5.0)
# A missing number lies in the middle of its axis, and this far off it.
_OFF_AXIS = 0.5
# Priors of logarithms: mean and deviation; lengths about .4 sqrt(p).
_LENGTH_DEVIATION = 0.8
_SIGNAL = (0.0, 0.7)
_NOISE = (-5.0, 1.5)
_JITTER = 1e-8
# Bounds of the search for hyperparameters, in deviations of the prior.
_WIDEST = 4.0


@dataclass(frozen=True)
class Points:
    """Rows of coordinates as the kernel compares them.

    Attributes
    ----------
    numbers : ndarray of shape (n_rows, n_columns)
        Numbers, and for those that may be missing a second column that tells so.
    owners : ndarray of int, shape (n_columns,)
        The parameter of each column.
    choices : ndarray of shape (n_rows, n_lists)
        Positions of choices; a missing one is a choice of its own.
    lists : ndarray of int, shape (n_lists,)
        The parameter of each column of `choices`.
    """

    numbers: np.ndarray
    owners: np.ndarray
    choices: np.ndarray
    lists: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    def followed_by(self, rows: "Points") -> "Points":
        """Return these rows and then others."""
        numbers, choices = np.vstack([self.numbers, rows.numbers]), np.vstack([self.choices, rows.choices])
        return Points(numbers, self.owners, choices, self.lists)


def points(rows: np.ndarray, is_list: np.ndarray, is_optional: np.ndarray) -> Points:
    """Return rows of coordinates as the kernel compares them."""
    numeric, lists = np.flatnonzero(~is_list), np.flatnonzero(is_list)
    optional = np.flatnonzero(~is_list & is_optional)
    missing = rows == MISSING
    numbers = np.where(missing, 0.5, rows)[:, numeric]
    absence = _OFF_AXIS * missing[:, optional]
    return Points(np.hstack([numbers, absence]), np.concatenate([numeric, optional]), rows[:, lists], lists)


class Process:
    """The posterior of a Gaussian process.

    Parameters
    ----------
    told : Points
        Where values are known.
    values : ndarray of shape (n_rows,)
        The values, of mean about 0 and deviation about 1.
    errors : ndarray of shape (n_rows,)
        Known variance of each value, beside the noise that all have.
    log_hyperparameters : ndarray of shape (n_parameters + 2,)
        Logarithms of the lengths, of the signal's variance and of the noise's; `most_probable` finds them.

    Attributes
    ----------
    expected : ndarray of shape (n_rows,)
        The expected values there.
    """

    def __init__(self, told: Points, values: np.ndarray, errors: np.ndarray, log_hyperparameters: np.ndarray) -> None:
        self._told, self._values, self._errors, self._logs = told, values, errors, log_hyperparameters
        self._lengths = np.exp(log_hyperparameters[:-2])
        self._signal = float(np.exp(log_hyperparameters[-2]))
        noise = float(np.exp(log_hyperparameters[-1]))
        kernel = _matern(self._distances(told), self._signal)[0]
        covariance = kernel.copy()
        covariance[np.diag_indices_from(covariance)] += noise + errors + _JITTER
        self._factor = _cholesky(covariance)
        self._weights = dpotrs(self._factor, values, lower=1)[0]
        self.expected: np.ndarray = kernel @ self._weights

    def with_guesses(self, rows: Points) -> "Process":
        """Return the process for which the values at some more rows are as expected."""
        return Process(
            self._told.followed_by(rows),
            np.concatenate([self._values, self.mean(rows)]),
            np.concatenate([self._errors, np.zeros(len(rows))]),
            self._logs,
        )

    def mean(self, rows: Points) -> np.ndarray:
        """Return the expected value at each row."""
        expected: np.ndarray = _matern(self._distances(rows), self._signal)[0] @ self._weights
        return expected

    def mean_and_deviation(self, rows: Points) -> tuple[np.ndarray, np.ndarray]:
        """Return the expected value and its standard deviation, without noise, at each row."""
        kernel, _ = _matern(self._distances(rows), self._signal)
        whitened = dtrtrs(self._factor, np.asfortranarray(kernel.T), lower=1)[0]
        variance = self._signal - np.einsum("ij,ij->j", whitened, whitened)
        return kernel @ self._weights, np.sqrt(np.maximum(variance, 1e-12))

    def with_gradient(self, row: Points) -> tuple[float, float, np.ndarray, np.ndarray]:
        """Return mean, deviation, and both gradients with respect to the numbers of one row."""
        kernel, slope = _matern(self._distances(row), self._signal)
        scale = self._lengths[row.owners] ** 2
        # of the kernel to each told row, by column
        gradient = slope[0, :, None] * (row.numbers[0] - self._told.numbers) / scale
        half = dpotrs(self._factor, kernel[0], lower=1)[0]
        deviation = math.sqrt(max(self._signal - float(kernel[0] @ half), 1e-12))
        return (
            float(kernel[0] @ self._weights),
            deviation,
            self._weights @ gradient,
            -(half @ gradient) / deviation,
        )

    def _distances(self, rows: Points) -> np.ndarray:
        return _squared_distances(rows, self._told, self._lengths)


def most_probable(
    told: Points, values: np.ndarray, errors: np.ndarray, n_parameters: int, n_present: float
) -> np.ndarray:
    """Return the logarithms of the hyperparameters that are most probable, by L-BFGS-B from two starts.

    Parameters
    ----------
    told, values, errors : object
        As for `Process`.
    n_parameters : int
        Number of parameters.
    n_present : float
        Number of those that a trial has, on average.
    """
    means = np.array([math.log(0.4 * math.sqrt(n_present))] * n_parameters + [_SIGNAL[0], _NOISE[0]])
    deviations = np.array([_LENGTH_DEVIATION] * n_parameters + [_SIGNAL[1], _NOISE[1]])
    by_parameter = _by_parameter(told, n_parameters)
    arguments = (by_parameter, values, errors, means, deviations)
    bounds = list(zip(means - _WIDEST * deviations, means + _WIDEST * deviations, strict=True))
    starts = [means, means + deviations * np.array([-1.0] * n_parameters + [0.0, 1.0])]
    found = [
        minimize(_surprise, start, arguments, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": 20})
        for start in starts
    ]
    best: np.ndarray = min(found, key=lambda result: float(result.fun)).x
    return best


def _surprise(
    log_hyperparameters: np.ndarray,
    by_parameter: np.ndarray,
    values: np.ndarray,
    errors: np.ndarray,
    means: np.ndarray,
    deviations: np.ndarray,
) -> tuple[float, np.ndarray]:
    """Return minus the logarithm of the posterior density of hyperparameters, and its gradient."""
    n = len(values)
    inverse_squares = np.exp(-2 * log_hyperparameters[:-2])
    signal, noise = np.exp(log_hyperparameters[-2:])
    kernel, slope = _matern((inverse_squares @ by_parameter).reshape(n, n), signal)
    covariance = kernel.copy()
    covariance[np.diag_indices_from(covariance)] += noise + errors + _JITTER
    factor = _cholesky(covariance)
    weights = dpotrs(factor, values, lower=1)[0]
    # the lower triangle; the factor's upper one is empty
    half = dpotri(factor, lower=1)[0]
    half[np.diag_indices_from(half)] /= 2
    pull = np.outer(weights, weights) - half - half.T
    off = (log_hyperparameters - means) / deviations
    surprise = 0.5 * float(values @ weights) + float(np.log(np.diag(factor)).sum()) + 0.5 * float(off @ off)
    gradient = off / deviations
    # slope is the derivative by half the squared distance
    gradient[:-2] += 0.5 * (by_parameter @ (pull * slope).ravel()) * inverse_squares
    gradient[-2] -= 0.5 * float((pull * kernel).sum())
    gradient[-1] -= 0.5 * noise * float(np.trace(pull))
    return surprise, gradient


def _matern(squared: np.ndarray, signal: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the Matern 5/2 kernel at squared distances, and its derivative by half of them."""
    scaled = _ROOT5 * np.sqrt(squared)
    decay = signal * np.exp(-scaled)
    slope = (-5 / 3) * (1 + scaled) * decay
    return (1 + scaled + scaled**2 / 3) * decay, slope


def _squared_distances(a: Points, b: Points, lengths: np.ndarray) -> np.ndarray:
    squared = np.zeros((len(a), len(b)))
    if a.numbers.shape[1]:
        scale = lengths[a.owners]
        squared += cdist(a.numbers / scale, b.numbers / scale, "sqeuclidean")
    for j, owner in enumerate(a.lists):
        squared += (a.choices[:, j, None] != b.choices[None, :, j]) / lengths[owner] ** 2
    return squared


def _by_parameter(told: Points, n_parameters: int) -> np.ndarray:
    """Return the squared distances of all pairs that each parameter adds, of shape (n_parameters, n_pairs)."""
    n = len(told)
    squared = np.zeros((n_parameters, n, n))
    for column, owner in zip(told.numbers.T, told.owners, strict=True):
        squared[owner] += (column[:, None] - column) ** 2
    for column, owner in zip(told.choices.T, told.lists, strict=True):
        squared[owner] += column[:, None] != column
    return squared.reshape(n_parameters, n * n)


def _cholesky(matrix: np.ndarray) -> np.ndarray:
    """Return the lower factor; more of the diagonal is added while rounding makes the matrix indefinite."""
    for more in (0.0, *(_JITTER * 10.0**k for k in range(12))):
        factor: np.ndarray
        factor, failed = dpotrf(matrix + more * np.eye(len(matrix)) if more else matrix, lower=1, clean=1)
        if not failed:
            return factor
    raise LinAlgError("the covariance of the trials is not positive definite")
