"""torch's privates."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch._C import _functorch
from torch._guards import TracingContext, tracing
from torch._subclasses.fake_tensor import FakeTensorMode


def cpu_has_bf16() -> bool:
    """Return whether torch has kernels for bfloat16 on this CPU; without them it emulates, many times slower."""
    operators = torch.ops.mkldnn
    if hasattr(operators, "_is_mkldnn_bf16_supported"):
        return bool(operators._is_mkldnn_bf16_supported())
    return False


def uncompiled(module: Any) -> Any:
    """Return the module inside a compiled one; any other as it is."""
    return getattr(module, "_orig_mod", module)


def adam_on_cpu(decoupled: bool) -> Any:
    """Return torch's function that makes a step of Adam, or AdamW, in one pass over the numbers; None without one."""
    return getattr(torch, "_fused_adamw_" if decoupled else "_fused_adam_", None)


def one_fake_mode() -> AbstractContextManager[Any]:
    """Return a context in which `make_fx` notes shapes by one fake mode, and not by a new one for each tensor."""
    context: AbstractContextManager[Any] = tracing(TracingContext(FakeTensorMode(allow_fallback_kernels=True)))
    return context


@contextmanager
def strict_vmap() -> Iterator[None]:
    """Have `vmap` raise for an operation that it would do model by model; it warns of that, in its default."""
    before = _functorch._is_vmap_fallback_enabled()
    _functorch._set_vmap_fallback_enabled(False)
    try:
        yield
    finally:
        _functorch._set_vmap_fallback_enabled(before)


def changes_of(tensor: torch.Tensor) -> int:
    """Return how often a tensor was changed in place."""
    return int(tensor._version)


def is_compiled(module: Any) -> bool:
    """Return whether a module was made by `torch.compile`."""
    return hasattr(module, "_orig_mod")


# Attributes that every module has, and one that some get.
ATTRIBUTES_OF_MODULES = frozenset(vars(torch.nn.Module())) | {"_is_full_backward_hook"}
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def has_hooks(part: Any) -> bool:
    """Return whether a module or an optimizer calls functions that somebody has registered."""
    if isinstance(part, torch.optim.Optimizer):
        return bool(part._optimizer_step_pre_hooks or part._optimizer_step_post_hooks)
    return any(vars(part).get(hook) for hook in _HOOKS)


def note_steps(optimizer: Any) -> None:
    """Have schedulers know that an optimizer has made steps; otherwise they warn."""
    optimizer._opt_called = True


def add_to_all(tensors: Sequence[torch.Tensor], number: float) -> None:
    """Add a number to each of several tensors, in place."""
    torch._foreach_add_(list(tensors), number)


def copy_to_all(tensors: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    """Copy values into several tensors, in place."""
    with torch.no_grad():
        torch._foreach_copy_(list(tensors), list(values))


_aten = torch.ops.aten
# Operations that give a tensor another shape, and may give it the one that it has.
RESHAPES = (_aten.view.default, _aten._unsafe_view.default, _aten.expand.default)


def draws_random_numbers(operation: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Return whether a call of one of torch's operations draws random numbers."""
    tags = getattr(operation, "tags", ())
    if torch.Tag.nondeterministic_seeded not in tags:
        return False
    # attention is marked as drawing even where it drops nothing out
    names = [argument.name for argument in operation._schema.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return "dropout_p" not in names or given.get("dropout_p", 0.0) != 0.0
