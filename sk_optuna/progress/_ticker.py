"""A thread that looks at the time, where nothing else happens for long."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Seconds between two calls.
_EVERY = 1.0


@contextmanager
def ticking(tick: Callable[[], None]) -> Iterator[None]:
    """Call a function once a second, from a thread, until the `with` block is left."""
    is_over = threading.Event()

    def run() -> None:
        while not is_over.wait(_EVERY):
            tick()

    thread = threading.Thread(target=run, name="sk_optuna-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
