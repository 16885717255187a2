"""Follow XGBoost by a callback, which predicts the test rows after a round.

XGBoost remembers its predictions for a DMatrix, and adds to them those of the trees that are new. So a look at each
round predicts with each tree once. Callbacks are a parameter of the constructor: the follower's is there for the
beginning of one fit, and taken back before the first round.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from sk_optuna._compat._boosters import xgboost_predicting, xgboost_take
from sk_optuna.epochs._boosters import (
    HeldOut,
    Looks,
    has_own_evaluation_set,
    predictions_of,
    predicts_as_its_library,
    threads,
)
from sk_optuna.epochs._monitors import UnscoredMonitor
from sk_optuna.epochs._params import with_params
from sk_optuna.epochs._predictions import Predictions
from sk_optuna.epochs._protocol import EpochMonitor

_THREADS = ("n_jobs", "nthread")
# Objectives of classifiers that predict probabilities; None is one of these.
_PROBABILITIES = (None, "binary:logistic", "multi:softprob")


def rounds(leaf: Any) -> tuple[tuple[str, ...], Any]:
    """Return the name of the number of rounds, and its value."""
    return ("n_estimators",), leaf.get_num_boosting_rounds()


def refusal(leaf: Any) -> str | None:
    """Return why a booster cannot be followed; None if it can."""
    names = {base.__name__ for base in type(leaf).__mro__}
    modules = {base.__module__.partition(".")[2].partition(".")[0] for base in type(leaf).__mro__}
    if names & {"XGBRFClassifier", "XGBRFRegressor"}:
        return f"{type(leaf).__name__} grows all its trees in one round"
    if modules & {"dask", "spark"}:
        return f"{type(leaf).__name__} trains on a cluster, where a round cannot be looked at"
    return None


def patience(leaf: Any) -> tuple[str, int] | None:
    """Return the parameter by which a booster stops early, and its value; None if it does not."""
    if leaf.early_stopping_rounds:
        return "early_stopping_rounds", leaf.early_stopping_rounds
    stopping = [each for each in leaf.callbacks or () if _stops_early(each)]
    return ("callbacks", stopping[0].rounds) if stopping else None


def _stops_early(callback: Any) -> bool:
    return any(base.__name__ == "EarlyStopping" for base in type(callback).__mro__)


def changes_rounds(leaf: Any) -> str | None:
    """Return the parameter by which later rounds of a booster change those before; None if they do not."""
    kind = leaf.get_params(deep=False)["booster"]
    return f"booster={kind!r}" if kind in ("dart", "gblinear") else None


def stop_early(leaf: Any, y: Any, held_out: HeldOut, n_iter_no_change: int, fit_params: Mapping[str, Any]) -> Any:
    """Return arguments of `fit` by which a booster stops early on rows that are held out, and set its parameter."""
    leaf.set_params(early_stopping_rounds=n_iter_no_change)
    weights = None if held_out.sample_weight is None else [held_out.sample_weight]
    evaluation = {"eval_set": [(held_out.X, held_out.y)], "sample_weight_eval_set": weights}
    return {"verbose": False, **fit_params, **evaluation}


def n_rounds_kept(leaf: Any) -> int:
    """Return the number of rounds with which a fitted booster predicts."""
    booster = leaf.get_booster()
    best = booster.attr("best_iteration")
    return int(booster.num_boosted_rounds() if best is None else int(best) + 1)


def in_share(leaf: Any) -> AbstractContextManager[None]:
    """Return a context in which a booster has the number of threads that is its fold's share of the cores."""
    return with_params(leaf, threads(leaf.get_params(deep=False), _THREADS))


def fit(leaf: Any, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Any:
    """Fit a booster, and report its rounds."""
    params = leaf.get_params(deep=False)
    own = has_own_evaluation_set(fit_params)
    wait = None if own else patience(leaf)
    looks = Looks(monitor, leaf.get_num_boosting_rounds(), None if wait is None else wait[1])
    follower = _Follower(leaf, y, monitor, looks)
    if changes_rounds(leaf) is not None:
        monitor.go_back_by(lambda n: fit(leaf, X, y, UnscoredMonitor(n_epochs=n), **fit_params))
    else:
        monitor.go_back_by(follower.drop_rounds_after)
    callbacks = [each for each in leaf.callbacks or () if own or not _stops_early(each)]
    changed: dict[str, Any] = dict(threads(params, _THREADS))
    if looks.is_scored or monitor.n_epochs is not None:
        changed["callbacks"] = [follower.callback(leaf.callbacks), *callbacks]
    if wait is not None and wait[0] != "callbacks":
        changed[wait[0]] = None
    with with_params(leaf, changed):
        leaf.fit(X, y, **fit_params)
    return leaf


class _Follower:
    """The callback of one fit."""

    def __init__(self, leaf: Any, y: Any, monitor: EpochMonitor, looks: Looks) -> None:
        self._leaf = leaf
        self._monitor = monitor
        self._looks = looks
        self._is_classifier = is_classifier(leaf)
        gives_probabilities = leaf.get_params(deep=False)["objective"] in _PROBABILITIES and np.ndim(y) == 1
        is_usual = predicts_as_its_library(leaf) and (gives_probabilities or not self._is_classifier)
        self._scores_leaf = monitor.needs_model or not is_usual
        self._rows: Any = None
        self._n_before = 0

    def callback(self, callbacks: Any) -> Any:
        """Return a new callback for one fit, which gives the leaf its own `callbacks` back before the first round."""
        from xgboost.callback import TrainingCallback

        class Callback(TrainingCallback):
            def before_training(_, model: Any) -> Any:  # noqa: N805
                self._leaf.set_params(callbacks=callbacks)
                self._n_before = model.num_boosted_rounds()
                return model

            def after_iteration(_, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: N805
                return self._look(model, epoch + 1)

        return Callback()

    def drop_rounds_after(self, n: int) -> None:
        """Drop the trees after `n` rounds from the fitted booster."""
        booster = self._leaf.get_booster()[: self._n_before + n]
        # The round at which the user's own early stopping would have it predict may be gone.
        booster.set_attr(best_iteration=None, best_score=None)
        xgboost_take(self._leaf, booster)

    def _look(self, booster: Any, n: int) -> bool:
        if not self._scores_leaf:
            return self._looks.end_after(n, lambda: self._predictions(booster))
        with xgboost_predicting(self._leaf, booster):
            return self._looks.end_after(n, lambda: None)

    def _predictions(self, booster: Any) -> Predictions:
        if self._rows is None:
            self._rows = self._dmatrix()
        values = booster.predict(self._rows, validate_features=False)
        if not self._is_classifier:
            return predictions_of(self._leaf, None, values)
        # As XGBoost does: a probability above one half is the second class.
        classes = np.arange(self._leaf.n_classes_)
        return predictions_of(self._leaf, classes, values)

    def _dmatrix(self) -> Any:
        from xgboost import DMatrix

        X = self._monitor.valid_rows
        leaf = self._leaf
        return DMatrix(
            X,
            missing=leaf.missing,
            nthread=leaf.n_jobs,
            feature_types=leaf.feature_types,
            enable_categorical=leaf.enable_categorical,
        )
