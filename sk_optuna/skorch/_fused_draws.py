"""Draw the masks of a net's dropout layers apart from its forward pass.

The masks are those of the net's own steps: the same calls, in the order of the layers, from the net's own stream. A
forward pass is watched once, to see in which order the layers draw, and how much; the batched step is then given masks
and draws nothing. Not taken: a seed of its own for each mask, which would train another net than the one alone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sk_optuna.skorch._fused_batch_norm import BatchNorm

_DROPOUT: tuple[Callable[..., Any], ...] = (nn.functional.dropout, torch.dropout, torch.dropout_)


class CannotFuseError(Exception):
    """Says why a net is not trained together with others."""


class Draw(NamedTuple):
    """One mask that a forward pass draws.

    Attributes
    ----------
    p : float
        Probability of a zero.
    per_row : int
        Number of mask rows for a row of the batch, 1 but where a module folds axes together.
    shape : tuple of int
        Shape of a mask row.
    dtype : torch.dtype
    """

    p: float
    per_row: int
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def kind(self) -> tuple[Any, ...]:
        """Everything but the probability, which may differ between the nets of a group."""
        return self.per_row, self.shape, self.dtype


class WatchesDraws(TorchFunctionMode):
    """Within its `with` block, dropout changes nothing, draws nothing and is written down.

    Parameters
    ----------
    n_rows : int
        Number of rows in the batch.
    """

    def __init__(self, n_rows: int) -> None:
        super().__init__()
        self.draws: list[Draw] = []
        self._n_rows = n_rows

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in _DROPOUT:
            return func(*args, **kwargs)
        x, p, training, _ = _arguments(*args, **kwargs)
        # this also makes torch's own checks of p
        if training and p > 0 and x.numel():
            self.draws.append(self._draw(x, p))
        return x

    def _draw(self, x: Tensor, p: float) -> Draw:
        if not x.is_contiguous():
            raise CannotFuseError("dropout is applied to a tensor that is not contiguous")
        if x.ndim == 0 or len(x) % self._n_rows:
            raise CannotFuseError("dropout is applied to a tensor whose first axis is not that of the rows")
        return Draw(float(p), len(x) // self._n_rows, tuple(x.shape[1:]), x.dtype)


class BatchedForward(TorchFunctionMode):
    """Within its `with` block, dropout multiplies by the given masks, and BatchNorm counts the given rows.

    Parameters
    ----------
    masks : sequence of Tensor
        In the order of the calls of dropout, one a call.
    real : Tensor of shape (n_rows,)
        As in `BatchNorm`.
    """

    def __init__(self, masks: Sequence[Tensor], real: Tensor) -> None:
        super().__init__()
        self._masks = iter(masks)
        self.batch_norm = BatchNorm(real)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is nn.functional.batch_norm:
            return self.batch_norm(*args, **kwargs)
        if func not in _DROPOUT:
            return func(*args, **kwargs)
        x, p, training, inplace = _arguments(*args, **kwargs)
        if not (training and p > 0):
            return x
        mask = next(self._masks)
        return x.mul_(mask) if inplace or func is torch.dropout_ else x * mask


def _arguments(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, train: bool | None = None
) -> tuple[Tensor, float, bool, bool]:
    return input, p, training if train is None else train, inplace


def draw_into(mask: Tensor, p: float) -> None:
    """Fill a contiguous tensor with what torch's dropout draws for an input of its shape.

    Without the division by the share that stays: that is done for many masks at once, see `share_that_stays`.
    """
    if p == 1:
        mask.zero_()  # torch draws nothing here
    elif mask.is_cuda:
        # dropout on CUDA has a kernel of its own, and numbers of its own
        mask.copy_(torch.native_dropout(torch.ones_like(mask), p, True)[1])
    else:
        mask.bernoulli_(1 - p)


def share_that_stays(p: float) -> float:
    """Return the divisor of a mask."""
    return 1 - p if p < 1 else 1.0


@contextmanager
def generators_kept(device: torch.device | None) -> Iterator[None]:
    """Set torch's global generators back, at the end of the `with` block, to what they were at its beginning."""
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield
