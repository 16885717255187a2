"""Give a net random numbers of its own, although its layers draw from torch's global generators.

Layers draw their weights, and dropout its masks, from torch's global generator of the device; no layer takes another
generator. So the global generator is lent: while a net draws, it holds the net's state, afterwards the caller's again.
The generator belongs to the process, so one net at a time draws: threads train one after the other, and get the same
numbers as alone. Not taken: `torch.manual_seed` at the start of a fit. It changes the caller's next numbers, a seed set
by the caller undoes it, and threads mix their numbers.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from numbers import Integral
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.dataset import ValidSplit
from torch import Tensor
from torch.utils.data import DataLoader

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.worker import current_fold, generators_lock

# TRAINING serves the module and the order of rows. ASIDE serves callbacks and scoring: a callback more must not change
# the training.
TRAINING, ASIDE = "training", "aside"
_NAMES = (TRAINING, ASIDE)

_forked = False


def _note_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def leave_threads_of_parent() -> None:
    """In a forked process, set torch to one thread: it would wait for threads that only the parent has."""
    global _forked
    if _forked:
        torch.set_num_threads(1)
        _forked = False


def check_random_state(random_state: Any) -> None:
    """Raise InvalidArgumentError for a random_state that gives no seed."""
    is_int = isinstance(random_state, Integral) and not isinstance(random_state, bool)
    is_seed = is_int and 0 <= int(random_state) < 2**32
    if not (is_seed or random_state is None or isinstance(random_state, np.random.RandomState)):
        raise InvalidArgumentError(
            "random_state must be None, an int from 0 to 2**32 - 1, or a numpy.random.RandomState, "
            f"but got {random_state!r}."
        )


def open_streams(random_state: Any) -> "RandomStreams | None":
    """Return the streams for one initialization; None, to draw from torch's generators, without seed and search."""
    if isinstance(random_state, np.random.RandomState):
        return RandomStreams(int(random_state.randint(2**31)))
    if random_state is not None:
        return RandomStreams(int(random_state))
    fold = current_fold()
    return None if fold is None else RandomStreams(fold.next_seed())


class RandomStreams:
    """Two sequences of random numbers. While one flows, torch's global generators give its numbers.

    Parameters
    ----------
    seed : int
        Determines both sequences.
    """

    def __init__(self, seed: int) -> None:
        self._seeds = dict(zip(_NAMES, np.random.SeedSequence(seed).generate_state(len(_NAMES)).tolist(), strict=True))
        self._states: dict[str, dict[str, Tensor]] = {name: {} for name in _NAMES}
        self._flowing: str | None = None

    @contextmanager
    def flow(self, name: str, device: torch.device | None) -> Iterator[None]:
        """Set torch's generators of the CPU and of `device` to the stream's state, for the `with` block."""
        if self._flowing == name:
            yield
            return
        kinds = ["cpu"] if device is None or device.type not in ("cuda", "mps") else ["cpu", device.type]
        with generators_lock():
            theirs = {kind: _state(kind, device) for kind in kinds}
            outer, self._flowing = self._flowing, name
            states = self._states[name]
            try:
                for kind in kinds:
                    _begin(kind, device, states.get(kind), self._seeds[name])
                yield
            finally:
                self._flowing = outer
                states.update({kind: _state(kind, device) for kind in kinds})
                for kind, state in theirs.items():
                    _begin(kind, device, state, 0)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_flowing": None}


def _state(kind: str, device: torch.device | None) -> Tensor:
    """Return a copy of a global generator's state; it lies on the CPU."""
    if kind == "cuda":
        return torch.cuda.get_rng_state(device or "cuda")
    return torch.mps.get_rng_state() if kind == "mps" else torch.get_rng_state()


def _begin(kind: str, device: torch.device | None, state: Tensor | None, seed: int) -> None:
    """Set a global generator to a state; without one, to the beginning of the seed's sequence."""
    if kind == "cuda":
        if state is not None:
            torch.cuda.set_rng_state(state, device or "cuda")
            return
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif kind == "mps":
        torch.mps.manual_seed(seed) if state is None else torch.mps.set_rng_state(state)
    elif state is None:
        torch.default_generator.manual_seed(seed)
    else:
        torch.set_rng_state(state)


def _draws_from_numpy(split: Any) -> bool:
    return type(split) is ValidSplit and isinstance(split.cv, float) and split.random_state is None


class DrawsFromStreams(NeuralNet):
    """Mixin: a net with `random_state` draws from streams of its own.

    Attributes
    ----------
    _random_streams_ : RandomStreams or None
        The source of the net's random numbers; None for torch's global generators.
    """

    _random_streams_: RandomStreams | None = None
    train_split: Any

    def _drawing(self, name: str) -> AbstractContextManager[None]:
        """Return a context in which torch's global generators have the net's state, if the net has streams."""
        if self._random_streams_ is None:
            return nullcontext()
        return self._random_streams_.flow(name, None if self.device is None else torch.device(self.device))

    def initialize(self) -> Any:
        """Make module, criterion, optimizer and callbacks; see `skorch.NeuralNet.initialize`."""
        leave_threads_of_parent()
        self._random_streams_ = open_streams(self.random_state)
        with self._drawing(TRAINING):
            return super().initialize()

    def set_params(self, **kwargs: Any) -> Any:
        """Set parameters, and make the parts that depend on them anew; see `skorch.NeuralNet.set_params`."""
        with self._drawing(TRAINING):
            return super().set_params(**kwargs)

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Return the datasets for training and validation; see `skorch.NeuralNet.get_split_datasets`."""
        split: Any = self.train_split
        with self._drawing(TRAINING):
            if self._random_streams_ is not None and _draws_from_numpy(split):
                seed = int(torch.randint(2**31, ()))
                self.train_split = ValidSplit(split.cv, stratified=split.stratified, random_state=seed)
            try:
                return super().get_split_datasets(X, y, **fit_params)
            finally:
                self.train_split = split

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return an iterator over a dataset's batches; see `skorch.NeuralNet.get_iterator`."""
        leave_threads_of_parent()
        iterator = super().get_iterator(dataset, training=training)
        seeded = self._random_streams_ is not None and not training
        if seeded and isinstance(iterator, DataLoader) and iterator.generator is None:
            # DataLoader draws a seed for its workers even if it has none
            iterator.generator = torch.Generator()
        return iterator

    def run_single_epoch(self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any) -> None:
        """Run one epoch of training or validation; see `skorch.NeuralNet.run_single_epoch`."""
        if self._fitting_ is not None:
            self._fitting_.ran.add("run_single_epoch")
        # an epoch without rows draws nothing
        with nullcontext() if iterator is None else self._drawing(TRAINING if training else ASIDE):
            super().run_single_epoch(iterator, training=training, prefix=prefix, step_fn=step_fn, **fit_params)
