"""Follow CatBoost by an evaluation metric, which is handed its predictions, and ends a fit by becoming worse.

A metric is a parameter of the constructor, and a fitted CatBoost estimator lets no parameter be taken back. So another
estimator with the same parameters is fitted, and its model handed over.

Not taken: a callback. CatBoost makes Python objects of all metrics of all rounds for it, at each round; at 1,000 rounds
that takes a tenth of a fit.

Where the metric cannot be had, or its raw values do not say what the estimator predicts, the fit goes to its end and
is looked at afterwards, round by round: with evaluation sets of the user's, on a GPU, with an objective of the user's
or one whose predictions are transformed. A fold that is stopped has then cost a whole fit.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import is_classifier

from sk_optuna._compat._boosters import catboost_forget, catboost_take
from sk_optuna._compat._sklearn import num_samples
from sk_optuna.epochs._boosters import (
    HeldOut,
    Looks,
    first_given,
    has_own_evaluation_set,
    predictions_of,
    predicts_as_its_library,
    threads,
    training_labels,
)
from sk_optuna.epochs._predictions import Predictions
from sk_optuna.epochs._protocol import EpochMonitor, rounds_to_report

_ROUNDS = ("iterations", "n_estimators", "num_boost_round", "num_trees")
_DEFAULT_ROUNDS = 1000
_THREADS = ("thread_count",)
_PATIENCE = ("early_stopping_rounds", "od_wait")
_DEFAULT_PATIENCE = 20
# What makes CatBoost stop, or go back, by an evaluation set.
_STOPPING = (*_PATIENCE, "od_type", "od_pval", "use_best_model")
# A regressor has the default of the second one, whatever the first is.
_LOSS = ("objective", "loss_function")
# Objectives whose raw values are the predictions.
_RAW = {"RMSE", "MAE", "MAPE", "Quantile", "Expectile", "Lq", "Huber", "LogCosh"}


def rounds(leaf: Any) -> tuple[tuple[str, ...], Any]:
    """Return the names of the number of rounds, and its value."""
    value = first_given(leaf.get_params(), _ROUNDS)
    return _ROUNDS, _DEFAULT_ROUNDS if value is None else value


def refusal(leaf: Any) -> str | None:
    """Return why a booster cannot be followed; None if it can."""
    names = {base.__name__ for base in type(leaf).__mro__}
    if names & {"CatBoostClassifier", "CatBoostRegressor"}:
        return None
    return f"{type(leaf).__name__} is neither a CatBoostClassifier nor a CatBoostRegressor"


def patience(leaf: Any) -> tuple[str, int] | None:
    """Return the parameter by which a booster stops early, and its value; None if it does not."""
    params = leaf.get_params()
    name = next((name for name in _STOPPING if params.get(name)), None)
    if name is None or params.get("eval_fraction"):
        return None
    return name, params[name] if name in _PATIENCE else _DEFAULT_PATIENCE


def changes_rounds(leaf: Any) -> str | None:
    """Return the parameter by which later rounds of a booster change those before; None if they do not."""
    return None


def stop_early(leaf: Any, y: Any, held_out: HeldOut, n_iter_no_change: int, fit_params: Mapping[str, Any]) -> Any:
    """Return arguments of `fit` by which a booster stops early on rows that are held out."""
    rows: Any = (held_out.X, held_out.y)
    if held_out.sample_weight is not None:
        from catboost import Pool

        kinds = ("cat_features", "text_features", "embedding_features")
        params = leaf.get_params()
        columns = {kind: fit_params.get(kind, params.get(kind)) for kind in kinds}
        rows = Pool(*rows, weight=held_out.sample_weight, **columns)
    return {**fit_params, "eval_set": rows, "early_stopping_rounds": n_iter_no_change, "use_best_model": True}


def n_rounds_kept(leaf: Any) -> int:
    """Return the number of rounds with which a fitted booster predicts."""
    return int(leaf.tree_count_)


@contextmanager
def in_share(leaf: Any) -> Iterator[None]:
    """Have a booster fitted with the number of threads that is its fold's share of the cores."""
    share = threads(leaf.get_params(), _THREADS)
    if share:
        leaf.set_params(**share)
    try:
        yield
    finally:
        catboost_forget(leaf, share)


def fit(leaf: Any, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Any:
    """Fit a booster, and report its rounds."""
    params = leaf.get_params()
    own = has_own_evaluation_set(fit_params) or bool(params.get("eval_fraction"))
    wait = None if own else patience(leaf)
    if not own:
        params = {name: value for name, value in params.items() if name not in _STOPPING}
    params |= threads(params, _THREADS)
    looks = Looks(monitor, rounds(leaf)[1], None if wait is None else wait[1])
    monitor.go_back_by(leaf.shrink)
    values = None if own or monitor.needs_model or not looks.is_scored else _from_raw(leaf, params, y)
    if values is not None:
        _fit_with_metric(leaf, params, _Follower(leaf, y, monitor, looks, values), X, y, fit_params)
    elif looks.is_scored:
        _fit(leaf, params, X, y, fit_params)
        _look_back(leaf, monitor, looks)
    elif monitor.n_epochs is None:
        _fit(leaf, params, X, y, fit_params)
    elif _is_on_gpu(params):
        _fit(leaf, params, X, y, fit_params)
        leaf.shrink(min(monitor.n_epochs, leaf.tree_count_))
    else:
        # Fewer iterations would be other ones: CatBoost sets the learning rate by their number.
        callbacks = [_Callback(looks), *(fit_params.get("callbacks") or ())]
        _fit(leaf, params, X, y, {**fit_params, "callbacks": callbacks})
    return leaf


def _fit(leaf: Any, params: dict[str, Any], X: Any, y: Any, fit_params: dict[str, Any]) -> None:
    """Fit a booster as if it had these parameters."""
    if params == leaf.get_params():
        leaf.fit(X, y, **fit_params)
    else:
        catboost_take(leaf, type(leaf)(**params).fit(X, y, **fit_params))


def _fit_with_metric(
    leaf: Any, params: dict[str, Any], follower: "_Follower", X: Any, y: Any, fit_params: dict[str, Any]
) -> None:
    """Fit a booster whose follower hears of its raw values for the test rows."""
    trained = type(leaf)(**{**params, "eval_metric": follower, "od_type": "Iter", "od_wait": 1})
    trained.fit(
        X,
        y,
        **{**fit_params, "metric_period": 1},
        eval_set=follower.evaluation_set(),
        use_best_model=False,
    )
    follower.raise_error()
    if follower.last_round is not None and trained.tree_count_ > follower.last_round:
        # CatBoost sees the metric become worse at the second round at the earliest.
        trained.shrink(follower.last_round)
    catboost_take(leaf, trained)


def _look_back(leaf: Any, monitor: EpochMonitor, looks: Looks) -> None:
    """Report the rounds of a booster that is fitted, and drop those after the one at which it is stopped."""
    X = monitor.valid_rows
    scores_leaf = monitor.needs_model or not predicts_as_its_library(leaf)
    whole = leaf.copy() if scores_leaf else None
    for n in rounds_to_report(leaf.tree_count_, monitor.period):
        if whole is not None:
            catboost_take(leaf, whole)
            leaf.shrink(n)
            stops = monitor.report(epoch=n)
        else:
            stops = monitor.report(epoch=n, predictions=_predictions(leaf, X, n))
        if stops or looks.has_waited(n):
            break
    else:
        return
    leaf.shrink(n)


def _predictions(leaf: Any, X: Any, n: int) -> Predictions:
    """Return the predictions of a fitted booster with its first `n` trees."""
    proba = None
    if is_classifier(leaf):

        def proba() -> np.ndarray:
            return np.asarray(leaf.predict_proba(X, ntree_end=n))

    return Predictions(leaf, predict=lambda: np.asarray(leaf.predict(X, ntree_end=n)), predict_proba=proba)


def _from_raw(leaf: Any, params: dict[str, Any], y: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return how raw values become predictions, or probabilities; None where that is not known."""
    loss = first_given(params, _LOSS)
    if not predicts_as_its_library(leaf):
        return None
    if _is_on_gpu(params) or np.ndim(y) != 1 or not (loss is None or isinstance(loss, str)):
        return None
    loss = None if loss is None else loss.partition(":")[0]
    if not is_classifier(leaf):
        return (lambda raw: raw[0]) if loss is None or loss in _RAW else None
    classes = np.unique(y)
    if len(classes) < 2 or not _are_in_order(classes) or params.get("class_names") is not None:
        return None
    if len(classes) == 2 and loss in (None, "Logloss", "CrossEntropy"):
        return lambda raw: expit(raw[0])
    if loss == "MultiClass" or (loss is None and len(classes) > 2):
        return lambda raw: softmax(raw, axis=0).transpose()
    return None


def _are_in_order(classes: np.ndarray) -> bool:
    """Return whether CatBoost orders classes as numpy does: strings that are all numbers it orders by these."""
    return classes.dtype.kind in "biuf" or not all(_is_number(str(each)) for each in classes)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_on_gpu(params: dict[str, Any]) -> bool:
    return str(params.get("task_type") or "CPU").upper() == "GPU"


class _Callback:
    """A callback that ends a fit after a number of rounds."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def after_iteration(self, info: Any) -> bool:
        """Return whether the fit goes on."""
        return not self._looks.end_after(info.iteration, lambda: None)


class _Follower:
    """The metric of one fit.

    CatBoost evaluates the training rows and then the test rows, after each round. Errors would be lost in its own code,
    so that they are kept and the fit ends.

    Attributes
    ----------
    last_round : int or None
        The round after which the fit is to end; None if it goes to its end.
    """

    # CatBoost would warn that it cannot compile the metric.
    no_jit = True

    def __init__(
        self, leaf: Any, y: Any, monitor: EpochMonitor, looks: Looks, values: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self.last_round: int | None = None
        self._leaf = leaf
        self._y = y
        self._X = monitor.valid_rows
        self._looks = looks
        self._values = values
        self._classes = np.unique(y) if is_classifier(leaf) else None
        self._is_next = False
        self._n_rounds = 0
        self._error: BaseException | None = None

    def __deepcopy__(self, memo: Any) -> "_Follower":
        # CatBoost copies its parameters.
        return self

    def evaluation_set(self) -> tuple[Any, Any]:
        """Return the test rows, with targets of training rows."""
        return self._X, training_labels(self._y, num_samples(self._X))

    def raise_error(self) -> None:
        """Raise the error that ended the fit, if any."""
        if self._error is not None:
            raise self._error

    def is_max_optimal(self) -> bool:
        """Return whether greater is better."""
        return True

    def evaluate(self, approxes: Any, target: Any, weight: Any) -> tuple[float, float]:
        """Return a metric that becomes better with each round up to the last, and the weight of all rows."""
        if self._is_next:
            self._n_rounds += 1
            self._look(approxes)
        self._is_next = not self._is_next
        return float(self._n_rounds) if self.last_round is None else -1.0, 1.0

    def get_final_error(self, error: float, weight: float) -> float:
        """Return the metric."""
        return error

    def _look(self, approxes: Any) -> None:
        def predictions() -> Predictions:
            raw = np.array([np.asarray(each) for each in approxes])
            return predictions_of(self._leaf, self._classes, self._values(raw))

        if self.last_round is not None:
            return
        try:
            ends = self._looks.end_after(self._n_rounds, predictions)
        except BaseException as error:
            self._error, ends = error, True
        if ends:
            self.last_round = self._n_rounds
