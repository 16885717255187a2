"""The history of a search: whose it is, what it drew for itself, and its finished trials.

A search goes on from its history, be it kept in the search itself or in a store. It belongs to one search over one data
set, which its identity says.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
import sklearn

from sk_optuna.exceptions import ResumeMismatchError
from sk_optuna.storage._describe import digest
from sk_optuna.storage._splits import Splits, splits_from_text, splits_to_text
from sk_optuna.storage._stored_trial import StoredTrial

_MOST_SHOWN = 200


@dataclass
class History:
    """The history of a search.

    Attributes
    ----------
    identity : dict of str to str
        The arguments and the data that make the search this one, described; see `describe`.
    versions : dict of str to str
        Versions by package.
    random_state : int
        Seed of the search.
    splits : sequence of (train, test) or None
        Its folds; None until they are drawn.
    in_grid_order : bool
        Whether a whole grid is evaluated in order.
    trials : list of StoredTrial
        The finished trials, in order.
    """

    identity: dict[str, str]
    versions: dict[str, str]
    random_state: int
    splits: Splits | None = None
    in_grid_order: bool = False
    trials: list[StoredTrial] = field(default_factory=list)

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes, with compressed splits: of a million rows they would take forty megabytes."""
        return {**vars(self), "splits": None if self.splits is None else splits_to_text(self.splits)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        splits = state["splits"]
        vars(self).update({**state, "splits": None if splits is None else splits_from_text(splits)})


def name_of(identity: Mapping[str, str]) -> str:
    """Return the name of the study of a search that was given none."""
    kind = identity["estimator"].partition("(")[0].rpartition(".")[2]
    return f"{kind}-{digest(repr(sorted(identity.items())))}"


def versions_of(estimator: Any) -> dict[str, str]:
    """Return the versions of the packages on which a search over `estimator` depends."""
    packages = {part.__module__.partition(".")[0] for part in _parts_of(estimator)} - {"sklearn"}
    found = {package: getattr(sys.modules.get(package), "__version__", None) for package in sorted(packages)}
    known = {name: str(version) for name, version in found.items() if version is not None}
    return {"scikit-learn": sklearn.__version__, "optuna": optuna.__version__, "numpy": np.__version__, **known}


def _parts_of(estimator: Any) -> list[type]:
    nested = [value for value in estimator.get_params(deep=True).values() if hasattr(value, "get_params")]
    return [part if isinstance(part, type) else type(part) for part in (estimator, *nested)]


def check_same(old: Mapping[str, str], new: Mapping[str, str], what: str, ways_on: str) -> None:
    """Refuse to go on from the history of another search.

    Parameters
    ----------
    old, new : mapping of str to str
        The identity of the search whose history it is, and that of this search.
    what : str
        Name of the history, with which the error begins.
    ways_on : str
        Advice, with which it ends.

    Raises
    ------
    ResumeMismatchError
        Where an argument or the data differ; each is named, with the old and the new one.
    """
    differences = [
        f"\n  {name}: {_shown(old.get(name, 'not given'), of)} then, {_shown(new.get(name, 'not given'), of)} now"
        for name in {**old, **new}
        if (of := (old.get(name), new.get(name))) and old.get(name) != new.get(name)
    ]
    if differences:
        raise ResumeMismatchError(
            f"{what} belongs to another search, which differs in:{''.join(differences)}\n{ways_on}"
        )


def _shown(text: str, both: Sequence[str | None]) -> str:
    """Return the text, or the part of it where the two begin to differ if it is long."""
    if len(text) <= _MOST_SHOWN:
        return text
    pairs = zip(both[0] or "", both[1] or "", strict=False)
    same = next((i for i, (one, other) in enumerate(pairs) if one != other), 0)
    start = max(0, same - _MOST_SHOWN // 4)
    return f"{'...' if start else ''}{text[start : start + _MOST_SHOWN]}..."


def changed_versions(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return a phrase for each package whose version has changed, of those on which scores depend."""
    names = [name for name in new if name in old and name not in ("optuna", "numpy")]
    return [f"{name} {old[name]} then, {new[name]} now" for name in names if old[name] != new[name]]
