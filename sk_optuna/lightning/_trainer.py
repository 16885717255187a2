"""Build the Trainer of one fit: on one device, quiet unless the user asks otherwise, without a validation loop."""

import copy
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ProgressBar

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.lightning._names import TRAINER
from sk_optuna.worker import current_fold

_QUIET: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}
_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


def build_trainer(arguments: Mapping[str, Any], *callbacks: Callback) -> Trainer:
    """Build a Trainer; the user's callbacks are copied, since they keep state of the fit.

    Parameters
    ----------
    arguments : mapping
        The user's arguments of the Trainer.
    *callbacks : Callback
        Callbacks to add after the user's.
    """
    options = {**_QUIET, "devices": 1, **arguments}
    given = copy.deepcopy(as_callbacks(options.pop("callbacks", None)))
    if current_fold() is not None:
        options["enable_progress_bar"] = False
        given = [callback for callback in given if not isinstance(callback, ProgressBar)]
    trainer = Trainer(**options, limit_val_batches=0, num_sanity_val_steps=0, callbacks=[*given, *callbacks])
    trainer.limit_val_batches = 0  # `fast_dev_run` and `overfit_batches` change it
    return trainer


def make_trainer(arguments: Mapping[str, Any], *callbacks: Callback) -> Trainer:
    """Build a Trainer; where it refuses its arguments, raise an error with a remedy.

    Raises
    ------
    InvalidArgumentError
        If the Trainer refuses the arguments, or would train on several devices.
    """
    try:
        trainer = build_trainer(arguments, *callbacks)
    except (MisconfigurationException, ValueError, TypeError, ImportError) as error:
        raise InvalidArgumentError(_refusal(arguments, str(error))) from error
    if trainer.world_size > 1:
        raise InvalidArgumentError(
            f"A fit trains on one device, but the Trainer was asked for {trainer.world_size}. "
            "Leave out trainer__devices and trainer__strategy; a search uses several devices through n_jobs."
        )
    return trainer


def _refusal(arguments: Mapping[str, Any], reason: str) -> str:
    given = [f"{TRAINER}{name}" for name in arguments if name not in ("accelerator", "max_epochs")]
    elsewhere = ""
    if arguments["accelerator"] != "auto":
        given.insert(0, f"accelerator={arguments['accelerator']!r}")
        elsewhere = " accelerator='auto' uses the device that is there."
    return (
        f"lightning.pytorch.Trainer refuses an argument ({', '.join(given)}): {reason.rstrip('. ')}. "
        f"Change or leave out what it names.{elsewhere}"
    )


def as_callbacks(given: Any) -> list[Callback]:
    """Return the user's callbacks as a list; the user may give one, a list, or none.

    Raises
    ------
    InvalidArgumentError
        If one of them is no callback.
    """
    callbacks = given if isinstance(given, list) else [] if given is None else [given]
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise InvalidArgumentError(
                f"{TRAINER}callbacks must be a callback of lightning.pytorch or a list of them, got {callback!r}."
            )
    return callbacks


@contextmanager
def switches_kept() -> Iterator[None]:
    """Restore the process's settings that a Trainer changes when it is built with `deterministic` or `benchmark`."""
    deterministic, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    warn_only, workspace = torch.is_deterministic_algorithms_warn_only_enabled(), os.environ.get(_CUBLAS)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
        if workspace is None:
            os.environ.pop(_CUBLAS, None)
        else:
            os.environ[_CUBLAS] = workspace
