"""The search within an estimator: alone, in a Pipeline, in a TransformedTargetRegressor, wherever parameters lead.

Before a fit, the names of parameters are the way to it, by which `set_params` can put something else in its place.
After a fit, wrappers hold what they fitted in attributes of their own, so that these are walked.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from sk_optuna._compat._sklearn import BaseSearchCV

# Parameters by which wrappers call the estimator that they wrap.
_WRAPPED = ("estimator", "regressor", "classifier", "base_estimator", "final_estimator")


def paths_of_searches(estimator: Any) -> list[str]:
    """Return the names of the parameters that hold the outermost searches; the empty name is the estimator itself."""
    if isinstance(estimator, BaseSearchCV):
        return [""]
    params = estimator.get_params(deep=True)
    paths = [name for name, value in params.items() if isinstance(value, BaseSearchCV)]
    return [path for path in paths if not any(path.startswith(f"{other}__") for other in paths)]


def prefixes_of_searches(estimator: Any) -> list[str]:
    """Return the prefixes of the parameters of searches, of those within searches, too."""
    everything = {"": estimator, **{f"{name}__": value for name, value in estimator.get_params(deep=True).items()}}
    return [prefix for prefix, value in everything.items() if isinstance(value, BaseSearchCV)]


def search_at(estimator: Any, path: str) -> Any:
    """Return the search at a path."""
    return estimator.get_params(deep=True)[path] if path else estimator


def in_place_of_search(estimator: Any, path: str, other: Any) -> Any:
    """Return a clone of `estimator` that has a clone of `other` where its search is."""
    return clone(estimator).set_params(**{path: clone(other)}) if path else clone(other)


def encloses_target_transform(estimator: Any, path: str) -> bool:
    """Tell whether the search at a path sees a target other than the caller's."""
    outer = [estimator, *(value for value in _along(estimator, path))]
    return bool(path) and any(isinstance(each, TransformedTargetRegressor) for each in outer)


def fit_parameter(estimator: Any, path: str, name: str) -> str:
    """Return the name by which a parameter of the search's `fit` is handed to the estimator, without routing."""
    prefix, here = "", estimator
    for part, inner in zip(path.split("__"), _along(estimator, path, whole=True), strict=True) if path else ():
        prefix += f"{part}__" if isinstance(here, Pipeline) else ""
        here = inner
    return prefix + name


def _along(estimator: Any, path: str, *, whole: bool = False) -> Iterable[Any]:
    """Return the estimators on the way to the search, it itself included only with `whole`."""
    parts = path.split("__") if path else []
    params = estimator.get_params(deep=True)
    names = ["__".join(parts[: i + 1]) for i in range(len(parts))]
    return [params[name] for name in (names if whole else names[:-1])]


def innermost(estimator: Any) -> Any:
    """Return the estimator that predicts in the end: within searches, pipelines and wrappers."""
    inner = None
    if isinstance(estimator, Pipeline):
        inner = estimator.steps[-1][1]
    elif hasattr(estimator, "get_params"):
        params = estimator.get_params(deep=False)
        inner = next((params[name] for name in _WRAPPED if params.get(name) is not None), None)
    return innermost(inner) if hasattr(inner, "fit") and not isinstance(inner, type) else estimator


def fitted_searches(model: Any) -> list[Any]:
    """Return the fitted searches within a fitted estimator, without those that are within another one."""
    found: list[Any] = []
    _walk(model, found, set())
    return found


def _walk(value: Any, found: list[Any], seen: set[int]) -> None:
    """Collect the fitted searches within a value."""
    if id(value) in seen or not _may_hold_estimators(value):
        return
    seen.add(id(value))
    if isinstance(value, BaseSearchCV):
        if hasattr(value, "cv_results_"):
            found.append(value)
        return
    for child in _children(value):
        _walk(child, found, seen)


def _may_hold_estimators(value: Any) -> bool:
    """Tell whether a value is an estimator, or a container that may have some."""
    return isinstance(value, list | tuple | Mapping) or (hasattr(value, "get_params") and not isinstance(value, type))


def _children(value: Any) -> Iterable[Any]:
    """Return the values within an estimator or a container."""
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else getattr(value, "__dict__", {}).values()


def with_best_only(model: Any, search: Any) -> Any:
    """Return a fitted estimator that has the best estimator of a search in the search's place; the rest is shared."""
    return _exchanged(model, search, search.best_estimator_)


def _exchanged(value: Any, old: Any, new: Any) -> Any:
    """Return a value with another object in the place of one; what does not hold it stays the same object."""
    if value is old:
        return new
    if not _may_hold_estimators(value):
        return value
    if isinstance(value, list) or type(value) is tuple:
        exchanged = [_exchanged(child, old, new) for child in value]
        is_same = all(one is other for one, other in zip(value, exchanged, strict=True))
        return value if is_same else type(value)(exchanged)
    attributes = value if isinstance(value, Mapping) else getattr(value, "__dict__", {})
    changed = {name: each for name, child in attributes.items() if (each := _exchanged(child, old, new)) is not child}
    if not changed:
        return value
    other = copy(value)
    (other if isinstance(other, dict) else vars(other)).update(changed)
    return other
