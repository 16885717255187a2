"""Public tables of nested results, read for the records that displays draw.

The tables are DataFrames where pandas is installed, else dicts of arrays: an array of either is the same. Nothing here
knows the class of the results, so that the rooms of displays stay below that of nested cross-validation.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError

_PUBLIC = ("metric_", "table_", "outer_", "stability_", "compare")


def is_nested(results: Any) -> bool:
    """Tell whether this has the tables of a nested cross-validation."""
    # of the class first: properties make whole tables
    return all(hasattr(type(results), name) or name in getattr(results, "__dict__", {}) for name in _PUBLIC)


def check_nested(results: Any) -> None:
    """Refuse whatever has no tables of a nested cross-validation."""
    if not is_nested(results):
        raise InvalidArgumentError(
            "The 'results' parameter must be nested results, as nested_cross_validate and nested_cv_results return "
            f"them, but got {repr(results)[:80]} of type {type(results).__name__}. Call "
            "nested_cross_validate(search, X, y), or nested_cv_results on what cross_validate has returned."
        )


def column(table: Any, name: str) -> np.ndarray:
    """Return a column of a table as an array."""
    return np.asarray(table[name])


def by_fold(outer: Any, names: Sequence[str], key: str) -> np.ndarray:
    """Return a column of `outer_` as an array of shape (n_names, n_outer_folds), a row for each name."""
    search, values = column(outer, "search"), column(outer, key)
    return np.stack([values[search == name] for name in names])


def known_names(search: str | Sequence[str] | None, known: Sequence[str], default: Sequence[str]) -> list[str]:
    """Return the rows that are named, in the order of `known`, or else the default; refuse names that there are not.

    Parameters
    ----------
    search : str, sequence of str or None
        The user's argument.
    known : sequence of str
        The rows that may be named.
    default : sequence of str
        The rows for None.
    """
    if search is None:
        return list(default)
    names = [search] if isinstance(search, str) else list(search)
    if not names:
        raise InvalidArgumentError(f"The 'search' parameter must be None, or name at least one of {list(known)}.")
    for name in names:
        if name not in known:
            raise InvalidArgumentError(
                f"The 'search' parameter must be None, or name rows among {list(known)}, but got {name!r}."
                f"{hint(str(name), nearest(str(name), known))}"
            )
    return [name for name in known if name in names]
