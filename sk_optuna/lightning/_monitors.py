"""Refuse callbacks and schedulers that monitor a value of a validation loop, which is never run here.

A Trainer looks for a monitored value at the end of an epoch: a search would train an epoch in every fold of every
candidate before it learned that the value is missing. The value's name tells earlier, if the module has a
`validation_step` that would log it.
"""

import re
from collections.abc import Iterable

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from sk_optuna.exceptions import InvalidArgumentError

_OF_VALIDATION = re.compile(r"(?<![a-z])(val|valid|validation)(?![a-z])", re.IGNORECASE)
# Hooks that may log any value. `training_step` may too, but hardly under the name of a validation value.
_TRAINING_HOOKS = ("on_train_epoch_start", "on_train_batch_start", "on_train_batch_end", "on_train_epoch_end")
_MISSED = re.compile(r"(ReduceLROnPlateau|Early stopping) conditioned on metric `?(.+?)`? which is not available")


def check_callbacks(callbacks: Iterable[Callback], module: type[LightningModule], *, checkpoints: bool) -> None:
    """Refuse callbacks that wait for a validation loop, and those that write files while this is switched off.

    Parameters
    ----------
    callbacks : iterable of Callback
        The user's callbacks.
    module : type
        The class of the module.
    checkpoints : bool
        True if the Trainer may write checkpoint files.
    """
    for callback in callbacks:
        name = type(callback).__name__
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and getattr(callback, "strict", True) and _waits_for_validation(monitor, module):
            raise InvalidArgumentError(_refusal(name, monitor))
        if isinstance(callback, Checkpoint) and not checkpoints:
            raise InvalidArgumentError(
                f"{name} writes files, which is switched off, since every fit of a search would. Leave it out: "
                "OptunaSearchCV(report='epoch', checkpoint='best') goes back to the best epoch. "
                "Or switch it on by trainer__enable_checkpointing=True."
            )


def check_training(trainer: Trainer, module: LightningModule) -> None:
    """Refuse schedulers and callbacks of the module itself, from its `configure_` methods, that wait for validation.

    Parameters
    ----------
    trainer : Trainer
        A Trainer that is about to train its first epoch.
    module : LightningModule
        The module that it trains.
    """
    check_callbacks(trainer.callbacks, type(module), checkpoints=True)
    for config in trainer.lr_scheduler_configs:
        monitor = config.monitor if config.reduce_on_plateau and config.strict else None
        if monitor is not None and _waits_for_validation(monitor, type(module)):
            raise InvalidArgumentError(_refusal(type(config.scheduler).__name__, monitor))


def explain(error: Exception) -> None:
    """Raise an error with a remedy where a Trainer's error says that a monitored value is missing.

    Raises
    ------
    InvalidArgumentError
        If the Trainer's error says so; other errors are left to the caller.
    """
    missed = _MISSED.search(str(error))
    if missed is not None:
        name = missed[1].replace("Early stopping", "EarlyStopping")
        raise InvalidArgumentError(_refusal(name, missed[2])) from error


def _waits_for_validation(monitor: str, module: type[LightningModule]) -> bool:
    validates = module.validation_step is not LightningModule.validation_step
    logs_elsewhere = any(getattr(module, hook) is not getattr(LightningModule, hook) for hook in _TRAINING_HOOKS)
    return validates and not logs_elsewhere and _OF_VALIDATION.search(monitor) is not None


def _refusal(name: str, monitor: str) -> str:
    return (
        f"{name} monitors {monitor!r}, which nothing logs here: there are no validation rows and no validation loop, "
        "since the search scores the fold's test rows itself. Let training_step log a value, "
        "self.log('train_loss', loss), and monitor 'train_loss'. To end candidates early, or to go back to the best "
        "epoch, search with report='epoch' and a pruner, or checkpoint='best'."
    )
