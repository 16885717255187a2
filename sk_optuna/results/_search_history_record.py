"""The record of how searches went on: each candidate's score, and what had been spent when it ended.

Trials that run side by side end in another order than they began. So a history by seconds is in the order of the ends,
the others are in that of the trials' numbers, and the same at any number of workers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results._candidates import Candidates, candidates_of

Spent = Literal["trial", "fits", "seconds"]
_DRAWER = "SearchHistoryDisplay"


# Not frozen: a display is its own record.
@dataclass(kw_only=True, eq=False, repr=False)
class SearchHistoryRecord:
    """Candidates of one or several searches, in the order of what had been spent.

    Parameters
    ----------
    search_name : ndarray of str of shape (n_points,)
        Name of the search; points of a search stand together.
    trial_number : ndarray of shape (n_points,)
        Numbers of the trials.
    trial_state : ndarray of str of shape (n_points,)
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.
    feasible : ndarray of bool of shape (n_points,)
        Those that may be the best: complete, with a score, and within the constraints.
    spent : ndarray of shape (n_points,)
        What had been spent when the candidate ended, in the unit of `x`.
    score : ndarray of shape (n_points,)
        Mean score, of pruned ones the estimate; NaN where there is none.
    x : {"trial", "fits", "seconds"}, default="trial"
        What is spent.
    score_name : str, default="Score"
        Name of the scores.
    """

    search_name: np.ndarray
    trial_number: np.ndarray
    trial_state: np.ndarray
    feasible: np.ndarray
    spent: np.ndarray
    score: np.ndarray
    x: Spent = "trial"
    score_name: str = "Score"

    def names(self) -> list[str]:
        """Return the names of the searches, in order."""
        return list(dict.fromkeys(np.asarray(self.search_name).tolist()))

    def best_so_far(self) -> np.ndarray:
        """Return at each point the highest score of its search until then.

        Returns
        -------
        ndarray of shape (n_points,)
            Pruned candidates, failed ones and those that break a constraint are passed over. NaN before the first.
        """
        best = np.full(len(self.score), np.nan)
        for name in self.names():
            at = np.asarray(self.search_name) == name
            highest = np.maximum.accumulate(np.where(self.feasible[at], self.score[at], -np.inf))
            best[at] = np.where(np.isfinite(highest), highest, np.nan)
        return best

    def columns(self) -> dict[str, np.ndarray]:
        """Return the points, a row each, by search and in the order of what had been spent.

        Returns
        -------
        dict of str to ndarray of shape (n_points,)
            `search`, `trial_number`, `trial_state`, `feasible`, `spent`, `score` and `best_so_far`.
        """
        return {
            "search": np.asarray(self.search_name),
            "trial_number": np.asarray(self.trial_number),
            "trial_state": np.asarray(self.trial_state),
            "feasible": np.asarray(self.feasible),
            "spent": np.asarray(self.spent),
            "score": np.asarray(self.score),
            "best_so_far": self.best_so_far(),
        }


def search_history_record(search: Any, *, x: Spent = "trial", metric: str | None = None) -> SearchHistoryRecord:
    """Record how a fitted search went on, or several.

    Parameters
    ----------
    search : search, or mapping of str to search
        Fitted; an OptunaSearchCV or a search of scikit-learn. The keys name several.
    x : {"trial", "fits", "seconds"}, default="trial"
        Number of the trial; fits until its end; seconds until its end in which any trial ran.
    metric : str or None, default=None
        One of their metrics; None takes the one that steered them.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where a search is not fitted.
    InvalidArgumentError
        For an unknown `x` or `metric`, for no search at all, for several objectives without `metric`, for searches of
        different metrics, and for seconds of a search that kept no times.
    NoScoreError
        Where no candidate of a search has a score.
    """
    if not isinstance(x, str) or x not in get_args(Spent):
        near = hint(x, nearest(x, get_args(Spent))) if isinstance(x, str) else ""
        raise InvalidArgumentError(f"x must be one of {get_args(Spent)}, but got {x!r}.{near}")
    searches = dict(search) if isinstance(search, Mapping) else {type(search).__name__: search}
    if not searches:
        raise InvalidArgumentError("search must be a fitted search, or a dict of at least one, but got an empty dict.")
    found = {str(name): candidates_of(each, metric, drawer=_DRAWER) for name, each in searches.items()}
    parts = [
        _points(str(name), found[str(name)], _spent(each, found[str(name)], x, str(name)))
        for name, each in searches.items()
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return SearchHistoryRecord(**columns, x=x, score_name=_one_metric(found))


def _one_metric(found: Mapping[str, Candidates]) -> str:
    """Return the metric of all; the estimator's own, which has no name, is taken for any."""
    metrics = {name: each.metric for name, each in found.items()}
    named = set(metrics.values()) - {"Score"}
    if len(named) > 1:
        raise InvalidArgumentError(
            f"Histories of different metrics do not fit into one picture: {metrics}. Draw them on axes of their own, "
            "or choose a metric that all of them have with metric=."
        )
    return "Score" if "Score" in metrics.values() else named.pop()


def _points(name: str, candidates: Candidates, spent: np.ndarray) -> dict[str, np.ndarray]:
    """Bring the candidates of a search into the order of what had been spent."""
    order = np.argsort(spent, kind="stable")
    return {
        "search_name": np.full(len(order), name),
        "trial_number": candidates.trial_number[order],
        "trial_state": candidates.trial_state[order],
        "feasible": candidates.feasible[order],
        "spent": spent[order],
        "score": candidates.score[order],
    }


def _spent(search: Any, candidates: Candidates, x: Spent, name: str) -> np.ndarray:
    """Sum up the trials, fits or seconds until the end of each candidate."""
    if x == "trial":
        return candidates.trial_number.astype(float)
    if x == "fits":
        n_folds = np.full(len(candidates.score), search.n_splits_)
        return np.cumsum(search.cv_results_.get("n_folds_run", n_folds)).astype(float)
    if not hasattr(search, "plain_study"):
        raise InvalidArgumentError(
            f"x='seconds' cannot be drawn for {name!r}: a {type(search).__name__} does not keep when its candidates "
            "ran. Use x='fits'."
        )
    trials = search.plain_study(include_pruned=True).trials
    return _busy_seconds([(trial.datetime_start, trial.datetime_complete) for trial in trials], name)


def _busy_seconds(times: list[tuple[Any, Any]], name: str) -> np.ndarray:
    """Return the seconds until each end in which any trial ran: pauses between calls of `fit` do not count."""
    if any(start is None or end is None for start, end in times):
        raise InvalidArgumentError(
            f"x='seconds' cannot be drawn for {name!r}: its study does not say when each trial ran. Use x='fits'."
        )
    first = min(start for start, _ in times)
    starts, ends = (np.array([(each - first).total_seconds() for each in side]) for side in zip(*times, strict=True))
    order = np.argsort(starts, kind="stable")
    # Before each start in order, the time up to which some trial ran; what is missing from there to the start is idle.
    covered = np.maximum.accumulate(np.concatenate([[0.0], ends[order]]))[:-1]
    idle = np.cumsum(np.maximum(starts[order] - covered, 0.0))
    # An idle time before an end is one before a start that is earlier than that end.
    before = np.searchsorted(starts[order], ends, side="left") - 1
    return ends - np.where(before >= 0, idle[np.maximum(before, 0)], 0.0)
