"""Trial records -> the rows of cv_results_.

scikit-learn's own `_format_results` writes the table; what is added here is two columns, and that a candidate with a
failed fit or scorer ranks last even if the score that the user set for failures is higher than what others reached.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from sk_optuna._compat import BaseSearchCV, insert_error_scores, warn_or_raise_about_fit_failures
from sk_optuna.evaluation import FoldResult, TrialRecord


def tabulate(search: BaseSearchCV, records: Sequence[TrialRecord]) -> dict[str, Any]:
    """Return the table of `records`, one row each.

    Parameters
    ----------
    search : BaseSearchCV
        Whose `scoring`, `error_score` and `return_train_score` apply.
    records : sequence of TrialRecord
        Complete trials, at least one.

    Raises
    ------
    ValueError
        Where all fits failed.

    Warns
    -----
    FitFailedWarning
        Where some fits failed.
    UserWarning
        Where mean scores are not finite.
    """
    out = [_as_dict(fold) for record in records for fold in record.results]
    warn_or_raise_about_fit_failures(out, search.error_score)
    if callable(search.scoring):
        insert_error_scores(out, search.error_score)
    metrics = metric_names(records)
    steering = steering_metric(search.refit, metrics)
    more: dict[str, list[Any]] = {
        "trial_number": [record.number for record in records],
        "trial_state": ["FAIL" if record.value(steering) is None else "COMPLETE" for record in records],
    }
    table: dict[str, Any] = search._format_results([r.params for r in records], len(records[0].folds), out, more)
    for metric in metrics:
        _rank_failed_last(table, metric, np.array([record.value(metric) is None for record in records]))
    return table


def _as_dict(fold: FoldResult) -> dict[str, Any]:
    """Return the fold as scikit-learn's `_fit_and_score` returns it."""
    result: dict[str, Any] = {
        "fit_error": fold.fit_error,
        "test_scores": fold.test_scores,
        "n_test_samples": fold.n_test_samples,
        "fit_time": fold.fit_time,
        "score_time": fold.score_time,
    }
    if fold.train_scores is not None:
        result["train_scores"] = fold.train_scores
    return result


def _rank_failed_last(table: dict[str, Any], metric: str, failed: np.ndarray) -> None:
    """Rank the `failed` rows together behind the others; scikit-learn ranks them by the score that stands for them."""
    if not failed.any() or failed.all():
        return
    key = f"rank_test_{metric}"
    ranks = np.full(failed.shape, np.count_nonzero(~failed) + 1, dtype=table[key].dtype)
    ranks[~failed] = rankdata(-table[f"mean_test_{metric}"][~failed], method="min")
    table[key] = ranks


def metric_names(records: Sequence[TrialRecord]) -> list[str]:
    """Return the names of the metrics of all records, ``["score"]`` where there is one."""
    return next((record.metrics for record in records if record.metrics != ["score"]), ["score"])


def steering_metric(refit: Any, metrics: Sequence[str]) -> str:
    """Return the metric that the sampler is told: the one that chooses the best candidate, else the first one."""
    return refit if isinstance(refit, str) and refit in metrics else metrics[0]


def summarize(record: TrialRecord) -> Mapping[str, Any]:
    """Return what the study keeps of a trial beside its value, under the table's column names."""
    attributes: dict[str, Any] = {"mean_fit_time": sum(fold.fit_time for fold in record.results) / len(record.folds)}
    with np.errstate(invalid="ignore"):
        for metric in record.metrics:
            scores = record.scores(metric)
            attributes[f"mean_test_{metric}"] = float(scores.mean())
            attributes[f"std_test_{metric}"] = float(scores.std())
    return attributes
