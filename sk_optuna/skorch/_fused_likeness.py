"""Say whether a net can be trained together with others, and which nets are alike enough for it.

Nets of one group run the same operations on tensors of the same shapes. So their modules must have the same structure
and settings, which is compared attribute by attribute, and everything that may act on a single net's batch must be
known. Not taken: to try and see. A try tells that a step failed, but not that it silently did something else, such as
to leave out the penalty of a user's `get_loss`.
"""

import pickle
from collections.abc import Mapping
from typing import Any

from skorch.callbacks import EpochScoring, GradientNormClipping, LRScheduler
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import is_parametrized

from sk_optuna._compat._skorch import criterion_names, module_names, optimizer_names
from sk_optuna._compat._torch import ATTRIBUTES_OF_MODULES, changes_of, has_hooks, is_compiled
from sk_optuna.skorch._fused_optimizers import RULES, options_of
from sk_optuna.skorch._loader import TensorLoader
from sk_optuna.skorch._overrides import overridden
from sk_optuna.skorch._weights import TakesWeightsOff

# Methods of a net that act on a batch of training.
_OF_BATCHES = (
    "run_single_epoch",
    "train_step",
    "train_step_single",
    "get_train_step_accumulator",
    "infer",
    "get_loss",
    "notify",
    "on_batch_begin",
    "on_batch_end",
    "on_grad_computed",
)
_LOSSES = (
    nn.NLLLoss,
    nn.CrossEntropyLoss,
    nn.BCELoss,
    nn.BCEWithLogitsLoss,
    nn.MSELoss,
    nn.L1Loss,
    nn.SmoothL1Loss,
    nn.HuberLoss,
    nn.PoissonNLLLoss,
    nn.SoftMarginLoss,
    nn.MultiLabelSoftMarginLoss,
    nn.MultiMarginLoss,
    nn.KLDivLoss,
)
_PLAIN = {bool, int, float, str, type(None)}
# Layers that draw random numbers otherwise than Dropout does, or whose steps depend on one another.
_DRAWS_OTHERWISE = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.RReLU)
_RECURRENT = (nn.RNNBase, nn.RNNCellBase)


def loader_of(iterator: Any) -> TensorLoader | None:
    """Return the loader of a net's training rows; None for one of another kind."""
    if type(iterator) is TakesWeightsOff:
        iterator = iterator._batches
    return iterator if type(iterator) is TensorLoader else None


def why_apart(net: Any, iterator: Any, step_fn: Any, fit_params: Mapping[str, Any]) -> str | None:
    """Return the reason why a net, at the beginning of its fit, is not trained together with others; None if it may."""
    name = type(net).__name__
    if net._fitting_ is None:
        return f"{name} trains outside of fit"
    own = overridden(net, *_OF_BATCHES)
    if own:
        return f"{name} has its own {' and '.join(own)}"
    if step_fn != net.train_step:
        return "its steps are made by another function than train_step"
    if fit_params:
        return f"forward is given arguments of fit: {', '.join(fit_params)}"
    if net.amp is not None:
        return f"amp={net.amp!r}"
    parts = [module_names(net), criterion_names(net), optimizer_names(net)]
    if parts != [["module"], ["criterion"], ["optimizer"]]:
        return "it has other parts than one module, one criterion and one optimizer"
    if loader_of(iterator) is None:
        return f"its batches come from {type(iterator).__name__}, not from TensorLoader"
    return (
        _why_callbacks(net)
        or _why_module(net.module_)
        or _why_criterion(net.criterion_)
        or _why_optimizer(net.optimizer_, net.module_)
    )


def _why_callbacks(net: Any) -> str | None:
    for _, callback in net.callbacks_:
        if type(callback) is EpochScoring and callback.on_train:
            return "EpochScoring(on_train=True) looks at the predictions of batches"
    clips = _key_of_callbacks(net)
    if len(clips) > 1 or any(kind <= 0 for kind in clips):
        return "gradients are clipped several times, or by a norm that is none"
    if net._nobody_reads_losses():
        return None
    names = [name for name, callback in net.callbacks_ if type(callback) not in (EpochScoring, GradientNormClipping)]
    return f"the net or a callback takes part in batches: one of {', '.join(names)}"


def _why_module(module: Any) -> str | None:
    if is_compiled(module):
        return "its module is compiled"
    if any(is_lazy(param) for param in (*module.parameters(), *module.buffers())):
        return "its module has parameters that have no shape before the first batch"
    for name, each in module.named_modules():
        kind = type(each).__name__
        if isinstance(each, _RECURRENT):
            return f"{kind} has no batched form over models"
        if isinstance(each, _DRAWS_OTHERWISE):
            return f"{kind} draws random numbers otherwise than Dropout"
        if isinstance(each, nn.MultiheadAttention) and each.dropout > 0:
            return f"{kind} has dropout of its own"
        if has_hooks(each):
            return f"{name or 'the module'} has hooks"
        held = [key for key, value in vars(each).items() if isinstance(value, Tensor)]
        if held:
            return f"{kind} holds a tensor that is neither parameter nor buffer: {held[0]}"
    if any(param.is_sparse or param.is_complex() for param in module.parameters()):
        return "its module has sparse or complex parameters"
    if len({(param.dtype, param.device) for param in module.parameters()}) != 1:
        return "its module's parameters have several dtypes, or lie on several devices, or there are none"
    return None


def _why_criterion(criterion: Any) -> str | None:
    kind = type(criterion).__name__
    if type(criterion) not in _LOSSES:
        return f"criterion={kind} is not one of those whose losses of rows are known"
    if criterion.reduction not in ("mean", "sum"):
        return f"criterion={kind} has reduction={criterion.reduction!r}"
    return None


def _why_optimizer(optimizer: Any, module: nn.Module) -> str | None:
    kind = type(optimizer).__name__
    if type(optimizer) not in RULES:
        return f"optimizer={kind} is not one of {', '.join(each.__name__ for each in RULES)}"
    if len(optimizer.param_groups) != 1:
        return f"optimizer={kind} has several groups of parameters"
    group = optimizer.param_groups[0]
    params = list(module.parameters())
    if len(params) != len(group["params"]) or any(a is not b for a, b in zip(params, group["params"], strict=True)):
        return f"optimizer={kind} has other parameters than the module"
    if group.get("differentiable"):
        return f"optimizer={kind} has differentiable=True"
    if has_hooks(optimizer):
        return f"optimizer={kind} has hooks"
    return None


def facts_of(net: Any) -> tuple[Any, ...]:
    """Return facts that are quickly read; if a callback has changed one, the net may be of another kind."""
    optimizer, criterion = net.optimizer_, net.criterion_
    options = options_of(optimizer).items() if type(optimizer) in RULES else ()
    return (
        [_facts(each) for each in net.module_.modules()],
        [(id(param), param.requires_grad) for param in net.module_.parameters()],
        [
            (_facts(each), [(id(buffer), changes_of(buffer)) for buffer in each.buffers()])
            for each in criterion.modules()
        ],
        (id(optimizer), len(optimizer.param_groups), [len(group["params"]) for group in optimizer.param_groups]),
        [(name, repr(value)) for name, value in options],
        has_hooks(optimizer),
        [id(callback) for _, callback in net.callbacks_],
        _key_of_callbacks(net),
    )


def _facts(module: nn.Module) -> tuple[Any, ...]:
    held = [
        (name, value if type(value) in _PLAIN else id(value))
        for name, value in vars(module).items()
        if name not in ATTRIBUTES_OF_MODULES
    ]
    return id(module), held, has_hooks(module)


def state_of(module: nn.Module) -> tuple[Any, ...]:
    """Return the attributes of a module and its parts, and the identities of its parameters and buffers."""
    tensors = [id(each) for each in (*module.parameters(), *module.buffers())]
    return _key_of_module(module), tensors


def key_of(net: Any) -> tuple[Any, ...]:
    """Return a key, the same for nets whose steps have the same operations on tensors of the same shapes."""
    options = options_of(net.optimizer_)
    return (
        type(net),
        _key_of_module(net.module_),
        _key_of_criterion(net.criterion_),
        (type(net.optimizer_), *sorted((name, repr(value)) for name, value in options.items())),
        _key_of_callbacks(net),
        str(net.device),
    )


def _key_of_module(module: nn.Module) -> tuple[Any, ...]:
    layers = tuple((name, _class_of(each), _settings(each)) for name, each in module.named_modules())
    params = tuple((name, *_key_of_tensor(each), each.requires_grad) for name, each in module.named_parameters())
    return layers, params, tuple((name, *_key_of_tensor(each)) for name, each in module.named_buffers())


def _class_of(module: nn.Module) -> Any:
    """Return a module's class; torch makes a class of its own for each module whose parameters are computed."""
    return type(module).__mro__[:2][-1] if is_parametrized(module) else type(module)


def _settings(module: nn.Module) -> tuple[Any, ...]:
    left_out = {"p"} if isinstance(module, nn.Dropout) else set()
    held = ((name, value) for name, value in vars(module).items() if name not in ATTRIBUTES_OF_MODULES | left_out)
    return tuple((name, _key_of_value(value)) for name, value in sorted(held))


def _key_of_value(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return type(value), value
    if isinstance(value, type) or (callable(value) and not isinstance(value, nn.Module)):
        return value if value.__hash__ is not None else id(value)
    try:
        return pickle.dumps(value)
    except Exception:  # an object may refuse with any error; then the net is like no other
        return id(value)


def _key_of_tensor(tensor: Tensor) -> tuple[Any, ...]:
    return tuple(tensor.shape), tensor.dtype, str(tensor.device)


def _key_of_criterion(criterion: Any) -> tuple[Any, ...]:
    """Return a key of a criterion; weights of classes that the rows' weights stand for are left out."""
    tensors = {} if weighs_in_rows(criterion) else dict(criterion.named_buffers())
    values = tuple((name, tuple(each.flatten().tolist())) for name, each in sorted(tensors.items()))
    held = {name: value for name, value in vars(criterion).items() if name not in ATTRIBUTES_OF_MODULES}
    return type(criterion), tuple(sorted((name, repr(value)) for name, value in held.items())), values


def weighs_in_rows(criterion: Any) -> bool:
    """Return whether a criterion's weight of a class is the same as that weight of its rows."""
    return type(criterion) in (nn.NLLLoss, nn.CrossEntropyLoss) and not getattr(criterion, "label_smoothing", 0)


def _key_of_callbacks(net: Any) -> tuple[Any, ...]:
    return tuple(
        float(callback.gradient_clip_norm_type)
        for _, callback in net.callbacks_
        if type(callback) is GradientNormClipping and callback.gradient_clip_value is not None
    )


def clip_of(net: Any) -> tuple[float, float] | None:
    """Return the largest norm of a net's gradients, and the kind of norm; None where they are not clipped."""
    for _, callback in net.callbacks_:
        if type(callback) is GradientNormClipping and callback.gradient_clip_value is not None:
            return float(callback.gradient_clip_value), float(callback.gradient_clip_norm_type)
    return None


def steppers_of(net: Any) -> list[Any]:
    """Return the callbacks that set a net's learning rate after each batch."""
    return [c for _, c in net.callbacks_ if type(c) is LRScheduler and c.step_every == "batch"]
