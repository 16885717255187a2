"""Names of values that callbacks and schedulers monitor, and that nobody would log: there is no validation loop.

A Trainer looks for a value when an epoch has ended, so that a search would train an epoch of every fold of every
candidate to learn that it is missing. A name tells earlier, where the module would log it in a `validation_step`.
"""

import re
from collections.abc import Iterable

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from sk_optuna.exceptions import InvalidArgumentError

_OF_VALIDATION = re.compile(r"(?<![a-z])(val|valid|validation)(?![a-z])", re.IGNORECASE)
# What may log any value, as `training_step` may, but would hardly under such a name.
_TRAINING_HOOKS = ("on_train_epoch_start", "on_train_batch_start", "on_train_batch_end", "on_train_epoch_end")
_MISSED = re.compile(r"(ReduceLROnPlateau|Early stopping) conditioned on metric `?(.+?)`? which is not available")


def check_callbacks(callbacks: Iterable[Callback], module: type[LightningModule], *, checkpoints: bool) -> None:
    """Refuse callbacks that wait for a validation, and those that write files where this is switched off.

    Parameters
    ----------
    callbacks : iterable of Callback
        Those that the user gave.
    module : type
        What is trained.
    checkpoints : bool
        Whether the Trainer is allowed to write any.
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
    """Refuse what only the module makes and waits for a validation: schedulers, and callbacks of `configure_callbacks`.

    Parameters
    ----------
    trainer : Trainer
        One that is about to train its first epoch.
    module : LightningModule
        What it trains.
    """
    check_callbacks(trainer.callbacks, type(module), checkpoints=True)
    for config in trainer.lr_scheduler_configs:
        monitor = config.monitor if config.reduce_on_plateau and config.strict else None
        if monitor is not None and _waits_for_validation(monitor, type(module)):
            raise InvalidArgumentError(_refusal(type(config.scheduler).__name__, monitor))


def explain(error: Exception) -> None:
    """Raise an error that helps where a Trainer's says that a value is missing.

    Raises
    ------
    InvalidArgumentError
        If that is what it says.
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
