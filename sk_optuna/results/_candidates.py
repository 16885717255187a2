"""The candidates of a search as pictures need them: states, scores of one metric, the best one.

Searches of scikit-learn have neither states nor trials. Their candidates are complete, or failed where there is no mean
score.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError, NoScoreError
from sk_optuna.refit import metric_of
from sk_optuna.results._learning_curves_record import name_of_metric, readable
from sk_optuna.results._no_best import check_has_candidates

_FOLD_SCORES = "split{fold}_test_{key}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """The candidates of a search, by the rows of its `cv_results_`.

    Attributes
    ----------
    trial_number : ndarray of shape (n_trials,)
        Their numbers.
    trial_state : ndarray of str of shape (n_trials,)
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.
    score : ndarray of shape (n_trials,)
        Mean scores, of pruned ones the estimates; NaN where there is none.
    feasible : ndarray of bool of shape (n_trials,)
        Those that are complete, have a score and keep to the constraints: the ones of which the best is chosen.
    best : int or None
        Row of the best one; None where none was chosen.
    metric : str
        Name of the metric, as it is written for readers.
    key : str
        How the columns of the metric end: ``mean_test_<key>``.
    """

    trial_number: np.ndarray
    trial_state: np.ndarray
    score: np.ndarray
    feasible: np.ndarray
    best: int | None
    metric: str
    key: str

    @property
    def infeasible(self) -> np.ndarray:
        """True for complete candidates with a score that break a constraint, of shape (n_trials,)."""
        breaks: np.ndarray = (self.trial_state == "COMPLETE") & np.isfinite(self.score) & ~self.feasible
        return breaks

    @property
    def best_trial(self) -> int | None:
        """Number of the best one."""
        return None if self.best is None else int(self.trial_number[self.best])


def candidates_of(search: Any, metric: str | None, *, drawer: str) -> Candidates:
    """Read the candidates of a fitted search.

    Parameters
    ----------
    search : OptunaSearchCV, or a search of scikit-learn
        The search.
    metric : str or None
        One of its metrics; None takes the one that steered it, of several objectives the one that `refit` names.
    drawer : str
        Name of the display, for errors.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where the search is not fitted.
    InvalidArgumentError
        Where there is no such metric, or there are several objectives and neither `metric` nor `refit` names one.
    NoScoreError
        Where no candidate has a score.
    """
    check_has_candidates(search)
    table = search.cv_results_
    name, key = _metric_and_key(search, metric, drawer)
    means = np.array(table[f"mean_test_{key}"], dtype=float)
    states = np.asarray(table.get("trial_state", np.where(np.isfinite(means), "COMPLETE", "FAIL")), dtype=str)
    is_steering = metric is None or name == name_of_metric(search)
    score = np.where(states == "COMPLETE", means, np.nan)
    if "PRUNED" in states:
        score = np.where(states == "PRUNED", _estimates(search, key, is_steering=is_steering), score)
    score = np.where(np.isfinite(score), score, np.nan)
    if np.isnan(score).all():
        raise NoScoreError(
            f"{drawer} has nothing to draw: none of the {len(means)} candidates has a score. See errors_ of the "
            "search, or cv_results_['trial_state'], for whether they failed."
        )
    able = (states == "COMPLETE") & np.isfinite(score) & np.asarray(table.get("feasible", True), dtype=bool)
    return Candidates(
        trial_number=np.asarray(table.get("trial_number", np.arange(len(means)))),
        trial_state=states,
        score=score,
        feasible=able,
        best=_best(search, score, able, is_steering=is_steering),
        metric=readable(name),
        key=key,
    )


def _best(search: Any, score: np.ndarray, able: np.ndarray, *, is_steering: bool) -> int | None:
    """Take the search's choice, or for another metric, or without a choice, the first of the highest scores."""
    chosen = getattr(search, "best_index_", None)
    if is_steering and chosen is not None:
        return int(chosen)
    return int(np.where(able, score, -np.inf).argmax()) if able.any() else None


def _metric_and_key(search: Any, metric: str | None, drawer: str) -> tuple[str, str]:
    """Find the metric's name, and how its columns end."""
    table: Mapping[str, Any] = search.cv_results_
    keys = [name.removeprefix("mean_test_") for name in table if name.startswith("mean_test_")]
    steering = name_of_metric(search)
    if keys != ["score"] and steering not in keys:  # a callable names its metrics in the table only
        steering = keys[0]
    if metric is None:
        objectives = getattr(search, "objectives", None)
        if objectives and metric_of(search.refit) is None:
            raise InvalidArgumentError(
                f"{drawer} draws one metric, but this search maximized {len(objectives)}: {list(objectives)}. Choose "
                f"one with metric={objectives[0]!r}."
            )
        return steering, "score" if keys == ["score"] else steering
    known = [steering] if keys == ["score"] else keys
    if metric not in known:
        near = hint(metric, nearest(metric, known)) if isinstance(metric, str) else ""
        raise InvalidArgumentError(f"metric must be None or one of {known}, but got {metric!r}.{near}")
    return metric, "score" if keys == ["score"] else metric


def _estimates(search: Any, key: str, *, is_steering: bool) -> np.ndarray:
    """Return the scores of all candidates as their folds say: the search's own estimates of the metric that steered it.

    Of other metrics a mean over the folds that ran has to do.
    """
    if is_steering:
        trials = search.plain_study(include_pruned=True).trials
        return np.array([trial.values[0] if trial.values else np.nan for trial in trials])
    folds = scores_of_folds(search, key)
    ran = np.isfinite(folds)
    total: np.ndarray = np.where(ran, folds, 0.0).sum(axis=0)
    return np.where(ran.any(axis=0), total / np.maximum(ran.sum(axis=0), 1), np.nan)


def scores_of_folds(search: Any, key: str) -> np.ndarray:
    """Return the scores of all folds, of shape (n_folds, n_trials)."""
    names = [_FOLD_SCORES.format(fold=fold, key=key) for fold in range(search.n_splits_)]
    return np.array([search.cv_results_[name] for name in names], dtype=float)


def standard_error(search: Any, candidates: Candidates) -> float:
    """Return that of the best candidate's mean over its folds; NaN where there is none."""
    if candidates.best is None:
        return np.nan
    folds = scores_of_folds(search, candidates.key)[:, candidates.best]
    return float(folds.std(ddof=1) / np.sqrt(len(folds))) if len(folds) > 1 else np.nan
