"""The budget of a search: how many trials, how many of them at a time, and the time until which folds may start."""

import time
from collections.abc import Callable
from math import ceil
from typing import Literal

_DEFAULT_N_TRIALS = 50
# With max_concurrent_trials="auto": so many trials are asked for at the start; fewer are in flight while little is
# known, up to a trial, and as many again later.
_N_FIRST, _N_IN_FLIGHT, _N_KNOWS_LITTLE, _N_LATER = 8, 6, 24, 8
# The Gaussian process loses more by trials in flight: up to this trial, no more are than have so many folds together.
_N_PROCESS_KNOWS_LITTLE, _N_FOLDS, _N_LATER_OF_PROCESS = 32, 4, 4


def n_trials_wanted(n_trials: int | None, n_iter: int | None, timeout: float | None, *, is_grid: bool) -> int | None:
    """Return the number of trials that the arguments ask for; None for a whole grid, or for as many as there is time.

    Parameters
    ----------
    n_trials, n_iter : int or None
        The user's arguments, of which at most one is given.
    timeout : float or None
        Seconds for the whole search.
    is_grid : bool
        Whether the space is a grid.
    """
    wanted = n_trials if n_iter is None else n_iter
    return _DEFAULT_N_TRIALS if wanted is None and timeout is None and not is_grid else wanted


def in_flight(
    most: int | Literal["auto"],
    n_splits: int,
    by_process: bool = False,
    workers_if_shared: Callable[[], int | None] = lambda: None,
) -> Callable[[int], int]:
    """Return the function from a trial's number to the trials, it included, that are then asked and not yet told.

    It knows nothing of workers, so that which trials were told when one is asked does not depend on them. Only where
    several processes share a study, and results depend on timing anyway, each takes no more than its workers need.

    Parameters
    ----------
    most : int or "auto"
        The user's argument.
    n_splits : int
        Folds of a trial.
    by_process : bool, default=False
        Whether a Gaussian process suggests the trials.
    workers_if_shared : callable, default=none
        Returns the number of this process's workers while others share the study, else None.
    """
    early, n_early, later = _N_IN_FLIGHT, _N_KNOWS_LITTLE, _N_LATER
    if by_process:
        early, n_early, later = ceil(_N_FOLDS / n_splits), _N_PROCESS_KNOWS_LITTLE, _N_LATER_OF_PROCESS

    def n_in_flight(number: int) -> int:
        n_workers = workers_if_shared()
        if n_workers is not None:
            return min(n_workers, _N_IN_FLIGHT if most == "auto" else most)
        if most != "auto":
            return most
        return _N_FIRST if number < _N_FIRST else early if number < n_early else later

    return n_in_flight


class Deadline:
    """The end of the time, if there is one.

    Parameters
    ----------
    timeout : float or None
        Seconds from the start.
    starts : bool, default=True
        Whether the time starts now, else with `start`.
    """

    def __init__(self, timeout: float | None, *, starts: bool = True) -> None:
        self._start: float | None = None
        self._timeout = timeout
        if starts:
            self.start()

    def start(self) -> None:
        """Let the time start now."""
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the start; 0 before it."""
        return 0.0 if self._start is None else time.monotonic() - self._start

    @property
    def left(self) -> float | None:
        """Seconds to the end, None if there is none."""
        return None if self._timeout is None else self._timeout - self.elapsed

    @property
    def passed(self) -> bool:
        """True once the time is over."""
        return self.left is not None and self.left <= 0
