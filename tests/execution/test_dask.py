"""A search on a cluster of Dask: the same as in this thread, its data sent once, whatever happens to a worker."""

import os
import signal

import joblib
import numpy as np
import pytest

pytest.importorskip("distributed")

from distributed.comm.tcp import TCP

from sk_optuna.execution import _dask, open_engine

pytestmark = [
    pytest.mark.usefixtures("dask_cluster", "sent_by_value"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

ROWS = np.random.default_rng(0).normal(size=(200_000, 2))


@pytest.fixture
def on_dask():
    with joblib.parallel_config(backend="dask"):
        yield


def _pids(client):
    return set(client.run(os.getpid).values())


def _kill(pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _assert_same_scores(search, alone):
    for key in ("params", "split0_test_score", "split1_test_score", "rank_test_score", "trial_state"):
        assert list(search.cv_results_[key]) == list(alone.cv_results_[key])


@pytest.mark.parametrize("n_killed", [1, 2])
def test_workers_that_are_killed_cost_no_fold(dask_cluster, faults, n_killed, on_dask):
    """With both the cluster loses the data, too."""

    def kill(study, trial):
        if trial.number == 1:
            _kill(sorted(_pids(dask_cluster))[:n_killed])

    search = faults.search(-1, nap=0.02, callbacks=[kill]).fit(faults.DATA)
    _assert_same_scores(search, faults.search(1).fit(faults.DATA))
    assert set(search.cv_results_["trial_state"]) == {"COMPLETE"}


def test_a_search_ends_with_an_error_if_no_worker_comes_back(faults, monkeypatch):
    from distributed import Client, LocalCluster

    monkeypatch.setattr(_dask, "NO_WORKER_FOR", 0.5)
    cluster = LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
    )
    with cluster, Client(cluster, set_as_default=False) as client:

        def close(study, trial):
            cluster.scale(0)

        with (
            joblib.parallel_config(backend="dask", client=client, wait_for_workers_timeout=0.5),
            pytest.raises(faults.WorkerDiedError, match="Start workers and search again"),
        ):
            faults.search(-1, nap=0.1, callbacks=[close]).fit(faults.DATA)


def _process_of(n):
    return os.getpid()


def test_a_single_worker_may_be_on_another_machine_and_has_the_folds(monkeypatch, on_dask):
    """And workers that come later have folds, too."""
    monkeypatch.setattr(joblib._dask.DaskDistributedBackend, "effective_n_jobs", lambda self, n_jobs: 1)
    with open_engine(_process_of, n_jobs=None, pre_dispatch="3*n_jobs") as engine:
        for n in range(3):
            assert engine.has_room
            engine.submit(n, n)
        assert not engine.has_room
        assert os.getpid() not in {engine.wait().result for _ in range(3)}
        engine.submit("a look", "a look")
        engine._next_look = 0.0
        engine.wait()
        for n in range(6):
            assert engine.has_room
            engine.submit(n, n)
        assert os.getpid() not in {engine.wait().result for _ in range(6)}


class _Total:
    """A function that holds rows."""

    def __init__(self, rows):
        self.rows = rows

    def __call__(self, n):
        return float(self.rows[n].sum()), self.rows.flags.writeable


def test_data_is_sent_once_and_not_with_each_task(monkeypatch, on_dask):
    written = []
    write = TCP.write

    async def noted(self, *args, **kwargs):
        written.append(await write(self, *args, **kwargs))
        return written[-1]

    monkeypatch.setattr(TCP, "write", noted)
    with open_engine(_Total(ROWS), n_jobs=None, pre_dispatch="2*n_jobs") as engine:
        for n in range(4):
            engine.submit(n, n)
        for n in range(4, 24):
            assert engine.wait().result[1] is False
            engine.submit(n, n)
        found = [engine.wait().result[0] for _ in range(4)]
    assert len(found) == 4
    # The scheduler lives in this process, too: it receives the rows here and sends them to a worker, who sends them on.
    assert ROWS.nbytes < sum(written) < 2.5 * ROWS.nbytes


def test_nothing_is_left_on_the_cluster(dask_cluster, faults, on_dask):
    held = set(dask_cluster.has_what().values()), dask_cluster.run_on_scheduler(_clients)
    faults.search(-1).fit(faults.DATA)
    with pytest.raises(faults.OwnError):
        faults.search(-1, at=3, how="own", error_score="raise").fit(faults.DATA)
    dask_cluster.sync(dask_cluster.scheduler.identity)
    assert (set(dask_cluster.has_what().values()), dask_cluster.run_on_scheduler(_clients)) == held


def _clients(dask_scheduler):
    return set(dask_scheduler.clients)


def _search_on_dask(search, rows):
    with joblib.parallel_config(backend="dask"):
        return list(search.fit(rows).cv_results_["mean_test_score"])


def test_a_search_within_a_task_of_dask_runs_on_the_same_cluster(dask_cluster, faults):
    given = faults.search(-1), faults.DATA
    found = dask_cluster.submit(_search_on_dask, *given, pure=False).result(timeout=120)
    assert found == list(faults.search(1).fit(faults.DATA).cv_results_["mean_test_score"])
