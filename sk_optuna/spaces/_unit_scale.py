"""Places of values in their parameters' ranges, between 0 and 1: the measure of "near a bound" and of "far apart".

A range on a log scale is measured in logs, a list of rising numbers by its places, another scipy distribution by its
quantile function. So .02 means the same share of what the search could draw, whatever the parameter. Not taken: the
differences of values themselves, by which all of a log range but its upper end would be near the lower bound.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from sk_optuna._distributions import on_step
from sk_optuna.exceptions import InvalidSpaceError
from sk_optuna.spaces._choices import Choices
from sk_optuna.spaces._domains import Domain, Draw, Native, Quantile, domain_of
from sk_optuna.spaces._table import TableSpace


class UnitScale:
    """The scale of one parameter, in a space with one branch or several.

    Parameters
    ----------
    domains : sequence of Domain
        The parameter's domain in each branch that has it.

    Attributes
    ----------
    kind : {"range", "list", "quantiles", "choices", "unknown", "mixed"}
        ``"range"``: from one number to another, on any scale; ``"list"``: numbers that rise or fall; ``"quantiles"``:
        another scipy distribution; ``"choices"``: no places, as of lists of texts, objects or two numbers;
        ``"unknown"``: written as another library takes it; ``"mixed"``: not the same in all branches.
    is_numeric : bool
        True if the values have places in every branch.
    bounds : tuple of two numbers, or None
        The least and the greatest value in any branch; None unless the parameter is numeric. Of a scipy distribution
        without bounds, its quantiles at 1e-6 and 1 - 1e-6.
    """

    def __init__(self, domains: Sequence[Domain]) -> None:
        self._domains = list(domains)
        kinds = {_kind(domain) for domain in domains}
        self.is_numeric = kinds.isdisjoint({"choices", "unknown"})
        self.kind: Literal["range", "list", "quantiles", "choices", "unknown", "mixed"] = (
            "mixed" if len(kinds) > 1 else kinds.pop()
        )
        self.bounds = self._bounds() if self.is_numeric else None
        # by domain, the places of a list's values; a list may be long, and be asked for each candidate
        self._orders = [_order(domain) if self.is_numeric else {} for domain in domains]

    @property
    def is_log(self) -> bool:
        """True if the values are positive, and in every branch drawn or listed evenly in logs, not as they are."""
        return self.bounds is not None and self.bounds[0] > 0 and all(map(_is_log, self._domains))

    @property
    def n_values(self) -> int | None:
        """How many different values there are, in the first branch; None where there is no end of them."""
        return TableSpace([{"a": self._domains[0]}]).n_distinct

    def position(self, value: Any) -> float | None:
        """Return the place of a value between 0 and 1.

        None where the parameter is no number, `value` is not in the space, or the range has one value only. Where
        several branches contain `value`, the place that is nearest to the middle.
        """
        if not self.is_numeric:
            return None
        places = [
            place
            for domain, order in zip(self._domains, self._orders, strict=True)
            if (place := _place(domain, order, value)) is not None
        ]
        return min(places, key=lambda place: abs(place - 0.5), default=None)

    def _bounds(self) -> tuple[float, float]:
        ends = [_ends(domain) for domain in self._domains]
        return min(low for low, _ in ends), max(high for _, high in ends)


def unit_scales(space: Any) -> dict[str, UnitScale]:
    """Return the scale of each parameter of a user's space.

    Parameters
    ----------
    space : dict, list of dicts or callable
        The space as `param_distributions` takes it. A callable names no parameters before it is called.

    Returns
    -------
    dict of str to UnitScale
        By the names of parameters, sorted; empty for a callable. A parameter that is not written in a way that we know,
        as in another library's space, is there as one without places.
    """
    branches = [space] if isinstance(space, Mapping) else space
    if not isinstance(branches, list | tuple):
        return {}
    domains: dict[str, list[Domain]] = {}
    for name, domain in _domains(branches):
        domains.setdefault(name, []).append(domain)
    return {name: UnitScale(found) for name, found in sorted(domains.items())}


def scales_of_study(trials: Iterable[FrozenTrial], params: Sequence[Mapping[str, Any]]) -> dict[str, UnitScale]:
    """Return the scales of a callable space, from the ranges that its study has seen.

    Parameters
    ----------
    trials : iterable of optuna.trial.FrozenTrial
        Trials, as many as there are `params`.
    params : sequence of mapping
        What the space made of each.

    Returns
    -------
    dict of str to UnitScale
        Of the parameters that are always passed on as they were suggested, under the same name.
    """
    seen: dict[str, list[BaseDistribution]] = {}
    changed = set()
    for trial, made in zip(trials, params, strict=True):
        for name, distribution in trial.distributions.items():
            if name not in made or not _is_same(made[name], trial.params[name]):
                changed.add(name)
            elif distribution not in seen.setdefault(name, []):
                seen[name].append(distribution)
    return unit_scales([{name: each} for name, found in seen.items() for each in found if name not in changed])


def _is_same(made: Any, suggested: Any) -> bool:
    """Tell whether a plain value is the one that was suggested."""
    return type(made) is type(suggested) and bool(made == suggested)


def count_combinations(space: Any) -> int | None:
    """Return the number of different candidates of a user's space; None for a callable, or where there is no end."""
    branches = [space] if isinstance(space, Mapping) else space
    if not isinstance(branches, list | tuple) or not branches:
        return None
    return TableSpace([dict(_domains([branch])) for branch in branches]).n_distinct


def _domains(branches: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Domain]]:
    """Yield each parameter of each branch with its domain."""
    for branch in branches:
        for name, written in branch.items():
            if isinstance(written, list | tuple) and any(isinstance(value, str) for value in written):
                # known to be choices; `domain_of` would warn again of some
                yield name, Choices(list(written))
                continue
            try:
                yield name, domain_of(name, written)
            except InvalidSpaceError:
                # the space of another search, such as scikit-optimize's, which was searched all the same
                yield name, _Unknown()


class _Unknown(Draw):
    """A domain of which nothing is known, least of all a number of values."""

    def __init__(self) -> None:
        super().__init__(None)


def _kind(domain: Domain) -> Any:
    """Name the way in which a domain's values have places."""
    if isinstance(domain, _Unknown):
        return "unknown"
    if isinstance(domain, Native):
        return "range"
    if isinstance(domain, Quantile):
        return "quantiles"
    return "list" if domain.is_ordered else "choices"


def _is_log(domain: Domain) -> bool:
    """Tell whether a domain of positive numbers is even in logs."""
    if not isinstance(domain, Choices):
        return isinstance(domain, Native) and bool(getattr(domain.distribution, "log", False))
    numbers = np.sort([float(domain.decode(choice)) for choice in domain.column()])
    steps, ratios = np.diff(numbers), np.diff(np.log(numbers))
    return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())


def _order(domain: Domain) -> dict[Any, int]:
    """Return the places of the stored values of a list of numbers, counted from the least; empty for other domains."""
    if not isinstance(domain, Choices):
        return {}
    return {stored: i for i, stored in enumerate(sorted(domain.column(), key=domain.decode))}


def _place(domain: Domain, order: Mapping[Any, int], value: Any) -> float | None:
    """Return the place of a value in one domain; None where it is not in it, or there is one value only."""
    try:
        stored = domain.encode(value)
    except ValueError:
        return None
    if isinstance(domain, Choices):
        return order[stored] / (len(order) - 1)
    distribution = domain.distribution
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = float(distribution.low), float(distribution.high)
    if isinstance(domain, Native) and distribution.step is not None:
        high = float(on_step(distribution, high))
    if not low < high:
        return None
    if distribution.log:
        low, high, stored = math.log(low), math.log(high), math.log(stored)
    return min(1.0, max(0.0, (float(stored) - low) / (high - low)))


def _ends(domain: Domain) -> tuple[float, float]:
    """Return the least and the greatest value of a domain of numbers."""
    if isinstance(domain, Choices):
        column = [domain.decode(choice) for choice in domain.column()]
        return min(column), max(column)
    distribution = domain.distribution
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if isinstance(domain, Quantile):
        return domain.decode(distribution.low), domain.decode(distribution.high)
    return distribution.low, on_step(distribution, distribution.high)
