"""Refuse functions and data with which a fit would fail late, or succeed without any training.

A generator function, or an async one, can be called without an error, and the call runs none of its code: the generator
would pass for the model.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets

from sk_optuna._function_estimator._calls import WANTED
from sk_optuna.exceptions import InvalidArgumentError

_TO_RETURN = {
    "train_func": "the model",
    "predict_func": "all predictions",
    "predict_proba_func": "all probabilities",
    "score_func": "the score",
}


def check_functions(functions: dict[str, Any]) -> None:
    """Refuse values that are no functions, and functions whose call runs nothing.

    Parameters
    ----------
    functions : dict
        Values of the estimator's parameters by name; all but `train_func` may be None.
    """
    for name in _TO_RETURN:
        function = functions[name]
        if function is None and name != "train_func":
            continue
        if not callable(function):
            raise InvalidArgumentError(f"{name} must be a function, got {function!r}.")
        _check_runs(name, function)
    _check_signature(functions["train_func"])


def check_returned(name: str, value: Any) -> Any:
    """Hand on a function's result, unless it is a generator or a coroutine."""
    if inspect.isawaitable(value) or inspect.isasyncgen(value):
        if inspect.iscoroutine(value):
            # otherwise Python also warns of a coroutine that was never awaited
            value.close()
        raise InvalidArgumentError(_refusal(name, f"returned {value!r}, of which nothing has run", is_async=True))
    if inspect.isgenerator(value):
        raise InvalidArgumentError(_refusal(name, f"returned {value!r}, of which nothing has run", is_async=False))
    return value


def check_settings(estimator_type: Any, random_state: Any) -> None:
    """Refuse an unknown `estimator_type`, and a `random_state` that gives no seed."""
    if estimator_type not in (None, "classifier", "regressor"):
        raise InvalidArgumentError(f"estimator_type must be 'classifier', 'regressor' or None, got {estimator_type!r}.")
    try:
        check_random_state(random_state)
    except ValueError:
        raise InvalidArgumentError(
            f"random_state must be an int, a RandomState instance or None, got {random_state!r}."
        ) from None


def check_targets(estimator_type: str | None, y: Any) -> None:
    """Refuse targets that this kind of estimator cannot have."""
    if estimator_type is None:
        return
    if y is None:
        raise InvalidArgumentError(f"y is None, but a {estimator_type} requires y to be passed.")
    if estimator_type == "classifier":
        try:
            check_classification_targets(y)
        except ValueError as error:
            raise InvalidArgumentError(str(error)) from error


def _check_runs(name: str, function: Any) -> None:
    """Refuse a function, a partial one or an object, whose call only makes a generator or a coroutine."""
    while isinstance(function, partial):
        function = function.func
    title = getattr(function, "__name__", type(function).__name__)
    for called in (function, type(function).__call__):
        if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
            raise InvalidArgumentError(
                _refusal(name, f"is {title}, an async function, and a call runs none of it", is_async=True)
            )
        if inspect.isgeneratorfunction(called):
            raise InvalidArgumentError(
                _refusal(name, f"is {title}, a generator function, and a call runs none of it", is_async=False)
            )


def _refusal(name: str, came: str, *, is_async: bool) -> str:
    if is_async:
        advice = "Make it an ordinary function, and call asyncio.run(...) in it for the async part."
    elif name == "train_func":
        advice = "Return the model, and call report(score) or report(model=model) at the end of an epoch, not yield."
    else:
        advice = "Return a list or an array, not a generator." if name != "score_func" else "Return, and do not yield."
    return f"{name} must return {_TO_RETURN[name]}, but it {came}. {advice}"


def _check_signature(function: Callable[..., Any]) -> None:
    """Refuse a function that cannot be called with four arguments."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # written in C, without a signature
        return
    try:
        signature.bind(*range(4))
    except TypeError:
        name = getattr(function, "__name__", "train_func")
        raise InvalidArgumentError(
            f"train_func is called with four arguments, as {WANTED}, but got {name}{signature}."
        ) from None
