"""Fit estimators epoch by epoch that know nothing of epochs: through `partial_fit`, or through `warm_start`.

`partial_fit` comes first, since it goes on where it stopped: a warm start of a linear model or a perceptron begins its
learning rate or its optimizer anew. The number of epochs is the estimator's own `max_iter`; its own rule for stopping
early does not apply. Ensembles, which grow by rounds, are followed in `_ensembles`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import unique_labels

from sk_optuna.epochs._ensembles import fit_by_rounds
from sk_optuna.epochs._libraries import how_to_follow, library_of
from sk_optuna.epochs._params import fit_plainly, with_params
from sk_optuna.epochs._protocol import EpochMonitor
from sk_optuna.epochs._rounds import rounds_parameter

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
    if rounds_parameter(estimator) is not None:
        return fit_by_rounds
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
    with with_params(estimator, changed | _one_stream(params)):
        for _ in range(params["max_iter"]):
            if y is None:
                estimator.partial_fit(X, **fit_params)
            else:
                estimator.partial_fit(X, y, **fit_params)
            if monitor.report(train_loss=_train_loss(estimator)):
                break
    return estimator


def _fit_by_iterations(estimator: Any, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Any:
    """Go on by one iteration at a time."""
    params = estimator.get_params(deep=False)
    with with_params(estimator, {"warm_start": True, "max_iter": 1} | _one_stream(params)):
        for _ in range(params["max_iter"]):
            fit_plainly(estimator, X, y, fit_params)
            if monitor.report(train_loss=_train_loss(estimator)):
                break
    return estimator


def _one_stream(params: dict[str, Any]) -> dict[str, Any]:
    """Return a `random_state` that goes on from call to call; a seed would begin every pass with the same numbers."""
    if params.get("random_state") is None:
        return {}
    return {"random_state": check_random_state(params["random_state"])}


def _train_loss(estimator: Any) -> float | None:
    """Return the training loss, as far as scikit-learn's estimators keep it."""
    loss = getattr(estimator, "loss_", None)
    return float(loss) if isinstance(loss, float | np.floating) else None
