"""Serve rows as tensors: shuffled batches for training, larger batches for predictions.

A torch DataLoader collects a batch row by row, and Lightning warns unless it has worker processes, which a fold in a
worker process must not start. A Trainer needs no DataLoader, only an iterable with a length.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from sk_optuna.exceptions import InvalidArgumentError


class ShuffledBatches:
    """Serves the training rows in a new order at each pass.

    Parameters
    ----------
    X, y : Tensor of length n_samples
        Rows and targets.
    batch_size : int
        Rows in a batch. A single row left at the end joins the batch before it: BatchNorm cannot train on one row.
    generator : torch.Generator
        Draws the orders.
    """

    def __init__(self, X: torch.Tensor, y: torch.Tensor, batch_size: int, generator: torch.Generator) -> None:
        self._X = X
        self._y = y
        self._generator = generator
        n_samples = len(X)
        self._sizes = [min(batch_size, n_samples - start) for start in range(0, n_samples, batch_size)]
        if len(self._sizes) > 1 and self._sizes[-1] == 1:
            self._sizes[-2:] = [self._sizes[-2] + 1]

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.randperm(len(self._X), generator=self._generator)
        for rows in torch.split(order, self._sizes):
            yield self._X[rows], self._y[rows]


def as_tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    """Return an array as a tensor; one that is read-only, as workers map it, is copied."""
    array = np.ascontiguousarray(array)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Set a module to evaluation mode, without gradients, for the `with` block; then restore the mode of each part."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes:
            part.training = training


def forward(module: nn.Module, X: torch.Tensor, batch_size: int) -> torch.Tensor:
    """Return a module's outputs for rows, in evaluation mode, as a tensor on the CPU.

    Raises
    ------
    InvalidArgumentError
        If the module returns anything but a tensor.
    """
    like = next(module.parameters(), torch.empty(0))
    outputs = []
    with evaluating(module):
        for rows in torch.split(X, batch_size):
            dtype = like.dtype if rows.is_floating_point() else rows.dtype
            output = module(rows.to(like.device, dtype))
            if not isinstance(output, torch.Tensor):
                raise InvalidArgumentError(
                    f"{type(module).__name__}.forward must return one tensor, got {type(output).__name__}."
                )
            outputs.append(output.detach().float().cpu())
    return torch.cat(outputs)
