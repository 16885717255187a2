"""The protocol between a search and the estimators that it trains by epochs."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from sk_optuna.epochs._predictions import Predictions


class EpochMonitor(Protocol):
    """The estimator's side of a monitor: it reports each epoch there."""

    @property
    def period(self) -> int:
        """Epochs from one report to the next, the same for all candidates; 1 but for leaves that grow by rounds.

        Such a leaf, a booster for example, reports after `period`, ``2 * period``, ... rounds and after its last one.
        """

    @property
    def n_epochs(self) -> int | None:
        """Number of epochs after which training ends, if that is known; None for as many as the estimator makes."""

    @property
    def judged(self) -> bool:
        """True if a report may end the training because of its score."""

    @property
    def needs_model(self) -> bool:
        """True if `report` scores the estimator itself, which must then predict as of the reported epoch."""

    @property
    def keeps_best(self) -> bool:
        """True if the estimator is taken back to the best of the reported epochs."""

    @property
    def best_epoch(self) -> int:
        """The first epoch with the best score so far; 0 if there is no score."""

    @property
    def valid_data(self) -> tuple[Any, Any] | None:
        """The fold's test rows and targets as the estimator would see them; None where there are none, as in a refit.

        They are for scores, not for training. Where there are none, nobody needs a report: the estimator may be trained
        for `n_epochs` at once.
        """

    @property
    def valid_rows(self) -> Any:
        """The rows of `valid_data` alone; None where there are none.

        Targets are not transformed for it. A transformation that was made for training targets need not be able to.
        """

    def go_back_by(self, go_back: Callable[[int], None]) -> None:
        """Take note of a function that takes the estimator back to an epoch, before the first report.

        Without one, the search copies the estimator at each epoch that is the best so far, if it wants the best one.

        Parameters
        ----------
        go_back : callable
            Called at most once, after the estimator's fit, with a number of epochs, one of those reported.
        """

    def report(
        self,
        *,
        epoch: int | None = None,
        train_loss: float | None = None,
        score: float | None = None,
        predictions: Predictions | None = None,
    ) -> bool:
        """Take note of an epoch that has ended; the estimator predicts as of now.

        Parameters
        ----------
        epoch : int, default=None
            Number of epochs that there have been by now; one more than at the last report by default.
        train_loss : float, default=None
            Mean loss of the epoch on the training rows.
        score : float, default=None
            The estimator's own score on `valid_data`, greater is better. By default the search scores the estimator.
        predictions : Predictions, default=None
            The estimator's predictions for `valid_data` as of this epoch. Unless `needs_model`, they are scored in
            place of the estimator, by the same metric, and it need not predict as of this epoch.

        Returns
        -------
        bool
            Whether to stop training here. The estimator is to stay as of this epoch.
        """


class Monitor(EpochMonitor, Protocol):
    """The search's side of a monitor."""

    def finish(self) -> None:
        """Take the estimator, whose fit has ended, to the epoch that the search wants."""


class Judge(Protocol):
    """The decision after an epoch, from the results that were known when the trial was asked for."""

    notes: dict[str, Any]

    def stops(self, scores: Sequence[float]) -> bool:
        """Return whether a trial ends whose scores by look, in this fold, are these: after each `period` of epochs."""


class Curve(NamedTuple):
    """The epochs of one fold.

    Attributes
    ----------
    epochs : tuple of int
        Those that were reported, counted from 1, in order.
    train_losses : tuple of float
        By reported epoch; NaN where the estimator does not report one.
    scores : tuple of float
        On the fold's test rows, by reported epoch.
    best_epoch : int
        The first epoch with the best score; 0 if no score is a number.
    notes : dict
        The pruner's notes on the trial.
    """

    epochs: tuple[int, ...]
    train_losses: tuple[float, ...]
    scores: tuple[float, ...]
    best_epoch: int
    notes: dict[str, Any]

    @property
    def n_epochs(self) -> int:
        """Number of epochs, those between the reports included."""
        return self.epochs[-1] if self.epochs else 0

    def looks(self, period: int) -> tuple[float, ...]:
        """Return the scores after `period`, ``2 * period``, ... epochs, which those of other candidates compare with.

        A score at the last epoch of one candidate may compare with none of another.
        """
        scores = zip(self.epochs, self.scores, strict=True)
        return tuple(score for epoch, score in scores if epoch % period == 0)


def rounds_to_report(n: int, period: int, *, after: int = 0) -> Iterator[int]:
    """Iterate over the rounds after which an estimator of `n` rounds reports: each period, and the last round."""
    yield from (each for each in range(period, n + 1, period) if each > after)
    if n % period and n > after:
        yield n
