"""Parameters for readers of a study: under the user's names, in the user's units, one distribution for each.

The study that a search samples from has other ones: places in lists, quantiles, a name for each branch. Samplers want
those; pictures and importances want these.
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sk_optuna.spaces._choices import identity, in_one_line, is_plain, plain
from sk_optuna.spaces._unit_scale import UnitScale


def shown_params(
    params: Sequence[Mapping[str, Any]], scales: Mapping[str, UnitScale]
) -> tuple[list[dict[str, Any]], dict[str, BaseDistribution]]:
    """Return parameters as a study can hold them, and one distribution for each name.

    Parameters
    ----------
    params : sequence of mapping
        The parameters of each candidate, as the user wrote them.
    scales : mapping of str to UnitScale
        The scales of the space, as far as they are known; of others the values that were tried are the range.

    Returns
    -------
    rows : list of dict
        The parameters of each candidate: numbers where all of them are, else choices; objects as one short line.
    distributions : dict of str to optuna.distributions.BaseDistribution
        By name. They contain all values.
    """
    rows: list[dict[str, Any]] = [{} for _ in params]
    distributions: dict[str, BaseDistribution] = {}
    for name in dict.fromkeys(name for each in params for name in each):
        at = [i for i, each in enumerate(params) if name in each]
        values = [plain(params[i][name]) for i in at]
        scale = scales.get(name)
        if _are_numbers(values) and (scale is None or scale.is_numeric or scale.kind in ("mixed", "unknown")):
            shown, distributions[name] = _range(values, scale)
        else:
            shown, distributions[name] = _choices(values)
        for i, value in zip(at, shown, strict=True):
            rows[i][name] = value
    return rows, distributions


def _are_numbers(values: Sequence[Any]) -> bool:
    """Tell whether all values are finite numbers."""
    return all(isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value) for value in values)


def _range(values: Sequence[Any], scale: UnitScale | None) -> tuple[list[Any], BaseDistribution]:
    """Return numbers and the range from the least to the greatest, of these and of the space."""
    bounds = () if scale is None or scale.bounds is None else scale.bounds
    low, high = min([*values, *bounds]), max([*values, *bounds])
    log = scale is not None and scale.is_log and low > 0
    if all(isinstance(value, Integral) for value in [*values, low, high]):
        return [int(value) for value in values], IntDistribution(int(low), int(high), log=log)
    return [float(value) for value in values], FloatDistribution(float(low), float(high), log=log)


def _choices(values: Sequence[Any]) -> tuple[list[Any], BaseDistribution]:
    """Return values as a study can hold and tell them apart, and the choices that they are."""
    different = {identity(value): value for value in values}
    labels = [value if is_plain(value) and value == value else in_one_line(value) for value in different.values()]
    if len(set(labels)) < len(labels):  # to a study True, 1 and 1.0 are one
        labels = [in_one_line(value) for value in different.values()]
    labels = [label if labels.index(label) == i else f"{label} ({i})" for i, label in enumerate(labels)]
    label_of = dict(zip(different, labels, strict=True))
    return [label_of[identity(value)] for value in values], CategoricalDistribution(labels)
