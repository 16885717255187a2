"""The PostgreSQL server of the tests is a real one, and Optuna keeps studies on it."""

import multiprocessing
import os
import re
import signal
import socket
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
import sqlalchemy
from optuna.distributions import FloatDistribution
from optuna.storages import RDBStorage
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV

DOCS = Path(__file__).parents[2] / "docs"
X, Y = load_iris(return_X_y=True)


def _trial(x):
    return optuna.trial.create_trial(params={"x": x}, distributions={"x": FloatDistribution(0, 1)}, value=x)


@pytest.fixture
def storage_at():
    """Hand out a function that opens a storage, whose connections end with the test."""
    opened = []

    def open_storage(url):
        opened.append(RDBStorage(url))
        return opened[-1]

    yield open_storage
    for storage in opened:
        storage.engine.dispose()


def test_optuna_keeps_a_study_on_a_real_server(postgresql_url, storage_at):
    study = optuna.create_study(storage=storage_at(postgresql_url), study_name="kept", direction="maximize")
    for x in (0.25, 0.5, 0.75):
        study.add_trial(_trial(x))
    read = optuna.load_study(storage=storage_at(postgresql_url), study_name="kept")
    assert [trial.value for trial in read.trials] == [0.25, 0.5, 0.75]
    assert read.best_params == {"x": 0.75}
    engine = sqlalchemy.create_engine(postgresql_url)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("select version()")).scalar().startswith("PostgreSQL")
    engine.dispose()


def test_the_server_asks_for_the_password(postgresql_url):
    url = sqlalchemy.make_url(postgresql_url).set(password="wrong")
    engine = sqlalchemy.create_engine(url)
    with pytest.raises(sqlalchemy.exc.OperationalError, match="password authentication failed"), engine.connect():
        pass


def test_a_restart_keeps_the_study(postgresql_server, storage_at):
    study = optuna.create_study(storage=storage_at(postgresql_server.url), study_name="kept")
    study.add_trial(_trial(0.5))
    postgresql_server.stop()
    with pytest.raises(ConnectionRefusedError):
        _connect(postgresql_server.url)
    postgresql_server.start()
    assert len(optuna.load_study(storage=storage_at(postgresql_server.url), study_name="kept").trials) == 1


def test_a_search_goes_on_when_the_server_was_restarted(postgresql_server, storage_at):
    def restart(study, trial):
        if trial.number == 3:
            postgresql_server.stop()
            postgresql_server.start()

    def search(**arguments):
        arguments = {"n_trials": 8, "cv": 3, "random_state": 0, "refit": False, **arguments}
        return OptunaSearchCV(SVC(), {"C": loguniform(0.1, 100)}, **arguments).fit(X, Y)

    found = search(storage=postgresql_server.url, study_name="restarted", study_callbacks=[restart])
    whole = search()
    np.testing.assert_array_equal(found.cv_results_["mean_test_score"], whole.cv_results_["mean_test_score"])
    kept = optuna.load_study(storage=storage_at(postgresql_server.url), study_name="restarted").trials
    assert [trial.value for trial in kept] == list(whole.cv_results_["mean_test_score"])


def test_the_guides_jobs_that_share_a_study_run_its_trials_once(postgresql_url, storage_at, monkeypatch):
    (code,) = (
        block
        for block in re.findall(r"^```python\n(.*?)^```", (DOCS / "clusters.md").read_text(), re.DOTALL | re.MULTILINE)
        if "SLURM_CPUS_PER_TASK" in block
    )
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    code = code.replace("postgresql+psycopg://me@db.example.org/search", postgresql_url).replace("=400,", "=6,")
    assert postgresql_url in code
    given = [{"SVC": SVC, "loguniform": loguniform, "X": X, "y": Y} for _ in range(2)]
    for each in given:
        exec(code, each)
    first, again = (each["search"].cv_results_["mean_test_score"].tolist() for each in given)
    assert first == again
    trials = optuna.load_study(storage=storage_at(postgresql_url), study_name="digits-svc").trials
    assert [trial.value for trial in trials] == first
    assert len(first) == 6


def _connect(url):
    parts = sqlalchemy.make_url(url)
    socket.create_connection((parts.host, parts.port), timeout=30).close()


def _serve(pipe):
    """Start a server, say where it is, and wait to be killed."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("server", os.path.join(os.path.dirname(__file__), "conftest.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    with module._running() as server:
        pipe.send((server.url, server.folder))
        signal.pause()


def test_the_server_ends_with_the_process_that_started_it(postgresql_url):
    """The session's own server is a fixture here: where there is none this is skipped."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs,))
    process.start()
    assert ours.poll(120)
    url, folder = ours.recv()
    assert os.listdir(folder)
    _connect(url)
    process.kill()
    process.join()
    while True:
        try:
            _connect(url)
        except ConnectionResetError:
            continue  # it is ending
        except ConnectionRefusedError:
            break
    while list(Path(folder).glob("*")):
        time.sleep(0.05)
