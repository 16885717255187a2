"""Translate `initial_params` to the values that the study stores for the first trials."""

from collections.abc import Mapping
from typing import Any

from sk_optuna.exceptions import InvalidArgumentError, InvalidSpaceError
from sk_optuna.spaces._define_by_run import DefineByRunSpace
from sk_optuna.spaces._table import TableSpace


def first_trials(initial_params: Any, space: TableSpace | DefineByRunSpace, estimator: Any) -> list[Mapping[str, Any]]:
    """Return the fixed values of the first trials, as the study stores them.

    Parameters
    ----------
    initial_params : None, "default" or list of dicts
        The user's argument.
    space : TableSpace or DefineByRunSpace
        The space.
    estimator : estimator object
        The estimator whose own values ``"default"`` means.

    Raises
    ------
    InvalidArgumentError
        If `initial_params` is none of these.
    InvalidSpaceError
        If the space does not contain them.
    """
    if initial_params is None:
        return []
    if isinstance(initial_params, str) and initial_params == "default":
        known = space.fix_known(estimator.get_params(deep=True))
        return [known] if known else []
    if not isinstance(initial_params, list | tuple) or not all(isinstance(p, Mapping) for p in initial_params):
        raise InvalidArgumentError(
            "The 'initial_params' parameter must be None, 'default' or a list of dicts from parameter names to values, "
            f"but got {initial_params!r}. Write, for example, [{{'C': 1.0}}]."
        )
    first = []
    for i, params in enumerate(initial_params):
        try:
            first.append(space.fix(params))
        except InvalidSpaceError as error:
            raise InvalidSpaceError(
                f"initial_params[{i}] = {dict(params)!r} must lie in the search space, but {error}. Change the value, "
                "widen the space, or leave the parameter out."
            ) from None
    return first
