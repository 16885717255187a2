"""Values of parameters in few characters, for screens and pictures."""

import numbers
from typing import Any

import numpy as np


def short_value(value: Any) -> str:
    """Return a value of a parameter in few characters: estimators by their class, numbers with three digits."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        text = type(value).__name__ if hasattr(value, "get_params") else getattr(value, "__name__", str(value))
        return " ".join(text.split())
    return str(value) if isinstance(value, numbers.Integral) else f"{float(value):.3g}"
