"""The rows of a countable table that were tried: none is tried twice, and the search ends when all were."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution

Row = dict[str, Any]
"""One combination as the study stores it."""

# A table of up to this many rows is held row by row from the start; in a larger one a random draw finds a new row
# faster than listing all rows. The number of trials does not matter: a search that goes on with more draws the same.
_ALWAYS_HELD = 1_000
_MOST_HELD = 100_000
_MOST_DRAWS = 1_000


class TableExhaustedError(Exception):
    """Every row of the table was tried."""


@runtime_checkable
class Table(Protocol):
    """A space written as named distributions, in one branch or several."""

    distributions: dict[str, BaseDistribution]
    ordered_lists: dict[str, CategoricalDistribution]
    size: int | None
    n_distinct: int | None
    is_grid: bool

    def walk(self, pick: Callable[[str, BaseDistribution], Any]) -> Row:
        """Return the row that `pick` chooses, value by value."""

    def key(self, row: Row) -> Any:
        """Return a key that is equal for rows with the same meaning."""

    def row(self, index: int) -> Row:
        """Return one of all rows by its place in ParameterGrid's order."""

    def rows(self) -> Iterator[Row]:
        """Iterate over all rows in ParameterGrid's order."""

    def distinct_rows(self) -> Iterator[Row]:
        """Iterate over the rows without the duplicates of each list."""


class TriedRows:
    """The rows of `table` that were tried, and a way to one that was not.

    Parameters
    ----------
    table : Table
        A table whose rows can be counted.
    """

    def __init__(self, table: Table) -> None:
        assert table.n_distinct is not None
        self._table = table
        self._n_distinct = table.n_distinct
        self._tried: set[Any] = set()
        self._untried: dict[Any, Row] | None = None
        if self._n_distinct <= _ALWAYS_HELD:
            self._hold()

    @property
    def exhausted(self) -> bool:
        """True once every row was tried; never of a table too large to be held."""
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
        """Return a row that was not tried, one with the values of `fixed` if such a row is left.

        Raises
        ------
        TableExhaustedError
            Where there is none: branches that overlap have fewer rows than their sizes add up to.
        """
        if self._untried is None:
            for held in (fixed, {}):
                for _ in range(_MOST_DRAWS):
                    row = draw(held)
                    if row not in self:
                        return row
            if self._n_distinct > _MOST_HELD:
                return row
            self._hold()
        assert self._untried is not None
        if not self._untried:
            raise TableExhaustedError
        left = [row for row in self._untried.values() if fixed.items() <= row.items()] or list(self._untried.values())
        return left[rng.integers(len(left))]

    def _hold(self) -> None:
        self._untried = {}
        for row in self._table.distinct_rows():
            if row not in self:
                self._untried.setdefault(self._table.key(row), row)
