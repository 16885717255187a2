"""The record of a comparison: paired differences of scores to those of one row, by row and outer fold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sk_optuna.results._learning_curves_record import readable
from sk_optuna.results._nested_tables import by_fold, check_nested, column, known_names

_NUMBERS = ("difference", "low", "high", "p_worse", "p_equivalent", "p_better")


# Not frozen: a display is its own record, and users rename its score before they draw it again.
@dataclass(kw_only=True, eq=False, repr=False)
class ComparisonRecord:
    """Differences of outer scores to those of a reference on the same outer folds.

    Parameters
    ----------
    model : sequence of str of length n_models
        Names of the rows that are compared, the best first.
    reference : str
        The row that they are compared with.
    fold_difference : ndarray of shape (n_models, n_outer_folds)
        Score of the model minus score of the reference; NaN where one of them is missing.
    difference, low, high : ndarray of shape (n_models,)
        Mean difference and its interval of 95 %; NaN where there is none.
    p_worse, p_equivalent, p_better : ndarray of shape (n_models,)
        Probabilities of the correlated t posterior; NaN where there is no ground for any.
    reason : sequence of str of length n_models
        The reason why there is no test; empty where there is one.
    rope : float, default=0.0
        Region of practical equivalence: a difference of at most so much counts as none.
    score_name : str, default="Score"
        Name of the scores.
    """

    model: Sequence[str]
    reference: str
    fold_difference: np.ndarray
    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_worse: np.ndarray
    p_equivalent: np.ndarray
    p_better: np.ndarray
    reason: Sequence[str]
    rope: float = 0.0
    score_name: str = "Score"

    def columns(self) -> dict[str, np.ndarray]:
        """Return the differences as columns, one row for each point, by model and outer fold.

        Returns
        -------
        dict of str to ndarray of shape (n_models * n_outer_folds,)
            `model`, `reference`, `outer_fold` and `fold_difference`; and, the same for all folds of a model,
            `difference`, `low`, `high`, `p_worse`, `p_equivalent`, `p_better` and `reason`.
        """
        n_models, n_folds = self.fold_difference.shape
        return {
            "model": np.repeat(np.asarray(self.model, dtype=object), n_folds),
            "reference": np.array([self.reference] * (n_models * n_folds), dtype=object),
            "outer_fold": np.tile(np.arange(n_folds), n_models),
            "fold_difference": self.fold_difference.ravel(),
            **{name: np.repeat(getattr(self, name), n_folds) for name in _NUMBERS},
            "reason": np.repeat(np.asarray(self.reason, dtype=object), n_folds),
        }


def comparison_record(
    results: Any,
    *,
    reference: str | None = None,
    rope: float = 0.0,
    search: str | Sequence[str] | None = None,
    score_name: str | None = None,
) -> ComparisonRecord:
    """Record the comparison of nested results with one of their rows.

    Parameters
    ----------
    results : NestedCVResults
        The results.
    reference, rope
        As in `compare` of the results.
    search : str, sequence of str or None, default=None
        Names of the rows that are compared with the reference; None for all others.
    score_name : str, default=None
        Name of the scores; None makes one of the metric.

    Raises
    ------
    InvalidArgumentError
        Where `results` are no nested results, and for the reasons of `compare`: there is no such reference, there is
        only one row, or `rope` is below 0; or `search` names no other row.
    """
    check_nested(results)
    table = results.compare(reference, rope)
    models = [str(name) for name in column(table, "model")]
    reference = str(column(table, "reference")[0])
    means = np.nan_to_num(column(table, "difference").astype(float), nan=-np.inf)
    wanted = known_names(search, models, models)
    order = [i for i in np.argsort(-means, kind="stable") if models[i] in wanted]  # a mean of NaN stands last
    shown = [models[i] for i in order]
    scores = by_fold(results.outer_, [*shown, reference], "test_score").astype(float)
    return ComparisonRecord(
        model=shown,
        reference=reference,
        fold_difference=scores[:-1] - scores[-1],
        **{name: column(table, name)[order].astype(float) for name in _NUMBERS},
        reason=[str(each) for each in column(table, "reason")[order]],
        rope=float(rope),
        score_name=readable(results.metric_) if score_name is None else score_name,
    )
