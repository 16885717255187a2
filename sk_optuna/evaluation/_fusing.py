"""The networks of a search: if they are trained together, and where its folds meet."""

from typing import Any, Literal, Protocol

from joblib import effective_n_jobs

from sk_optuna.epochs import leaf_of
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.execution import runs_in_this_process
from sk_optuna.worker import Branch, Meeting, shared_meeting


class Search(Protocol):
    """The arguments of a search that count here."""

    estimator: Any
    fuse: bool | Literal["auto"]
    n_jobs: int | None


def fuses(search: Search) -> bool | Literal["auto"]:
    """Return how networks are trained together; False where the search is over none.

    Raises
    ------
    InvalidArgumentError
        Where they are to be, and the estimator ends with no network that could.
    """
    leaf = leaf_of(search.estimator)
    if search.fuse is False or getattr(leaf, "trains_together", False):
        return search.fuse
    if search.fuse is True:
        where = "" if leaf is search.estimator else f", the last step of {type(search.estimator).__name__},"
        raise InvalidArgumentError(
            "fuse=True trains the networks of several folds as one, which networks of sk_optuna.skorch can, but "
            f"{type(leaf).__name__}{where} is none of these. Use fuse='auto', or one of them."
        )
    return False


def open_meeting(search: Search) -> Meeting | Branch | None:
    """Return the meeting of the folds of a search; None where each worker process runs its own.

    Searches that run in threads of a nested cross-validation share one.
    """
    if not fuses(search) or not runs_in_this_process(search.n_jobs):
        return None
    shared = shared_meeting()
    return Meeting(n_turns=effective_n_jobs(search.n_jobs)) if shared is None else shared.branch()
