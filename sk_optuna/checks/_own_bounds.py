"""The bounds that a parameter has of its own, beyond which no range can be widened.

A share of rows ends at 1, and a tree's leaf has at least one row. scikit-learn's estimators declare it; for boosters
there is a table. A number of features or components ends at the number of features.
"""

import math
from collections.abc import Mapping
from typing import Any

from sk_optuna._compat._sklearn import declared_intervals

_SHARE = (0.0, 1.0)
_NOT_NEGATIVE = (0.0, math.inf)
_BOOSTERS = {"lightgbm", "xgboost", "catboost"}
# By name; those of LightGBM, XGBoost and CatBoost are read alike.
_OF_BOOSTERS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("bagging_fraction", "feature_fraction", "rsm", "subsample"), _SHARE),
    **dict.fromkeys(("colsample_bylevel", "colsample_bynode", "colsample_bytree"), _SHARE),
    **dict.fromkeys(("gamma", "reg_alpha", "reg_lambda", "min_child_weight", "min_split_gain"), _NOT_NEGATIVE),
    **dict.fromkeys(("l2_leaf_reg", "random_strength", "bagging_temperature"), _NOT_NEGATIVE),
    "learning_rate": (0.0, 1.0),
    "max_depth": (1, math.inf),
    "depth": (1, 16),
    "num_leaves": (2, math.inf),
    "min_child_samples": (1, math.inf),
}
# Counts of columns, which end at as many as there are.
_OF_COLUMNS = {"k", "max_features", "n_components", "n_features_to_select"}


def is_own_bound(estimator: Any, name: str, bound: float, n_features: int | None = None) -> bool:
    """Tell whether a bound of a range is one of the parameter itself.

    Parameters
    ----------
    estimator : estimator object
        The estimator that the search tunes.
    name : str
        The parameter, with the steps before it: ``"svc__C"``.
    bound : int or float
        The bound of the range.
    n_features : int or None, default=None
        Number of columns of the data, where it is known.
    """
    owner, own_name = _owner(estimator, name)
    if n_features is not None and own_name in _OF_COLUMNS and bound == n_features:
        return True
    ends: list[float] = []
    if type(owner).__module__.partition(".")[0] in _BOOSTERS:
        ends += _OF_BOOSTERS.get(own_name, ())
    for low, high in declared_intervals(owner, own_name, whole=isinstance(bound, int)):
        ends += [low, high]
    return any(end is not None and math.isfinite(end) and math.isclose(bound, end, abs_tol=1e-12) for end in ends)


def _owner(estimator: Any, name: str) -> tuple[Any, str]:
    """Return the part of an estimator that has a parameter, and its name there; None for the part if it is unknown."""
    path, _, own_name = name.rpartition("__")
    if not path:
        return estimator, own_name
    params = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    return params.get(path), own_name
