"""Translate `initial_params` to the values that the study stores for the first trials."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sk_optuna.exceptions import InvalidArgumentError, InvalidSpaceError
from sk_optuna.spaces._define_by_run import DefineByRunSpace
from sk_optuna.spaces._table import TableSpace

# So many of the best candidates of a fitted search are tried first.
_N_BEST = 5


def first_trials(initial_params: Any, space: TableSpace | DefineByRunSpace, estimator: Any) -> list[Mapping[str, Any]]:
    """Return the fixed values of the first trials, as the study stores them.

    Parameters
    ----------
    initial_params : None, "default", fitted search, or list of dicts and fitted searches
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
        If the space does not contain values of a dict.
    """
    if initial_params is None:
        return []
    if isinstance(initial_params, str) and initial_params == "default":
        known = space.fix_known(estimator.get_params(deep=True))
        return [known] if known else []
    first: list[Mapping[str, Any]] = []
    for i, given in enumerate([initial_params] if _is_search(initial_params) else _listed(initial_params)):
        if _is_search(given):
            best = (space.fix_known(params) for params in _best_of(given))
            first.extend(known for known in best if known and known not in first)
        else:
            first.append(_fixed(i, given, space))
    return first


def are_strict(initial_params: Any) -> bool:
    """Return whether the user named each value, so that one that the space does not contain is an error."""
    if isinstance(initial_params, list | tuple):
        return not any(map(_is_search, initial_params))
    return initial_params is None


def _is_search(given: Any) -> bool:
    return hasattr(given, "cv_results_")


def _listed(initial_params: Any) -> Sequence[Any]:
    if isinstance(initial_params, list | tuple) and all(
        isinstance(p, Mapping) or _is_search(p) for p in initial_params
    ):
        return initial_params
    unfitted = " (a search must be fitted first)" if hasattr(initial_params, "fit") else ""
    raise InvalidArgumentError(
        "The 'initial_params' parameter must be None, 'default', a fitted search, or a list of dicts from parameter "
        f"names to values and of fitted searches, but got {initial_params!r}{unfitted}. Write, for example, "
        "[{'C': 1.0}]."
    )


def _fixed(i: int, params: Mapping[str, Any], space: TableSpace | DefineByRunSpace) -> Mapping[str, Any]:
    try:
        return space.fix(params)
    except InvalidSpaceError as error:
        raise InvalidSpaceError(
            f"initial_params[{i}] = {dict(params)!r} must lie in the search space, but {error}. Change the value, "
            "widen the space, or leave the parameter out."
        ) from None


def _best_of(search: Any) -> list[Mapping[str, Any]]:
    """Return the best candidates of a fitted search, of GridSearchCV and its like as well, the best first.

    Those without a mean score, stopped or failed, are left out, and those that break its constraints.
    """
    table = search.cv_results_
    chosen_by = getattr(search.refit, "metric", search.refit)  # of a policy; a str has none
    metric = next((name for name in (f"test_{chosen_by}", "test_score") if f"rank_{name}" in table), None)
    if metric is None:  # several metrics, and none of them chooses
        metric = next(name for name in table if name.startswith("rank_")).removeprefix("rank_")
    fronts = table.get("pareto_rank", [1] * len(table["params"]))
    means, ranks = table[f"mean_{metric}"], table[f"rank_{metric}"]
    states = table.get("trial_state", ["COMPLETE"] * len(means))
    feasible = table.get("feasible", [True] * len(means))
    able = [i for i in range(len(means)) if math.isfinite(means[i]) and states[i] == "COMPLETE" and feasible[i]]
    return [table["params"][i] for i in sorted(able, key=lambda i: (fronts[i], ranks[i], i))[:_N_BEST]]
