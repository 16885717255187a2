"""A parameter as pictures need it: a number for each candidate, and what the numbers mean.

Values and names are those of `search.plain_study()`. Searches of scikit-learn have none, so theirs come from the table.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError


@dataclass(frozen=True, kw_only=True, eq=False)
class ParamValues:
    """The values of one parameter.

    Attributes
    ----------
    name : str
        Its name.
    at : ndarray of shape (n_trials,)
        The value of each candidate: the number, or the place in `choices`; NaN where the parameter is not set.
    choices : tuple or None
        The values of a categorical parameter: None, booleans, numbers and texts; None for numbers alone.
    is_log : bool
        Whether the space is logarithmic.
    low, high : float
        The range, for choices the first and the last place.
    """

    name: str
    at: np.ndarray
    choices: tuple[Any, ...] | None
    is_log: bool
    low: float
    high: float

    def shown(self) -> np.ndarray:
        """Return the values: numbers, or choices, with None where the parameter is not set."""
        if self.choices is None:
            return self.at
        shown = np.empty(len(self.at), dtype=object)
        shown[:] = [None if np.isnan(place) else self.choices[int(place)] for place in self.at]
        return shown


class ShownParams(NamedTuple):
    """The parameters of all candidates, as a study for readers has them.

    Attributes
    ----------
    rows : sequence of mapping
        The parameters of each candidate.
    distributions : dict of str to optuna.distributions.BaseDistribution
        By name, in the order of the candidates' `params`.
    """

    rows: Sequence[Mapping[str, Any]]
    distributions: dict[str, Any]


def params_of(search: Any) -> ShownParams:
    """Read the parameters of a fitted search, of scikit-learn's, too."""
    table = search.cv_results_
    if not hasattr(search, "plain_study"):
        from sk_optuna.spaces import shown_params, space_of, unit_scales

        return ShownParams(*shown_params(table["params"], unit_scales(space_of(search))))
    trials = search.plain_study(include_pruned=True).trials
    distributions = {name: each for trial in trials for name, each in trial.distributions.items()}
    order = dict.fromkeys(name for params in table["params"] for name in params)
    return ShownParams([trial.params for trial in trials], {name: distributions[name] for name in order})


def param_values(params: ShownParams) -> dict[str, ParamValues]:
    """Return the values of all parameters by their names."""
    return {name: _values(name, params.rows, each) for name, each in params.distributions.items()}


def _values(name: str, rows: Sequence[Mapping[str, Any]], distribution: Any) -> ParamValues:
    """Read one parameter."""
    choices: Any = getattr(distribution, "choices", None)
    if choices is not None and all(type(choice) in (int, float) and isfinite(choice) for choice in choices):
        at = [float(row.get(name, np.nan)) for row in rows]
        low, high, is_log, choices = float(min(choices)), float(max(choices)), False, None
    elif choices is None:
        at = [float(row.get(name, np.nan)) for row in rows]
        low, high, is_log = float(distribution.low), float(distribution.high), bool(distribution.log)
    else:
        at = [float(distribution.to_internal_repr(row[name])) if name in row else np.nan for row in rows]
        low, high, is_log, choices = 0.0, float(len(choices) - 1), False, tuple(choices)
    return ParamValues(name=name, at=np.array(at), choices=choices, is_log=is_log, low=low, high=high)


def checked_names(params: Any, known: Iterable[str]) -> list[str]:
    """Return the names of parameters that were asked for, each once.

    Parameters
    ----------
    params : sequence of str or None
        Names; None for all.
    known : iterable of str
        The parameters of the search.

    Raises
    ------
    InvalidArgumentError
        Where this is no list of names, is empty, or has a name that the search did not set; where it set none.
    """
    known = list(known)
    if not known:
        raise InvalidArgumentError("There is no parameter to draw: the space of this search is empty.")
    if params is None:
        return known
    names = [] if isinstance(params, str) or not isinstance(params, Iterable) else list(dict.fromkeys(params))
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidArgumentError(
            f"params must be None or a list of names of parameters, at least one, but got {params!r}. The search has "
            f"{known}."
        )
    for name in names:
        if name not in known:
            near = nearest(name, known)
            advice = hint(name, near) or f" It has {known}."
            raise InvalidArgumentError(f"params names {name!r}, which no candidate of this search has.{advice}")
    return names
