"""What does a fold cost on Dask and on Ray, and how many bytes travel with it?

X is large and a fit takes next to no time, so that what is left is the cost of a fold: to send it, to wait for it, to
decide what comes next. The peer is scikit-learn's RandomizedSearchCV on the same workers, which joblib's own backends
serve. Bytes are those that this process writes to sockets (Dask; the scheduler has a process of its own), or that it
hands to Ray; "first MB" are those that do not depend on the number of folds, which is X, as often as it is sent.

Run: python benchmarks/clusters.py [--megabytes 200] [--trials 40] [--backends loky dask ray]
"""

import argparse
import contextlib
import os
import platform
import socket
import subprocess
import sys
import time
from importlib.metadata import version

import cloudpickle
import joblib
import numpy as np
from scipy.stats import uniform
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, RandomizedSearchCV

from sk_optuna import OptunaSearchCV

FOLDS = 5


class Instant(BaseEstimator):
    """Reads one row."""

    def __init__(self, a=0.0):
        self.a = a

    def fit(self, X, y=None):
        self.first_ = float(X[0, 0])
        return self

    def score(self, X, y=None):
        return self.first_ - (self.a - 0.3) ** 2


class FirstRows(KFold):
    """Folds of a few rows: it is not to be measured how long it takes to copy the others."""

    def split(self, X, y=None, groups=None):
        yield from super().split(X[:100])


def searches(n_trials, n_jobs):
    given = {"n_jobs": n_jobs, "cv": FirstRows(FOLDS), "refit": False, "random_state": 0}
    space = {"a": uniform(0, 1)}
    return {
        "OptunaSearchCV": lambda: OptunaSearchCV(Instant(), space, n_trials=n_trials, sampler="random", **given),
        "RandomizedSearchCV": lambda: RandomizedSearchCV(Instant(), space, n_iter=n_trials, **given),
    }


@contextlib.contextmanager
def on_loky():
    with joblib.parallel_config("loky", n_jobs=2):
        yield lambda: None


@contextlib.contextmanager
def on_dask():
    """Start a scheduler and two workers, each a process; yield what tells the bytes written since the last call."""
    from distributed import Client
    from distributed.comm.tcp import TCP

    written, write = [0], TCP.write

    async def counted(self, *args, **kwargs):
        n_bytes = await write(self, *args, **kwargs)
        written[0] += n_bytes
        return n_bytes

    def since_last():
        n_bytes, written[0] = written[0], 0
        return n_bytes

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with contextlib.ExitStack() as stack:
        processes = [subprocess.Popen([*command, "--no-dashboard"], **quiet)]
        stack.callback(lambda: [process.terminate() for process in processes])
        address = f"tcp://127.0.0.1:{port}"
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--nworkers", "2"]
        processes.append(subprocess.Popen([*worker, "--host", "127.0.0.1", "--no-dashboard"], **quiet))
        client = stack.enter_context(Client(address, timeout=120))
        client.wait_for_workers(2)
        TCP.write = counted
        stack.callback(setattr, TCP, "write", write)
        stack.enter_context(joblib.parallel_config("dask"))
        yield since_last


@contextlib.contextmanager
def on_ray():
    """Start two CPUs of Ray; yield what tells the bytes handed to it since the last call."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.util.joblib import register_ray
    from ray.util.multiprocessing import pool

    from sk_optuna.execution import _ray

    given = [0]
    put, submit, run_batch = ray.put, _ray.RayCluster.submit, pool.Pool._run_batch

    def counted_put(value, *args, **kwargs):
        given[0] += sys.getsizeof(value)
        return put(value, *args, **kwargs)

    def counted_submit(self, ticket, payload):
        given[0] += len(payload)
        return submit(self, ticket, payload)

    def counted_batch(self, index, func, batch):
        given[0] += len(cloudpickle.dumps((func, batch)))
        return run_batch(self, index, func, batch)

    def since_last():
        n_bytes, given[0] = given[0], 0
        return n_bytes

    ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
    ray.put, _ray.RayCluster.submit, pool.Pool._run_batch = counted_put, counted_submit, counted_batch
    register_ray()
    try:
        with joblib.parallel_config("ray", n_jobs=2):
            yield since_last
    finally:
        ray.shutdown()


BACKENDS = {"loky": on_loky, "dask": on_dask, "ray": on_ray}


def measured(make, n_trials, X, since_last):
    """Return seconds of wall and of this process' CPU, and the bytes since the last call, of one search."""
    since_last()
    wall, cpu = time.perf_counter(), time.process_time()
    make().fit(X)
    return np.array([time.perf_counter() - wall, time.process_time() - cpu, since_last() or np.nan])


def measure(name, rows, most_trials):
    """Measure two trials and many: the difference is what further folds cost."""
    with BACKENDS[name]() as since_last:
        for kind in searches(1, None):
            # joblib's backend for Ray sends X with each fold, through memory that other processes need, too.
            n_trials = 2 if (name, kind) == ("ray", "RandomizedSearchCV") else most_trials
            # The first search pays for imports in the workers.
            measured(searches(1, None)[kind], 1, rows[:100], since_last)
            few = measured(searches(2, None)[kind], 2, rows, since_last)
            many = measured(searches(2 + n_trials, None)[kind], 2 + n_trials, rows, since_last)
            wall, cpu, n_bytes = (many - few) / (n_trials * FOLDS)
            first = few[2] - 2 * FOLDS * n_bytes
            print(
                f"{name:8}{kind:22}{1e3 * wall:12.1f}{1e3 * cpu:12.1f}{first / 1e6:14.1f}{n_bytes / 1e3:14.1f}",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    options = parser.parse_args()
    packages = ["sk-optuna", "scikit-learn", "joblib", *({"dask": "distributed"}.get(b, b) for b in options.backends)]
    print(f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in packages if p != "loky"), sep=", ")
    rows = np.random.default_rng(0).normal(size=(options.megabytes * 12_500, 10))
    print(f"X of {rows.nbytes / 1e6:.0f} MB, 2 workers, {options.trials} trials of {FOLDS} folds\n")
    print(f"{'':8}{'':22}{'wall ms':>12}{'CPU ms':>12}{'first MB':>14}{'kB':>14}")
    print(f"{'':30}{'per fold':>12}{'per fold':>12}{'':>14}{'per fold':>14}")
    for name in options.backends:
        measure(name, rows, options.trials)


if __name__ == "__main__":
    main()
