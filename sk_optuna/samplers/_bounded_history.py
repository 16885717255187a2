"""Samplers for long searches: the cost of an ask stops growing with the number of trials held.

TPE reads all trials anew at every ask, so that a search of n trials costs n**2. Optuna has no bound; `gamma` and
`weights`, with which TPE could forget, are deprecated, and TPE would still read all trials. Here the sampler is shown a
view of the study with fewer trials, which serves any sampler that learns from values alone.
"""

import math
import threading
from collections.abc import Sequence
from numbers import Integral
from typing import Any
from weakref import WeakKeyDictionary

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sk_optuna._compat._optuna import constraints_of, tpe_sampler
from sk_optuna._study_view import study_showing
from sk_optuna.exceptions import InvalidArgumentError

__all__ = ["BoundedHistorySampler"]

# TPE's good density is made of a tenth of the trials it sees, and of no more than 25.
_N_BEST = 25
_LEAST_N_TRIALS = 10 * _N_BEST


class BoundedHistorySampler(BaseSampler):
    """Let a sampler see only so many finished trials: the best ones and the latest.

    Parameters
    ----------
    sampler : optuna.samplers.BaseSampler, default=None
        The sampler that suggests. None means the TPE of ``OptunaSearchCV(sampler="tpe")``: multivariate, in groups,
        with trials in flight taken into account.

    n_trials : int, default=500
        Most finished trials to be shown, at least 250: with fewer of them TPE would make its good density of fewer than
        its 25 best. As long as there are no more, suggestions are exactly those of `sampler`.

    seed : int, default=None
        Seed of the default sampler; None takes fresh entropy. A `sampler` is seeded where it is made.

    Raises
    ------
    InvalidArgumentError
        Where an argument cannot be used; on being asked, where the study has several objectives: which trials are best
        is then not a matter of one order.

    See Also
    --------
    optuna.samplers.PartialFixedSampler : Another sampler that wraps one.

    Notes
    -----
    The sampler sees every trial that is waiting or running, the 25 best finished ones, and the latest of the others.
    The best are those in TPE's order, which puts pruned trials behind complete ones, and trials that violate
    constraints behind both. Failed trials are shown as long as all trials are. The trials are chosen anew for every
    suggestion, from nothing but the study, so a sampler that a factory makes for each trial loses nothing.

    With 10,000 trials held, asking takes about a tenth of the time that TPE takes by itself; the break-even is below
    1000. The price is in the last digits: after 1000 trials, regret over four functions was the same on the whole, but
    larger on Branin's (``benchmarks/scale.py --quality``); expect more of that in longer searches, with any choice of
    the trials shown.

    When not to use it: below some 1000 trials there is little to gain, where a fit takes seconds hardly ever.
    Not around samplers that look for earlier trials of their own in the study (NSGA-II and III, CMA-ES, QMC, grid and
    brute force): they would miss them. TPE may repeat a trial that it no longer sees. In a conditional space, a
    parameter that none of the trials shown has is drawn from its whole range.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import OptunaSearchCV
    >>> from sk_optuna.samplers import BoundedHistorySampler
    >>> search = OptunaSearchCV(
    ...     SVC(),
    ...     {"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-4, 1e1)},
    ...     sampler=lambda seed: BoundedHistorySampler(seed=seed),
    ...     n_trials=20,  # several thousand, where it is of use
    ...     random_state=0,
    ... )
    >>> search.fit(*load_iris(return_X_y=True)).n_trials_
    20
    """

    def __init__(self, sampler: BaseSampler | None = None, *, n_trials: int = 500, seed: int | None = None) -> None:
        self._sampler = _checked_sampler(sampler, seed)
        self._n_trials = _checked_n_trials(n_trials)

    @property
    def sampler(self) -> BaseSampler:
        """The sampler that suggests."""
        return self._sampler

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that the sampler models jointly."""
        return self._sampler.infer_relative_search_space(self._bounded(study), trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the values that the sampler suggests jointly."""
        return self._sampler.sample_relative(self._bounded(study), trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value that the sampler suggests for one parameter."""
        return self._sampler.sample_independent(self._bounded(study), trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Let the sampler prepare, with the whole study."""
        self._sampler.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Let the sampler take note, with the whole study, which it may want to stop."""
        self._sampler.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Give the sampler other random numbers."""
        self._sampler.reseed_rng()

    def __str__(self) -> str:
        return f"{type(self).__name__}({self._sampler}, n_trials={self._n_trials})"

    def _bounded(self, study: Study) -> Study:
        if len(study.directions) > 1:
            raise InvalidArgumentError(
                f"BoundedHistorySampler needs a study with one objective, but this one has {len(study.directions)}: "
                f"its trials have no single best. Use the {type(self._sampler).__name__} by itself."
            )
        finished = _finished_trials_of(study)
        return study_showing(study, lambda trials: finished.among(trials, self._n_trials))


class _FinishedTrials:
    """The best finished trials of one study, and all in their order; each is looked at once.

    Reading and sorting all of them for every ask would take longer, at 10,000 trials, than TPE takes over 500.

    Parameters
    ----------
    direction : StudyDirection
        Direction of the study: which values are better.
    """

    def __init__(self, direction: StudyDirection) -> None:
        self._sign = -1.0 if direction == StudyDirection.MAXIMIZE else 1.0
        self._n_seen = 0
        self._unfinished: list[int] = []
        self._best: list[tuple[tuple[float, ...], int]] = []
        self._in_order: list[int] = []
        # Optuna's own n_jobs asks from several threads
        self._lock = threading.Lock()

    def among(self, trials: list[FrozenTrial], n_most: int) -> list[FrozenTrial]:
        """Return the trials of the study without all but `n_most` of the finished ones."""
        with self._lock:
            self._take_note(trials)
            if len(self._in_order) <= n_most:
                return trials
            shown = {index for _, index in self._best}
            for index in reversed(self._in_order):
                if len(shown) == n_most:
                    break
                shown.add(index)
            shown.update(self._unfinished)
        # Another thread may have noted trials that this list, made before, does not have yet.
        return [trials[index] for index in sorted(shown) if index < len(trials)]

    def _take_note(self, trials: list[FrozenTrial]) -> None:
        """Rank the trials that finished since the last look; a finished trial does not change again."""
        waited_for = [*self._unfinished, *range(self._n_seen, len(trials))]
        self._n_seen = max(self._n_seen, len(trials))
        self._unfinished, news = [], []
        for index in waited_for:
            if index >= len(trials) or not trials[index].state.is_finished():
                self._unfinished.append(index)
            elif trials[index].state != TrialState.FAIL:
                news.append(index)
        if news:
            self._best = sorted([*self._best, *((self._rank(trials[i]), i) for i in news)])[:_N_BEST]
            self._in_order = sorted(self._in_order + news)

    def _rank(self, trial: FrozenTrial) -> tuple[float, ...]:
        """Return the sort key of a trial in TPE's order."""
        violation = _violation(trial)
        if violation > 0:
            return 2, violation
        if trial.state == TrialState.COMPLETE:
            return 0, self._sign * trial.values[0]
        if not trial.intermediate_values:
            return 1, 1
        step, value = max(trial.intermediate_values.items())
        return 1, -step, math.inf if math.isnan(value) else self._sign * value


# The ranks follow from the study alone. They are kept here, because a sampler may be made anew for every trial.
_FINISHED: WeakKeyDictionary[Study, _FinishedTrials] = WeakKeyDictionary()


def _finished_trials_of(study: Study) -> _FinishedTrials:
    return _FINISHED.setdefault(study, _FinishedTrials(study.direction))


def _violation(trial: FrozenTrial) -> float:
    """Return by how much a trial violates its constraints."""
    return sum(value for value in constraints_of(trial) if value > 0)


def _checked_sampler(sampler: Any, seed: int | None) -> BaseSampler:
    if sampler is None:
        return tpe_sampler(seed, group=True)  # type: ignore[no-any-return, arg-type]
    if not isinstance(sampler, BaseSampler):
        raise InvalidArgumentError(
            f"The 'sampler' parameter of BoundedHistorySampler must be an optuna sampler or None, but got {sampler!r} "
            f"of type {type(sampler).__name__}. Leave it out for TPE, or write, for example, "
            "optuna.samplers.TPESampler(seed=0)."
        )
    if seed is not None:
        raise InvalidArgumentError(
            f"The 'seed' parameter of BoundedHistorySampler is that of its default sampler, but got seed={seed!r} "
            f"together with a {type(sampler).__name__}. Give the seed to that sampler instead."
        )
    return sampler


def _checked_n_trials(n_trials: Any) -> int:
    if not isinstance(n_trials, Integral) or isinstance(n_trials, bool) or n_trials < _LEAST_N_TRIALS:
        raise InvalidArgumentError(
            f"The 'n_trials' parameter of BoundedHistorySampler must be an integer of at least {_LEAST_N_TRIALS}, so "
            f"that TPE has the trials it makes its model of, but got {n_trials!r}. The default is 500."
        )
    return int(n_trials)
