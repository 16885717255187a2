"""The evaluation that this thread is in, asked by pipelines, scorers and leaves."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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
    """Be in an evaluation; an inner search's is no part of the outer one's."""
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
    return evaluating(None)


def prefix_origin(data: Any) -> bytes | None:
    """Return the key of data that shared steps were given or made, None if it is not known."""
    evaluation = evaluation_here()
    return None if evaluation is None else evaluation.origin(data)


def know_test_rows(X: Any) -> None:
    """Remember that `X` are the fold's test rows, before a scorer is given them."""
    evaluation = evaluation_here()
    if evaluation is not None:
        evaluation.know_test_rows(X)


def watching(scorer: Any, failed: Callable[[str], None]) -> Any:
    """Return `scorer` so that the rows which it is given to score are known, if it only predicts for them.

    One that a user wrote may do anything with the estimator and the rows. It is left alone with them: nothing is shared
    while it runs.

    Parameters
    ----------
    scorer : callable
        The scorer, or the scorer of several metrics.
    failed : callable
        Called with the traceback of a scorer that raised.
    """
    return watching_scorer(scorer, _know_rows if only_predicts(scorer) else _share_no_more_with, failed)


def _know_rows(X: Any) -> None:
    evaluation = evaluation_here()
    if evaluation is not None:
        evaluation.know_scored(X)


def _share_no_more_with(X: Any) -> None:
    share_no_more()
