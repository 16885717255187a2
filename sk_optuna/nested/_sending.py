"""Outer folds on their way from a worker process: the model travels as bytes, so that one that cannot is lost alone.

Some models cannot be sent, such as a skorch net whose module is defined in a notebook: skorch pickles parts of it by
itself, by reference. Its scores and predictions are not to be lost with it.
"""

import os
from dataclasses import dataclass, replace
from typing import Any

from sk_optuna._compat._joblib import dumps, loads
from sk_optuna.nested._outer_fold import OuterFold


@dataclass(frozen=True)
class _Packed:
    """A pickled model."""

    data: bytes


def packed(fold: OuterFold, driver: int) -> OuterFold:
    """Pickle the model of an outer fold, unless this is the driver's own process, which has that id."""
    if fold.model is None or os.getpid() == driver:
        return fold
    try:
        return replace(fold, model=_Packed(dumps(fold.model)))
    except Exception as error:  # whatever the model's pickling raises
        return _without(fold, error)


def unpacked(fold: OuterFold) -> OuterFold:
    """Return an outer fold with its model."""
    if not isinstance(fold.model, _Packed):
        return fold
    try:
        model: Any = loads(fold.model.data)
    except Exception as error:  # as above
        return _without(fold, error)
    return replace(fold, model=model)


def _without(fold: OuterFold, error: Exception) -> OuterFold:
    return replace(fold, model=None, no_model=f"{type(error).__name__}: {error}".partition("\n")[0])
