"""The protocol between a search and the estimators that it trains by epochs."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class EpochMonitor(Protocol):
    """The estimator's side of a monitor: it reports each epoch there."""

    @property
    def valid_data(self) -> tuple[Any, Any] | None:
        """The fold's test rows and targets as the estimator would see them; None where there are none, as in a refit.

        They are for scores, not for training.
        """

    def report(self, *, train_loss: float | None = None, score: float | None = None) -> bool:
        """Take note of an epoch that has ended; the estimator predicts as of now.

        Parameters
        ----------
        train_loss : float, default=None
            Mean loss of the epoch on the training rows.
        score : float, default=None
            The estimator's own score on `valid_data`, greater is better. By default the search scores the estimator.

        Returns
        -------
        bool
            Whether to stop training here. The estimator stays as it is now.
        """


class Monitor(EpochMonitor, Protocol):
    """The search's side of a monitor."""

    def finish(self) -> None:
        """Take the estimator, whose fit has ended, to the epoch that the search wants."""


class Judge(Protocol):
    """The decision after an epoch, from the results that were known when the trial was asked for."""

    notes: dict[str, Any]

    def stops(self, scores: Sequence[float]) -> bool:
        """Return whether a trial ends whose scores by epoch, in this fold, are these."""


class Curve(NamedTuple):
    """The epochs of one fold.

    Attributes
    ----------
    train_losses : tuple of float
        By epoch; NaN where the estimator does not report one.
    scores : tuple of float
        On the fold's test rows, by epoch.
    best_epoch : int
        The first epoch with the best score, counted from 1; 0 if no score is a number.
    notes : dict
        The pruner's notes on the trial.
    """

    train_losses: tuple[float, ...]
    scores: tuple[float, ...]
    best_epoch: int
    notes: dict[str, Any]
