"""Check the names of arguments that are handed on: `module__x` to the module, `trainer__x` to the Trainer.

The spelling is skorch's. A name is checked against the signature as soon as both are known: otherwise a search may
train for hours before a Trainer or a module refuses one.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError

MODULE, TRAINER = "module__", "trainer__"
_NO_VALIDATION = "There are no validation rows but the fold's test rows, and the search scores those."
_ELSEWHERE = {
    "max_epochs": "Use the parameter max_epochs.",
    "accelerator": "Use the parameter accelerator.",
    "limit_val_batches": _NO_VALIDATION,
    "num_sanity_val_steps": _NO_VALIDATION,
}


def is_handed_on(name: str) -> bool:
    """Return whether an argument of this name is handed on."""
    return name.startswith((MODULE, TRAINER))


def check_module(module: Any) -> None:
    """Refuse a `module` that is no class derived from LightningModule."""
    if isinstance(module, type) and issubclass(module, LightningModule):
        return
    rule = "module must be a class derived from lightning.pytorch.LightningModule"
    if isinstance(module, LightningModule):
        name = type(module).__name__
        raise InvalidArgumentError(
            f"{rule}, got an instance of one, whose weights every clone would begin with. Pass the class, "
            f"module={name}, and its arguments as module__..., or a subclass that loads the weights in __init__."
        )
    bases = module.__mro__ if isinstance(module, type) else ()
    if any(base.__module__.startswith("pytorch_lightning.") for base in bases):
        raise InvalidArgumentError(
            f"{rule}, got {module.__name__}, derived from the class of that name in the package pytorch_lightning. "
            "Replace `import pytorch_lightning` by `import lightning.pytorch`."
        )
    raise InvalidArgumentError(f"{rule}, got {module!r}.")


def check_handed_on(names: Mapping[str, Any], module: type[LightningModule]) -> None:
    """Refuse names that neither the module nor the Trainer takes, and those that the estimator sets itself."""
    for name in names:
        if name.startswith(MODULE):
            _check_name(name, MODULE, module, module.__name__)
        else:
            _check_name(name, TRAINER, Trainer, "lightning.pytorch.Trainer")
            short = name.removeprefix(TRAINER)
            if short in _ELSEWHERE:
                raise InvalidArgumentError(f"{name} cannot be set. {_ELSEWHERE[short]}")


def check_open_name(name: str, estimator: Any) -> None:
    """Refuse a keyword that is neither a parameter nor handed on."""
    if is_handed_on(name):
        return
    known = [*estimator.get_params(deep=False), *_handed_on_names(estimator)]
    # an argument of the Trainer, not of the estimator
    if name in _ELSEWHERE:
        raise InvalidArgumentError(f"{type(estimator).__name__} has no parameter {name!r}. {_ELSEWHERE[name]}")
    raise InvalidArgumentError(
        f"{type(estimator).__name__} has no parameter {name!r}. Arguments of the module are spelled module__..., those "
        f"of the Trainer trainer__....{hint(name, nearest(name, known))}"
    )


def module_arguments(
    module: type[LightningModule], given: Mapping[str, Any], auto: Mapping[str, int]
) -> dict[str, Any]:
    """Return the arguments to make a module with.

    Parameters
    ----------
    module : type
        Its class.
    given : mapping
        Values by the names without prefix. ``"auto"`` is replaced by the value in `auto`.
    auto : mapping
        Sizes of the data by argument. An argument that the class requires and that is not given is filled in as well.

    Raises
    ------
    InvalidArgumentError
        If an argument is missing.
    """
    arguments = {
        name: auto[name] if name in auto and isinstance(value, str) and value == "auto" else value
        for name, value in given.items()
    }
    for name, parameter in _parameters(module).items():
        if parameter.default is not parameter.empty or name in arguments:
            continue
        if name not in auto:
            raise InvalidArgumentError(
                f"{module.__name__} needs the argument {name!r}: give {MODULE}{name}=.... "
                f"Only {' and '.join(auto)} are filled in from the data."
            )
        arguments[name] = auto[name]
    return arguments


def _handed_on_names(estimator: Any) -> list[str]:
    """Return all names that could be handed on."""
    names = [TRAINER + name for name in _parameters(Trainer) if name not in _ELSEWHERE]
    module = getattr(estimator, "module", None)
    return names + ([MODULE + name for name in _parameters(module)] if isinstance(module, type) else [])


def _check_name(name: str, prefix: str, taker: Callable[..., Any], taker_name: str) -> None:
    parameters = inspect.signature(taker).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    known = list(_parameters(taker))
    short = name.removeprefix(prefix)
    if short in known:
        return
    best = nearest(short, known, at_most=1)
    reserved = _ELSEWHERE if prefix == TRAINER else {}
    allowed = [each for each in known if each not in reserved]
    if best and best[0] in reserved:
        advice = f" {reserved[best[0]]}"
    else:
        advice = hint(name, nearest(name, [prefix + each for each in allowed]))
    raise InvalidArgumentError(
        f"{taker_name} takes no argument {short!r}, so {name} is no parameter."
        f"{advice} It takes {', '.join(allowed) or 'none'}."
    )


def _parameters(taker: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters that can be given by name."""
    parameters = inspect.signature(taker).parameters
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: parameter for name, parameter in parameters.items() if parameter.kind in by_name}
