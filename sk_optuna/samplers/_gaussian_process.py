"""A sampler for small budgets: a Gaussian process of what was told, and the trial that it expects most of."""

import math
import secrets
import threading
import zlib
from collections.abc import Sequence
from functools import cache
from numbers import Integral
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import qmc
from threadpoolctl import ThreadpoolController

from sk_optuna._compat._optuna import constraints_of
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.samplers._axes import MISSING, Axes, axis_of
from sk_optuna.samplers._improvement import most_promising
from sk_optuna.samplers._limits import limits_of
from sk_optuna.samplers._process import Points, Process, most_probable, points

ERROR_OF_ESTIMATE = "sk_optuna:error"
"""Attribute of a trial whose value is an estimate: the estimate's standard error."""
# Trials of which the hyperparameters are learned, and of which the model is made: the best, and the latest of the rest.
_N_LEARNED, _N_MODELLED = 100, 250
# Values further below the median than so many upper deviations are as bad as those at that distance.
_CLIP = 2.0


class GaussianProcessSampler(BaseSampler):
    r"""Suggest the trial of the greatest expected improvement, by a Gaussian process of the trials so far.

    It makes more of few trials than TPE does, needs neither torch nor other packages, and serves any Optuna study of
    one objective: floats, integers, steps and choices, on linear and log scales, and spaces in which a parameter
    decides which others there are.

    Parameters
    ----------
    seed : int, default=None
        Seed, at least 0; None takes fresh entropy. A suggestion depends on the seed, the trial's number, the trials
        told and those in flight, and on nothing else: the same object, another one or a copy suggest the same.

    n_startup_trials : int, default=8
        Finished trials before the model is asked, at least 2. Until then each parameter is drawn from a sequence of its
        own that covers its range evenly.

    Raises
    ------
    InvalidArgumentError
        Where an argument cannot be used; on being asked, where the study has several objectives.

    See Also
    --------
    optuna.samplers.TPESampler : Cheaper for many trials; better where most parameters are choices.
    optuna.samplers.GPSampler : Optuna's Gaussian process, which needs torch; it knows constraints and several
        objectives.

    Notes
    -----
    The model of the values `y` at parameters `x` is :math:`y = f(x) + \varepsilon`, with a Gaussian process

    .. math:: \operatorname{cov}(f(x), f(x')) = s\,(1 + \sqrt 5 r + \tfrac 5 3 r^2)\,e^{-\sqrt 5 r}, \qquad
        r^2 = \sum_j d_j(x, x')^2 / l_j^2,

    the Matern kernel of order 5/2 [1]_. A number is first brought to the interval from 0 to 1, through the logarithm
    where its distribution is log, an integer or step to the middle of its cell. Of two numbers :math:`d_j` is the
    difference; of two choices 0 or 1. A parameter that one of two trials does not have adds a distance, one that both
    lack none: trials with different parameters are in one model. Which parameters a trial will have is learned from
    the choices of earlier ones.

    The variance of :math:`\varepsilon` is the noise, the same for all trials; an estimate in place of a value, as a
    race between folds tells it, has the variance of its error besides. The :math:`l_j`, `s` and the noise are the most
    probable ones under log-normal priors: lengths around :math:`0.4 \sqrt p` where a trial has `p` parameters, `s`
    around 1, the noise around :math:`e^{-5}`. Values are clipped below, at two upper deviations under the median, and
    standardized: one terrible candidate must not set the scale. A failed trial counts as bad as the worst one, a pruned
    trial without an estimate as its last report, or as the median if that is less. Trials in flight count as the model
    expects them.

    Constraints of trials, as a study has them by ``Trial.set_constraint``, have such models of their own, each once a
    trial breaks it. The improvement, over the best trial that keeps all of them, counts by the probability that all are
    kept [3]_.

    The suggestion has the greatest logarithm of the expected improvement [2]_ over the best expected value of a trial,
    told or in flight, among 512 scrambled Sobol points and neighbours of the five best trials; the best three are
    refined by L-BFGS-B. No trial is suggested twice as long as there are others. Above 250 trials the model is made of
    the best 125 and of the latest 125 of the others. Linear algebra runs in one thread, so that suggestions do not
    depend on the number of BLAS's threads.

    When not to use it: where trials are cheap and many (an ask takes some 20 ms, with hundreds of trials more, that of
    TPE 3), in dozens of parameters, or where most are choices. The process alone ends in a corner now and then;
    ``OptunaSearchCV(sampler="auto")`` lets TPE take turns with it.

    References
    ----------
    .. [1] Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press, 2006.
    .. [2] Ament, Daulton, Eriksson, Balandat and Bakshy, Unexpected Improvements to Expected Improvement for Bayesian
       Optimization, NeurIPS 2023.
    .. [3] Gardner, Kusner, Xu, Weinberger and Cunningham, Bayesian Optimization with Inequality Constraints, ICML 2014.

    Examples
    --------
    >>> import optuna
    >>> from sk_optuna.samplers import GaussianProcessSampler
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study(sampler=GaussianProcessSampler(seed=0))
    >>> def objective(trial):
    ...     return (trial.suggest_float("x", -5, 5) - 2) ** 2 + (trial.suggest_int("n", 1, 9) - 3) ** 2
    >>> study.optimize(objective, n_trials=25)
    >>> round(study.best_value, 2)
    0.0
    """

    def __init__(self, seed: int | None = None, *, n_startup_trials: int = 8) -> None:
        self._seed = _checked_seed(seed)
        self._n_startup_trials = _checked_n_startup_trials(n_startup_trials)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return every parameter that trials have had; during the start none."""
        _check_one_objective(study)
        trials = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        if sum(other.state.is_finished() for other in trials) < self._n_startup_trials or not _has_value(trials):
            return {}
        space: dict[str, BaseDistribution] = {}
        for other in trials:
            space.update(other.distributions)
        return {name: distribution for name, distribution in sorted(space.items()) if not distribution.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the values that promise the greatest improvement."""
        if not search_space:
            return {}
        trials = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        with _one_ask_at_a_time, _blas_threads().limit(limits=1, user_api="blas"):
            return _suggestion(
                _bounded([_Told(other, study.direction) for other in trials if other.state.is_finished()]),
                [other for other in trials if other.state == TrialState.RUNNING and other.params],
                search_space,
                np.random.default_rng([self._seed, trial.number]),
            )

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value from a sequence that covers the range evenly, one for each parameter."""
        _check_one_objective(study)
        seed = [self._seed, zlib.crc32(param_name.encode())]
        sequence = qmc.Sobol(1, scramble=True, seed=np.random.default_rng(seed))
        if trial.number:  # SciPy cannot go no step
            sequence.fast_forward(trial.number)
        axis = axis_of(param_distribution)
        return axis.value(float(axis.spread(sequence.random(1)[:, 0])[0]))


class _Told:
    """A finished trial, as the model takes it; greater values are better."""

    def __init__(self, trial: FrozenTrial, direction: StudyDirection) -> None:
        self.number = trial.number
        self.params = trial.params
        sign = 1.0 if direction == StudyDirection.MAXIMIZE else -1.0
        self.value = sign * _value(trial)
        self.is_complete = trial.state == TrialState.COMPLETE and not math.isnan(self.value)
        self.error = float(trial.system_attrs.get(ERROR_OF_ESTIMATE, 0.0))
        is_whole = self.is_complete and ERROR_OF_ESTIMATE not in trial.system_attrs
        self.constraints = constraints_of(trial) if is_whole else []


def _value(trial: FrozenTrial) -> float:
    """Return the value of a finished trial, of a pruned one its last report; NaN for one that has none."""
    value = None
    if trial.state == TrialState.COMPLETE:
        value = trial.value
    elif trial.state == TrialState.PRUNED and trial.intermediate_values:
        value = trial.intermediate_values[max(trial.intermediate_values)]
    return math.nan if value is None or not math.isfinite(value) else value


def _has_value(trials: Sequence[FrozenTrial]) -> bool:
    return any(trial.state == TrialState.COMPLETE and math.isfinite(_value(trial)) for trial in trials)


def _bounded(told: list[_Told]) -> list[_Told]:
    """Return the trials of which the model is made, in order."""
    # Reports of trials that were stopped may be on another scale: they come behind.
    values = [trial.value if trial.is_complete else -math.inf for trial in told]
    return [told[i] for i in _best_and_latest(np.array(values), _N_MODELLED)]


def _best_and_latest(values: np.ndarray, n: int) -> np.ndarray:
    """Return, in order, the positions of the best half of `n` values and of the latest of the others."""
    order = np.argsort(-values, kind="stable")
    return np.sort(np.concatenate([order[: n // 2], np.sort(order[n // 2 :])[-(n - n // 2) :]]))


def _suggestion(
    told: list[_Told], running: list[FrozenTrial], space: dict[str, BaseDistribution], rng: np.random.Generator
) -> dict[str, Any]:
    # A trial that failed or still runs may have a part of its parameters only.
    axes = Axes(space, [trial.params for trial in told if not math.isnan(trial.value)])
    rows = axes.rows(trial.params for trial in told)
    values, errors = _warped(told)
    n_present = float((rows != MISSING).sum(axis=1).mean())

    def seen_at(places: np.ndarray) -> Points:
        return points(rows[places], axes.is_list, axes.is_optional)

    def model(places: np.ndarray, values: np.ndarray, errors: np.ndarray, learned: np.ndarray) -> Process:
        log_hyperparameters = most_probable(
            seen_at(places[learned]), values[learned], errors[learned], len(axes.names), n_present
        )
        return Process(seen_at(places), values, errors, log_hyperparameters)

    def of_constraint(places: np.ndarray, values: np.ndarray) -> Process:
        return model(places, values, np.zeros(len(places)), np.arange(len(places))[-_N_LEARNED:])

    process = model(np.arange(len(rows)), values, errors, _best_and_latest(values, _N_LEARNED))
    limits = limits_of([trial.constraints for trial in told], of_constraint)
    if running:
        pending = axes.rows(trial.params for trial in running)
        guessed = points(pending, axes.is_list, axes.is_optional)
        process = process.with_guesses(guessed)
        limits = None if limits is None else limits.followed_by(guessed)
        rows = np.vstack([rows, pending])
    return axes.params(most_promising(process, axes, rows, rng, limits))


def _warped(told: list[_Told]) -> tuple[np.ndarray, np.ndarray]:
    """Return values of mean 0 and deviation 1, and the variance of each that is known.

    A value far below the median counts as less far: one terrible candidate must not set the scale. A failed trial is as
    bad as the worst; one that was stopped, and has no estimate, no better than the median.
    """
    # Powers of two are exact; the largest floats have neither differences nor squares.
    values = np.array([trial.value for trial in told]) / 4
    ended = np.array([trial.is_complete for trial in told])
    values -= np.median(values[ended])
    above = values[ended & (values > 0)]
    sizes = above if len(above) else np.abs(values[ended])
    unit = 2.0 ** math.frexp(sizes.max())[1]
    sizes = sizes / unit
    reach = _CLIP * math.sqrt(float((sizes**2).mean())) if len(above) else float(sizes.mean())
    values = np.maximum(values, -reach * unit) / unit
    values = np.where(ended | np.isnan(values), values, np.minimum(values, 0))
    values[np.isnan(values)] = np.nanmin(values)
    scale = float(values.std()) or 1.0
    errors = np.array([trial.error for trial in told]) / 4 / unit / scale
    return (values - values.mean()) / scale, errors**2


# The number of BLAS's threads belongs to the process, and two asks that overlap would not set it back.
_one_ask_at_a_time = threading.Lock()


@cache
def _blas_threads() -> ThreadpoolController:
    return ThreadpoolController()


def _check_one_objective(study: Study) -> None:
    if len(study.directions) > 1:
        raise InvalidArgumentError(
            f"GaussianProcessSampler needs a study with one objective, but this one has {len(study.directions)}. Use "
            "optuna.samplers.NSGAIISampler or GPSampler for several."
        )


def _checked_seed(seed: Any) -> int:
    if seed is None:
        return secrets.randbits(32)
    if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
        raise InvalidArgumentError(
            "The 'seed' parameter of GaussianProcessSampler must be an integer of at least 0, or None, but got "
            f"{seed!r}."
        )
    return int(seed)


def _checked_n_startup_trials(n: Any) -> int:
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 2:
        raise InvalidArgumentError(
            "The 'n_startup_trials' parameter of GaussianProcessSampler must be an integer of at least 2, so that "
            f"values can differ, but got {n!r}. The default is 8."
        )
    return int(n)
