"""The logarithm of the expected improvement, which says where to look next, and its maximum."""

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.special import erfcx, ndtr
from scipy.stats import qmc

from sk_optuna.samplers._axes import MISSING, Axes
from sk_optuna.samplers._limits import Limits
from sk_optuna.samplers._process import Points, Process, points

# Candidates: powers of two, as a Sobol set wants them.
_N_SPREAD = 512
_N_CENTRES, _N_NEIGHBOURS = 5, 80
_N_REFINED, _N_STEPS = 3, 12
_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


def log_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """Return the logarithm of the expected improvement over `best`; far below, too, it has a slope.

    Source: Ament et al., *Unexpected improvements to expected improvement for Bayesian optimization*, NeurIPS 2023.
    """
    log_h, _ = _log_h((mean - best) / deviation)
    improvement: np.ndarray = log_h + np.log(deviation)
    return improvement


def _log_h(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithm of h(z) = density(z) + z * distribution(z) of a normal variable, and its derivative."""
    low = np.minimum(z, -1.0)
    # distribution / density, below -1
    ratio = math.sqrt(math.pi / 2) * erfcx(-low / math.sqrt(2))
    # 1 + z * ratio cancels far below, where it is near 1 / z**2
    gap = np.where(low > -1e5, np.maximum(1 + low * ratio, 1e-16), low**-2.0)
    far = np.log(gap) - low**2 / 2 - _LOG_ROOT_2PI
    high = np.maximum(z, -1.0)
    h = np.exp(-(high**2) / 2 - _LOG_ROOT_2PI) + high * ndtr(high)
    return np.where(z < -1, far, np.log(h)), np.where(z < -1, ratio / gap, ndtr(high) / h)


def most_promising(
    process: Process, axes: Axes, told: np.ndarray, rng: np.random.Generator, limits: Limits | None = None
) -> np.ndarray:
    """Return the row of the greatest expected improvement, among rows that were not told.

    Parameters
    ----------
    process : Process
        The model; what it expects at best of a row that it knows is to be improved upon.
    axes : Axes
        The parameters.
    told : ndarray of shape (n_told, n_parameters)
        The rows that it knows, also those in flight, which are not proposed again as long as there are others.
    rng : numpy.random.Generator
        Source of the candidates.
    limits : Limits or None, default=None
        Constraints: the improvement counts by the probability that they are kept, over the best row that keeps them.
        If no row does, the probability alone counts.
    """
    known = set(map(bytes, told))
    expected = process.expected if limits is None else np.where(limits.is_kept, process.expected, -np.inf)
    best = float(expected.max())

    def seen(rows: np.ndarray) -> Points:
        return points(rows, axes.is_list, axes.is_optional)

    def worth(rows: np.ndarray) -> np.ndarray:
        points = seen(rows)
        worth = np.zeros(len(rows)) if limits is None else limits.log_probability(points)
        if best > -np.inf:
            worth = worth + log_improvement(*process.mean_and_deviation(points), best)
        worth[[bytes(row) in known for row in rows]] = -np.inf
        return worth

    rows = candidates(axes, told[np.argsort(-expected, kind="stable")[:_N_CENTRES]], rng)
    scores = worth(rows)
    first = np.argsort(-scores, kind="stable")[:_N_REFINED]
    rows = np.vstack([rows[first], *(_refined(rows[i], process, axes, best, seen, limits) for i in first)])
    row: np.ndarray = rows[worth(rows).argmax()]
    return row


def candidates(axes: Axes, centres: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return rows from everywhere, and neighbours of the centres: a few parameters moved, by steps of all sizes."""
    n_parameters = len(axes.names)
    spread = qmc.Sobol(n_parameters, scramble=True, seed=rng).random(_N_SPREAD)
    rows = [axes.spread(spread)]
    shape = (_N_NEIGHBOURS, n_parameters)
    for centre in centres:
        moves = rng.random(shape) < max(0.4, 1.5 / n_parameters)
        moves[np.arange(_N_NEIGHBOURS), rng.integers(n_parameters, size=_N_NEIGHBOURS)] = True
        size = rng.normal(size=shape) * 10 ** rng.uniform(-2.5, -0.5, size=(_N_NEIGHBOURS, 1))
        rows.append(axes.moved(centre, rng.random(shape), size * moves))
    return np.vstack(rows)


def _refined(
    row: np.ndarray,
    process: Process,
    axes: Axes,
    best: float,
    seen: Callable[[np.ndarray], Points],
    limits: Limits | None,
) -> np.ndarray:
    """Return the row after a few steps of L-BFGS-B in its numbers, each snapped to a value; its choices stay."""
    free = np.flatnonzero(~axes.is_list & (row != MISSING))
    if not len(free):
        return row[None]
    start = seen(row[None])
    column_of = [int(np.flatnonzero(start.owners == j)[0]) for j in free]

    def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        start.numbers[0, column_of] = numbers
        worth, gradient = _log_improvement_with_gradient(process, start, best)
        if limits is not None:
            more, by_more = limits.with_gradient(start)
            worth, gradient = worth + more, gradient + by_more
        return -worth, -gradient[column_of]

    found = minimize(
        loss, row[free], jac=True, method="L-BFGS-B", bounds=[(0, 1)] * len(free), options={"maxiter": _N_STEPS}
    )
    moved = row.copy()
    moved[free] = found.x
    return axes.snapped(moved[None])


def _log_improvement_with_gradient(process: Process, row: Points, best: float) -> tuple[float, np.ndarray]:
    """Return the logarithm of the expected improvement at one row, and its gradient; 0 without a best value."""
    mean, deviation, by_mean, by_deviation = process.with_gradient(row)
    if best == -math.inf:
        return 0.0, np.zeros_like(by_mean)
    z = (mean - best) / deviation
    log_h, slope = _log_h(np.array(z))
    gradient = slope * (by_mean - z * by_deviation) / deviation + by_deviation / deviation
    return float(log_h) + math.log(deviation), gradient
