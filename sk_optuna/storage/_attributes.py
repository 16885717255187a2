"""The attributes in which a study keeps a search: long texts in parts, and what readers of a trial want to know."""

from collections.abc import Mapping
from copy import copy
from typing import Any

from optuna.trial import FrozenTrial

from sk_optuna._compat._optuna import CONSTRAINTS
from sk_optuna.storage._describe import digest
from sk_optuna.storage._stored_trial import StoredTrial

RECORD = "sk_optuna:record"
# Characters of one attribute at most: MySQL's TEXT holds 65,535 bytes, and JSON may need two for each.
_MOST_CHARACTERS = 32_000
# Of those attributes that are for readers only.
MOST_LEGIBLE = 2_000


def chunks(key: str, text: str) -> dict[str, Any]:
    """Split a text, behind a digest of it, into attributes of the length that a database takes."""
    text = f"{digest(text)} {text}"
    parts = range(0, len(text), _MOST_CHARACTERS)
    return {f"{key}:{i}": text[start : start + _MOST_CHARACTERS] for i, start in enumerate(parts)}


def joined(attributes: Mapping[str, Any], key: str) -> str:
    """Return the text that attributes keep; a LookupError where there is none, a ValueError where it was changed."""
    parts: list[str] = []
    while (part := attributes.get(f"{key}:{len(parts)}")) is not None:
        parts.append(part)
    if not parts:
        raise LookupError(f"there is no {key.partition(':')[2]}")
    expected, _, text = "".join(parts).partition(" ")
    if digest(text) != expected:
        raise ValueError(f"the {key.partition(':')[2]} was changed")
    return text


def stored(trial: FrozenTrial) -> StoredTrial:
    """Return a finished trial of the storage as it is kept."""
    return StoredTrial.from_json(joined(trial.system_attrs, RECORD))


def legible(trial: FrozenTrial, kept: StoredTrial, params: Mapping[str, Any]) -> FrozenTrial:
    """Return a copy of the trial with the user's parameters, the scores of its folds and their seconds for readers.

    Each attribute costs a database some milliseconds, so that those are left out which follow from these and the value.
    """
    trial = copy(trial)
    follow = ("mean_fit_time", "mean_test_score", "std_test_")
    trial.user_attrs = {
        **{name: value for name, value in trial.user_attrs.items() if not name.startswith(follow)},
        "params": legible_params(params),
        "fold_scores": {str(i): fold.test_scores for i, fold in kept.folds.items()},
        "fold_seconds": {str(i): fold.fit_time + fold.score_time for i, fold in kept.folds.items()},
    }
    return trial


def kept_attributes(trial: FrozenTrial, kept: StoredTrial) -> dict[str, Any]:
    """Return the system attributes of a finished trial: the trial as it is kept, and its constraints for Optuna."""
    constraints = {CONSTRAINTS: list(trial.system_attrs[CONSTRAINTS])} if trial.system_attrs.get(CONSTRAINTS) else {}
    return {**constraints, **chunks(RECORD, kept.to_json())}


def legible_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the user's parameters as JSON can keep them."""
    return {name: _plain(value) for name, value in params.items()}


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | None) else repr(value)[:MOST_LEGIBLE]
