"""Store a list of values of any kind as choices of a study, and tell which values are the same setting."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from sk_optuna._distributions import ListDistribution

_PLAIN = (bool, int, float, str, type(None))
_LONGEST_LABEL = 100


class Choices:
    """A list of values of any kind.

    The study stores the values themselves where all are plain and none collide (to a study True, 1 and 1.0 are one
    choice); otherwise labels such as ``"1: PCA()"``.

    Parameters
    ----------
    values : list
        The user's values.
    in_order : bool, default=True
        Whether three or more numbers that rise or fall are an ordered list, whose neighbours a sampler may know.
    """

    is_list = True

    def __init__(self, values: list[Any], *, in_order: bool = True) -> None:
        self._position: dict[Any, int] = {}
        self._values: list[Any] = []
        self._order: list[int] = []
        for value in values:
            i = self._position.setdefault(identity(value), len(self._values))
            if i == len(self._values):
                self._values.append(value)
            self._order.append(i)
        stored = [plain(value) for value in self._values]
        self.is_ordered = in_order and len(values) == len(stored) and _rise_or_fall(stored)
        if not _storable(stored):
            stored = [f"{i}: {in_one_line(value)}" for i, value in enumerate(self._values)]
        self._stored = stored
        self._index = {choice: i for i, choice in enumerate(stored)}
        self.distribution = ListDistribution(stored)
        self._numbers, self._objects = _told_apart(self._values)

    def study_name(self, name: str) -> str:
        """Return `name`."""
        return name

    def decode(self, stored: Any) -> Any:
        """Return the user's object; the caller clones it before it sets it on an estimator."""
        return self._values[self._index[stored]]

    def encode(self, value: Any) -> Any:
        """Return the stored choice of the value that is the same as `value`, or else of the first that equals it."""
        i = self._position.get(identity(value))
        if i is None and is_plain(value):
            i = self._numbers.get(plain(value)) if not isinstance(plain(value), bool) else None
        elif i is None:
            i = next((j for j in self._objects if _same(self._values[j], value)), None)
        if i is None:
            raise ValueError(f"{value!r} is none of the {len(self._values)} values of the list")
        return self._stored[i]

    def column(self) -> Sequence[Any]:
        """Return the stored choices in the user's order, duplicates kept."""
        return [self._stored[i] for i in self._order]

    def largest(self) -> float | None:
        """Return the largest of the numbers; None if there is none."""
        numbers = [value for value in map(plain, self._values) if type(value) in (int, float)]
        return max(numbers, default=None)


def _told_apart(values: list[Any]) -> tuple[dict[Any, int], list[int]]:
    """Return the positions of numbers, strings and None by value, without True and False, and those of objects."""
    by_value: dict[Any, int] = {}
    others = []
    for i, value in enumerate(map(plain, values)):
        if not is_plain(value):
            others.append(i)
        elif not isinstance(value, bool):
            by_value.setdefault(value, i)
    return by_value, others


def identity(value: Any) -> Any:
    """Return something hashable that is equal for values which are the same setting."""
    kind, value = type(value), plain(value)
    if type(value) is tuple:
        return (tuple, tuple(identity(part) for part in value))
    if type(value) not in _PLAIN:
        return (object, id(value))
    if isinstance(value, float) and math.isnan(value):
        return (kind, "nan")
    return (kind, value)


def plain(value: Any) -> Any:
    """Unwrap a NumPy scalar."""
    return value.item() if isinstance(value, np.generic) else value


def is_plain(value: Any) -> bool:
    """Return whether a study can store `value`, once unwrapped."""
    return type(plain(value)) in _PLAIN


def _rise_or_fall(values: list[Any]) -> bool:
    """Return whether these are three or more finite numbers, each greater than the one before, or each less."""
    numbers = all(type(value) is int or (type(value) is float and math.isfinite(value)) for value in values)
    if len(values) < 3 or not numbers:
        return False
    pairs = list(pairwise(values))
    return all(a < b for a, b in pairs) or all(a > b for a, b in pairs)


def _storable(values: list[Any]) -> bool:
    """Tell whether a study can hold `values` as they are and tell them apart."""
    if not all(type(value) in _PLAIN and value == value for value in values):
        return False
    return len(set(values)) == len(values)


def in_one_line(value: Any) -> str:
    """Return one short line that is the same in every process: no addresses, no line breaks."""
    text = getattr(value, "__qualname__", None) or repr(value)
    text = " ".join(re.sub(r" at 0x[0-9a-fA-F]+", "", text).split())
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def _same(choice: Any, value: Any) -> bool:
    """Tell whether `value` means `choice`: an equal number or string, an equal array, an estimator set up alike."""
    choice, value = plain(choice), plain(value)
    if isinstance(choice, bool) or isinstance(value, bool):
        return choice is value
    if is_plain(choice) and is_plain(value):
        return bool(choice == value)
    if type(choice) is not type(value):
        return False
    if isinstance(choice, list | tuple):
        return len(choice) == len(value) and all(map(_same, choice, value))
    if isinstance(choice, dict):
        return choice.keys() == value.keys() and all(_same(choice[key], value[key]) for key in choice)
    if hasattr(choice, "get_params"):
        return repr(choice) == repr(value)
    try:
        return bool(np.array_equal(choice, value) if isinstance(choice, np.ndarray) else choice == value)
    except (TypeError, ValueError):
        # a comparison without a truth value, as of data frames
        return False
