"""The record of scores by the values of each parameter: arrays, which ParamSliceDisplay draws and tests look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sk_optuna.results._learning_curves_record import readable
from sk_optuna.results._param_importances_record import by_importance
from sk_optuna.results._scored_trials import ScoredTrials, checked_names, scored_trials

_AT_MOST = 8


class PanelValues(NamedTuple):
    """The values of one parameter.

    Attributes
    ----------
    name : str
        The parameter.
    values : ndarray of shape (n_trials,)
        Numbers; of categories their places in `choices`; NaN for trials that do not set the parameter.
    bounds : (float, float) or None
        The least and the greatest value of the space; None for categories.
    is_log : bool
        Whether the space is logarithmic in it.
    choices : tuple or None
        The categories; None for numbers.
    """

    name: str
    values: np.ndarray
    bounds: tuple[float, float] | None = None
    is_log: bool = False
    choices: tuple[Any, ...] | None = None


# Not frozen: a display is its own record, and users rename its score before they draw it again.
@dataclass(kw_only=True, eq=False, repr=False)
class ParamSliceRecord:
    """Scores of a search by the values of its parameters.

    Parameters
    ----------
    params : sequence of PanelValues
        The parameters, a panel each.
    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.
    trial_state : sequence of str of length n_trials
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.
    score : ndarray of shape (n_trials,)
        Mean scores; estimates for pruned trials; NaN where there is neither.
    feasible : ndarray of shape (n_trials,) or None, default=None
        False for complete trials that break a constraint; None where none does.
    best_trial : int or None, default=None
        Number of the best trial; None where none was chosen.
    standard_error : float, default=NaN
        That of the best trial's score; NaN where it is not known.
    score_name : str, default="Score"
        Name of the scores.
    not_shown : sequence of str, default=()
        Parameters that have no panel.
    """

    params: Sequence[PanelValues]
    trial_number: np.ndarray
    trial_state: Sequence[str]
    score: np.ndarray
    feasible: np.ndarray | None = None
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
        kept = np.ones(len(state), dtype=bool) if self.feasible is None else np.asarray(self.feasible, dtype=bool)
        return {
            "PRUNED": scored & (state == "PRUNED"),
            "INFEASIBLE": scored & (state != "PRUNED") & ~kept,
            "COMPLETE": scored & (state != "PRUNED") & kept,
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
        rows = [np.flatnonzero(~np.isnan(param.values)) for param in self.params]
        at = np.concatenate([np.empty(0, np.int64), *rows])
        values = [
            each if param.choices is None else param.choices[int(each)]
            for param, there in zip(self.params, rows, strict=True)
            for each in param.values[there].tolist()
        ]
        column = np.empty(len(values), dtype=object)
        column[:] = values
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
    search : OptunaSearchCV
        A fitted search.
    params : sequence of str, default=None
        Names of parameters, in the order of the panels; None for the most important ones, at most eight.
    metric : str, default=None
        One of several objectives; None for the one that chose the best candidate, else the first.
    score_name : str, default=None
        Name of the scores; None makes one of the metric's.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where the search is not fitted, or has no finished candidate.
    InvalidArgumentError
        Where it is another search, did not maximize that metric, has no such parameter, or no score.
    """
    scored = scored_trials(search, metric)
    names = by_importance(scored)[:_AT_MOST] if params is None else checked_names(params, scored.names)
    return ParamSliceRecord(
        params=[_values_of(name, scored) for name in names],
        trial_number=scored.number,
        trial_state=scored.state,
        score=scored.score,
        feasible=None if scored.feasible.all() else scored.feasible,
        best_trial=None if scored.best is None else int(scored.number[scored.best]),
        standard_error=scored.standard_error,
        score_name=readable(scored.metric) if score_name is None else score_name,
        not_shown=[name for name in scored.names if name not in names],
    )


def _values_of(name: str, scored: ScoredTrials) -> PanelValues:
    """Read the values of one parameter from the trials that set it; its distribution is the same in all of them."""
    distribution = next(trial.distributions[name] for trial in scored.trials if name in trial.distributions)
    choices = getattr(distribution, "choices", None)
    values = np.full(len(scored.trials), np.nan)
    for row, trial in enumerate(scored.trials):
        if name in trial.params:
            values[row] = distribution.to_internal_repr(trial.params[name])
    if choices is not None:
        return PanelValues(name, values, choices=tuple(choices))
    return PanelValues(name, values, (float(distribution.low), float(distribution.high)), bool(distribution.log))
