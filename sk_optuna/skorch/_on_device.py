"""Choose the device that a net runs on, and the precision of its forward pass.

`device="auto"` is resolved on each machine where the net is used. Pickles hold "auto", so a net trained on a GPU loads
on a machine without one. skorch's code, and that of its subclasses, reads `net.device` and expects a device. So the
value set stays in the instance's dict, and the attribute `net.device` gives the device on this machine. Not taken: to
overwrite the parameter with the device found, which clones and pickles would carry to the next machine.
"""

import inspect
from typing import Any

import torch
from skorch import NeuralNet
from skorch.dataset import unpack_data
from skorch.utils import TeeGenerator
from torch import Tensor

from sk_optuna._compat._skorch import TRIMMED, optimizer_names, zero_gradients
from sk_optuna._compat._torch import cpu_has_bf16
from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.worker import current_fold

_TYPES = ("auto", "cpu", "cuda", "mps", "xpu")
# For these, get_params returns the value set; the attribute returns its value on this machine.
_AS_SET = ("device", "verbose")
_AMP = {"bf16": torch.bfloat16, "fp16": torch.float16}


def best_device() -> str:
    """Return the best device of this machine: cuda, else mps, else cpu."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def check_device(device: Any) -> None:
    """Raise InvalidArgumentError for a device that torch does not know or this machine does not have."""
    if device is None or device == "auto":
        return
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InvalidArgumentError(
            f"device must be 'auto', None, or a device of torch such as 'cpu', 'cuda', 'cuda:1' or 'mps', "
            f"but got {device!r}.{hint(str(device), nearest(str(device), _TYPES, at_most=1))}"
        ) from error
    missing = _why_missing(found)
    if missing:
        raise InvalidArgumentError(f"device={str(device)!r}, but {missing}. Pass device='auto' to take what there is.")


def _why_missing(device: torch.device) -> str | None:
    if device.type == "mps" and not torch.backends.mps.is_available():
        return "torch finds no Apple GPU (mps) here"
    if device.type != "cuda":
        return None
    if not torch.cuda.is_available():
        return "torch finds no CUDA device here"
    n_devices = torch.cuda.device_count()
    if device.index is not None and device.index >= n_devices:
        return f"torch finds {n_devices} CUDA device(s) here, the last one is 'cuda:{n_devices - 1}'"
    return None


def check_amp(amp: Any, device: Any) -> None:
    """Raise InvalidArgumentError for a precision that is unknown or that the device cannot compute in."""
    if amp is None:
        return
    if amp not in _AMP:
        raise InvalidArgumentError(f"amp must be None, 'bf16' or 'fp16', but got {amp!r}.")
    kind = "cpu" if device is None else torch.device(device).type
    if amp == "fp16" and kind != "cuda":
        raise InvalidArgumentError(
            f"amp='fp16' needs a CUDA device, but the net is on {kind!r}. Pass amp='bf16' or None."
        )
    if amp == "bf16" and not _has_bf16(kind):
        raise InvalidArgumentError(f"amp='bf16' cannot be computed by this machine's {kind!r}. Pass amp=None.")


def _has_bf16(kind: str) -> bool:
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if kind == "cpu":
        return cpu_has_bf16()
    return bool(torch.amp.is_autocast_available(kind))


def as_float32(outputs: Any) -> Any:
    """Return a module's output, or a tuple of outputs, with half precision made float32."""
    if isinstance(outputs, Tensor):
        return outputs.float() if outputs.dtype in _AMP.values() else outputs
    return tuple(map(as_float32, outputs)) if type(outputs) is tuple else outputs


def check_steps_alone(optimizer: torch.optim.Optimizer) -> None:
    """Raise InvalidArgumentError for an optimizer that computes losses by itself, as LBFGS does."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise InvalidArgumentError(
            f"amp='fp16' scales the gradients between loss and step, and {type(optimizer).__name__} does both at once. "
            "Pass amp='bf16' or None, or another optimizer."
        )


def as_numbers(output: Any) -> Any:
    """Return an output in a dtype that NumPy has; bfloat16 becomes float32."""
    return output.float() if isinstance(output, Tensor) and output.dtype is torch.bfloat16 else output


class RunsOnDevice(NeuralNet):
    """Mixin: `device="auto"`, `amp`, and silence within a search.

    Attributes
    ----------
    device_ : str, torch.device or None
        The device that the module was put on.
    scaler_ : torch.amp.GradScaler or None
        Scales the losses of amp="fp16", so that gradients do not vanish; None otherwise.
    """

    scaler_: Any = None
    # Within a step of fp16: True once the loss was scaled. None between steps.
    _scaled_: bool | None = None

    @property
    def device(self) -> Any:
        """The device that the net runs on; `get_params` returns the value set, such as "auto"."""
        chosen = vars(self)["device"]
        if not (isinstance(chosen, str) and chosen == "auto"):
            return chosen
        return vars(self).get("device_") or best_device()

    @device.setter
    def device(self, value: Any) -> None:
        self.__dict__["device"] = value
        self.__dict__.pop("device_", None)

    @property
    def verbose(self) -> Any:
        """Verbosity: 0 within a search; `get_params` returns the value set."""
        return vars(self)["verbose"] if current_fold() is None else 0

    @verbose.setter
    def verbose(self, value: Any) -> None:
        self.__dict__["verbose"] = value

    def get_params(self, deep: bool = True, **kwargs: Any) -> dict[str, Any]:
        """Return the parameters as they were set; see `skorch.NeuralNet.get_params`."""
        params: dict[str, Any] = super().get_params(deep=deep, **kwargs)
        return {**params, **{name: vars(self)[name] for name in _AS_SET}}

    def _get_param_names(self) -> list[str]:
        # skorch takes all attributes for parameters whose names do not end in an underscore
        names = [name for name in super()._get_param_names() if name not in _AS_SET]
        return [name for name in names if not name.startswith("_") or name == TRIMMED]

    def initialize(self) -> Any:
        """Make module, criterion, optimizer and callbacks; see `skorch.NeuralNet.initialize`."""
        self.__dict__.pop("device_", None)
        self.__dict__.pop("scaler_", None)
        self.device_ = self.device
        return super().initialize()

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        """Make the optimizer, and a GradScaler for amp="fp16"; see `skorch.NeuralNet.initialize_optimizer`."""
        super().initialize_optimizer(*args, **kwargs)
        self.scaler_ = self._make_scaler() if self.amp == "fp16" else None
        return self

    def _make_scaler(self) -> Any:
        for name in optimizer_names(self):
            check_steps_alone(getattr(self, name + "_"))
        return torch.amp.GradScaler("cuda")

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Return the module's output for a batch, as float32; see `skorch.NeuralNet.infer`."""
        if self.amp is None:
            return super().infer(x, **fit_params)
        kind = "cpu" if self.device is None else torch.device(self.device).type
        with torch.autocast(kind, dtype=_AMP[self.amp]):
            outputs = super().infer(x, **fit_params)
        return as_float32(outputs)

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        """Make a step of the optimizer for a batch; see `skorch.NeuralNet.train_step`."""
        if self.amp != "fp16":
            return super().train_step(batch, **fit_params)
        if self.scaler_ is None:  # a subclass made the optimizer
            self.scaler_ = self._make_scaler()
        accumulator = self.get_train_step_accumulator()
        zero_gradients(self)
        self._scaled_ = False
        try:
            accumulator.store_step(self.train_step_single(batch, **fit_params))
            if not self._scaled_:
                raise self._unscaled("train_step_single")
        finally:
            del self._scaled_
        optimizers = [getattr(self, name + "_") for name in optimizer_names(self)]
        for optimizer in optimizers:
            self.scaler_.unscale_(optimizer)
        parameters = TeeGenerator(self.get_all_learnable_params())
        self.notify("on_grad_computed", named_parameters=parameters, batch=batch, training=True)
        for optimizer in optimizers:
            self.scaler_.step(optimizer)
        self.scaler_.update()
        return accumulator.get_step()

    def train_step_single(self, batch: Any, **fit_params: Any) -> Any:
        """Compute the loss of a batch and its gradients; see `skorch.NeuralNet.train_step_single`."""
        if self.amp != "fp16":
            return super().train_step_single(batch, **fit_params)
        if self._scaled_ is None:
            raise self._unscaled("train_step")
        self._set_training(True)
        X, y = unpack_data(batch)
        y_pred = self.infer(X, **fit_params)
        loss = self.get_loss(y_pred, y, X=X, training=True)
        self.scaler_.scale(loss).backward()
        self._scaled_ = True
        return {"loss": loss, "y_pred": y_pred}

    def _unscaled(self, method: str) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"amp='fp16' scales losses and gradients in train_step and train_step_single, but {type(self).__name__} "
            f"does not call super().{method}(). Call it, or pass amp='bf16' or None."
        )

    def _get_predict_nonlinearity(self) -> Any:
        nonlinearity = super()._get_predict_nonlinearity()
        return lambda output: as_numbers(nonlinearity(output))

    def load_params(self, *args: Any, **kwargs: Any) -> None:
        """Load weights and more from files; see `skorch.NeuralNet.load_params`."""
        chosen = self.__dict__["device"]
        super().load_params(*args, **kwargs)
        # skorch sets it to the device that it loads to
        if isinstance(chosen, str) and chosen == "auto":
            self.__dict__["device"] = chosen

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        state.pop("device_", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        chosen = state["device"]
        is_auto = isinstance(chosen, str) and chosen == "auto"
        here = best_device() if is_auto else chosen
        super().__setstate__({**state, "device": here})
        if is_auto:
            self.__dict__.update(device="auto", device_=here)
