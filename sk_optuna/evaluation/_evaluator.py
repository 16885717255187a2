"""One fold: set the parameters on a clone, fit, score, and return the result as a small plain value."""

import numbers
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from traceback import format_exc
from typing import Any

from sklearn.base import clone

from sk_optuna._compat._callbacks import NoHooks
from sk_optuna._compat._sklearn import (
    calls_score,
    check_method_params,
    fit_and_score,
    only_predicts,
    safe_split,
    scorers_by_name,
)
from sk_optuna.epochs import FoldMonitor, Monitor, UnscoredMonitor, as_leaf_sees, follow_epochs
from sk_optuna.evaluation._ending import Ending
from sk_optuna.evaluation._epoch_scores import EpochScores
from sk_optuna.evaluation._fold import Fold, FoldResult, Scores
from sk_optuna.evaluation._fusing import PlainNets
from sk_optuna.evaluation._out_of_memory import out_of_memory_reason
from sk_optuna.prefixes import PrefixSharing, prefix_origin, remember_test_rows, sharing_nothing, watching
from sk_optuna.worker import (
    CurrentFold,
    Terms,
    clear_frames,
    in_fold,
    in_meeting,
    release_kept,
    release_memory,
    torch_threads,
    torch_threads_of_a_fold,
)


@dataclass(frozen=True)
class FoldEvaluator:
    """Everything that is the same for all folds of all candidates; a worker receives it once.

    Called with a Fold, it returns a FoldResult.
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
    caller: Any
    random_state: int
    prefixes: PrefixSharing | None = None
    epochs: EpochScores | None = None
    n_threads: int | None = None
    verbose: int = 0
    driver: int = field(default_factory=os.getpid)
    terms: Terms | None = None
    n_torch_threads: int = field(default_factory=torch_threads_of_a_fold)
    token: bytes = field(default_factory=lambda: uuid.uuid4().bytes)

    def __call__(self, fold: Fold, then: Callable[[Any], None] | None = None) -> FoldResult:
        """Fit on the fold's training rows and score its test rows.

        Parameters
        ----------
        fold : Fold
            The fold.
        then : callable or None, default=None
            Called with the fitted estimator when it has been scored.

        Raises
        ------
        Exception
            Any error of the fit or the scorer, where `error_score` is ``"raise"``; an error of `set_params` always.
        """
        here = CurrentFold(self.random_state, fold.trial, fold.number, self.n_threads)
        try:
            with in_fold(here), torch_threads(self.n_torch_threads):
                evaluate = self._evaluate if self.terms is None else partial(self._meet, self.terms)
                result = evaluate(fold, here, then)
        except Exception as error:
            if out_of_memory_reason(format_exc()) is not None:
                # The caller may keep the error, and the error would keep the model.
                clear_frames(error)
                release_memory()
            raise
        if result.ending is not None and result.ending.kind == "memory":
            release_memory()
        return result

    def _meet(self, terms: Terms, fold: Fold, here: CurrentFold, then: Callable[[Any], None] | None) -> FoldResult:
        """Evaluate a fold whose network is trained together with those of the folds that it meets.

        One that meets no other, as in a worker process, has a meeting of its own: the numbers are the same.
        """
        with in_meeting(fold.key, terms) as place:
            result = self._evaluate(fold, here, then)
            # scikit-learn notes the error of a member that was told to leave as that of a fit
            place.check()
            waited = place.meeting.take_waited(place.key)
            notes = place.meeting.take_notes(place.key)
            return result._replace(notes=notes, fit_time=max(result.fit_time - waited, 0.0))

    def _evaluate(self, fold: Fold, here: CurrentFold, then: Callable[[Any], None] | None) -> FoldResult:
        estimator, (train, test) = clone(self.estimator), self.splits[fold.number]
        follower = _Follower(self, fold, estimator, here)
        nets = PlainNets(fused=self.terms is not None)
        follow_epochs(estimator, follower.monitor_of, all_kinds=self.epochs is not None, how_to_fit=nets.how_to_fit)
        with self._sharing_prefixes(fold.number, estimator):
            result = fit_and_score(
                estimator,
                self.X,
                self.y,
                scorer=watching(self.scorer, follower.note_failure, nets.asked),
                train=train,
                test=test,
                # a worker process prints nothing, whatever the search does
                verbose=self.verbose if os.getpid() == self.driver else 0,
                parameters=fold.params,
                fit_params=self.fit_params,
                score_params=self.score_params,
                return_train_score=self.return_train_score,
                return_n_test_samples=True,
                return_times=True,
                split_progress=(fold.number, len(self.splits)),
                candidate_progress=None if fold.n_trials is None else (fold.trial, fold.n_trials),
                error_score=_marked(self.error_score),
                caller=self.caller,
                callback_ctx=NoHooks() if fold.hooks is None else fold.hooks,
                return_estimator=then is not None,
            )
            if then is not None:
                with nets.asked():
                    then(result["estimator"])
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
                ends_search=fold.hooks is not None and fold.hooks.ends_search,
            )
        )

    def _sharing_prefixes(self, fold: int, estimator: Any) -> AbstractContextManager[None]:
        """Return the context in which a fold of `estimator` is evaluated."""
        if self.prefixes is None:
            return sharing_nothing()
        return self.prefixes.evaluating(fold, estimator, only_predicts=only_predicts(self.scorer))

    def close(self) -> None:
        """Release everything that was kept for later folds."""
        release_kept()
        if self.prefixes is not None:
            self.prefixes.close()

    def failed_result(self, fold: int, error: str, seconds: float, ending: Ending | None = None) -> FoldResult:
        """Return the result of a fold whose worker died, or was ended, in the form of a fit that raised."""
        score = float(self.error_score)
        names = list(scorers_by_name(self.scorer) or ())
        scores: Scores = dict.fromkeys(names, score) if names else score
        n_test_samples = len(self.splits[fold][1])
        train_scores = scores if self.return_train_score else None
        failed = tuple(names) or ("score",)
        ending = ending or Ending("worker", error.strip())
        return FoldResult(scores, train_scores, n_test_samples, seconds, 0.0, error, failed, ending=ending)


class _Follower:
    """Follows the epochs of one fold."""

    def __init__(self, evaluator: FoldEvaluator, fold: Fold, estimator: Any, here: CurrentFold) -> None:
        self._evaluator = evaluator
        self._fold = fold
        self._estimator = estimator
        self._here = here
        self._monitor: FoldMonitor | None = None
        self._score_errors: list[str] = []

    def note_failure(self, traceback: str) -> None:
        """Note the traceback of a scorer that raised; scikit-learn only warns of it."""
        self._score_errors.append(traceback)

    def monitor_of(self, leaf: Any, X: Any) -> Monitor:
        """Return the monitor to which `leaf`, about to be fitted on `X`, reports."""
        self._remember_origin(X, b"train", is_given=leaf is self._estimator)
        epochs = self._evaluator.epochs
        if epochs is None:
            return UnscoredMonitor(lambda: as_leaf_sees(self._estimator, *self._test_rows()))
        self._monitor = FoldMonitor(
            self._estimator,
            leaf,
            rows=self._test_rows,
            scorer=self._score,
            scores_leaf=only_predicts(epochs.scorer),
            judge=self._fold.judge,
            checkpoint=epochs.checkpoint,
            period=epochs.period,
            calls_score=calls_score(epochs.scorer),
        )
        return self._monitor

    def _remember_origin(self, X: Any, which: bytes, *, is_given: bool) -> None:
        """Tell the leaf where its rows come from: the fold's own, or the output of shared steps."""
        key = b"%s-%d" % (which, self._fold.number) if is_given else prefix_origin(X)
        if key is not None:
            self._here.remember_origin(X, self._evaluator.token + key)

    def _test_rows(self) -> tuple[Any, Any]:
        evaluator = self._evaluator
        train, test = evaluator.splits[self._fold.number]
        X, y = safe_split(self._estimator, evaluator.X, evaluator.y, test, train)
        remember_test_rows(X)
        self._remember_origin(X, b"test", is_given=True)
        return X, y

    def _score(self, estimator: Any, X: Any, y: Any) -> float:
        evaluator = self._evaluator
        assert evaluator.epochs is not None
        test = evaluator.splits[self._fold.number][1]
        params = check_method_params(evaluator.X, params=evaluator.score_params, indices=test)
        return evaluator.epochs.score(estimator, X, y, params)

    def complete(self, result: FoldResult) -> FoldResult:
        """Return the result with the curve of its epochs. The time of their scores counts as score time."""
        monitor = self._monitor
        if monitor is None and not result.fit_error and not self._score_errors:
            return result
        errors = [result.fit_error] if result.fit_error else self._score_errors
        reason = next((reason for error in errors if (reason := out_of_memory_reason(error)) is not None), None)
        ending = None if reason is None else Ending("memory", reason)
        if ending is None and result.fit_error:
            ending = Ending("failed", result.fit_error.strip().rpartition("\n")[2])
        result = result._replace(ending=ending, score_errors=tuple(self._score_errors))
        if monitor is None:
            return result
        return result._replace(
            fit_time=max(result.fit_time - monitor.seconds, 0.0),
            score_time=result.score_time + monitor.seconds,
            curve=monitor.curve,
            ending=Ending("pruned") if monitor.pruned else ending,
        )


class _ErrorScore(float):
    """The user's error_score, marked, so that an equal real score is not taken for it."""


def _marked(error_score: Any) -> Any:
    return _ErrorScore(error_score) if isinstance(error_score, numbers.Real) else error_score


def _marked_names(scores: Any) -> tuple[str, ...]:
    by_name = scores if isinstance(scores, dict) else {"score": scores}
    return tuple(name for name, score in by_name.items() if isinstance(score, _ErrorScore))


def _unmarked(scores: Any) -> Any:
    if isinstance(scores, dict):
        return {name: _unmarked(score) for name, score in scores.items()}
    return float(scores) if isinstance(scores, _ErrorScore) else scores
