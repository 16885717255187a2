"""The record of all parameters at once: each candidate's values, its score, and the share that is the best."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results._candidates import candidates_of
from sk_optuna.results._param_values import ParamValues, checked_names, param_values, params_of

_DRAWER = "ParallelCoordinateDisplay"


# Not frozen: a display is its own record.
@dataclass(kw_only=True, eq=False, repr=False)
class ParallelCoordinateRecord:
    """Candidates of a search by all of their parameters.

    Parameters
    ----------
    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.
    trial_state : ndarray of str of shape (n_trials,)
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.
    score : ndarray of shape (n_trials,)
        Mean score, of pruned ones the estimate; NaN where there is none.
    is_best : ndarray of bool of shape (n_trials,)
        The best of the complete candidates, as many as `best` says.
    params : sequence of ParamValues
        The parameters, in the order of the axes.
    best : float, default=0.1
        Their share.
    best_trial : int or None, default=None
        Number of the best trial; None where none was chosen.
    score_name : str, default="Score"
        Name of the scores.
    """

    trial_number: np.ndarray
    trial_state: np.ndarray
    score: np.ndarray
    is_best: np.ndarray
    params: Sequence[ParamValues]
    best: float = 0.1
    best_trial: int | None = None
    score_name: str = "Score"

    def columns(self) -> dict[str, np.ndarray]:
        """Return the candidates, a row each.

        Returns
        -------
        dict of str to ndarray of shape (n_trials,)
            `trial_number`, `trial_state`, `score`, `is_best`, and `param_<name>` of each parameter: numbers, or texts.
        """
        return {
            "trial_number": np.asarray(self.trial_number),
            "trial_state": np.asarray(self.trial_state),
            "score": np.asarray(self.score),
            "is_best": np.asarray(self.is_best),
            **{f"param_{each.name}": each.shown() for each in self.params},
        }


def parallel_coordinate_record(
    search: Any, *, best: float = 0.1, params: Sequence[str] | None = None, metric: str | None = None
) -> ParallelCoordinateRecord:
    """Record all parameters of a fitted search.

    Parameters
    ----------
    search : OptunaSearchCV, or a search of scikit-learn
        Fitted.
    best : float, default=0.1
        Share of the complete candidates that are the best, rounded up.
    params : sequence of str or None, default=None
        The parameters, in the order of the axes; None takes all.
    metric : str or None, default=None
        One of its metrics; None takes the one that steered it.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where the search is not fitted.
    InvalidArgumentError
        For unknown `params` or `metric`, for a share that is none, and for several objectives without `metric`.
    NoScoreError
        Where no candidate has a score.
    """
    if isinstance(best, bool) or not isinstance(best, Real) or not 0 < best <= 1:
        raise InvalidArgumentError(
            f"best must be a share of the complete candidates, above 0 and at most 1, but got {best!r}. Write 0.1 for "
            "the best tenth."
        )
    found = candidates_of(search, metric, drawer=_DRAWER)
    known = param_values(params_of(search))
    names = checked_names(params, known)
    # The small number keeps 0.1 * 30 from being more than 3.
    n_best = int(np.ceil(float(best) * found.feasible.sum() - 1e-9))
    is_best = np.zeros(len(found.score), dtype=bool)
    is_best[np.argsort(np.where(found.feasible, -found.score, np.inf), kind="stable")[:n_best]] = True
    return ParallelCoordinateRecord(
        trial_number=found.trial_number,
        trial_state=found.trial_state,
        score=found.score,
        is_best=is_best,
        params=tuple(known[name] for name in names),
        best=float(best),
        best_trial=found.best_trial,
        score_name=found.metric,
    )
