"""An estimator that comes to grief, searches with it, and the programs that are interrupted."""

import contextlib
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._joblib import cloudpickle
from sk_optuna.exceptions import WorkerDiedError  # noqa: F401 -- for the tests

# Workers cannot import this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class OwnError(Exception):
    pass


class Fragile(BaseEstimator):
    """Scores `a`, and comes to grief in the given way where `a` has the given value.

    A process dies in the second of two folds only: each death costs the start of new workers.
    """

    def __init__(self, a=0, at=None, how=None, marker=None, nap=0.0):
        self.a = a
        self.at = at
        self.how = how
        self.marker = marker
        self.nap = nap

    def fit(self, X, y=None):
        time.sleep(self.nap)
        if self.a == self.at and (self.how != "exit" or X[0, 0] == DATA[0, 0]):
            self._come_to_grief()
        self.mean_ = float(np.mean(X))
        return self

    def _come_to_grief(self):
        if self.marker is not None:
            if Path(self.marker).exists():
                return
            Path(self.marker).touch()
        if self.how == "exit":
            time.sleep(0.05)
            os._exit(1)
        raise {"own": OwnError, "memory": MemoryError, "interrupt": KeyboardInterrupt}[self.how]("no more")

    def score(self, X, y=None):
        return self.a + self.mean_ + 0.01 * float(np.mean(X))


DATA = np.random.default_rng(0).normal(size=(20, 2))
VALUES = [0, 1, 2, 3, 4, 5]


def search(n_jobs=None, space=None, *, cv=2, n_trials=None, random_state=0, callbacks=None, **rest):
    how = {name: rest.pop(name) for name in ("at", "how", "marker", "nap") if name in rest}
    return OptunaSearchCV(
        Fragile(**how),
        {"a": VALUES} if space is None else space,
        cv=cv,
        n_trials=n_trials,
        random_state=random_state,
        n_jobs=n_jobs,
        study_callbacks=callbacks,
        **rest,
    )


def identity(x):
    return x


@contextlib.contextmanager
def on(backend):
    """Activate the backend; afterwards it must still serve another call, on Dask as soon as a worker is back."""
    patience = {"wait_for_workers_timeout": 250} if backend == "dask" else {}
    with joblib.parallel_config(backend=backend, **patience):
        yield
        assert joblib.Parallel(n_jobs=2)(joblib.delayed(identity)(n) for n in range(6)) == list(range(6))


def assert_nothing_is_unfinished(search):
    """Assert that study and table tell of the same finished trials, whole rows only."""
    states = [trial.state.name for trial in search.study_.trials]
    assert set(states) <= {"COMPLETE", "FAIL", "PRUNED"}
    assert len(states) == search.n_trials_ == len(search.cv_results_["params"])
    assert [trial.number for trial in search.study_.trials] == search.cv_results_["trial_number"].tolist()
    assert states == list(search.cv_results_["trial_state"])


def start(program, **replacements):
    for name, value in replacements.items():
        program = program.replace(name, repr(value))
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="session")
def _dask_client():
    """Start two workers of Dask, processes of one thread, and make them those of `parallel_config("dask")`."""
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
    )
    with cluster, distributed.Client(cluster) as client, _kept_whole(cluster):
        yield client


@contextlib.contextmanager
def _kept_whole(cluster):
    """Have lost workers come back: Dask itself does not start one again that was killed while it started."""
    over = threading.Event()

    def keep():
        while not over.wait(1):
            cluster.scale(2)

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def dask_cluster(_dask_client):
    """Wait for the workers, which the test before may have killed."""
    _dask_client.wait_for_workers(2)
    return _dask_client


@pytest.fixture(autouse=True)
def _cluster_of_the_case(request):
    """Start the cluster that a test's parameter names as an engine or a backend."""
    params = getattr(getattr(request.node, "callspec", None), "params", {})
    if any(isinstance(value, str) and value == "dask" for value in params.values()):
        request.getfixturevalue("dask_cluster")


@pytest.fixture
def faults():
    """Hand out the functions and classes of this file, which tests cannot import."""
    return sys.modules[__name__]
