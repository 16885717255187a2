"""Tell from the parameters of an estimator whether each fit draws other random numbers."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

# How far into the parameters to look.
_DEEPEST = 6


def draws_at_random(value: Any, depth: int = 0) -> bool:
    """Return whether a step, or anything set in it, takes random numbers that differ from fit to fit."""
    if isinstance(value, np.random.RandomState | np.random.Generator):
        return True
    if isinstance(value, str | bytes | int | float | np.ndarray | type | None) or depth > _DEEPEST:
        return False
    if isinstance(value, Mapping):
        return any(draws_at_random(each, depth + 1) for each in value.values())
    if isinstance(value, list | tuple | set):
        return any(draws_at_random(each, depth + 1) for each in value)
    if callable(value) and _has_unset_random_state(value):
        return True
    params = value.get_params(deep=False) if hasattr(value, "get_params") else getattr(value, "__dict__", {})
    if "random_state" in params and not isinstance(params["random_state"], int | np.integer):
        return bool(params.get("shuffle", True))  # splitters that do not shuffle draw nothing
    return any(draws_at_random(each, depth + 1) for each in params.values())


def _has_unset_random_state(function: Callable[..., Any]) -> bool:
    """Return whether a function, such as `mutual_info_classif`, would draw from NumPy's global state."""
    try:
        parameter = inspect.signature(function).parameters.get("random_state")
    except (TypeError, ValueError):
        return False
    return parameter is not None and not isinstance(parameter.default, int | np.integer)
