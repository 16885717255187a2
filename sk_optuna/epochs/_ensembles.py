"""Follow ensembles that grow by rounds, at the price of about one fit.

Without a judge an ensemble is fitted as its `fit` does, and its curve is read afterwards from what it predicts after so
many rounds. With one, a booster is looked at while it trains (`_boosting`), and other ensembles grow by a block of
rounds at a time through `warm_start`. What nobody scores, a refit for example, is one plain fit. An estimator's own
rule for stopping early does not apply, since it would set rows aside.

Not taken: one round a fit, which was how all of them grew. HistGradientBoosting bins and predicts all rows anew at each
`fit`, and every look predicts with all trees so far.

A warm start is nothing that the user asked for. So it is not warned of, and by avoiding the warnings: filters belong to
the process, and other threads fit, too.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral
from typing import Any, Protocol

import numpy as np

from sk_optuna._compat._sklearn import own_warm_start
from sk_optuna.epochs._boosting import GradientTrees, HistogramTrees
from sk_optuna.epochs._forests import Bag, Forest
from sk_optuna.epochs._params import fit_plainly, with_params
from sk_optuna.epochs._predictions import Predictions
from sk_optuna.epochs._protocol import EpochMonitor, rounds_to_report
from sk_optuna.epochs._rounds import PREDICTS, inherits, is_as_in_ensemble, rounds_parameter


class Ensemble(Protocol):
    """An ensemble of which it is known how it predicts after some of its rounds."""

    @property
    def n_rounds(self) -> int:
        """Number of rounds by now."""

    def cut(self, n: int) -> None:
        """Leave the ensemble as one of `n` rounds."""

    def as_of(self, n: int) -> AbstractContextManager[None]:
        """Have the ensemble predict as after `n` rounds."""

    def predictions(self, n: int) -> Predictions | None:
        """Return its predictions for the test rows after `n` rounds, never fewer than before; None where unknown."""

    def train_loss(self, n: int) -> float | None:
        """Return the training loss of round `n`, if the ensemble keeps it."""

    def grow(self, X: Any, y: Any, look: Callable[[int], bool], fit_params: dict[str, Any]) -> bool:
        """Fit, and call `look` after each round, which returns whether to stop; False if that cannot be done."""


_KINDS: list[tuple[Callable[[Any, Any], Ensemble], tuple[str, ...]]] = [
    (HistogramTrees, ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")),
    (GradientTrees, ("GradientBoostingClassifier", "GradientBoostingRegressor")),
    (Forest, ("ForestClassifier", "ForestRegressor")),
    (Bag, ("BaggingClassifier", "BaggingRegressor")),
]


def _kind_of(leaf: Any) -> Callable[[Any, Any], Ensemble] | None:
    """Return the kind of an ensemble; None if it is unknown what it predicts before its fit is over, or with a part.

    A class that overrides `fit` may not be able to predict before. One that averages and overrides `predict` may keep
    its trees elsewhere, as libraries do that accelerate scikit-learn.
    """
    kind = next((kind for kind, names in _KINDS if inherits(leaf, *names)), None)
    if not is_as_in_ensemble(leaf, "fit"):
        return None
    return None if kind in (Forest, Bag) and not is_as_in_ensemble(leaf, *PREDICTS) else kind


def fit_by_rounds(leaf: Any, X: Any, y: Any, monitor: EpochMonitor, /, **fit_params: Any) -> Any:
    """Fit an ensemble that grows by rounds, and report after each period of them.

    Parameters
    ----------
    leaf : estimator
        An ensemble with `warm_start` and a number of rounds.
    X, y : array-like
        The training rows.
    monitor : EpochMonitor
        Its monitor.
    **fit_params
        Other arguments of the ensemble's `fit`.
    """
    parameter = rounds_parameter(leaf)
    assert parameter is not None
    fit = _Fit(leaf, parameter.names[0], X, y, monitor, fit_params)
    rows = monitor.valid_rows
    # What `fit` will refuse is left to it.
    if rows is None or not isinstance(fit.n_rounds, Integral) or fit.n_rounds < 1:
        fit.at_once()
    else:
        fit.scored(rows)
    return leaf


class _Fit:
    """One fit of an ensemble."""

    def __init__(self, leaf: Any, size: str, X: Any, y: Any, monitor: EpochMonitor, fit_params: dict[str, Any]) -> None:
        self._leaf, self._size, self._X, self._y = leaf, size, X, y
        self._monitor, self._fit_params = monitor, fit_params
        self._params = leaf.get_params(deep=False)
        self.n_rounds = self._params[size]

    def at_once(self) -> None:
        """Make all rounds in one plain fit; fewer if the monitor says how many."""
        wanted = self._monitor.n_epochs
        changed = self._without_early_stopping()
        if wanted is not None and wanted < self.n_rounds:
            changed[self._size] = wanted
        with with_params(self._leaf, changed):
            fit_plainly(self._leaf, self._X, self._y, self._fit_params)
        self._count(changed.get(self._size, self.n_rounds))

    def scored(self, rows: Any) -> None:
        """Make all rounds, or as many as the judge lets it, and report."""
        kind = _kind_of(self._leaf)
        if kind is None:
            self._by_blocks(None)
            return
        ensemble = kind(self._leaf, rows)
        self._monitor.go_back_by(ensemble.cut)
        if not self._monitor.judged:
            self.at_once()
            self._look_back(ensemble)
        elif not self._while_it_trains(ensemble):
            self._by_blocks(ensemble)

    def _look_back(self, ensemble: Ensemble, *, after: int = 0) -> None:
        """Report a curve that nothing stops."""
        for n in rounds_to_report(ensemble.n_rounds, self._monitor.period, after=after):
            self._report(ensemble, n)

    def _while_it_trains(self, ensemble: Ensemble) -> bool:
        """Fit once, looking at each period on the way; return False if the ensemble cannot do so."""
        at = set(rounds_to_report(self.n_rounds, self._monitor.period))
        reported = 0

        def look(n: int) -> bool:
            nonlocal reported
            if n not in at:
                return False
            reported = n
            return self._report(ensemble, n)

        with with_params(self._leaf, self._without_early_stopping()):
            if not ensemble.grow(self._X, self._y, look, self._fit_params):
                return False
        self._look_back(ensemble, after=reported)
        self._count(ensemble.n_rounds)
        return True

    def _by_blocks(self, ensemble: Ensemble | None) -> None:
        """Grow by a period of rounds at a time."""
        out_of_bag = self._out_of_bag()
        quietly = nullcontext if self._params["warm_start"] else own_warm_start
        n = 0
        with with_params(self._leaf, self._while_growing()):
            for n in rounds_to_report(self.n_rounds, self._monitor.period):
                self._leaf.set_params(**{self._size: n})
                if out_of_bag and n == self.n_rounds:
                    self._leaf.set_params(oob_score=out_of_bag)
                with quietly(self._leaf):
                    fit_plainly(self._leaf, self._X, self._y, self._fit_params)
                if self._report(ensemble, n):
                    break
        self._count(n)

    def _report(self, ensemble: Ensemble | None, n: int) -> bool:
        if ensemble is None:
            return self._monitor.report(epoch=n)
        predictions = None if self._monitor.needs_model else ensemble.predictions(n)
        with ensemble.as_of(n) if predictions is None else nullcontext():
            return self._monitor.report(epoch=n, train_loss=ensemble.train_loss(n), predictions=predictions)

    def _count(self, n: int) -> None:
        """Have `n_estimators` say how many there are; bagging divides by it."""
        if self._size == "n_estimators" and n != self.n_rounds:
            self._leaf.set_params(n_estimators=n)

    def _out_of_bag(self) -> Any:
        """Return the `oob_score` of a forest, which is to be computed once the last tree is there.

        A few trees leave some rows in every bag, and the score needs all rows. Bagging has none with a warm start.
        """
        is_bag = type(self._leaf).__name__.startswith("Bagging")
        return not is_bag and self._params.get("bootstrap") and self._params.get("oob_score")

    def _without_early_stopping(self) -> dict[str, Any]:
        """Return the parameters that switch the ensemble's own rule off."""
        if self._params.get("early_stopping"):
            return {"early_stopping": False}
        if self._size == "n_estimators" and self._params.get("n_iter_no_change") is not None:
            return {"n_iter_no_change": None}
        return {}

    def _while_growing(self) -> dict[str, Any]:
        """Return the parameters that an ensemble has while it grows by blocks, in place of its own."""
        changed = {"warm_start": True, self._size: self.n_rounds, **self._without_early_stopping()}
        # A RandomState goes on at each fit, and the draws would differ.
        if isinstance(self._params.get("random_state"), np.random.RandomState):
            changed["random_state"] = int(self._params["random_state"].randint(np.iinfo(np.int32).max))
        if self._params.get("oob_score") and self._params.get("bootstrap"):
            changed["oob_score"] = False
        return changed
