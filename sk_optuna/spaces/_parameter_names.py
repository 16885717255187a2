"""Check that an estimator has the parameters of a space, before anything is trained.

A clone of the estimator is set to each combination of names. Not taken: the list of `get_params`. Networks and wrappers
accept names that it does not have, and a step that the space itself swaps in brings names of its own.
"""

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from sklearn.base import clone

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError, InvalidSpaceError
from sk_optuna.spaces._domains import Domain
from sk_optuna.spaces._table import TableSpace

_MOST_COMBINATIONS = 64


def check_fits(estimator: Any, space: TableSpace) -> None:
    """Raise InvalidSpaceError where `estimator` does not have a parameter that `space` names."""
    for branch in space.branches:
        for params in islice(_representatives(branch), _MOST_COMBINATIONS):
            check_params(estimator, params)


def check_params(estimator: Any, params: Mapping[str, Any]) -> None:
    """Raise InvalidSpaceError where `estimator` cannot be set to `params`."""
    try:
        clone(estimator).set_params(**clone(dict(params), safe=False))
    except (ValueError, AttributeError) as error:
        raise InvalidSpaceError(_explain(estimator, params, error)) from error


def _representatives(branch: Mapping[str, Domain]) -> Iterator[dict[str, Any]]:
    """Return one set of parameters for each combination of steps that the branch can swap in.

    A parameter is a swapped step if another one reaches into it, like `clf` beside `clf__C`.
    """
    names = list(branch)
    columns = []
    for name, domain in branch.items():
        column = domain.column()
        swapped = column is not None and any(other.startswith(f"{name}__") for other in names)
        columns.append([domain.decode(stored) for stored in (column if swapped else _one(domain))])  # type: ignore[union-attr]
    return (dict(zip(names, values, strict=True)) for values in product(*columns))


def _one(domain: Domain) -> list[Any]:
    """Return any one stored value of `domain`."""
    column = domain.column()
    if column is not None:
        return [column[0]]
    return [domain.distribution.low]  # type: ignore[attr-defined]


def _explain(estimator: Any, params: Mapping[str, Any], error: Exception) -> str:
    """Return an error that names the unknown parameters and the nearest known ones."""
    known = list(estimator.get_params(deep=True))
    unknown = [name for name in params if name not in known]
    reason = str(error).rstrip(".")
    # a name reaches into a value without parameters, such as a string or None
    if isinstance(error, AttributeError):
        reason = f"there is no value with parameters to set by {' and '.join(map(repr, unknown))} ({reason})"
    lines = [f"The search space does not fit the estimator {type(estimator).__name__}: {reason}."]
    # our own, which already has the nearest names
    if isinstance(error, InvalidArgumentError):
        return lines[0]
    for name in unknown:
        lines[-1] += hint(name, _near(name, known))
    if any("__" in name for name in unknown):
        lines.append(
            "A parameter of a step that only some choices have belongs in a dict of its own, in a list of dicts."
        )
    return " ".join(lines)


def _near(name: str, known: list[str]) -> list[str]:
    """Return valid names that may be meant: names that look alike, or the same parameter of another step."""
    last = name.rpartition("__")[2]
    same = [other for other in known if other.rpartition("__")[2] == last]
    return list(dict.fromkeys([*nearest(name, known), *same]))[:4]
