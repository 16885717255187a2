"""The one parameter that tells failed candidates from the others, if there is one.

It is the best question with two answers about one parameter, as at the root of a decision tree: has it this value, is
it at least so large. Not taken: a tree or a linear model over all parameters, which finds something in every table.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np

# Fewer on either side lie apart by chance too often: of two parameters, three and three do for one in ten.
_FEWEST = 3
# Shares of the failed and of the others that may be on the wrong side.
_WRONG = 0.1
# A value that this share of the failed has, and none of so many others or more, is said where nothing separates all.
_PART, _ENOUGH = 1 / 3, 10
# Bounds that are looked at on either side of a parameter.
_BOUNDS = 5


@dataclass(frozen=True)
class _Condition:
    """A value that a parameter has, or a bound on one side of which it lies."""

    name: str
    relation: Literal["=", ">=", "<="]
    value: Any

    def meets(self, params: Mapping[str, Any]) -> bool:
        """Tell whether a candidate has the parameter, and there."""
        if self.name not in params:
            return False
        if self.relation == "=":
            return bool(repr(_plain(params[self.name])) == self.value)
        return bool(params[self.name] >= self.value if self.relation == ">=" else params[self.name] <= self.value)

    def __str__(self) -> str:
        if self.relation == "=":
            return f"{self.name}={self.value if len(self.value) <= 60 else self.value[:57] + '...'}"
        return f"{self.name} {self.relation} {self.value:.6g}"


def separation(failed: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> tuple[str, int, int] | None:
    """Find the value or bound of a parameter that failed candidates have, and the others have not.

    Parameters
    ----------
    failed, others : sequence of mapping
        The parameters of the candidates that failed, and of those that did not.

    Returns
    -------
    tuple of (str, int, int), or None
        Such as ``("kernel='poly'", 12, 0)``: the condition, how many failed candidates meet it, and how many others. At
        most a tenth of either are on the wrong side; where there is no such condition, a value that a third of the
        failed have, and none of ten or more others. None where no parameter does that, or there are fewer than three on
        a side.
    """
    if min(len(failed), len(others)) < _FEWEST:
        return None
    found: list[tuple[int, int, tuple[str, int, int]]] = []
    parts: list[tuple[int, int, tuple[str, int, int]]] = []
    for condition in _conditions(failed, others):
        n_failed, n_others = sum(map(condition.meets, failed)), sum(map(condition.meets, others))
        told = (str(condition), n_failed, n_others)
        if n_failed >= (1 - _WRONG) * len(failed) and n_others <= _WRONG * len(others):
            found.append((len(failed) - n_failed + n_others, len(found), told))
        elif condition.relation == "=" and n_others == 0 and len(others) >= _ENOUGH:
            parts.append((-n_failed, len(parts), told))
    return min(found or parts)[2] if found or parts else None


def _conditions(failed: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> Iterator[_Condition]:
    """Yield conditions on one parameter each: of every value that failed, and of bounds in between."""
    for name in dict.fromkeys(name for params in failed for name in params):
        ours = [params[name] for params in failed if name in params]
        theirs = [params[name] for params in others if name in params]
        counts = Counter(repr(_plain(value)) for value in ours)
        enough = max(_FEWEST, _PART * len(failed))
        yield from (_Condition(name, "=", text) for text, n in sorted(counts.items()) if n >= enough)
        if all(map(_is_number, [*ours, *theirs])):
            for bound in _bounds(ours):
                yield _Condition(name, ">=", bound)
                yield _Condition(name, "<=", bound)


def _bounds(ours: Sequence[float]) -> list[float]:
    """Return a few of the failed candidates' values, from the outermost tenth on either side."""
    values = sorted(ours)
    cuts = np.linspace(0, int(_WRONG * len(values)), _BOUNDS).round().astype(int)
    return sorted({values[at] for cut in cuts.tolist() for at in (cut, len(values) - 1 - cut)})


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and math.isfinite(value)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
