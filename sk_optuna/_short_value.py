"""Values of parameters in few characters, for screens and pictures."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

# Characters of parameters in a line.
_MOST_CHARACTERS = 300


def short_value(value: Any) -> str:
    """Return a value of a parameter in few characters: estimators by their class, numbers with three digits."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        text = type(value).__name__ if hasattr(value, "get_params") else getattr(value, "__name__", str(value))
        return " ".join(text.split())
    return str(value) if isinstance(value, numbers.Integral) else f"{float(value):.3g}"


def in_few_digits(params: Mapping[str, Any]) -> str:
    """Write parameters in one line, for those who look on: floats with four significant digits."""
    return in_short({name: float(f"{float(each):.4g}") if _is_float(each) else each for name, each in params.items()})


def _is_float(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral)


def in_short(params: Mapping[str, Any]) -> str:
    """Write parameters in one line, cut off where it gets too long."""
    text = " ".join(repr(dict(params)).split())
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
