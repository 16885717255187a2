"""A real PostgreSQL server on loopback, for the tests of storages.

scripts/postgresql installs one where it is missing. The server refuses to run as root: where the tests do, it runs as a
user without rights. It ends with this process, even if that is killed: a shell waits for the end of its input.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

# Seconds for a start or an end on a busy machine.
_PATIENCE = 60
# Debian keeps the server's programs out of the path.
_FOLDERS = [*sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True), os.environ.get("PATH", "")]
# Fast, as there is nothing to lose: no row reaches the disk before the server ends.
_SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "max_connections": "50"}
_UNTIL_END_OF_INPUT = """
folder=$1; shift
"$@" & server=$!
word=; read -r word
kill -INT $server; wait $server
[ "$word" = stop ] || rm -rf "$folder"
"""


def _program(name):
    return shutil.which(name, path=os.pathsep.join(_FOLDERS))


def _other_user():
    """Return what makes a process one of a user without rights; nothing if this one is."""
    if os.name != "posix" or os.getuid() != 0:
        return {}
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server with a folder of its own; `stop` and `start` keep the data, as a restart does."""

    def __init__(self, folder):
        self.folder = folder
        self._as_other = _other_user()
        self._data = Path(folder) / "data"
        self._log = Path(folder) / "log"
        self._port = _free_port()
        self._password = secrets.token_hex(16)
        self._process = None
        secret = Path(folder) / "password"
        secret.write_text(self._password)
        self._log.touch()
        if self._as_other:
            for path in (folder, secret, self._log):
                os.chown(path, self._as_other["user"], self._as_other["group"])
        arguments = ["-D", self._data, "-U", "sk_optuna", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8"]
        subprocess.run(
            [_program("initdb"), *arguments, "--locale=C", "--no-sync"],
            check=True,
            capture_output=True,
            timeout=_PATIENCE,
            cwd=folder,
            **self._as_other,
        )

    @property
    def url(self):
        """The URL for SQLAlchemy."""
        return f"postgresql+psycopg://sk_optuna:{self._password}@127.0.0.1:{self._port}/postgres"

    def start(self):
        """Start the server, and return when it takes connections."""
        settings = [f"{name}={value}" for name, value in {"port": self._port, **_SETTINGS}.items()]
        command = [_program("postgres"), "-D", str(self._data)]
        for setting in settings:
            command += ["-c", setting]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", _UNTIL_END_OF_INPUT, "sh", str(self._data.parent), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._data.parent,
                start_new_session=True,
                **self._as_other,
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._takes_connections():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"PostgreSQL did not start:\n{self._log.read_text()}")
            time.sleep(0.05)

    def stop(self):
        """Stop the server, if it runs; connections are closed on it."""
        if self._process is None:
            return
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"stop\n")
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        self._process = None

    def _takes_connections(self):
        asked = subprocess.run(
            [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)], timeout=_PATIENCE, check=False
        )
        return asked.returncode == 0


@contextlib.contextmanager
def _running():
    missing = [name for name in ("initdb", "postgres", "pg_isready") if _program(name) is None]
    missing += [] if find_spec("psycopg") else ["psycopg"]
    if missing:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"{missing} are missing: scripts/postgresql installs the server, pip install -e '.[test]' its driver")
    # Not pytest's folder, into which no other user may look.
    with tempfile.TemporaryDirectory(prefix="sk_optuna_postgresql_", ignore_cleanup_errors=True) as folder:
        server = Server(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgresql_url():
    """Start a server for all tests of this process; they share its one database."""
    with _running() as server:
        yield server.url


@pytest.fixture
def postgresql_server():
    """Start a server for one test, which may stop and start it."""
    with _running() as server:
        yield server
