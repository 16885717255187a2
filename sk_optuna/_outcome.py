"""What a search says in the end: the table of its trials, the best of them, and that one fitted on all rows.

It sets the search's fitted attributes; which trials there are is none of its business.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.base import clone

from sk_optuna._compat import BaseSearchCV
from sk_optuna.evaluation import (
    CurrentFold,
    TrialRecord,
    UnscoredMonitor,
    follow_epochs,
    in_fold,
    torch_threads,
    torch_threads_of_a_fold,
)
from sk_optuna.results import (
    check_any_score,
    check_not_pruned,
    learning_curves,
    median_best_epoch,
    metric_names,
    tabulate,
)


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


def refit_best(
    search: BaseSearchCV,
    base_estimator: Any,
    X: Any,
    y: Any,
    fit_params: Mapping[str, Any],
    *,
    random_state: int,
    root: Any,
    hook_data: Mapping[str, Any],
) -> None:
    """Fit a clone with the best parameters on all rows, as the folds were fitted.

    Parameters
    ----------
    search : BaseSearchCV
        Whose `best_params_` there are.
    base_estimator : estimator
        An unfitted estimator, which is cloned.
    X, y : array-like
        All rows.
    fit_params : mapping
        What else goes to `fit`.
    random_state : int
        Seed of the search.
    root : object
        The task of scikit-learn's callbacks that the refit is part of.
    hook_data : mapping
        What their hooks are given.
    """
    best_estimator = clone(base_estimator).set_params(**clone(search.best_params_, safe=False))
    n_epochs = getattr(search, "refit_epochs_", None)
    follow_epochs(
        best_estimator, lambda leaf, X: UnscoredMonitor(n_epochs=n_epochs), all_kinds=search.report == "epoch"
    )
    trial = int(search.cv_results_["trial_number"][search.best_index_])
    task = root.subcontext(task_name="refit-with-best-params")
    with (
        task.propagate_callback_context(best_estimator),
        in_fold(CurrentFold(random_state, trial, search.n_splits_)),
        torch_threads(torch_threads_of_a_fold()),
    ):
        task.call_on_fit_task_begin(estimator=search, **hook_data)
        start = time.time()
        if y is None:
            best_estimator.fit(X, **fit_params)
        else:
            best_estimator.fit(X, y, **fit_params)
        search.refit_time_ = time.time() - start
    search.best_estimator_ = best_estimator
    if hasattr(best_estimator, "feature_names_in_"):
        search.feature_names_in_ = best_estimator.feature_names_in_
    task.call_on_fit_task_end(estimator=search, **hook_data)
