"""How many rounds a booster or a forest makes from one report to the next.

The number is the same for all candidates of a search, since a judge compares them at the same round.
"""

import math
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any

from sklearn.base import clone

from sk_optuna.epochs import N_LOOKS, leaf_of, name_of_leaf, rounds_parameter
from sk_optuna.spaces import DefineByRunSpace, TableSpace


def period_of_rounds(estimator: Any, space: TableSpace | DefineByRunSpace) -> int:
    """Return the period by which the most rounds in a space are about fifty reports; 1 if there are no rounds.

    Parameters
    ----------
    estimator : estimator
        The estimator that is tuned. Its own number of rounds counts where the space has none, or cannot tell, which is
        so with a callable space.
    space : TableSpace or DefineByRunSpace
        The space.
    """
    branches = space.branches if isinstance(space, TableSpace) else [{}]
    return max(1, math.ceil(max(_most_rounds(estimator, branch) for branch in branches) / N_LOOKS))


def _most_rounds(estimator: Any, branch: Mapping[str, Any]) -> float:
    most = 0.0
    for candidate in _with_each_leaf(estimator, branch):
        rounds = rounds_parameter(leaf_of(candidate))
        if rounds is None:
            continue
        prefix = name_of_leaf(candidate)
        domains = [branch[prefix + name] for name in rounds.names if prefix + name in branch]
        known = [largest for domain in domains if (largest := domain.largest()) is not None]
        most = max([most, *(known or [rounds.value if isinstance(rounds.value, Real) else 0.0])])
    return most


def _with_each_leaf(estimator: Any, branch: Mapping[str, Any]) -> Iterator[Any]:
    """Iterate over the estimators whose leaves the candidates of a branch may have."""
    path = name_of_leaf(estimator)
    name = next((name for name in sorted(branch) if path.startswith(f"{name}__")), None)
    if name is None:
        yield estimator
        return
    rest = {other: domain for other, domain in branch.items() if other != name}
    values = map(branch[name].decode, getattr(branch[name].distribution, "choices", ()))
    for value in values:
        if hasattr(value, "get_params"):
            yield from _with_each_leaf(clone(estimator).set_params(**{name: clone(value)}), rest)
