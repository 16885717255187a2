"""Use the same number of torch threads in every fold, in every worker.

Sums that are split among threads come out otherwise in their last bits, and training amplifies them. joblib gives the
threads of the machine to its workers in equal shares, so the same fold would have another score at another n_jobs. Not
taken: the caller's number in each worker, which would have n_jobs times as many threads as there are processors.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from joblib.parallel import get_active_backend

_lock = threading.Lock()
_n_inside = 0
_n_outside = 1


def _begin_anew() -> None:
    global _lock, _n_inside
    _lock, _n_inside = threading.Lock(), 0


# Another thread may be inside at a fork, and the child does not have that thread.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def torch_threads_of_a_fold() -> int:
    """Return the number of torch threads in a fold: joblib's `inner_max_num_threads`, 1 unless it is set."""
    return getattr(get_active_backend()[0], "inner_max_num_threads", None) or 1


def torch_threads(n: int) -> AbstractContextManager[None]:
    """Have torch, if it is loaded, compute with `n` threads. The process has one number; the last fold restores it."""
    torch = sys.modules.get("torch")
    return nullcontext() if torch is None else _threads_of(torch, n)


@contextmanager
def _threads_of(torch: Any, n: int) -> Iterator[None]:
    global _n_inside, _n_outside
    with _lock:
        if _n_inside == 0:
            _n_outside = torch.get_num_threads()
        _n_inside += 1
        torch.set_num_threads(n)
    try:
        yield
    finally:
        with _lock:
            _n_inside -= 1
            if _n_inside == 0:
                torch.set_num_threads(_n_outside)
