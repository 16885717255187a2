"""BatchNorm by a formula in which rows can be left out, and whose last digits do not depend on the models beside it.

torch lays the channels of all models side by side, and sums them up in blocks that end where they end: a model's mean
then depends, in its last digit, on the models beside it. Here each model's rows are summed along an axis of their own.
"""

from typing import Any

import torch
from torch import Tensor


class BatchNorm:
    """`torch.nn.functional.batch_norm` for some rows of a batch.

    Parameters
    ----------
    real : Tensor of shape (n_rows,)
        1 for each row that counts, 0 for each that only fills the batch up.

    Attributes
    ----------
    n_values : int or None
        Values that a row has of a channel, the least of all calls in training; None without such a call.
    """

    def __init__(self, real: Tensor) -> None:
        self._real = real
        self.n_values: int | None = None

    def __call__(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """Normalize each channel; see `torch.nn.functional.batch_norm`."""
        shape = (1, -1, *[1] * (input.ndim - 2))
        if training:
            mean, variance = self._statistics(input, running_mean, running_var, momentum)
        else:
            assert running_mean is not None
            assert running_var is not None
            mean, variance = running_mean.view(shape), running_var.view(shape)
        normalized = (input - mean) * torch.rsqrt(variance + eps)
        if weight is not None:
            normalized = normalized * weight.view(shape)
        return normalized if bias is None else normalized + bias.view(shape)

    def _statistics(
        self, input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, momentum: float
    ) -> tuple[Any, Any]:
        of_row = input[0, 0].numel()
        self.n_values = of_row if self.n_values is None else min(of_row, self.n_values)
        axes = (0, *range(2, input.ndim))
        real = self._real.view(-1, *[1] * (input.ndim - 1))
        n_values = self._real.sum() * of_row
        mean = (input * real).sum(axes, keepdim=True) / n_values
        variance = ((input - mean).square() * real).sum(axes, keepdim=True) / n_values
        unbiased = variance.detach() * (n_values / (n_values - 1))
        for running, value in ((running_mean, mean.detach()), (running_var, unbiased)):
            if running is not None:
                running.mul_(1 - momentum).add_(value.flatten(), alpha=momentum)
        return mean, variance
