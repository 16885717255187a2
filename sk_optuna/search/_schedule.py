"""Ask for trials, run their folds, decide after each on the next, and tell the trials in order.

The order is the point. Trial t is asked once exactly the trials up to t - L(t) have been told, where L(t) depends on t
and not on which worker was faster: any number of workers, on any backend, gives the same search. Folds are submitted
one by one, oldest trial first, so that at the end of the time the newest are cut short. A fold that a decision may
spare is submitted before the decision only where a worker would idle otherwise. Its result is kept aside until the
decision, and dropped if the fold is not wanted: nobody can tell from a search whether folds ran ahead. So the choice
among them may rest on anything, also on what happens to be known.

To ask takes the sampler some milliseconds; workers are given folds before.

A trial may wait for others: none of its folds runs, and the next is not ready yet. It is judged again after each fold
that ends, whosever that is.
"""

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, cast

from sk_optuna.evaluation import Fold, FoldResult, TrialRecord
from sk_optuna.execution import Engine, Outcome
from sk_optuna.search._budget import Deadline
from sk_optuna.study import Proposal, ToldTrial

# The worth of a fold that runs ahead, over that of a fold of the next older trial, if both are wanted.
_BY_AGE = 0.8


class Asking(Protocol):
    """The source of trials."""

    def ask(self) -> Proposal | None:
        """Return the next trial; None if there are no more."""


class Conduct(Protocol):
    """How a trial is run, judged and told, of which the schedule itself knows nothing."""

    order: Sequence[int]

    def ready(self, proposal: Proposal, record: TrialRecord) -> Sequence[int]:
        """Return the folds of a trial that may run now, those that run or ended included."""

    def chances(self, proposal: Proposal) -> Sequence[float]:
        """Guess for each fold of a trial, in order, the chance that it will be wanted; later ones have no better."""

    def fold(self, proposal: Proposal, record: TrialRecord, number: int, *, ahead: bool) -> Fold:
        """Return one fold of a trial, to be submitted, maybe ahead of the decision on it."""

    def result_of(self, proposal: Proposal, record: TrialRecord, fold: int, outcome: Outcome) -> FoldResult | None:
        """Return the result of a fold that is wanted; None if it must run again, since it ran ahead of a decision."""

    def stops(self, proposal: Proposal, record: TrialRecord) -> bool:
        """Return whether a trial ends after the folds that have run; of one that waits for others, asked again."""

    def ended(self, proposal: Proposal, record: TrialRecord) -> None:
        """Note that no other fold of a trial will run, at the moment when that is known and before it is told."""

    def tell(self, proposal: Proposal, record: TrialRecord) -> ToldTrial[TrialRecord]:
        """Tell how a trial ended."""


@dataclass
class _Running:
    """A trial in flight.

    Attributes
    ----------
    proposal, record : object
        The trial, and the results of its folds.
    submitted : set of int
        Its folds that were submitted.
    ahead : dict of int to Outcome or None
        Those of them on which there is no decision yet; None until they come back.
    waits : bool
        Whether it waits for other trials: all its folds that are ready have run.
    chances : tuple of int and sequence of float
        The chances of its folds, and the number of folds that had ended when they were guessed.
    """

    proposal: Proposal
    record: TrialRecord
    submitted: set[int] = field(default_factory=set)
    ahead: dict[int, Outcome | None] = field(default_factory=dict)
    waits: bool = False
    chances: tuple[int, Sequence[float]] = (-1, ())

    def next_fold(self, ready: Sequence[int]) -> int | None:
        """Return the fold to submit next; None while a decision on it is missing, or if there is none."""
        return next((fold for fold in ready if fold not in self.submitted), None)

    def next_outcome(self, ready: Sequence[int]) -> tuple[int, Outcome] | None:
        """Take a fold from `ahead` that is ready now and has come back; None if there is none."""
        for fold in ready:
            if fold in self.ahead and (outcome := self.ahead.pop(fold)) is not None:
                return fold, outcome
        return None


def search_trials(
    proposals: Asking,
    engine: Engine,
    conduct: Conduct,
    *,
    n_in_flight: Callable[[int], int],
    deadline: Deadline,
    speculate: bool,
    n_may_run: Callable[[], int] = lambda: sys.maxsize,
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
    n_in_flight : callable
        From a trial's number to the most trials, it included, that are asked and not yet told when it is asked.
    deadline : Deadline
        After it no fold is started, except those of the first trial, so that there is a result.
    speculate : bool
        Whether idle workers run folds ahead of the decisions on them.
    n_may_run : callable, default=all
        Returns of how many trials in flight, the oldest ones, folds may be submitted; where none of these has one that
        is ready, folds of the others are.

    Raises
    ------
    RuntimeError
        Where every trial in flight waits for another one, which is a mistake in `conduct`.
    """
    flight = _Flight(proposals, engine, conduct, n_in_flight, deadline, speculate, n_may_run)
    flight.ask()
    while flight.running:
        flight.submit()
        if engine.is_idle:
            if deadline.passed:
                return
            waiting = list(flight.running)
            raise RuntimeError(f"No fold runs and none is ready: the trials {waiting} wait for each other.")
        flight.take(engine.wait())
        flight.occupy()
        while (told := flight.tell_oldest()) is not None:
            yield told
            if not deadline.passed:
                flight.ask()
                flight.occupy()


class _Flight:
    """The trials that were asked and not yet told, oldest first; the arguments are those of `search_trials`."""

    def __init__(
        self,
        proposals: Asking,
        engine: Engine,
        conduct: Conduct,
        n_in_flight: Callable[[int], int],
        deadline: Deadline,
        speculate: bool,
        n_may_run: Callable[[], int],
    ) -> None:
        self._n_may_run = n_may_run
        self._proposals = proposals
        self._engine = engine
        self._conduct = conduct
        self._n_in_flight = n_in_flight
        self._deadline = deadline
        self._speculate = speculate
        self._n_told = 0
        self.running: dict[int, _Running] = {}

    def ask(self) -> None:
        """Ask for the trials whose time has come."""
        while (number := self._n_told + len(self.running)) - self._n_in_flight(number) < self._n_told:
            proposal = self._proposals.ask()
            if proposal is None:
                return
            record = TrialRecord(proposal.number, proposal.params, self._conduct.order)
            self.running[proposal.number] = _Running(proposal, record)

    def submit(self) -> None:
        """Submit folds that are ready, oldest trial first, as long as there is room; then others, if workers idle.

        Trials beyond `n_may_run` wait, unless nothing else runs: others may wait for their folds.
        """
        self._submit(self._n_may_run())
        if self._engine.is_idle:
            self._submit(sys.maxsize)

    def _submit(self, most: int) -> None:
        for trial in islice(self.running.values(), most):
            while self._engine.has_room and (not self._deadline.passed or trial.proposal.number == 0):
                ready = () if trial.record.is_cut else self._ready(trial)
                if (number := trial.next_fold(ready)) is None:
                    break
                self._send(trial, number, ahead=False)
        if self._speculate and self._engine.has_idle_worker and not self._deadline.passed:
            self._submit_ahead(most)

    def occupy(self) -> None:
        """Submit folds if a worker idles, before the search takes time for something else."""
        if self._engine.has_idle_worker:
            self._submit(self._n_may_run())

    def _submit_ahead(self, most: int) -> None:
        """Submit folds of the oldest trials on which there is no decision yet, while a worker would idle.

        Those with the better chance of being wanted come first, and those of older trials, for which trials to come
        wait. With all folds of the oldest first, or with the nearest decisions first, eight workers drop more.
        """
        by_worth = sorted(self._undecided(most), key=lambda each: each[0], reverse=True)
        for _, trial, number in by_worth:
            if not self._engine.has_idle_worker or self._deadline.passed:
                return
            trial.ahead[number] = None
            self._send(trial, number, ahead=True)

    def _undecided(self, most: int) -> Iterator[tuple[float, _Running, int]]:
        """Iterate over the folds that could run ahead, each with what it is worth."""
        for age, trial in enumerate(islice(self.running.values(), most)):
            if not trial.record.is_finished:
                if trial.chances[0] != (n_ended := trial.record.n_leading):
                    trial.chances = n_ended, self._conduct.chances(trial.proposal)
                for number, chance in zip(self._conduct.order, trial.chances[1], strict=True):
                    if number not in trial.submitted:
                        yield chance * _BY_AGE**age, trial, number

    def _send(self, trial: _Running, number: int, *, ahead: bool) -> None:
        trial.submitted.add(number)
        fold = self._conduct.fold(trial.proposal, trial.record, number, ahead=ahead)
        self._engine.submit(fold.key, fold)

    def _ready(self, trial: _Running) -> Sequence[int]:
        """Return the folds of a trial that may run; of the first trial all of them, once nothing else may."""
        if trial.waits and self._deadline.passed:
            # There will be no decision. What ran ahead of it runs again, which is simpler than to look for it.
            trial.submitted -= trial.ahead.keys()
            trial.ahead.clear()
            return self._conduct.order
        return self._conduct.ready(trial.proposal, trial.record)

    def take(self, outcome: Outcome) -> None:
        """Add the result of a fold to its trial, and decide on the folds to come, also of trials that waited for it."""
        number, split = cast(tuple[int, int], outcome.key)
        trial = self.running.get(number)
        if trial is None or trial.record.is_cut:
            return
        if split in trial.ahead:
            trial.ahead[split] = outcome
            return
        if self._add(trial, split, outcome):
            self._decide(trial)
        while any(self._decide(other) for other in self.running.values() if other.waits):
            # The end of a trial may be what another one waits for.
            pass

    def _add(self, trial: _Running, split: int, outcome: Outcome) -> bool:
        """Add a fold to its trial's record; return whether there was a result, else it will run again."""
        result = self._conduct.result_of(trial.proposal, trial.record, split, outcome)
        if result is None:
            trial.submitted.discard(split)
            trial.record.n_dropped += 1
            return False
        trial.record.add(split, result)
        return True

    def _decide(self, trial: _Running) -> bool:
        """Decide whether a trial ends, goes on, also with folds that ran ahead, or waits; return whether it ended."""
        proposal, record = trial.proposal, trial.record
        while not record.is_finished:
            record.is_cut = self._conduct.stops(proposal, record)
            if record.is_cut:
                break
            ready = self._conduct.ready(proposal, record)
            trial.waits = all(record.folds[fold] is not None for fold in ready)
            arrived = trial.next_outcome(ready) if trial.ahead else None
            if arrived is None or not self._add(trial, *arrived):
                return False
        trial.waits = False
        self._drop_rest(trial)
        self._conduct.ended(proposal, record)
        return True

    def _drop_rest(self, trial: _Running) -> None:
        """Cancel the folds of a trial that are not wanted any more, and count the others."""
        record = trial.record
        if len(trial.submitted) == len(record.results):
            return
        for fold in sorted(trial.submitted):
            if record.folds[fold] is None and self._engine.cancel((record.number, fold)):
                trial.submitted.discard(fold)
        record.n_dropped += len(trial.submitted) - len(record.results)

    def tell_oldest(self) -> ToldTrial[TrialRecord] | None:
        """Tell the oldest trial and return it; None if it still runs, or if there is none."""
        oldest = next(iter(self.running.values()), None)
        if oldest is None or not oldest.record.is_finished:
            return None
        told = self._conduct.tell(oldest.proposal, oldest.record)
        del self.running[oldest.proposal.number]
        self._n_told += 1
        return told
