"""The trials of a study that several processes share: each asks, runs, and tells trials, and hears of those of others.

A search mirrors the whole study in its own. Trials of others are asked for, too, held to the parameters that they have,
so that trials have the same numbers in all processes. Samplers see them run, and draw for each number from a seed of
its own. This is the one case in which results depend on timing. Workers that ask a shared storage themselves were the
road not taken: each fold would depend on a database.
"""

import time
from collections.abc import Callable, Iterator

from sk_optuna._compat._optuna import frozen
from sk_optuna.evaluation import TrialRecord
from sk_optuna.search._budget import Deadline
from sk_optuna.storage import Claim, Driver, SharedTrial, StoredTrial
from sk_optuna.study import Proposal, Proposals, ToldTrial

# Seconds between two looks at the trials of others, while one waits for them.
_LOOK_EVERY = 0.2


class SharedTrials:
    """A source of trials that are this process's own as long as it is alone, and shared afterwards.

    Parameters
    ----------
    proposals : Proposals
        The trials of the search.
    driver : Driver
        This process as a driver of the study.
    n_past : int
        Number of trials that were told before and are told again.
    deadline : Deadline
        After it the search does not wait for trials of others, unless it knows of none that ended.
    recall : callable
        Tells a trial that another process has told.
    metric_of : callable
        Returns the metric that steers the search, from the record of a trial.
    hear : callable
        Called with each trial of another process that was told.
    """

    def __init__(
        self,
        proposals: Proposals[TrialRecord],
        driver: Driver,
        n_past: int,
        deadline: Deadline,
        recall: Callable[[Proposal, StoredTrial], ToldTrial[TrialRecord]],
        metric_of: Callable[[TrialRecord], str],
        hear: Callable[[ToldTrial[TrialRecord]], None],
    ) -> None:
        self._proposals = proposals
        self._driver = driver
        self._n_past = n_past
        self._deadline = deadline
        self._tell = recall
        self._metric_of = metric_of
        self._hear = hear
        self._own: set[int] = set()
        self._foreign: dict[int, Proposal] = {}

    def ask(self) -> Proposal | None:
        """Return the next trial to run; None if there are no more.

        Without a trial in flight it waits for those of others: they end, or their drivers are dead and it takes them
        over.
        """
        with self._driver.guard:
            if self._driver.is_alone or self._proposals.n_asked < self._n_past:
                return self._next()
        for _ in self._occasions():
            with self._driver.turn():
                trials, live = self._driver.look()
                self._recall(trials)
                proposal = self._orphan(trials, live) or self._next()
            if proposal is not None or self._own:
                return proposal
        return None

    def _next(self) -> Proposal | None:
        """Ask for a trial that nobody has asked for."""
        proposal = self._proposals.ask()
        if proposal is not None and proposal.number >= self._n_past:
            self._own.add(proposal.number)
            self._driver.ask(Claim(frozen(proposal.trial), proposal.params, proposal.notes))
        return proposal

    def _orphan(self, trials: list[SharedTrial], live: set[str]) -> Proposal | None:
        """Take over a trial whose driver is dead."""
        for number in self._foreign:
            if trials[number].owner not in live:
                self._driver.take_over(number)
                self._own.add(number)
                return self._foreign.pop(number)
        return None

    def _occasions(self) -> Iterator[None]:
        """Iterate over the moments at which there may be a trial to run, to the last of the others' trials."""
        yield
        while not self._deadline.passed or not self._proposals.told:
            trials, live = self._driver.look()
            self._recall(trials)
            if not self._foreign:
                return
            if any(trials[number].owner not in live for number in self._foreign):
                yield
            time.sleep(_LOOK_EVERY)

    def _recall(self, trials: list[SharedTrial]) -> None:
        """Propose the trials that others have proposed, and tell those that they have told."""
        for trial in trials[self._proposals.n_asked :]:
            self._foreign[trial.number] = self._proposals.recall(trial)
        for number in list(self._foreign):
            if (kept := trials[number].kept) is not None:
                self._hear(self._tell(self._foreign.pop(number), kept))

    def settle(self, proposal: Proposal, told: ToldTrial[TrialRecord]) -> StoredTrial | None:
        """Write a trial that is to be told; return how it counts if another process has told it.

        Parameters
        ----------
        proposal : Proposal
            The trial.
        told : ToldTrial
            The trial as it is to be told.
        """
        self._own.discard(proposal.number)
        kept = StoredTrial.of(told)
        counts = self._driver.settle(told.trial, kept, told.record.params, self._metric_of(told.record))
        return None if counts is kept else counts
