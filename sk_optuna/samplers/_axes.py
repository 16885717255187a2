"""Parameters as coordinates: one axis each, a place for a parameter that a trial does not have, and the way back.

A number lies between 0 and 1, on a log scale where its distribution is one; an integer or a step is the middle of its
cell. A choice is its position in the list. Where trials have different parameters, a small tree of the deciding values
(a branch, a kernel) tells which ones a new trial will have.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

MISSING = -1.0
"""The coordinate of a parameter that a trial does not have."""


class Axis(Protocol):
    """One parameter."""

    is_list: bool
    """True for choices, whose coordinates have no distance."""
    n_values: int | None
    """Number of values; None for a continuous range."""

    def place(self, value: Any) -> float:
        """Return the coordinate of a value."""

    def value(self, place: float) -> Any:
        """Return the value at a coordinate, as the study takes it."""

    def spread(self, uniform: np.ndarray) -> np.ndarray:
        """Return coordinates of values, from numbers that are uniform between 0 and 1."""


class _Range:
    """A continuous range."""

    is_list = False
    n_values: int | None = None

    def __init__(self, distribution: FloatDistribution) -> None:
        self._log = distribution.log
        self._low, self._high = distribution.low, distribution.high
        self._start = math.log(self._low) if self._log else self._low
        self._length = (math.log(self._high) if self._log else self._high) - self._start

    def place(self, value: Any) -> float:
        return ((math.log(value) if self._log else value) - self._start) / self._length

    def value(self, place: float) -> float:
        value = self._start + place * self._length
        return float(min(max(math.exp(value) if self._log else value, self._low), self._high))

    def spread(self, uniform: np.ndarray) -> np.ndarray:
        return uniform


class _Steps:
    """Integers, or a range with steps: cells of equal length, or of the length that a log scale gives them."""

    is_list = False

    def __init__(self, distribution: FloatDistribution | IntDistribution) -> None:
        self._low, self._high, self._log = distribution.low, distribution.high, distribution.log
        self._step = distribution.step or 1
        self._kind = int if isinstance(distribution, IntDistribution) else float
        span = self._high - self._low
        self._n = (int(span // self._step) if self._kind is int else round(span / self._step)) + 1
        self.n_values: int | None = self._n
        self._start = math.log(self._low - 0.5) if self._log else self._low - self._step / 2
        end = math.log(self._high + 0.5) if self._log else self._high + self._step / 2
        self._length = end - self._start

    def place(self, value: Any) -> float:
        return ((math.log(value) if self._log else value) - self._start) / self._length

    def value(self, place: float) -> Any:
        # Python's numbers, since a large integer is no float, and a sum of steps may exceed the bound
        value = self._start + place * self._length
        n_steps = round(((math.exp(value) if self._log else value) - self._low) / self._step)
        return min(self._kind(self._low + min(max(n_steps, 0), self._n - 1) * self._step), self._high)

    def spread(self, uniform: np.ndarray) -> np.ndarray:
        values = self._nearest(uniform)
        places: np.ndarray = ((np.log(values) if self._log else values) - self._start) / self._length
        return places

    def _nearest(self, places: Any) -> Any:
        values = self._start + places * self._length
        values = np.exp(values) if self._log else values
        n_steps = np.clip(np.round((values - self._low) / self._step), 0, self._n - 1)
        return self._low + n_steps * self._step


class _List:
    """Choices."""

    is_list = True

    def __init__(self, distribution: CategoricalDistribution) -> None:
        self._distribution = distribution
        self._n = len(distribution.choices)
        self.n_values: int | None = self._n

    def place(self, value: Any) -> float:
        return float(self._distribution.to_internal_repr(value))

    def value(self, place: float) -> Any:
        return self._distribution.choices[int(place)]

    def spread(self, uniform: np.ndarray) -> np.ndarray:
        positions: np.ndarray = np.minimum(np.floor(uniform * self._n), self._n - 1)
        return positions


def axis_of(distribution: BaseDistribution) -> Axis:
    """Return the axis of a distribution that has more than one value."""
    if isinstance(distribution, CategoricalDistribution):
        return _List(distribution)
    if isinstance(distribution, IntDistribution) or (
        isinstance(distribution, FloatDistribution) and distribution.step is not None
    ):
        return _Steps(distribution)
    if isinstance(distribution, FloatDistribution):
        return _Range(distribution)
    raise TypeError(f"no axis for a {type(distribution).__name__}")


class Axes:
    """The axes of all parameters that trials have had, and rows of coordinates.

    Parameters
    ----------
    distributions : mapping of str to Optuna distribution
        The parameters that have more than one value.
    trials : iterable of mapping
        Parameters of earlier trials, from which is learned which parameters go together.

    Attributes
    ----------
    names : list of str
        The parameters, in the order of the columns.
    is_list : ndarray of bool, shape (n_parameters,)
        True for choices.
    is_optional : ndarray of bool, shape (n_parameters,)
        True for parameters that some trials did not have.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution], trials: Iterable[Mapping[str, Any]]) -> None:
        self.names = list(distributions)
        self._axes = [axis_of(distributions[name]) for name in self.names]
        self.is_list = np.array([axis.is_list for axis in self._axes], dtype=bool)
        rows = self.rows(trials)
        self.is_optional = (rows == MISSING).any(axis=0) if len(rows) else np.zeros(len(self.names), dtype=bool)
        self._activity = _Activity(rows, [axis.n_values for axis in self._axes]) if self.is_optional.any() else None

    def row(self, params: Mapping[str, Any]) -> np.ndarray:
        """Return the coordinates of a trial; those of values outside today's ranges may lie outside, too."""
        return np.array([self._place(name, axis, params) for name, axis in zip(self.names, self._axes, strict=True)])

    def rows(self, trials: Iterable[Mapping[str, Any]]) -> np.ndarray:
        """Return the coordinates of trials, of shape (n_trials, n_parameters)."""
        rows = [self.row(params) for params in trials]
        return np.array(rows).reshape(len(rows), len(self.names))

    def params(self, row: np.ndarray) -> dict[str, Any]:
        """Return the parameters at coordinates; of those that are missing, nothing."""
        return {
            name: axis.value(place)
            for name, axis, place in zip(self.names, self._axes, row, strict=True)
            if place != MISSING
        }

    def spread(self, uniform: np.ndarray) -> np.ndarray:
        """Return rows for uniform numbers, of shape (n_rows, n_parameters): values, and missing parameters."""
        rows = np.column_stack([axis.spread(uniform[:, j]) for j, axis in enumerate(self._axes)])
        return rows if self._activity is None else self._activity.without_missing(rows)

    def snapped(self, rows: np.ndarray) -> np.ndarray:
        """Return rows with each number at the nearest value of its parameter."""
        columns = [
            rows[:, j] if axis.is_list else np.where(rows[:, j] == MISSING, MISSING, axis.spread(rows[:, j]))
            for j, axis in enumerate(self._axes)
        ]
        return np.column_stack(columns)

    def moved(self, row: np.ndarray, uniform: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return neighbours of a row: each number `size` away, in units of its axis, each choice drawn anew or kept.

        Parameters
        ----------
        row : ndarray of shape (n_parameters,)
            The row.
        uniform : ndarray of shape (n_rows, n_parameters)
            Numbers between 0 and 1, from which choices are drawn.
        size : ndarray of shape (n_rows, n_parameters)
            Signed steps; 0 leaves a parameter as it is. A number moves by one cell at least.
        """
        columns = []
        for j, axis in enumerate(self._axes):
            fresh = axis.spread(uniform[:, j])
            if axis.is_list or row[j] == MISSING:
                columns.append(np.where(size[:, j] == 0, row[j], fresh))
                if row[j] == MISSING:
                    columns[-1] = fresh
                continue
            least = 0.0 if axis.n_values is None else 1.0 / axis.n_values
            step = np.where(size[:, j] == 0, 0.0, np.sign(size[:, j]) * np.maximum(np.abs(size[:, j]), least))
            columns.append(axis.spread(_reflected(row[j] + step)))
        rows = np.column_stack(columns)
        return rows if self._activity is None else self._activity.without_missing(rows)

    def _place(self, name: str, axis: Axis, params: Mapping[str, Any]) -> float:
        if name not in params:
            return MISSING
        try:
            place = axis.place(params[name])
        except (TypeError, ValueError):
            # a choice, or a number for the logarithm, that a distribution of an earlier trial had
            return MISSING
        return place if axis.is_list else min(max(place, -0.5), 1.5)


class _Activity:
    """A tree from the values of deciding parameters to the parameters that a trial has.

    At each node the parameter is asked for that leaves the least doubt about the others; only choices and numbers with
    few values decide.
    """

    _MOST_VALUES = 20

    def __init__(self, rows: np.ndarray, n_values: Sequence[int | None]) -> None:
        self._present = rows != MISSING
        deciding = [j for j, n in enumerate(n_values) if n is not None and n <= self._MOST_VALUES]
        self._root = self._node(rows, np.arange(len(rows)), deciding)

    def without_missing(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows without the parameters that such trials do not have."""
        rows = rows.copy()
        self._apply(self._root, rows, np.arange(len(rows)))
        return rows

    def _node(self, rows: np.ndarray, which: np.ndarray, deciding: list[int]) -> Any:
        patterns = Counter(map(bytes, self._present[which]))
        usual = np.frombuffer(patterns.most_common(1)[0][0], dtype=bool)
        able = [j for j in deciding if self._present[which, j].all()]
        doubts = {j: _doubt(self._present[which], rows[which, j]) for j in able}
        best = min(able, key=doubts.__getitem__, default=None)
        if len(patterns) == 1 or best is None or doubts[best] >= _doubt(self._present[which], np.zeros(len(which))):
            return usual, None, {}
        rest = [j for j in deciding if j != best]
        children = {
            value: self._node(rows, which[rows[which, best] == value], rest) for value in np.unique(rows[which, best])
        }
        return usual, best, children

    def _apply(self, node: Any, rows: np.ndarray, which: np.ndarray) -> None:
        usual, decider, children = node
        if decider is None:
            rows[np.ix_(which, ~usual)] = MISSING
            return
        values = rows[which, decider]
        known = np.isin(values, list(children))
        # of a value that no trial had, nothing is known but what all trials have
        rows[np.ix_(which[~known], ~self._present.all(axis=0))] = MISSING
        for value, child in children.items():
            self._apply(child, rows, which[values == value])


def _doubt(present: np.ndarray, values: np.ndarray) -> float:
    """Return the mean entropy of the pattern of parameters within trials of one value."""
    total = 0.0
    for value in np.unique(values):
        counts = np.array(list(Counter(map(bytes, present[values == value])).values()))
        total -= float((counts * np.log(counts / counts.sum())).sum())
    return total


def _reflected(places: np.ndarray) -> np.ndarray:
    """Return coordinates between 0 and 1, mirrored at the ends."""
    mirrored: np.ndarray = 1 - np.abs(1 - np.abs(places) % 2)
    return mirrored
