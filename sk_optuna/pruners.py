"""Pruners for cross-validation: when the folds that have run say that a candidate will not be the best.

Optuna's own pruners look at learning curves, whose values get better from step to step. Scores of folds have no trend,
but a fold that is hard for one candidate is hard for the others too.
"""

import math
import threading
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from optuna import Study
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtr, stdtrit

from sk_optuna.exceptions import InvalidArgumentError

__all__ = ["PairedRacePruner"]


# Degrees of freedom with which the spread of other trials is joined to a candidate's own; the fewest that it is from.
_OTHERS_DF = 3
_LEAST_DF = 2


class PairedRacePruner(BasePruner):
    r"""Stop a candidate when, on the folds that both have run, it is too far behind the best one so far.

    Let :math:`d_1, ..., d_k` be the differences between the candidate's scores and those of the incumbent, the best
    complete trial, on the same `k` of `K` folds. If all folds ran, their mean would differ from :math:`\bar d` by an
    error of about :math:`s \sqrt{1/k - 1/K}`. The candidate is stopped when even

    .. math:: \bar d + t \, s \sqrt{1/k - 1/K} < 0, \quad
        s^2 = \frac{3 \sigma^2 + \sum_i (d_i - \bar d)^2}{3 + k - 1}.

    :math:`\sigma` is the standard deviation of other trials' paired differences about their means, pooled over the half
    of these trials whose means are nearest to the incumbent's; trials that were stopped count by the folds that they
    ran. The candidate's own differences vary more or less than others', so they are joined to that as they come in:
    :math:`\sigma` weighs as much as three degrees of freedom. `t` is the quantile of Student's distribution with
    `3 + k - 1` degrees of freedom at the level at which `z` is that of the normal distribution.

    Parameters
    ----------
    z : float, default=1.64
        Standard errors that a candidate may be behind, if they were known; a positive number. Smaller is faster and
        more often wrong. With 1.64, a candidate that would have tied with the incumbent is stopped at one look with a
        chance of about .05.

    n_startup_trials : int, default=1
        Complete trials before the first is stopped, at least 1. As soon as there are so many, and paired differences
        of one other trial or more, the race begins.

    n_startup_steps : int, default=1
        Folds of a trial that run before the first decision, at least 1.

    See Also
    --------
    optuna.pruners.WilcoxonPruner : Compares the same pairs by a rank test, for which five folds are too few.

    Notes
    -----
    Every trial must report the *score* of each fold, not the mean so far, under the fold's own step, and all trials
    must use the same splits. ``OptunaSearchCV(pruner="race")`` does so. Trials with other steps than the first complete
    one are ignored; where a score is not finite nothing is stopped.

    In ``OptunaSearchCV`` the race begins with the first trials. While nothing is complete, those that are in flight at
    the start, up to eight, run two folds each; the best of them on these runs to its end, and the others race against
    it. Only the first of all runs on, so that a search that is ended early has a result. A plain study cannot let
    trials wait for each other: there, the first trial runs to its end, and the race begins once its differences to
    others have two degrees of freedom. ``n_startup_trials=4`` is a race without that start.

    Evidence: in a simulation over tables of real fold scores, 50 random candidates ran .41 of the fits on the half of
    the tasks on which the rule was chosen and .47 on the other; before, with the spread of all complete trials and
    nothing stopped until four were complete, .51 and .52. The best candidate was lost in 1.0 and 4.7 % of the searches;
    before, in 0 and 5.7 %. With ``z=2`` it was .45 and .52 of the fits, and .5 and 3.6 % lost
    (``benchmarks/race_start.py``). Candidates of TPE are nearer to each other: .58 of the fits with five
    folds, .52 with ten, 2.1 % lost (``benchmarks/fits_saved.py``).

    When not to use it: with two folds there is hardly anything to save, and with a single split nothing. Repeated
    cross-validation is fine, but its folds overlap, so the error is larger than the rule assumes; so is that of scores
    on a handful of rows. A policy of :mod:`sk_optuna.refit` wants candidates that are simpler and a little worse, which
    a race stops. The rule knows nothing of trends: for learning curves use Optuna's pruners.

    Examples
    --------
    >>> import optuna
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import StratifiedKFold
    >>> from sklearn.svm import SVC
    >>> from sk_optuna.pruners import PairedRacePruner
    >>> X, y = load_iris(return_X_y=True)
    >>> splits = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
    >>> def objective(trial):
    ...     scores = []
    ...     for step, (train, test) in enumerate(splits):
    ...         svc = SVC(C=trial.suggest_float("C", 1e-3, 1e3, log=True))
    ...         scores.append(svc.fit(X[train], y[train]).score(X[test], y[test]))
    ...         trial.report(scores[-1], step)
    ...         if trial.should_prune():
    ...             raise optuna.TrialPruned
    ...     return sum(scores) / len(scores)
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> sampler = optuna.samplers.RandomSampler(seed=0)
    >>> study = optuna.create_study(direction="maximize", sampler=sampler, pruner=PairedRacePruner())
    >>> study.optimize(objective, n_trials=20)
    >>> round(study.best_value, 2)
    0.97
    """

    def __init__(self, z: float = 1.64, n_startup_trials: int = 1, n_startup_steps: int = 1) -> None:
        self._z = _positive("z", z)
        self._n_startup_trials = _at_least(1, "n_startup_trials", n_startup_trials)
        self._n_startup_steps = _at_least(1, "n_startup_steps", n_startup_steps)
        self._seen = _SeenScores()

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Decide whether to stop a trial.

        Parameters
        ----------
        study : optuna.study.Study
            The study, of one objective. The trial is compared with its complete trials, and with those that were
            stopped.
        trial : optuna.trial.FrozenTrial
            The trial, with a fold's score at every step it has reported.

        Returns
        -------
        bool
            Whether it should be stopped.
        """
        if len(trial.intermediate_values) < self._n_startup_steps:
            return False
        scores = self._scores(study)
        if scores.n_complete < self._n_startup_trials:
            return False
        own = scores.row(trial.intermediate_values)
        sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
        return own is not None and self.is_behind(sign * own, sign * scores.values)

    def is_behind(self, own: np.ndarray, scores: np.ndarray) -> bool:
        """Return whether a candidate is too far behind the best one; override it to race by another rule.

        Parameters
        ----------
        own : ndarray of shape (n_splits,)
            The candidate's scores, higher is better; NaN for folds to come, of which there is at least one.
        scores : ndarray of shape (n_trials, n_splits)
            Those of other trials on the same folds; NaN for folds that a trial did not run, since it was stopped. At
            least one trial has all.

        Returns
        -------
        bool
            Whether the candidate should be stopped.
        """
        projection = _Projection.of(own, scores)
        return projection is not None and projection.most(self._z, projection.n_ran) < 0

    def may_prune(self, study: Study) -> bool:
        """Return whether enough is known of other trials for any trial to be stopped.

        Parameters
        ----------
        study : optuna.study.Study
            The study.
        """
        scores = self._scores(study)
        return scores.n_complete >= self._n_startup_trials and scores.n_pairs >= _LEAST_DF

    def chances(self, study: Study, trial: FrozenTrial) -> list[float] | None:
        """Guess for each fold the chance that it will run, if a trial goes on as it began.

        That is the chance that no decision before it stops the trial. Nothing is stopped by it: a search with idle
        workers, which runs folds before they are known to be wanted, asks for it.

        Parameters
        ----------
        study, trial : object
            As in `prune`; the trial was not stopped, and has folds to come.

        Returns
        -------
        list of float or None
            By fold, in order of the steps: 1 for those that ran, and for the next. None if too little is known.
        """
        scores = self._scores(study)
        own = scores.row(trial.intermediate_values)
        if own is None or np.isnan(own).all() or scores.n_complete < self._n_startup_trials:
            return None
        sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
        projection = _Projection.of(sign * own, sign * scores.values)
        return None if projection is None else projection.chances(self._z)

    def _scores(self, study: Study) -> "_FoldScores":
        return self._seen.of(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))

    @property
    def n_startup_trials(self) -> int:
        """Complete trials before the first is stopped."""
        return self._n_startup_trials

    @property
    def n_startup_steps(self) -> int:
        """Folds of a trial that run before the first decision."""
        return self._n_startup_steps

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(z={self._z:g}, n_startup_trials={self._n_startup_trials}, "
            f"n_startup_steps={self._n_startup_steps})"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_seen"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _seen=_SeenScores())


class _SeenScores:
    """Fold scores of trials that were complete or stopped, read from each trial once."""

    def __init__(self) -> None:
        # Optuna's own n_jobs asks from several threads
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._trials: list[FrozenTrial] = []
        self._steps: list[int] = []
        self._values = np.empty((0, 0))
        # after each trial: one without the steps of the others has no row
        self._n_rows = [0]

    def of(self, trials: Sequence[FrozenTrial]) -> "_FoldScores":
        """Return the scores of `trials`, those of a study in their order."""
        with self._lock:
            common = min(len(trials), len(self._trials))
            if common and self._trials[common - 1] is not trials[common - 1]:
                self._forget()
            for trial in trials[len(self._trials) :]:
                self._append(trial)
            return _FoldScores(self._steps, self._values[: self._n_rows[len(trials)]])

    def _append(self, trial: FrozenTrial) -> None:
        n_rows = self._n_rows[-1]
        if self._steps:
            n_rows += self._write(trial, n_rows)
        elif trial.state == TrialState.COMPLETE and _are_finite(trial.intermediate_values):
            # Only now are the steps known, and the trials that were stopped before can be read.
            self._steps = sorted(trial.intermediate_values)
            self._values = np.empty((16, len(self._steps)))
            for each in [*self._trials, trial]:
                n_rows += self._write(each, n_rows)
        self._trials.append(trial)
        self._n_rows.append(n_rows)

    def _write(self, trial: FrozenTrial, n_rows: int) -> bool:
        """Write the scores of a trial into the next row; return whether it has any that can be compared."""
        reports, steps = trial.intermediate_values, set(self._steps)
        has_steps = reports.keys() == steps if trial.state == TrialState.COMPLETE else reports.keys() < steps
        if not reports or not has_steps or not _are_finite(reports):
            return False
        if n_rows == len(self._values):
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._values[n_rows] = [reports.get(step, np.nan) for step in self._steps]
        return True


class _FoldScores:
    """Scores by trial and fold.

    Attributes
    ----------
    values : ndarray of shape (n_trials, n_splits)
        The scores; NaN for folds that a trial did not run.
    """

    def __init__(self, steps: Sequence[int], values: np.ndarray) -> None:
        self._steps = steps
        self.values = values

    @property
    def n_complete(self) -> int:
        """Number of trials with all scores."""
        return int(np.count_nonzero(~np.isnan(self.values).any(axis=1)))

    @property
    def n_pairs(self) -> int:
        """Degrees of freedom of paired differences to one of the complete trials."""
        n_pairs = np.maximum(np.count_nonzero(~np.isnan(self.values), axis=1) - 1, 0)
        return int(n_pairs.sum()) - int(self.values.shape[1]) + 1

    def row(self, reports: Mapping[int, float]) -> np.ndarray | None:
        """Return the scores of a trial, NaN for folds to come; None if there are no such folds or no way to compare."""
        if not reports.keys() < set(self._steps) or not _are_finite(reports):
            return None
        return np.array([reports.get(step, np.nan) for step in self._steps])


class _Projection(NamedTuple):
    """A candidate's mean difference to the incumbent after all folds, as seen after some.

    Attributes
    ----------
    mean, spread : float
        Mean and standard deviation of the differences.
    n_ran, n_splits : int
        Folds that the candidate ran, and all of them.
    """

    mean: float
    spread: float
    n_ran: int
    n_splits: int

    @classmethod
    def of(cls, own: np.ndarray, scores: np.ndarray) -> "_Projection | None":
        """Return the projection; None if too little is known of the spread. Arguments are those of `is_behind`."""
        complete = scores[~np.isnan(scores).any(axis=1)]
        incumbent = complete[complete.mean(axis=1).argmax()]
        variance = paired_variance(scores - incumbent)
        if variance is None:
            return None
        differences = (own - incumbent)[~np.isnan(own)]
        mean, n_ran = float(differences.mean()), len(differences)
        squares = float(((differences - mean) ** 2).sum())
        spread = math.sqrt((_OTHERS_DF * variance + squares) / (_OTHERS_DF + n_ran - 1))
        return cls(mean, spread, n_ran, len(own))

    def most(self, z: float, n_ran: int) -> float:
        """Return the most that the mean may be in the end, if it is the same after `n_ran` folds."""
        error = self.spread * math.sqrt(1 / n_ran - 1 / self.n_splits)
        return self.mean - float(stdtrit(_OTHERS_DF + self.n_ran - 1, ndtr(-z))) * error

    def chances(self, z: float) -> list[float]:
        """Return for each fold the chance that the candidate is not stopped before it."""
        chances = [1.0] * self.n_splits
        for n_ran in range(self.n_ran + 1, self.n_splits):
            # how far the mean after so many folds may be from the mean now
            error = self.spread * math.sqrt(1 / self.n_ran - 1 / n_ran)
            most = self.most(z, n_ran)
            chance = float(ndtr(most / error)) if error else float(most >= 0)
            chances[n_ran] = min(chances[n_ran - 1], chance)
        return chances


def _are_finite(reports: Mapping[int, float]) -> bool:
    return all(map(math.isfinite, reports.values()))


def paired_variance(differences: np.ndarray) -> float | None:
    """Return the variance of paired differences about their means, pooled over the rows with the nearer means.

    That is half of the rows, and at least two. Rows without any difference are left out: the incumbent, and candidates
    with the same predictions. They do not show how much a real difference varies. Return None if too few rows are left.
    """
    ran = ~np.isnan(differences)
    n_ran = np.count_nonzero(ran, axis=1)
    used = (n_ran > 1) & (ran & (differences != 0)).any(axis=1)
    differences, n_ran = differences[used], n_ran[used]
    means = np.nansum(differences, axis=1) / n_ran
    nearest = np.abs(means).argsort(kind="stable")[: max(2, math.ceil(len(means) / 2))]
    df = int((n_ran[nearest] - 1).sum())
    if df < _LEAST_DF:
        return None
    return float(np.nansum((differences[nearest] - means[nearest, None]) ** 2)) / df


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise InvalidArgumentError(
            f"The {name!r} parameter of PairedRacePruner must be a positive number, but got {value!r}. The default is "
            "1.64; smaller numbers stop candidates earlier, and more often wrongly."
        )
    return float(value)


def _at_least(least: int, name: str, value: Any) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise InvalidArgumentError(
            f"The {name!r} parameter of PairedRacePruner must be an integer of at least {least}, but got {value!r}."
        )
    return int(value)
