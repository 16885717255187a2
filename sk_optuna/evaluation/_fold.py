"""One fold: set the parameters on a clone, fit, score, and say what came of it in a small plain value."""

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sklearn.base import clone

from sk_optuna._compat import NoTask, detached_task, fit_and_score, only_predicts
from sk_optuna.evaluation._prefixes import PrefixSharing, watching

Scores = float | dict[str, float]


class FoldResult(NamedTuple):
    """What one fold says of one candidate.

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
    stop : bool
        Whether a scikit-learn callback asked for the search to end.
    """

    test_scores: Scores
    train_scores: Scores | None
    n_test_samples: int
    fit_time: float
    score_time: float
    fit_error: str | None
    failed_scores: tuple[str, ...]
    stop: bool = False


class FoldTask:
    """The hooks of scikit-learn's callbacks around one fold, remembering whether one of them asked to stop.

    It goes to a worker with its ancestors only, not with the tree of all folds so far.
    """

    def __init__(self, context: Any) -> None:
        self._context = context
        self.stop = False

    def propagate_callback_context(self, sub_estimator: Any) -> Any:
        """Hand the callbacks on to the estimator of the fold."""
        return self._context.propagate_callback_context(sub_estimator)

    def call_on_fit_task_begin(self, **kwargs: Any) -> Any:
        """Call the hooks at the begin of the fold."""
        return self._context.call_on_fit_task_begin(**kwargs)

    def call_on_fit_task_end(self, **kwargs: Any) -> bool:
        """Call the hooks at the end of the fold."""
        self.stop = bool(self._context.call_on_fit_task_end(**kwargs)) or self.stop
        return self.stop

    def __getstate__(self) -> dict[str, Any]:
        return {"_context": detached_task(self._context), "stop": self.stop}


@dataclass(frozen=True)
class FoldEvaluator:
    """Everything that is the same for all folds of all candidates; a worker receives it once.

    Called with a fold's number and parameters, it returns a FoldResult.
    """

    estimator: Any
    X: Any
    y: Any
    splits: Sequence[tuple[Any, Any]]
    scorer: Any
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]
    error_score: float | str
    return_train_score: bool
    verbose: int
    caller: Any
    prefixes: PrefixSharing | None = None

    def __call__(
        self, fold: int, params: Mapping[str, Any], candidate_progress: tuple[int, int] | None, task: FoldTask | None
    ) -> FoldResult:
        """Fit on the fold's training rows and score its test rows.

        Raises
        ------
        Exception
            Whatever the fit or the scorer raises, where `error_score` is ``"raise"``; an error of `set_params` always.
        """
        estimator, scorer = clone(self.estimator), self.scorer
        if self.prefixes is None:
            return self._evaluate(estimator, scorer, fold, params, candidate_progress, task)
        with self.prefixes.evaluating(fold, estimator, only_predicts=only_predicts(scorer)):
            return self._evaluate(estimator, watching(scorer), fold, params, candidate_progress, task)

    def _evaluate(
        self,
        estimator: Any,
        scorer: Any,
        fold: int,
        params: Mapping[str, Any],
        candidate_progress: tuple[int, int] | None,
        task: FoldTask | None,
    ) -> FoldResult:
        train, test = self.splits[fold]
        result = fit_and_score(
            estimator,
            self.X,
            self.y,
            scorer=scorer,
            train=train,
            test=test,
            verbose=self.verbose,
            parameters=params,
            fit_params=self.fit_params,
            score_params=self.score_params,
            return_train_score=self.return_train_score,
            return_n_test_samples=True,
            return_times=True,
            split_progress=(fold, len(self.splits)),
            candidate_progress=candidate_progress,
            error_score=_marked(self.error_score),
            caller=self.caller,
            callback_ctx=task if task is not None else NoTask(),
        )
        test_scores, train_scores = result["test_scores"], result.get("train_scores")
        return FoldResult(
            test_scores=_unmarked(test_scores),
            train_scores=_unmarked(train_scores),
            n_test_samples=result["n_test_samples"],
            fit_time=result["fit_time"],
            score_time=result["score_time"],
            fit_error=result["fit_error"],
            failed_scores=_marked_names(test_scores),
            stop=task is not None and task.stop,
        )

    def close(self) -> None:
        """Let go of what was kept for the folds to come."""
        if self.prefixes is not None:
            self.prefixes.close()

    def failed_result(self, fold: int, error: str, seconds: float) -> FoldResult:
        """Return the result of a fold whose worker died, as scikit-learn would write that of a fit that raised."""
        score = float(self.error_score)
        names = list(getattr(self.scorer, "_scorers", ()))
        scores: Scores = dict.fromkeys(names, score) if names else score
        n_test_samples = len(self.splits[fold][1])
        train_scores = scores if self.return_train_score else None
        return FoldResult(scores, train_scores, n_test_samples, seconds, 0.0, error, tuple(names) or ("score",))


class _ErrorScore(float):
    """The user's error_score, to be told apart from a score that happens to be equal."""


def _marked(error_score: Any) -> Any:
    return _ErrorScore(error_score) if isinstance(error_score, numbers.Real) else error_score


def _marked_names(scores: Any) -> tuple[str, ...]:
    by_name = scores if isinstance(scores, dict) else {"score": scores}
    return tuple(name for name, score in by_name.items() if isinstance(score, _ErrorScore))


def _unmarked(scores: Any) -> Any:
    if isinstance(scores, dict):
        return {name: _unmarked(score) for name, score in scores.items()}
    return float(scores) if isinstance(scores, _ErrorScore) else scores
