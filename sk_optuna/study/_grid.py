"""The order of a whole grid: the rows that the user wants first, then the others as ParameterGrid orders them."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sk_optuna.study._tried import Row, Table


class GridOrder:
    """The row of each trial over a whole grid.

    Parameters
    ----------
    table : Table
        The grid.
    first : sequence of mapping
        Values to which the first trials are fixed, wholly or in part; each brings forward the first row with them.
    """

    def __init__(self, table: Table, first: Sequence[Mapping[str, Any]]) -> None:
        self._table = table
        self._first = _indices_of(first, table)
        # For each row brought forward, by index: how many of the other rows come before it.
        self._before = [index - i for i, index in enumerate(sorted(self._first))]

    def row(self, number: int) -> Row:
        """Return the row of trial `number`."""
        if number < len(self._first):
            return self._table.row(self._first[number])
        index = number - len(self._first)
        return self._table.row(index + bisect_right(self._before, index))


def _indices_of(first: Sequence[Mapping[str, Any]], table: Table) -> list[int]:
    """Return the indices of the rows that are brought forward, in the order of `first`."""
    brought_forward: dict[int, None] = {}
    whole = _rows_that_are(first, table) if len(first) > 1 else {}
    for fixed in first:
        rows: Iterable[tuple[int, Row]] = whole.get(_key(fixed)) or enumerate(table.rows())
        for i, row in rows:
            if i not in brought_forward and fixed.items() <= row.items():
                brought_forward[i] = None
                break
    return list(brought_forward)


def _rows_that_are(first: Sequence[Mapping[str, Any]], table: Table) -> dict[Any, list[tuple[int, Row]]]:
    """Return the numbered rows that equal one of `first` in every value. One walk finds them for all of `first`."""
    found: dict[Any, list[tuple[int, Row]]] = {_key(fixed): [] for fixed in first}
    for i, row in enumerate(table.rows()):
        if (key := _key(row)) in found:
            found[key].append((i, row))
    return found


def _key(row: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
    return frozenset(row.items())
