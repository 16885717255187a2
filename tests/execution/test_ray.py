"""A search on Ray: its data put once, whatever happens to an actor. tests/search/test_determinism.py has the results.

Ray takes seconds to start, and its actors, too: one cluster serves this file, and few tests start actors.
"""

import os
import re
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.pool import PicklingPool
from sklearn.exceptions import FitFailedWarning

pytest.importorskip("ray")

import ray

from sk_optuna.exceptions import WorkerDiedError
from sk_optuna.execution import _ray, open_engine
from sk_optuna.execution._cluster import ClusterEngine

pytestmark = [
    pytest.mark.usefixtures("on_ray", "sent_by_value"),
    # Ray's own, where it looks for accelerators, starts processes and leaves their files to the garbage collector
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning", "ignore::DeprecationWarning"),
]

ROWS = np.random.default_rng(0).normal(size=(200_000, 2))


@pytest.fixture(scope="module")
def ray_cluster():
    """Start a cluster of two CPUs on this machine, as a user's first call would, but for the dashboard."""
    from ray.util.joblib import register_ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            logging_level="ERROR",
            log_to_driver=False,
        )
        try:
            register_ray()
            yield
        finally:
            ray.shutdown()


@pytest.fixture
def on_ray(ray_cluster):
    with joblib.parallel_config(backend="ray", n_jobs=2):
        yield


class _Total:
    """A function that holds rows, and may end badly."""

    def __init__(self, rows):
        self.rows = rows

    def __call__(self, n):
        if n == "raise":
            raise LookupError("no such row")
        if n == "lock":
            return threading.Lock()
        return os.getpid(), self.rows.flags.writeable, float(self.rows[n].sum())


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="says which processes live")
def test_tasks_come_back_and_neither_data_nor_actors_stay(monkeypatch):
    payloads, submit, bases = [], _ray.RayCluster.submit, PicklingPool.__bases__

    def noted(self, ticket, payload):
        payloads.append(len(payload))
        submit(self, ticket, payload)

    monkeypatch.setattr(_ray.RayCluster, "submit", noted)
    with open_engine(_Total(ROWS), n_jobs=None, pre_dispatch="all") as engine:
        assert isinstance(engine, ClusterEngine)
        for n in [*range(20), "raise", "lock"]:
            engine.submit(n, n)
        outcomes = {outcome.key: outcome for outcome in (engine.wait() for _ in range(22))}
        assert engine.is_idle
        engine.submit("late", 0)
    assert max(payloads) < 100
    assert isinstance(outcomes.pop("raise").error, LookupError)
    assert "pickle" in str(outcomes.pop("lock").error)
    assert [outcomes[n].result[2] for n in range(20)] == [ROWS[n].sum() for n in range(20)]
    # Shared memory, which nobody may write to.
    assert not any(outcome.result[1] for outcome in outcomes.values())
    assert not [thread for thread in threading.enumerate() if thread.name == "sk_optuna-ray"]
    # Ray's backend for joblib would have changed joblib's pool of multiprocessing for good.
    assert PicklingPool.__bases__ == bases
    pids = {outcome.result[0] for outcome in outcomes.values()}
    while any(_is_alive(pid) for pid in pids):
        time.sleep(0.05)


def test_a_task_that_no_actor_has_taken_can_be_taken_back(tmp_path):
    with open_engine(_wait_for, n_jobs=None, pre_dispatch="all") as engine:
        for n in range(6):
            engine.submit(n, str(tmp_path / "go"))
        assert engine.cancel(5)
        assert not engine.cancel(5)
        (tmp_path / "go").touch()
        assert sorted(engine.wait().key for _ in range(5)) == list(range(5))
        assert engine.is_idle


def _wait_for(path):
    while not Path(path).exists():
        time.sleep(0.001)


def test_an_actor_that_dies_costs_its_own_fold_and_no_other(faults, tmp_path):
    alone = faults.search(1).fit(faults.DATA)
    once = faults.search(2, at=3, how="exit", marker=str(tmp_path / "died")).fit(faults.DATA)
    assert (tmp_path / "died").exists()
    assert list(once.cv_results_["mean_test_score"]) == list(alone.cv_results_["mean_test_score"])
    with pytest.warns(FitFailedWarning, match="1 fits failed out of a total of 12"):
        always = faults.search(2, at=5, how="exit", error_score=99.0).fit(faults.DATA)
    assert list(always.cv_results_["trial_state"]) == ["COMPLETE"] * 5 + ["FAIL"]
    assert list(always.cv_results_["mean_test_score"][:5]) == list(alone.cv_results_["mean_test_score"][:5])
    faults.assert_nothing_is_unfinished(always)


def test_the_guide_on_clusters_runs_on_ray(monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    [on_ray] = [block for block in blocks if "import ray" in block]
    given = {"joblib": joblib}
    exec(blocks[0], given)
    alone = given["search"].fit(given["X"], given["y"]).cv_results_["mean_test_score"].tolist()
    monkeypatch.setattr(ray, "init", lambda: None)  # the cluster runs already
    exec(on_ray, given)
    assert given["search"].cv_results_["mean_test_score"].tolist() == alone


def test_actors_that_cannot_start_end_the_search_with_an_error(faults, monkeypatch):
    monkeypatch.setattr(_ray, "NO_WORKER_FOR", 0.5)
    with (
        joblib.parallel_config(backend="ray", n_jobs=2, ray_remote_args={"num_cpus": 64}),
        pytest.raises(WorkerDiedError, match="No actor of Ray with "),
    ):
        faults.search(2).fit(faults.DATA)
