"""Other metrics from the models that are kept: each is scored on the test rows of its outer fold."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from sk_optuna._compat._sklearn import safe_split
from sk_optuna.exceptions import InvalidArgumentError


def check_order(predictions: Mapping[str, np.ndarray], y: Any) -> None:
    """Refuse targets that are not those of the cross-validation, row by row."""
    if y is None or "y_true" not in predictions:
        return
    given = np.asarray(y)
    if given.ndim != 1:
        return
    others = np.flatnonzero(given[predictions["row"]] != predictions["y_true"])
    if len(others):
        row = int(predictions["row"][others[0]])
        raise InvalidArgumentError(
            f"The 'y' parameter must be that of the cross-validation, in the same order, but row {row} is "
            f"{given[row]!r} in place of {predictions['y_true'][others[0]]!r}. Pass X and y as they were."
        )


def scored(model: Any, X: Any, y: Any, split: tuple[np.ndarray, np.ndarray], scoring: Any) -> dict[str, float]:
    """Score one model on its test rows."""
    if model is None:
        return {}
    scorer = check_scoring(model, scoring=scoring)
    X_test, y_test = safe_split(model, X, y, split[1], split[0])
    scores = scorer(model, X_test) if y_test is None else scorer(model, X_test, y_test)
    if isinstance(scores, dict):
        return {f"test_{name}": float(value) for name, value in scores.items()}
    return {"test_score": float(scores)}
