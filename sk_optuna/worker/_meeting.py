"""Let folds that run in threads of their own wait for each other, and do a part of their work together.

Each fold's thread is a member of a meeting while the fold runs. A member that comes to a part which is better done for
all at once brings it, and waits. As soon as every member has brought its part, or has left, one of the
waiting threads does all parts in one round; then every thread goes on by itself. A member that has nothing to bring any
more leaves, whatever the reason, so that nobody waits for it.

Between rounds members work in turns, one after another, or as many at a time as there are workers. Threads of Python do
not work faster side by side. In turns they spare the switching, what a fold takes in seconds is its own and not that of
all, and code that was not written for threads is not run by two of them at once.

The parts of a round are sorted by the keys of their members: which thread came first has no influence. Not taken: a
barrier with a timeout. It breaks where one fold is slow, and waits in vain where one has died.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

_here = threading.local()


class MeetingClosedError(RuntimeError):
    """The meeting was closed while a member waited in it."""


class MemberExpelledError(MeetingClosedError):
    """The member is not wanted any more, while the meeting goes on."""


class Brought(NamedTuple):
    """A part of a member's work.

    Attributes
    ----------
    key : tuple
        The member's key, by which a round is sorted.
    part : object
        The part.
    together : callable
        Does the parts of a round: from the meeting and a list of parts to a list of outcomes of the same length.
    """

    key: tuple[Any, ...]
    part: Any
    together: Callable[["Meeting", Sequence[Any]], Sequence[Any]]


class Terms(NamedTuple):
    """The terms on which a member's parts are done together with others'.

    Attributes
    ----------
    always : bool
        True if also parts from which nothing is gained are.
    n_alike : int or None
        How many members will bring parts like those of this one, as far as can be foreseen; None for many.
    """

    always: bool = False
    n_alike: int | None = None


USUAL = Terms()


class Note(NamedTuple):
    """A remark on how a member's part is done.

    Attributes
    ----------
    key : tuple
        The member's key.
    group : str
        A name of the parts that are alike.
    reason : str or None
        The reason why the part is not done together with others; None if it is.
    n_fit : int
        How many parts of the group the memory holds; 0 where the part is not done together with others.
    """

    key: tuple[Any, ...]
    group: str
    reason: str | None
    n_fit: int = 0


class Meeting:
    """A meeting of threads; any number of rounds.

    Parameters
    ----------
    n_turns : int, default=1
        How many members work at a time.

    Attributes
    ----------
    shelf : dict
        Things that one round leaves for the next; only rounds touch it.
    n_branches : int
        Number of branches so far.
    """

    def __init__(self, *, n_turns: int = 1) -> None:
        self.n_turns = n_turns
        self._turns = threading.Semaphore(n_turns)
        self.shelf: dict[Any, Any] = {}
        self._changed = threading.Condition()
        self._present: dict[object, tuple[Any, ...]] = {}
        self._invited: dict[tuple[Any, ...], object] = {}
        self._waiting: dict[object, Brought] = {}
        self._expecting: set[object] = set()
        # outcomes, errors, and each member's share of the seconds of its round
        self._outcomes: dict[object, tuple[Any, BaseException | None, float]] = {}
        self._waited: dict[tuple[Any, ...], float] = {}
        self._in_round = False
        self._closed: BaseException | None = None
        self.n_branches = 0
        self._expelled: set[Any] = set()
        self._ended: set[int] = set()
        self._notes: dict[Note, None] = {}

    def invite(self, *keys: tuple[Any, ...]) -> None:
        """Have everybody wait for members that are still to come, until they have come or are expelled.

        Without that, a thread that is quick would hold a round before another one has begun.
        """
        with self._changed:
            for key in keys:
                self._invited[key] = object()
                self._present[self._invited[key]] = key

    @contextmanager
    def member(self, key: tuple[Any, ...], terms: Terms = USUAL) -> Iterator[None]:
        """Make this thread a member for the `with` block; an inner meeting hides an outer one.

        Parameters
        ----------
        key : tuple
            Another one for each member, such as the numbers of trial and fold.
        terms : Terms, default=USUAL
            Its terms.

        Raises
        ------
        MeetingClosedError
            If the meeting is closed before its first turn; MemberExpelledError if the member is expelled.
        """
        token = self._take_seat(key)
        outer = getattr(_here, "place", None)
        try:
            with self._turns:
                self._check_member(key)
                _here.place = _Place(self, token, key, terms)
                yield
        finally:
            _here.place = outer
            self._go(token)

    def close(self, error: BaseException) -> None:
        """End the meeting: whoever waits in it, or brings something later, gets a MeetingClosedError from `error`."""
        with self._changed:
            self._closed = self._closed or error
            self._changed.notify_all()

    def wait_until_empty(self, seconds: float) -> None:
        """Wait, no longer than some seconds, until all members have left a meeting that is closed.

        A thread that is within torch when the interpreter ends would abort the process.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._present, seconds)

    def check(self) -> None:
        """Raise MeetingClosedError if the meeting was closed; for calls within a round, between its steps."""
        if self._closed is not None:
            raise MeetingClosedError(f"The meeting was closed: {self._closed!r}.") from self._closed

    @property
    def notes(self) -> list[Note]:
        """Remarks of the members, each once, sorted by member."""
        with self._changed:
            return sorted(self._notes, key=lambda note: note.key)

    def note(self, note: Note) -> None:
        """Keep a remark, unless it is there already."""
        with self._changed:
            self._notes[note] = None

    def branch(self) -> "Branch":
        """Return a part of the meeting for the folds of one search of several."""
        with self._changed:
            self.n_branches += 1
            return Branch(self, self.n_branches)

    def take_notes(self, key: tuple[Any, ...]) -> tuple[Note, ...]:
        """Return the remarks of a member, and forget them."""
        with self._changed:
            taken = tuple(note for note in self._notes if note.key == key)
            for note in taken:
                del self._notes[note]
        return taken

    def take_waited(self, key: tuple[Any, ...]) -> float:
        """Return the seconds that a member has waited for rounds and turns, beyond its share of rounds; forget them."""
        with self._changed:
            return self._waited.pop(key, 0.0)

    def _take_seat(self, key: tuple[Any, ...]) -> object:
        with self._changed:
            token = self._invited.pop(key, None) or object()
            self._present[token] = key
        return token

    def _go(self, token: object) -> None:
        with self._changed:
            self._present.pop(token, None)
            self._wake()

    @property
    def _is_complete(self) -> bool:
        return bool(self._waiting) and not self._in_round and self._waiting.keys() >= self._present.keys()

    def _wake(self) -> None:
        """Have one of the waiting threads hold the round, if somebody was the last that they waited for."""
        if self._is_complete or self._closed is not None:
            self._changed.notify_all()

    def _check_member(self, key: tuple[Any, ...]) -> None:
        self.check()
        if self._ended and key[0] in self._ended:
            raise MeetingClosedError("The search has ended.")
        if key in self._expelled:
            raise MemberExpelledError("The fold is not wanted any more.")

    def _has_left(self, key: tuple[Any, ...]) -> bool:
        return key in self._expelled or (bool(self._ended) and key[0] in self._ended)

    def expel(self, key: tuple[Any, ...]) -> None:
        """Have a member leave when it next brings something."""
        with self._changed:
            self._expelled.add(key)
            self._uninvite()

    def end_branch(self, number: int) -> None:
        """Have the members of a branch leave when they next bring something."""
        with self._changed:
            self._ended.add(number)
            self._uninvite()

    def _uninvite(self) -> None:
        for key in [key for key in self._invited if self._has_left(key)]:
            self._present.pop(self._invited.pop(key), None)
        self._changed.notify_all()

    def _bring(self, token: object, brought: Brought) -> Any:
        start = time.perf_counter()
        self._turns.release()
        try:
            outcome, error, share = self._met(token, brought)
        finally:
            self._turns.acquire()
        with self._changed:
            waited = time.perf_counter() - start - share
            self._waited[brought.key] = self._waited.get(brought.key, 0.0) + waited
        if error is not None:
            raise error
        return outcome

    def _met(self, token: object, brought: Brought) -> tuple[Any, BaseException | None, float]:
        """Wait for the round, or hold it; return the outcome, or the error, and the member's share of its seconds."""
        with self._changed:
            self._check_member(brought.key)
            self._waiting[token] = brought
            self._expecting.add(token)
            try:
                while token not in self._outcomes:
                    self._check_member(brought.key)
                    if self._is_complete:
                        self._hold_round(token)
                    else:
                        self._changed.wait()
                return self._outcomes[token]
            finally:
                # an interrupt may come while the thread waits
                self._waiting.pop(token, None)
                self._expecting.discard(token)
                self._outcomes.pop(token, None)

    def _hold_round(self, leader: object) -> None:
        """Do what has been brought; the lock, held at the call, is free meanwhile."""
        order = sorted(self._waiting.items(), key=lambda item: item[1].key)
        self._waiting.clear()
        self._in_round = True
        self._changed.release()
        start = time.perf_counter()
        outcomes: list[tuple[Any, BaseException | None]]
        try:
            with self._all_turns():
                start = time.perf_counter()
                outcomes = [(each, None) for each in self._done([brought for _, brought in order])]
        except BaseException as error:
            outcomes = [(None, error if token is leader else _for_another(error)) for token, _ in order]
            if not isinstance(error, Exception):
                raise
        finally:
            self._changed.acquire()
            self._in_round = False
            share = (time.perf_counter() - start) / len(order)
            pairs = zip((token for token, _ in order), outcomes, strict=True)
            self._outcomes.update((token, (*outcome, share)) for token, outcome in pairs if token in self._expecting)
            self._changed.notify_all()

    @contextmanager
    def _all_turns(self) -> Iterator[None]:
        """Have no member work for the `with` block: a round may set what holds for the whole process."""
        for _ in range(self.n_turns):
            self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release(self.n_turns)

    def _done(self, brought: list[Brought]) -> list[Any]:
        outcomes: list[Any] = [None] * len(brought)
        for together in dict.fromkeys(each.together for each in brought):
            mine = [i for i, each in enumerate(brought) if each.together == together]
            for i, outcome in zip(mine, together(self, [brought[i].part for i in mine]), strict=True):
                outcomes[i] = outcome
        return outcomes


class Branch:
    """The part of a meeting that belongs to one search of several: its members' keys begin with its number."""

    def __init__(self, meeting: Meeting, number: int) -> None:
        self._meeting = meeting
        self._number = number

    @property
    def n_turns(self) -> int:
        """How many members work at a time."""
        return self._meeting.n_turns

    @property
    def n_branches(self) -> int:
        """Number of branches of the meeting."""
        return self._meeting.n_branches

    def invite(self, key: tuple[Any, ...]) -> None:
        """Have everybody wait for a member that is still to come."""
        self._meeting.invite((self._number, *key))

    def expel(self, key: tuple[Any, ...]) -> None:
        """Have a member leave when it next brings something."""
        self._meeting.expel((self._number, *key))

    def member(self, key: tuple[Any, ...]) -> AbstractContextManager[None]:
        """Make this thread a member for the `with` block."""
        return self._meeting.member((self._number, *key))

    def close(self, error: BaseException) -> None:
        """End the branch: its members get a MeetingClosedError when they next bring something."""
        self._meeting.end_branch(self._number)


class _Place(NamedTuple):
    """A member as its thread sees it."""

    meeting: Meeting
    token: object
    key: tuple[Any, ...]
    terms: Terms

    def bring(self, part: Any, together: Callable[[Meeting, Sequence[Any]], Sequence[Any]]) -> Any:
        """Wait until all members have brought a part, and return the outcome of this one.

        Parameters
        ----------
        part : object
            The part.
        together : callable
            Does the parts of a round; see `Brought`.

        Raises
        ------
        MeetingClosedError
            If the meeting is closed before.
        """
        return self.meeting._bring(self.token, Brought(self.key, part, together))

    def note(self, group: str, reason: str | None, n_fit: int = 0) -> None:
        """Keep a remark on how this member's part is done; see `Note`."""
        self.meeting.note(Note(self.key, group, reason, n_fit))

    def check(self) -> None:
        """Raise MeetingClosedError if the meeting was closed, or this member expelled."""
        self.meeting._check_member(self.key)


def current_place() -> _Place | None:
    """Return this thread's place in the meeting that it is a member of; None outside a meeting."""
    return getattr(_here, "place", None)


def _for_another(error: BaseException) -> BaseException:
    """Return an error for a thread that did not raise `error` itself."""
    made = MeetingClosedError(f"Another thread of the meeting failed: {error!r}.")
    made.__cause__ = error
    return made


@contextmanager
def in_meeting(key: tuple[Any, ...], terms: Terms) -> Iterator["_Place"]:
    """Yield this thread's place in its meeting; in one of its own, for the `with` block, where it is in none.

    Parameters
    ----------
    key : tuple
        The member's key in a meeting of its own.
    terms : Terms
        Its terms, for the `with` block.
    """
    if (place := current_place()) is None:
        with Meeting().member(key, terms):
            yield _here.place
        return
    _here.place = place._replace(terms=terms)
    try:
        yield _here.place
    finally:
        _here.place = place


@contextmanager
def sharing(meeting: Meeting | None) -> Iterator[None]:
    """Have the searches of this thread meet in one meeting, for the `with` block; None for one each."""
    outer, _here.shared = shared_meeting(), meeting
    try:
        yield
    finally:
        _here.shared = outer


def shared_meeting() -> Meeting | None:
    """Return the meeting that searches of this thread share; None if each has its own."""
    return getattr(_here, "shared", None)
