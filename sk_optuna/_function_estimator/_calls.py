"""Hand parameters to a training function, and take its reports and its result.

The function sees a plain dict and a callable. The classes around them serve the errors: each names the mistake and the
remedy.
"""

import numbers
from collections.abc import Callable, Iterable
from typing import Any

import joblib
import numpy as np

from sk_optuna._nearest import hint, nearest
from sk_optuna.epochs import EpochMonitor
from sk_optuna.exceptions import InvalidArgumentError

WANTED = "train_func(params, train_data, valid_data, report)"


class MissingParameterError(InvalidArgumentError, KeyError):
    """The function asks for a parameter that the estimator was not given."""

    __str__ = Exception.__str__  # KeyError's shows the message in quotes


class Params(dict[str, Any]):
    """The parameters of the function, in a dict that explains a missing key."""

    def __missing__(self, name: str) -> Any:
        raise MissingParameterError(
            f"train_func asks for the parameter {name!r}, but the estimator has {listed(self, name)} "
            f"Give it a value where the estimator is made: FunctionEstimator(train_func, {name}=...)."
        )


class Report:
    """The function's argument `report`; the docstring of FunctionEstimator describes its call.

    Parameters
    ----------
    monitor : EpochMonitor or None
        Receives each epoch; None outside a search.
    enter_epoch : callable
        Called before the monitor, with the model and the score of the epoch; either is None where it was not given.
    has_rows : bool
        True if the function was given rows to score itself on.
    """

    def __init__(
        self,
        monitor: EpochMonitor | None,
        enter_epoch: Callable[[Any, float | None], None],
        *,
        has_rows: bool,
    ) -> None:
        self._monitor = monitor
        self._enter_epoch = enter_epoch
        self._has_rows = has_rows
        self._stopped = False
        self.last_score: float | None = None

    def __call__(self, score: float | None = None, *, train_loss: float | None = None, model: Any = None) -> bool:
        """Report an epoch to the monitor, and return whether to stop; after a stop, report nothing more."""
        if self._monitor is None or self._stopped:
            return self._stopped
        if score is None and model is None and self._has_rows:
            raise InvalidArgumentError(
                "report() needs the score of the epoch, greater is better, or the model as it is now, so that the "
                "search can score it; got neither. Call report(score) or report(model=model)."
            )
        score = None if score is None else number("report's score", score)
        train_loss = None if train_loss is None else number("report's train_loss", train_loss)
        self.last_score = self.last_score if score is None else score
        self._enter_epoch(model, score)
        self._stopped = bool(self._monitor.report(train_loss=train_loss, score=score))
        return self._stopped


def listed(known: Iterable[str], name: str) -> str:
    """Return the end of a sentence with all known names, and the hint about those that come nearest to `name`."""
    names = sorted(known)
    return f"{', '.join(names) or 'none'}.{hint(name, nearest(name, names))}"


def is_number(value: Any) -> bool:
    """Return whether a value is a number rather than a model; arrays and tensors of one number are."""
    if isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, numbers.Real) or (getattr(value, "ndim", None) == 0 and hasattr(value, "item"))


def number(name: str, value: Any) -> float:
    """Return `value`, a number or a tensor of one, as a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidArgumentError(f"{name} must be a number, got {value!r}.") from None


def digest(rows: tuple[Any, Any]) -> str:
    """Return a digest of rows and targets, the same for equal values in any memory layout."""
    parts = [np.ascontiguousarray(part) if isinstance(part, np.ndarray) else part for part in rows]
    return str(joblib.hash(parts, coerce_mmap=True))
