"""The record of scores by the values of each parameter: arrays, which ParamSliceDisplay draws and tests look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sk_optuna.results._candidates import candidates_of, standard_error
from sk_optuna.results._param_importances_record import by_importance
from sk_optuna.results._param_values import ParamValues, checked_names, param_values, params_of

_DRAWER = "ParamSliceDisplay"
_AT_MOST = 8


# Not frozen: a display is its own record, and users rename its score before they draw it again.
@dataclass(kw_only=True, eq=False, repr=False)
class ParamSliceRecord:
    """Scores of a search by the values of its parameters.

    Parameters
    ----------
    params : sequence of ParamValues
        The parameters, a panel each.
    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.
    trial_state : ndarray of str of shape (n_trials,)
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.
    score : ndarray of shape (n_trials,)
        Mean scores; estimates for pruned trials; NaN where there is neither.
    infeasible : ndarray of bool of shape (n_trials,) or None, default=None
        True for complete trials that break a constraint; None where none does.
    best_trial : int or None, default=None
        Number of the best trial; None where none was chosen.
    standard_error : float, default=NaN
        That of the best trial's score; NaN where it is not known.
    score_name : str, default="Score"
        Name of the scores.
    not_shown : sequence of str, default=()
        Parameters that have no panel.
    """

    params: Sequence[ParamValues]
    trial_number: np.ndarray
    trial_state: np.ndarray
    score: np.ndarray
    infeasible: np.ndarray | None = None
    best_trial: int | None = None
    standard_error: float = np.nan
    score_name: str = "Score"
    not_shown: Sequence[str] = ()

    def groups(self) -> dict[str, np.ndarray]:
        """Divide the trials by how they are drawn; each is in one group.

        Returns
        -------
        dict of str to ndarray of shape (n_trials,)
            Masks: ``"PRUNED"``, ``"INFEASIBLE"`` and ``"COMPLETE"`` of trials with a score, ``"NO SCORE"`` and
            ``"FAIL"`` of those without.
        """
        state, scored = np.asarray(self.trial_state), ~np.isnan(self.score)
        breaks = np.zeros(len(state), dtype=bool) if self.infeasible is None else np.asarray(self.infeasible)
        return {
            "PRUNED": scored & (state == "PRUNED"),
            "INFEASIBLE": scored & (state != "PRUNED") & breaks,
            "COMPLETE": scored & (state != "PRUNED") & ~breaks,
            "NO SCORE": ~scored & (state != "FAIL"),
            "FAIL": ~scored & (state == "FAIL"),
        }

    def columns(self) -> dict[str, np.ndarray]:
        """Return the points of all panels as columns, by parameter and trial.

        Returns
        -------
        dict of str to ndarray of shape (n_points,)
            `param`, `value` (of categories the category), `trial_number`, `trial_state` and `score`. A trial has a row
            for each parameter that it sets and that has a panel.
        """
        rows = [np.flatnonzero(~np.isnan(param.at)) for param in self.params]
        at = np.concatenate([np.empty(0, np.int64), *rows])
        column = np.empty(len(at), dtype=object)
        column[:] = [
            each for param, there in zip(self.params, rows, strict=True) for each in param.shown()[there].tolist()
        ]
        return {
            "param": np.repeat(np.array([param.name for param in self.params], dtype=str), [len(row) for row in rows]),
            "value": column,
            "trial_number": np.asarray(self.trial_number)[at],
            "trial_state": np.asarray(self.trial_state, dtype=str)[at],
            "score": np.asarray(self.score)[at],
        }


def param_slice_record(
    search: Any, *, params: Sequence[str] | None = None, metric: str | None = None, score_name: str | None = None
) -> ParamSliceRecord:
    """Record the scores of a fitted search by its parameters.

    Parameters
    ----------
    search : OptunaSearchCV, or a search of scikit-learn
        A fitted search.
    params : sequence of str, default=None
        Names of parameters, in the order of the panels; None for the most important ones, at most eight.
    metric : str, default=None
        One of its metrics; None for the one that steered it, of several objectives the one that `refit` names.
    score_name : str, default=None
        Name of the scores; None makes one of the metric's.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where the search is not fitted, or has no finished candidate.
    InvalidArgumentError
        Where it has no such parameter or metric, or several objectives of which none is named.
    NoScoreError
        Where no candidate has a score.
    """
    found, shown = candidates_of(search, metric, drawer=_DRAWER), params_of(search)
    known = param_values(shown)
    names = checked_names(params, known)
    if params is None:
        names = by_importance(shown, found.score)[:_AT_MOST]
    return ParamSliceRecord(
        params=[known[name] for name in names],
        trial_number=found.trial_number,
        trial_state=found.trial_state,
        score=found.score,
        infeasible=found.infeasible if found.infeasible.any() else None,
        best_trial=found.best_trial,
        standard_error=standard_error(search, found),
        score_name=found.metric if score_name is None else score_name,
        not_shown=[name for name in known if name not in names],
    )
