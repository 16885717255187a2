"""Boosters of other libraries are followed through hooks of their own `fit`: one plain fit, whatever is looked at.

Each round adds a tree to the predictions for the training rows, and for rows that the booster is shown beside them. So
its predictions for the test rows are there at any round, and a look costs the metric. The targets of the test rows
never reach the library: in their place it gets targets of the training rows, which nobody reads.

Not taken: to grow a booster by fits that go on from one another. Their first round starts from rounded predictions, and
the model would be another one than that of a plain fit.

A library is known by the module of the estimator's class, and imported by nobody but the user. Each has a file of its
own (`_lightgbm.py`, `_xgboost.py`, `_catboost.py`) with the same functions.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from sk_optuna.epochs._predictions import Predictions
from sk_optuna.epochs._protocol import EpochMonitor
from sk_optuna.worker import current_fold

_LIBRARIES = ("lightgbm", "xgboost", "catboost")
# Arguments of `fit` by which a user hands a booster evaluation sets.
_OWN_EVALUATION_SETS = ("eval_set", "eval_X")


class HeldOut(NamedTuple):
    """Rows of the training part by which a booster stops early."""

    X: Any
    y: Any
    sample_weight: Any


class Looks:
    """The rounds of one fit: those at which its predictions are reported, and the one after which it ends.

    Parameters
    ----------
    monitor : EpochMonitor
        The monitor of the fit.
    n_rounds : int
        Rounds of a fit to the end.
    patience : int or None, default=None
        Rounds without a better score after which the fit ends; None for no such rule.
    """

    def __init__(self, monitor: EpochMonitor, n_rounds: int, patience: int | None = None) -> None:
        self._monitor = monitor
        self._n_rounds = n_rounds
        self._patience = patience
        self.is_scored = monitor.valid_rows is not None

    def end_after(self, n: int, predictions: Callable[[], Predictions | None]) -> bool:
        """Return whether the fit ends after `n` rounds; report them if it is time to.

        Parameters
        ----------
        n : int
            Rounds that have been made.
        predictions : callable
            Returns the predictions as of now; None where the booster itself is to be scored, which then predicts so.
        """
        if not self.is_scored:
            return n == self._monitor.n_epochs
        if not self.is_due(n):
            return False
        return self._monitor.report(epoch=n, predictions=predictions()) or self.has_waited(n)

    def is_due(self, n: int) -> bool:
        """Return whether the booster is looked at after `n` rounds."""
        return n % self._monitor.period == 0 or n == self._n_rounds

    def has_waited(self, n: int) -> bool:
        """Return whether the best of the looks up to round `n` is as long ago as the patience allows."""
        return self._patience is not None and n - self._monitor.best_epoch >= self._patience


class Classified:
    """A classifier in the middle of its training, as far as scorers ask: its tags, and its classes to come."""

    def __init__(self, classifier: Any, classes: np.ndarray) -> None:
        self._classifier = classifier
        self.classes_ = classes

    def __sklearn_tags__(self) -> Any:
        return self._classifier.__sklearn_tags__()


def predictions_of(leaf: Any, classes: np.ndarray | None, values: np.ndarray) -> Predictions:
    """Return predictions for the test rows.

    Parameters
    ----------
    leaf : estimator
        The booster.
    classes : ndarray of shape (n_classes,) or None
        The classes of a classifier, in order; None for a regressor.
    values : ndarray of shape (n_samples,) or (n_samples, n_classes)
        What a regressor predicts, or a classifier's probabilities; of two classes those of the second one suffice.
    """
    if classes is None:
        return Predictions(leaf, predict=values)
    proba = np.vstack((1.0 - values, values)).transpose() if values.ndim == 1 else values
    return Predictions(
        Classified(leaf, classes), predict=lambda: classes[np.argmax(proba, axis=1)], predict_proba=proba
    )


def has_own_evaluation_set(fit_params: Mapping[str, Any]) -> bool:
    """Return whether a user hands evaluation sets to `fit`."""
    return any(fit_params.get(name) is not None for name in _OWN_EVALUATION_SETS)


def names_evaluation_set(names: Iterable[str]) -> bool:
    """Return whether one of the names of fit parameters, which may have the prefix of a step, is an evaluation set."""
    return any(name.rpartition("__")[2] in _OWN_EVALUATION_SETS for name in names)


def training_labels(y: Any, n: int) -> np.ndarray:
    """Return `n` targets of training rows, in the place of targets of test rows that a library asks for."""
    return np.resize(np.asarray(y), n)


def predicts_as_its_library(leaf: Any) -> bool:
    """Return whether the methods that predict are the library's own, not those of a class derived from its."""
    for name in ("predict", "predict_proba"):
        owner = next((base for base in type(leaf).__mro__ if name in vars(base)), None)
        if owner is not None and owner.__module__.partition(".")[0] not in _LIBRARIES:
            return False
    return True


def threads(params: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, int]:
    """Return the parameter by which a booster keeps to its fold's share of the cores; none if the user set one.

    Parameters
    ----------
    params : mapping
        The booster's parameters.
    names : tuple of str
        The names of its number of threads; the first is set.
    """
    fold = current_fold()
    if fold is None or fold.n_threads is None or any(params.get(name) is not None for name in names):
        return {}
    return {names[0]: fold.n_threads}


def first_given(params: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Return the first value that is set under one of a parameter's names; None if there is none."""
    return next((params[name] for name in names if params.get(name) is not None), None)
