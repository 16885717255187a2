"""A worker ends soon after the process that it works for, however that one ended.

Workers of loky and of multiprocessing wait for tasks from a pipe of which they hold the other end, too. If their driver
is killed, loky's go on waiting for five minutes, with the data in memory, and those of multiprocessing for ever.
"""

import os
import signal
import threading
import time

# Seconds between two looks.
_EVERY = 1.0
_watched: set[int] = set()
_lock = threading.Lock()


def end_with(driver: int) -> None:
    """Have this process, a worker, end once its driver is gone, be it in the middle of a fold.

    Parameters
    ----------
    driver : int
        Process that sends the tasks, on this machine. It need not be the parent: there may be a server that forks.
    """
    with _lock:
        if driver in _watched or driver == os.getpid() or os.name != "posix":
            return
        _watched.add(driver)
    threading.Thread(target=_watch, args=(driver, os.getppid()), name="sk_optuna-driver", daemon=True).start()


def _watch(driver: int, parent: int) -> None:
    # One that was killed and not yet waited for is still there, but has children no more.
    while _is_there(driver) and os.getppid() == parent:
        time.sleep(_EVERY)
    os.kill(os.getpid(), signal.SIGKILL)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, and someone else's
        return True
    return True
