"""The parameters that the outer folds chose, and how far they agree."""

import numbers
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sk_optuna._short_value import short_value
from sk_optuna.nested._outer_fold import OuterFold, Tuning
from sk_optuna.nested._rows import Row
from sk_optuna.nested._tables import Columns, objects
from sk_optuna.spaces import UnitScale, scales_of_study, space_of, unit_scales

_COLUMNS: dict[str, type] = {
    "search": object,
    "parameter": object,
    "n_folds": int,
    "active_share": float,
    "mode": object,
    "modal_share": float,
    "low": float,
    "median": float,
    "high": float,
    "spread": float,
    "space_low": float,
    "space_high": float,
    "space_log": bool,
}


def stability_columns(rows: Sequence[Row], folds: Mapping[str, Sequence[OuterFold]]) -> Columns:
    """Return a row for each parameter of each search.

    Parameters
    ----------
    rows : sequence of Row
        The rows of the comparison.
    folds : mapping of str to sequence of OuterFold
        Their folds by name.
    """
    found: list[dict[str, Any]] = []
    for row in rows:
        tunings = [fold.tuning for fold in folds[row.name] if fold.tuning is not None]
        scales = scales_of(row.search, tunings)
        names = dict.fromkeys(name for tuning in tunings for name in tuning.params)
        found += [{"search": row.name, **_agreement(name, tunings, scales.get(name))} for name in names]
    return {
        key: objects([each[key] for each in found])
        if dtype is object
        else np.array([each[key] for each in found], dtype=dtype)
        for key, dtype in _COLUMNS.items()
    }


def scales_of(search: Any, tunings: Sequence[Tuning]) -> Mapping[str, UnitScale]:
    """Return the scales of a search's parameters; of a callable space, those that its studies have seen."""
    space = space_of(search)
    if not callable(space):
        return unit_scales(space)
    trials, params = [], []
    for tuning in tunings:
        if tuning.study is not None:
            known = tuning.study.get_trials(deepcopy=False)
            trials += [known[number] for number in tuning.table["trial_number"]]
            params += tuning.table["params"]
    return scales_of_study(trials, params)


def _agreement(name: str, tunings: Sequence[Tuning], scale: Any) -> dict[str, Any]:
    """Return the row of one parameter."""
    values = [tuning.params[name] for tuning in tunings if name in tuning.params]
    mode, n_alike = Counter(map(short_value, values)).most_common(1)[0]
    known: dict[str, Any] = {
        "parameter": name,
        "n_folds": len(tunings),
        "active_share": len(values) / len(tunings),
        "mode": mode,
        "modal_share": n_alike / len(values),
        **dict.fromkeys(("low", "median", "high", "spread", "space_low", "space_high"), np.nan),
        "space_log": scale is not None and scale.is_log,
    }
    if scale is not None and scale.bounds is not None:
        known["space_low"], known["space_high"] = scale.bounds
    if all(isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_) for value in values):
        known.update(low=min(values), median=float(np.median(values)), high=max(values))
        places = [] if scale is None else [scale.position(value) for value in values]
        if places and None not in places:
            known["spread"] = max(places) - min(places)
    return known
