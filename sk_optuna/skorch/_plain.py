"""Train the plain skorch nets of a search's folds together; before and after its fit each is skorch's own.

For the time of the fit the net's class is one derived from skorch's, which trains its epochs in a meeting and draws
from streams of its own, and changes nothing else: data, losses and errors are skorch's. So the net that callbacks hold
is the one that the search gets. Whether a net can be trained together is found out by making its parts and looking at
its first batch. If it cannot, it is set back to what it was, and fitted as outside of a search.

Not taken: a twin that is a net of this package of the same name, with the same parameters, whose fitted attributes are
handed back. It would encode labels, cast rows, and refuse what skorch takes. Not taken: streams for nets that are
trained by themselves. What cannot be trained together is to be what it is with ``fuse=False``.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import skorch
import torch
from sklearn.base import clone
from skorch import NeuralNet
from skorch.dataset import Dataset, ValidSplit
from torch.utils.data import DataLoader

from sk_optuna.skorch._beforehand import ChecksBeforehand
from sk_optuna.skorch._deferred import DeferredLosses
from sk_optuna.skorch._fitting import Fitting
from sk_optuna.skorch._fused_draws import CannotFuseError
from sk_optuna.skorch._fused_likeness import why_apart
from sk_optuna.skorch._fused_net import TrainsTogether
from sk_optuna.skorch._fused_parts import Part
from sk_optuna.skorch._fused_rounds import step_of
from sk_optuna.skorch._loader import TensorLoader
from sk_optuna.skorch._random_streams import ASIDE, DrawsFromStreams, RandomStreams
from sk_optuna.skorch._reports import STREAMS
from sk_optuna.worker import Meeting, current_fold, current_place, generators_lock

# Attributes that a net has for the time of its fit only.
_OURS = ("_fitting_", "_random_streams_")


class TrainsInFold(TrainsTogether, DrawsFromStreams, DeferredLosses):
    """Mixin: what a plain net is more than skorch's, for the time of its fit."""

    _fitting_: Any = None
    random_state: Any = None
    amp: Any = None

    @property
    def verbose(self) -> Any:
        """Verbosity: 0, since the epochs of many nets take turns."""
        return 0

    @verbose.setter
    def verbose(self, value: Any) -> None:
        self.__dict__["verbose"] = value

    def get_default_callbacks(self) -> list[Any]:
        """Return skorch's default callbacks, which stay with the net."""
        return list(NeuralNet.get_default_callbacks(self))

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the net's and the callbacks' method of that name; see `skorch.NeuralNet.notify`."""
        stream = STREAMS.get(method_name)
        with nullcontext() if stream is None else self._drawing(stream):
            super().notify(method_name, **cb_kwargs)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return an iterator over a dataset's batches: for a DataLoader a TensorLoader, whose batches are equal."""
        name = "iterator_train" if training else "iterator_valid"
        given = getattr(self, name)
        if given is not DataLoader:
            return super().get_iterator(dataset, training=training)
        setattr(self, name, TensorLoader)
        try:
            loader = super().get_iterator(dataset, training=training)
        finally:
            setattr(self, name, given)
        fold = current_fold()
        if fold is not None and isinstance(dataset, Dataset):
            loader.origin = fold.origin(dataset.X)
        return loader

    _twin = ChecksBeforehand._twin

    def _as_plain(self) -> Any:
        """Return a net of skorch's class with the same attributes."""
        plain: Any = object.__new__(type(self).__bases__[-1])
        vars(plain).update({name: value for name, value in vars(self).items() if name not in _OURS})
        return plain

    def __sklearn_clone__(self) -> Any:
        return clone(self._as_plain())

    def __reduce_ex__(self, protocol: Any) -> Any:
        # a callback may pickle or copy the net while it trains; pickle checks the class of copyreg.__newobj__
        plain = self._as_plain()
        return object.__new__, (type(plain),), plain.__getstate__()


class PlainNet(TrainsInFold, skorch.NeuralNet):
    """skorch's NeuralNet, while it is fitted in a fold."""


class PlainClassifier(TrainsInFold, skorch.NeuralNetClassifier):
    """skorch's NeuralNetClassifier, while it is fitted in a fold."""


class PlainBinaryClassifier(TrainsInFold, skorch.NeuralNetBinaryClassifier):
    """skorch's NeuralNetBinaryClassifier, while it is fitted in a fold."""


class PlainRegressor(TrainsInFold, skorch.NeuralNetRegressor):
    """skorch's NeuralNetRegressor, while it is fitted in a fold."""


_KINDS: dict[type, type] = {
    kind.__bases__[-1]: kind for kind in (PlainNet, PlainClassifier, PlainBinaryClassifier, PlainRegressor)
}


class PlainFold:
    """The plain skorch net of one fold: how it is fitted, and asked for predictions."""

    def __init__(self) -> None:
        self._streams: RandomStreams | None = None
        self._device: torch.device | None = None

    def fit(self, net: Any, X: Any, y: Any, monitor: Any, **fit_params: Any) -> Any:
        """Fit a net: together with those of other folds, or as skorch does, with the reason noted.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net, whose thread is a member of a meeting.
        X, y : object
            The fold's rows, in any form that skorch takes.
        monitor : Monitor
            Hears nothing: a plain net reports no epochs.
        **fit_params : dict
            As in `skorch.NeuralNet.fit`.

        Returns
        -------
        net
            The fitted net.
        """
        place: Any = current_place()
        group, reason = type(net).__name__, _why_not_tried(net, fit_params)
        if reason is None:
            before, numbers = _copied(vars(net)), np.random.get_state()  # noqa: NPY002
            with self._of_our_kind(net, X):
                group, reason = _why_alone(net, X, y, place)
                if reason is None:
                    net.partial_fit(X, y)
                    self._streams = net._random_streams_
                    self._device = None if net.device is None else torch.device(net.device)
                    return net
            vars(net).clear()
            vars(net).update(before)
            np.random.set_state(numbers)  # noqa: NPY002
        place.note(group, reason)
        # the global generators must not be lent to another net meanwhile
        with generators_lock():
            return net.fit(X, y, **fit_params)

    @contextmanager
    def _of_our_kind(self, net: Any, X: Any) -> Iterator[None]:
        """Have a net be of the kind that trains together, for the `with` block."""
        kind = type(net)
        net.__class__ = _KINDS[kind]
        vars(net)["_fitting_"] = Fitting(X, None, None)
        try:
            yield
        finally:
            for name in _OURS:
                vars(net).pop(name, None)
            net.__class__ = kind

    def asked(self) -> AbstractContextManager[None]:
        """Return the context in which the fitted net is asked for predictions.

        A DataLoader draws a number from torch's global generator each time, and uses none of it. For a net that was
        trained together it comes from the net's own stream, so that the caller's generator is left as it was.
        """
        if self._streams is None:
            lock: AbstractContextManager[None] = generators_lock()
            return lock
        return self._streams.flow(ASIDE, self._device)


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a net's attributes that does not change when the net is initialized."""
    return {name: copy.copy(each) if isinstance(each, (dict, set)) else each for name, each in state.items()}


def _why_not_tried(net: Any, fit_params: dict[str, Any]) -> str | None:
    """Return the reason why a net is not trained together, as far as it shows before the net is initialized."""
    kind = type(net)
    if kind not in _KINDS:
        known = next(base for base in kind.__mro__ if base in _KINDS)
        ours = "one of sk_optuna.skorch's" if known is NeuralNet else f"sk_optuna.skorch.{known.__name__}"
        return f"{kind.__name__} is a class of its own; derive it from {ours} to have it trained together"
    if fit_params:
        return f"forward is given arguments of fit: {', '.join(fit_params)}"
    if net.initialized_:
        return "it was initialized before"
    if net.iterator_train not in (DataLoader, TensorLoader):
        name = getattr(net.iterator_train, "__name__", repr(net.iterator_train))
        return f"its batches come from {name}, not from DataLoader"
    return None


def _why_alone(net: Any, X: Any, y: Any, place: Any) -> tuple[str, str | None]:
    """Initialize a net; return a name of nets like it, and the reason why it is not trained together with these."""
    part = None
    try:
        net.initialize()
        part = _first_part(net, X, y, place.terms)
    except CannotFuseError as error:
        return net._kind_for_notes(), str(error)
    except Exception as error:
        # skorch's own fit raises the same, or goes on
        return type(net).__bases__[-1].__name__, f"its beginning fails with {type(error).__name__}"
    reason = place.bring(part, _reasons)
    net._fitting_.together = net._fitting_.facts = None
    return net._kind_for_notes(), reason


def _first_part(net: Any, X: Any, y: Any, terms: Any) -> Part:
    """Return the first epoch of a net as a part of a round; the net's streams are as before.

    Raises
    ------
    CannotFuseError
        With the reason why there is none.
    """
    streams = net._random_streams_
    net._random_streams_ = copy.deepcopy(streams)
    try:
        # a function of the user's may not expect to be called twice
        is_known = type(net.train_split) is ValidSplit
        dataset = net.get_split_datasets(X, y)[0] if is_known else net.get_dataset(X, y)
        iterator = net.get_iterator(dataset, training=True)
        reason = why_apart(net, iterator, net.train_step, {})
        if reason is not None:
            raise CannotFuseError(reason)
        part = Part(net, iterator, terms)
        net._fitting_.together = part.look()
        return part
    finally:
        net._random_streams_ = streams


def _reasons(meeting: Meeting, parts: Sequence[Part]) -> list[str | None]:
    """Return for each part the reason why its kind of nets is not trained together; None where it is."""
    with generators_lock():
        steps = [step_of(part) for part in parts]
    return [step if isinstance(step, str) else None for step in steps]
