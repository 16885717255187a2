"""The heat: the first trials of a race, of which none is complete yet.

Each runs a few folds, then the best of them on these runs to its end and leads, and the others race against it. Nothing
here depends on which worker was faster: the leader is chosen when all trials have run their first folds, and the others
wait until it is complete. What a trial is compared with are the first folds of all, all folds of the leader, its own.

Trial 0 runs to its end, whatever its scores: it is told first, and a search that is ended early has a result. This
costs about a hundredth of the folds of fifty trials.
"""

import numpy as np


class Heat:
    """The first trials of a race.

    Parameters
    ----------
    size : int
        Number of trials; they are those from 0 on.
    n_first : int
        Folds that each of them runs before there is a leader.
    n_folds : int
        Folds of a trial, more than `n_first`.
    """

    def __init__(self, size: int, *, n_first: int, n_folds: int) -> None:
        self._size = size
        self._n_first = n_first
        self._n_folds = n_folds
        self._first: dict[int, np.ndarray] = {}
        self._ended: dict[int, np.ndarray] = {}
        self._leader: int | None = None

    def __contains__(self, number: int) -> bool:
        return number < self._size

    def note(self, number: int, scores: np.ndarray) -> None:
        """Note the scores of a trial's folds that have ended, in order."""
        if number not in self._first and len(scores) >= self._n_first:
            self._first[number] = scores[: self._n_first]
            self._leader = self._choose()

    def end(self, number: int, scores: np.ndarray) -> None:
        """Note that a trial ended, with these scores."""
        self.note(number, scores)
        self._ended[number] = scores
        self._leader = self._choose()

    def n_ready(self, number: int, n_leading: int) -> int:
        """Return how many folds of a trial may have been submitted by now, `n_leading` of them having ended."""
        if number == 0:
            return self._n_folds
        if number not in self._first:
            return self._n_first
        if number == self._leader or not np.isfinite(self._first[number]).all():
            return self._n_folds
        return self._n_first if self.leading_row is None else max(self._n_first, n_leading + 1)

    @property
    def leading_row(self) -> np.ndarray | None:
        """The scores of the leader, of shape (n_folds,); None before it is complete."""
        return None if self._leader is None else self._ended.get(self._leader)

    @property
    def rows(self) -> np.ndarray | None:
        """The scores with which a trial is compared, of shape (n_rows, n_folds); None before the leader is complete.

        They are the leader's, and of each other trial those of its first folds; the rest is NaN.
        """
        if self.leading_row is None:
            return None
        rows = [self.leading_row]
        for number, scores in sorted(self._first.items()):
            if number != self._leader and np.isfinite(scores).all():
                rows.append(np.append(scores, np.full(self._n_folds - self._n_first, np.nan)))
        return np.array(rows)

    def _choose(self) -> int | None:
        """Return the trial that leads: the best by its first folds, the first of equals, of those that did not fail.

        None before all trials have run their first folds or ended, or if all failed.
        """
        if len(self._first.keys() | self._ended.keys()) < self._size:
            return None
        able = [number for number, scores in sorted(self._first.items()) if self._may_lead(number, scores)]
        return max(able, key=lambda number: float(self._first[number].mean()), default=None)

    def _may_lead(self, number: int, first: np.ndarray) -> bool:
        scores = self._ended.get(number, first)
        has_all = number not in self._ended or len(scores) == self._n_folds
        return has_all and bool(np.isfinite(scores).all())
