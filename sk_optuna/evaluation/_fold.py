"""One fold of one candidate: the question to a worker and its answer, both small and plain."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sk_optuna._compat._callbacks import detached_hooks
from sk_optuna.epochs import Curve, Judge
from sk_optuna.evaluation._ending import Ending
from sk_optuna.worker import Note

Scores = float | dict[str, float]


class FoldResult(NamedTuple):
    """The result of one fold of one candidate.

    Attributes
    ----------
    test_scores, train_scores : float or dict of str to float
        By metric, where there are several; `train_scores` is None unless asked for.
    n_test_samples : int
        Rows that were scored.
    fit_time, score_time : float
        Seconds.
    fit_error : str or None
        The traceback of a fit that failed.
    failed_scores : tuple of str
        Metrics whose test score is the user's error_score, since the fit or the scorer raised; ``("score",)`` where
        there is one metric.
    ends_search : bool
        Whether a scikit-learn callback asked for the search to end.
    curve : Curve or None
        The epochs, where they are reported.
    ending : Ending or None
        The reason why the fold ended before its time; None where it ran to its end.
    score_errors : tuple of str
        The tracebacks of the scorers that raised, one for each of `failed_scores`, and of train scores behind them.
    notes : tuple of Note
        The networks that it trained, by themselves or together with those of other folds; they are not stored.
    """

    test_scores: Scores
    train_scores: Scores | None
    n_test_samples: int
    fit_time: float
    score_time: float
    fit_error: str | None
    failed_scores: tuple[str, ...]
    ends_search: bool = False
    curve: Curve | None = None
    ending: Ending | None = None
    score_errors: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


class FoldHooks:
    """The hooks of scikit-learn's callbacks around one fold; it remembers whether one asked for the search to end.

    It goes to a worker with its ancestors only, not with the tree of all folds so far.
    """

    def __init__(self, context: Any) -> None:
        self._context = context
        self.ends_search = False

    def propagate_callback_context(self, sub_estimator: Any) -> Any:
        """Hand the callbacks on to the estimator of the fold."""
        return self._context.propagate_callback_context(sub_estimator)

    def call_on_fit_task_begin(self, **kwargs: Any) -> Any:
        """Call the hooks at the beginning of the fold."""
        return self._context.call_on_fit_task_begin(**kwargs)

    def call_on_fit_task_end(self, **kwargs: Any) -> bool:
        """Call the hooks at the end of the fold."""
        self.ends_search = bool(self._context.call_on_fit_task_end(**kwargs)) or self.ends_search
        return self.ends_search

    def __getstate__(self) -> dict[str, Any]:
        return {"_context": detached_hooks(self._context), "ends_search": self.ends_search}


class Fold(NamedTuple):
    """One fold of one candidate, for a worker to run.

    Attributes
    ----------
    trial : int
        The candidate's number, on which seeds depend.
    number : int
        The split.
    params : mapping
        The candidate's parameters.
    hooks : FoldHooks or None, default=None
        Hooks of scikit-learn's callbacks.
    judge : Judge or None, default=None
        The judge between epochs.
    n_trials : int or None, default=None
        Number of candidates, where it is known, for the lines that scikit-learn prints.
    """

    trial: int
    number: int
    params: Mapping[str, Any]
    hooks: FoldHooks | None = None
    judge: Judge | None = None
    n_trials: int | None = None

    @property
    def key(self) -> tuple[int, int]:
        """The trial and the split."""
        return self.trial, self.number
