"""Go on with a search that was broken off: its schedule runs again from the start, on results that are known.

So whatever a run builds up between asking and telling, in samplers, pruners, heats and views of the study, is built up
again by the code that built it up before. Nothing has to be restored piece by piece, and trials that were in flight run
anew.
"""

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from sk_optuna.execution import Engine, Outcome
from sk_optuna.storage import StoredTrial


class ReplayingEngine:
    """An engine that knows the results of some tasks; another one runs the rest.

    Parameters
    ----------
    engine : Engine
        The other engine.
    known : mapping
        Results by the keys of tasks.
    on_end : callable
        Called when a task is submitted to the other engine for the first time.
    """

    def __init__(self, engine: Engine, known: Mapping[Hashable, Any], on_end: Callable[[], None]) -> None:
        self._engine = engine
        self._known = dict(known)
        self._on_end = on_end
        self._replays = True
        self._arrived: deque[Outcome] = deque()

    @property
    def has_room(self) -> bool:
        """True if the other engine has room."""
        return self._engine.has_room

    @property
    def is_idle(self) -> bool:
        """True if no task is outstanding."""
        return not self._arrived and self._engine.is_idle

    @property
    def has_idle_worker(self) -> bool:
        """True if the other engine has an idle worker, and no result is known of a task to come."""
        return not self._known and not self._arrived and self._engine.has_idle_worker

    def submit(self, key: Hashable, *args: Any) -> None:
        """Take on a task."""
        if key in self._known:
            self._arrived.append(Outcome(key, self._known.pop(key), None, 0.0))
            return
        if self._replays:
            self._replays = False
            self._on_end()
        self._engine.submit(key, *args)

    def wait(self) -> Outcome:
        """Return the outcome of a task, a known one first."""
        return self._arrived.popleft() if self._arrived else self._engine.wait()

    def cancel(self, key: Hashable) -> bool:
        """Take a task back that has not started, where the other engine can."""
        return self._engine.cancel(key)

    def __enter__(self) -> Self:
        self._engine.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.__exit__(kind, error, trace)


def known_results(past: Sequence[StoredTrial]) -> dict[Hashable, Any]:
    """Return the results of the folds of all past trials, by the keys of their tasks."""
    return {(number, fold): result for number, trial in enumerate(past) for fold, result in trial.folds.items()}
