"""The budget of a search: until when its folds may start."""

import time


class Deadline:
    """The end of the time, if there is one.

    Parameters
    ----------
    timeout : float or None
        Seconds from now.
    """

    def __init__(self, timeout: float | None) -> None:
        self._start = time.monotonic()
        self._timeout = timeout

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float | None:
        """Seconds to the end, None if there is none."""
        return None if self._timeout is None else self._timeout - self.elapsed

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return self.left is not None and self.left <= 0
