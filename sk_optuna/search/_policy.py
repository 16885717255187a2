"""Checks of a policy that is the search's `refit`, before the first model is trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sk_optuna._compat._sklearn import scorers_by_name
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.refit import Policy

# Longer lists of numbers are taken for ranges.
_MOST_VALUES = 10_000


def check_policy(refit: Any, scorers: Any, scoring: Any, space: Any) -> None:
    """Refuse a policy that could not choose among the candidates of a space.

    The parameters of a space that is a function are not known before it is called; nor are the metrics of a `scoring`
    that is one.

    Raises
    ------
    InvalidArgumentError
        Where it is a class, its metric is none of the search's, or its order does not compare the candidates.
    """
    if isinstance(refit, type) and issubclass(refit, Policy):
        raise InvalidArgumentError(
            f"The 'refit' parameter must be an instance of a policy, but got the class {refit.__name__}. Write, for "
            f"example, {refit.__name__}(simpler={{'max_depth': 'low'}})."
        )
    if not isinstance(refit, Policy):
        return
    if not callable(scoring):
        refit.check_metrics(list(scorers_by_name(scorers) or ["score"]))
    branches = getattr(space, "branches", None)
    if branches is not None:
        refit.check_space([{name: _values_of(domain) for name, domain in branch.items()} for branch in branches])


def _values_of(domain: Any) -> Sequence[Any] | None:
    """Return the values of a parameter; None for a range of numbers."""
    column = domain.column()
    if column is None or len(column) > _MOST_VALUES:
        return None
    return [domain.decode(stored) for stored in column]


def share_tested(splits: Sequence[tuple[Any, Any]]) -> float | None:
    """Return how many rows a split tests, as a share of those that it uses; None if a split trains on no row.

    It is the share that gives the mean ratio of test rows to training rows.
    """
    sizes = [[_n_rows(rows) for rows in splits[i]] for i in range(len(splits))]
    if not all(n_train for n_train, _ in sizes):
        return None
    ratio = float(np.mean([n_test / n_train for n_train, n_test in sizes]))
    return ratio / (1 + ratio)


def _n_rows(rows: Any) -> int:
    rows = np.asarray(rows)
    return int(np.count_nonzero(rows)) if rows.dtype == bool else len(rows)
