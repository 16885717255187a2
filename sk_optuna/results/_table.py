"""Trial records -> the rows of cv_results_.

scikit-learn's own `_format_results` writes the table. This module adds a few columns, blanks the folds that were not
run, and ranks a candidate with a failed fit or scorer last, even if the user's `error_score` is higher than the scores
of others.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import rankdata

from sk_optuna._compat._sklearn import (
    format_results,
    insert_error_scores,
    unwarned_table,
    warn_or_raise_about_fit_failures,
    warn_unless_unwarned,
)
from sk_optuna.evaluation import FoldResult, TrialRecord, metric_names
from sk_optuna.results._failure_groups import closing_words
from sk_optuna.results._pareto import candidate_ranks
from sk_optuna.results._rules import Rules


def tabulate(records: Sequence[TrialRecord], rules: Rules) -> dict[str, Any]:
    """Tabulate `records`, one row each.

    Parameters
    ----------
    records : sequence of TrialRecord
        Finished trials, at least one.
    rules : Rules
        The search's arguments.

    Raises
    ------
    ValueError
        Where all fits failed.

    Warns
    -----
    FitFailedWarning
        Where some fits failed.
    UserWarning
        Where mean scores are not finite though their folds were run; where no fit failed, but a scorer did.
    """
    metrics = metric_names(records)
    out = [[None if fold is None else _as_dict(fold, metrics) for fold in record.folds] for record in records]
    ran = [result for row in out for result in row if result is not None]
    _warn_of_failures(records, ran, rules)
    if callable(rules.scoring):
        insert_error_scores(ran, rules.error_score)
    more: dict[str, list[Any]] = {
        "trial_number": [record.number for record in records],
        "trial_state": [rules.state(record) for record in records],
    }
    if rules.constraints is not None:
        more["feasible"] = [rules.state(record) == "COMPLETE" and record.is_feasible for record in records]
    if rules.pruner is not None:
        more["n_folds_run"] = [len(record.results) for record in records]
    if rules.by_epoch:
        more["n_epochs_run"] = [record.n_epochs for record in records]
    if any(record.reason for record in records):
        more["stop_reason"] = [record.reason for record in records]
    filler = _filler(ran)
    filled = [filler if result is None else result for row in out for result in row]
    params, n_splits = [record.params for record in records], len(records[0].folds)
    table = format_results(params, n_splits, filled, more, return_train_score=rules.return_train_score)
    _blank_unrun_folds(table, records)
    for metric in metrics:
        _rank_anew(table, metric, records)
    if rules.objectives:
        table["pareto_rank"] = candidate_ranks(table, rules.objectives)
    return table


def row_of(record: TrialRecord, rules: Rules) -> dict[str, Any]:
    """Return the row of one complete trial: the columns that do not depend on others, which ranks do."""
    with unwarned_table():
        table = tabulate([record], replace(rules, constraints=None, objectives=()))
    return {name: column[0] for name, column in table.items() if not name.startswith("rank_")}


def _warn_of_failures(records: Sequence[TrialRecord], ran: Sequence[dict[str, Any]], rules: Rules) -> None:
    """Warn in scikit-learn's words, and in words of our own that compare failed candidates with complete ones.

    scikit-learn has such words for fits only. Without a complete candidate an error tells the reasons.
    """
    is_any_complete = any(rules.state(record) == "COMPLETE" for record in records)
    words = closing_words(records) if is_any_complete else ""
    warn_or_raise_about_fit_failures(ran, rules.error_score, more=f"\n{words}\n" if words else "")
    if words and all(result["fit_error"] is None for result in ran):
        warn_unless_unwarned(f"Some folds failed. {words}")


def _as_dict(fold: FoldResult, metrics: Sequence[str]) -> dict[str, Any]:
    """Write a fold as scikit-learn's `_fit_and_score` does; a failed one has a score for each metric."""
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
    """Return a stand-in for folds that were not run; their numbers are blanked later.

    Its scores are 0, so that scikit-learn does not warn of them. Where scikit-learn has to warn of this metric anyway,
    they are NaN, so that the warning shows NaN means.
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
    """Put NaN for folds that were not run and for means that need them; times are means over the folds that ran."""
    short = np.array([record.is_cut or len(record.results) < len(record.folds) for record in records])
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
    """Rank failed and pruned rows behind all others, with one rank for all of them.

    scikit-learn ranks a failed row by its `error_score`.
    """
    last = np.array([record.state(metric) != "COMPLETE" for record in records])
    if not last.any() or (last.all() and not any(record.is_cut for record in records)):
        return
    key = f"rank_test_{metric}"
    ranks = np.full(last.shape, np.count_nonzero(~last) + 1, dtype=table[key].dtype)
    ranks[~last] = rankdata(-table[f"mean_test_{metric}"][~last], method="min")
    table[key] = ranks


def summarize(record: TrialRecord) -> Mapping[str, Any]:
    """Summarize a trial for the study, which keeps this beside its value, under the table's column names."""
    attributes: dict[str, Any] = {"mean_fit_time": float(np.mean([fold.fit_time for fold in record.results]))}
    if record.n_epochs:
        attributes["n_epochs_run"] = record.n_epochs
    if record.reason:
        attributes["stop_reason"] = record.reason
    if record.is_cut:
        return {**attributes, "n_folds_run": len(record.results)}
    with np.errstate(invalid="ignore"):
        for metric in record.metrics:
            scores = record.scores(metric)
            attributes[f"mean_test_{metric}"] = float(scores.mean())
            attributes[f"std_test_{metric}"] = float(scores.std())
    return attributes


def median_best_epoch(record: TrialRecord) -> int | None:
    """Return the median of the folds' best epochs, at least 1; None where no epoch was reported or none has a score."""
    best = [fold.curve.best_epoch for fold in record.results if fold.curve is not None and fold.curve.best_epoch]
    return max(1, round(float(np.median(best)))) if best else None
