"""The record of a nested cross-validation's scores: a row a search, with outer folds, inner best and baselines.

Baselines are numbers of a row, not rows: the mean of a search's defaults stands in the row of the search, which it is
to be compared with, and the dummy's is one number for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sk_optuna.results._learning_curves_record import readable
from sk_optuna.results._nested_tables import by_fold, check_nested, column, known_names


# Not frozen: a display is its own record, and users rename its score before they draw it again.
@dataclass(kw_only=True, eq=False, repr=False)
class NestedScoresRecord:
    """Outer scores of searches by row and outer fold, with their means, inner scores and baselines.

    Parameters
    ----------
    search : sequence of str of length n_rows
        Names of the rows, best first.
    test_score : ndarray of shape (n_rows, n_outer_folds)
        Outer scores; NaN where there is none.
    failed : ndarray of bool of shape (n_rows, n_outer_folds)
        True for outer folds that failed, also where a number stands for their score.
    mean, low, high : ndarray of shape (n_rows,)
        Mean over the outer folds and its interval of 95 %; NaN where there is none.
    inner_best : ndarray of shape (n_rows,)
        Mean of the best inner scores; NaN where there is none.
    default_mean : ndarray of shape (n_rows,)
        Mean of the search's own estimator with its own parameters; NaN where there is none.
    dummy_mean : float, default=NaN
        Mean of the dummy.
    score_name : str, default="Score"
        Name of the scores.
    """

    search: Sequence[str]
    test_score: np.ndarray
    failed: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    inner_best: np.ndarray
    default_mean: np.ndarray
    dummy_mean: float = np.nan
    score_name: str = "Score"

    def columns(self) -> dict[str, np.ndarray]:
        """Return the outer folds as columns, one row for each point, by row and outer fold.

        Returns
        -------
        dict of str to ndarray of shape (n_rows * n_outer_folds,)
            `search`, `outer_fold`, `test_score` and `failed`; and, the same for all folds of a row, `mean`, `low`,
            `high`, `inner_best`, `default_mean` and `dummy_mean`.
        """
        n_rows, n_folds = self.test_score.shape
        of_row = {name: getattr(self, name) for name in ("mean", "low", "high", "inner_best", "default_mean")}
        return {
            "search": np.repeat(np.asarray(self.search, dtype=object), n_folds),
            "outer_fold": np.tile(np.arange(n_folds), n_rows),
            "test_score": self.test_score.ravel(),
            "failed": self.failed.ravel(),
            **{name: np.repeat(values, n_folds) for name, values in of_row.items()},
            "dummy_mean": np.full(n_rows * n_folds, self.dummy_mean),
        }


def nested_scores_record(
    results: Any, *, search: str | Sequence[str] | None = None, score_name: str | None = None
) -> NestedScoresRecord:
    """Record the scores of nested results.

    Parameters
    ----------
    results : NestedCVResults
        The results.
    search : str, sequence of str or None, default=None
        Names of the rows; None for all but baselines. A baseline that is named has a row of its own.
    score_name : str, default=None
        Name of the scores; None makes one of the metric.

    Raises
    ------
    InvalidArgumentError
        Where `results` are no nested results, or there is no such row.
    """
    check_nested(results)
    table, outer = results.table_, results.outer_
    names, kinds = [[str(each) for each in column(table, key)] for key in ("search", "kind")]
    own = [name for name, kind in zip(names, kinds, strict=True) if kind not in ("default", "dummy")]
    shown = known_names(search, names, own)
    rows = [names.index(name) for name in shown]
    means = dict(zip(names, column(table, "mean"), strict=True))
    defaults = column(table, "defaults")
    return NestedScoresRecord(
        search=shown,
        test_score=by_fold(outer, shown, "test_score").astype(float),
        failed=by_fold(outer, shown, "error") != "",
        **{key: column(table, key)[rows].astype(float) for key in ("mean", "low", "high", "inner_best")},
        default_mean=np.array([means.get(defaults[i], np.nan) for i in rows]),
        dummy_mean=next(
            (float(means[name]) for name, kind in zip(names, kinds, strict=True) if kind == "dummy"), np.nan
        ),
        score_name=readable(results.metric_) if score_name is None else score_name,
    )
