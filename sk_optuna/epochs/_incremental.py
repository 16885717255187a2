"""Fit estimators epoch by epoch that know nothing of epochs: through `partial_fit`, or through `warm_start`.

`partial_fit` comes first, since it goes on where it stopped: a warm start of a linear model or a perceptron begins its
learning rate or its optimizer anew. The number of epochs is the estimator's own `max_iter` or `n_estimators`; its own
rule for stopping early does not apply.

A warm start is how an ensemble grows here, and nothing that its user asked for. So it is not warned of, and by avoiding
the warnings: filters belong to the process, and other threads fit, too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import unique_labels

from sk_optuna._compat._sklearn import own_warm_start
from sk_optuna.epochs._libraries import how_to_follow, library_of
from sk_optuna.epochs._protocol import EpochMonitor

FitByEpochs = Callable[..., Any]
"""Called with the estimator, X, y, the monitor and fit parameters; returns the estimator, fitted."""


def how_to_fit_by_epochs(estimator: Any) -> FitByEpochs | None:
    """Return the function that fits an estimator epoch by epoch; None if there is none.

    Parameters
    ----------
    estimator : estimator
        One with a method ``fit_epochs(X, y, monitor, **fit_params)``, with `partial_fit` and a number of passes
        (`max_iter`), or with `warm_start` and a number of estimators or iterations.
    """
    if hasattr(estimator, "fit_epochs"):
        return _fit_itself
    if library_of(estimator) is not None:
        return how_to_follow(estimator)
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        return None
    params = estimator.get_params(deep=False)
    if params.get("learning_rate") == "adaptive" and "eta0" in params:
        # Between two calls SGD forgets the numbers by which it adapts the learning rate.
        return None
    if hasattr(estimator, "partial_fit") and "max_iter" in params:
        return _fit_by_passes
    if "warm_start" in params and "n_estimators" in params:
        return _fit_by_estimators
    # liblinear has no warm start.
    if "warm_start" in params and "max_iter" in params and params.get("solver") != "liblinear":
        return _fit_by_iterations
    return None


def _fit_itself(estimator: Any, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Any:
    return estimator.fit_epochs(X, y, monitor, **fit_params)


def _fit_by_passes(estimator: Any, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Any:
    """Make `max_iter` passes over the rows, or fewer."""
    changed: dict[str, Any] = {}
    params = estimator.get_params(deep=False)
    if is_classifier(estimator):
        classes = unique_labels(y)
        fit_params = {**fit_params, "classes": classes}
        # partial_fit cannot balance classes, since it does not know all rows.
        if isinstance(params.get("class_weight"), str):
            weights = compute_class_weight(params["class_weight"], classes=classes, y=y)
            changed["class_weight"] = dict(zip(classes.tolist(), weights.tolist(), strict=True))
    if params.get("early_stopping"):
        changed["early_stopping"] = False
    with _with_params(estimator, changed | _one_stream(params)):
        for _ in range(params["max_iter"]):
            if y is None:
                estimator.partial_fit(X, **fit_params)
            else:
                estimator.partial_fit(X, y, **fit_params)
            if monitor.report(train_loss=_train_loss(estimator)):
                break
    return estimator


def _fit_by_estimators(estimator: Any, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Any:
    """Grow an ensemble by one estimator at a time."""
    return _grow(estimator, "n_estimators", X, y, monitor, fit_params)


def _fit_by_iterations(estimator: Any, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Any:
    """Go on by one iteration at a time."""
    # Here max_iter counts the iterations made before, too.
    if type(estimator).__name__.startswith("HistGradientBoosting"):
        return _grow(estimator, "max_iter", X, y, monitor, fit_params)
    params = estimator.get_params(deep=False)
    with _with_params(estimator, {"warm_start": True, "max_iter": 1} | _one_stream(params)):
        for _ in range(params["max_iter"]):
            _fit(estimator, X, y, fit_params)
            if monitor.report(train_loss=_train_loss(estimator)):
                break
    return estimator


def _grow(estimator: Any, size: str, X: Any, y: Any, monitor: EpochMonitor, fit_params: dict[str, Any]) -> Any:
    params = estimator.get_params(deep=False)
    # Bagging has no out-of-bag score with a warm start.
    of_forest = not type(estimator).__name__.startswith("Bagging") and params.get("bootstrap")
    out_of_bag = params.get("oob_score") if of_forest else False
    quietly = nullcontext if params["warm_start"] else own_warm_start
    n = 0
    with _with_params(estimator, _while_growing(params, size)):
        for n in range(1, params[size] + 1):
            estimator.set_params(**{size: n})
            if out_of_bag and n == params[size]:
                estimator.set_params(oob_score=out_of_bag)
            with quietly(estimator):
                _fit(estimator, X, y, fit_params)
            if monitor.report(train_loss=_train_loss(estimator)):
                break
        # A refit that ends early still has no out-of-bag score.
        if out_of_bag and n < params[size] and monitor.valid_data is None:
            # A forest computes the score only when it grows, so the last tree is grown once more.
            estimator.estimators_ = estimator.estimators_[:-1]
            estimator.set_params(oob_score=out_of_bag)
            with quietly(estimator):
                _fit(estimator, X, y, fit_params)
    if size == "n_estimators":
        # Bagging divides by it.
        estimator.set_params(n_estimators=n)
    return estimator


def _while_growing(params: dict[str, Any], size: str) -> dict[str, Any]:
    """Return the parameters that an ensemble has while it grows, in place of its own."""
    changed: dict[str, Any] = {"warm_start": True, size: params[size]}
    # A RandomState goes on at each fit, and the draws would differ.
    if isinstance(params.get("random_state"), np.random.RandomState):
        changed["random_state"] = int(params["random_state"].randint(np.iinfo(np.int32).max))
    # A rule for stopping early cannot stop here, but would set rows aside.
    if params.get("early_stopping"):
        changed["early_stopping"] = False
    elif size == "n_estimators" and params.get("n_iter_no_change") is not None:
        changed["n_iter_no_change"] = None
    # A few trees leave some rows in every bag, and the score needs all rows.
    if params.get("oob_score") and params.get("bootstrap"):
        changed["oob_score"] = False
    return changed


def _one_stream(params: dict[str, Any]) -> dict[str, Any]:
    """Return a `random_state` that goes on from call to call; a seed would begin every pass with the same numbers."""
    if params.get("random_state") is None:
        return {}
    return {"random_state": check_random_state(params["random_state"])}


def _fit(estimator: Any, X: Any, y: Any, fit_params: dict[str, Any]) -> None:
    if y is None:
        estimator.fit(X, **fit_params)
    else:
        estimator.fit(X, y, **fit_params)


@contextmanager
def _with_params(estimator: Any, params: dict[str, Any]) -> Iterator[None]:
    """Give an estimator other parameters for a while."""
    before = {name: estimator.get_params(deep=False)[name] for name in params}
    estimator.set_params(**params)
    try:
        yield
    finally:
        estimator.set_params(**before)


def _train_loss(estimator: Any) -> float | None:
    """Return the training loss, as far as scikit-learn's estimators keep it."""
    if type(estimator).__name__.startswith("GradientBoosting"):
        # This is a loss in spite of its name.
        return float(estimator.train_score_[-1])
    loss = getattr(estimator, "loss_", None)
    return float(loss) if isinstance(loss, float | np.floating) else None
