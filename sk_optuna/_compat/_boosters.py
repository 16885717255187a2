"""Privates of LightGBM, XGBoost and CatBoost. None of them is imported: each function is handed an estimator."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def lightgbm_predicting(estimator: Any, booster: Any) -> Iterator[None]:
    """Have a LightGBM estimator, whose fit goes on, predict with the booster that is being trained."""
    estimator._Booster = booster
    estimator._n_features = booster.num_feature()
    estimator.fitted_ = True
    try:
        yield
    finally:
        estimator._Booster, estimator._n_features = None, -1
        del estimator.fitted_


@contextmanager
def xgboost_predicting(estimator: Any, booster: Any) -> Iterator[None]:
    """Have an XGBoost estimator, whose fit goes on, predict with the booster that is being trained."""
    before = vars(estimator).get("_Booster")
    estimator._Booster = booster
    try:
        yield
    finally:
        if before is None:
            del estimator._Booster
        else:
            estimator._Booster = before


def xgboost_take(estimator: Any, booster: Any) -> None:
    """Put another booster into a fitted XGBoost estimator."""
    estimator._Booster = booster


def catboost_take(estimator: Any, trained: Any) -> None:
    """Give a CatBoost estimator the model that another one has trained, and nothing of its parameters and results."""
    state = trained.__getstate__()
    kept = ("__model", "_prediction_values_change", "_loss_value_change")
    estimator.__setstate__({name: state[name] for name in kept if name in state})
    # The model's bytes do not have it.
    estimator._n_features_in = trained._n_features_in


def catboost_forget(estimator: Any, names: Iterable[str]) -> None:
    """Take parameters from a CatBoost estimator, which lets none be set once it is fitted."""
    for name in names:
        estimator._init_params.pop(name, None)
