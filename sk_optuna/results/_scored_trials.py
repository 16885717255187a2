"""The trials of a search with one score each, in the user's names and values: where records of parameters begin.

The scores are those that the search maximized. A candidate that was stopped has its estimate, since without it pictures
of a pruned search would show its best candidates only.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results._learning_curves_record import name_of_metric


class ScoredTrials(NamedTuple):
    """The rows of `cv_results_`, each with a score.

    Attributes
    ----------
    trials : list of optuna.trial.FrozenTrial
        Those of the search's `plain_study`.
    number : ndarray of shape (n_trials,)
        The column `trial_number`.
    state : list of str of length n_trials
        The column `trial_state`.
    score : ndarray of shape (n_trials,)
        Mean scores; estimates for pruned trials; NaN where there is neither.
    feasible : ndarray of shape (n_trials,)
        False for complete trials that break a constraint.
    names : list of str
        The parameters, in the order of the space.
    metric : str
        Name of the scores.
    best : int or None
        Row of the best trial.
    standard_error : float
        That of its mean score over the folds; NaN where it is not known.
    """

    trials: list[Any]
    number: np.ndarray
    state: list[str]
    score: np.ndarray
    feasible: np.ndarray
    names: list[str]
    metric: str
    best: int | None
    standard_error: float


def scored_trials(search: Any, metric: str | None = None) -> ScoredTrials:
    """Read the trials of a fitted search.

    Parameters
    ----------
    search : OptunaSearchCV
        A fitted search.
    metric : str, default=None
        One of several objectives; None for the one that chose the best candidate, else the first.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where the search is not fitted, or has no finished candidate.
    InvalidArgumentError
        Where it is another search, did not maximize that metric, or has no score at all.
    """
    check_is_fitted(search, "cv_results_")
    if not hasattr(search, "plain_study"):
        raise InvalidArgumentError(
            f"search must have a plain_study, as an OptunaSearchCV has, but got a {type(search).__name__}. Fit an "
            "OptunaSearchCV: with a param_grid it tries what GridSearchCV tries."
        )
    study, table = search.plain_study(include_pruned=True), search.cv_results_
    metric, place = _objective(search, study.metric_names, metric)
    trials = study.get_trials(deepcopy=False)
    score = np.array([trial.values[place] if trial.values else np.nan for trial in trials], dtype=float)
    score[~np.isfinite(score)] = np.nan
    if np.isnan(score).all():
        raise InvalidArgumentError(
            f"There is nothing to draw: none of the {len(trials)} candidates has a score. See errors_ of the search "
            "for the reasons."
        )
    state = [str(each) for each in table["trial_state"]]
    is_complete = np.array(state) == "COMPLETE"
    feasible = ~is_complete | np.asarray(table.get("feasible", is_complete), dtype=bool)
    best = getattr(search, "best_index_", None)
    if best is None and (is_complete & feasible & ~np.isnan(score)).any():
        best = np.nanargmax(np.where(is_complete & feasible, score, np.nan))
    return ScoredTrials(
        trials=trials,
        number=np.asarray(table["trial_number"]),
        state=state,
        score=score,
        feasible=feasible,
        names=list(dict.fromkeys(name for params in table["params"] for name in params)),
        metric=metric,
        best=None if best is None else int(best),
        standard_error=np.nan if best is None else _standard_error(search, int(best), metric),
    )


def checked_names(params: Any, known: Sequence[str]) -> list[str]:
    """Return the names of parameters that were asked for, each once.

    Parameters
    ----------
    params : sequence of str or None
        Names; None for all.
    known : sequence of str
        The parameters of the search.

    Raises
    ------
    InvalidArgumentError
        Where this is no list of names, is empty, or has a name that the search did not set.
    """
    if params is None:
        return list(known)
    names = [] if isinstance(params, str) or not isinstance(params, Iterable) else list(dict.fromkeys(params))
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidArgumentError(
            f"params must be None or a list of names of parameters, at least one, but got {params!r}. The search has "
            f"{list(known)}."
        )
    for name in names:
        if name not in known:
            near = nearest(name, known)
            advice = hint(name, near) or f" It has {list(known)}."
            raise InvalidArgumentError(f"params names {name!r}, which no candidate of this search has.{advice}")
    return names


def _objective(search: Any, names: Sequence[str], metric: str | None) -> tuple[str, int]:
    """Return the name of an objective and its place among them."""
    if metric is None:
        steering = name_of_metric(search)
        metric = steering if steering in names else names[0]
    if metric not in names:
        raise InvalidArgumentError(
            f"metric must be None or what this search maximized, one of {list(names)}, but got {metric!r}."
            f"{hint(str(metric), nearest(str(metric), names))} Other metrics are in cv_results_."
        )
    return metric, list(names).index(metric)


def _standard_error(search: Any, row: int, metric: str) -> float:
    """Return the standard error of the mean over the folds of a row."""
    column = f"test_{metric if search.multimetric_ else 'score'}"
    folds = np.array([search.cv_results_[f"split{i}_{column}"][row] for i in range(search.n_splits_)], dtype=float)
    return float(folds.std(ddof=1) / np.sqrt(len(folds))) if len(folds) > 1 else np.nan
