"""The evidence that checks look at: candidates with their fold scores, and what is known of their space.

It is made of the public attributes of a fitted search, so that GridSearchCV and others can be checked, too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sk_optuna._standard_error import corrected_standard_error
from sk_optuna.refit import metric_of
from sk_optuna.spaces import UnitScale, count_combinations, space_of, unit_scales


@dataclass(frozen=True)
class SearchEvidence:
    """The candidates of a search, in the order in which they were asked for.

    Attributes
    ----------
    params : sequence of mapping
        The parameters of each candidate.
    scores : ndarray of shape (n_candidates, n_splits)
        Scores of the metric that chooses the best, higher is better; a row is NaN unless the candidate is complete, and
        keeps the constraints where there are any.
    is_failed : ndarray of bool of shape (n_candidates,)
        Whether a fold of the candidate failed, or ran out of memory or time.
    scales : mapping of str to UnitScale
        The parameters' scales.
    estimator : estimator object
        The estimator that is tuned.
    n_random_start : int or None
        Finished candidates before the first that was chosen by what others scored; None where none ever is, or it is
        not known.
    is_exhausted : bool
        Whether there is no further candidate in the space.
    test_to_train : float
        Rows that a fold tests for each that it trains on.
    n_features : int or None
        Columns of the data, where known.
    """

    params: Sequence[Mapping[str, Any]]
    scores: np.ndarray
    is_failed: np.ndarray
    scales: Mapping[str, UnitScale]
    estimator: Any = None
    n_random_start: int | None = None
    is_exhausted: bool = False
    test_to_train: float = 0.25
    n_features: int | None = None

    @cached_property
    def means(self) -> np.ndarray:
        """The mean of each candidate, NaN unless it is complete."""
        return np.asarray(self.scores.mean(axis=1))

    @cached_property
    def is_complete(self) -> np.ndarray:
        """True for candidates that have a finite mean."""
        return np.asarray(np.isfinite(self.means))

    @cached_property
    def n_complete(self) -> int:
        """How many candidates have a finite mean."""
        return int(self.is_complete.sum())

    @cached_property
    def best(self) -> int:
        """The row with the highest mean, the first of them; -1 where no candidate is complete."""
        return int(np.nanargmax(self.means)) if self.n_complete else -1

    def behind(self, other: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return how far each candidate is behind another, the best, and the standard error of that.

        The error is that of the paired difference over folds, corrected for shared training rows; NaN where there is
        one fold.
        """
        ahead = self.scores[self.best if other is None else other]
        differences = ahead - self.scores
        return differences.mean(axis=1), corrected_standard_error(differences, self.test_to_train)


def evidence_of(
    table: Mapping[str, Any],
    search: Any,
    *,
    n_random_start: int | None = None,
    test_to_train: float | None = None,
    n_features: int | None = None,
    scales: Mapping[str, UnitScale] | None = None,
) -> SearchEvidence:
    """Return the evidence that the table of a search holds, be it one of this package or another.

    Parameters
    ----------
    table : mapping of str to array-like
        The search's `cv_results_`.
    search : search, fitted or not
        OptunaSearchCV, GridSearchCV, RandomizedSearchCV or another with their parameters.
    n_random_start, n_features : int or None, default=None
        As in `SearchEvidence`.
    scales : mapping of str to UnitScale, default=None
        As in `SearchEvidence`; None for those that the search's argument tells, and none of a callable space.
    test_to_train : float or None, default=None
        As in `SearchEvidence`; None for that of as many folds as there are, or a quarter for one split.
    """
    rows = _comparable_rows(table)
    metric = _metric(table, search.refit)
    scores = np.column_stack(_fold_columns(table, metric)).astype(float)[rows]
    n_splits = scores.shape[1]
    states = np.asarray(table["trial_state"])[rows] if "trial_state" in table else None
    is_failed = ~np.isfinite(scores).all(axis=1) if states is None else states == "FAIL"
    if "stop_reason" in table:
        is_failed |= np.array([bool(reason) for reason in np.asarray(table["stop_reason"])[rows]])
    if states is not None:
        scores[states != "COMPLETE"] = np.nan
    if "feasible" in table:  # one that breaks a constraint is never the best
        scores[~np.asarray(table["feasible"], dtype=bool)[rows]] = np.nan
    scores[~np.isfinite(scores).all(axis=1)] = np.nan
    params = [table["params"][row] for row in rows]
    space = space_of(search)
    n_combinations = count_combinations(space)
    return SearchEvidence(
        params=params,
        scores=scores,
        is_failed=is_failed,
        scales=unit_scales(space) if scales is None else scales,
        estimator=search.estimator,
        n_random_start=n_random_start,
        is_exhausted="iter" in table or (n_combinations is not None and len(table["params"]) >= n_combinations),
        test_to_train=1 / max(n_splits - 1, 4 if n_splits == 1 else 1) if test_to_train is None else test_to_train,
        n_features=n_features,
    )


def _fold_columns(table: Mapping[str, Any], metric: str) -> list[Any]:
    """Return the columns of test scores of a metric, fold by fold."""
    found = [(re.fullmatch(r"split(\d+)_test_(.+)", key), column) for key, column in table.items()]
    columns = {int(at[1]): column for at, column in found if at is not None and at[2] == metric}
    return [columns[k] for k in sorted(columns)]


def _comparable_rows(table: Mapping[str, Any]) -> np.ndarray:
    """Return the rows whose candidates had the same resources: of successive halving, those of the last round."""
    if "iter" not in table:
        return np.arange(len(table["params"]))
    rounds = np.asarray(table["iter"])
    return np.flatnonzero(rounds == rounds.max())


def _metric(table: Mapping[str, Any], refit: Any) -> str:
    """Return the metric that chooses the best candidate, else the first."""
    names = [key.removeprefix("mean_test_") for key in table if key.startswith("mean_test_")]
    named = metric_of(refit)
    return named if named in names else names[0]
