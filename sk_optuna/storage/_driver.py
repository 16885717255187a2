"""One driver of a study that has a name, alone or with others.

A driver that is alone writes ended trials only, in order, as one whose study has no name. Another one that comes waits
until the first has noticed, has claimed its trials in flight, and shares the study from then on. A thread notices, and
gives signs of life, so that a fold may take as long as it likes. A driver does not become alone again: a study with
claims is shared until all of them have ended.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from optuna.trial import FrozenTrial

from sk_optuna.exceptions import StorageError
from sk_optuna.storage import _drivers
from sk_optuna.storage._claims import Claim, Claims, SharedTrial
from sk_optuna.storage._clock import clock_of
from sk_optuna.storage._drivers import Drivers
from sk_optuna.storage._opening import faults
from sk_optuna.storage._store import Store
from sk_optuna.storage._stored_trial import StoredTrial

# Seconds between two looks at whether another driver waits, and between those of one that waits.
_LOOK_EVERY, _WAIT = 1.0, 0.2


class Driver:
    """Takes part in a study, from when no other driver believes that it is alone, until it is closed.

    Parameters
    ----------
    store : Store
        The store, which reads its history anew.

    Attributes
    ----------
    is_alone : bool
        Whether no other driver takes part.
    guard : lock
        To be held from a look at `is_alone` to the end of what depends on it.
    """

    def __init__(self, store: Store) -> None:
        store.make_study()
        self.is_alone = False
        self.guard = threading.RLock()
        self._store = store
        self._drivers = Drivers(store.storage, store.study_id, store.tried, clock_of(store.opened))
        self._claims = Claims(store, self._drivers.name)
        self._in_flight: dict[int, Claim] = {}
        self._has_begun = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._live, name="sk_optuna-driver", daemon=True)
        try:
            store.tried(self._drivers.sign)
            self._thread.start()
            while not self._enter():
                time.sleep(_WAIT)
        except BaseException:
            self.close()
            raise

    def _enter(self) -> bool:
        with self._drivers.turn():
            self._drivers.strike_off_dead()
            modes = {entry.mode for entry in self._drivers.others().values()}
            if "alone" in modes:
                return False
            self._store.read_again()
            is_alone = "shares" not in modes and self._store.is_whole
            self._drivers.write(mode="alone" if is_alone else "shares")
            self.is_alone = is_alone
            return True

    def begin(self) -> None:
        """Note that the beginning of the search is written: others may take part, those that wait at once."""
        with self.guard:
            self._has_begun = True
            self._look()

    def close(self) -> None:
        """Leave the study: what this driver has not told is for others to take over."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        # Without a storage nobody can be told; the lease expires.
        with suppress(StorageError, KeyError, *faults()):
            self._drivers.leave()

    def ask(self, claim: Claim) -> None:
        """Note a trial that this driver runs, with `guard` or in a turn; write its claim unless it is alone."""
        self._in_flight[claim.trial.number] = claim
        if not self.is_alone:
            self._claims.create(claim)

    def take_over(self, number: int) -> None:
        """Run a trial of a driver that is dead, in a turn."""
        self._claims.take_over(number)

    def keep(self, trial: FrozenTrial, kept: StoredTrial, params: Mapping[str, object], metric: str) -> None:
        """Write a trial that was told, unless `settle` has written it.

        Raises
        ------
        StorageError
            Where the storage refuses, or this driver was taken for dead and others went on.
        """
        with self.guard:
            if trial.number not in self._in_flight and not self.is_alone:
                return
            if self.is_alone:
                self._look()
            self._in_flight.pop(trial.number, None)
            if self.is_alone:
                self._store.add(trial, kept, params, metric)
                return
        self._end(trial, kept, params, metric)

    def settle(
        self, trial: FrozenTrial, kept: StoredTrial, params: Mapping[str, object], metric: str
    ) -> StoredTrial | None:
        """Write a trial before it is told, and return how it counts, as another driver may have told it.

        None where this driver is alone: then `keep` writes it.
        """
        with self.guard:
            if self.is_alone:
                return None
            self._in_flight.pop(trial.number, None)
        return self._end(trial, kept, params, metric)

    def _end(self, trial: FrozenTrial, kept: StoredTrial, params: Mapping[str, object], metric: str) -> StoredTrial:
        with self._drivers.turn():
            return self._claims.end(trial, kept, params, metric)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Enter a block in which no other driver claims, takes over or tells a trial."""
        with self._drivers.turn():
            yield

    def look(self) -> tuple[list[SharedTrial], set[str]]:
        """Return the trials of the study and the drivers that live."""
        live = set(self._drivers.live())
        return self._claims.trials(), live

    def _live(self) -> None:
        """Give signs of life, and notice others that wait; runs in the thread."""
        signed = time.monotonic()
        try:
            while not self._closing.wait(min(_LOOK_EVERY, self._drivers.rest)):
                # The thread that runs the search meets the same faults, and reports them.
                with suppress(StorageError, KeyError, *faults()):
                    if self.is_alone:
                        with self.guard:
                            self._look()
                    if time.monotonic() - signed >= self._drivers.rest:
                        self._drivers.sign()
                        signed = time.monotonic()
        finally:
            self._store.opened.remove_session()

    def _look(self) -> None:
        """Go over to sharing if another driver waits for that."""
        if not self.is_alone:
            return
        others = self._drivers.others()
        if self._drivers.is_struck_off or any(entry.mode != "waits" for entry in others.values()):
            raise StorageError(
                f"{self._store.shown} was taken over by another process, since this one gave no sign of life for "
                f"{_drivers.LEASE:.0f} s."
            )
        if others and self._has_begun:
            for number in sorted(self._in_flight):
                self._claims.create(self._in_flight[number])
            self._drivers.write(mode="shares")
            self.is_alone = False
