"""Read the losses of an epoch from the device once, instead of once a step.

skorch writes each batch's loss into its history as a number. A GPU then waits at every step, with an empty queue. Here
the losses stay tensors until the epoch ends, unless a callback or the net may read them earlier. A CPU has no queue, so
its losses are written at once.

Not taken: to give skorch's own loop losses whose `item()` answers later. That removes the wait, but not the larger cost
on a CPU: three calls of every callback for each batch, a walk through all modules at each step to set their mode, a
copy of the whole history to add a number. A net or a callback that takes part in batches gets skorch's loop.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from math import nan
from types import TracebackType
from typing import Any, Self

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochScoring, GradientNormClipping, LRScheduler, PrintLog
from skorch.dataset import get_len
from skorch.history import History
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sk_optuna._compat._skorch import criterion_names, module_names

_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")
# Packages whose `notify` does nothing of its own for a batch.
_PACKAGES = {"skorch", "sk_optuna"}
# Types of devices without a queue: reading a number from them does not wait.
_AT_ONCE = frozenset({"cpu"})
# Number of losses that are held one by one; each takes the device's smallest piece of memory (512 bytes on a GPU).
_PENDING = 1024


class DeferredLosses(NeuralNet):
    """Mixin: run an epoch without waiting for the device at each step.

    It stands before skorch's class: `class Net(DeferredLosses, skorch.NeuralNetClassifier)`. From the end of the epoch
    on (before `on_epoch_end`) the history is the same as without the mixin, to the last bit; on a CPU it is the same
    after each step. Steps, losses and callbacks are skorch's and may be overridden as in skorch. Skorch's own loop runs
    where a batch's loss may be read in between: if a callback or the net overrides `on_batch_begin`, `on_batch_end` or
    `on_grad_computed` (skorch's EpochScoring, LRScheduler and GradientNormClipping read no loss and do not count), or
    `notify`, or with a history of another class.

    See Also
    --------
    sk_optuna.skorch.TensorLoader : Serves rows that lie on the device.

    Notes
    -----
    Where the loss is not on the CPU, an overridden `train_step` or `get_loss` that reads the batch's losses in
    `history` finds NaN until the epoch ends. A callback that overrides `on_batch_end` brings skorch's loop back.
    """

    # For the epoch that runs: the callbacks that act on gradients, and all modules of the net. None between epochs.
    # skorch takes attributes for parameters unless their names end in an underscore.
    _clipping_: list[Any] | None = None
    _flagged_: list[nn.Module] | None = None

    def run_single_epoch(
        self,
        iterator: Iterable[Any] | None,
        training: bool,
        prefix: str,
        step_fn: Callable[..., Any],
        **fit_params: Any,
    ) -> None:
        """Run one epoch of training or validation; see `skorch.NeuralNet.run_single_epoch`."""
        if iterator is None or not self._nobody_reads_losses():
            super().run_single_epoch(iterator, training=training, prefix=prefix, step_fn=step_fn, **fit_params)
            return
        rows, size_name = self.history[-1]["batches"], prefix + "_batch_size"
        n_before = len(rows)
        with self._in_epoch(training) as ends, Losses(prefix + "_loss") as losses:
            for batch in iterator:
                row: dict[str, Any] = {}
                rows.append(row)
                step = step_fn(batch, **fit_params)
                losses.record(row, step["loss"])
                row[size_name] = _batch_size(batch)
                for callback in ends:
                    callback.on_batch_end(self, batch=batch, training=training, **step)
        self.history.record(prefix + "_batch_count", len(rows) - n_before)

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the net's and the callbacks' method of that name; see `skorch.NeuralNet.notify`."""
        if self._clipping_ is None or method_name != "on_grad_computed":
            super().notify(method_name, **cb_kwargs)
            return
        for callback in self._clipping_:
            callback.on_grad_computed(self, **cb_kwargs)

    def get_default_callbacks(self) -> list[Any]:
        """Return skorch's default callbacks, with a PrintLog that does no work where it would print nothing."""
        callbacks: list[Any] = super().get_default_callbacks()
        return [(name, SilentLog() if _is_default_log(callback) else callback) for name, callback in callbacks]

    def _nobody_reads_losses(self) -> bool:
        own = type(self)
        notified_by = {cls.__module__.partition(".")[0] for cls in own.__mro__ if "notify" in vars(cls)}
        return (
            notified_by <= _PACKAGES
            and all(getattr(own, hook) is getattr(NeuralNet, hook) for hook in _BATCH_HOOKS)
            and vars(self).keys().isdisjoint(("notify", *_BATCH_HOOKS))
            and type(self.history) is History
            and all(_reads_no_loss(callback) for _, callback in self.callbacks_)
        )

    @contextmanager
    def _in_epoch(self, training: bool) -> Iterator[list[Any]]:
        """Prepare an epoch that calls only the callbacks with something to do; yield those with an `on_batch_end`."""
        callbacks = [callback for _, callback in self.callbacks_]
        self._clipping_ = [callback for callback in callbacks if _overrides(callback, "on_grad_computed")]
        self._flagged_ = self._modules_with_plain_flags()
        try:
            yield [c for c in callbacks if _overrides(c, "on_batch_end") and _acts(c, training)]
        finally:
            del self._clipping_, self._flagged_

    def _modules_with_plain_flags(self) -> list[nn.Module] | None:
        """Return all modules of the net; None if the `train` of one of them does more than set `training`."""
        roots = [getattr(self, name + "_", None) for name in [*module_names(self), *criterion_names(self)]]
        modules = [module for root in roots if isinstance(root, nn.Module) for module in root.modules()]
        plain = all(type(module).train is nn.Module.train for module in modules)
        return modules if plain else None

    def _set_training(self, training: bool = True) -> None:
        # skorch sets all modules at every step; walking through them costs as much as a small layer.
        if self._flagged_ is not None:
            for module in self._flagged_:
                if module.training is not training:
                    break
            else:
                return
        super()._set_training(training)


class SilentLog(PrintLog):
    """skorch's PrintLog without the table that it lays out for silent nets too, at the cost of some small steps."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Print the epoch's row where somebody can see it."""
        if net.verbose or self.sink is not print:
            super().on_epoch_end(net, **kwargs)


class Losses:
    """Writes losses into rows of a history: at once on a CPU, else at the end of the `with` block.

    Parameters
    ----------
    name : str
        The column.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._device: torch.device | None = None
        self._waits = False
        self._rows: list[dict[str, Any]] = []
        self._stacked: list[Tensor] = []
        self._pending: list[Tensor] = []

    def __enter__(self) -> Self:
        return self

    def record(self, row: dict[str, Any], loss: Any) -> None:
        """Write the loss, or NaN until the loss is read."""
        if not isinstance(loss, Tensor) or not self._must_wait(loss):
            row[self._name] = loss.item()
            return
        row[self._name] = nan
        self._rows.append(row)
        # a graph that is replayed writes into the same tensor
        self._pending.append(loss.detach().reshape(()).clone())
        if len(self._pending) == _PENDING:
            self._stack()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._write()
        else:
            # a KeyboardInterrupt may end a fit normally; a device that failed may refuse to give its numbers
            with suppress(RuntimeError):
                self._write()

    def _must_wait(self, loss: Tensor) -> bool:
        # the first loss decides; a loss on another device is written at once
        if self._device is None:
            self._device = loss.device
            self._waits = loss.device.type not in _AT_ONCE
        return self._waits and loss.device == self._device

    def _stack(self) -> None:
        self._stacked.append(torch.stack(self._pending))
        self._pending.clear()

    def _write(self) -> None:
        if self._pending:
            self._stack()
        values = [value for stack in self._stacked for value in stack.tolist()]
        for row, value in zip(self._rows, values, strict=True):
            row[self._name] = value


def _batch_size(batch: Any) -> int:
    X = batch[0] if isinstance(batch, (tuple, list)) else batch
    return int(X.shape[0] if type(X) is Tensor else get_len(X))


def _overrides(callback: Any, hook: str) -> bool:
    return getattr(type(callback), hook, None) is not getattr(Callback, hook) or hook in vars(callback)


def _reads_no_loss(callback: Any) -> bool:
    if not any(_overrides(callback, hook) for hook in _BATCH_HOOKS):
        return True
    if type(callback) is LRScheduler:
        return callback.step_every != "batch" or not isinstance(callback.lr_scheduler_, ReduceLROnPlateau)
    return type(callback) in (EpochScoring, GradientNormClipping)


def _is_default_log(callback: Any) -> bool:
    return type(callback) is PrintLog and vars(callback) == vars(PrintLog())


def _acts(callback: Any, training: bool) -> bool:
    """Return whether a callback that reads no loss has something to do at a batch's end."""
    return type(callback) is not EpochScoring or callback.on_train is training
