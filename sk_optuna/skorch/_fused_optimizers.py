"""Steps of an optimizer for many models at once, whose parameters lie in one tensor, a row a model.

The formulas, and the order of their operations, are those of torch's optimizers for single tensors, with a column of
numbers where torch has one number. On a CPU torch has one pass for all of Adam's operations, called model by model,
which is twice as fast for models that are not tiny. Not taken: torch's functions for lists of tensors, which take one
learning rate for all.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from sk_optuna._compat._torch import adam_on_cpu, add_to_all

# Number of parameters of a model from which a call a model costs less than a pass an operation.
_MANY_PARAMS = 2000
# Settings of a model's optimizer, by name; [step, model].
Settings = Mapping[str, np.ndarray]


class Steps:
    """Base of the rules: state and settings of the models of one epoch.

    Parameters
    ----------
    params, grads : Tensor of shape (n_models, n_params)
        Changed in place.
    state : dict
        From the state's name to a tensor like `params`, changed in place.
    options : dict
        Settings that are the same for all models and steps, such as `nesterov`.
    settings : dict
        From a setting's name to an array of shape (n_steps, n_models).
    done : array of shape (n_models,)
        Number of steps that each model has made before.
    """

    # Settings that may differ between models.
    own: ClassVar[tuple[str, ...]] = ()
    _decay: Tensor

    def __init__(
        self,
        params: Tensor,
        grads: Tensor,
        state: dict[str, Tensor],
        options: Mapping[str, Any],
        settings: Settings,
        done: np.ndarray,
    ) -> None:
        self.options = options
        self.settings = settings
        self.counts = done[None, :] + np.arange(1, len(next(iter(settings.values()))) + 1)[:, None]
        self._params, self._grads, self._state = params, grads, state
        self._spare = torch.empty_like(params)
        self._of_first: dict[int, tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]] = {}
        self._prepare()

    def first(self, n: int) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """Return parameters, gradients, spare room and state of the first `n` models."""
        if n not in self._of_first:
            state = {name: tensor[:n] for name, tensor in self._state.items()}
            self._of_first[n] = self._params[:n], self._grads[:n], self._spare[:n], state
        return self._of_first[n]

    def column(self, values: np.ndarray) -> Tensor:
        """Return numbers as a column a step, of shape (n_steps, n_models, 1).

        They are columns even where all are the same: a product with one number may differ in its last digit, and a
        model's numbers would then depend on which others it is trained with.
        """
        numbers = torch.from_numpy(np.asarray(values, dtype=np.float64)).to(self._params.dtype)
        return numbers.to(self._params.device)[:, :, None]

    def _prepare(self) -> None:
        raise NotImplementedError

    def step(self, t: int, n: int) -> None:
        """Make step `t` of the epoch for the first `n` models."""
        raise NotImplementedError

    def _decayed(self, t: int, n: int, params: Tensor, grads: Tensor) -> None:
        """Add the weights, times weight_decay, to the gradients; both are changed in place."""
        if self.options["maximize"]:
            grads.neg_()
        if self._decays:
            grads.addcmul_(params, self._decay[t, :n])

    @property
    def _decays(self) -> bool:
        return bool(self.settings["weight_decay"].any())


class SGDSteps(Steps):
    """torch.optim.SGD."""

    own = ("lr", "momentum", "dampening", "weight_decay")

    def _prepare(self) -> None:
        settings = self.settings
        self._lr = self.column(-settings["lr"])
        self._decay = self.column(settings["weight_decay"])
        self._momentum = self.column(settings["momentum"])
        # the first gradient is taken whole
        self._share = self.column(np.where(self.counts == 1, 1.0, 1 - settings["dampening"]))

    def step(self, t: int, n: int) -> None:
        """Make step `t` of the epoch for the first `n` models."""
        params, grads, _, state = self.first(n)
        self._decayed(t, n, params, grads)
        if "momentum_buffer" in state:
            momentum = self._momentum[t, :n]
            buffer = state["momentum_buffer"].mul_(momentum)
            buffer.addcmul_(grads, self._share[t, :n])
            grads = grads.addcmul_(buffer, momentum) if self.options["nesterov"] else buffer
        params.addcmul_(grads, self._lr[t, :n])


class AdamSteps(Steps):
    """torch.optim.Adam and AdamW."""

    own = ("lr", "beta1", "beta2", "eps", "weight_decay")

    def _prepare(self) -> None:
        settings = self.settings
        beta1, beta2 = settings["beta1"], settings["beta2"]
        self._lerp = self.column(1 - beta1)
        self._beta2, self._rest2 = self.column(beta2), self.column(1 - beta2)
        self._size = self.column(-settings["lr"] / (1 - beta1**self.counts))
        self._root = self.column((1 - beta2**self.counts) ** 0.5)
        self._eps = self.column(settings["eps"])
        self._decay = self.column(settings["weight_decay"])
        self._shrink = self.column(1 - settings["lr"] * settings["weight_decay"])
        self._one_pass = self._find_one_pass()

    def _find_one_pass(self) -> Any:
        plain = self._params.is_cpu and self._params.dtype in (torch.float32, torch.float64)
        if not plain or self._params.shape[1] < _MANY_PARAMS:
            return None
        self._models = [
            [[row] for row in rows]
            for rows in zip(self._params, self._grads, self._state["exp_avg"], self._state["exp_avg_sq"], strict=True)
        ]
        maxima = self._state.get("max_exp_avg_sq")
        self._maxima = [[] if maxima is None else [maxima[i]] for i in range(len(self._models))]
        self._steps = [torch.tensor(float(n)) for n in self.counts[0] - 1]
        self._numbers = {name: self.settings[name].tolist() for name in self.own}
        return adam_on_cpu(self.options["decoupled_weight_decay"])

    def _step_by_model(self, t: int, n: int) -> None:
        add_to_all(self._steps[:n], 1)
        amsgrad, maximize = self.options["amsgrad"], self.options["maximize"]
        for i in range(n):
            numbers = {name: values[t][i] for name, values in self._numbers.items()}
            self._one_pass(
                *self._models[i], self._maxima[i], [self._steps[i]], amsgrad=amsgrad, maximize=maximize, **numbers
            )

    def step(self, t: int, n: int) -> None:
        """Make step `t` of the epoch for the first `n` models."""
        if self._one_pass is not None:
            self._step_by_model(t, n)
            return
        params, grads, spare, state = self.first(n)
        if self.options["decoupled_weight_decay"]:
            if self.options["maximize"]:
                grads.neg_()
            if self._decays:
                params.mul_(self._shrink[t, :n])
        else:
            self._decayed(t, n, params, grads)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(grads, self._lerp[t, :n])
        square.mul_(self._beta2[t, :n])
        square.addcmul_(torch.mul(grads, grads, out=spare), self._rest2[t, :n])
        if "max_exp_avg_sq" in state:
            square = torch.maximum(state["max_exp_avg_sq"], square, out=state["max_exp_avg_sq"])
        scale = torch.sqrt(square, out=spare).div_(self._root[t, :n]).add_(self._eps[t, :n])
        params.addcdiv_(torch.mul(mean, self._size[t, :n], out=grads), scale)


class RMSpropSteps(Steps):
    """torch.optim.RMSprop."""

    own = ("lr", "alpha", "eps", "weight_decay", "momentum")

    def _prepare(self) -> None:
        settings = self.settings
        self._alpha, self._rest = self.column(settings["alpha"]), self.column(1 - settings["alpha"])
        self._eps = self.column(settings["eps"])
        self._decay = self.column(settings["weight_decay"])
        self._momentum = self.column(settings["momentum"])
        self._lr = self.column(-settings["lr"])

    def step(self, t: int, n: int) -> None:
        """Make step `t` of the epoch for the first `n` models."""
        params, grads, spare, state = self.first(n)
        self._decayed(t, n, params, grads)
        rest = self._rest[t, :n]
        square = state["square_avg"].mul_(self._alpha[t, :n])
        square.addcmul_(torch.mul(grads, grads, out=spare), rest)
        if "grad_avg" in state:
            mean = state["grad_avg"].lerp_(grads, rest)
            scale = torch.addcmul(square, mean, mean, value=-1, out=spare).sqrt_()
        else:
            scale = torch.sqrt(square, out=spare)
        scale.add_(self._eps[t, :n])
        if "momentum_buffer" in state:
            buffer = state["momentum_buffer"].mul_(self._momentum[t, :n]).addcdiv_(grads, scale)
            params.addcmul_(buffer, self._lr[t, :n])
        else:
            params.addcdiv_(grads.mul_(self._lr[t, :n]), scale)


RULES: dict[type[torch.optim.Optimizer], type[Steps]] = {
    torch.optim.SGD: SGDSteps,
    torch.optim.Adam: AdamSteps,
    torch.optim.AdamW: AdamSteps,
    torch.optim.RMSprop: RMSpropSteps,
}
# Settings that say how a step is made, on what and with what checks, but change no number.
_INDIFFERENT = {"foreach", "fused", "capturable"}


def settings_of(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Return the settings of an optimizer that may differ between models, as numbers."""
    group = dict(optimizer.param_groups[0])
    if "betas" in group:
        group["beta1"], group["beta2"] = group["betas"]
    return {name: float(group[name]) for name in RULES[type(optimizer)].own}


def options_of(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the settings of an optimizer that must be the same for all models of a group."""
    group = optimizer.param_groups[0]
    own = {*RULES[type(optimizer)].own, "betas"}
    # schedulers put settings of their own into the group
    options = {name: group[name] for name in optimizer.defaults if name in group and name not in own | _INDIFFERENT}
    # torch leaves the buffer out where momentum is 0
    if "momentum" in group:
        options["has_momentum"] = bool(group["momentum"])
    if type(optimizer) is torch.optim.AdamW:
        options["decoupled_weight_decay"] = True
    return {"decoupled_weight_decay": False, **options}


def state_names(optimizer: torch.optim.Optimizer) -> tuple[str, ...]:
    """Return the names of the tensors that an optimizer keeps for each parameter, without the count of steps."""
    options = options_of(optimizer)
    momentum = ("momentum_buffer",) if options.get("has_momentum") else ()
    if isinstance(optimizer, torch.optim.SGD):
        return momentum
    if isinstance(optimizer, torch.optim.RMSprop):
        return ("square_avg", *momentum, *(("grad_avg",) if options["centered"] else ()))
    return ("exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if options["amsgrad"] else ()))


def counts_steps(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether an optimizer keeps the number of its steps."""
    return not isinstance(optimizer, torch.optim.SGD)


def steps_done(optimizer: torch.optim.Optimizer, params: Sequence[Tensor]) -> int | None:
    """Return the number of steps that parameters have behind them, 1 for many with SGD; None if it is not the same."""
    found = {_done(optimizer.state.get(param), optimizer) for param in params}
    return found.pop() if len(found) == 1 else None


def _done(state: Any, optimizer: torch.optim.Optimizer) -> int:
    if not state:
        return 0
    if counts_steps(optimizer):
        return int(state["step"])
    return int(state.get("momentum_buffer") is not None)
