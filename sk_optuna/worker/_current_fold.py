"""The fold that an estimator is being fitted for.

An estimator is cloned on its way to a fold, and by meta-estimators again, so nothing that is set on it would arrive. It
asks here, in the thread that fits it. A seed set as a parameter would moreover be a parameter of the result.
"""

import threading
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sk_optuna.worker._origins import Origins

_here = threading.local()


class CurrentFold:
    """One fold of one candidate, or the refit, while it runs.

    Parameters
    ----------
    random_state : int
        Seed of the search.
    trial, fold : int
        Numbers of the trial and its fold; for the refit `fold` is the number of folds.
    n_threads : int or None, default=None
        The fold's share of the cores; None where it shares them with no other fold.
    """

    def __init__(self, random_state: int, trial: int, fold: int, n_threads: int | None = None) -> None:
        self.n_threads = n_threads
        self._entropy = [random_state, trial, fold]
        self._n_seeds = 0
        self._origins: Origins[bytes] = Origins()

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
        """Return a key that equal data has in every fold of this search; None where the origin of `data` is not known.

        Parameters
        ----------
        data : object
            Data that an estimator was given.

        Returns
        -------
        bytes or None
            The key; in each search it is another one.
        """
        return self._origins.of(data)

    def remember_origin(self, data: Any, key: bytes) -> None:
        """Remember the key of `data` for as long as it exists; `origin` then returns it.

        Parameters
        ----------
        data : object
            Data derived from data of known origin; `key` names the source and the derivation.
        key : bytes
            Its key.
        """
        self._origins.remember(data, key)


def current_fold() -> CurrentFold | None:
    """Return the fold that this thread evaluates, None outside a search."""
    return getattr(_here, "fold", None)


def seed_of(random_state: Any) -> int:
    """Return a seed below 2**31 for one fit.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        The estimator's parameter. None takes the next seed of the fold that this thread evaluates; outside a search, or
        where it is given, the seed is drawn from scikit-learn's `check_random_state`.
    """
    fold = current_fold() if random_state is None else None
    return int(check_random_state(random_state).randint(2**31 - 1)) if fold is None else fold.next_seed()


def in_fold(fold: CurrentFold) -> AbstractContextManager[None]:
    """Make `fold` this thread's current fold for a while; an inner search's folds hide the outer one's."""
    return _InFold(fold)


class _InFold:
    """The context, which each fold enters; a generator would take three times as long."""

    def __init__(self, fold: CurrentFold) -> None:
        self._fold = fold

    def __enter__(self) -> None:
        self._outer, _here.fold = current_fold(), self._fold

    def __exit__(self, *error: object) -> None:
        _here.fold = self._outer
