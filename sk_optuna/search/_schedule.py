"""Ask for trials, run their folds, decide after each on the next, and tell the trials in order.

The order is the point. Trial t is asked once exactly the trials up to t - max_concurrent_trials have been told, so its
parameters depend on results and not on which worker was faster: any number of workers, on any backend, gives the same
search. Folds are submitted one by one, oldest trial first, so that at the end of the time the newest are cut short.
A fold that a decision may spare is not submitted before the decision: a guess would train folds that nobody wants.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from sk_optuna.evaluation import Fold, FoldResult, TrialRecord
from sk_optuna.execution import Engine, Outcome
from sk_optuna.search._budget import Deadline
from sk_optuna.study import Proposal, ToldTrial


class Asking(Protocol):
    """The source of trials."""

    def ask(self) -> Proposal | None:
        """Return the next trial; None if there are no more."""


class Conduct(Protocol):
    """Runs, judges and tells trials; the schedule itself does not know how."""

    order: Sequence[int]

    def ready(self, proposal: Proposal, record: TrialRecord) -> Sequence[int]:
        """Return the folds of a trial that may run now, those that run or ended included."""

    def fold(self, proposal: Proposal, record: TrialRecord, number: int) -> Fold:
        """Return one fold of a trial, to be submitted."""

    def result_of(self, fold: int, outcome: Outcome) -> FoldResult:
        """Return the result of a fold."""

    def stops(self, proposal: Proposal, record: TrialRecord) -> bool:
        """Return whether a trial ends after the folds that have run."""

    def tell(self, proposal: Proposal, record: TrialRecord) -> ToldTrial[TrialRecord]:
        """Tell how a trial ended."""


@dataclass
class _Running:
    proposal: Proposal
    record: TrialRecord
    submitted: set[int] = field(default_factory=set)

    def next_fold(self, conduct: Conduct) -> int | None:
        """Return the fold to submit next; None while a decision on it is missing, or if there is none."""
        if self.record.is_cut:
            return None
        ready = conduct.ready(self.proposal, self.record)
        return next((fold for fold in ready if fold not in self.submitted), None)


def search_trials(
    proposals: Asking, engine: Engine, conduct: Conduct, *, max_concurrent_trials: int, deadline: Deadline
) -> Generator[ToldTrial[TrialRecord]]:
    """Iterate over the trials as they are told, in the order in which they were asked.

    Closing the iterator ends the search; trials in flight are then dropped.

    Parameters
    ----------
    proposals : Asking
        The source of trials.
    engine : Engine
        An entered engine.
    conduct : Conduct
        Runs, judges and tells trials.
    max_concurrent_trials : int
        Most trials asked and not yet told.
    deadline : Deadline
        After it no fold is started, except those of the first trial, so that there is a result.
    """
    running: dict[int, _Running] = {}

    def start_next() -> None:
        proposal = proposals.ask()
        if proposal is not None:
            running[proposal.number] = _Running(proposal, TrialRecord(proposal.number, proposal.params, conduct.order))

    for _ in range(max_concurrent_trials):
        start_next()
    while running:
        for trial in running.values():
            while engine.has_room and (not deadline.passed or trial.proposal.number == 0):
                if (number := trial.next_fold(conduct)) is None:
                    break
                trial.submitted.add(number)
                fold = conduct.fold(trial.proposal, trial.record, number)
                engine.submit(fold.key, fold)
        if engine.is_idle:
            return
        outcome = engine.wait()
        number, split = cast(tuple[int, int], outcome.key)
        if number in running and not running[number].record.is_cut:
            _take(running[number], split, conduct.result_of(split, outcome), conduct)
        while running and (oldest := next(iter(running.values()))).record.is_finished:
            told = conduct.tell(oldest.proposal, oldest.record)
            del running[oldest.proposal.number]
            yield told
            if not deadline.passed:
                start_next()


def _take(trial: _Running, split: int, result: FoldResult, conduct: Conduct) -> None:
    """Add the result of a fold, and decide on the folds to come."""
    record = trial.record
    record.add(split, result)
    if not record.is_cut and record.n_leading < len(record.order):
        record.is_cut = conduct.stops(trial.proposal, record)
