"""The record of a plane of two parameters: where the candidates lie, and their scores.

Where all values of one were tried with all of the other, the candidates make a matrix. A cell may have several, which
differ in other parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results._candidates import candidates_of
from sk_optuna.results._param_importances_record import by_importance
from sk_optuna.results._param_values import ParamValues, checked_names, param_values, params_of

_DRAWER = "ParamHeatmapDisplay"
# A matrix with more rows or columns has no room for its numbers.
_MOST_VALUES = 12


class Cells(NamedTuple):
    """A whole grid.

    Attributes
    ----------
    x, y : ndarray
        The values of both parameters, in order.
    score : ndarray of shape (n_y, n_x)
        The highest score of a cell: of its complete candidates, else the highest estimate; NaN where all failed.
    state : ndarray of str of shape (n_y, n_x)
        The state of the candidate with this score.
    most : int
        The most candidates of a cell.
    """

    x: np.ndarray
    y: np.ndarray
    score: np.ndarray
    state: np.ndarray
    most: int


# Not frozen: a display is its own record.
@dataclass(kw_only=True, eq=False, repr=False)
class ParamHeatmapRecord:
    """Candidates in the plane of two parameters.

    Parameters
    ----------
    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.
    trial_state : ndarray of str of shape (n_trials,)
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.
    score : ndarray of shape (n_trials,)
        Mean score, of pruned ones the estimate; NaN where there is none.
    x, y : ParamValues
        The parameters.
    best_trial : int or None, default=None
        Number of the best trial; None where none was chosen.
    score_name : str, default="Score"
        Name of the scores.
    """

    trial_number: np.ndarray
    trial_state: np.ndarray
    score: np.ndarray
    x: ParamValues
    y: ParamValues
    best_trial: int | None = None
    score_name: str = "Score"

    def cells(self) -> Cells | None:
        """Arrange a whole grid as a matrix.

        Returns
        -------
        Cells or None
            None where a pair of values is missing, or a parameter has one value only, or more than twelve.
        """
        at = ~np.isnan(self.x.at) & ~np.isnan(self.y.at)
        xs, columns = np.unique(self.x.at[at], return_inverse=True)
        ys, rows = np.unique(self.y.at[at], return_inverse=True)
        counts = np.zeros((len(ys), len(xs)), dtype=np.int64)
        np.add.at(counts, (rows, columns), 1)
        if not 2 <= min(counts.shape) <= max(counts.shape) <= _MOST_VALUES or not counts.all():
            return None
        score, state = np.full(counts.shape, np.nan), np.full(counts.shape, "FAIL", dtype="<U8")
        known = np.where(np.isnan(self.score[at]), -np.inf, self.score[at])
        # The last to be written stays: a complete candidate before others, the higher score before the lower.
        for i in np.lexsort((known, self.trial_state[at] == "COMPLETE")):
            if known[i] > -np.inf:
                score[rows[i], columns[i]], state[rows[i], columns[i]] = known[i], self.trial_state[at][i]
        return Cells(xs, ys, score, state, int(counts.max()))

    def columns(self) -> dict[str, np.ndarray]:
        """Return the candidates, a row each.

        Returns
        -------
        dict of str to ndarray of shape (n_trials,)
            `trial_number`, `trial_state`, `score`, and `param_<name>` of both parameters: numbers, or texts.
        """
        return {
            "trial_number": np.asarray(self.trial_number),
            "trial_state": np.asarray(self.trial_state),
            "score": np.asarray(self.score),
            f"param_{self.x.name}": self.x.shown(),
            f"param_{self.y.name}": self.y.shown(),
        }


def param_heatmap_record(
    search: Any, *, params: Sequence[str] | None = None, metric: str | None = None
) -> ParamHeatmapRecord:
    """Record a plane of a fitted search.

    Parameters
    ----------
    search : OptunaSearchCV, or a search of scikit-learn
        Fitted.
    params : (str, str) or None, default=None
        Two different parameters, the horizontal one first. None takes the most important pair of which both vary among
        the candidates that set both, with fewer than 20 scores the first of the space; without such a pair, the first
        two.
    metric : str or None, default=None
        One of its metrics; None takes the one that steered it.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where the search is not fitted.
    InvalidArgumentError
        For what is no search, for `params` that are not two different ones of it, for an unknown `metric`, for a
        search with fewer than two parameters, and for several objectives without `metric`.
    NoScoreError
        Where no candidate has a score.
    """
    found, shown = candidates_of(search, metric, drawer=_DRAWER), params_of(search)
    known = param_values(shown)
    if len(known) < 2:
        raise InvalidArgumentError(
            f"{_DRAWER} draws a plane of two parameters, but this search has {len(known)}: {list(known)}. Draw it with "
            "SearchHistoryDisplay or ParallelCoordinateDisplay."
        )
    if params is None:
        names = _pair(known, by_importance(shown, found.score))
    elif len(names := checked_names(params, known)) != 2 or len(params) != 2:
        raise InvalidArgumentError(f"params must have two different names, but has {list(params)}.")
    return ParamHeatmapRecord(
        trial_number=found.trial_number,
        trial_state=found.trial_state,
        score=found.score,
        x=known[names[0]],
        y=known[names[1]],
        best_trial=found.best_trial,
        score_name=found.metric,
    )


def _pair(known: Mapping[str, ParamValues], order: list[str]) -> list[str]:
    """Return the first two parameters that spread the candidates in both directions, else the first two.

    In a list of dicts one parameter may decide whether another is there, and then has a single value beside it.
    """
    for pair in combinations(order, 2):
        at = np.array([known[name].at for name in pair])
        both = at[:, ~np.isnan(at).any(axis=0)]
        if both.size and (np.ptp(both, axis=1) > 0).all():
            return list(pair)
    return order[:2]
