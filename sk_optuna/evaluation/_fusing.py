"""The networks of a search: if they are trained together, and where its folds meet."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, Literal, Protocol

from joblib import effective_n_jobs

from sk_optuna.epochs import leaf_of
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.execution import runs_in_this_process
from sk_optuna.worker import Branch, Meeting, holds_generators, shared_meeting


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
    if search.fuse is False or _is_net(leaf):
        return search.fuse
    if search.fuse is True:
        where = "" if leaf is search.estimator else f", the last step of {type(search.estimator).__name__},"
        raise InvalidArgumentError(
            "fuse=True trains the networks of several folds as one, which networks of skorch and sk_optuna.skorch "
            f"can, but {type(leaf).__name__}{where} is none of these. Use fuse='auto', or one of them."
        )
    return False


def _is_net(leaf: Any) -> bool:
    """Return whether a leaf is a net of skorch's, of `sk_optuna.skorch`, or of a class derived from these."""
    # by its name: importing skorch imports torch
    return any((base.__module__, base.__qualname__) == ("skorch.net", "NeuralNet") for base in type(leaf).__mro__)


def is_plain_net(leaf: Any) -> bool:
    """Return whether a leaf is a net of skorch's, or of a class derived from these, but none of `sk_optuna.skorch`."""
    return _is_net(leaf) and not any(base.__module__.startswith("sk_optuna.skorch.") for base in type(leaf).__mro__)


class PlainNets:
    """Has the plain skorch net of a fold trained together with those of others, if the search's networks are.

    Parameters
    ----------
    fused : bool
        Whether they are.
    """

    def __init__(self, *, fused: bool) -> None:
        self._fused = fused
        self._fold: Any = None

    def how_to_fit(self, leaf: Any) -> Callable[..., Any] | None:
        """Return the function that fits a leaf; None for one that is no plain net, and fits itself."""
        if not self._fused or not is_plain_net(leaf):
            return None
        # this room is below that one, and a worker is to import torch for networks only
        self._fold = import_module("sk_optuna.skorch._plain").PlainFold()
        return self._fold.fit  # type: ignore[no-any-return]

    def asked(self) -> AbstractContextManager[None]:
        """Return the context in which the fitted estimator is asked for predictions."""
        return nullcontext() if self._fold is None else self._fold.asked()


def open_meeting(search: Search) -> Meeting | Branch | None:
    """Return the meeting of the folds of a search; None where each worker process runs its own.

    Searches that run in threads of a nested cross-validation share one. A search within a net's own draws, as in one
    of its callbacks, has none: its folds, in threads of their own, would wait for the generators that this one holds.
    """
    if holds_generators() or not fuses(search) or not runs_in_this_process(search.n_jobs):
        return None
    shared = shared_meeting()
    return Meeting(n_turns=effective_n_jobs(search.n_jobs)) if shared is None else shared.branch()
