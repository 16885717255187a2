"""A parameter as pictures need it: a number for each candidate, and what the numbers mean.

Values and names are those of `search.plain_study()`. Searches of scikit-learn have none, so theirs come from the table.
Optuna is imported inside the functions: displays are imported without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError

# With fewer, importances say little; so does the display of importances.
_FEWEST = 20
# PED-ANOVA asks in what the best tenth differ from the others; of few candidates that would be two or three.
_FEWEST_BEST = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class ParamValues:
    """The values of one parameter.

    Attributes
    ----------
    name : str
        Its name.
    at : ndarray of shape (n_trials,)
        The value of each candidate: the number, or the place in `choices`; NaN where the parameter is not set.
    choices : tuple of str or None
        The values of a categorical parameter, as text; None for numbers.
    is_log : bool
        Whether the space is logarithmic.
    low, high : float
        The range, for choices the first and the last place.
    """

    name: str
    at: np.ndarray
    choices: tuple[str, ...] | None
    is_log: bool
    low: float
    high: float

    def shown(self) -> np.ndarray:
        """Return the values as numbers, or as texts, with None where the parameter is not set."""
        if self.choices is None:
            return self.at
        texts = [None if np.isnan(place) else self.choices[int(place)] for place in self.at]
        return np.array(texts, dtype=object)


def param_values(search: Any) -> dict[str, ParamValues]:
    """Read all parameters of a fitted search, by their names, in the order of the candidates' `params`."""
    table = search.cv_results_
    if hasattr(search, "plain_study"):
        trials = search.plain_study(include_pruned=True).trials
        rows: Sequence[Mapping[str, Any]] = [trial.params for trial in trials]
        distributions = {name: each for trial in trials for name, each in trial.distributions.items()}
    else:
        from sk_optuna.spaces import shown_params

        rows, distributions = shown_params(table["params"], {})
    return {name: _values(name, rows, each) for name, each in distributions.items()}


def _values(name: str, rows: Sequence[Mapping[str, Any]], distribution: Any) -> ParamValues:
    """Read one parameter."""
    choices: Any = getattr(distribution, "choices", None)
    numeric = choices is not None and all(type(choice) in (int, float) and isfinite(choice) for choice in choices)
    if numeric:
        at = [float(row.get(name, np.nan)) for row in rows]
        low, high, is_log, choices = float(min(choices)), float(max(choices)), False, None
    elif choices is None:
        at = [float(row.get(name, np.nan)) for row in rows]
        low, high, is_log = float(distribution.low), float(distribution.high), bool(distribution.log)
    else:
        at = [float(distribution.to_internal_repr(row[name])) if name in row else np.nan for row in rows]
        low, high, is_log = 0.0, float(len(choices) - 1), False
    texts = None if choices is None else tuple(map(str, choices))
    return ParamValues(name=name, at=np.array(at), choices=texts, is_log=is_log, low=low, high=high)


def check_params(params: Any, known: Mapping[str, ParamValues], *, drawer: str) -> list[str]:
    """Refuse parameters that the search does not have.

    Raises
    ------
    InvalidArgumentError
        Where it has no such parameters, or `params` is not a list of different names.
    """
    is_list = isinstance(params, list | tuple) and all(isinstance(name, str) for name in params)
    if not is_list or len(set(params)) < len(params):
        raise InvalidArgumentError(
            f"params must be None or a list of different names of parameters, but {drawer} got {params!r}."
        )
    for name in params:
        if name not in known:
            raise InvalidArgumentError(
                f"params names {name!r}, but the parameters of this search are {list(known)}."
                f"{hint(name, nearest(name, known))}"
            )
    return list(params)


def most_important(search: Any, score: np.ndarray, names: Sequence[str]) -> list[str]:
    """Sort the names of parameters by importance, or leave them in their order where there is none.

    Importances are PED-ANOVA's, on scores and estimates. There are none with fewer than 20 scores, with equal ones, for
    searches of scikit-learn, and for parameters that some candidates do not have.
    """
    known = score[np.isfinite(score)]
    if len(names) < 2 or len(known) < _FEWEST or np.ptp(known) == 0 or not hasattr(search, "plain_study"):
        return list(names)
    from optuna.trial import create_trial

    from sk_optuna._compat._optuna import new_study, ped_anova

    trials = search.plain_study(include_pruned=True).trials
    everywhere = [name for name in names if all(name in trial.params for trial in trials)]
    if not everywhere:
        return list(names)
    study = new_study()
    study.add_trials(
        [
            create_trial(
                value=float(score[trial.number]),
                params={name: trial.params[name] for name in everywhere},
                distributions={name: trial.distributions[name] for name in everywhere},
            )
            for trial in trials
            if np.isfinite(score[trial.number])
        ]
    )
    found = ped_anova(max(0.1, _FEWEST_BEST / len(known))).evaluate(study)
    return sorted(names, key=lambda name: -found.get(name, -1.0))
