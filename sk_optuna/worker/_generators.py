"""The lock of the process's random generators.

torch's layers draw from one generator of the process and take no other. A network with random numbers of its own puts
its state there while it draws. So there is one lock for all networks, whatever library trains them.
"""

import os
import threading
from typing import Any

_lock = threading.RLock()


def generators_lock() -> Any:
    """Return the process-wide lock. Hold it while torch's global generators contain another state than the caller's."""
    return _lock


def _renew() -> None:
    global _lock
    _lock = threading.RLock()


# Another thread may hold the lock at a fork, and the child does not have that thread.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
