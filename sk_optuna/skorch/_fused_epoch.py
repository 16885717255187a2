"""Train one epoch of several nets as one batched model.

The nets stay as they are until the epoch has succeeded: it is trained on copies of their weights, buffers and optimizer
states, which are written back at the end. So a step that fails, for lack of memory for example, costs time and nothing
else. Nets with more steps come first: those that have ended are left out by taking the first ones only.

Not taken: to keep the weights stacked from epoch to epoch. The copies take some hundredths of an epoch's time, and in
between every net is an ordinary one, for callbacks, scores and pickles.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sk_optuna._compat._torch import add_to_all, copy_to_all
from sk_optuna.skorch._fused_draws import CannotFuseError, draw_into, share_that_stays
from sk_optuna.skorch._fused_likeness import clip_of
from sk_optuna.skorch._fused_optimizers import RULES, counts_steps, options_of, state_names, steps_done
from sk_optuna.skorch._fused_parts import Part, address_of, settings_by_step
from sk_optuna.skorch._fused_step import BatchedStep, Layout
from sk_optuna.skorch._random_streams import TRAINING

# Bytes of masks, indices and weights that are prepared at a time.
_CHUNK_BYTES = 2**26


class Stack:
    """The nets of a group as one model: copies of their tensors, one below the other.

    If they are fewer than the step needs, the first one is there again, and is not written back.

    Parameters
    ----------
    parts : list of Part
        The nets' epochs.
    step : BatchedStep
        Tells which parameters are trained.
    """

    def __init__(self, parts: list[Part], step: BatchedStep) -> None:
        self._optimizers = [part.net.optimizer_ for part in parts]
        tensors = [{**dict(p.net.module_.named_parameters()), **dict(p.net.module_.named_buffers())} for p in parts]
        self._trained = [[each[name] for name in step.trained] for each in tensors]
        self._constant = [[each[name] for name in step.constant] for each in tensors]
        self.layout = Layout([param.shape for param in self._trained[0]])
        self.params = self.layout.empty(max(len(parts), step.least), self._trained[0][0])
        _copy(self._by_model(self.params), self._trained)
        constants = [torch.stack([each.detach() for each in same]) for same in zip(*self._constant, strict=True)]
        self.constants = [_filled(constant, step.least) for constant in constants]
        self.names = state_names(self._optimizers[0])
        self.state = {name: self._stacked_state(name) for name in self.names}
        found = [steps_done(o, params) for o, params in zip(self._optimizers, self._trained, strict=True)]
        if None in found:
            raise CannotFuseError("its optimizer has made more steps for some parameters than for others")
        self.done = np.array(found)

    def _stacked_state(self, name: str) -> Tensor:
        made = torch.zeros_like(self.params)
        for views, (optimizer, params) in zip(self._by_model(made), self._pairs(), strict=True):
            held = [optimizer.state[param].get(name) if param in optimizer.state else None for param in params]
            for view, value in zip(views, held, strict=True):
                if value is not None:
                    view.copy_(value)
        return made

    def write_back(self, n_steps: Sequence[int], grads: Sequence[Tensor]) -> None:
        """Give the nets their weights, buffers, optimizer states, and the gradients of their last steps."""
        _copy(self._trained, self._by_model(self.params))
        if self.constants:
            n = len(self._constant)
            _copy(self._constant, list(zip(*(each[:n].unbind() for each in self.constants), strict=True)))
        for optimizer, params in zip(self._optimizers, self._trained, strict=True):
            _open_states(optimizer, params, self.names)
        for name, flat in self.state.items():
            _copy(
                [[o.state[param][name] for param in params] for o, params in self._pairs()],
                self._by_model(flat),
            )
        if counts_steps(self._optimizers[0]):
            for (optimizer, params), n in zip(self._pairs(), n_steps, strict=True):
                add_to_all([optimizer.state[param]["step"] for param in params], n)
        for params, of_net in zip(self._trained, grads, strict=True):
            for param, grad in zip(params, self.layout.views(of_net), strict=True):
                param.grad = grad[0]

    def _pairs(self) -> Iterator[tuple[Any, list[Tensor]]]:
        return zip(self._optimizers, self._trained, strict=True)

    def _by_model(self, flat: Tensor) -> list[tuple[Tensor, ...]]:
        n = len(self._trained)
        return list(zip(*(view[:n].unbind() for view in self.layout.views(flat)), strict=True))


class Rows:
    """X and y of the nets of a group, those that are the same once.

    Parameters
    ----------
    parts : list of Part
        The nets' epochs.
    shelf : dict
        Keeps X and y for the next epoch of the group.
    """

    def __init__(self, parts: list[Part], shelf: dict[Any, Any]) -> None:
        device = parts[0].device
        origins = [part.origin or address_of(part.X) for part in parts]
        self.X, self.first_X = _joined([part.X for part in parts], origins, device, shelf, "X")
        addresses = [address_of(part.y) for part in parts]
        self.y, self.first_y = _joined([part.y for part in parts], addresses, device, shelf, "y")


def train_epoch(parts: list[Part], step: BatchedStep, shelf: dict[Any, Any], check: Callable[[], None]) -> list[Any]:
    """Train an epoch of several nets that are alike.

    Parameters
    ----------
    parts : list of Part
        The nets' epochs, those with more steps first.
    step : BatchedStep
        Their step.
    shelf : dict
        Things that are kept for the next epoch.
    check : callable
        Called before each step; it raises where training is to end.

    Returns
    -------
    list of list of float
        The losses of each net's steps.
    """
    counts = [part.n_steps for part in parts]
    stack, rows = Stack(parts, step), Rows(parts, shelf)
    grads = torch.zeros_like(stack.params)
    optimizer = parts[0].net.optimizer_
    update = RULES[type(optimizer)](
        stack.params, grads, stack.state, options_of(optimizer), settings_by_step(parts, counts[0]), stack.done
    )
    clip, last = _clipping(parts, grads), [grads] * len(parts)
    losses = torch.zeros((counts[0], len(parts)), dtype=stack.params.dtype, device=grads.device)
    params, places = stack.layout.views(stack.params), stack.layout.views(grads)
    with torch.no_grad():
        for t, n, inputs in _batches(parts, step, rows):
            check()
            X, y = inputs[:2]
            graph = step.for_models(parts[0].net, len(X), X[0], y[0])
            constants = [constant[: len(X)] for constant in stack.constants]
            made = graph(*(param[: len(X)] for param in params), *constants, *inputs)
            losses[t, :n] = made[0][:n]
            copy_to_all([place[: len(X)] for place in places], made[1:])
            if clip is not None:
                clip(n)
            for i in range(n)[::-1]:
                if counts[i] > t + 1:
                    break
                # the update changes gradients in place
                last[i] = grads[i : i + 1].clone()
            update.step(t, n)
        stack.write_back(counts, last)
    return [of_net[:n] for of_net, n in zip(losses.T.tolist(), counts, strict=True)]


def _batches(parts: list[Part], step: BatchedStep, rows: Rows) -> Iterator[tuple[int, int, list[Tensor]]]:
    """Yield the number of each step, the number of nets that make it, and its inputs behind parameters and constants.

    These are X, y, the weights of rows, which rows are real, and masks; see `BatchedStep.for_models`.
    """
    size, device = max(part.size_of(0) for part in parts), parts[0].device
    length = step.n_rows(size)
    counts = np.array([part.n_steps for part in parts])
    draws = parts[0].net._fitting_.together.draws
    per_step = len(parts) * length * (24 + sum(_bytes_of(draw) for draw in draws))
    n_chunk = max(1, _CHUNK_BYTES // max(1, per_step))
    of_rows = [
        _RowsOfNet(part.rows.order, part.shares(), (rows.first_X[i], rows.first_y[i])) for i, part in enumerate(parts)
    ]
    for start in range(0, counts[0], n_chunk):
        stop = min(start + n_chunk, counts[0])
        indices, weights, real = _indices(of_rows, start, stop, size, length, device)
        masks = _masks(parts, draws, start, stop, length, device)
        for t in range(start, stop):
            n = int((counts > t).sum())
            # where rows are mixed, all nets have as many
            in_use = parts[0].size_of(t) if step.mixes_rows else length
            where = _filled(indices[:, t - start, :n, :in_use], step.least, dim=1)
            X, y = (
                each.index_select(0, where[i].reshape(-1)).view(*where[i].shape, *each.shape[1:])
                for i, each in enumerate((rows.X, rows.y))
            )
            others = [each[t - start, :n, :in_use] for each in (weights, real)]
            others += [mask[t - start, :n, : in_use * draw.per_row] for mask, draw in zip(masks, draws, strict=True)]
            yield t, n, [X, y, *(_filled(each, step.least).contiguous() for each in others)]


def _filled(tensor: Tensor, least: int, dim: int = 0) -> Tensor:
    """Return a tensor that has a place for at least so many models, with the first one in places that are free."""
    n_lacking = least - tensor.shape[dim]
    return tensor if n_lacking <= 0 else torch.cat([tensor, *[tensor.narrow(dim, 0, 1)] * n_lacking], dim)


class _RowsOfNet(NamedTuple):
    """The rows of a net's epoch in order, their weights, and where its X and its y begin among those of all."""

    order: Tensor
    shares: Tensor
    begins: tuple[int, int]


def _indices(
    of_rows: list[_RowsOfNet], start: int, stop: int, size: int, length: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Return where to find the rows of some steps in X and in y, their weights, and 1 for each; 0 where a net has none.

    A batch is filled up with a row of its own: its loss may be infinite, and then that of the batch is so anyway.
    """
    n_steps, n_nets = stop - start, len(of_rows)
    indices = torch.zeros((2, n_steps, n_nets, length), dtype=torch.int64)
    weights = torch.zeros((n_steps, n_nets, length), dtype=of_rows[0].shares.dtype, device=device)
    real = torch.zeros((n_steps, n_nets, length), dtype=weights.dtype)
    for i, net in enumerate(of_rows):
        mine = net.order[start * size : stop * size]
        if not len(mine):
            continue
        shares = net.shares[start * size : stop * size]
        n_filled = -(-len(mine) // size)
        lacking = n_filled * size - len(mine)
        by_step = torch.cat([mine, mine[-1:].expand(lacking)]).view(n_filled, size)
        for which, first in enumerate(net.begins):
            indices[which, :n_filled, i, :size] = by_step + first
            indices[which, :n_filled, i, size:] = by_step[:, :1] + first
        weights[:n_filled, i, :size] = torch.cat([shares, shares.new_zeros(lacking)]).view(n_filled, size)
        real[:n_filled, i, :size] = 1
        real[n_filled - 1, i, size - lacking : size] = 0
    return indices.to(device), weights, real.to(device)


def _masks(
    parts: list[Part], draws: Sequence[Any], start: int, stop: int, size: int, device: torch.device
) -> list[Tensor]:
    """Draw the masks of some steps, each net's from its own stream, in the order in which it would draw them."""
    masks = [
        torch.ones((stop - start, len(parts), size * d.per_row, *d.shape), dtype=d.dtype, device=device) for d in draws
    ]
    if not draws:
        return masks
    for i, part in enumerate(parts):
        own = part.net._fitting_.together.draws
        with part.net._drawing(TRAINING):
            for t in range(start, min(stop, part.n_steps)):
                n_rows = part.size_of(t)
                for mask, draw in zip(masks, own, strict=True):
                    draw_into(mask[t - start, i, : n_rows * draw.per_row], draw.p)
        for mask, draw in zip(masks, own, strict=True):
            mask[:, i].div_(share_that_stays(draw.p))
    return masks


def _clipping(parts: list[Part], grads: Tensor) -> Callable[[int], None] | None:
    """Return a function that clips the gradients of the first nets, each by its own norm, as torch does for one."""
    clips = [of_net for part in parts if (of_net := clip_of(part.net)) is not None]
    if len(clips) < len(parts):
        return None
    largest = torch.tensor([[value] for value, _ in clips], dtype=grads.dtype, device=grads.device)
    kind = clips[0][1]

    def clip(n: int) -> None:
        norms = torch.linalg.vector_norm(grads[:n], kind, dim=1, keepdim=True)
        grads[:n].mul_((largest[:n] / (norms + 1e-6)).clamp_(max=1.0))

    return clip


def _joined(
    tensors: list[Tensor], keys: list[Any], device: torch.device, shelf: dict[Any, Any], name: str
) -> tuple[Tensor, list[int]]:
    """Return tensors one below the other, those of one key once, and the row at which each of them begins."""
    place = name, device, tensors[0].dtype, tuple(tensors[0].shape[1:])
    kept: tuple[dict[Any, int], Tensor, list[Tensor]] | None = shelf.get(place)
    if kept is None or any(key not in kept[0] for key in keys):
        distinct = list(dict(zip(keys, tensors, strict=True)).values())
        starts = np.cumsum([0, *(len(each) for each in distinct)])
        firsts = dict(zip(dict.fromkeys(keys), starts.tolist(), strict=False))
        joined = distinct[0].to(device) if len(distinct) == 1 else torch.cat([each.to(device) for each in distinct])
        # the tensors stay referred to: an address names them only as long as they exist
        kept = shelf[place] = firsts, joined, distinct
    return kept[1], [kept[0][key] for key in keys]


def _bytes_of(draw: Any) -> int:
    return int(draw.per_row * torch.Size(draw.shape).numel() * draw.dtype.itemsize)


def _copy(to: Sequence[Sequence[Tensor]], values: Sequence[Sequence[Tensor]]) -> None:
    copy_to_all([each for one in to for each in one], [each for one in values for each in one])


def _open_states(optimizer: Any, params: list[Tensor], names: Sequence[str]) -> None:
    """Give an optimizer that has made no step yet the states that its first step would make."""
    for param in params:
        state = optimizer.state[param]
        if counts_steps(optimizer) and "step" not in state:
            state["step"] = torch.tensor(0.0, dtype=torch.get_default_dtype())
        for name in names:
            if state.get(name) is None:
                state[name] = torch.zeros_like(param, memory_format=torch.preserve_format)
