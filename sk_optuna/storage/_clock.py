"""The clock of a storage: a database has one, so that leases do not depend on how well the drivers' clocks agree."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from optuna.storages import BaseStorage, RDBStorage


def clock_of(storage: BaseStorage) -> Callable[[], float]:
    """Return a function to the seconds that have passed since some moment, by the storage's own clock if it has one."""
    return _DatabaseClock(storage) if isinstance(storage, RDBStorage) else time.time


class _DatabaseClock:
    """The clock of a database.

    Parameters
    ----------
    storage : RDBStorage
        The database.
    """

    def __init__(self, storage: RDBStorage) -> None:
        from sqlalchemy import func, select

        self._engine = storage.engine
        # SQLite's own CURRENT_TIMESTAMP has no fractions, MySQL's is in local time, which jumps.
        now: dict[str, Any] = {"sqlite": func.julianday("now"), "mysql": func.utc_timestamp()}
        self._query = select(now.get(self._engine.dialect.name, func.current_timestamp()))

    def __call__(self) -> float:
        """Return the seconds."""
        with self._engine.connect() as connection:
            now = connection.execute(self._query).scalar_one()
        if isinstance(now, datetime):
            return (now if now.tzinfo else now.replace(tzinfo=UTC)).timestamp()
        return float(now) * 86_400.0
