"""What a search says in the end."""

from collections.abc import Sequence
from typing import Any

from sk_optuna._compat._sklearn import BaseSearchCV
from sk_optuna.evaluation import TrialRecord, metric_names
from sk_optuna.results._no_best import check_any_score, check_not_pruned
from sk_optuna.results._table import learning_curves, median_best_epoch, tabulate


def keep_results(search: BaseSearchCV, records: Sequence[TrialRecord], refit_metric: Any) -> None:
    """Set the attributes that say what the trials found.

    Raises
    ------
    ValueError
        Where all fits failed, or no candidate is left to choose; the table is there in the latter case.
    """
    search.multimetric_ = any(record.is_multimetric for record in records)
    if callable(search.scoring) and search.multimetric_:
        search._check_refit_for_multimetric(metric_names(records))
        refit_metric = search.refit
    by_epoch = search.report == "epoch"
    if by_epoch:
        search.learning_curves_ = learning_curves(records)
    search.cv_results_ = results = tabulate(
        search, records, with_n_folds=search.pruner is not None, with_n_epochs=by_epoch
    )
    search.n_trials_ = len(records)
    check_any_score(records, search.refit, search.scoring)
    if search.refit or not search.multimetric_:
        best = search._select_best_index(search.refit, refit_metric, results)
        check_not_pruned(results, best, search.refit, search.pruner)
        search.best_index_ = best
        if not callable(search.refit):
            search.best_score_ = results[f"mean_test_{refit_metric}"][best]
        search.best_params_ = results["params"][best]
        if search.checkpoint == "best":
            search.refit_epochs_ = median_best_epoch(records[best])
