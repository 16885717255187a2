"""Hyperparameter search for scikit-learn with Optuna: GridSearchCV's interface, Optuna's samplers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sk_optuna._version import __version__

if TYPE_CHECKING:
    from sk_optuna import boosting, callbacks, checks, devices, displays, exceptions, pruners, refit, samplers
    from sk_optuna._function_estimator import FunctionEstimator
    from sk_optuna._versions import show_versions
    from sk_optuna.nested import NestedCVResults, nested_cross_validate, nested_cv_results
    from sk_optuna.search import OptunaSearchCV
    from sk_optuna.spaces import suggest_space

__all__ = [
    "FunctionEstimator",
    "NestedCVResults",
    "OptunaSearchCV",
    "__version__",
    "boosting",
    "callbacks",
    "checks",
    "devices",
    "displays",
    "exceptions",
    "nested_cross_validate",
    "nested_cv_results",
    "pruners",
    "refit",
    "samplers",
    "show_versions",
    "suggest_space",
]

_DEFINED_IN = {
    "FunctionEstimator": "sk_optuna._function_estimator",
    "NestedCVResults": "sk_optuna.nested",
    "OptunaSearchCV": "sk_optuna.search",
    "nested_cross_validate": "sk_optuna.nested",
    "nested_cv_results": "sk_optuna.nested",
    "show_versions": "sk_optuna._versions",
    "suggest_space": "sk_optuna.spaces",
}
# Not in __all__: a star import is to do without their packages.
_NEED_EXTRAS = ("lightning", "skorch")


def __getattr__(name: str) -> Any:
    # on first use: a worker process imports this package for one of its rooms, and needs no Optuna
    if name in _DEFINED_IN:
        return getattr(import_module(_DEFINED_IN[name]), name)
    if name in __all__ or name in _NEED_EXTRAS:
        return import_module(f"sk_optuna.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
