"""One run of a search: the schedule, wired to folds, workers, hooks, callbacks and progress.

It sets nothing on the search; the trials that it tells are remembered by the proposals.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from sk_optuna._compat._optuna import frozen, stop_requested, stoppable
from sk_optuna._short_value import in_short
from sk_optuna.evaluation import Fold, FoldEvaluator, FoldHooks, FoldResult, TrialRecord
from sk_optuna.exceptions import WorkerDiedError
from sk_optuna.execution import Outcome, open_engine
from sk_optuna.progress import RunningFold, SearchProgress, following_search
from sk_optuna.results import Rules, summarize
from sk_optuna.search._budget import Deadline
from sk_optuna.search._failure_limit import FailureLimit
from sk_optuna.search._feasibility import Feasibility
from sk_optuna.search._fold_limits import NO_FOLD_LIMITS, FoldLimits
from sk_optuna.search._fusing import RoomForFolds, check_fused
from sk_optuna.search._replay import ReplayingEngine, known_results
from sk_optuna.search._schedule import Asking, search_trials
from sk_optuna.search._sharing import SharedTrials
from sk_optuna.storage import Driver, StoredTrial, ended
from sk_optuna.study import Proposal, Proposals, Pruning, ToldTrial
from sk_optuna.worker import Branch, EndSignals, Meeting, MemberExpelledError

StudyCallback = Callable[[optuna.Study, FrozenTrial], Any]


@dataclass(frozen=True)
class Run:
    """The arguments of a search on which its run depends, beside the trials and their folds.

    Attributes
    ----------
    n_jobs, pre_dispatch : object
        The user's arguments, for joblib.
    n_in_flight : callable
        From a trial's number to the trials at most, it included, that are asked and not yet told when it is asked.
    timeout : float or None
        Seconds.
    verbose : int
        0 for no progress, 1 for its status, more for a line for each trial, too.
    study_callbacks : sequence of callables
        Called after each trial.
    speculate : bool
        Whether idle workers run folds ahead of the decisions on them.
    max_failures : int or None
        Most candidates that may fail in a row before any is complete.
    limits : FoldLimits
        The limits of one fold.
    """

    n_jobs: int | None
    pre_dispatch: int | str
    n_in_flight: Callable[[int], int]
    timeout: float | None
    verbose: int
    study_callbacks: Sequence[StudyCallback]
    speculate: bool
    max_failures: int | None
    limits: FoldLimits = NO_FOLD_LIMITS
    meeting: Meeting | Branch | None = None


def run_trials(
    run: Run,
    proposals: Proposals[TrialRecord],
    pruning: Pruning,
    evaluator: FoldEvaluator,
    rules: Rules,
    hooks: Any,
    past: Sequence[StoredTrial],
    keep: Callable[[ToldTrial[TrialRecord]], None],
    signals: EndSignals | None = None,
    driver: Driver | None = None,
) -> None:
    """Run trials until there are no more, the time is over, or a callback ends the search.

    Parameters
    ----------
    run : Run
        The search's arguments.
    proposals : Proposals
        The source of trials, and the memory of those that were told.
    pruning : Pruning
        The decisions on their folds.
    evaluator : FoldEvaluator
        The function that runs a fold.
    rules : Rules
        How scores become one value.
    hooks : object
        The hooks of scikit-learn's callbacks around all trials, the parents of those of the folds.
    past : sequence of StoredTrial
        The first trials, which are known and told again. Callbacks hear of the last one only, which may end the search.
    keep : callable
        Called with each new trial that was told, before callbacks are.
    signals : EndSignals, default=None
        The signals that end the search.
    driver : Driver or None, default=None
        This process as a driver of the study, which others may share. Callbacks do not hear of their trials.

    Raises
    ------
    TooManyFailuresError
        Where the first candidates failed, as many as `max_failures` allows.
    ConstraintError
        Where the constraints of a trial cannot be computed; the trial is kept.
    """
    deadline = Deadline(run.timeout, starts=not past)
    follow = following_search(
        run.verbose, n_trials=proposals.n_trials, n_splits=len(pruning.order), clock=deadline, n_past=len(past)
    )
    with follow as progress:
        limit = FailureLimit(run.max_failures, proposals, rules)
        conduct = TrialConduct(proposals, pruning, evaluator, rules, hooks, past, run.limits, signals)
        engine = open_engine(
            evaluator,
            n_jobs=run.n_jobs,
            pre_dispatch=run.pre_dispatch,
            limits=run.limits.of_tasks,
            on_look=None if progress is None else partial(_report_running, progress, conduct),
            meeting=run.meeting,
            room_after=RoomForFolds(run.meeting),
            # the first trial is always finished
            is_late=lambda key: deadline.passed and key[0] > 0,
        )
        if progress is not None:
            conduct.on_fold, conduct.on_remark = progress.fold_ended, progress.remark
        if past:
            engine = ReplayingEngine(engine, known_results(past), deadline.start)
        source: Asking = proposals
        if driver is not None:

            def hear(told: ToldTrial[TrialRecord]) -> None:
                if progress is not None:
                    progress.recall(told.record, told.state, told.result)

            source = SharedTrials(
                proposals, driver, len(past), deadline, conduct.recall, lambda record: rules.steering([record]), hear
            )
            conduct.settle = source.settle
        trials = search_trials(
            source,
            engine,
            conduct,
            n_in_flight=run.n_in_flight,
            deadline=deadline,
            speculate=run.speculate,
            n_may_run=limit.n_may_run,
        )
        study = proposals.study
        with stoppable(study), engine, closing(trials):
            for told in trials:
                is_new = told.number >= len(past)
                if is_new:
                    keep(told)
                conduct.feasibility.check()
                if progress is not None:
                    (progress.report if is_new else progress.recall)(told.record, told.state, told.result)
                if told.number < len(past) - 1:
                    continue
                for callback in run.study_callbacks:
                    callback(study, deepcopy(told.trial))
                if told.record.ends_search or stop_requested(study) or limit.is_reached:
                    break
            if progress is not None and run.speculate:
                progress.dropped(proposals.told.records)
        conduct.feasibility.check()
        limit.check()


def _report_running(
    progress: SearchProgress, conduct: "TrialConduct", running: Sequence[tuple[tuple[int, int], float]]
) -> None:
    """Have the progress tell of the time, and of folds that run for long."""
    progress.look(
        RunningFold(trial, fold, seconds, params)
        for (trial, fold), seconds in running
        if (params := conduct.params_of(trial)) is not None
    )


class TrialConduct:
    """Runs, judges and tells each trial as the search's arguments say.

    Parameters
    ----------
    proposals, pruning, evaluator, rules, hooks, past, signals : object
        As in `run_trials`.
    limits : FoldLimits
        The limits of one fold.
    """

    def __init__(
        self,
        proposals: Proposals[TrialRecord],
        pruning: Pruning,
        evaluator: FoldEvaluator,
        rules: Rules,
        hooks: Any,
        past: Sequence[StoredTrial] = (),
        limits: FoldLimits = NO_FOLD_LIMITS,
        signals: EndSignals | None = None,
    ) -> None:
        self._past = dict(enumerate(past))
        self._proposals = proposals
        self._limits = limits
        self._signals = signals
        self._params: dict[int, Mapping[str, Any]] = {}
        self._pruning = pruning
        self._evaluator = evaluator
        self._rules = rules
        self._hooks = hooks
        self.order = pruning.order
        self.chances = pruning.chances
        self.feasibility = Feasibility(rules)
        self._unjudged: set[tuple[int, int]] = set()
        self.on_fold: Callable[[float], None] = lambda seconds: None
        self.on_remark: Callable[[str], None] = lambda text: None
        self.settle: Callable[[Proposal, ToldTrial[TrialRecord]], StoredTrial | None] | None = None

    def _past_of(self, record: TrialRecord) -> StoredTrial | None:
        """Return the trial as it is known; None of one that runs for the first time."""
        return self._past.get(record.number)

    def ready(self, proposal: Proposal, record: TrialRecord) -> Sequence[int]:
        """Return the folds that may run now; of a known trial those that ran."""
        ready = self._pruning.ready(proposal, record)
        past = self._past_of(record)
        return ready if past is None else [fold for fold in ready if fold in past.folds]

    def fold(self, proposal: Proposal, record: TrialRecord, number: int, *, ahead: bool) -> Fold:
        """Return one fold of a trial; one that runs ahead has no hooks, and no judge if that one is not known yet."""
        if self._past_of(record) is not None:
            return Fold(trial=record.number, number=number, params=record.params)
        self._params[record.number] = record.params
        hooks = None
        if not ahead:
            context = self._hooks.subcontext(
                task_name="candidate-split-evaluation", task_id=record.number * len(self.order) + number
            )
            hooks = FoldHooks(context)
        judge = None
        if ahead and self._pruning.looks_back:
            self._unjudged.add((record.number, number))
        elif self._rules.by_epoch:
            judge = self._pruning.judge(proposal, number, self._leading_scores(record))
        return Fold(
            trial=record.number,
            number=number,
            params=record.params,
            hooks=hooks,
            judge=judge,
            n_trials=self._proposals.n_trials,
        )

    def result_of(self, proposal: Proposal, record: TrialRecord, fold: int, outcome: Outcome) -> FoldResult | None:
        """Return the result of a fold; one that killed its worker, or was ended, has failed.

        None of a fold that ran without its judge and did not get to its end, or would not have with the judge: it must
        run again. None, too, of a fold that was ended since the time is over.
        """
        result = self._result_of(proposal, record, fold, outcome)
        if result is not None and self._evaluator.terms is not None and self._evaluator.terms.always:
            check_fused(result)
        if result is not None and self._past_of(record) is None:
            self.on_fold(result.fit_time + result.score_time)
            for note in result.notes:
                if note.reason is not None:
                    self.on_remark(f"{note.group} is trained by itself: {note.reason}")
        return result

    def _result_of(self, proposal: Proposal, record: TrialRecord, fold: int, outcome: Outcome) -> FoldResult | None:
        if self._signals is not None:
            self._signals.raise_swallowed()
        result: FoldResult | None = outcome.result
        if (record.number, fold) in self._unjudged:
            self._unjudged.discard((record.number, fold))
            if result is None or self._would_have_stopped(proposal, record, fold, result):
                return None
        if isinstance(outcome.error, MemberExpelledError):
            return None  # the time is over
        if outcome.error is not None:
            raise outcome.error
        if outcome.excess is not None:
            error, ending = self._limits.breach(outcome.excess, fold, record.params)
        elif outcome.death is not None:
            error, ending = WorkerDiedError(f"With {in_short(record.params)}: {outcome.death}"), None
            error.__cause__ = outcome.death.__cause__
        else:
            return result
        if self._rules.error_score == "raise":
            raise error
        return self._evaluator.failed_result(fold, f"{type(error).__name__}: {error}\n", outcome.seconds, ending)

    def _would_have_stopped(self, proposal: Proposal, record: TrialRecord, fold: int, result: FoldResult) -> bool:
        """Return whether the judge of a fold, known by now, would have stopped it after one of its epochs."""
        judge = self._pruning.judge(proposal, fold, self._leading_scores(record))
        if judge is None or result.curve is None:
            return False
        looks = result.curve.looks(self._pruning.period)
        return any(judge.stops(looks[:n]) for n in range(1, len(looks) + 1))

    def params_of(self, trial: int) -> Mapping[str, Any] | None:
        """Return the parameters of a trial in flight; None if it was told by now."""
        return self._params.get(trial)

    def stops(self, proposal: Proposal, record: TrialRecord) -> bool:
        """Return whether the pruner ends the trial here; it is asked of a known trial, too, since it takes notes."""
        stops = self._rules.pruner is not None and self._pruning.stops(proposal, self._leading_scores(record))
        past = self._past_of(record)
        return stops if past is None else past.is_cut and record.n_leading == len(past.folds)

    def ended(self, proposal: Proposal, record: TrialRecord) -> None:
        """Let the pruning know that no other fold of a trial will run."""
        self._unjudged = {fold for fold in self._unjudged if fold[0] != record.number}
        if self._rules.pruner is not None:
            self._pruning.ended(proposal, self._leading_scores(record))

    def tell(self, proposal: Proposal, record: TrialRecord) -> ToldTrial[TrialRecord]:
        """Tell the mean score of a trial, or its estimate; a trial that ran out of memory is told without one."""
        self._params.pop(record.number, None)
        metric, rules = self._rules.steering([record]), self._rules
        scores, curves = record.leading_scores(metric), [fold.curve for fold in record.leading_results]
        self._pruning.finish(proposal, scores, curves)
        value: float | Sequence[float] | None = rules.value(record)
        state: str = rules.state(record)
        past = self._past_of(record)
        if past is not None:
            value, record.n_dropped = past.result, past.n_dropped
        elif state == "PRUNED" and value is not None:
            value = self._pruning.estimate(proposal, scores, curves)
        self.feasibility.judge(proposal, record, state)
        if past is None and self.settle is not None:
            trial = ended(frozen(proposal.trial), state, value, summarize(record))
            counts = self.settle(proposal, ToldTrial(trial, scores, curves, record, proposal.notes))
            if counts is not None:
                record, value, state = self._record_of(proposal, counts), counts.result, counts.state
                scores, curves = record.leading_scores(metric), [fold.curve for fold in record.leading_results]
                self.feasibility.judge(proposal, record, state)
        return self._proposals.tell(
            proposal,
            value,
            pruned=state == "PRUNED",
            scores=scores,
            curves=curves,
            attributes=summarize(record),
            record=record,
            is_feasible=record.is_feasible,
        )

    def recall(self, proposal: Proposal, stored: StoredTrial) -> ToldTrial[TrialRecord]:
        """Tell a trial that another process has told; the pruner is asked of it, too, since it takes notes."""
        self._past[proposal.number] = stored
        record = TrialRecord(proposal.number, proposal.params, self.order)
        for number in self.order:
            if number in stored.folds:
                record.add(number, stored.folds[number])
                if not record.is_finished:
                    self.stops(proposal, record)
        record.is_cut = stored.is_cut
        self.ended(proposal, record)
        return self.tell(proposal, record)

    def _record_of(self, proposal: Proposal, stored: StoredTrial) -> TrialRecord:
        """Return the record of a trial that another process has told."""
        record = TrialRecord(proposal.number, proposal.params, self.order)
        for number, fold in stored.folds.items():
            record.add(number, fold)
        record.is_cut, record.n_dropped = stored.is_cut, stored.n_dropped
        return record

    def _leading_scores(self, record: TrialRecord) -> Any:
        # Whether the metric is one that `refit` names is checked when the trial is told.
        return record.leading_scores(self._rules.leading(record.metrics))
