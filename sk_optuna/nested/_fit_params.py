"""Weights and groups: the arguments of `fit` beside the data, on their way to rows, scorers and both loops.

Without metadata routing, parameters go to `fit` of each row under the names that its pipelines want, and scorers get
none. With it, they go where they are requested; what nobody has decided upon is refused before the first fit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn import get_config
from sklearn.metrics import check_scoring
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, get_routing_for_object

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.nested._outer_splits import wants_groups
from sk_optuna.nested._rows import Row
from sk_optuna.nested._searches import fit_parameter, innermost

_WEIGHT = "sample_weight"


def groups_and_params(groups: Any, params: Mapping[str, Any] | None) -> tuple[Any, dict[str, Any]]:
    """Take the groups out of the parameters of `fit`, where scikit-learn has them under metadata routing.

    Raises
    ------
    InvalidArgumentError
        Where they are given twice.
    """
    params = dict(params or {})
    if groups is not None and params.get("groups") is not None:
        raise InvalidArgumentError("Groups are given twice, as 'groups' and in 'params'. Leave out one of them.")
    in_params = params.pop("groups", None)
    return groups if groups is not None else in_params, params


def params_of(row: Row, params: Mapping[str, Any], groups: Any, scoring: Any) -> dict[str, Any]:
    """Return the arguments of a row's `fit` beside the data.

    Without routing, the dummy gets the weights of rows, under whatever name, and groups go to inner splitters that
    split by them.

    Parameters
    ----------
    row : Row
        The row.
    params : mapping of str to object
        The user's parameters, without groups.
    groups : array-like or None
        The groups.
    scoring : object
        The outer metrics, which may request parameters, too.
    """
    if routes():
        every = _every(params, groups)
        asked = _router(row, scoring).consumes("fit", every)
        return {name: value for name, value in every.items() if name in asked}
    if row.kind == "dummy":
        weights = [value for name, value in params.items() if name.rpartition("__")[2] == _WEIGHT]
        return {_WEIGHT: weights[0]} if len(weights) == 1 else {}
    own = dict(params)
    if groups is not None and row.path is not None and wants_groups(row.search.cv):
        own[fit_parameter(row.estimator, row.path, "groups")] = groups
    return own


def routes() -> bool:
    """Tell whether metadata routing is on."""
    return bool(get_config()["enable_metadata_routing"])


def _every(params: Mapping[str, Any], groups: Any) -> dict[str, Any]:
    """Return the parameters with the groups, as scikit-learn routes them."""
    return dict(params) if groups is None else {**params, "groups": groups}


def _router(row: Row, scoring: Any) -> MetadataRouter:
    """Return the routes of an outer fold, as `cross_validate` has them."""
    router = MetadataRouter(owner="nested_cross_validate")
    router.add(estimator=row.estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
    scorer = check_scoring(row.estimator, scoring=scoring)
    return router.add(scorer=scorer, method_mapping=MethodMapping().add(caller="fit", callee="score"))


def request_weights_as(row: Row, dummy: Any) -> None:
    """Have the dummy request weights: in its fit, and in its own score where a row's estimator does."""
    requests = get_routing_for_object(innermost(row.estimator))
    asks = bool(getattr(getattr(requests, "score", None), "requests", {}).get(_WEIGHT))
    dummy.set_fit_request(sample_weight=True).set_score_request(sample_weight=asks)


def check_requests(rows: Sequence[Row], scoring: Any, params: Mapping[str, Any], groups: Any) -> None:
    """Refuse parameters on which a row has not decided, or that no row requests, before the first fit.

    Baselines are left out: one that cannot be fitted has no row.

    Raises
    ------
    sklearn.exceptions.UnsetMetadataPassedError
        Where a row could use a parameter, and has not decided on it; the error says how to.
    InvalidArgumentError
        Where no row requests a parameter.
    """
    every, asked = _every(params, groups), set[str]()
    for row in rows:
        router = _router(row, scoring)
        router.route_params(params=every, caller="fit")
        asked |= router.consumes("fit", every)
    unknown = sorted(params.keys() - asked)
    if unknown:
        raise InvalidArgumentError(
            f"The 'params' parameter has {unknown[0]!r}, which no row requests, and no scorer. Leave it out, or "
            f"request it: estimator.set_fit_request({unknown[0]}=True)."
        )
