"""Have the leaf of an estimator fitted epoch by epoch when the estimator is fitted.

The estimator's own `fit` is called, whatever it is: a Pipeline's, a TransformedTargetRegressor's. The leaf's own `fit`
is replaced for a single call. There are four moments:

    follow_epochs            the estimator's `fit` is replaced
    set_params               the leaf may become another one, so it is not touched before
    estimator.fit            the estimator gets its `fit` back, and the leaf's is replaced
    clone(leaf), if any      a TransformedTargetRegressor fits a clone, to which the replaced `fit` is handed on
    leaf.fit                 the leaf gets its `fit` back, and is fitted epoch by epoch
"""

from collections.abc import Callable
from typing import Any

from sklearn.base import clone

from sk_optuna.epochs._incremental import FitByEpochs, how_to_fit_by_epochs
from sk_optuna.epochs._leaf import leaf_of
from sk_optuna.epochs._libraries import how_to_fit_in_share, reason_not_to_follow
from sk_optuna.epochs._protocol import Monitor
from sk_optuna.exceptions import InvalidArgumentError

MonitorOf = Callable[[Any, Any], Monitor]
"""From a leaf that is about to be fitted, and its training rows, to its monitor."""

HowToFit = Callable[[Any], FitByEpochs | None]
"""From a leaf that is about to be fitted to the function that fits it; None for its own `fit`."""


def check_reports_epochs(estimator: Any) -> None:
    """Refuse an estimator that cannot be followed epoch by epoch.

    Raises
    ------
    InvalidArgumentError
        Where its leaf has no epochs to report.
    """
    leaf = leaf_of(estimator)
    # A string is a placeholder that a parameter replaces.
    if how_to_fit_by_epochs(leaf) is not None or isinstance(leaf, str):
        return
    where = "" if leaf is estimator else f", the last step of {type(estimator).__name__},"
    if (reason := reason_not_to_follow(leaf)) is not None:
        raise InvalidArgumentError(
            f"report='epoch' cannot follow {type(leaf).__name__}{where}: {reason}. Use report='fold', or another "
            "estimator."
        )
    hint = ""
    if any(base.__module__.partition(".")[0] == "skorch" for base in type(leaf).__mro__):
        hint = f" Use the net of this name in sk_optuna.skorch: from sk_optuna.skorch import {type(leaf).__name__}."
    raise InvalidArgumentError(
        "report='epoch' needs an estimator that can report its epochs: one of sk_optuna's networks, a booster of "
        "LightGBM, XGBoost or CatBoost, one with partial_fit and max_iter, one with warm_start and n_estimators or "
        f"max_iter, or one with a method fit_epochs(X, y, monitor). {type(leaf).__name__}{where} is none of these."
        f"{hint} Use report='fold', or another estimator."
    )


def follow_epochs(
    estimator: Any, monitor_of: MonitorOf, *, all_kinds: bool, how_to_fit: HowToFit = lambda leaf: None
) -> None:
    """Have the leaf of `estimator` report its epochs when the estimator is fitted next.

    Parameters
    ----------
    estimator : estimator
        An unfitted estimator. Its `fit` is replaced until it is called once.
    monitor_of : callable
        Called when the leaf is about to be fitted; returns its monitor.
    all_kinds : bool
        Whether every leaf that can be fitted epoch by epoch is followed; else only a leaf with a method `fit_epochs`,
        which trains as its `fit` does and can read the fold's test rows. A booster of a library that is not followed is
        kept to its fold's share of the cores all the same.
    how_to_fit : callable, default=never
        Asked for the function that fits a leaf that is not followed.
    """

    def fit(X: Any, y: Any = None, **fit_params: Any) -> Any:
        del vars(estimator)["fit"]
        leaf = leaf_of(estimator)
        is_followed = all_kinds or hasattr(leaf, "fit_epochs")
        by_epochs = how_to_fit_by_epochs(leaf) if is_followed else how_to_fit_in_share(leaf)
        by_epochs = by_epochs or how_to_fit(leaf)
        if by_epochs is not None:
            if leaf is estimator:
                return _fit_leaf(leaf, by_epochs, monitor_of, X, y, fit_params)
            _follow_leaf(leaf, by_epochs, monitor_of)
        return estimator.fit(X, **fit_params) if y is None else estimator.fit(X, y, **fit_params)

    if hasattr(estimator, "__dict__"):
        vars(estimator)["fit"] = fit


def _follow_leaf(leaf: Any, by_epochs: FitByEpochs, monitor_of: MonitorOf) -> None:
    def fit(X: Any, y: Any = None, **fit_params: Any) -> Any:
        forget()
        return _fit_leaf(leaf, by_epochs, monitor_of, X, y, fit_params)

    def handed_on() -> Any:
        # Otherwise a net would take `fit` for a parameter.
        forget()
        cloned = clone(leaf)
        _follow_leaf(cloned, by_epochs, monitor_of)
        return cloned

    def forget() -> None:
        del vars(leaf)["fit"], vars(leaf)["__sklearn_clone__"]

    vars(leaf).update(fit=fit, __sklearn_clone__=handed_on)


def _fit_leaf(
    leaf: Any, by_epochs: FitByEpochs, monitor_of: MonitorOf, X: Any, y: Any, fit_params: dict[str, Any]
) -> Any:
    monitor = monitor_of(leaf, X)
    fitted = by_epochs(leaf, X, y, monitor, **fit_params)
    monitor.finish()
    return fitted
