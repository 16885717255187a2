"""Refuse parameters that no net can train with, before anything is trained.

skorch and torch find most of these mistakes too, but in the middle of the first epoch and in words for those who know
them well. Names of the module's parameters are compared with its signature when they are set, so that a search over a
name that does not exist ends before its first trial. Not taken: scikit-learn's `_parameter_constraints`, which is
private and has no room for a remedy.
"""

import inspect
import math
from numbers import Integral, Real
from typing import Any
from weakref import WeakKeyDictionary

from skorch import NeuralNet
from skorch.utils import params_for
from torch import Tensor, nn
from torch.utils.data import DataLoader

from sk_optuna._compat._skorch import given_names, module_names
from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.skorch._callbacks import check_monitors
from sk_optuna.skorch._loader import TensorLoader
from sk_optuna.skorch._on_device import check_amp, check_device
from sk_optuna.skorch._overrides import overridden
from sk_optuna.skorch._random_streams import check_random_state
from sk_optuna.skorch._weights import check_class_weight

AUTO = ("n_features", "n_classes", "n_outputs")
# Names of other libraries, and skorch's parameters for them.
_SYNONYMS = {"learning_rate": "lr", "learning_rate_init": "lr", "epochs": "max_epochs", "max_iter": "max_epochs"}
_ITERATORS = ("iterator_train", "iterator_valid")
_COMPONENTS = ("module", "criterion", "optimizer", *_ITERATORS)
# Parameters of classes, by whether what a decorator wraps is asked.
_of_classes: WeakKeyDictionary[type, dict[bool, list[inspect.Parameter] | None]] = WeakKeyDictionary()


def check_parameters(net: Any) -> None:
    """Raise InvalidArgumentError for the first parameter of a net that cannot be used."""
    # raises for a trimmed net, whose criterion is None
    net.check_training_readiness()
    _check_is_component("module", net.module, "a subclass of torch.nn.Module, such as a class of your own")
    _check_is_component("criterion", net.criterion, "a loss class such as torch.nn.CrossEntropyLoss")
    check_device(net.device)
    check_amp(net.amp, net.device)
    check_random_state(net.random_state)
    check_class_weight(getattr(net, "class_weight", None))
    for name in ("batch_size", "iterator_train__batch_size", "iterator_valid__batch_size"):
        _check_batch_size(name, getattr(net, name, 1))
    if not (_is_int(net.max_epochs) and net.max_epochs >= 0):
        raise InvalidArgumentError(f"max_epochs must be an int of at least 0, but got {net.max_epochs!r}.")
    lr: Any = net.lr
    if lr is not None and not isinstance(lr, Tensor) and not (isinstance(lr, Real) and 0 <= float(lr) < math.inf):
        raise InvalidArgumentError(f"lr must be a finite number of at least 0, but got {lr!r}.")
    if net.train_split and not callable(net.train_split):
        raise InvalidArgumentError(
            f"train_split must be None or a callable such as skorch.dataset.ValidSplit(5), but got {net.train_split!r}."
        )
    check_monitors(net)
    for name in _ITERATORS:
        check_takes(name, getattr(net, name), names_to_check(net, name, list(params_for(name, vars(net)))))


def _check_is_component(name: str, value: Any, kind: str) -> None:
    if isinstance(value, nn.Module):
        return
    if not callable(value) or (name == "module" and isinstance(value, type) and not issubclass(value, nn.Module)):
        raise InvalidArgumentError(f"{name} must be {kind}, or a function that returns one, but got {value!r}.")


def _check_batch_size(name: str, value: Any) -> None:
    if value is not None and not (_is_int(value) and (value > 0 or value == -1)):
        raise InvalidArgumentError(f"{name} must be an int of at least 1, or -1 for all rows, but got {value!r}.")


def _is_int(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def names_to_check(net: Any, prefix: str, names: list[str]) -> list[str]:
    """Return the names that the factory of a part must take; none where a subclass makes the part by itself."""
    maker = "get_iterator" if prefix in _ITERATORS else f"initialize_{prefix}"
    if not callable(getattr(net, prefix)) or overridden(net, maker):
        return []
    return [name for name in names if not (prefix == "optimizer" and name.startswith("param_groups"))]


def check_takes(prefix: str, factory: Any, names: list[str]) -> None:
    """Raise InvalidArgumentError for names that a class or function does not take, with the nearest that it takes.

    Parameters
    ----------
    prefix : str
        "module", "criterion", "optimizer", "iterator_train" or "iterator_valid".
    factory : type, callable or torch.nn.Module
        Takes the names as arguments; the class stands for an instance.
    names : list of str
        Names without the prefix.
    """
    known = _names_taken_by(factory) if names else None
    if known is None:
        return
    for name in names:
        if name.partition("__")[0] not in known:
            whole = f"{prefix}__{name}"
            near = hint(whole, [f"{prefix}__{other}" for other in nearest(name, known)])
            raise InvalidArgumentError(
                f"{_name_of(factory)} does not take {whole}.{near or f' It takes: {_prefixed(prefix, known)}.'}"
            )


def _names_taken_by(factory: Any) -> list[str] | None:
    """Return the names of a factory's parameters; None if it may take any name."""
    parameters = _parameters(factory)
    if parameters is None:
        return None
    if isinstance(factory, type) and factory.__init__ is TensorLoader.__init__:  # type: ignore[misc]
        parameters = [*parameters, *(_parameters(DataLoader) or [])]
    elif any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    is_loader = isinstance(factory, type) and issubclass(factory, DataLoader)
    return [name for name in dict.fromkeys(names) if not (is_loader and name == "dataset")]


def check_nothing_missing(prefix: str, factory: Any, kwargs: dict[str, Any]) -> None:
    """Raise InvalidArgumentError where a class or function needs an argument that is not given."""
    if isinstance(factory, nn.Module) and not kwargs:  # skorch uses the instance itself
        return
    if any(p.kind is p.VAR_KEYWORD for p in _parameters(factory, follow_wrapped=False) or []):
        # a decorator may pass the other arguments
        return
    required = (p for p in _parameters(factory) or [] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
    missing = [p.name for p in required if p.default is p.empty and p.name not in kwargs]
    if missing:
        auto = [name for name in missing if name in AUTO]
        remark = f" {_prefixed(prefix, auto)} can be 'auto'." if auto and prefix == "module" else ""
        raise InvalidArgumentError(f"{_name_of(factory)} needs {_prefixed(prefix, missing)}.{remark}")


def _hint(name: str, known: list[str]) -> str:
    return hint(name, [_SYNONYMS[name]] if name in _SYNONYMS else nearest(name, known))


def _parameters(factory: Any, *, follow_wrapped: bool = True) -> list[inspect.Parameter] | None:
    """Return the parameters of a factory; None where it does not tell them. Each fit asks some ten times."""
    kind = type(factory) if isinstance(factory, nn.Module) else factory
    if not isinstance(kind, type):
        return _read_parameters(kind, follow_wrapped)
    known = _of_classes.setdefault(kind, {})
    if follow_wrapped not in known:
        known[follow_wrapped] = _read_parameters(kind, follow_wrapped)
    return known[follow_wrapped]


def _read_parameters(kind: Any, follow_wrapped: bool) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(kind, follow_wrapped=follow_wrapped).parameters.values())
    except (ValueError, TypeError):
        return None


def _prefixed(prefix: str, names: list[str]) -> str:
    return ", ".join(f"{prefix}__{name}" for name in names) or "no parameters"


def _name_of(factory: Any) -> str:
    return str(getattr(factory, "__name__", type(factory).__name__))


class ChecksParameters(NeuralNet):
    """Mixin: checks parameters when they are set or used, and replaces "auto" by sizes of the data."""

    def initialize(self) -> Any:
        """Make module, criterion, optimizer and callbacks; see `skorch.NeuralNet.initialize`."""
        check_parameters(self)
        return super().initialize()

    def set_params(self, **kwargs: Any) -> Any:
        """Set parameters; see `skorch.NeuralNet.set_params`."""
        for name in kwargs:
            if "__" not in name and not self._may_be_set(name):
                raise InvalidArgumentError(self._invalid_name(name))
        super().set_params(**kwargs)
        for prefix in _COMPONENTS:
            names = [name.removeprefix(f"{prefix}__") for name in kwargs if name.startswith(f"{prefix}__")]
            check_takes(prefix, getattr(self, prefix), names_to_check(self, prefix, names))
        return self

    def _may_be_set(self, name: str) -> bool:
        return name in self.get_params(deep=False) or name.startswith(tuple(self.prefixes_))

    def _invalid_name(self, name: str) -> str:
        valid = sorted(self.get_params(deep=False))
        parts = ", ".join(f"{prefix}__" for prefix in dict.fromkeys([*_COMPONENTS, *self.prefixes_]))
        return (
            f"Invalid parameter {name!r} for estimator {type(self).__name__}.{_hint(name, valid)} Valid parameters "
            f"are: {valid!r}, and names that begin with {parts}."
        )

    def initialized_instance(self, instance_or_cls: Any, kwargs: Any) -> Any:
        """Return an instance of a class; see `skorch.NeuralNet.initialized_instance`."""
        prefix = next((name for name in ("module", "criterion") if instance_or_cls is getattr(self, name)), None)
        if prefix is None:
            return super().initialized_instance(instance_or_cls, kwargs)
        check_takes(prefix, instance_or_cls, list(kwargs))
        check_nothing_missing(prefix, instance_or_cls, kwargs)
        made = super().initialized_instance(instance_or_cls, kwargs)
        if prefix == "module" and not isinstance(made, nn.Module):
            raise InvalidArgumentError(
                f"module must return a torch.nn.Module, but {_name_of(instance_or_cls)} returned {type(made).__name__}."
            )
        return made

    def _validate_params(self) -> None:
        try:
            super()._validate_params()
        except ValueError as error:  # an argument is no parameter
            # skorch has a hint for names that begin with one of these
            prefixes = tuple(self.prefixes_)
            given = given_names(self)
            names = [name for name in given if not name.startswith(prefixes)]
            params = [name for name in self.get_params(deep=False) if name not in given]
            known = [*params, *(f"{prefix}__" for prefix in self.prefixes_)]
            hints = "".join(_hint(name, known) for name in sorted(names))
            raise InvalidArgumentError(f"{error}{hints}") from error

    def get_params_for_optimizer(self, prefix: str, named_parameters: Any) -> Any:
        """Return the arguments for an optimizer; see `skorch.NeuralNet.get_params_for_optimizer`."""
        args, kwargs = super().get_params_for_optimizer(prefix, named_parameters)
        if prefix == "optimizer":
            check_takes(prefix, self.optimizer, list(kwargs))
        return args, kwargs

    def get_params_for(self, prefix: str) -> dict[str, Any]:
        """Return the parameters with a prefix, with "auto" resolved; see `skorch.NeuralNet.get_params_for`."""
        params: dict[str, Any] = super().get_params_for(prefix)
        if prefix in ("iterator_train", "iterator_valid"):
            size: Any = params.get("batch_size", self.batch_size)
            params["batch_size"] = int(size) if _is_int(size) else size  # torch refuses numpy's integers
        if prefix in ("module", *module_names(self)):
            for name in AUTO:
                if isinstance(params.get(name), str) and params[name] == "auto":
                    params[name] = self._told_by_data(prefix, name)
        return params

    def _told_by_data(self, prefix: str, name: str) -> int:
        value: int | None = self._facts().get(name)
        if value is None:
            raise InvalidArgumentError(
                f"{prefix}__{name}='auto' is not known {self._why_unknown(name)}. Pass a number instead."
            )
        return value

    def _why_unknown(self, name: str) -> str:
        if self._fitting_ is None and not self._facts():
            return "before fit has seen data"
        return "from such an X" if name == "n_features" else "from such a y"
