"""Open the place where searches are kept: a file, a database by its URL, or an Optuna storage.

A file is SQLite's with a write-ahead log, so that readers never wait, and writers wait for each other instead of
failing. When the last connection is closed, the log is merged into the one file. A journal file of Optuna was the road
not taken: killed while it writes, it leaves a lock, and a torn last line makes it unreadable.

SQLAlchemy is imported where it is used: it takes a third of a second, and most searches have no storage.
"""

import os
import re
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
# Tables of Optuna. The process that makes them may be killed between two of them.
_TABLES = {"studies", "version_info"}
_PASSWORD = re.compile(r"(://[^:/@]*):.*@")


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


def shown(storage: Any) -> str:
    """Return the user's argument for a message, without a password."""
    if isinstance(storage, BaseStorage):
        return type(storage).__name__
    return repr(_PASSWORD.sub(r"\1:***@", storage) if isinstance(storage, str) else os.fspath(storage))


def reason(error: BaseException) -> str:
    """Return the first line of the error that a storage has had, which Optuna's own does not tell."""
    if isinstance(error, StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


class Place:
    """The file in which a storage is, as it was found; what is written to one that was deleted since, is lost.

    Parameters
    ----------
    storage : BaseStorage
        The storage; one that is in no file is always in its place.
    """

    def __init__(self, storage: BaseStorage) -> None:
        url = storage.engine.url if isinstance(storage, RDBStorage) else None
        is_file = url is not None and url.get_backend_name() == "sqlite" and Path(str(url.database)).is_file()
        self._path = Path(str(url.database)).absolute() if url is not None and is_file else None
        self._found = self._identity()

    def check(self) -> None:
        """Check that the file is still there.

        Raises
        ------
        OSError
            Where it is not.
        """
        if self._identity() != self._found:
            raise FileNotFoundError(f"the file {str(self._path)!r} was deleted, moved away, or replaced")

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = None if self._path is None else self._path.stat()
        except OSError:
            return None
        return None if status is None else (status.st_dev, status.st_ino)


def _url(text: str) -> Any:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(text)
    except (ArgumentError, ValueError) as error:
        raise InvalidArgumentError(
            f"The 'storage' parameter must be a path or a URL as SQLAlchemy takes it, but got {shown(text)}: "
            f"{type(error).__name__}. Write, for example, 'postgresql+psycopg://user:password@host:5432/name', or a "
            "path without '://'."
        ) from None


def _open_database(url: str) -> RDBStorage:
    from sqlalchemy.exc import NoSuchModuleError

    name = shown(url)
    try:
        return _opened(url)
    except NoSuchModuleError as error:
        raise MissingExtraError(
            f"storage={name} is of a kind of database that is not known: {url.partition(':')[0]!r}. Write "
            "'postgresql+psycopg://' or 'mysql+pymysql://' (the databases that Optuna supports), or the path of a file."
        ) from error
    except ImportError as error:
        raise MissingExtraError(
            f"storage={name} needs a driver for its database, which is not installed: {error.__cause__ or error}. "
            "Install it, or name one that is: psycopg (pip install 'sk-optuna[postgresql]') goes with "
            "'postgresql+psycopg://', pymysql with 'mysql+pymysql://'."
        ) from error
    except faults(RuntimeError) as error:
        raise StorageError(
            f"storage={name} cannot be opened: {reason(error)}. Check that the server runs, that the database exists, "
            "and that the user may create tables in it."
        ) from error


def _open_file(path: Path) -> RDBStorage:
    from sqlalchemy import event
    from sqlalchemy.engine import URL

    with _explained(path):
        _check_place(path)
        is_complete = _check_file(path)
        if not is_complete:
            _turn_on_log(path)
        url = URL.create("sqlite", database=str(path)).render_as_string()
        # braces are Optuna's, for a version
        url = url.replace("{", "{{").replace("}", "}}")
        # creating the tables of another version's file would change it before it is refused
        storage = _opened(url, {"connect_args": {"timeout": _BUSY_TIMEOUT}}, skip_table_creation=is_complete)
        if is_complete:
            _turn_on_log(path)
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
    log = path.with_name(f"{path.name}-wal")
    if (not path.exists() or not path.stat().st_size) and log.exists() and log.stat().st_size:
        raise StorageError(
            f"storage={str(path)!r} is not there, or empty, but {log.name!r} beside it has candidates that belong to "
            "it. Put the file back where it was; or delete both, to start afresh."
        )
    if path.exists():
        if not path.is_file():
            raise StorageError(f"storage={str(path)!r} must be a plain file, but it is none. Name another one.")
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
        if start and start != _MAGIC:
            raise StorageError(f"storage={str(path)!r} is a file, but no SQLite database. {_OTHERWISE}")


def _check_file(path: Path) -> bool:
    """Check an existing file without changing it, and return whether it has all that Optuna makes at the beginning."""
    if not path.exists() or not path.stat().st_size:
        return False
    # A log is read without being merged. What is left of a transaction without one must be rolled back.
    mode = "rw" if path.with_name(f"{path.name}-journal").exists() else "ro"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_BUSY_TIMEOUT)
    with closing(connection):
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            found = " ".join(found.split()).removeprefix("*** in database main *** ")
            raise StorageError(f"storage={str(path)!r} is a damaged database: {found}. {_OTHERWISE}")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and not tables & _TABLES:
            raise StorageError(
                f"storage={str(path)!r} is a database of something else, with the tables {sorted(tables)}. {_OTHERWISE}"
            )
        return all(
            table in tables and connection.execute(f"SELECT 1 FROM {table}").fetchone()
            for table in ("version_info", "alembic_version")
        )


def _turn_on_log(path: Path) -> None:
    """Turn on the write-ahead log, and check that the file can be written."""
    with closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StorageError(
                f"storage={str(path)!r} is on a file system on which processes cannot share memory, as NFS often is "
                f"(SQLite's journal mode stays {mode!r}). Name a file on a local disk, or use a database server."
            )
        for statement in ("BEGIN IMMEDIATE", "CREATE TABLE sk_optuna (can_be_written)", "ROLLBACK"):
            connection.execute(statement)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of the file system and of SQLite into ones that name the argument."""
    try:
        yield
    except faults(sqlite3.Error, RuntimeError, ValueError) as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"storage={str(path)!r} cannot be opened: {reason(error)}. {_OTHERWISE}") from error


def _opened(url: str, engine_kwargs: dict[str, Any] | None = None, *, skip_table_creation: bool = False) -> RDBStorage:
    for _ in range(_ATTEMPTS - 1):
        try:
            return RDBStorage(url, engine_kwargs=engine_kwargs, skip_table_creation=skip_table_creation)
        except faults() as error:
            if not _others_create(error):
                raise
            time.sleep(_CREATED_IN)
    return RDBStorage(url, engine_kwargs=engine_kwargs, skip_table_creation=skip_table_creation)


def _others_create(error: Exception) -> bool:
    """Return whether an error means that another process creates the same tables, or fills them, at the moment."""
    from sqlalchemy.exc import IntegrityError

    return isinstance(error, IntegrityError) or "already exists" in str(error)


def _write_without_flushing_each_time(connection: Any, record: Any) -> None:
    """Let the operating system write the log to the disk when it likes: a killed process loses nothing by that."""
    connection.execute("PRAGMA synchronous = NORMAL")
