"""Mend Optuna's distributions: long lists at the cost of short ones, exact decimal steps, a check of bounds.

Each stays an Optuna distribution: the study that holds it can be stored, shown and continued.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

__all__ = ["ListDistribution", "Steps", "has_finite_bounds", "on_step"]


class ListDistribution(CategoricalDistribution):
    """A CategoricalDistribution whose use costs the same for a long list as for a short one.

    Optuna finds a choice by walking the list, compares all choices of two lists at each suggestion, and copies them
    with each trial, so that a search through a list of n values costs n**2. Here one object serves all trials: it
    equals itself without a comparison, is its own copy, and finds choices by a dict. Its `__class__` is
    CategoricalDistribution, too: Optuna compares it where `suggest_categorical` continues a study, and stores its name.

    Parameters
    ----------
    choices : sequence of None, bool, int, float or str
        The choices, all different: to a study True, 1 and 1.0 are one.
    """

    # outside of __dict__, which Optuna stores and compares
    __slots__ = ("_index",)

    def __init__(self, choices: Sequence[Any]) -> None:
        CategoricalDistribution.__init__(self, choices)
        self._index = {choice: i for i, choice in enumerate(self.choices)}

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return CategoricalDistribution

    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        """Return the position of a choice."""
        try:
            return self._index[param_value_in_external_repr]
        except (KeyError, TypeError):
            # raises Optuna's own error for a value that is no choice
            return float(CategoricalDistribution.to_internal_repr(self, param_value_in_external_repr))

    def __eq__(self, other: Any) -> bool:
        if self is other:
            return True
        return isinstance(other, CategoricalDistribution) and self.choices == other.choices

    __hash__ = CategoricalDistribution.__hash__

    def __copy__(self) -> "ListDistribution":
        return self

    def __deepcopy__(self, memo: Any) -> "ListDistribution":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # a stored study loads without this package
        return CategoricalDistribution, (self.choices,)


class Steps(Sequence[float]):
    """The values of a FloatDistribution with steps, each as a person writes it: 0.3, not 0.30000000000000004.

    ``low + i * step`` in floats, and a sampler's value for it, differ in the last digit, and may exceed `high`. Here
    the step of number i is the float nearest to the decimal sum, as 0.3 is to 0.0 + 3 * 0.1.

    Parameters
    ----------
    low, high, step : float
        As in the distribution.
    """

    def __init__(self, low: float, high: float, step: float) -> None:
        self._high = high
        self._low, self._step = _decimal(low), _decimal(step)
        self.n = max(int((_decimal(high) - self._low) // self._step), 0) + 1  # len() ends at sys.maxsize

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: Any) -> Any:
        if not 0 <= i < self.n:
            raise IndexError(i)
        return min(float(self._low + i * self._step), self._high)

    def nearest(self, value: float) -> float:
        """Return the step that is nearest to `value`."""
        i = round((Fraction(value) - self._low) / self._step)
        return self[min(max(i, 0), self.n - 1)]  # type: ignore[no-any-return]


def on_step(distribution: BaseDistribution, value: Any) -> Any:
    """Return `value`; for a distribution of floats with steps, the nearest step."""
    if not isinstance(distribution, FloatDistribution) or distribution.step is None:
        return value
    return _steps(distribution.low, distribution.high, distribution.step).nearest(value)


def has_finite_bounds(distribution: BaseDistribution) -> bool:
    """Return whether the bounds and their distance are finite floats, with which a sampler can compute."""
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        return True
    try:
        return isfinite(distribution.low) and isfinite(float(distribution.high) - float(distribution.low))
    except OverflowError:
        # an int too large for a float, in which Optuna stores it
        return False


def _decimal(number: float) -> Fraction:
    """Return the number that is written, not the float next to it."""
    return Fraction(repr(float(number)))


@lru_cache(maxsize=256)
def _steps(low: float, high: float, step: float) -> Steps:
    return Steps(low, high, step)
