"""The policy after a worker's death: who runs again, and who is to blame.

A worker dies without a word of what it was running, and every outstanding task is lost with it, innocents too. So each
of them is a suspect and runs again, alone: if a worker dies then, there is nobody else to blame. A task that may have
been running at two deaths is blamed and does not run again; one death may be bad luck.

The policy knows no transport. An engine tells it which tasks it lost, and asks it which to run next.
"""

from collections import deque
from collections.abc import Callable, Container, Sequence
from typing import Generic, NamedTuple, TypeVar

from sk_optuna.exceptions import WorkerDiedError

T = TypeVar("T")

# A task that may have been running at so many deaths is blamed.
_MOST_DEATHS = 2


def death_of_blamed(words: str) -> WorkerDiedError:
    """Return the death to report of a task that is blamed, with the words of whoever told of it."""
    return WorkerDiedError(
        "The worker process died twice while it ran this fold, the second time alone. The usual causes are that the "
        f"machine ran out of memory or that native code crashed. {words}"
    )


class _Suspect(NamedTuple, Generic[T]):
    """A task, and the number of deaths at which it may have been running."""

    task: T
    n_deaths: int


class Suspects(Generic[T]):
    """Tasks that were lost in a worker's death and wait to run again, one at a time.

    While there are any, submit no other task. When nothing is outstanding, submit `next_alone`. Tasks are told apart by
    identity.

    Parameters
    ----------
    n_workers : int
        Workers of the engine. They take tasks in the order of submission, so that at a death the oldest tasks, one for
        each worker, may have been running.
    """

    def __init__(self, n_workers: int) -> None:
        self._n_workers = n_workers
        self._waiting: deque[_Suspect[T]] = deque()
        self._alone: _Suspect[T] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def next_alone(self) -> T:
        """Return the suspect that has waited longest. Submit it, and nothing else until it is done or lost."""
        self._alone = self._waiting.popleft()
        return self._alone.task

    def drop(self, is_it: Callable[[T], bool]) -> bool:
        """Forget the suspects that wait and for which `is_it` returns True; return whether there were any."""
        n_before = len(self)
        self._waiting = deque(suspect for suspect in self._waiting if not is_it(suspect.task))
        return len(self) < n_before

    def after_death(self, lost: Sequence[T], unwanted: Container[int] = ()) -> T | None:
        """Suspect the tasks that a death cost, behind those that wait already.

        Parameters
        ----------
        lost : sequence
            All outstanding tasks, in the order of their submission.
        unwanted : container of int, default=()
            Positions in `lost` of tasks that nobody waits for: they may be to blame, and do not run again.

        Returns
        -------
        object or None
            The task to blame, which does not run again. There is at most one: only a suspect that ran alone can have
            seen an earlier death.
        """
        blamed = None
        for i, task in enumerate(lost):
            if i in unwanted:
                continue
            suspect = _Suspect(task, self._n_earlier_deaths(task) + (i < self._n_workers))
            if suspect.n_deaths < _MOST_DEATHS:
                self._waiting.append(suspect)
            else:
                blamed = task
        self._alone = None
        return blamed

    def _n_earlier_deaths(self, task: T) -> int:
        return self._alone.n_deaths if self._alone is not None and self._alone.task is task else 0
