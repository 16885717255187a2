"""scikit-learn's boosting, followed while it trains, or afterwards from its staged predictions.

Each of the two kinds has something public that is called after each round: GradientBoosting the `monitor` of its `fit`,
HistGradientBoosting the scorer of its rule for stopping early. The rule looks at no rows that were set aside, and the
scorer returns a number that rises until the training is to end. So the fit is the plain one, up to its last round.

Not taken: growing HistGradientBoosting through `warm_start` to 1, 2, 4, 8, ... looks. Every fit bins all rows and
predicts them anew (1.5 to 1.8 plain fits), and a candidate that is stopped has made up to twice the rounds.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import numpy as np

from sk_optuna._compat._sklearn import as_of_iteration, cut_iterations, followed, forget_scores, n_iterations
from sk_optuna.epochs._params import fit_plainly, with_params
from sk_optuna.epochs._predictions import Predictions
from sk_optuna.epochs._rounds import PREDICTS, is_as_in_ensemble


class Stages:
    """The predictions of a booster for some rows, round after round, read forwards.

    Parameters
    ----------
    booster : estimator
        One with `staged_predict` and its like.
    rows : array-like of shape (n_samples, n_features)
        The rows.
    """

    def __init__(self, booster: Any, rows: Any) -> None:
        self._booster = booster
        self._rows = rows
        self._stages: dict[str, Iterator[tuple[int, np.ndarray]]] = {}

    def predictions(self, n: int) -> Predictions:
        """Return those after `n` rounds, which are read when a scorer asks for them."""
        methods = [name for name in PREDICTS if hasattr(self._booster, f"staged_{name}")]
        return Predictions(self._booster, **{name: partial(self._after, n, name) for name in methods})

    def _after(self, n: int, method: str) -> np.ndarray:
        if method not in self._stages:
            self._stages[method] = enumerate(getattr(self._booster, f"staged_{method}")(self._rows), start=1)
        return next(values for i, values in self._stages[method] if i == n)


class HistogramTrees:
    """A HistGradientBoosting estimator.

    Parameters
    ----------
    leaf : estimator
        The estimator.
    rows : array-like of shape (n_samples, n_features)
        The test rows.
    """

    def __init__(self, leaf: Any, rows: Any) -> None:
        self._leaf = leaf
        self._rows = rows
        self._stages: Stages | None = None

    @property
    def n_rounds(self) -> int:
        """Number of iterations by now."""
        return n_iterations(self._leaf)

    def cut(self, n: int) -> None:
        """Leave the booster as one of `n` iterations."""
        cut_iterations(self._leaf, n)

    def as_of(self, n: int) -> AbstractContextManager[None]:
        """Have the booster predict as after `n` iterations."""
        return as_of_iteration(self._leaf, n)

    def predictions(self, n: int) -> Predictions | None:
        """Return its predictions after `n` iterations."""
        if not is_as_in_ensemble(self._leaf, *PREDICTS):
            return None
        if self._stages is None:
            self._stages = Stages(self._leaf, self._rows)
        return self._stages.predictions(n)

    def train_loss(self, n: int) -> float | None:
        """Return None: without a rule for stopping early none is computed."""
        return None

    def grow(self, X: Any, y: Any, look: Callable[[int], bool], fit_params: dict[str, Any]) -> bool:
        """Fit, and call `look` after each iteration."""

        def score(booster: Any, *rows: Any, **weights: Any) -> float:
            n = n_iterations(booster)
            if n == 1:
                self._stages = Stages(followed(booster, booster.max_iter), self._rows)
            return -1.0 if n and look(n) else float(n)

        watched = {
            "early_stopping": True,
            "scoring": score,
            "validation_fraction": None,
            "n_iter_no_change": 1,
            "tol": 0.0,
        }
        with with_params(self._leaf, watched):
            fit_plainly(self._leaf, X, y, fit_params)
        forget_scores(self._leaf)
        return True


class GradientTrees:
    """A GradientBoosting estimator.

    Parameters
    ----------
    leaf : estimator
        The estimator.
    rows : array-like of shape (n_samples, n_features)
        The test rows.
    """

    def __init__(self, leaf: Any, rows: Any) -> None:
        self._leaf = leaf
        self._rows = rows
        self._stages: Stages | None = Stages(leaf, rows)

    @property
    def n_rounds(self) -> int:
        """Number of rounds of the fitted booster."""
        return len(self._leaf.estimators_)

    def cut(self, n: int) -> None:
        """Leave the booster as one of `n` rounds, as its own `monitor` does."""
        leaf = self._leaf
        for name in ("estimators_", "train_score_", "oob_improvement_", "oob_scores_"):
            if hasattr(leaf, name):
                setattr(leaf, name, getattr(leaf, name)[:n])
        if hasattr(leaf, "oob_scores_"):
            leaf.oob_score_ = leaf.oob_scores_[-1]
        leaf.n_estimators_ = n
        leaf.set_params(n_estimators=n)

    @contextmanager
    def as_of(self, n: int) -> Iterator[None]:
        """Have the booster predict as after `n` rounds."""
        trees = self._leaf.estimators_
        self._leaf.estimators_ = trees[:n]
        try:
            yield
        finally:
            self._leaf.estimators_ = trees

    def predictions(self, n: int) -> Predictions | None:
        """Return its predictions after `n` rounds; while it trains all trees are asked anew."""
        if not is_as_in_ensemble(self._leaf, *PREDICTS):
            return None
        if self._stages is not None:
            return self._stages.predictions(n)
        methods = [name for name in PREDICTS if hasattr(self._leaf, name)]
        return Predictions(self._leaf, **{name: partial(self._after, n, name) for name in methods})

    def _after(self, n: int, method: str) -> np.ndarray:
        with self.as_of(n):
            return np.asarray(getattr(self._leaf, method)(self._rows))

    def train_loss(self, n: int) -> float | None:
        """Return the loss on the training rows, which scikit-learn calls a score."""
        return float(self._leaf.train_score_[n - 1])

    def grow(self, X: Any, y: Any, look: Callable[[int], bool], fit_params: dict[str, Any]) -> bool:
        """Fit, and call `look` after each round, behind a `monitor` of the user's own."""
        # They have as many stages as there are trees when the first is read.
        self._stages = None
        own = fit_params.get("monitor")

        def monitor(i: int, booster: Any, variables: dict[str, Any]) -> bool:
            return bool(own is not None and own(i, booster, variables)) or look(i + 1)

        fit_plainly(self._leaf, X, y, {**fit_params, "monitor": monitor})
        return True
