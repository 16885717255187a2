"""The fold for which an estimator is being fitted: seeds, and the origin of the data.

An estimator is cloned on its way to a fold, and again by meta-estimators, so nothing can be set on it. It asks here, in
the thread that fits it. Moreover, a seed set as a parameter would be a parameter of the result.
"""

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_here = threading.local()


class CurrentFold:
    """One fold of one candidate, or the refit, while it runs.

    Parameters
    ----------
    random_state : int
        Seed of the search.
    trial, fold : int
        Numbers of the trial and its fold; for the refit `fold` is the number of folds.
    """

    def __init__(self, random_state: int, trial: int, fold: int) -> None:
        self._entropy = [random_state, trial, fold]
        self._n_seeds = 0
        self._known: dict[int, tuple[Callable[[], Any], bytes]] = {}

    def next_seed(self) -> int:
        """Return a seed below 2**31 that depends on the search's seed, the trial, the fold, and how many came before.

        Returns
        -------
        int
            The seed, for an estimator whose `random_state` is None.
        """
        sequence = np.random.SeedSequence([*self._entropy, self._n_seeds])
        self._n_seeds += 1
        return int(sequence.generate_state(1)[0] >> 1)

    def origin(self, data: Any) -> bytes | None:
        """Return a key that equal data has in every fold of this search; None where the origin is not known.

        Parameters
        ----------
        data : object
            Data that an estimator was given.

        Returns
        -------
        bytes or None
            The key; in each search it is another one.
        """
        alive, key = self._known.get(id(data), (None, None))
        return key if alive is not None and alive() is data else None

    def remember_origin(self, data: Any, key: bytes) -> None:
        """Remember the key of `data` for as long as it exists; `origin` then returns it.

        Parameters
        ----------
        data : object
            Data derived from data of known origin; `key` names the source and the derivation.
        key : bytes
            Its key.
        """
        try:
            self._known[id(data)] = weakref.ref(data), key
        except TypeError:  # lists and dicts
            self._known[id(data)] = lambda: data, key


def current_fold() -> CurrentFold | None:
    """Return the fold that this thread evaluates, None outside a search."""
    return getattr(_here, "fold", None)


@contextmanager
def in_fold(fold: CurrentFold) -> Iterator[None]:
    """Make `fold` this thread's current fold for a while; an inner search's folds hide the outer one's."""
    outer, _here.fold = current_fold(), fold
    try:
        yield
    finally:
        _here.fold = outer
