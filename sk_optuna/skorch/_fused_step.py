"""Make one step of several models as one sequence of batched operations.

`vmap` turns the module's forward pass into one over models; the losses of all rows and their gradients are then those
of an ordinary batch. Written down once by `make_fx` as a list of torch's operations, the step runs without the Python
of modules, autograd and vmap, which for small models is most of the time. The list is made for two and for three
models; their difference tells which numbers in it grow with the number of models, so that it serves any number.

Not taken: `torch.compile`, which needs 10 seconds and more for each shape; symbolic shapes, which make the list eight
times slower to write.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.flop_counter import FlopCounterMode

from sk_optuna._compat._torch import copy_to_all, draws_random_numbers, one_fake_mode, uncompiled
from sk_optuna.skorch._fused_draws import BatchedForward, CannotFuseError, Draw
from sk_optuna.skorch._fused_graph import BLOCK, bytes_in, scaled, shortened
from sk_optuna.skorch._fused_likeness import weighs_in_rows
from sk_optuna.skorch._fused_replay import ReplayedStep

# Numbers of models of which it is tried whether results are the same.
_TRIED = (1, 2, 3, 5, 8)

Losses = Callable[[Tensor, Tensor], Tensor]


class Layout:
    """The place of each trained parameter in one row of numbers.

    Each begins at a multiple of some bytes, in each row: a product of matrices may differ in its last digit with the
    place of a matrix in memory.

    Parameters
    ----------
    shapes : sequence of tuples
        The parameters' shapes.
    """

    def __init__(self, shapes: Sequence[Any]) -> None:
        self.shapes = [tuple(shape) for shape in shapes]
        self.sizes = [torch.Size(shape).numel() for shape in self.shapes]
        self._places = [-(-size // BLOCK) * BLOCK for size in self.sizes]

    def views(self, flat: Tensor) -> list[Tensor]:
        """Return the parameters in a tensor of shape (n_models, n_numbers), each of shape (n_models, ...)."""
        parts = zip(flat.split(self._places, dim=1), self.sizes, self.shapes, strict=True)
        return [part[:, :size].view(len(flat), *shape) for part, size, shape in parts]

    def empty(self, n_models: int, like: Tensor) -> Tensor:
        """Return zeros of shape (n_models, n_numbers)."""
        return like.new_zeros((n_models, sum(self._places)))


class BatchedStep:
    """The step of nets that are alike, for any number of them.

    Parameters
    ----------
    net : skorch net
        One of them; nothing of it is changed or kept.
    draws : sequence of Draw
        The masks of a forward pass.
    X, y : Tensor
        A batch of its rows.

    Attributes
    ----------
    trained : list of str
        Names of the parameters that get gradients.
    constant : list of str
        Names of the other parameters, and of the buffers.
    mixes_rows : bool
        Whether the output for a row depends on rows that fill its batch up; with BatchNorm it does not.
    n_values : int or None
        Values that a row has of a channel of BatchNorm, the least of all its layers; None without such a layer.
    n_flops, n_conv_flops : int
        Arithmetic of a step for one model, forward and backward: products of matrices, convolutions.
    least : int
        Least number of models for which a model's numbers do not depend on how many there are.

    Raises
    ------
    CannotFuseError
        If the module or the criterion has no batched form, or if a model's numbers depend on how many there are.
    """

    def __init__(self, net: Any, draws: Sequence[Draw], X: Tensor, y: Tensor) -> None:
        self._draws = tuple(draws)
        self.trained, self.constant = _names(net.module_)
        self.mixes_rows = False
        self.n_values: int | None = None
        self.n_flops = self.n_conv_flops = 0
        self.least = 1
        self._graphs: dict[tuple[int, int], Callable[..., Sequence[Tensor]]] = {}
        self._fills_up: dict[int, bool] = {}
        self._pairs: dict[int, tuple[fx.GraphModule, fx.GraphModule]] = {}
        self._look_at(net, X, y)

    def for_models(self, net: Any, n_models: int, X: Tensor, y: Tensor) -> Callable[..., Sequence[Tensor]]:
        """Return the step for a number of models, as a function of tensors.

        Parameters
        ----------
        net : skorch net
            One of the nets.
        n_models : int
            Number of models.
        X, y : Tensor
            A batch of one of them; its number of rows is that of the step.

        Returns
        -------
        callable
            From trained parameters, constants, X, y, weights of rows, which rows are real, and masks, each of shape
            (n_models, ...), to a list: losses of shape (n_models,), and the gradient of each trained parameter.
        """
        size = len(X)
        if (n_models, size) not in self._graphs:
            made = scaled(*self._pair(net, X, y), n_models)
            made = self._traced(net, n_models, X, y) if made is None else made
            # a step may write to constants, such as the means of BatchNorm
            is_replayed = X.is_cuda and not self.constant
            self._graphs[n_models, size] = ReplayedStep(made) if is_replayed else made
        return self._graphs[n_models, size]

    def bytes_for(self, net: Any, X: Tensor, y: Tensor) -> int:
        """Return an upper bound of the memory that one model's step takes for all that it computes."""
        X, y = (filled_up(each, self.n_rows(len(each))) for each in (X, y))
        return bytes_in(self._pair(net, X, y)[0]) // 2

    def _pair(self, net: Any, X: Tensor, y: Tensor) -> tuple[fx.GraphModule, fx.GraphModule]:
        if len(X) not in self._pairs:
            self._pairs[len(X)] = (self._traced(net, 2, X, y), self._traced(net, 3, X, y))
        return self._pairs[len(X)]

    def _look_at(self, net: Any, X: Tensor, y: Tensor) -> None:
        """Find the parameters in use, and whether rows are mixed, from steps that are not written down."""
        step, inputs = self._function(net), self._inputs(net, 2, X, y)
        with FlopCounterMode(display=False) as counter:
            grads = step(*inputs)[1:]
        counts = counter.get_flop_counts().get("Global", {})
        self.n_conv_flops = sum(n for operation, n in counts.items() if "convolution" in str(operation)) // 2
        self.n_flops = counter.get_total_flops() // 2 - self.n_conv_flops
        used = [name for name, grad in zip(self.trained, grads, strict=True) if grad is not None]
        if not used:
            raise CannotFuseError("no parameter gets a gradient")
        self.constant = [*(name for name in self.trained if name not in used), *self.constant]
        self.trained = used
        self.mixes_rows = self._mixes_rows(net, X, y, self.n_rows(len(X) + 1))
        if not self.mixes_rows:
            X, y = (filled_up(each, self.n_rows(len(X))) for each in (X, y))
        if X.device.type == "cpu":
            self.least = self._find_least(net, X, y)

    def n_rows(self, n_rows: int) -> int:
        """Return how many rows a batch has when it is filled up, so that a model's numbers do not depend on its place.

        torch computes functions such as the sigmoid of numbers side by side, and the last ones, which make no whole
        block, one by one: these may differ in their last digit.
        """
        return n_rows if self.mixes_rows else -(-n_rows // BLOCK) * BLOCK

    def _find_least(self, net: Any, X: Tensor, y: Tensor) -> int:
        """Find the least number of models from which each model's results are the same, to the last digit.

        torch sums up in another order where a product has a single matrix. Tried with different models, and each of
        them in several places among the others.
        """
        models = self._varied(self._inputs(net, _TRIED[-1], X, y), with_rows=True)
        n_params = len(self.trained)
        layout = Layout([each.shape[1:] for each in models[:n_params]])

        def results(first: int, n: int) -> list[Tensor]:
            # the parameters lie in memory as those of a group do
            params = layout.views(layout.empty(n, models[0]))
            copy_to_all(params, [each[first:][:n] for each in models[:n_params]])
            step = self.for_models(net, n, X, y)
            made = step(*params, *(each[first:][:n].clone() for each in models[n_params:]))
            return [each.nan_to_num() for each in made]

        with without_onednn(), torch.no_grad():
            expected = results(0, _TRIED[-1])
            depends = [
                n
                for n in _TRIED[:-1]
                for first in range(0, _TRIED[-1] - n + 1, n)
                if not all(torch.equal(a, b[first:][:n]) for a, b in zip(results(first, n), expected, strict=True))
            ]
        if depends and max(depends) > 1:
            raise CannotFuseError("its last digits would depend on the number of nets that train together")
        return 1 + len(depends[:1])

    def can_fill_up(self, net: Any, n_rows: int, X: Tensor, y: Tensor) -> bool:
        """Return whether a batch of some rows can be filled up to the length of the others.

        Parameters
        ----------
        net : skorch net
            One of the nets.
        n_rows : int
            Rows of the batch.
        X, y : Tensor
            A whole batch of its rows.
        """
        if self.mixes_rows or n_rows == len(X):
            return True
        if n_rows not in self._fills_up:
            self._fills_up[n_rows] = not self._mixes_rows(net, X[:n_rows], y[:n_rows], self.n_rows(len(X)))
        return self._fills_up[n_rows]

    def _mixes_rows(self, net: Any, X: Tensor, y: Tensor, length: int) -> bool:
        """Return whether losses, gradients or buffers change by rows that only fill a batch up to some length."""
        inputs, (n, m) = self._varied(self._inputs(net, 2, X, y)), (len(self.trained), len(self.constant))
        n_more = length - len(X)
        alone = self._results(net, inputs)
        scale = max(float(each.abs().nan_to_num().max()) for each in alone if each.numel())
        close = min(0.05, 1000 * torch.finfo(inputs[0].dtype).eps)
        for i in (0, -1):
            filled = inputs[: n + m]
            for each in inputs[n + m : n + m + 2]:  # X and y
                filled.append(torch.cat([each, each[:, [i]].expand(-1, n_more, *each.shape[2:])], 1))
            for each in inputs[n + m + 2 : n + m + 4]:  # weights of rows, and which are real
                filled.append(torch.cat([each, each.new_zeros(len(each), n_more)], 1))
            for each, draw in zip(inputs[n + m + 4 :], self._draws, strict=True):
                filled.append(torch.cat([each, each.new_ones(len(each), n_more * draw.per_row, *each.shape[2:])], 1))
            for a, b in zip(alone, self._results(net, filled), strict=True):
                if not torch.allclose(a, b, rtol=close, atol=close * scale, equal_nan=True):
                    return True
        return False

    def _results(self, net: Any, inputs: list[Tensor]) -> list[Tensor]:
        """Return losses and gradients of a step that is not written down, and the constants after it."""
        n, m = len(self.trained), len(self.constant)
        constants = [each.clone() for each in inputs[n : n + m]]
        return [*self._function(net)(*inputs[:n], *constants, *inputs[n + m :]), *(each.double() for each in constants)]

    def _varied(self, inputs: list[Tensor], *, with_rows: bool = False) -> list[Tensor]:
        """Return inputs with other parameters in each model, none of them zero, and on demand with other rows."""
        noise = torch.Generator().manual_seed(0)
        n, m = len(self.trained), len(self.trained) + len(self.constant)
        made = list(inputs)
        for i in [*range(n), *([m] if with_rows else [])]:
            if inputs[i].is_floating_point():
                factor, summand = (torch.randn(inputs[i].shape, generator=noise) for _ in range(2))
                made[i] = (inputs[i] * factor.to(inputs[i])).add_(summand.to(inputs[i]), alpha=0.1)
        return made

    def _split(self, inputs: list[Tensor]) -> tuple[list[Tensor], list[Tensor], Tensor, Tensor, list[Tensor]]:
        """Return parameters, constants, X, which rows are real, and masks, of which a forward pass is made."""
        n, m = len(self.trained), len(self.trained) + len(self.constant)
        return inputs[:n], inputs[n:m], inputs[m], inputs[m + 3], inputs[m + 4 :]

    def _inputs(self, net: Any, n_models: int, X: Tensor, y: Tensor) -> list[Tensor]:
        """Return inputs of the right shapes: the same net several times."""
        tensors = {**dict(net.module_.named_parameters()), **dict(net.module_.named_buffers())}
        layout = Layout([tensors[name].shape for name in self.trained])
        flat = layout.empty(n_models, tensors[self.trained[0]].detach())
        params = layout.views(flat)
        copy_to_all(
            params, [tensors[name].detach().expand_as(view) for name, view in zip(self.trained, params, strict=True)]
        )
        many = [_repeated(tensors[name].detach(), n_models) for name in self.constant]
        weights = flat.new_full((n_models, len(X)), 1 / len(X))
        masks = [
            torch.ones((n_models, len(X) * draw.per_row, *draw.shape), dtype=draw.dtype, device=X.device)
            for draw in self._draws
        ]
        real = torch.ones_like(weights)
        return [*params, *many, _repeated(X, n_models), _repeated(y, n_models), weights, real, *masks]

    def _outputs(self, net: Any) -> Callable[..., Tensor]:
        template = copy.deepcopy(net.module_).train()
        names = [*self.trained, *self.constant]
        twin = net._twin()

        def forward(
            params: list[Tensor], constants: list[Tensor], X: Tensor, real: Tensor, masks: list[Tensor]
        ) -> Tensor:
            tensors = dict(zip(names, [*params, *constants], strict=True))
            # infer may change the module's output, as that of a binary classifier
            twin.__dict__.update(_fitting_=None, module_=lambda rows: functional_call(template, tensors, (rows,)))
            with BatchedForward(masks, real) as mode:
                output = twin.infer(X)
            self.n_values = mode.batch_norm.n_values
            if not isinstance(output, Tensor):
                raise CannotFuseError(f"the module's output is a {type(output).__name__}, not a tensor")
            return output

        made: Callable[..., Tensor] = vmap(forward)
        return made

    def _function(self, net: Any) -> Callable[..., list[Tensor]]:
        outputs, losses = self._outputs(net), losses_of_rows(net)

        def step(*inputs: Tensor) -> list[Tensor]:
            params, constants, X, real, masks = self._split(list(inputs))
            y, weights = inputs[len(params) + len(constants) + 1 :][:2]
            leaves = [param.detach().requires_grad_() for param in params]
            with torch.enable_grad():
                output = outputs(leaves, constants, X, real, masks)
                rows = losses(output.flatten(0, 1), y.flatten(0, 1)).view(y.shape[:2])
                grads = torch.autograd.grad(rows, leaves, grad_outputs=weights, allow_unused=True)
            return [(rows.detach() * weights).sum(1), *grads]

        return step

    def _traced(self, net: Any, n_models: int, X: Tensor, y: Tensor) -> fx.GraphModule:
        # make_fx patches classes of torch for the time that it writes: a round has the process to itself
        with one_fake_mode():
            graph_module = make_fx(self._function(net))(*self._inputs(net, n_models, X, y))
        for node in graph_module.graph.nodes:
            if draws_random_numbers(node.target, node.args, node.kwargs):
                raise CannotFuseError(f"its module draws random numbers otherwise than Dropout ({node.target})")
        return shortened(graph_module)


@contextmanager
def without_onednn() -> Iterator[None]:
    """Have torch's own convolutions run on a CPU; oneDNN's choose their way by the number of models."""
    before, torch.backends.mkldnn.enabled = torch.backends.mkldnn.enabled, False
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before


def losses_of_rows(net: Any) -> Losses:
    """Return a function from outputs and y of a batch to the losses of its rows, without weights.

    The loss of a row with several outputs is their mean, or their sum where the criterion sums up.
    """
    criterion = copy.deepcopy(uncompiled(net.criterion_))
    sums, criterion.reduction = criterion.reduction == "sum", "none"
    if weighs_in_rows(criterion):
        criterion.weight = None
    twin = net._twin()
    twin.__dict__.update(_fitting_=None, criterion_=criterion)

    def losses(y_pred: Tensor, y_true: Tensor) -> Tensor:
        made = twin.get_loss(y_pred, y_true)
        if not isinstance(made, Tensor) or made.ndim == 0 or len(made) != len(y_pred):
            raise CannotFuseError(f"criterion={type(criterion).__name__} gives no losses of single rows")
        if made.ndim == 1:
            return made
        of_rows = made.reshape(len(made), -1)
        return of_rows.sum(1) if sums else of_rows.mean(1)

    return losses


def _names(module: nn.Module) -> tuple[list[str], list[str]]:
    params = list(module.named_parameters())
    trained = [name for name, param in params if param.requires_grad]
    frozen = [name for name, param in params if not param.requires_grad]
    return trained, [*frozen, *(name for name, _ in module.named_buffers())]


def filled_up(rows: Tensor, n_rows: int) -> Tensor:
    """Return rows, and the first of them again until there are as many as wanted."""
    return torch.cat([rows, rows[:1].expand(n_rows - len(rows), *rows.shape[1:])])


def _repeated(tensor: Tensor, n: int) -> Tensor:
    return torch.stack([tensor] * n)
