"""One run of a search: the schedule, wired to folds, workers, hooks, callbacks and progress.

It reads the search's parameters and sets nothing on it; what the trials found comes out as records.
"""

from contextlib import closing
from typing import Any

from optuna.trial import FrozenTrial

from sk_optuna._compat._optuna import stop_requested, stoppable
from sk_optuna._compat._sklearn import BaseSearchCV
from sk_optuna.evaluation import FoldEvaluator, FoldResult, FoldTask, TrialRecord, steering_metric
from sk_optuna.execution import Outcome, open_engine
from sk_optuna.results import Progress, summarize
from sk_optuna.search._budget import Deadline
from sk_optuna.search._schedule import search_trials
from sk_optuna.study import Proposal, Proposals, Pruning


def run_trials(
    search: BaseSearchCV,
    proposals: Proposals,
    pruning: Pruning,
    evaluator: FoldEvaluator,
    root: Any,
    records: list[TrialRecord],
) -> None:
    """Append to `records` one finished trial after the other."""
    n_splits, n_trials = len(pruning.order), proposals.n_trials
    task = root.subcontext(
        task_name="search",
        max_subtasks=None if n_trials is None else n_trials * n_splits,
        sequential_subtasks=False,
    ).call_on_fit_task_begin(estimator=search)
    progress = Progress(n_trials, n_splits) if search.verbose > 0 else None
    deadline = Deadline(search.timeout)
    trials = search_trials(
        proposals,
        engine := open_engine(evaluator, n_jobs=search.n_jobs, pre_dispatch=search.pre_dispatch),
        _Conduct(search, proposals, pruning, evaluator, task),
        max_concurrent_trials=search.max_concurrent_trials,
        deadline=deadline,
    )
    study = proposals.study
    with stoppable(study), engine, closing(trials):
        for record, trial in trials:
            records.append(record)
            if progress is not None:
                progress.report(record, trial.state.name, trial.value, deadline.elapsed, deadline.left)
            for callback in search.study_callbacks or ():
                callback(study, trial)
            if record.stop or stop_requested(study):
                break
    task.call_on_fit_task_end(estimator=search)


class _Conduct:
    """How the search's parameters say that a trial is run, judged and told."""

    def __init__(
        self, search: BaseSearchCV, proposals: Proposals, pruning: Pruning, evaluator: FoldEvaluator, task: Any
    ) -> None:
        self._search = search
        self._proposals = proposals
        self._pruning = pruning
        self._evaluator = evaluator
        self._task = task
        self.order = pruning.order
        self.n_free = pruning.n_free

    def arguments(self, proposal: Proposal, record: TrialRecord, fold: int) -> tuple[Any, ...]:
        """Return the arguments of the evaluator."""
        n_trials = self._proposals.n_trials
        progress = None if n_trials is None else (record.number, n_trials)
        task_id = record.number * len(self.order) + fold
        task = self._task.subcontext(task_name="candidate-split-evaluation", task_id=task_id)
        judge = None
        if self._search.report == "epoch":
            judge = self._pruning.judge(proposal, fold, record.first_scores(self._steering(record)))
        return fold, record.params, progress, FoldTask(task), record.number, judge

    def settle(self, fold: int, outcome: Outcome) -> FoldResult:
        """Return the result of a fold; one that killed its worker has failed."""
        if outcome.death is None:
            result: FoldResult = outcome.result
            return result
        if self._search.error_score == "raise":
            raise outcome.death
        error = f"{type(outcome.death).__name__}: {outcome.death}\n"
        return self._evaluator.failed_result(fold, error, outcome.seconds)

    def stops(self, proposal: Proposal, record: TrialRecord) -> bool:
        """Return whether the pruner ends the trial here."""
        return self._pruning.stops(proposal, record.first_scores(self._steering(record)))

    def tell(self, proposal: Proposal, record: TrialRecord) -> FrozenTrial:
        """Tell the mean score, of a stopped trial what it is estimated to be, and nothing if it ran out of memory."""
        metric = self._steering(record)
        value, pruned = record.value(metric), record.state(metric) == "PRUNED"
        scores, curves = record.first_scores(metric), [fold.curve for fold in record.first_results]
        if pruned and value is not None:
            value = self._pruning.estimate(proposal, scores, curves)
        self._pruning.finish(proposal, scores, curves, pruned=pruned)
        return self._proposals.tell(proposal, value, summarize(record), pruned=pruned)

    def _steering(self, record: TrialRecord) -> str:
        search = self._search
        if callable(search.scoring) and record.is_multimetric:
            search._check_refit_for_multimetric(record.metrics)
        return steering_metric(search.refit, record.metrics)
