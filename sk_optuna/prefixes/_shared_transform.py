"""The `transform` of a fitted step, shared among candidates."""

import weakref
from functools import partial
from typing import Any

from sk_optuna.prefixes._current_evaluation import evaluation_here
from sk_optuna.prefixes._snapshot import OwnTransform, Snapshot


class SharedTransform(OwnTransform):
    """The `transform` of a step whose fit is shared, for as long as the step is as it was fitted.

    Parameters
    ----------
    step : estimator
        The fitted step on which this is set.
    as_fitted : Snapshot
        A snapshot of the fitted step.
    key : bytes
        The key of the fit.

    Attributes
    ----------
    repeats_itself : bool
        Whether the step was so far only asked to transform known data, and did not change by that.
    """

    def __init__(self, step: Any, as_fitted: Snapshot, key: bytes) -> None:
        self.key = key
        self.repeats_itself = True
        self._step = weakref.ref(step)
        self._as_fitted = as_fitted
        self._attributes = dict(vars(step))

    def __call__(self, X: Any, **params: Any) -> Any:
        step, evaluation = self._own_step(), evaluation_here()
        if evaluation is None or params:
            self.repeats_itself = False
            return transform_plainly(step, X, **params)
        return evaluation.transform(self, step, X)

    def is_of(self, step: Any) -> bool:
        """Return whether `step` is as it was fitted: nothing was set on it, and it did not change itself."""
        now = {name: value for name, value in vars(step).items() if value is not self}
        return (
            self.repeats_itself
            and now.keys() == self._attributes.keys()
            and all(value is self._attributes[name] for name, value in now.items())
        )

    def _own_step(self) -> Any:
        return self._step() or self._as_fitted.copy()

    def __reduce__(self) -> Any:
        return partial, (transform_plainly, self._own_step())


def transform_plainly(step: Any, X: Any, **params: Any) -> Any:
    """Transform with the method of the step's class."""
    return type(step).transform(step, X, **params)
