"""skorch's privates. skorch itself is not imported: each function is handed a net."""

from collections.abc import Iterable
from typing import Any

# The attribute of a net that says that it was trimmed, by `NeuralNet.trim_for_prediction`.
TRIMMED = "_trimmed_for_prediction"


def module_names(net: Any) -> list[str]:
    """Return the names of a net's modules, without the underscore at the end of the attribute."""
    return list(net._modules)


def criterion_names(net: Any) -> list[str]:
    """Return the names of a net's criteria, without the underscore at the end of the attribute."""
    return list(net._criteria)


def optimizer_names(net: Any) -> list[str]:
    """Return the names of a net's optimizers, without the underscore at the end of the attribute."""
    return list(net._optimizers)


def zero_gradients(net: Any) -> None:
    """Set the gradients of all optimizers of a net to zero, or to None."""
    net._zero_grad_optimizer()


def given_names(net: Any) -> set[str]:
    """Return the names of the arguments that a net was given and has still to check."""
    names: set[str] = net._params_to_validate
    return names


def named_callbacks(net: Any) -> Iterable[tuple[str, Any]]:
    """Return a net's callbacks, each under a name of its own."""
    callbacks: Iterable[tuple[str, Any]] = net._uniquely_named_callbacks()
    return callbacks
