"""Follow LightGBM by two callbacks of its `fit`: one shows it the test rows, one looks at its predictions for them.

LightGBM would evaluate the rows that it is shown after each round, with the targets that it has for them, and keep what
comes of that. It is spared that: its booster's method `eval_valid` answers for evaluation sets of the user's alone,
until the fit ends. So neither the user's callbacks nor the fitted model know of these rows.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from sk_optuna._compat._boosters import lightgbm_predicting
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
from sk_optuna.epochs._monitors import UnscoredMonitor
from sk_optuna.epochs._params import with_params
from sk_optuna.epochs._predictions import Predictions
from sk_optuna.epochs._protocol import EpochMonitor

_NAME = "rows of the fold"

# Of the aliases in LightGBM's documentation those that its scikit-learn classes take, the main name first.
_ROUNDS = (
    "num_iterations",
    "num_iteration",
    "n_iter",
    "num_tree",
    "num_trees",
    "num_round",
    "num_rounds",
    "nrounds",
    "num_boost_round",
    "max_iter",
    "n_estimators",
)
_PATIENCE = ("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change")
_BOOSTING = ("boosting", "boost", "boosting_type")
_THREADS = ("n_jobs", "num_threads", "num_thread", "nthread", "nthreads")


def rounds(leaf: Any) -> tuple[tuple[str, ...], Any]:
    """Return the names of the number of rounds, and its value."""
    return _ROUNDS, first_given(leaf.get_params(deep=False), _ROUNDS)


def refusal(leaf: Any) -> str | None:
    """Return why a booster cannot be followed; None if it can."""
    name = type(leaf).__name__
    if name.startswith("Dask"):
        return f"{name} trains on a cluster, where a round cannot be looked at"
    if name == "LGBMRanker":
        return (
            "LGBMRanker takes its queries as a list of sizes, which the folds of a cross-validation cannot be taken "
            "from (XGBRanker takes a query for each row)"
        )
    return None


def patience(leaf: Any) -> tuple[str, int] | None:
    """Return the parameter by which a booster stops early, and its value; None if it does not."""
    params = leaf.get_params(deep=False)
    return next(((name, params[name]) for name in _PATIENCE if params.get(name)), None)


def changes_rounds(leaf: Any) -> str | None:
    """Return the parameter by which later rounds of a booster change those before; None if they do not."""
    params = leaf.get_params(deep=False)
    return next((f"{name}='dart'" for name in _BOOSTING if params.get(name) == "dart"), None)


def stop_early(leaf: Any, y: Any, held_out: HeldOut, n_iter_no_change: int, fit_params: Mapping[str, Any]) -> Any:
    """Return arguments of `fit` by which a booster stops early on rows that are held out; `y` are those of the others.

    The rows are shown by a callback: for evaluation sets `fit` has other arguments in each version, and that of 4.7
    takes no labels that are strings.
    """
    from lightgbm import early_stopping

    label = np.searchsorted(np.unique(y), held_out.y) if is_classifier(leaf) else held_out.y

    def show(env: Any) -> None:
        if env.iteration == env.begin_iteration:
            _show(env, held_out.X, label, "valid_0", weight=held_out.sample_weight)

    stopping = early_stopping(n_iter_no_change, verbose=False)
    callbacks = [_Callback(show, before=True), stopping, *(fit_params.get("callbacks") or ())]
    return {**fit_params, "callbacks": callbacks}


def n_rounds_kept(leaf: Any) -> int:
    """Return the number of rounds with which a fitted booster predicts."""
    return int(leaf.n_estimators_)


def in_share(leaf: Any) -> AbstractContextManager[None]:
    """Return a context in which a booster has the number of threads that is its fold's share of the cores."""
    return with_params(leaf, threads(leaf.get_params(deep=False), _THREADS))


def fit(leaf: Any, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Any:
    """Fit a booster, and report its rounds."""
    params = leaf.get_params(deep=False)
    own = has_own_evaluation_set(fit_params)
    wait = None if own else patience(leaf)
    looks = Looks(monitor, rounds(leaf)[1], None if wait is None else wait[1])
    follower = _Follower(leaf, y, monitor, looks)
    if changes_rounds(leaf) is not None:
        monitor.go_back_by(lambda n: fit(leaf, X, y, UnscoredMonitor(n_epochs=n), **fit_params))
    else:
        monitor.go_back_by(follower.drop_rounds_after)
    callbacks = [*follower.callbacks(), *(fit_params.get("callbacks") or ())]
    with with_params(leaf, threads(params, _THREADS) | ({} if wait is None else {wait[0]: 0})):
        leaf.fit(X, y, **{**fit_params, "callbacks": callbacks})
    # Which a pickle could not have.
    vars(leaf.booster_).pop("eval_valid", None)
    return leaf


def _evaluate_others(booster: Any, evaluate: Callable[[Any], list[Any]], feval: Any = None) -> list[Any]:
    """Return the results of evaluation sets other than the rows of the fold."""
    if booster.name_valid_sets == [_NAME]:
        return []
    return [result for result in evaluate(feval) if result[0] != _NAME]


def _show(env: Any, X: Any, label: Any, name: str, *, weight: Any = None) -> Any:
    """Show the booster of a callback's environment rows that it is to evaluate, and return them in LightGBM's form."""
    X = np.asarray(X) if isinstance(X, list) else X
    rows = env.model.train_set.create_valid(X, label=label, weight=weight, params=env.params)
    env.model.add_valid(rows, name)
    return rows


class _Follower:
    """The callbacks of one fit."""

    def __init__(self, leaf: Any, y: Any, monitor: EpochMonitor, looks: Looks) -> None:
        self._leaf = leaf
        self._monitor = monitor
        self._looks = looks
        self._classes = np.unique(y) if is_classifier(leaf) else None
        # With an objective of one's own a classifier predicts no probabilities.
        objective = leaf.get_params(deep=False)["objective"]
        is_usual = predicts_as_its_library(leaf) and not (callable(objective) and self._classes is not None)
        self._scores_leaf = monitor.needs_model or not is_usual
        self._rows: Any = None
        self._n_before = 0

    def callbacks(self) -> list[Any]:
        """Return new callbacks for `fit`."""
        if self._looks.is_scored:
            return [_Callback(self._show_rows, before=True), _Callback(self._look)]
        return [] if self._monitor.n_epochs is None else [_Callback(self._look)]

    def drop_rounds_after(self, n: int) -> None:
        """Drop the trees after `n` rounds from the fitted booster."""
        booster = self._leaf.booster_
        booster.model_from_string(booster.model_to_string(num_iteration=self._n_before + n))

    def _show_rows(self, env: Any) -> None:
        if env.iteration > env.begin_iteration or self._scores_leaf:
            return
        X = self._monitor.valid_rows
        label = training_labels(env.model.train_set.get_label(), num_samples(X))
        self._rows = _show(env, X, label, _NAME)
        booster = env.model
        booster.eval_valid = partial(_evaluate_others, booster, booster.eval_valid)

    def _look(self, env: Any) -> None:
        from lightgbm.callback import EarlyStopException

        self._n_before = env.begin_iteration
        predicting: AbstractContextManager[None] = nullcontext()
        if self._scores_leaf:
            predicting = lightgbm_predicting(self._leaf, env.model)
        with predicting:
            ends = self._looks.end_after(env.iteration + 1 - env.begin_iteration, lambda: self._predictions(env.model))
        if ends:
            raise EarlyStopException(env.iteration, env.evaluation_result_list)

    def _predictions(self, booster: Any) -> Predictions | None:
        if self._scores_leaf:
            return None
        values = []

        def take(predicted: np.ndarray, _: Any) -> tuple[str, float, bool]:
            # LightGBM writes the next round's to the same array.
            values.append(np.array(predicted))
            return "look", 0.0, True

        booster.eval(self._rows, _NAME, take)
        return predictions_of(self._leaf, self._classes, values[0])


class _Callback:
    """A callback of LightGBM's kind, which is called before all others."""

    order = -1000

    def __init__(self, call: Callable[[Any], None], *, before: bool = False) -> None:
        self.before_iteration = before
        self._call = call

    def __call__(self, env: Any) -> None:
        self._call(env)
