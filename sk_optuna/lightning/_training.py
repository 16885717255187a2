"""Run one training of a Trainer: quiet, reported epoch by epoch, and ended by Ctrl-C like any Python code."""

import copy
import logging
import math
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import CombinedLoader

from sk_optuna.epochs import EpochMonitor
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.lightning._batches import ShuffledBatches
from sk_optuna.lightning._monitors import check_training, explain
from sk_optuna.lightning._seeding import OwnRandomness
from sk_optuna.worker import kept_alive

# A Trainer logs devices, limits and tips through these.
_LOGGERS = tuple(logging.getLogger(f"lightning.{package}.utilities.rank_zero") for package in ("pytorch", "fabric"))

# Lightning up to 2.6 makes a loader of its own at each fit, and with torch from 2.10 on it then warns of a class in
# torch that only Lightning can replace. These loaders are made once, here, and copied for each fit.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    _TRAINING_LOADER = CombinedLoader([], "max_size_cycle")
    _VALIDATION_LOADER = CombinedLoader([], "sequential")


class _Silence(logging.Filter):
    """Hides Lightning's records below a warning in threads that ask for it; a level would silence all threads."""

    def __init__(self) -> None:
        super().__init__()
        self._here = threading.local()
        self._lock = threading.Lock()
        self._n_asking = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is to be heard."""
        return record.levelno >= logging.WARNING or not getattr(self._here, "depth", 0)

    @contextmanager
    def asked_for(self) -> Iterator[None]:
        """Silence this thread; the filter is attached to the loggers as long as any thread asks."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._here.depth = getattr(self._here, "depth", 0) + change
        with self._lock:
            self._n_asking += change
            for logger in _LOGGERS:
                if self._n_asking:
                    logger.addFilter(self)
                else:
                    logger.removeFilter(self)


_silence = _Silence()


def quiet() -> AbstractContextManager[None]:
    """Let Lightning log nothing below a warning in this thread."""
    return _silence.asked_for()


class ReportEpochs(Callback):
    """Keeps the training loss of each epoch, reports it, and ends the training where the monitor says so.

    Parameters
    ----------
    monitor : EpochMonitor or None
        Receives each epoch; None outside a search.
    randomness : OwnRandomness
        Random numbers of the net; they are put aside while the monitor scores the epoch.

    Attributes
    ----------
    train_losses : list of float
        Mean over the rows of each epoch; NaN where `training_step` returns no loss.
    interrupted : bool
        True if Ctrl-C ended the training.
    """

    def __init__(self, monitor: EpochMonitor | None, randomness: OwnRandomness) -> None:
        self._monitor = monitor
        self._randomness = randomness
        self._losses: list[torch.Tensor] = []
        self._sizes: list[int] = []
        self.train_losses: list[float] = []
        self.interrupted = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check schedulers and callbacks before the first epoch."""
        check_training(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep the loss on its device: reading it would wait for the device."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if isinstance(loss, torch.Tensor):
            self._losses.append(loss.detach().float() * trainer.accumulate_grad_batches)
            self._sizes.append(len(batch[0]))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the epoch."""
        loss = self._mean_loss()
        self.train_losses.append(loss)
        if not math.isfinite(loss) and not _has_finite_weights(pl_module):
            raise InvalidArgumentError(
                f"The training of {type(pl_module).__name__} diverged in epoch {len(self.train_losses)}: there are "
                "weights that are not finite numbers. Scale X, or lower the learning rate."
            )
        if self._monitor is None:
            return
        with self._randomness.suspended():
            stop = self._monitor.report(train_loss=None if math.isnan(loss) else loss)
        if stop:
            trainer.should_stop = True

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Remember Ctrl-C, which a Trainer turns into an exit."""
        self.interrupted = isinstance(exception, KeyboardInterrupt)

    def _mean_loss(self) -> float:
        losses, sizes, self._losses, self._sizes = self._losses, self._sizes, [], []
        if not losses:
            return math.nan
        values = torch.stack([loss.mean() for loss in losses]).tolist()
        return float(np.average(values, weights=sizes))


def train(trainer: Trainer, module: LightningModule, batches: ShuffledBatches, reports: ReportEpochs) -> None:
    """Train a module, and leave it without its Trainer, ready to predict.

    Raises
    ------
    InvalidArgumentError
        If a scheduler or a callback waits for a value that nothing logs.
    KeyboardInterrupt
        On Ctrl-C, like any Python code. A Trainer alone would end the process, or only this fit, and leave Ctrl-C
        without effect from then on.
    """
    # a Trainer warns of a validation_step without rows, and of rows without a validation_step
    validates = type(module).validation_step is not LightningModule.validation_step
    try:
        with kept_alive(lambda: reports.interrupted):
            trainer.fit(
                module,
                train_dataloaders=_loader_of(batches, _TRAINING_LOADER),
                val_dataloaders=_loader_of(batches, _VALIDATION_LOADER) if validates else None,
            )
    except (MisconfigurationException, RuntimeError) as error:
        explain(error)
        raise
    finally:
        module.trainer = None
        module.eval()
        module.zero_grad()
        # references within a Trainer form cycles, which the garbage collector finds late: large objects are freed here
        trainer.strategy.optimizers = []


def _loader_of(batches: ShuffledBatches, made: CombinedLoader) -> CombinedLoader:
    """Return the loader that a Trainer would make of batches."""
    loader = copy.copy(made)
    loader.flattened = [batches]
    return loader


def _has_finite_weights(module: LightningModule) -> bool:
    return all(bool(torch.isfinite(weights).all()) for weights in module.parameters())
