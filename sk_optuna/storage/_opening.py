"""Open the place where searches are kept: a file, a database by its URL, or an Optuna storage.

A file is SQLite's with a write-ahead log, so that readers never wait, and writers wait for each other instead of
failing. When the last connection is closed, the log is merged into the one file. A journal file of Optuna was the road
not taken: killed while it writes, it leaves a lock, and a torn last line makes it unreadable.

SQLAlchemy is imported where it is used: it takes a third of a second, and most searches have no storage.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage

from sk_optuna.exceptions import InvalidArgumentError, MissingExtraError, StorageError

# Seconds for which a writer waits for another.
_BUSY_TIMEOUT = 60
_MAGIC = b"SQLite format 3\0"
# Other processes may create the tables at the same moment: attempts, and seconds between them.
_ATTEMPTS, _CREATED_IN = 20, 0.2
_OTHERWISE = "The file was not changed. Move it away, or name another one."


def open_storage(storage: Any) -> BaseStorage:
    """Return the Optuna storage that the user's argument means.

    Parameters
    ----------
    storage : str, path-like or optuna.storages.BaseStorage
        A file, which is made if there is none; a URL as SQLAlchemy takes it; or a storage.

    Raises
    ------
    InvalidArgumentError
        Where it is none of these.
    MissingExtraError
        Where a URL needs a driver that is not installed.
    StorageError
        Where it cannot be opened, read or written.
    """
    if isinstance(storage, BaseStorage):
        return storage
    if isinstance(storage, str) and "://" in storage:
        url = _url(storage)
        if url.drivername.partition("+")[0] != "sqlite":
            return _open_database(storage)
        if not url.database or url.database == ":memory:":
            raise InvalidArgumentError(
                f"The 'storage' parameter must be a file or a database that outlives the search, but {storage!r} is in "
                "memory. Name a file, for example storage='search.db', or leave storage out."
            )
        return _open_file(Path(url.database))
    if isinstance(storage, str | os.PathLike) and os.fspath(storage):
        return _open_file(Path(os.fspath(storage)))
    raise InvalidArgumentError(
        "The 'storage' parameter must be None, the path of a file, a URL such as 'postgresql+psycopg://user@host/name' "
        f"or an Optuna storage, but got {storage!r} of type {type(storage).__name__}. Write, for example, "
        "storage='search.db'."
    )


def close_storage(storage: BaseStorage) -> None:
    """Close a storage that `open_storage` made of a path or a URL; the log of a file is merged into it."""
    storage.remove_session()
    if isinstance(storage, RDBStorage):
        storage.engine.dispose()


def faults(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Return the exceptions of a storage that cannot be read or written, and others."""
    from sqlalchemy.exc import SQLAlchemyError

    return StorageInternalError, SQLAlchemyError, OSError, *others


def _url(text: str) -> Any:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(text)
    except ArgumentError as error:
        raise InvalidArgumentError(
            f"The 'storage' parameter must be a path or a URL as SQLAlchemy takes it, but got {text!r}: {error}. "
            "Write, for example, 'postgresql+psycopg://user:password@host/name', or a path without '://'."
        ) from None


def _open_database(url: str) -> RDBStorage:
    from sqlalchemy.exc import NoSuchModuleError

    name = _url(url).render_as_string(hide_password=True)
    try:
        return _opened(url, {})
    except (ImportError, NoSuchModuleError) as error:
        driver = error.__cause__ or error
        raise MissingExtraError(
            f"storage={name!r} needs a driver for its database, which is not installed: {driver}. Install it, for "
            "example psycopg for 'postgresql+psycopg://' or pymysql for 'mysql+pymysql://'."
        ) from error
    except faults(RuntimeError) as error:
        raise StorageError(
            f"storage={name!r} cannot be opened: {_first_line(error)}. Check that the server runs, that the database "
            "exists, and that the user may create tables in it."
        ) from error


def _open_file(path: Path) -> RDBStorage:
    from sqlalchemy import event
    from sqlalchemy.engine import URL

    with _explained(path):
        _check_place(path)
        _prepare(path)
        url = URL.create("sqlite", database=str(path)).render_as_string()
        # braces are Optuna's, for a version
        url = url.replace("{", "{{").replace("}", "}}")
        storage = _opened(url, {"connect_args": {"timeout": _BUSY_TIMEOUT}})
    event.listen(storage.engine, "connect", _write_without_flushing_each_time)
    return storage


def _check_place(path: Path) -> None:
    if path.is_dir():
        raise StorageError(f"storage={str(path)!r} must be a file, but it is a directory. Name a file in it.")
    if not path.parent.is_dir():
        raise StorageError(
            f"storage={str(path)!r} must be in a directory that exists, but {str(path.parent)!r} is none. Create it "
            "first."
        )
    if path.exists():
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
        if start and start != _MAGIC:
            raise StorageError(f"storage={str(path)!r} is a file, but no SQLite database. {_OTHERWISE}")


def _prepare(path: Path) -> None:
    """Check an existing file, and turn on the write-ahead log."""
    with closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None)) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise StorageError(f"storage={str(path)!r} is a damaged database: {_first_line(found)}. {_OTHERWISE}")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and "studies" not in tables:
            raise StorageError(
                f"storage={str(path)!r} is a database of something else, with the tables {sorted(tables)}. {_OTHERWISE}"
            )
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StorageError(
                f"storage={str(path)!r} is on a file system on which processes cannot share memory, as NFS often is "
                f"(SQLite's journal mode stays {mode!r}). Name a file on a local disk, or use a database server."
            )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of the file system and of SQLite into ones that name the argument."""
    try:
        yield
    except faults(sqlite3.Error, RuntimeError) as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"storage={str(path)!r} cannot be opened: {_first_line(error)}. {_OTHERWISE}") from error


def _opened(url: str, engine_kwargs: dict[str, Any]) -> RDBStorage:
    for _ in range(_ATTEMPTS - 1):
        try:
            return RDBStorage(url, engine_kwargs=engine_kwargs)
        except faults() as error:
            if not _others_create(error):
                raise
            time.sleep(_CREATED_IN)
    return RDBStorage(url, engine_kwargs=engine_kwargs)


def _others_create(error: Exception) -> bool:
    """Return whether an error means that another process creates the same tables, or fills them, at the moment."""
    from sqlalchemy.exc import IntegrityError

    return isinstance(error, IntegrityError) or "already exists" in str(error)


def _write_without_flushing_each_time(connection: Any, record: Any) -> None:
    """Let the operating system write the log to the disk when it likes: a killed process loses nothing by that."""
    connection.execute("PRAGMA synchronous = NORMAL")


def _first_line(error: Any) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
