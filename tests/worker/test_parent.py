"""A worker does not outlive the process that it works for."""

import os
import signal
import subprocess
import sys
import time

import pytest

DRIVER = """
import os, sys, time
from pathlib import Path
from joblib import parallel_config
from scipy.stats import uniform
from sklearn.dummy import DummyRegressor
from sk_optuna import OptunaSearchCV

class Tells(DummyRegressor):
    def fit(self, X, y):
        (Path(sys.argv[2]) / str(os.getpid())).touch()
        time.sleep(0.05)
        return super().fit(X, y)

X = [[0.0]] * 20
with parallel_config(backend=sys.argv[1]):
    OptunaSearchCV(Tells(), {"quantile": uniform(0, 1)}, n_trials=10**6, cv=4, n_jobs=2).fit(X, [0.0, 1.0] * 10)
"""


def is_there(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # one that has ended and is nobody's child may stay on as a zombie
    with open(f"/proc/{process}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("backend", ["loky", pytest.param("multiprocessing", marks=pytest.mark.slow)])
def test_workers_end_when_their_driver_was_killed(tmp_path, backend):
    code = DRIVER.replace("sys.argv[2]", repr(str(tmp_path)))
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, backend], stderr=subprocess.DEVNULL) as driver:
        while len(os.listdir(tmp_path)) < 2:
            assert driver.poll() is None
            time.sleep(0.01)
        driver.send_signal(signal.SIGKILL)
    workers = [int(name) for name in os.listdir(tmp_path)]
    assert driver.pid not in workers
    while any(map(is_there, workers)):
        time.sleep(0.01)
