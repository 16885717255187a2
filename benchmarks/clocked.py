"""Workers on a clock of their own: what a search does with sixteen of them can be seen on one core, loaded or not.

The search is the shipped one; only its engine is another. A fold begins when a worker is free and ends after as many
seconds as its parameters say, on the clock. The search's own work, such as the sampler's, takes its CPU time while the
workers go on. Around each fit a worker spends a constant, as if it were a process of its own.
"""

import heapq
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from sk_optuna.execution import Outcome
from sk_optuna.search import _conduct

# Of a worker, around each fit.
SECONDS_PER_FOLD = 0.0015


class ClockedWorkers:
    """An engine of workers that are simulated.

    Parameters
    ----------
    function : callable
        Runs a fold.
    n_workers, room : int
        Workers, and the most tasks outstanding.
    seconds : callable
        From a candidate's parameters to the seconds of one fold.

    Attributes
    ----------
    now : float
        Seconds since the start.
    busy : float
        Seconds that workers spent, together.
    n_run : int
        Folds that ran.
    """

    def __init__(
        self, function: Callable[..., Any], n_workers: int, room: int, seconds: Callable[[dict[str, Any]], float]
    ) -> None:
        self._function, self._n_workers, self._room, self._seconds = function, n_workers, room, seconds
        self._free_at = [0.0] * n_workers
        self._waiting: deque[tuple[float, Hashable, Any]] = deque()
        self._running: list[tuple[float, int, Hashable, Any]] = []
        self._since = time.process_time()
        self.now = self.busy = 0.0
        self.n_run = 0

    @property
    def _n_outstanding(self) -> int:
        return len(self._waiting) + len(self._running)

    @property
    def has_room(self) -> bool:
        return self._n_outstanding < self._room

    @property
    def is_idle(self) -> bool:
        return not self._n_outstanding

    @property
    def has_idle_worker(self) -> bool:
        return self._n_outstanding < min(self._n_workers, self._room)

    def submit(self, key: Hashable, *args: Any) -> None:
        self._pass()
        self._waiting.append((self.now, key, args[0]))
        self._start(self.now)

    def wait(self) -> Outcome:
        self._pass()
        while self._waiting and (not self._running or self._free_at[0] <= self._running[0][0]):
            self._start(self._free_at[0])
        end, _, key, fold = heapq.heappop(self._running)
        self.now = max(self.now, end)
        self._start(self.now)
        result = self._function(fold)
        self._since = time.process_time()
        return Outcome(key, result, None, 0.0)

    def cancel(self, key: Hashable) -> bool:
        """Return False, as of threads."""
        return False

    def __enter__(self) -> "ClockedWorkers":
        self._since = time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for the folds that are not wanted, as joblib's engine does."""
        self._pass()
        self.now = max([self.now, *(end for end, *_ in self._running)])

    def _pass(self) -> None:
        """Have the time pass that the search has spent since."""
        now = time.process_time()
        self.now, self._since = self.now + now - self._since, now
        self._start(self.now)

    def _start(self, until: float) -> None:
        """Start folds on workers that are free by then."""
        while self._waiting and self._free_at[0] <= until:
            submitted, key, fold = self._waiting.popleft()
            start = max(submitted, self._free_at[0])
            end = start + self._seconds(fold.params) + SECONDS_PER_FOLD
            heapq.heapreplace(self._free_at, end)
            self.n_run += 1
            heapq.heappush(self._running, (end, self.n_run, key, fold))
            self.busy += end - start


@contextmanager
def clocked(n_workers: int, seconds: Callable[[dict[str, Any]], float]) -> Iterator[list[ClockedWorkers]]:
    """Have searches run on simulated workers; the list gets those of each search."""
    engines: list[ClockedWorkers] = []

    def open_engine(function: Callable[..., Any], **arguments: Any) -> ClockedWorkers:
        engines.append(ClockedWorkers(function, n_workers, 2 * n_workers, seconds))
        return engines[-1]

    before = _conduct.open_engine
    _conduct.open_engine = open_engine
    try:
        yield engines
    finally:
        _conduct.open_engine = before
