"""A place that cannot be used is refused with the reason and the way on, and no byte of a file changes by that."""

import os
import random
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages import InMemoryStorage, RDBStorage

from sk_optuna.exceptions import InvalidArgumentError, MissingExtraError, StorageError
from sk_optuna.storage import History, Store, StoredTrial
from sk_optuna.storage._opening import Place, close_storage, open_storage, shown

IDENTITY = {"estimator": "sklearn.svm._classes.SVC(C=1.0)"}
N_TRIALS = 12


def write(path, n_trials=N_TRIALS):
    store = Store(path, None, IDENTITY)
    history = History(dict(IDENTITY), {}, 7, [(np.arange(4), np.arange(4, 6))])
    store.create(history)
    for i in range(n_trials):
        trial = StoredTrial({}, "COMPLETE", float(i), {})
        store.add(optuna.trial.create_trial(value=float(i)), trial, {}, "score")
    return store


def values_in(path):
    """Return the values of the trials in a store; None if it has no search."""
    with closing(Store(path, None, IDENTITY)) as store:
        return None if store.history is None else [trial.value for trial in store.history.trials]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search.db"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store that was closed: one file."""
    path = tmp_path_factory.mktemp("whole") / "search.db"
    write(path).close()
    assert os.listdir(path.parent) == [path.name]
    return path


@pytest.fixture(scope="module")
def broken_off(tmp_path_factory):
    """A store whose process was killed: a file and its log."""
    there, path = tmp_path_factory.mktemp("there") / "search.db", tmp_path_factory.mktemp("here") / "search.db"
    with closing(write(there)):
        for name in os.listdir(there.parent):
            shutil.copy(there.parent / name, path.parent / name)
    assert (path.parent / "search.db-wal").stat().st_size > 0
    return path


@pytest.fixture
def as_someone():
    """A folder in which this process may do no more than the modes of files say, also if it is root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    yield folder
    if is_root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_new_file_is_a_database_with_a_log_and_one_file_when_it_is_closed(path):
    storage = open_storage(str(path))
    study = optuna.create_study(storage=storage, study_name="mine")
    study.add_trial(optuna.trial.create_trial(value=1.0))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    close_storage(storage)
    assert os.listdir(path.parent) == [path.name]
    assert len(optuna.load_study(study_name="mine", storage=f"sqlite:///{path}").trials) == 1


@pytest.mark.parametrize("name", ["a b.db", "100%.db", "{x}.db", "a?b=c#d.db", "\N{SNOWMAN}.db", "no_suffix", "a'b.db"])
def test_any_file_name_is_taken_as_it_is(tmp_path, name):
    write(tmp_path / name, 1).close()
    assert os.listdir(tmp_path) == [name]
    assert values_in(tmp_path / name) == [0.0]


def test_an_optuna_storage_is_taken_as_it_is_and_not_closed(path):
    storage = InMemoryStorage()
    assert open_storage(storage) is storage
    own = RDBStorage(f"sqlite:///{path}")
    write(own, 1).close()
    assert len(own.get_all_studies()) == 1


@pytest.mark.parametrize("storage", [5, True, b"search.db", "", [], object(), InMemoryStorage, {"url": "x"}])
def test_what_is_no_storage_is_refused(storage):
    with pytest.raises(
        InvalidArgumentError, match=r"'storage' parameter must be .*Write, for example, storage='search\.db'"
    ):
        open_storage(storage)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite+pysqlite://"])
def test_a_database_in_memory_is_refused(url):
    with pytest.raises(InvalidArgumentError, match=r"in memory\. Name a file"):
        open_storage(url)


@pytest.mark.parametrize("url", ["://", "a b://c", "postgresql+psycopg://me:secret@host:port/name"])
def test_a_url_that_is_none_is_refused_and_no_password_is_shown(url):
    with pytest.raises(InvalidArgumentError, match=r"URL as SQLAlchemy takes it.*a path without '://'") as caught:
        open_storage(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "missing"),
    [
        ("postgresql+pg8000://me:secret@host/name", "No module named 'pg8000'.*psycopg .*goes with 'postgresql"),
        ("mysql+mysqldb://me:secret@host/name", "No module named 'MySQLdb'.*pymysql with"),
        ("postgres://me:secret@host/name", "kind of database that is not known: 'postgres'. Write 'postgresql"),
        ("https://host/search.db", "not known: 'https'.*or the path of a file"),
    ],
)
def test_a_missing_driver_is_named(url, missing):
    with pytest.raises(MissingExtraError, match=missing) as caught:
        open_storage(url)
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_named_without_the_password():
    pytest.importorskip("psycopg")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"postgresql+psycopg://me:secret@127.0.0.1:{taken.getsockname()[1]}/name"
        with pytest.raises(
            StorageError, match=r"me:\*\*\*@127.*cannot be opened: .*refused.*Check that the server runs"
        ) as caught:
            open_storage(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("search.db", "'search.db'"),
        ("postgresql://me:a@b:c@host:5432/name", "'postgresql://me:***@host:5432/name'"),
        ("postgresql://me@host/name", "'postgresql://me@host/name'"),
        (Path("search.db"), "'search.db'"),
        (InMemoryStorage(), "InMemoryStorage"),
    ],
)
def test_messages_show_the_argument_without_a_password(given, expected):
    assert shown(given) == expected


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(StorageError, match=r"is a directory\. Name a file in it"):
        open_storage(tmp_path)


def test_a_missing_directory_is_refused_and_not_made(tmp_path):
    with pytest.raises(StorageError, match=r"in a directory that exists, but .*none/of'? is none. Create it first"):
        open_storage(tmp_path / "none" / "of" / "search.db")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path, name):
    with pytest.raises(StorageError, match="cannot be opened: "):
        open_storage(tmp_path / name)


def test_a_device_and_a_pipe_are_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for special in (tmp_path / "pipe", "/dev/null"):
        with pytest.raises(StorageError, match="must be a plain file"):
            open_storage(special)


@pytest.mark.parametrize("content", [b"C,gamma,score\n1,2,3\n", b"\0" * 4096, b"SQLite format 3", b"SQLite format 3\0"])
def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(path, content):
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"(no SQLite database|cannot be opened|damaged).*The file was not changed"):
        open_storage(path)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


def test_a_database_of_something_else_is_refused_and_stays_as_it_is(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE invoices (id)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"database of something else, with the tables \['invoices'\]"):
        open_storage(path)
    assert path.read_bytes() == before


def test_a_file_of_another_version_of_optuna_is_refused_and_stays_as_it_is(path):
    optuna.create_study(storage=f"sqlite:///{path}", study_name="mine")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
        connection.execute("UPDATE version_info SET library_version = '99.0.0'")
        connection.execute("DROP TABLE trial_heartbeats")  # which would be made
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"set up by optuna 99\.0\.0.*not changed"):
        open_storage(path)
    assert path.read_bytes() == before


def test_a_file_of_optuna_that_had_no_log_is_taken(path):
    optuna.create_study(storage=f"sqlite:///{path}", study_name="theirs").add_trial(
        optuna.trial.create_trial(value=1.0)
    )
    write(path, 2).close()
    assert values_in(path) == [0.0, 1.0]
    assert len(optuna.load_study(study_name="theirs", storage=f"sqlite:///{path}").trials) == 1


def test_a_file_that_may_not_be_read_is_refused(as_someone):
    path = as_someone / "search.db"
    write(path, 1).close()
    path.chmod(0)
    with pytest.raises(StorageError, match=r"cannot be opened: \[Errno 13\] Permission denied"):
        open_storage(path)


def test_a_file_that_may_not_be_written_is_refused_before_the_first_fit(as_someone):
    path = as_someone / "search.db"
    write(path, 1).close()
    path.chmod(stat.S_IREAD)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="cannot be opened: attempt to write a readonly database"):
        open_storage(path)
    assert path.read_bytes() == before


def test_a_directory_that_may_not_be_written_is_refused(as_someone):
    as_someone.chmod(0o555)
    with pytest.raises(StorageError, match="cannot be opened: unable to open database file"):
        open_storage(as_someone / "search.db")


def offsets(size, n):
    return [round(i * (size - 1) / (n - 1)) for i in range(n)]


def outcome(path):
    """Return what becomes of a damaged store: its values, or "refused". Refused files are left as they are."""
    before = path.read_bytes()
    try:
        return values_in(path)
    except StorageError:
        assert path.read_bytes() == before
        return "refused"


@pytest.mark.parametrize("n", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_a_truncated_file_is_refused_unless_nothing_is_missing(whole, path, n):
    content = whole.read_bytes()
    for size in offsets(len(content), n)[1:]:
        path.write_bytes(content[:size])
        assert outcome(path) == "refused"
    path.write_bytes(content)
    assert outcome(path) == list(map(float, range(N_TRIALS)))


@pytest.mark.parametrize("n", [12, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("which", ["search.db", "search.db-wal"])
def test_a_truncated_file_with_a_log_is_refused_or_recovered(broken_off, path, which, n):
    found = set()
    for size in offsets((broken_off.parent / which).stat().st_size, n):
        for name in os.listdir(path.parent):
            (path.parent / name).unlink()
        for name in ("search.db", "search.db-wal"):
            shutil.copy(broken_off.parent / name, path.parent / name)
        os.truncate(path.parent / which, size)
        values = outcome(path)
        # of a log the beginning counts: a store as it was some trials before
        assert values in ("refused", None) or values == list(map(float, range(len(values))))
        if which == "search.db":
            assert values in ("refused", list(map(float, range(N_TRIALS))))
        found.add(str(values))
    assert len(found) > 1 or which == "search.db"


def test_a_log_without_its_file_is_not_thrown_away(broken_off, path):
    log = path.with_name("search.db-wal")
    for there in (False, True):
        shutil.copy(broken_off.with_name("search.db-wal"), log)
        if there:
            path.touch()
        with pytest.raises(StorageError, match=r"'search\.db-wal' beside it has .*Put the file back"):
            open_storage(path)
        assert log.read_bytes() == broken_off.with_name("search.db-wal").read_bytes()


@pytest.mark.parametrize("n", [25, pytest.param(400, marks=pytest.mark.slow)])
def test_flipped_bits_are_refused_or_have_changed_nothing(whole, path, n):
    content, chance = whole.read_bytes(), random.Random(0)
    seen = []
    for _ in range(n):
        at, bit = chance.randrange(len(content)), chance.randrange(8)
        damaged = bytearray(content)
        damaged[at] ^= 1 << bit
        path.write_bytes(damaged)
        for name in ("search.db-wal", "search.db-shm", "search.db-journal"):
            path.with_name(name).unlink(missing_ok=True)
        seen.append(outcome(path))
        # a flipped bit in a study's name makes another study of it, which leaves room for a new one
        assert seen[-1] in ("refused", None, list(map(float, range(N_TRIALS)))), (at, bit)
    assert "refused" in seen


CREATED = """
import sys
import sk_optuna.storage._opening as opening
from optuna.storages import RDBStorage
import sqlalchemy, os, signal
left = int(sys.argv[2])
def count(*args):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", count)
opening.close_storage(opening.open_storage(sys.argv[1]))
"""


@pytest.mark.parametrize("n_statements", [0, 20, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 60, 6))])
def test_a_process_that_was_killed_while_it_made_the_tables_leaves_a_file_that_can_be_used(path, n_statements):
    done = subprocess.run([sys.executable, "-c", CREATED, str(path), str(n_statements)], check=False)
    assert done.returncode in (-9, 0)
    write(path, 2).close()
    assert values_in(path) == [0.0, 1.0]


def test_a_file_that_was_moved_away_or_replaced_is_noticed(path):
    storage = open_storage(path)
    place = Place(storage)
    place.check()
    away = path.with_name("away.db")
    path.rename(away)
    with pytest.raises(OSError, match="was deleted, moved away, or replaced"):
        place.check()
    path.touch()
    with pytest.raises(OSError, match="was deleted, moved away, or replaced"):
        place.check()
    away.replace(path)
    place.check()
    close_storage(storage)
    Place(InMemoryStorage()).check()
