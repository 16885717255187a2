"""The best candidate, fitted on all rows as the folds were fitted."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from sklearn.base import clone

from sk_optuna.epochs import UnscoredMonitor, follow_epochs
from sk_optuna.results import Best
from sk_optuna.worker import CurrentFold, in_fold, torch_threads, torch_threads_of_a_fold


def refit_best(
    estimator: Any,
    best: Best,
    X: Any,
    y: Any,
    fit_params: Mapping[str, Any],
    *,
    fold: CurrentFold,
    by_epoch: bool,
    fitting: Callable[[Any], AbstractContextManager[None]],
) -> tuple[Any, float]:
    """Fit a clone with the best parameters on all rows; return it and the seconds that the fit took.

    Parameters
    ----------
    estimator : estimator
        An unfitted estimator, which is cloned.
    best : Best
        The best candidate.
    X, y : array-like
        All rows.
    fit_params : mapping
        The other arguments of the estimator's `fit`.
    fold : CurrentFold
        The identity of this fit, from which seeds come.
    by_epoch : bool
        Whether estimators without `fit_epochs` are fitted epoch by epoch, too, as their folds were.
    fitting : callable
        Returns the context in which the estimator that it is given is fitted.
    """
    best_estimator = clone(estimator).set_params(**clone(best.params, safe=False))
    follow_epochs(best_estimator, lambda leaf, X: UnscoredMonitor(n_epochs=best.refit_epochs), all_kinds=by_epoch)
    with (
        fitting(best_estimator),
        in_fold(fold),
        torch_threads(torch_threads_of_a_fold()),
    ):
        start = time.time()
        if y is None:
            best_estimator.fit(X, **fit_params)
        else:
            best_estimator.fit(X, y, **fit_params)
        return best_estimator, time.time() - start
