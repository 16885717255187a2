"""One fold: set the parameters on a clone, fit, score, and say what came of it in a small plain value."""

import numbers
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from traceback import format_exc
from typing import Any, NamedTuple

from sklearn.base import clone

from sk_optuna._compat._callbacks import NoTask, detached_task
from sk_optuna._compat._sklearn import check_method_params, fit_and_score, only_predicts, safe_split
from sk_optuna.epochs import (
    PRUNED,
    Curve,
    EpochReports,
    FoldMonitor,
    Judge,
    Monitor,
    UnscoredMonitor,
    as_leaf_sees,
    follow_epochs,
)
from sk_optuna.evaluation._out_of_memory import out_of_memory_reason
from sk_optuna.prefixes import PrefixSharing, know_test_rows, prefix_origin, sharing_nothing, watching
from sk_optuna.worker import (
    CurrentFold,
    clear_frames,
    in_fold,
    release_kept,
    release_memory,
    torch_threads,
    torch_threads_of_a_fold,
)

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
    curve : Curve or None
        The epochs, where they are reported.
    cut : str or None
        Why training was cut short, and the trial with it: ``"pruned"``, or what ran out.
    score_errors : tuple of str
        The tracebacks of the scorers that raised, one for each of `failed_scores`, and of train scores behind them.
    """

    test_scores: Scores
    train_scores: Scores | None
    n_test_samples: int
    fit_time: float
    score_time: float
    fit_error: str | None
    failed_scores: tuple[str, ...]
    stop: bool = False
    curve: Curve | None = None
    cut: str | None = None
    score_errors: tuple[str, ...] = ()


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
    random_state: int
    prefixes: PrefixSharing | None = None
    epochs: EpochReports | None = None
    n_torch_threads: int = field(default_factory=torch_threads_of_a_fold)
    token: bytes = field(default_factory=lambda: uuid.uuid4().bytes)

    def __call__(
        self,
        fold: int,
        params: Mapping[str, Any],
        candidate_progress: tuple[int, int] | None,
        task: FoldTask | None,
        trial: int,
        judge: Judge | None = None,
    ) -> FoldResult:
        """Fit on the fold's training rows and score its test rows.

        Parameters
        ----------
        fold : int
            Which.
        params : mapping
            The candidate's parameters.
        candidate_progress : tuple of int or None
            What scikit-learn prints of the progress.
        task : FoldTask or None
            Hooks of scikit-learn's callbacks.
        trial : int
            The candidate's number, on which seeds depend.
        judge : Judge or None, default=None
            What decides between epochs.

        Raises
        ------
        Exception
            Whatever the fit or the scorer raises, where `error_score` is ``"raise"``; an error of `set_params` always.
        """
        here = CurrentFold(self.random_state, trial, fold)
        try:
            with in_fold(here), torch_threads(self.n_torch_threads):
                result = self._evaluate(fold, params, candidate_progress, task, judge, here)
        except Exception as error:
            if out_of_memory_reason(format_exc()) is not None:
                clear_frames(error)  # the caller may keep the error, and it would keep the model
                release_memory()
            raise
        if result.cut not in (None, PRUNED):
            release_memory()
        return result

    def _evaluate(
        self,
        fold: int,
        params: Mapping[str, Any],
        candidate_progress: tuple[int, int] | None,
        task: FoldTask | None,
        judge: Judge | None,
        here: CurrentFold,
    ) -> FoldResult:
        estimator, (train, test) = clone(self.estimator), self.splits[fold]
        follower = _Follower(self, fold, estimator, judge, here)
        follow_epochs(estimator, follower.monitor_of, all_kinds=self.epochs is not None)
        with self._sharing_prefixes(fold, estimator):
            result = fit_and_score(
                estimator,
                self.X,
                self.y,
                scorer=watching(self.scorer, follower.note_failure),
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
        return follower.complete(
            FoldResult(
                test_scores=_unmarked(test_scores),
                train_scores=_unmarked(train_scores),
                n_test_samples=result["n_test_samples"],
                fit_time=result["fit_time"],
                score_time=result["score_time"],
                fit_error=result["fit_error"],
                failed_scores=_marked_names(test_scores),
                stop=task is not None and task.stop,
            )
        )

    def _sharing_prefixes(self, fold: int, estimator: Any) -> AbstractContextManager[None]:
        """Return the context in which a fold of `estimator` is evaluated."""
        if self.prefixes is None:
            return sharing_nothing()
        return self.prefixes.evaluating(fold, estimator, only_predicts=only_predicts(self.scorer))

    def close(self) -> None:
        """Let go of what was kept for the folds to come."""
        release_kept()
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


class _Follower:
    """Follows the epochs of one fold."""

    def __init__(
        self, evaluator: FoldEvaluator, fold: int, estimator: Any, judge: Judge | None, here: CurrentFold
    ) -> None:
        self._evaluator = evaluator
        self._fold = fold
        self._estimator = estimator
        self._judge = judge
        self._here = here
        self._monitor: FoldMonitor | None = None
        self._score_errors: list[str] = []

    def note_failure(self, traceback: str) -> None:
        """Take note of a scorer that raised; scikit-learn keeps no more of it than a warning."""
        self._score_errors.append(traceback)

    def monitor_of(self, leaf: Any, X: Any) -> Monitor:
        """Return what `leaf`, about to be fitted on `X`, is to report to."""
        self._know(X, b"train", is_given=leaf is self._estimator)
        epochs = self._evaluator.epochs
        if epochs is None:
            return UnscoredMonitor(lambda: as_leaf_sees(self._estimator, *self._test_rows()))
        self._monitor = FoldMonitor(
            self._estimator,
            leaf,
            rows=self._test_rows,
            scorer=self._score,
            scores_leaf=only_predicts(epochs.scorer),
            judge=self._judge,
            checkpoint=epochs.checkpoint,
        )
        return self._monitor

    def _know(self, X: Any, which: bytes, *, is_given: bool) -> None:
        """Tell the leaf where its rows come from: the fold's own, or what shared steps made of them."""
        key = b"%s-%d" % (which, self._fold) if is_given else prefix_origin(X)
        if key is not None:
            self._here.know(X, self._evaluator.token + key)

    def _test_rows(self) -> tuple[Any, Any]:
        evaluator = self._evaluator
        train, test = evaluator.splits[self._fold]
        X, y = safe_split(self._estimator, evaluator.X, evaluator.y, test, train)
        know_test_rows(X)
        self._know(X, b"test", is_given=True)
        return X, y

    def _score(self, estimator: Any, X: Any, y: Any) -> float:
        evaluator = self._evaluator
        assert evaluator.epochs is not None
        test = evaluator.splits[self._fold][1]
        params = check_method_params(evaluator.X, params=evaluator.score_params, indices=test)
        return evaluator.epochs.score(estimator, X, y, params)

    def complete(self, result: FoldResult) -> FoldResult:
        """Return the result with what the epochs say; the time that their scores took is no time of the fit."""
        monitor = self._monitor
        errors = [result.fit_error] if result.fit_error else self._score_errors
        cut = next((reason for error in errors if (reason := out_of_memory_reason(error)) is not None), None)
        result = result._replace(cut=cut, score_errors=tuple(self._score_errors))
        if monitor is None:
            return result
        return result._replace(
            fit_time=max(result.fit_time - monitor.seconds, 0.0),
            score_time=result.score_time + monitor.seconds,
            curve=monitor.curve,
            cut=PRUNED if monitor.pruned else result.cut,
        )


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
