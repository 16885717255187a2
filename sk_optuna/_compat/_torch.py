"""torch's privates."""

from typing import Any

import torch


def cpu_has_bf16() -> bool:
    """Return whether torch has kernels for bfloat16 on this CPU; without them it emulates, many times slower."""
    operators = torch.ops.mkldnn
    if hasattr(operators, "_is_mkldnn_bf16_supported"):
        return bool(operators._is_mkldnn_bf16_supported())
    return False


def uncompiled(module: Any) -> Any:
    """Return the module inside a compiled one; any other as it is."""
    return getattr(module, "_orig_mod", module)
