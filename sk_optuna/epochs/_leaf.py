"""The leaf of an estimator: the innermost estimator, whose epochs a search follows.

It is the last step of a Pipeline, the regressor of a TransformedTargetRegressor, and so on inwards. Other
meta-estimators fit several copies of the estimator in them, and there is no one curve to follow.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

# Of scikit-learn's transformers those that disregard NaN in `fit` and maintain it in `transform`, as their docs say.
_SCALERS = {
    "MaxAbsScaler",
    "MinMaxScaler",
    "PowerTransformer",
    "QuantileTransformer",
    "RobustScaler",
    "StandardScaler",
}


def leaf_of(estimator: Any) -> Any:
    """Return the leaf of an estimator, before or while it is fitted; the estimator itself if it contains none."""
    *_, leaf = _way_to_leaf(estimator)
    return leaf


def _way_to_leaf(estimator: Any) -> Iterator[Any]:
    """Iterate over an estimator, the last one in it, and so on inwards to its leaf."""
    while True:
        yield estimator
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif transforms_target(estimator):
            estimator = regressor_of(estimator)
        else:
            return


def name_of_leaf(estimator: Any) -> str:
    """Return the prefix of the leaf's parameters among those of an unfitted estimator, for example ``"model__"``."""
    names = []
    for each in _way_to_leaf(estimator):
        if isinstance(each, Pipeline):
            names.append(f"{each.steps[-1][0]}__")
        elif transforms_target(each):
            names.append("regressor__")
    return "".join(names)


def changes_predictions(estimator: Any) -> bool:
    """Return whether the estimator's predictions differ from its leaf's."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return transforms_target(estimator)


def keeps_data(estimator: Any) -> bool:
    """Return whether the data reaches the leaf as it is, or only scaled, with NaN where it was."""
    pipelines = [each for each in _way_to_leaf(estimator) if isinstance(each, Pipeline)]
    return all(_keeps_nan(step) for pipeline in pipelines for _, step in pipeline.steps[:-1])


def _keeps_nan(step: Any) -> bool:
    is_left_out = step is None or (isinstance(step, str) and step == "passthrough")
    return is_left_out or (type(step).__name__ in _SCALERS and type(step).__module__.startswith("sklearn."))


def as_leaf_sees(estimator: Any, X: Any, y: Any) -> tuple[Any, Any]:
    """Return rows and targets as they reach the leaf of an estimator whose other parts are fitted.

    Parameters
    ----------
    estimator : estimator
        One whose leaf is being fitted.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), or None
        Targets.

    Returns
    -------
    X, y : array-like
        The rows as the fitted steps transform them, the targets likewise.
    """
    return rows_as_leaf_sees(estimator, X), targets_as_leaf_sees(estimator, y)


def rows_as_leaf_sees(estimator: Any, X: Any) -> Any:
    """Return rows as the fitted steps of an estimator transform them on their way to its leaf."""
    for each in _way_to_leaf(estimator):
        if isinstance(each, Pipeline):
            for _, step in each.steps[:-1]:
                # Samplers of imbalanced-learn have no `transform`; they change training rows only.
                if hasattr(step, "transform"):
                    X = step.transform(X)
    return X


def targets_as_leaf_sees(estimator: Any, y: Any) -> Any:
    """Return targets as a fitted estimator transforms them on their way to its leaf."""
    for each in _way_to_leaf(estimator):
        if transforms_target(each):
            y = _transformed(each, y)
    return y


def transforms_target(estimator: Any) -> bool:
    """Return whether an estimator is a TransformedTargetRegressor, whose leaf sees other targets."""
    # By its parameters: importing sklearn.compose takes 5 MB in each worker.
    return type(estimator).__name__ == "TransformedTargetRegressor" and hasattr(estimator, "regressor")


def regressor_of(estimator: Any) -> Any:
    """Return the regressor in a TransformedTargetRegressor: the one that is being fitted, or was, if there is one."""
    return getattr(estimator, "regressor_", estimator.regressor)


def _transformed(estimator: Any, y: Any) -> Any:
    """Return targets as a fitted TransformedTargetRegressor hands them on."""
    y = np.asarray(y)
    transformed = estimator.transformer_.transform(y.reshape(-1, 1) if y.ndim == 1 else y)
    return transformed.squeeze(axis=1) if transformed.ndim == 2 and transformed.shape[1] == 1 else transformed
