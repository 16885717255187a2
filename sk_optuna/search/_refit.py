"""What a search says in the end: the table of its trials, the best of them, and that one fitted on all rows.

It sets the search's fitted attributes; which trials there are is none of its business.
"""

import time
from collections.abc import Mapping
from typing import Any

from sklearn.base import clone

from sk_optuna._compat._sklearn import BaseSearchCV
from sk_optuna.epochs import UnscoredMonitor, follow_epochs
from sk_optuna.worker import CurrentFold, in_fold, torch_threads, torch_threads_of_a_fold


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
