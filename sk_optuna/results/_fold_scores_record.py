"""The record of all folds of all candidates: scores, failures, and the folds that were spared.

A fold without a score failed or was never run, and `cv_results_` has NaN for both. The errors of the search tell them
apart, and so do the folds that its candidates ran.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results._candidates import Candidates, candidates_of, scores_of_folds

Order = Literal["rank", "trial"]
_DRAWER = "FoldScoresDisplay"
_LAST = ["COMPLETE", "PRUNED", "FAIL"]


# Not frozen: a display is its own record.
@dataclass(kw_only=True, eq=False, repr=False)
class FoldScoresRecord:
    """Scores by candidate and fold, in the order in which they are drawn, the first at the top.

    Parameters
    ----------
    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.
    trial_state : ndarray of str of shape (n_trials,)
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.
    scores : ndarray of shape (n_trials, n_folds)
        Score of each fold; NaN where there is none. A failed fold has the `error_score` of the search.
    outcome : ndarray of str of shape (n_trials, n_folds)
        ``"scored"``, ``"failed"`` or ``"not run"``.
    best_trial : int or None, default=None
        Number of the best trial; None where none was chosen.
    order : {"rank", "trial"}, default="rank"
        Order of the candidates: the best first, then pruned ones by their estimates, then failed ones; or as they were
        tried.
    score_name : str, default="Score"
        Name of the scores.
    """

    trial_number: np.ndarray
    trial_state: np.ndarray
    scores: np.ndarray
    outcome: np.ndarray
    best_trial: int | None = None
    order: Order = "rank"
    score_name: str = "Score"

    def columns(self) -> dict[str, np.ndarray]:
        """Return the folds of all candidates, a row each, by candidate and fold.

        Returns
        -------
        dict of str to ndarray of shape (n_trials * n_folds,)
            `trial_number`, `trial_state`, `fold` (from 0), `outcome` and `score`.
        """
        n_trials, n_folds = np.shape(self.scores)
        return {
            "trial_number": np.repeat(np.asarray(self.trial_number), n_folds),
            "trial_state": np.repeat(np.asarray(self.trial_state), n_folds),
            "fold": np.tile(np.arange(n_folds), n_trials),
            "outcome": np.ravel(self.outcome),
            "score": np.ravel(self.scores),
        }


def fold_scores_record(search: Any, *, order: Order = "rank", metric: str | None = None) -> FoldScoresRecord:
    """Record the folds of a fitted search.

    Parameters
    ----------
    search : OptunaSearchCV, or a search of scikit-learn
        Fitted.
    order : {"rank", "trial"}, default="rank"
        Order of the candidates.
    metric : str or None, default=None
        One of its metrics; None takes the one that steered it.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where the search is not fitted.
    InvalidArgumentError
        For an unknown `order` or `metric`, and for several objectives without `metric`.
    NoScoreError
        Where no candidate has a score.
    """
    if not isinstance(order, str) or order not in get_args(Order):
        near = hint(order, nearest(order, get_args(Order))) if isinstance(order, str) else ""
        raise InvalidArgumentError(f"order must be one of {get_args(Order)}, but got {order!r}.{near}")
    found = candidates_of(search, metric, drawer=_DRAWER)
    scores = scores_of_folds(search, found.key).T
    outcome = _outcomes(search, found, scores)
    rows = _by_rank(found) if order == "rank" else np.arange(len(scores))
    return FoldScoresRecord(
        trial_number=found.trial_number[rows],
        trial_state=found.trial_state[rows],
        scores=scores[rows],
        outcome=outcome[rows],
        best_trial=found.best_trial,
        order=order,
        score_name=found.metric,
    )


def _by_rank(found: Candidates) -> np.ndarray:
    """Sort the rows: the chosen one, those that may be chosen, other complete ones, pruned ones, failed ones."""
    group = np.array([_LAST.index(state) for state in found.trial_state]) + 0.5
    group[found.feasible] = 0
    if found.best is not None:
        group[found.best] = -1
    return np.lexsort((-found.score, group))


def _outcomes(search: Any, found: Candidates, scores: np.ndarray) -> np.ndarray:
    """Tell failed folds from those that were not run."""
    n_folds = scores.shape[1]
    has_error = np.zeros(scores.shape, dtype=bool)
    if errors := getattr(search, "errors_", None):
        rows = {int(number): row for row, number in enumerate(found.trial_number)}
        at = [(rows[int(n)], int(k)) for n, k in zip(errors["trial_number"], errors["fold"], strict=True) if n in rows]
        for row, fold in at:
            has_error[row, fold] = True
    # Without a column for it, candidates ran all folds unless they were stopped, or ended by an error.
    ends = (found.trial_state == "PRUNED") | has_error.any(axis=1)
    n_run = np.asarray(search.cv_results_.get("n_folds_run", np.where(ends, 0, n_folds)))
    failed = has_error | np.isinf(scores) | (np.isnan(scores) & (n_run == n_folds)[:, np.newaxis])
    return np.where(failed, "failed", np.where(np.isnan(scores), "not run", "scored"))
