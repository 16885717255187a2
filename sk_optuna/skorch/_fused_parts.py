"""One net's epoch, as it is brought to a meeting: its rows in order, their weights, the settings of its steps.

Everything that is drawn or read here is what the net's own epoch would draw or read first, so that the epoch may still
be run by the net itself: `undo` sets back the net's stream and its learning-rate schedule.
"""

import copy
import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sk_optuna._compat._torch import changes_of, note_steps, uncompiled
from sk_optuna.skorch._fused_draws import CannotFuseError, Draw, WatchesDraws, generators_kept
from sk_optuna.skorch._fused_likeness import key_of, loader_of, state_of, steppers_of, weighs_in_rows
from sk_optuna.skorch._fused_optimizers import settings_of
from sk_optuna.skorch._fused_step import losses_of_rows
from sk_optuna.skorch._loader import RowsOfEpoch
from sk_optuna.skorch._random_streams import TRAINING
from sk_optuna.skorch._weights import TakesWeightsOff, own_weights
from sk_optuna.worker import USUAL, Terms


class Likeness(NamedTuple):
    """Facts of a net that hold for all epochs of a fit.

    Attributes
    ----------
    key : tuple
        The same for nets that can be trained together.
    draws : tuple of Draw
        The masks of one step, in order.
    """

    key: tuple[Any, ...]
    draws: tuple[Draw, ...]


class Part:
    """A net's epoch.

    Parameters
    ----------
    net : skorch net
        The net, at the beginning of an epoch of training.
    iterator : TensorLoader, or one that takes weights off
        The net's batches.
    terms : Terms, default=USUAL
        The terms on which it is trained together with others.

    Attributes
    ----------
    rows : RowsOfEpoch
        The rows in the order of the epoch.
    origin : bytes or None
        A key of X, the same for equal rows only.
    batch_size, n_steps : int
        Rows of a step, but for the last one; number of steps.
    settings : list of dict
        The optimizer's settings for each step; one for all where they do not change.
    n_fit : int
        How many nets like this one the memory holds; known after the round.
    batches : list of dict
        The rows of the history, one a step, with what the schedule writes there; the losses come later.

    Raises
    ------
    CannotFuseError
        If the rows cannot be had, or the first batch of the fit fails.
    """

    def __init__(self, net: Any, iterator: Any, terms: Terms = USUAL) -> None:
        loader = loader_of(iterator)
        self.net = net
        self.terms = terms
        self.n_fit = 0
        self.batch_size = int(loader.batch_size or 1)  # type: ignore[union-attr]
        self._stream = _state_of_stream(net)
        self._schedule: list[tuple[Any, dict[str, Any], dict[str, Any]]] = []
        self._groups = [dict(group) for group in net.optimizer_.param_groups]
        self._weighted = type(iterator) is TakesWeightsOff
        with net._drawing(TRAINING):
            rows = loader.rows_of_epoch()  # type: ignore[union-attr]
        if rows is None:
            raise CannotFuseError(
                "its rows are not plain arrays, or their order is drawn from a generator of the user's"
            )
        self.rows: RowsOfEpoch = rows
        # a callback may exchange the rows of the dataset
        first = net._fitting_.first_rows = net._fitting_.first_rows or address_of(self.X)
        self.origin = loader.origin if address_of(self.X) == first else None  # type: ignore[union-attr]
        self.device = torch.device(net.device or "cpu")
        if len(rows.tensors) != 2 + self._weighted:
            self.undo()
            raise CannotFuseError("its targets are several tensors")
        self.n_rows = len(rows.order)
        self.n_steps = -(-self.n_rows // self.batch_size)

    @property
    def X(self) -> Tensor:
        """All rows that the order points to."""
        return self.rows.tensors[0]

    @property
    def y(self) -> Tensor:
        """Their targets."""
        return self.rows.tensors[1]

    def size_of(self, t: int) -> int:
        """Return the number of rows in step `t`."""
        return min(self.batch_size, self.n_rows - t * self.batch_size)

    def batch(self, t: int) -> tuple[Tensor, Tensor]:
        """Return X and y of step `t`, on the net's device."""
        where = self.rows.order[t * self.batch_size :][: self.batch_size]
        X, y = (each[where.to(each.device)].to(self.device) for each in (self.X, self.y))
        return X, y

    def look(self) -> Likeness:
        """Run the first batch without a step, with the checks of every first batch, on a copy of the module."""
        net, (X, y) = self.net, self.batch(0)
        fitting, module = net._fitting_, net.module_
        looked_at, weighed = fitting.looked_at, fitting.weighed
        with net._drawing(TRAINING), generators_kept(self.device), _others_kept():
            try:
                copied = copy.deepcopy(module).train()
                before, numbers = state_of(copied), _numbers_of_others()
                vars(net)["module_"] = copied
                with torch.no_grad(), WatchesDraws(len(X)) as watched:
                    fitting.show(self._weights_of(0))
                    y_pred = net.infer(X)
                    loss = net.get_loss(y_pred, y, X=X, training=True)
                if state_of(copied) != before:
                    raise CannotFuseError("its forward changes attributes of the module, or exchanges buffers")
                if _numbers_of_others() != numbers:
                    raise CannotFuseError("its forward draws from Python's or NumPy's generator")
                self._check_weights(y_pred, y, loss)
            except CannotFuseError:
                raise
            except Exception as error:
                # the net's own step raises the same, or goes on
                fitting.looked_at, fitting.weighed = looked_at, weighed
                raise CannotFuseError(f"its first batch fails with {type(error).__name__}") from error
            finally:
                vars(net)["module_"] = module
                fitting.show(None)
        tail = tuple(X.shape[1:]), X.dtype, tuple(y.shape[1:]), y.dtype
        draws = tuple(watched.draws)
        # nets that take all their rows at once are alike, however many these are
        takes_all = getattr(net, "iterator_train__batch_size", net.batch_size) == -1
        size = 0 if takes_all else self.batch_size
        return Likeness((*key_of(net), size, *tail, *(draw.kind for draw in draws)), draws)

    def run_schedule(self) -> None:
        """Read the optimizer's settings for each step; callbacks that change them are called as after a batch."""
        net = self.net
        steppers = steppers_of(net)
        self.batches: list[dict[str, Any]] = [{} for _ in range(self.n_steps)]
        self.settings = [settings_of(net.optimizer_)]
        if not steppers:
            return
        self._schedule = [(c, dict(vars(c)), copy.copy(vars(c.lr_scheduler_))) for c in steppers]
        rows = net.history[-1]["batches"]
        # schedulers warn if the optimizer has made no step
        note_steps(net.optimizer_)
        for t, row in enumerate(self.batches):
            row.update(train_loss=None, train_batch_size=self.size_of(t))
            rows.append(row)
            for callback in steppers:
                callback.on_batch_end(net, training=True, batch=None)
            self.settings.append(settings_of(net.optimizer_))
        del rows[-self.n_steps :]

    def state_of_stream(self) -> Any:
        """Return the state of what the net draws from."""
        return _state_of_stream(self.net)

    def set_stream(self, state: Any) -> None:
        """Set what the net draws from to a state."""
        _restore_stream(self.net, state)

    def undo(self) -> None:
        """Set back what was drawn and what the schedule changed."""
        self.set_stream(self._stream)
        for callback, of_callback, of_scheduler in self._schedule:
            vars(callback).update(of_callback)
            vars(callback.lr_scheduler_).update(of_scheduler)
        for group, before in zip(self.net.optimizer_.param_groups, self._groups, strict=True):
            group.update(before)

    def finish(self, losses: list[float]) -> None:
        """Write the losses of the steps into the history."""
        net = self.net
        for t, (row, loss) in enumerate(zip(self.batches, losses, strict=True)):
            row.update(train_loss=loss, train_batch_size=self.size_of(t))
        net.history[-1]["batches"].extend(self.batches)
        net.history.record("train_batch_count", len(losses))
        net._set_training(True)
        note_steps(net.optimizer_)
        net._fitting_.ran.update(("run_single_epoch", "infer"))

    def shares(self) -> Tensor:
        """Return the weights, of shape (n_rows,), by which the losses of rows make that of their step."""
        dtype = next(self.net.module_.parameters()).dtype
        mean = uncompiled(self.net.criterion_).reduction == "mean"
        numerator, denominator = self._row_weights(dtype)
        if not mean:
            return numerator
        padded = torch.zeros(self.n_steps * self.batch_size, dtype=dtype, device=denominator.device)
        padded[: self.n_rows] = denominator
        totals = padded.view(self.n_steps, -1).sum(1)
        if self.net._fitting_.has_weights:
            totals = totals.clamp_min(torch.finfo(dtype).tiny)
        return numerator / totals.repeat_interleave(self.batch_size)[: self.n_rows]

    def _row_weights(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return the weights of the rows in the sum of a step's losses, and in that by which it is divided."""
        fitting, criterion = self.net._fitting_, uncompiled(self.net.criterion_)
        order = self.rows.order
        y = self.y[order.to(self.y.device)].to(self.device)
        weights = torch.ones(self.n_rows, dtype=dtype, device=self.device)
        if self._weighted:
            weights = self.rows.tensors[2][order.to(self.rows.tensors[2].device)].to(weights)
        if fitting.has_weights and fitting._class_weight is not None:
            weights = weights * fitting._table_like(weights)[y.long()]
        own = own_weights(criterion, y)
        if own is None:
            return weights, weights
        own = own.to(dtype)
        return (weights * own if weighs_in_rows(criterion) else weights), weights * own

    def _weights_of(self, t: int) -> Any:
        if not self._weighted:
            return None
        weights = self.rows.tensors[2]
        return weights[self.rows.order[t * self.batch_size :][: self.batch_size].to(weights.device)]

    def _check_weights(self, y_pred: Any, y: Tensor, loss: Any) -> None:
        """Raise CannotFuseError unless the weighted losses of the rows make the loss of the batch."""
        if not isinstance(y_pred, Tensor):
            raise CannotFuseError(f"its module's output is a {type(y_pred).__name__}, not a tensor")
        if own_weights(self.net.criterion_, y) is not None and y.ndim > 1:
            raise CannotFuseError("its rows have several labels each")
        name, losses_of = type(self.net.criterion_).__name__, losses_of_rows(self.net)
        losses = losses_of(y_pred, y)
        if not torch.allclose(losses_of(y_pred[:1], y[:1]), losses[:1], rtol=_close(losses.dtype), equal_nan=True):
            # as where outputs of shape (n, 1) meet y of shape (n,)
            raise CannotFuseError(f"criterion={name} compares each output with the targets of other rows")
        made = torch.dot(losses, self.shares()[: len(y)])
        if not torch.allclose(made, loss.to(made.dtype), rtol=_close(loss.dtype), equal_nan=True):
            raise CannotFuseError(f"criterion={name} gives another loss for a batch than the mean of its rows")


def address_of(tensor: Tensor) -> tuple[Any, ...]:
    """Return the place of a tensor in memory, which names it for as long as it exists and is not changed."""
    return tensor.data_ptr(), changes_of(tensor), tuple(tensor.shape), tensor.stride(), tensor.dtype


def _close(dtype: torch.dtype) -> float:
    """Return the relative difference up to which two ways to the same number may differ."""
    return max(1e-3, 8 * float(torch.finfo(dtype).eps))


def _state_of_stream(net: Any) -> Any:
    streams = net._random_streams_
    if streams is None:
        return torch.get_rng_state()
    return dict(streams._states[TRAINING])


def _restore_stream(net: Any, state: Any) -> None:
    streams = net._random_streams_
    if streams is None:
        torch.set_rng_state(state)
    else:
        streams._states[TRAINING] = dict(state)


def _numbers_of_others() -> tuple[Any, ...]:
    """Return the states of the generators of Python and NumPy."""
    return random.getstate(), pickle.dumps(np.random.get_state(legacy=False))  # noqa: NPY002


@contextmanager
def _others_kept() -> Iterator[None]:
    """Set the generators of Python and NumPy back at the end of the `with` block."""
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002


def settings_by_step(parts: list[Part], n_steps: int) -> dict[str, np.ndarray]:
    """Return the settings of several nets' steps, by name, as arrays of shape (n_steps, n_nets)."""
    names = parts[0].settings[0]
    return {name: np.array([_by_step(part.settings, name, n_steps) for part in parts]).T for name in names}


def _by_step(settings: list[dict[str, float]], name: str, n_steps: int) -> list[float]:
    values = [each[name] for each in settings[:n_steps]]
    return values + values[-1:] * (n_steps - len(values))
