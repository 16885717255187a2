"""Networks that a search has trained together, and those that it has not."""

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from sk_optuna.epochs import name_of_leaf
from sk_optuna.evaluation import FoldResult, TrialRecord, fuses
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.spaces import TableSpace
from sk_optuna.worker import Branch, Meeting, Terms

# Candidates among which networks that are alike are counted beforehand.
_N_CANDIDATES = 20
# Parameters of a network that say how long, or on which numbers it trains, but not what one of its steps is.
_OF_NO_STEP = ("max_epochs", "random_state")


def terms_of(search: Any, space: Any, n_splits: int) -> Terms | None:
    """Return the terms on which networks of a search are trained together; None where it is over none, or never.

    How many networks will be alike is read off the space, for twenty candidates or for all if there are fewer: it must
    not depend on what has happened so far, since a worker would decide otherwise than another one.

    Parameters
    ----------
    search : OptunaSearchCV
        The search.
    space : TableSpace or DefineByRunSpace
        Its space.
    n_splits : int
        Number of folds.
    """
    fuse = fuses(search)
    if not fuse:
        return None
    if not isinstance(space, TableSpace):
        return Terms(always=fuse is True)
    leaf = name_of_leaf(search.estimator)
    n_kinds = sum(
        prod(_n_kinds(domain.distribution) for name, domain in branch.items() if _shapes_steps(name, leaf))
        for branch in space.branches
    )
    n_candidates = min(
        _N_CANDIDATES, search.n_trials or search.n_iter or _N_CANDIDATES, space.n_distinct or _N_CANDIDATES
    )
    return Terms(fuse is True, n_splits * max(1, n_candidates // n_kinds))


def _shapes_steps(name: str, leaf: str) -> bool:
    """Return whether a parameter may make other steps of a network, and not only other numbers."""
    return (name.startswith(leaf) and name.removeprefix(leaf) not in _OF_NO_STEP) or leaf.startswith(f"{name}__")


def _n_kinds(distribution: BaseDistribution) -> int:
    """Return how many kinds of networks a parameter makes: one, if it is a float, for every other value a kind."""
    if isinstance(distribution, IntDistribution):
        return (distribution.high - distribution.low) // distribution.step + 1
    if isinstance(distribution, CategoricalDistribution):
        return max(1, sum(not isinstance(choice, float) for choice in distribution.choices))
    return 1


class RoomForFolds:
    """How many folds of a search may run at once to train their networks together, as far as is known.

    Called with the result of each fold. The first fold tells how many like it the memory holds. Folds whose networks
    train by themselves tell nothing, and ask for no room: they run one after the other, whenever they were begun.

    Parameters
    ----------
    meeting : Meeting, Branch or None
        Where the folds meet. Searches that share it share the memory.
    """

    def __init__(self, meeting: Meeting | Branch | None) -> None:
        self._meeting = meeting
        self._by_group: dict[str, int] = {}

    def __call__(self, result: FoldResult) -> int:
        for note in result.notes:
            if note.reason is None:
                self._by_group.setdefault(note.group, note.n_fit)
        n_searches = max(1, 0 if self._meeting is None else self._meeting.n_branches)
        return min(self._by_group.values(), default=1) // n_searches


def check_fused(result: FoldResult) -> None:
    """Refuse a fold that was to train its network together with others, and did not.

    Raises
    ------
    InvalidArgumentError
        With the reason.
    """
    for note in result.notes:
        if note.reason is not None:
            raise InvalidArgumentError(
                f"fuse=True, but {note.group} of candidate {note.key[-2]} was trained by itself: {note.reason}. Use "
                "fuse='auto', which trains by themselves those that have to be."
            )


def fused_table(records: Iterable[TrialRecord]) -> dict[str, np.ndarray]:
    """Count the networks that were trained together, and those that were not, with the reason.

    Returns
    -------
    dict of str to ndarray of shape (n_groups,)
        `group`, `n_models`, `fused` and `reason`, which is empty for networks that were.
    """
    counts: dict[tuple[str, str], int] = {}
    for record in records:
        for result in record.results:
            for note in result.notes:
                key = note.group, note.reason or ""
                counts[key] = counts.get(key, 0) + 1
    return {
        "group": np.array([group for group, _ in counts], dtype=str),
        "n_models": np.array(list(counts.values()), dtype=int),
        "fused": np.array([not reason for _, reason in counts], dtype=bool),
        "reason": np.array([reason for _, reason in counts], dtype=str),
    }
