"""One run of a search: the schedule, wired to folds, workers, hooks, callbacks and progress.

It reads the search's parameters and sets nothing on it; what the trials found comes out as records.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from sk_optuna._compat import BaseSearchCV, stop_requested, stoppable
from sk_optuna._schedule import Deadline, search_trials
from sk_optuna.evaluation import FoldEvaluator, FoldResult, FoldTask, TrialRecord
from sk_optuna.execution import Outcome, open_engine
from sk_optuna.results import Progress, steering_metric, summarize
from sk_optuna.study import Proposals


def run_trials(
    search: BaseSearchCV, proposals: Proposals, evaluator: FoldEvaluator, root: Any, records: list[TrialRecord]
) -> None:
    """Append to `records` one finished trial after the other."""
    n_splits, n_trials = search.n_splits_, proposals.n_trials
    task = root.subcontext(
        task_name="search",
        max_subtasks=None if n_trials is None else n_trials * n_splits,
        sequential_subtasks=False,
    ).call_on_fit_task_begin(estimator=search)
    progress = Progress(n_trials, n_splits) if search.verbose > 0 else None
    deadline = Deadline(search.timeout)

    def arguments(record: TrialRecord, fold: int) -> tuple[Any, ...]:
        fold_task = task.subcontext(task_name="candidate-split-evaluation", task_id=record.number * n_splits + fold)
        return fold, record.params, None if n_trials is None else (record.number, n_trials), FoldTask(fold_task)

    def settle(fold: int, outcome: Outcome) -> FoldResult:
        if outcome.death is None:
            result: FoldResult = outcome.result
            return result
        if search.error_score == "raise":
            raise outcome.death
        return evaluator.failed_result(fold, f"{type(outcome.death).__name__}: {outcome.death}\n", outcome.seconds)

    def verdict(record: TrialRecord) -> tuple[float | None, Mapping[str, Any]]:
        if callable(search.scoring) and record.is_multimetric:
            search._check_refit_for_multimetric(record.metrics)
        return record.value(steering_metric(search.refit, record.metrics)), summarize(record)

    trials = search_trials(
        proposals,
        engine := open_engine(evaluator, n_jobs=search.n_jobs, pre_dispatch=search.pre_dispatch),
        n_splits=n_splits,
        max_concurrent_trials=search.max_concurrent_trials,
        deadline=deadline,
        arguments=arguments,
        settle=settle,
        verdict=verdict,
    )
    study = proposals.study
    with stoppable(study), engine, closing(trials):
        for record, trial in trials:
            records.append(record)
            if progress is not None:
                progress.report(record, trial.value, deadline.elapsed, deadline.left)
            for callback in search.study_callbacks or ():
                callback(study, trial)
            if record.stop or stop_requested(study):
                break
    task.call_on_fit_task_end(estimator=search)
