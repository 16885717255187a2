"""The end of a search whose candidates fail from the start, as they do if an argument is misspelt.

It is decided when a trial is told, in order, on what was told by then. Until the first candidate is complete, folds of
trials that the limit may spare wait, once a candidate has failed. Trials are asked for as without a limit.
"""

import sys

from sk_optuna.evaluation import TrialRecord
from sk_optuna.results import Rules, failing_start, too_many_failures
from sk_optuna.study import Proposals


class FailureLimit:
    """The most candidates that may fail in a row before any is complete.

    Parameters
    ----------
    most : int or None
        The user's `max_failures`.
    proposals : Proposals
        The trials that were told.
    rules : Rules
        How scores become one value.
    """

    def __init__(self, most: int | None, proposals: Proposals[TrialRecord], rules: Rules) -> None:
        self._most = most
        self._proposals = proposals
        self._rules = rules

    @property
    def is_reached(self) -> bool:
        """True if too many failed, and there are trials to spare; if there are none, the search ends as any other."""
        told, n_trials = self._proposals.told, self._proposals.n_trials
        return self._n_left <= 0 and (n_trials is None or len(told) < n_trials)

    def n_may_run(self) -> int:
        """Return of how many trials in flight, the oldest ones, folds may be submitted."""
        left = self._n_left
        return sys.maxsize if left == self._most else max(left, 1)

    def check(self) -> None:
        """Raise if the limit is reached.

        Raises
        ------
        TooManyFailuresError
            With the last error for a cause.
        """
        if self.is_reached:
            assert self._most is not None
            raise too_many_failures(self._failed, self._rules, self._most)

    @property
    def _n_left(self) -> int:
        return sys.maxsize if self._most is None else self._most - len(self._failed)

    @property
    def _failed(self) -> list[TrialRecord]:
        told = self._proposals.told
        return [] if told.has_complete else failing_start(told.records, self._rules)
