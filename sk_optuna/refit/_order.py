"""The order of candidates from simple to complex, as the user writes it, or from cheap to dear.

It is lexicographic over the parameters that the user names, in the order of the names.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError

# The columns of times, and the words for the least of them.
TIMES = {"mean_fit_time": "fastest to fit", "mean_score_time": "fastest to score"}
_WORDS = ("low", "high")
_MOST_SHOWN = 5


def check_simpler(simpler: Any, policy: str) -> None:
    """Refuse an order that is none, before it is used.

    Raises
    ------
    InvalidArgumentError
        Where `simpler` is neither the name of a time nor a dict of orders.
    """
    rule = (
        f"simpler of {policy} must be a dict from parameter names to 'low', 'high' or a list of values from simple to "
        f"complex, or one of {', '.join(map(repr, TIMES))}, but got {simpler!r}."
    )
    if isinstance(simpler, str):
        if simpler not in TIMES:
            raise InvalidArgumentError(f"{rule}{hint(simpler, nearest(simpler, TIMES) or TIMES)}")
        return
    if not isinstance(simpler, Mapping) or not simpler or not all(isinstance(name, str) for name in simpler):
        raise InvalidArgumentError(f"{rule} Write, for example, {{'max_depth': 'low'}}.")
    for name, order in simpler.items():
        if isinstance(order, str):
            if order not in _WORDS:
                near = hint(order, nearest(order, _WORDS) or _WORDS)
                raise InvalidArgumentError(
                    f"simpler[{name!r}] of {policy} must be 'low', 'high' or a list of values from simple to complex, "
                    f"but got {order!r}.{near}"
                )
        elif not isinstance(order, list | tuple | range | np.ndarray) or len(order) == 0:
            raise InvalidArgumentError(
                f"simpler[{name!r}] of {policy} must be 'low', 'high' or a list of values from simple to complex, but "
                f"got {order!r}. Write, for example, {{{name!r}: 'low'}}."
            )
        else:
            twice = [value for i, value in enumerate(order) if _place(value, list(order)) != i]
            if twice:
                raise InvalidArgumentError(
                    f"simpler[{name!r}] of {policy} has {_shown(twice)} more than once. Name each value in one place, "
                    "from simple to complex."
                )


def check_fits_space(simpler: Any, policy: str, branches: Sequence[Mapping[str, Sequence[Any] | None]]) -> None:
    """Refuse an order that cannot compare the candidates of a space.

    Parameters
    ----------
    simpler : dict or str
        The order.
    policy : str
        Name of the policy, for errors.
    branches : sequence of mapping
        The alternatives of the space: the values of each parameter, None for a range of numbers.

    Raises
    ------
    InvalidArgumentError
        Where no alternative has a parameter that the order names, or one has values that the order does not compare.
    """
    if isinstance(simpler, str):
        return
    names = list(dict.fromkeys(name for branch in branches for name in branch))
    for name, order in simpler.items():
        if name not in names:
            raise _unknown(name, names, policy, "the search space")
        for branch in branches:
            if name in branch:
                _check_values(name, order, branch[name], policy)


def _check_values(name: str, order: Any, values: Sequence[Any] | None, policy: str) -> None:
    """Refuse an order of one parameter that does not compare all of its values."""
    if isinstance(order, str):
        others = [value for value in values or () if not _is_number(value)]
        if others:
            raise _no_number(name, order, others, policy)
    elif values is None:
        raise InvalidArgumentError(
            f"simpler[{name!r}] of {policy} is a list, but the search space has a range of numbers for {name!r}, most "
            "of which are not in it. Use 'low' or 'high'."
        )
    else:
        missing = [value for value in values if _place(value, order) is None]
        if missing:
            raise _not_listed(name, missing, policy)


def sort_keys(simpler: Any, policy: str, table: Mapping[str, Any], rows: Iterable[int]) -> dict[int, tuple[Any, ...]]:
    """Return, by row, a key that sorts candidates from simple to complex.

    Parameters
    ----------
    simpler : dict or str
        The order.
    policy : str
        Name of the policy, for errors.
    table : mapping
        The table `cv_results_`.
    rows : iterable of int
        The rows that are to be compared.

    Raises
    ------
    InvalidArgumentError
        Where no candidate of the table has a parameter that the order names, or one of `rows` has a value that the
        order does not compare.
    """
    if isinstance(simpler, str):
        return {row: (float(table[simpler][row]),) for row in rows}
    params = list(table["params"])
    for name in simpler:
        if not any(name in each for each in params):
            names = list(dict.fromkeys(known for each in params for known in each))
            raise _unknown(name, names, policy, "cv_results_")
    return {row: tuple(_key(name, order, params[row], policy) for name, order in simpler.items()) for row in rows}


def _key(name: str, order: Any, params: Mapping[str, Any], policy: str) -> tuple[int, float]:
    """Return the place of a candidate in the order of one parameter; behind all others if it does not have it."""
    if name not in params:
        return 1, 0.0
    value = params[name]
    if isinstance(order, str):
        if not _is_number(value):
            raise _no_number(name, order, [value], policy)
        return 0, float(value) if order == "low" else -float(value)
    place = _place(value, order)
    if place is None:
        raise _not_listed(name, [value], policy)
    return 0, float(place)


def _place(value: Any, order: Sequence[Any]) -> int | None:
    """Return the place of a value in a list; None if it is not there."""
    return next((i for i, each in enumerate(order) if _same(each, value)), None)


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are the same setting; a search that was cloned has copies of estimators and arrays."""
    one, other = (each.item() if isinstance(each, np.generic) else each for each in (one, other))
    if one is other:
        return True
    if _is_number(one) and _is_number(other):
        return bool(one == other)
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    if hasattr(one, "get_params") and not isinstance(one, type):
        mine, theirs = one.get_params(deep=False), other.get_params(deep=False)
        return mine.keys() == theirs.keys() and all(_same(mine[name], theirs[name]) for name in mine)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    try:
        return bool(one == other)
    except (TypeError, ValueError):  # values of other libraries that compare by element
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and not math.isnan(value)


def _unknown(name: str, names: Sequence[str], policy: str, where: str) -> InvalidArgumentError:
    same = [known for known in names if known.rpartition("__")[2] == name.rpartition("__")[2]]
    near = list(dict.fromkeys([*nearest(name, names), *same]))[:4] or (names if len(names) <= _MOST_SHOWN else [])
    return InvalidArgumentError(
        f"simpler of {policy} names the parameter {name!r}, which no candidate of {where} has.{hint(name, near)}"
    )


def _no_number(name: str, order: str, values: Sequence[Any], policy: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"simpler[{name!r}] of {policy} is {order!r}, which compares numbers, but {name!r} also takes "
        f"{_shown(values)}. Write a list of all its values from simple to complex."
    )


def _not_listed(name: str, values: Sequence[Any], policy: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"simpler[{name!r}] of {policy} must have all values of {name!r} from simple to complex, but it lacks "
        f"{_shown(values)}. Add {'it' if len(values) == 1 else 'them'} to the list."
    )


def _shown(values: Sequence[Any]) -> str:
    return ", ".join(map(repr, values[:_MOST_SHOWN])) + (", ..." if len(values) > _MOST_SHOWN else "")
