"""The evaluation that this thread is in; pipelines, scorers and leaves ask for it here."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from sk_optuna._compat._sklearn import only_predicts, watching_scorer

if TYPE_CHECKING:
    from sk_optuna.prefixes._evaluation import Evaluation

_here = threading.local()


def evaluation_here() -> "Evaluation | None":
    """Return the evaluation that this thread is in, if prefixes are shared in it."""
    return getattr(_here, "evaluation", None)


@contextmanager
def evaluating(evaluation: "Evaluation | None") -> Iterator[None]:
    """Make `evaluation` this thread's evaluation for a while; an inner search's one hides the outer one's."""
    outer, _here.evaluation = evaluation_here(), evaluation
    try:
        yield
    finally:
        _here.evaluation = outer


def share_no_more() -> None:
    """Share nothing in the rest of this thread's evaluation."""
    _here.evaluation = None


def sharing_nothing() -> AbstractContextManager[None]:
    """Share nothing in a search that is itself part of another one's fold."""
    return nullcontext() if evaluation_here() is None else evaluating(None)


def prefix_origin(data: Any) -> bytes | None:
    """Return the key of data that went into shared steps or came out of them; None if its origin is unknown."""
    evaluation = evaluation_here()
    return None if evaluation is None else evaluation.origin(data)


def remember_test_rows(X: Any) -> None:
    """Remember that `X` are the fold's test rows, before a scorer is given them."""
    evaluation = evaluation_here()
    if evaluation is not None:
        evaluation.remember_test_rows(X)


def watching(
    scorer: Any, failed: Callable[[str], None], during: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Any:
    """Wrap `scorer`, so that the rows that it receives are remembered, if it only predicts for them.

    A scorer that a user wrote may do anything with the estimator and the rows. From its call on, nothing is shared in
    this evaluation.

    Parameters
    ----------
    scorer : callable
        The scorer, or the scorer of several metrics.
    failed : callable
        Called with the traceback of a scorer that raised.
    during : callable, default=nullcontext
        Returns the context in which the scorer is called.
    """
    if evaluation_here() is None:
        return watching_scorer(scorer, _share_nothing_with, failed, during)
    return watching_scorer(scorer, _remember_rows if only_predicts(scorer) else _share_no_more_with, failed, during)


def _share_nothing_with(X: Any) -> None:
    pass


def _remember_rows(X: Any) -> None:
    evaluation = evaluation_here()
    if evaluation is not None:
        evaluation.remember_scored(X)


def _share_no_more_with(X: Any) -> None:
    share_no_more()
