"""Refuse, or warn of, callbacks that need validation rows where there are none.

These nets train on all rows, since a search validates on its own folds; skorch's nets set a fifth aside. So a callback
that worked with a skorch net may miss the value that it monitors: EarlyStopping ends the first epoch with a KeyError,
EpochScoring silently does nothing. Only skorch's own callbacks are checked beforehand. Where the net or a user's
callback may write into the history, skorch raises its KeyError and `explain_missing` adds the reason.
"""

import inspect
import warnings
from typing import Any
from weakref import WeakSet

from skorch.callbacks import BatchScoring, Checkpoint, EarlyStopping, EpochScoring, LRScheduler, PassthroughScoring
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sk_optuna._compat._skorch import named_callbacks
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.skorch._overrides import overridden

_SCORING = (EpochScoring, BatchScoring, PassthroughScoring)
_REMEDY = (
    "Pass train_split=skorch.dataset.ValidSplit(5) to set a fifth of the rows aside, or let the callback look at the "
    "training rows ({instead}). In a search, report='epoch' with a pruner stops by the scores on the fold's test rows."
)
# Methods that may bring validation rows, or write into the history.
_MAY_WRITE = (
    "get_split_datasets",
    "fit_loop",
    "run_single_epoch",
    "train_step",
    "validation_step",
    "notify",
    "get_default_callbacks",
    "initialize_callbacks",
    "on_train_begin",
    "on_epoch_begin",
    "on_epoch_end",
    "on_batch_begin",
    "on_batch_end",
)
_warned_of: WeakSet[type] = WeakSet()


def check_monitors(net: Any) -> None:
    """Raise InvalidArgumentError for a callback of skorch's that monitors validation rows where there are none."""
    callbacks = _own_callbacks(net)
    absent = _absent_names(net, callbacks)
    for name, callback in callbacks:
        monitor = _monitored(net, name, callback)
        if isinstance(monitor, str) and monitor in absent:
            raise InvalidArgumentError(
                f"{_class_of(callback).__name__} monitors {monitor!r}, but there are no validation rows: "
                f"train_split is {net.train_split!r}. {_REMEDY.format(instead=_instead(monitor))}"
            )


def warn_of_idle_callbacks(net: Any) -> None:
    """Warn, once for each class of nets, of callbacks that score validation rows where there are none."""
    if type(net) in _warned_of:
        return
    idle = [
        name
        for name, callback in _own_callbacks(net)
        if _class_of(callback) in _SCORING and not _value(net, name, callback, "on_train")
    ]
    if idle:
        _warned_of.add(type(net))
        warnings.warn(
            f"Callbacks score validation rows, but there are none, so they do nothing: {', '.join(idle)}. train_split "
            f"is {net.train_split!r}. {_REMEDY.format(instead='on_train=True')}",
            UserWarning,
            stacklevel=2,
        )


def explain_missing(net: Any, error: KeyError) -> None:
    """Add to skorch's error about a value missing in the history that there are no validation rows."""
    if not net.train_split:
        error.add_note(
            f"There are no validation rows: train_split is {net.train_split!r}. "
            + _REMEDY.format(instead="monitor='train_loss'")
        )


def _own_callbacks(net: Any) -> list[tuple[str, Any]]:
    """Return the user's callbacks with their names; none where there may be validation rows."""
    if net.train_split or not net.callbacks or net.callbacks == "disable" or overridden(net, "get_split_datasets"):
        return []
    default = {name for name, _ in net.get_default_callbacks()}
    found = []
    for name, given in named_callbacks(net):
        callback = vars(net).get(f"callbacks__{name}", given)
        if callback is not None and name not in default:
            found.append((name, callback))
    return found


def _absent_names(net: Any, callbacks: list[tuple[str, Any]]) -> set[str]:
    """Return columns that the history will lack; none where the net or a user's callback may write them."""
    if overridden(net, *_MAY_WRITE) or any(not _is_skorchs(callback) for _, callback in callbacks):
        return set()
    absent, present = {"valid_loss", "valid_acc"}, set[str]()
    for name, callback in callbacks:
        if issubclass(_class_of(callback), _SCORING):
            column = _column(net, name, callback)
            (present if _value(net, name, callback, "on_train") else absent).add(column)
    return {f"{name}{ending}" for name in absent - present for ending in ("", "_best")}


def _column(net: Any, name: str, callback: Any) -> str:
    given = _value(net, name, callback, "name")
    scoring = None if given is not None else _value(net, name, callback, "scoring")
    return str(given if given is not None else getattr(scoring, "__name__", scoring))


def _monitored(net: Any, name: str, callback: Any) -> Any:
    kind = _class_of(callback)
    looks = issubclass(kind, (EarlyStopping, Checkpoint, LRScheduler))
    if issubclass(kind, LRScheduler):
        looks = _value(net, name, callback, "policy") in (ReduceLROnPlateau, ReduceLROnPlateau.__name__)
    return _value(net, name, callback, "monitor") if looks else None


def _instead(monitor: str) -> str:
    return "monitor='train_loss_best'" if monitor.endswith("_best") else "monitor='train_loss'"


def _value(net: Any, name: str, callback: Any, parameter: str) -> Any:
    """Return the value of a callback's parameter: from the net, else from the callback, else the default."""
    key = f"callbacks__{name}__{parameter}"
    if key in vars(net):
        return vars(net)[key]
    if not isinstance(callback, type):
        return getattr(callback, parameter, None)
    default = inspect.signature(callback).parameters.get(parameter)
    return None if default is None or default.default is default.empty else default.default


def _is_skorchs(callback: Any) -> bool:
    return _class_of(callback).__module__.partition(".")[0] == "skorch"


def _class_of(callback: Any) -> type:
    return callback if isinstance(callback, type) else type(callback)
