"""The lock of the process's random generators.

torch's layers draw from one generator of the process and take no other. A network with random numbers of its own puts
its state there while it draws. So there is one lock for all networks, whatever library trains them.
"""

import os
import threading
from types import TracebackType

_here = threading.local()


class _GeneratorsLock:
    """A lock that a thread may take several times, and that knows whether this thread has it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def renew(self) -> None:
        """Be free, in a child of this process: the thread that had the lock is not there."""
        self._lock = threading.RLock()
        _here.depth = 0

    def acquire(self) -> None:
        """Take the lock, once more where this thread has it."""
        self._lock.acquire()
        _here.depth = getattr(_here, "depth", 0) + 1

    def release(self) -> None:
        """Give back what was taken last."""
        _here.depth -= 1
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


_lock = _GeneratorsLock()


def generators_lock() -> _GeneratorsLock:
    """Return the process-wide lock. Hold it while torch's global generators contain another state than the caller's."""
    return _lock


def holds_generators() -> bool:
    """Return whether this thread holds the lock, so that no other thread could draw while it waits."""
    return getattr(_here, "depth", 0) > 0


# Another thread may hold the lock at a fork, and the child does not have that thread.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_lock.renew)
