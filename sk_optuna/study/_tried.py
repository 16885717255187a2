"""Which rows of a countable table were tried, so that none is tried twice and the search ends when all were."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from optuna.distributions import BaseDistribution

Row = dict[str, Any]
"""One combination as the study stores it."""

# A table of up to this many rows per trial is held row by row, so that the search can tell when it is exhausted;
# in a larger one a row drawn at random is new sooner than a list of the rows could be made.
_HELD_PER_TRIAL = 4
_HELD_WITHOUT_N_TRIALS = 1_000_000
_MOST_DRAWS = 1_000


@runtime_checkable
class Table(Protocol):
    """A space written as named distributions, in one branch or several."""

    distributions: dict[str, BaseDistribution]
    size: int | None
    is_grid: bool

    def walk(self, pick: Callable[[str, BaseDistribution], Any]) -> Row:
        """Return the row that `pick` chooses, value by value."""

    def key(self, row: Row) -> Any:
        """Return what rows share that mean the same."""

    def rows(self) -> Iterator[Row]:
        """Iterate over all rows in ParameterGrid's order."""


class TriedRows:
    """The rows of `table` that were tried, and a way to one that was not.

    Parameters
    ----------
    table : Table
        A table whose rows can be counted.
    n_trials : int or None
        How many rows will be tried at most.
    """

    def __init__(self, table: Table, n_trials: int | None) -> None:
        assert table.size is not None
        self._table = table
        self._tried: set[Any] = set()
        self._untried: dict[Any, Row] | None = None
        most_held = _HELD_WITHOUT_N_TRIALS if n_trials is None else _HELD_PER_TRIAL * n_trials
        if table.size <= most_held:
            self._untried = {}
            for row in table.rows():
                self._untried.setdefault(table.key(row), row)

    @property
    def exhausted(self) -> bool:
        """Whether every row was tried; never true of a table too large to be held."""
        return self._untried is not None and not self._untried

    def __contains__(self, row: Row) -> bool:
        return self._table.key(row) in self._tried

    def add(self, row: Row) -> None:
        """Note that `row` was tried."""
        key = self._table.key(row)
        self._tried.add(key)
        if self._untried is not None:
            self._untried.pop(key, None)

    def choose(
        self, fixed: Mapping[str, Any], draw: Callable[[Mapping[str, Any]], Row], rng: np.random.Generator
    ) -> Row:
        """Return a row that was not tried, holding to `fixed` where such a row is left."""
        if self._untried is None:
            return self._draw_new(fixed, draw)
        left = [row for row in self._untried.values() if fixed.items() <= row.items()] or list(self._untried.values())
        return left[rng.integers(len(left))]

    def _draw_new(self, fixed: Mapping[str, Any], draw: Callable[[Mapping[str, Any]], Row]) -> Row:
        for _ in range(_MOST_DRAWS):
            row = draw(fixed)
            if row not in self:
                return row
        # `fixed` leaves nothing new, or a small branch beside a huge one hides what is new
        return self._draw_new({}, draw) if fixed else next(row for row in self._table.rows() if row not in self)
