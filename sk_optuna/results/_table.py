"""Trial records -> the rows of cv_results_.

scikit-learn's own `_format_results` writes the table; what is added here is a few columns, that folds which were not
run are blank, and that a candidate with a failed fit or scorer ranks last even if the score that the user set for
failures is higher than what others reached.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from sk_optuna._compat._sklearn import (
    BaseSearchCV,
    format_results,
    insert_error_scores,
    warn_or_raise_about_fit_failures,
)
from sk_optuna.evaluation import FoldResult, TrialRecord, metric_names, steering_metric


def tabulate(
    search: BaseSearchCV, records: Sequence[TrialRecord], *, with_n_folds: bool, with_n_epochs: bool
) -> dict[str, Any]:
    """Return the table of `records`, one row each.

    Parameters
    ----------
    search : BaseSearchCV
        Whose `scoring`, `error_score` and `return_train_score` apply.
    records : sequence of TrialRecord
        Finished trials, at least one.
    with_n_folds : bool
        Whether there is a column for the number of folds that have run.
    with_n_epochs : bool
        Whether there is one for the number of epochs, of all folds.

    Raises
    ------
    ValueError
        Where all fits failed.

    Warns
    -----
    FitFailedWarning
        Where some fits failed.
    UserWarning
        Where mean scores are not finite for another reason than that folds were not run.
    """
    metrics = metric_names(records)
    out = [[None if fold is None else _as_dict(fold, metrics) for fold in record.folds] for record in records]
    ran = [result for row in out for result in row if result is not None]
    warn_or_raise_about_fit_failures(ran, search.error_score)
    if callable(search.scoring):
        insert_error_scores(ran, search.error_score)
    steering = steering_metric(search.refit, metrics)
    more: dict[str, list[Any]] = {
        "trial_number": [record.number for record in records],
        "trial_state": [record.state(steering) for record in records],
    }
    if with_n_folds:
        more["n_folds_run"] = [len(record.results) for record in records]
    if with_n_epochs:
        more["n_epochs_run"] = [record.n_epochs for record in records]
    if any(record.reason for record in records):
        more["stop_reason"] = [record.reason for record in records]
    filler = _filler(ran)
    filled = [filler if result is None else result for row in out for result in row]
    table: dict[str, Any] = format_results(search, [r.params for r in records], len(records[0].folds), filled, more)
    _blank_unrun_folds(table, records)
    for metric in metrics:
        _rank_anew(table, metric, records)
    return table


def _as_dict(fold: FoldResult, metrics: Sequence[str]) -> dict[str, Any]:
    """Return the fold as scikit-learn's `_fit_and_score` returns it, one that failed with a score for each metric."""
    result: dict[str, Any] = {
        "fit_error": fold.fit_error,
        "test_scores": _by_name(fold.test_scores, metrics),
        "n_test_samples": fold.n_test_samples,
        "fit_time": fold.fit_time,
        "score_time": fold.score_time,
    }
    if fold.train_scores is not None:
        result["train_scores"] = _by_name(fold.train_scores, metrics)
    return result


def _by_name(scores: Any, metrics: Sequence[str]) -> Any:
    return dict.fromkeys(metrics, scores) if metrics != ["score"] and not isinstance(scores, dict) else scores


def _filler(ran: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what stands for a fold that was not run, until it is blanked.

    Its scores are 0, about which scikit-learn does not warn, unless it has to warn of this metric anyway: then they are
    NaN, which is what the means in the warning are to be.
    """
    filler = dict(ran[0], n_test_samples=0, fit_time=0.0, score_time=0.0)
    for key in {"test_scores", "train_scores"} & filler.keys():
        if isinstance(filler[key], dict):
            filler[key] = {name: _zero_or_nan([result[key][name] for result in ran]) for name in filler[key]}
        else:
            filler[key] = _zero_or_nan([result[key] for result in ran])
    return filler


def _zero_or_nan(scores: Sequence[float]) -> float:
    return 0.0 if np.isfinite(scores).all() else np.nan


def _blank_unrun_folds(table: dict[str, Any], records: Sequence[TrialRecord]) -> None:
    """Put NaN where a fold was not run and where a mean would have needed it; times are those of the folds that ran."""
    short = np.array([record.stopped or len(record.results) < len(record.folds) for record in records])
    if not short.any():
        return
    for key, column in table.items():
        if found := re.match(r"split(\d+)_(test|train)_", key):
            column[np.array([record.folds[int(found[1])] is None for record in records])] = np.nan
        elif re.match("(mean|std)_(test|train)_", key):
            column[short] = np.nan
    for name in ("fit_time", "score_time"):
        for row in np.flatnonzero(short).tolist():
            times = [getattr(fold, name) for fold in records[row].results]
            table[f"mean_{name}"][row], table[f"std_{name}"][row] = np.mean(times), np.std(times)


def _rank_anew(table: dict[str, Any], metric: str, records: Sequence[TrialRecord]) -> None:
    """Rank rows that failed or were pruned together behind the others.

    scikit-learn ranks a failed one by the score that stands for it.
    """
    last = np.array([record.state(metric) != "COMPLETE" for record in records])
    if not last.any() or (last.all() and not any(record.stopped for record in records)):
        return
    key = f"rank_test_{metric}"
    ranks = np.full(last.shape, np.count_nonzero(~last) + 1, dtype=table[key].dtype)
    ranks[~last] = rankdata(-table[f"mean_test_{metric}"][~last], method="min")
    table[key] = ranks


def summarize(record: TrialRecord) -> Mapping[str, Any]:
    """Return what the study keeps of a trial beside its value, under the table's column names."""
    attributes: dict[str, Any] = {"mean_fit_time": float(np.mean([fold.fit_time for fold in record.results]))}
    if record.n_epochs:
        attributes["n_epochs_run"] = record.n_epochs
    if record.reason:
        attributes["stop_reason"] = record.reason
    if record.stopped:
        return {**attributes, "n_folds_run": len(record.results)}
    with np.errstate(invalid="ignore"):
        for metric in record.metrics:
            scores = record.scores(metric)
            attributes[f"mean_test_{metric}"] = float(scores.mean())
            attributes[f"std_test_{metric}"] = float(scores.std())
    return attributes


def learning_curves(records: Sequence[TrialRecord]) -> dict[str, np.ndarray]:
    """Return one row for each epoch that was reported, by trial, fold and epoch."""
    rows = [
        (record.number, fold, epoch, train_loss, score)
        for record in records
        for fold, result in enumerate(record.folds)
        if result is not None and result.curve is not None
        for epoch, (train_loss, score) in enumerate(
            zip(result.curve.train_losses, result.curve.scores, strict=True), start=1
        )
    ]
    names = {"trial_number": np.int64, "fold": np.int64, "epoch": np.int64, "train_loss": float, "valid_score": float}
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return {name: np.array(column, dtype=kind) for (name, kind), column in zip(names.items(), columns, strict=True)}


def median_best_epoch(record: TrialRecord) -> int | None:
    """Return the median over the folds of the best epoch, at least 1; None if no epochs were reported."""
    best = [fold.curve.best_epoch for fold in record.results if fold.curve is not None and fold.curve.best_epoch]
    return max(1, round(float(np.median(best)))) if best else None
