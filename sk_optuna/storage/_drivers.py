"""The drivers of a study: the processes that take part in it, each with a lease, and turns that one has at a time.

Each driver writes one attribute of the study, its own, and reads those of the others. That is all that storages of
every kind can do: they have no locks, and they delete nothing but whole studies. Turns are taken by Lamport's bakery
algorithm. A lock that is a study of its own, since names are unique, was the road not taken: who breaks the lock of a
killed driver might break that of the next one instead.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal
from uuid import uuid4

from optuna.storages import BaseStorage

# Seconds without a sign of life after which a driver counts as dead.
LEASE = 60.0
# Signs of life in each of them.
_SIGNS = 4
# Seconds between two looks at the others, while one waits for its turn.
_LOOK_EVERY = 0.02
_DRIVER = "sk_optuna:driver:"

Mode = Literal["waits", "alone", "shares"]


@dataclass(frozen=True)
class Entry:
    """An entry in the register.

    Attributes
    ----------
    mode : {"waits", "alone", "shares"}
        Whether the driver waits to take part, believes that it is alone, or shares the study.
    sign : float
        Time of its last sign of life, by the storage's clock.
    chooses : bool
        Whether it is about to choose a ticket.
    ticket : int
        Its place in the queue of those that want a turn; 0 if it wants none.
    """

    mode: Mode = "waits"
    sign: float = 0.0
    chooses: bool = False
    ticket: int = 0


class Drivers:
    """The register of a study's drivers, as one of them sees it.

    Parameters
    ----------
    storage : optuna.storages.BaseStorage
        The storage.
    study_id : int
        The study.
    tried : callable
        Calls a function again and again while the storage refuses.
    clock : callable
        Returns the storage's time in seconds.

    Attributes
    ----------
    name : str
        This driver's own name in the register.
    is_struck_off : bool
        Whether others had struck this driver off, at the last look.
    """

    def __init__(
        self,
        storage: BaseStorage,
        study_id: int,
        tried: Callable[[Callable[[], Any]], Any],
        clock: Callable[[], float],
    ) -> None:
        self.name = uuid4().hex[:12]
        self._storage = storage
        self._study_id = study_id
        self._tried = tried
        self._clock = clock
        self._own = Entry()
        self._ahead = 0.0  # of this process's own clock
        self.is_struck_off = False
        # the thread that gives signs of life writes the same entry
        self._lock = threading.Lock()

    @property
    def rest(self) -> float:
        """Seconds between two signs of life."""
        return LEASE / _SIGNS

    def sign(self) -> None:
        """Give a sign of life."""
        with self._lock:
            # a clock is asked as seldom as that
            now, then = self._clock(), time.monotonic()
            self._ahead = now - then
            self._write(sign=now)

    def write(self, **changes: Any) -> None:
        """Write changes of the own entry."""

        def write() -> None:
            with self._lock:
                self._write(**changes)

        self._tried(write)

    def _write(self, **changes: Any) -> None:
        own = replace(self._own, **changes)
        self._storage.set_study_system_attr(self._study_id, _DRIVER + self.name, asdict(own))
        self._own = own

    def live(self) -> dict[str, Entry]:
        """Return the entries of the drivers that live, this one included unless others have struck it off."""
        now, entries = self._read()
        return {name: entry for name, entry in entries.items() if now - entry.sign <= LEASE}

    def others(self) -> dict[str, Entry]:
        """Return the entries of the other drivers that live."""
        return {name: entry for name, entry in self.live().items() if name != self.name}

    def strike_off_dead(self) -> None:
        """Strike off the drivers whose leases have expired, in a turn: should they wake up, they see it."""
        now, entries = self._read()
        for name, entry in entries.items():
            if now - entry.sign > LEASE:
                self._strike_off(name)

    def leave(self) -> None:
        """Strike off this driver."""
        with self._lock:
            self._storage.set_study_system_attr(self._study_id, _DRIVER + self.name, None)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Enter a block in which no other driver is; others wait, for as long as this one lives."""
        try:
            self._queue_up()
            yield
        finally:
            self.write(chooses=False, ticket=0)

    def _queue_up(self) -> None:
        ticket = self._take_ticket()
        while True:
            live = self.live()
            if self.name not in live:
                # others have struck this driver off, or take it for dead, and may not have seen its ticket
                self._tried(self.sign)
                ticket = self._take_ticket()
                continue
            n_before = sum(_is_before(each, name, ticket, self.name) for name, each in live.items())
            if not n_before:
                return
            time.sleep(_LOOK_EVERY * n_before)

    def _take_ticket(self) -> int:
        self.write(chooses=True, ticket=0)
        ticket = 1 + max((entry.ticket for entry in self.live().values()), default=0)
        self.write(chooses=False, ticket=ticket)
        return ticket

    def _read(self) -> tuple[float, dict[str, Entry]]:
        """Return the storage's time and the register."""
        attributes = self._tried(lambda: self._storage.get_study_system_attrs(self._study_id))
        entries = {
            key.removeprefix(_DRIVER): Entry(**value)
            for key, value in attributes.items()
            if key.startswith(_DRIVER) and value is not None
        }
        self.is_struck_off = self.name not in entries
        return time.monotonic() + self._ahead, entries

    def _strike_off(self, name: str) -> None:
        self._tried(lambda: self._storage.set_study_system_attr(self._study_id, _DRIVER + name, None))


def _is_before(entry: Entry, name: str, ticket: int, own_name: str) -> bool:
    """Return whether another driver has its turn before this one, or may yet choose a ticket that lets it."""
    if name == own_name:
        return False
    return entry.chooses or (entry.ticket > 0 and (entry.ticket, name) < (ticket, own_name))
