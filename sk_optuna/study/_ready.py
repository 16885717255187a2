"""The folds of a trial that may run now: all at once, or each after the decision on the one before it."""

from collections.abc import Sequence
from typing import Protocol


class Running(Protocol):
    """A running trial, as far as a pruning reads it."""

    @property
    def n_leading(self) -> int:
        """Number of folds that have ended, in order, up to the first that has not."""


def one_after_the_other(order: Sequence[int], record: Running, n_at_once: int = 1) -> Sequence[int]:
    """Return the folds that may have been submitted by now: `n_at_once` of them, then one more for each that ended."""
    return order[: max(n_at_once, record.n_leading + 1)]
