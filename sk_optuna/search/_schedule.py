"""Ask for trials, run their folds, decide after each on the next, and tell the trials in order.

The order is the point. Trial t is asked once exactly the trials up to t - max_concurrent_trials have been told, so what
it is depends on results and not on which worker was faster: any number of workers, on any backend, gives the same
search. Folds are submitted one by one, oldest trial first, so that at the end of the time the newest are cut short.
A fold that a decision may spare is not submitted before the decision: a guess would train what nobody wants.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from optuna.trial import FrozenTrial

from sk_optuna.evaluation import FoldResult, TrialRecord
from sk_optuna.execution import Engine, Outcome
from sk_optuna.search._budget import Deadline
from sk_optuna.study import Proposal, Proposals


class Conduct(Protocol):
    """How a trial is run, judged and told; what the schedule itself need not know."""

    order: Sequence[int]

    def arguments(self, proposal: Proposal, record: TrialRecord, fold: int) -> tuple[Any, ...]:
        """Return the arguments of the engine's function for one fold of a trial."""

    def settle(self, fold: int, outcome: Outcome) -> FoldResult:
        """Return the result of a fold."""

    def n_free(self, proposal: Proposal) -> int:
        """Return how many folds of a trial run before the first decision."""

    def stops(self, proposal: Proposal, record: TrialRecord) -> bool:
        """Return whether a trial ends after the folds that have run."""

    def tell(self, proposal: Proposal, record: TrialRecord) -> FrozenTrial:
        """Tell how a trial ended."""


@dataclass
class _Running:
    proposal: Proposal
    record: TrialRecord
    n_free: int
    n_submitted: int = 0

    def next_fold(self) -> int | None:
        """Return the fold to run next, None while it depends on one that has not come back, or if there is none."""
        record = self.record
        if record.stopped or self.n_submitted == len(record.order):
            return None
        if self.n_submitted >= max(self.n_free, len(record.first_results) + 1):
            return None
        return record.order[self.n_submitted]


def search_trials(
    proposals: Proposals, engine: Engine, conduct: Conduct, *, max_concurrent_trials: int, deadline: Deadline
) -> Generator[tuple[TrialRecord, FrozenTrial]]:
    """Iterate over the finished trials, in the order in which they were asked.

    Closing the iterator ends the search; trials in flight are then dropped.

    Parameters
    ----------
    proposals : Proposals
        Where trials come from.
    engine : Engine
        An entered engine.
    conduct : Conduct
        How a trial is run, judged and told.
    max_concurrent_trials : int
        Most trials asked and not yet told.
    deadline : Deadline
        After it no fold is started, except those of the first trial, so that there is a result.
    """
    running: dict[int, _Running] = {}

    def start_next() -> None:
        proposal = proposals.ask()
        if proposal is not None:
            record = TrialRecord(proposal.number, proposal.params, conduct.order)
            running[proposal.number] = _Running(proposal, record, conduct.n_free(proposal))

    for _ in range(max_concurrent_trials):
        start_next()
    while running:
        for trial in running.values():
            while engine.has_room and (not deadline.passed or trial.proposal.number == 0):
                if (fold := trial.next_fold()) is None:
                    break
                trial.n_submitted += 1
                engine.submit((trial.proposal.number, fold), *conduct.arguments(trial.proposal, trial.record, fold))
        if engine.is_idle:
            return
        outcome = engine.wait()
        number, fold = cast(tuple[int, int], outcome.key)
        if number in running and not running[number].record.stopped:
            _take(running[number], fold, conduct.settle(fold, outcome), conduct)
        while running and (oldest := next(iter(running.values()))).record.is_finished:
            told = conduct.tell(oldest.proposal, oldest.record)
            del running[oldest.proposal.number]
            yield oldest.record, told
            if not deadline.passed:
                start_next()


def _take(trial: _Running, fold: int, result: FoldResult, conduct: Conduct) -> None:
    """Note the result of a fold, and decide on those to come once no fold before them is missing."""
    record = trial.record
    record.add(fold, result)
    if not record.stopped and trial.n_free <= len(record.first_results) < len(record.order):
        record.stopped = conduct.stops(trial.proposal, record)
