"""A task that runs beside others has its share of the cores, as joblib's worker processes have."""

import os

import pytest
from joblib import Parallel, cpu_count, delayed, parallel_config

from sk_optuna.execution import threads_of_a_task


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_a_task_that_runs_alone_has_no_limit(n_jobs):
    assert threads_of_a_task(n_jobs) is None


@pytest.mark.parametrize("n_jobs", [2, 3, 64])
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_workers_of_this_machine_share_its_cores(n_jobs, backend):
    with parallel_config(backend):
        assert threads_of_a_task(n_jobs) == max(1, cpu_count() // n_jobs)


def test_the_share_is_joblibs_own():
    with parallel_config("loky", n_jobs=2, inner_max_num_threads=3):
        assert threads_of_a_task(None) == 3
        assert Parallel()(delayed(os.getenv)("OMP_NUM_THREADS") for _ in range(2)) == ["3", "3"]
