"""Name the features that a subclass loses when it overrides one of skorch's methods without calling `super()`.

skorch invites users to override most of its methods, with or without `super()`; a net without our method must then
train as skorch's does. But some features of these nets live in such methods. Weights that were not applied are an
error, since the numbers would be wrong; lost speed or repeatability is a warning. The running fit shows which methods
were called. Not taken: to search the code of the override for the word `super`.
"""

import warnings
from typing import Any
from weakref import WeakSet

from sk_optuna.exceptions import InvalidArgumentError

_OURS = {"skorch", "sk_optuna"}
# Classes of nets that brought a warning. Each fold fits a clone, and scikit-learn resets the warnings already shown.
_told_of: WeakSet[type] = WeakSet()


def overridden(net: Any, *names: str) -> list[str]:
    """Return the names of methods that are neither skorch's nor of this package."""
    return [name for name in names if name in vars(net) or _package(getattr(type(net), name, None)) not in _OURS]


def _package(method: Any) -> str:
    method = method.fget if isinstance(method, property) else method
    return str(getattr(method, "__module__", None)).partition(".")[0]


def check_weighed(net: Any) -> None:
    """Raise InvalidArgumentError if rows have weights that differ, and a step was made without them."""
    if not net._fitting_.must_weigh or net._fitting_.weighed:
        return
    name = type(net).__name__
    methods = overridden(net, "get_loss", "train_step_single", "train_step", "run_single_epoch")
    raise InvalidArgumentError(
        "class_weight and sample_weight are applied in get_loss, which was not called or was overridden without "
        f"super(): {name} has its own {' and '.join(methods) or 'loop'}. Call super().get_loss(y_pred, y_true, X=X, "
        "training=training) there, or leave the weights out; weights that get_loss applies by itself need a parameter "
        "of another name."
    )


def tell_of_lost(net: Any) -> None:
    """Warn, once for each class of nets, of features that the fit lacks."""
    ran = net._fitting_.ran
    if net.amp is not None and "infer" not in ran:
        _tell(net, f"infer: amp={net.amp!r} has no effect")
    if _draws(net) and "run_single_epoch" not in ran:
        _tell(net, "run_single_epoch: random_state has no effect on what is drawn in epochs, such as dropout")
    if _draws(net) and "_random_streams_" not in vars(net):
        _tell(net, "initialize: random_state has no effect")


def _draws(net: Any) -> bool:
    return net.random_state is not None or net._random_streams_ is not None


def _tell(net: Any, loss: str) -> None:
    if type(net) not in _told_of:
        _told_of.add(type(net))
        name = type(net).__name__
        warnings.warn(f"{name} does not call super().{loss}. Call it, or leave it out.", UserWarning, stacklevel=2)
