"""The engine for tasks that do a part of their work together: each has a thread of its own, and they meet.

All tasks that are submitted run at once, as members of one meeting: where their work can be done for all in one, they
wait for each other there, and one thread does it. The first task runs alone, and its result tells how many like it may
run at once: as many as there are workers, if its kind of work is not done together, else as many as there is memory
for. Where that is one, the task runs in the thread of the search, as if there were no meeting. Not taken: as many
threads as there are workers, since a meeting of few is what this engine is there to avoid.
"""

import queue
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self

from sk_optuna._compat._sklearn import with_caller_config
from sk_optuna.execution._engine import OnLook, Outcome
from sk_optuna.execution._serial import SerialEngine
from sk_optuna.worker import Branch, Meeting, MeetingClosedError

# Seconds between looks at the tasks that run.
_LOOK_EVERY = 1.0
# Most tasks at a time, far more than the trials in flight have folds; each is a thread.
_MOST = 256
# Seconds for which an error waits for tasks to end, so that they set back what they have set.
_PATIENCE = 2.0


class _Running(NamedTuple):
    """A task, and the time of its submission."""

    thread: threading.Thread
    start: float


class TogetherEngine:
    """Runs each task in a thread of its own, as a member of a meeting.

    Parameters
    ----------
    function : callable
        The function that all tasks call.
    meeting : Meeting or Branch
        The meeting; the engine closes it.
    room_after : callable
        From a task's result to the number of tasks that may run at once, as far as is known by then.
    is_late : callable, default=never
        From the key of a task that runs to whether it is to end, asked once a second. Such a task has an error for its
        outcome, a MemberExpelledError.
    on_look : callable or None, default=None
        Hears once a second of the tasks that run.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        meeting: Meeting | Branch,
        *,
        room_after: Callable[[Any], int],
        is_late: Callable[[Any], bool] = lambda key: False,
        on_look: OnLook | None = None,
    ) -> None:
        self._function = with_caller_config(function, in_threads=True)
        self._meeting = meeting
        self._on_look = on_look
        self._alone = SerialEngine(partial(self._as_member, function), on_look)
        self._room_after = room_after
        self._is_late = is_late
        self._room = 1
        self._running: dict[tuple[Any, ...], _Running] = {}
        self._arrived: queue.SimpleQueue[tuple[tuple[Any, ...], Any, BaseException | None]] = queue.SimpleQueue()

    @property
    def has_room(self) -> bool:
        """True if fewer tasks run than may, as the last that ended has told."""
        return self._alone.has_room and len(self._running) < self._room

    @property
    def is_idle(self) -> bool:
        """True if no task is outstanding."""
        return self._alone.is_idle and not self._running

    @property
    def has_idle_worker(self) -> bool:
        """True if fewer tasks run than the meeting has turns."""
        return self.has_room and len(self._running) < self._meeting.n_turns

    def submit(self, key: Any, *args: Any) -> None:
        """Run the task in a new thread, for which the meeting waits from now on; in `wait`, if it is the only one."""
        if self._room == 1:
            self._alone.submit(key, key, *args)
            return
        self._meeting.invite(key)
        thread = threading.Thread(target=self._run, args=(key, args), name=f"sk_optuna-fold-{key}", daemon=True)
        self._running[key] = _Running(thread, time.perf_counter())
        thread.start()

    def _run(self, key: tuple[Any, ...], args: tuple[Any, ...]) -> None:
        result, error = None, None
        try:
            result = self._as_member(self._function, key, *args)
        except BaseException as raised:
            error = raised
        self._arrived.put((key, result, error))

    def _as_member(self, function: Callable[..., Any], key: tuple[Any, ...], *args: Any) -> Any:
        with self._meeting.member(key):
            return function(*args)

    def wait(self) -> Outcome:
        """Wait for a task and return its outcome."""
        if not self._alone.is_idle:
            outcome = self._alone.wait()
            self._see(outcome.result)
            return outcome
        key, result, error = self._next_arrival()
        seconds = time.perf_counter() - self._running.pop(key).start
        if isinstance(error, Exception):
            return Outcome(key, None, None, seconds, error)
        if error is not None:
            raise error
        self._see(result)
        return Outcome(key, result, None, seconds)

    def _see(self, result: Any) -> None:
        self._room = min(_MOST, max(self._meeting.n_turns, self._room_after(result)))

    def _next_arrival(self) -> tuple[tuple[Any, ...], Any, BaseException | None]:
        while True:
            try:
                return self._arrived.get(timeout=_LOOK_EVERY)
            except queue.Empty:
                for key in filter(self._is_late, self._running):
                    self._meeting.expel(key)
                if self._on_look is not None:
                    now = time.perf_counter()
                    self._on_look([(key, now - task.start) for key, task in self._running.items()])

    def cancel(self, key: Any) -> bool:
        """Have a task end when it meets the others next; it has started, and so False is returned."""
        self._meeting.expel(key)
        return False

    def __enter__(self) -> Self:
        self._filters = warnings.filters
        self._alone.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alone.__exit__(kind, error, trace)
        self._meeting.close(error or MeetingClosedError("The search has ended."))
        end = None if kind in (None, GeneratorExit) else time.monotonic() + _PATIENCE
        for task in self._running.values():
            task.thread.join(None if end is None else max(0.0, end - time.monotonic()))
        # a task that sets filters for the time of its fit sets back those that others have set meanwhile
        warnings.filters = self._filters
