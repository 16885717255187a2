"""Follow an estimator from epoch to epoch: score it on the fold's test rows, and say when it stops.

The one protocol between a search and the estimator that it trains is a method of the estimator,
``fit_epochs(X, y, monitor, **fit_params)``: it fits as `fit` does and calls ``monitor.report()`` after each epoch. That
the estimator calls, instead of being called for every epoch, leaves its training loop to it.

The rule that keeps test rows out of the model: an estimator is fitted on the training rows of the fold and on nothing
else. A monitor's knowledge of the test rows ends the training early, or chooses the epoch to go back to, and does
nothing in between. A trial that was cut short never becomes the best one. To go back to the best epoch is to choose on
the test rows, and makes scores too good; it has to be asked for.
"""

import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from sk_optuna.epochs._leaf import changes_predictions, rows_as_leaf_sees, targets_as_leaf_sees
from sk_optuna.epochs._predictions import Predictions, as_estimator, scores_as_usual
from sk_optuna.epochs._protocol import Curve, Judge


class UnscoredMonitor:
    """Takes reports and scores nothing.

    Parameters
    ----------
    valid_data : callable or None, default=None
        Returns the test rows and targets.
    n_epochs : int or None, default=None
        Number of epochs after which training ends; None for as many as the estimator makes.
    """

    period = 1
    judged = False
    needs_model = False
    keeps_best = False
    best_epoch = 0

    def __init__(self, valid_data: Callable[[], tuple[Any, Any]] | None = None, n_epochs: int | None = None) -> None:
        self._valid_data = valid_data
        self.n_epochs = n_epochs
        self._epoch = 0

    @property
    def valid_data(self) -> tuple[Any, Any] | None:
        """The test rows and targets."""
        return None if self._valid_data is None else self._valid_data()

    @property
    def valid_rows(self) -> Any:
        """The test rows."""
        data = self.valid_data
        return None if data is None else data[0]

    def go_back_by(self, go_back: Callable[[int], None]) -> None:
        """Take no note of it: the estimator stays where it is."""

    def report(
        self,
        *,
        epoch: int | None = None,
        train_loss: float | None = None,
        score: float | None = None,
        predictions: Predictions | None = None,
    ) -> bool:
        """Return whether this was the last epoch."""
        self._epoch = self._epoch + 1 if epoch is None else epoch
        return self._epoch == self.n_epochs

    def finish(self) -> None:
        """Leave the estimator where it is."""


@dataclass
class FoldMonitor:
    """Scores each epoch of one fold, and asks a judge whether the trial goes on.

    Attributes
    ----------
    estimator : estimator
        The estimator that the search tunes.
    leaf : estimator
        The estimator that reports: the same, or the innermost one in it.
    rows : callable
        Returns the fold's test rows and targets.
    scorer : callable
        From an estimator, rows and targets to a score.
    scores_leaf : bool
        Whether the scorer may be given the leaf with transformed rows in place of the estimator.
    judge : Judge or None
        The judge that stops the trial; None lets every fold run to its end.
    checkpoint : {"last", "best"}
        The epoch at which the leaf is left.
    period : int, default=1
        Epochs from one look of the judge to the next.
    calls_score : bool, default=False
        Whether the scorer calls the estimator's own method `score`.
    seconds : float
        Time spent in `report`.
    """

    estimator: Any
    leaf: Any
    rows: Callable[[], tuple[Any, Any]]
    scorer: Callable[[Any, Any, Any], float]
    scores_leaf: bool
    judge: Judge | None
    checkpoint: Literal["last", "best"]
    period: int = 1
    calls_score: bool = False
    seconds: float = 0.0
    pruned: bool = False
    n_epochs: int | None = field(default=None, init=False)
    _epochs: list[int] = field(default_factory=list)
    _train_losses: list[float] = field(default_factory=list)
    _scores: list[float] = field(default_factory=list)
    _looks: list[float] = field(default_factory=list)
    _best: tuple[float, int, Any] = (-math.inf, 0, None)
    _go_back: Callable[[int], None] | None = None
    _given: tuple[Any, Any] | None = None

    @property
    def valid_data(self) -> tuple[Any, Any]:
        """The test rows and targets as the leaf sees them."""
        return self.valid_rows, self._valid_targets

    @cached_property
    def valid_rows(self) -> Any:
        """The test rows as the leaf sees them."""
        return rows_as_leaf_sees(self.estimator, self._test_rows()[0])

    @cached_property
    def _valid_targets(self) -> Any:
        return targets_as_leaf_sees(self.estimator, self._test_rows()[1])

    @property
    def judged(self) -> bool:
        """True if a report may end the training."""
        return self.judge is not None

    @property
    def needs_model(self) -> bool:
        """True if predictions cannot be scored in place of the estimator."""
        return not self.scores_leaf or (self.calls_score and not scores_as_usual(self.leaf))

    @property
    def keeps_best(self) -> bool:
        """True if `finish` goes back to the best epoch."""
        return self.checkpoint == "best"

    @property
    def best_epoch(self) -> int:
        """The first epoch with the best score so far."""
        return self._best[1]

    @property
    def curve(self) -> Curve:
        """The epochs so far."""
        notes = {} if self.judge is None else self.judge.notes
        return Curve(tuple(self._epochs), tuple(self._train_losses), tuple(self._scores), self._best[1], notes)

    def go_back_by(self, go_back: Callable[[int], None]) -> None:
        """Remember how the leaf is taken back to an epoch; without that, it is copied at each best epoch."""
        self._go_back = go_back

    def report(
        self,
        *,
        epoch: int | None = None,
        train_loss: float | None = None,
        score: float | None = None,
        predictions: Predictions | None = None,
    ) -> bool:
        """Score the epoch, keep it, and return whether the judge stops the trial."""
        start = time.perf_counter()
        if epoch is None:
            epoch = self._epochs[-1] + 1 if self._epochs else 1
        self._epochs.append(epoch)
        self._scores.append(float(self._score(predictions) if score is None else score))
        self._train_losses.append(math.nan if train_loss is None else float(train_loss))
        if self._scores[-1] > self._best[0]:
            copies = self.checkpoint == "best" and self._go_back is None
            self._best = (self._scores[-1], epoch, _state_of(self.leaf) if copies else None)
        # Elsewhere other candidates have no score.
        if epoch % self.period == 0:
            self._looks.append(self._scores[-1])
            self.pruned = self.judge is not None and self.judge.stops(self._looks)
        self.seconds += time.perf_counter() - start
        return self.pruned

    def finish(self) -> None:
        """Take the leaf back to its best epoch, if `checkpoint` asks for that one."""
        best = self._best[1]
        if self.checkpoint == "last" or best == 0 or best == self._epochs[-1]:
            return
        if self._go_back is None:
            _restore(self.leaf, self._best[2])
        else:
            self._go_back(best)

    def _score(self, predictions: Predictions | None) -> float:
        if predictions is not None and not self.needs_model:
            predicts = as_estimator(self.estimator, predictions)
            rows = self.valid_data if predicts is predictions else self._test_rows()
            return self.scorer(predicts, *rows)
        if self.scores_leaf and not changes_predictions(self.estimator):
            X, y = self.valid_data
            return self.scorer(self.leaf, X, y)
        return self.scorer(self.estimator, *self._test_rows())

    def _test_rows(self) -> tuple[Any, Any]:
        if self._given is None:
            self._given = self.rows()
        return self._given


def _state_of(leaf: Any) -> Any:
    """Return a copy of the attributes that training changes in an estimator."""
    if hasattr(leaf, "get_checkpoint"):
        return leaf.get_checkpoint()
    # `n_estimators` counts those that there are by now, and changes.
    fixed = leaf.get_params(deep=False).keys() - {"n_estimators"}
    return deepcopy({name: value for name, value in vars(leaf).items() if name not in fixed})


def _restore(leaf: Any, state: Any) -> None:
    if hasattr(leaf, "set_checkpoint"):
        leaf.set_checkpoint(state)
    else:
        vars(leaf).update(state)
