"""Ask for trials, run their folds, and tell the trials in order.

The order is the point. Trial t is asked once exactly the trials up to t - max_concurrent_trials have been told, so what
it is depends on results and not on which worker was faster: any number of workers, on any backend, gives the same
search. Folds are submitted one by one, oldest trial first, so that at the end of the time only the newest is cut short.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from optuna.trial import FrozenTrial

from sk_optuna.evaluation import FoldResult, TrialRecord
from sk_optuna.execution import Engine, Outcome
from sk_optuna.study import Proposal, Proposals


class Deadline:
    """The end of the time, if there is one.

    Parameters
    ----------
    timeout : float or None
        Seconds from now.
    """

    def __init__(self, timeout: float | None) -> None:
        self._start = time.monotonic()
        self._timeout = timeout

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float | None:
        """Seconds to the end, None if there is none."""
        return None if self._timeout is None else self._timeout - self.elapsed

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return self.left is not None and self.left <= 0


@dataclass
class _Running:
    proposal: Proposal
    record: TrialRecord
    waiting: deque[int] = field(default_factory=deque)


def search_trials(
    proposals: Proposals,
    engine: Engine,
    *,
    n_splits: int,
    max_concurrent_trials: int,
    deadline: Deadline,
    arguments: Callable[[TrialRecord, int], tuple[Any, ...]],
    settle: Callable[[int, Outcome], FoldResult],
    verdict: Callable[[TrialRecord], tuple[float | None, Mapping[str, Any]]],
) -> Generator[tuple[TrialRecord, FrozenTrial]]:
    """Iterate over the finished trials, in the order in which they were asked.

    Closing the iterator ends the search; trials in flight are then dropped.

    Parameters
    ----------
    proposals : Proposals
        Where trials come from and are told.
    engine : Engine
        An entered engine.
    n_splits : int
        Folds of each trial.
    max_concurrent_trials : int
        Most trials asked and not yet told.
    deadline : Deadline
        After it no fold is started, except those of the first trial, so that there is a result.
    arguments : callable
        From a record and a fold's number to the arguments of the engine's function.
    settle : callable
        From a fold's number and an outcome to the fold's result.
    verdict : callable
        From a complete record to the value to tell, None if it failed, and the attributes to keep.
    """
    running: dict[int, _Running] = {}

    def start_next() -> None:
        proposal = proposals.ask()
        if proposal is not None:
            record = TrialRecord(proposal.number, proposal.params, [None] * n_splits)
            running[proposal.number] = _Running(proposal, record, deque(range(n_splits)))

    for _ in range(max_concurrent_trials):
        start_next()
    while running:
        for trial in running.values():
            while trial.waiting and engine.has_room and (not deadline.passed or trial.proposal.number == 0):
                fold = trial.waiting.popleft()
                engine.submit((trial.proposal.number, fold), *arguments(trial.record, fold))
        if engine.is_idle:
            return
        outcome = engine.wait()
        number, fold = cast(tuple[int, int], outcome.key)
        record = running[number].record
        record.folds[fold] = settle(fold, outcome)
        while running and (oldest := next(iter(running.values()))).record.is_complete:
            told = proposals.tell(oldest.proposal, *verdict(oldest.record))
            del running[oldest.proposal.number]
            yield oldest.record, told
            if not deadline.passed:
                start_next()
