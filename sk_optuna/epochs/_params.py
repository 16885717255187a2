"""Fit an estimator with other parameters than its own, which it has again afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def with_params(estimator: Any, params: Mapping[str, Any]) -> Iterator[None]:
    """Give an estimator other parameters for a while."""
    own = estimator.get_params(deep=False)
    estimator.set_params(**params)
    try:
        yield
    finally:
        estimator.set_params(**{name: own[name] for name in params})


def fit_plainly(estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any]) -> None:
    """Call the estimator's `fit`, without y where there is none."""
    if y is None:
        estimator.fit(X, **fit_params)
    else:
        estimator.fit(X, y, **fit_params)
