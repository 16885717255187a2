"""Callbacks that end a search: plain Optuna callbacks, for `study_callbacks` and for any Optuna study.

They keep nothing between calls and read the study each time. So one object serves several fits and copies of a search,
and a search that is resumed counts the trials before, too. Not taken: to count in the object, as most early stopping
does, which a second fit would find half spent.
"""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sk_optuna._compat._optuna import constraints_of
from sk_optuna.exceptions import InvalidArgumentError

__all__ = ["Patience", "TargetScore"]


@dataclass(frozen=True)
class Patience:
    """End a search when so many trials in a row have not improved the best score.

    Complete trials alone improve it, and of these only those that keep all constraints, where there are any. Every
    finished trial counts towards the patience, those that were pruned or failed included, also before the first
    complete one. A search tells its trials in order, so that it ends after the same trial at any `n_jobs`.

    Parameters
    ----------
    n_trials : int
        Trials in a row without an improvement, at least 1, after which the search ends.

    min_delta : float, default=0.0
        A score counts as an improvement if it is better by more than this than the last improvement; a finite number
        of at least 0. Smaller gains add up: they are measured against the last improvement, not against the best score.

    See Also
    --------
    TargetScore : Ends a search at a score that is good enough.

    Notes
    -----
    When not to use it: with a handful of trials, or a sampler that draws at random, a long time without an improvement
    says little about the trials to come. The value should exceed the trials that the sampler needs to begin with, ten
    for TPE, by far.

    A study with several workers of its own, such as ``study.optimize(n_jobs=2)``, finishes its trials in any order;
    they then count by their numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sk_optuna import OptunaSearchCV
    >>> from sk_optuna.callbacks import Patience
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(
    ...     KNeighborsClassifier(), {"n_neighbors": range(1, 100)}, study_callbacks=[Patience(20)], random_state=0
    ... ).fit(X, y)
    >>> last = search.n_trials_ - 1
    >>> last - search.best_trial_.number
    20
    """

    n_trials: int
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.n_trials, bool) or not isinstance(self.n_trials, Integral) or self.n_trials < 1:
            raise InvalidArgumentError(
                "n_trials of Patience must be an int of at least 1, the trials in a row without an improvement, but "
                f"got {self.n_trials!r}. Write, for example, Patience(20)."
            )
        if not _is_finite(self.min_delta) or self.min_delta < 0:
            raise InvalidArgumentError(
                "min_delta of Patience must be a finite number of at least 0, by which a score has to be better, but "
                f"got {self.min_delta!r}. Use 0.0 for any improvement; the study knows whether it maximizes."
            )

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """End the search if the patience is over.

        Parameters
        ----------
        study : optuna.Study
            The study; all of its finished trials count.
        trial : FrozenTrial
            The trial that has just finished.

        Raises
        ------
        InvalidArgumentError
            Where the study has several objectives.
        """
        sign = _sign(study, self)
        best: float | None = None
        n_since = 0
        for each in _finished(study):
            n_since += 1
            value = _score(each, sign)
            if value is not None and (best is None or value > best + self.min_delta):
                best, n_since = value, 0
        if n_since >= self.n_trials:
            study.stop()


@dataclass(frozen=True)
class TargetScore:
    """End a search as soon as a complete trial, which keeps all constraints, has a score that is good enough.

    Parameters
    ----------
    score : float
        The mean score to reach, a finite number: at least so much in a study that maximizes, as every search does, and
        at most so much in one that minimizes. Scorers whose name begins with ``neg_`` have negative scores.

    See Also
    --------
    Patience : Ends a search that does not get any better.

    Notes
    -----
    The score of the best of many candidates is too good, so the model that is found will do a little worse than
    `score` on new data.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sk_optuna import OptunaSearchCV
    >>> from sk_optuna.callbacks import TargetScore
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(
    ...     KNeighborsClassifier(), {"n_neighbors": range(1, 100)}, study_callbacks=[TargetScore(0.95)], random_state=0
    ... ).fit(X, y)
    >>> bool(search.best_score_ >= 0.95)
    True
    >>> search.n_trials_ < 50
    True
    """

    score: float

    def __post_init__(self) -> None:
        if not _is_finite(self.score):
            raise InvalidArgumentError(
                f"score of TargetScore must be a finite number, the mean score to reach, but got {self.score!r}. "
                "Write, for example, TargetScore(0.95), or TargetScore(-0.3) for a scorer such as 'neg_log_loss'."
            )

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """End the search if a complete trial has reached the score.

        Parameters
        ----------
        study : optuna.Study
            The study; all of its complete trials count.
        trial : FrozenTrial
            The trial that has just finished.

        Raises
        ------
        InvalidArgumentError
            Where the study has several objectives.
        """
        sign = _sign(study, self)
        values = (_score(each, sign) for each in _finished(study))
        if any(value is not None and value >= sign * self.score for value in values):
            study.stop()


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _sign(study: Study, callback: object) -> int:
    """Return the factor that makes greater values better; refuse a study of several objectives."""
    if len(study.directions) > 1:
        raise InvalidArgumentError(
            f"{type(callback).__name__} needs a study with one objective, but this one has {len(study.directions)}, "
            "among whose trials there is no best score. Write a callback that calls study.stop() by a rule of yours."
        )
    return -1 if study.direction == StudyDirection.MINIMIZE else 1


def _finished(study: Study) -> list[FrozenTrial]:
    """Return the finished trials by their numbers: of a search, those that were told."""
    trials = study.get_trials(deepcopy=False)
    return sorted((each for each in trials if each.state.is_finished()), key=lambda each: each.number)


def _score(trial: FrozenTrial, sign: int) -> float | None:
    """Return the value of a complete trial, greater being better; of others, which may have an estimate, None.

    A trial that breaks a constraint does not count, since it cannot be the best.
    """
    if trial.state != TrialState.COMPLETE or trial.value is None or any(each > 0 for each in constraints_of(trial)):
        return None
    return sign * trial.value
