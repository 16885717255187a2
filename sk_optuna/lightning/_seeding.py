"""Give a net random numbers of its own for its initialisation, its dropout and its whole training.

Torch's layers draw from one generator of the process and take no other. So the net has that generator, and those of
NumPy and Python, to itself while it trains: they are seeded for it, and restored afterwards. Nets that train in threads
of one process take turns; process workers are independent. Not taken: `lightning.seed_everything`, which leaves its
seed behind, in an environment variable too.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from sk_optuna.worker import generators_lock


class OwnRandomness:
    """Seeds Python's, NumPy's and torch's global generators for one net, and restores them.

    Parameters
    ----------
    seed : int
        The seed, below 2**32.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._device = torch.device("cpu")
        self._outer: tuple[Any, ...] = ()

    @contextmanager
    def on(self, device: torch.device) -> Iterator[None]:
        """Seed the generators, also that of the device, for the `with` block."""
        self._device = device
        with generators_lock():
            self._outer = _states(device)
            _seed_all(self._seed, device)
            try:
                yield
            finally:
                _restore(self._outer, device)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Restore the caller's generators for the `with` block, then continue where this net stopped."""
        own, lock = _states(self._device), generators_lock()
        _restore(self._outer, self._device)
        lock.release()
        try:
            yield
        finally:
            lock.acquire()
            self._outer = _states(self._device)
            _restore(own, self._device)


def _states(device: torch.device) -> tuple[Any, ...]:
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    if device.type == "cuda":
        return *states, torch.cuda.get_rng_state(device)
    if device.type == "mps":
        return *states, torch.mps.get_rng_state()
    return states


def _restore(states: tuple[Any, ...], device: torch.device) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.set_rng_state(states[2])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[3], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(states[3])


def _seed_all(seed: int, device: torch.device) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every device
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
