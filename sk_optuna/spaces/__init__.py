"""From the user's spelling of a search space to distributions, and from these to parameters."""

from collections.abc import Mapping
from typing import Any

from sk_optuna.exceptions import InvalidSpaceError
from sk_optuna.spaces._define_by_run import DefineByRunSpace
from sk_optuna.spaces._domains import domain_of
from sk_optuna.spaces._foreign import refuse_foreign
from sk_optuna.spaces._in_words import in_words
from sk_optuna.spaces._initial import are_strict, first_trials
from sk_optuna.spaces._parameter_names import check_fits
from sk_optuna.spaces._shown_params import shown_params
from sk_optuna.spaces._space_of import space_of
from sk_optuna.spaces._suggest_space import suggest_space
from sk_optuna.spaces._table import TableSpace
from sk_optuna.spaces._unit_scale import UnitScale, count_combinations, scales_of_study, unit_scales

__all__ = [
    "DefineByRunSpace",
    "TableSpace",
    "UnitScale",
    "are_strict",
    "count_combinations",
    "first_trials",
    "in_words",
    "scales_of_study",
    "shown_params",
    "space_from_user",
    "space_of",
    "suggest_space",
    "unit_scales",
]


def space_from_user(param_distributions: Any, param_grid: Any, estimator: Any) -> TableSpace | DefineByRunSpace:
    """Return the space that one of the two arguments describes.

    Raises
    ------
    InvalidSpaceError
        If both or neither are given, if the argument describes no space, or if `estimator` lacks one of its parameters.
    """
    space = _space(param_distributions, param_grid, estimator)
    if isinstance(space, TableSpace):
        check_fits(estimator, space)
    return space


def _space(param_distributions: Any, param_grid: Any, estimator: Any) -> TableSpace | DefineByRunSpace:
    if (param_distributions is None) == (param_grid is None):
        came = "neither. Pass the search space as param_distributions" if param_grid is None else "both. Leave one out"
        raise InvalidSpaceError(
            "Exactly one of param_distributions and param_grid must be given (they mean the same; param_grid is "
            f"GridSearchCV's name), but got {came}."
        )
    argument = "param_distributions" if param_grid is None else "param_grid"
    written = param_distributions if param_grid is None else param_grid
    if isinstance(written, Mapping):
        return TableSpace([_branch_from_user(argument, written)])
    if isinstance(written, list | tuple):
        if not written:
            raise InvalidSpaceError(
                f"{argument} must describe at least one candidate, but it is an empty {type(written).__name__}. Use "
                "[{}] to evaluate the estimator as it is."
            )
        return TableSpace([_branch_from_user(argument, branch) for branch in written])
    refuse_foreign(argument, written)
    if callable(written) and not isinstance(written, type):
        return DefineByRunSpace(written, estimator)
    raise InvalidSpaceError(
        f"{argument} must be a dict, a list of dicts, or a callable of a trial that returns a dict, but got "
        f"{written!r} of type {type(written).__name__}. Write, for example, {{'C': [0.1, 1, 10]}}."
    )


def _branch_from_user(argument: str, written: Any) -> dict[str, Any]:
    """Return the domains of one dict."""
    if not isinstance(written, Mapping):
        refuse_foreign(f"A branch of {argument}", written)
        raise InvalidSpaceError(
            f"{argument} must be a dict or a list of dicts, but the list contains {written!r} of type "
            f"{type(written).__name__}. Write each branch as a dict, for example {{'C': [0.1, 1, 10]}}."
        )
    for name in written:
        if not isinstance(name, str):
            raise InvalidSpaceError(
                f"The keys of {argument} must be parameter names (str), but got {name!r} of type "
                f"{type(name).__name__}. Use the names that estimator.get_params() lists."
            )
    return {name: domain_of(name, value, argument) for name, value in written.items()}
