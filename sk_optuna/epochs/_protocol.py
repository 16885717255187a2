"""The protocol between a search and what it trains by epochs."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class EpochMonitor(Protocol):
    """What an estimator is given to report its epochs to."""

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
            Whether to stop training here. The estimator stays what it is now.
        """


class Monitor(EpochMonitor, Protocol):
    """The search's side of a monitor."""

    def finish(self) -> None:
        """Leave the estimator, whose fit has ended, at the epoch that is wanted."""


class Judge(Protocol):
    """What decides after an epoch, from what was known when the trial was asked for."""

    notes: dict[str, Any]

    def stops(self, scores: Sequence[float]) -> bool:
        """Return whether a trial ends whose scores by epoch, in this fold, are these."""


class Curve(NamedTuple):
    """The epochs of one fold.

    Attributes
    ----------
    train_losses : tuple of float
        By epoch; NaN where the estimator does not say.
    scores : tuple of float
        On the fold's test rows, by epoch.
    best_epoch : int
        The first epoch with the best score, counted from 1; 0 if no score is a number.
    notes : dict
        What the pruner keeps of the trial.
    """

    train_losses: tuple[float, ...]
    scores: tuple[float, ...]
    best_epoch: int
    notes: dict[str, Any]
