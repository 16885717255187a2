"""Find out whether anybody else holds data: only a holder can change it.

CPython counts the references to an object. If all references to an array and to its parts come from the array itself
and from the one place that keeps it, no step, cache or caller holds it, too. Not taken: to look for the array among a
step's attributes. It may lie in a dict, a closure, or an object that does not show its contents.
"""

import gc
import re
import weakref
from collections.abc import Iterator
from sys import getrefcount
from types import BuiltinFunctionType, CodeType, EllipsisType, FunctionType, ModuleType, NoneType
from typing import Any

import numpy as np

# Objects of these types never change.
_INERT = (str, bytes, int, float, complex, NoneType, EllipsisType, range, slice, type, re.Pattern)
_INERT_TOO = (FunctionType, BuiltinFunctionType, ModuleType, CodeType, np.generic, np.dtype, weakref.ref)
# Data frames share these among each other, and replace one where it would have to change.
_INERT_OF_FRAMES = {"BlockPlacement", "ExtensionDtype", "Index"}
# Packages whose objects show all their references, or share nothing that changes.
_OPEN = {"builtins", "collections", "numpy", "scipy", "pandas", "polars", "pyarrow", "sklearn"}
# Beyond its `__slots__`, a class written in Python adds the addresses of a dict and of weak references.
_ADDRESS, _ADDRESSES = 8, 2


def is_held_elsewhere(box: list[Any]) -> bool:
    """Tell whether anything but the box and the data itself refers to the data in `box` or to a part of it.

    Parameters
    ----------
    box : list
        The data, in a list that is to be its only holder: the caller has no variable for it.

    Returns
    -------
    bool
        True also where the references cannot be found out.
    """
    members, n_known = _members(box)
    if any(keeps_memory_of_its_own(type(member)) for member in members):
        return True
    return any(n - n_own > _ONCE for n, n_own in zip(_reference_counts(members), n_known, strict=True))


class References:
    """The references to data, counted now and compared later.

    Parameters
    ----------
    box : list
        The data.
    """

    def __init__(self, box: list[Any]) -> None:
        # The box refers to the data, too. It is kept, since it did so when the references were counted.
        self._box = box
        self._members, _ = _members(box)
        self._counts = _reference_counts(self._members)

    def have_grown(self) -> bool:
        """Return whether anything else refers to the data by now."""
        now = _reference_counts(self._members)
        return any(count > before for count, before in zip(now, self._counts, strict=True))


def keeps_memory_of_its_own(kind: type) -> bool:
    """Return whether objects of a type have fields in memory that only the type's own code can read."""
    for each in kind.__mro__[:-1]:
        base = each.__base__
        if _package(each) in _OPEN or base is None:
            continue
        room = _ADDRESS * (_ADDRESSES + len(_slots(each)))
        if each.__basicsize__ - base.__basicsize__ > room:
            return True
    return False


def _members(box: list[Any]) -> tuple[list[Any], list[int]]:
    """Return the parts of the data in a box that can change, and how often box and parts refer to each of these."""
    members: list[Any] = []
    n_known: list[int] = []
    place: dict[int, int] = {}
    visited = -1
    while visited < len(members):
        for each in box if visited < 0 else _referred_to(members[visited]):
            if _is_inert(each):
                continue
            i = place.setdefault(id(each), len(members))
            if i == len(members):
                members.append(each)
                n_known.append(0)
            n_known[i] += 1
        visited += 1
    return members, n_known


def _referred_to(value: Any) -> Iterator[Any]:
    """Iterate over the objects that an object refers to, one item for each reference."""
    # The garbage collector does not see the references of arrays.
    if isinstance(value, np.ndarray):
        if value.base is not None:
            yield value.base
        if value.dtype == object:
            yield from value.flat
    yield from gc.get_referents(value)


def _reference_counts(values: list[Any]) -> list[int]:
    return list(map(getrefcount, values))


# The count of an object that only one list refers to.
(_ONCE,) = _reference_counts([object()])


def _is_inert(value: Any) -> bool:
    kind = type(value)
    if kind in _INERT:
        return True
    if kind in (tuple, frozenset):
        return all(map(_is_inert, value))
    if isinstance(value, _INERT + _INERT_TOO):
        return True
    return any(base.__name__ in _INERT_OF_FRAMES and _package(base) == "pandas" for base in kind.__mro__)


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]
