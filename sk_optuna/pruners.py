"""Pruners for cross-validation: when the folds that have run say that a candidate will not be the best.

Optuna's own pruners look at learning curves, whose values get better from step to step. Scores of folds have no trend,
but a fold that is hard for one candidate is hard for the others too.
"""

import math
import threading
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from optuna import Study
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sk_optuna.exceptions import InvalidArgumentError

__all__ = ["PairedRacePruner"]


class PairedRacePruner(BasePruner):
    r"""Stop a candidate when, on the folds that both have run, it is too far behind the best one so far.

    Let :math:`d_1, ..., d_k` be the differences between the candidate's scores and those of the incumbent, the best
    complete trial, on the same `k` of `K` folds. If all folds ran, their mean would differ from :math:`\bar d` by an
    error of about :math:`\sigma \sqrt{1/k - 1/K}`. The candidate is stopped when even

    .. math:: \bar d + z \, \sigma \sqrt{1/k - 1/K} < 0.

    :math:`\sigma` is the standard deviation of the other complete trials' paired differences about their means, pooled
    over these trials.

    Parameters
    ----------
    z : float, default=1.64
        Standard errors that a candidate may be behind; a positive number. Smaller is faster and more often wrong. With
        1.64, a candidate that would have tied with the incumbent is stopped at one look with a chance of about .05.

    n_startup_trials : int, default=4
        Complete trials before the first is stopped, at least 2: :math:`\sigma` is estimated from them.

    n_startup_steps : int, default=1
        Folds of a trial that run before the first decision, at least 1.

    See Also
    --------
    optuna.pruners.WilcoxonPruner : Compares the same pairs by a rank test, for which five folds are too few.

    Notes
    -----
    Every trial must report the *score* of each fold, not the mean so far, under the fold's own step, and all trials
    must use the same splits. ``OptunaSearchCV(pruner="race")`` does so. Complete trials without the steps of the first
    one are ignored; where a score is not finite nothing is stopped.

    Evidence: over 16 tasks with real fold scores, 100 TPE trials ran .55 of the fits with five folds and .48 with ten.
    The loss of the best score could not be told from zero; in 4.4 % of the searches a stopped candidate would have been
    better than the chosen one (``benchmarks/fits_saved.py``). With ``z=2`` there was no such search, at .57 to .60 and
    .51 to .53 of the fits; pooling over the nearer half of the trials saved more and lost the best most often; looking
    once, after two folds, saved a quarter (``benchmarks/race_rules.py``).

    When not to use it: with two folds there is hardly anything to save, and with a single split nothing. Repeated
    cross-validation is fine, but its folds overlap, so the error is larger than the rule assumes; so is that of scores
    on a handful of rows. The rule knows nothing of trends: for learning curves use Optuna's pruners.

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

    def __init__(self, z: float = 1.64, n_startup_trials: int = 4, n_startup_steps: int = 1) -> None:
        self._z = _positive("z", z)
        self._n_startup_trials = _at_least(2, "n_startup_trials", n_startup_trials)
        self._n_startup_steps = _at_least(1, "n_startup_steps", n_startup_steps)
        self._seen = _SeenScores()

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Decide whether to stop a trial.

        Parameters
        ----------
        study : optuna.study.Study
            The study, of one objective. The trial is compared with its complete trials.
        trial : optuna.trial.FrozenTrial
            The trial, with a fold's score at every step it has reported.

        Returns
        -------
        bool
            Whether it should be stopped.
        """
        if len(trial.intermediate_values) < self._n_startup_steps:
            return False
        scores = self._seen.of(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
        if len(scores.values) < self._n_startup_trials:
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
            Those of the complete trials on the same folds.

        Returns
        -------
        bool
            Whether the candidate should be stopped.
        """
        incumbent = scores[scores.mean(axis=1).argmax()]
        sigma = _spread(scores - incumbent)
        if sigma is None:
            return False
        ran = ~np.isnan(own)
        error = sigma * math.sqrt(1 / np.count_nonzero(ran) - 1 / len(own))
        return bool((own - incumbent)[ran].mean() + self._z * error < 0)

    def may_prune(self, study: Study) -> bool:
        """Return whether there are enough complete trials for any trial to be stopped.

        Parameters
        ----------
        study : optuna.study.Study
            The study.
        """
        return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) >= self._n_startup_trials

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
    """Fold scores of complete trials, read from each trial once."""

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
        """Return the scores of `trials`, the complete ones of a study in their order."""
        with self._lock:
            common = min(len(trials), len(self._trials))
            if common and self._trials[common - 1] is not trials[common - 1]:
                self._forget()
            for trial in trials[len(self._trials) :]:
                self._append(trial)
            return _FoldScores(self._steps, self._values[: self._n_rows[len(trials)]])

    def _append(self, trial: FrozenTrial) -> None:
        reports = trial.intermediate_values
        n_rows = self._n_rows[-1]
        if n_rows == 0:
            self._steps = sorted(reports)
            self._values = np.empty((16, len(reports)))
        if self._steps and sorted(reports) == self._steps and all(map(math.isfinite, reports.values())):
            if n_rows == len(self._values):
                self._values = np.concatenate([self._values, np.empty_like(self._values)])
            self._values[n_rows] = [reports[step] for step in self._steps]
            n_rows += 1
        self._trials.append(trial)
        self._n_rows.append(n_rows)


class _FoldScores:
    """Scores by trial and fold.

    Attributes
    ----------
    values : ndarray of shape (n_trials, n_splits)
        The scores.
    """

    def __init__(self, steps: Sequence[int], values: np.ndarray) -> None:
        self._steps = steps
        self.values = values

    def row(self, reports: Mapping[int, float]) -> np.ndarray | None:
        """Return the scores of a trial, NaN for folds to come; None if there are no such folds or no way to compare."""
        if not reports.keys() < set(self._steps) or not all(map(math.isfinite, reports.values())):
            return None
        return np.array([reports.get(step, np.nan) for step in self._steps])


def _spread(differences: np.ndarray) -> float | None:
    """Return the standard deviation of paired differences about their means, pooled over the rows.

    Rows without any difference are left out: the incumbent, and candidates with the same predictions. They do not show
    how much a real difference varies. Return None if there are no other rows.
    """
    differences = differences[differences.any(axis=1)]
    if not len(differences):
        return None
    residuals = differences - differences.mean(axis=1, keepdims=True)
    return math.sqrt(float((residuals**2).sum()) / (differences.size - len(differences)))


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
