"""Hyperparameter search for scikit-learn with Optuna: GridSearchCV's interface, Optuna's samplers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sk_optuna._version import __version__

if TYPE_CHECKING:
    from sk_optuna import exceptions, pruners, samplers
    from sk_optuna._search import OptunaSearchCV

__all__ = ["OptunaSearchCV", "__version__", "exceptions", "pruners", "samplers"]


def __getattr__(name: str) -> Any:
    # on first use: a worker process imports this package for one of its rooms, and needs no Optuna
    if name == "OptunaSearchCV":
        from sk_optuna._search import OptunaSearchCV

        return OptunaSearchCV
    if name in __all__:
        return import_module(f"sk_optuna.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
