"""Knowledge of data, by identity: for as long as the data exists, and of no other object that takes its place."""

import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Known = TypeVar("Known")


def reference_to(data: Any) -> Callable[[], Any]:
    """Return a function that returns `data` while it exists; it keeps lists and dicts alive, which take no weak one."""
    try:
        return weakref.ref(data)
    except TypeError:
        return lambda: data


class Origins(Generic[Known]):
    """Values by the identity of data."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Callable[[], Any], Known]] = {}

    def remember(self, data: Any, known: Known) -> None:
        """Keep a value for `data`."""
        self._known[id(data)] = reference_to(data), known

    def of(self, data: Any) -> Known | None:
        """Return the value that was kept for `data`; None if none was."""
        alive, known = self._known.get(id(data), (None, None))
        return known if alive is not None and alive() is data else None
