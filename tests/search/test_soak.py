"""Whatever a search starts, it stops: a long one, and many short ones, leave nothing."""

import gc
import os
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from scipy.stats import uniform
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import KFold

from sk_optuna import OptunaSearchCV

X, Y = np.arange(20.0)[:, None], np.arange(20.0)


class Level(RegressorMixin, BaseEstimator):
    def __init__(self, level=0.5):
        self.level = level

    def fit(self, X, y):
        return self

    def score(self, X, y):
        return -((self.level - 0.7) ** 2) + 0.001 * X[0, 0]


def in_use():
    """Return what this process holds: threads, open files, and folders of its own among the temporary ones."""
    gc.collect()
    files = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if is_open(name)]
    return (
        sorted(thread.name for thread in threading.enumerate()),
        sorted(files),
        sorted(os.listdir(tempfile.gettempdir())),
    )


def is_open(name):
    return os.path.islink(f"/proc/self/fd/{name}")


def resident():
    """Return the resident memory in bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def search_over(n_trials, **arguments):
    cv = KFold(3, shuffle=True, random_state=0)
    defaults = {"sampler": "random", "cv": cv, "random_state": 0, "pruner": "race"}
    return OptunaSearchCV(Level(), {"level": uniform(0, 1)}, n_trials=n_trials, **{**defaults, **arguments})


@pytest.fixture(autouse=True)
def _no_pool():
    """End the workers that tests before left to joblib, which lets go of them at a moment of its own."""
    get_reusable_executor().shutdown(wait=True)


@pytest.fixture
def own_temporary_folder(tmp_path, monkeypatch):
    """Let temporary folders of this process be where no other process has any."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


@pytest.mark.parametrize("n_trials", [60, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("is_stored", [True, False])
def test_a_long_search_leaves_nothing_and_keeps_little(tmp_path, own_temporary_folder, n_trials, is_stored):
    storage = tmp_path / "search.db" if is_stored else None
    search_over(20, storage=storage, study_name="first" if is_stored else None).fit(X, Y)
    before, memory = in_use(), resident()
    search = search_over(n_trials, storage=storage).fit(X, Y)
    assert search.n_trials_ == n_trials
    assert in_use() == before
    # a candidate is a few dicts: in the study, in the record, in the history
    assert resident() - memory < 20e6 + 40e3 * n_trials
    del search
    if is_stored:
        assert sorted(os.listdir(tmp_path)) == ["search.db", "temporary"]


@pytest.mark.parametrize("n_searches", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_many_searches_in_one_file_leave_nothing(tmp_path, own_temporary_folder, n_searches):
    storage = tmp_path / "search.db"
    search_over(3, storage=storage, random_state=10**6).fit(X, Y)
    before, memory = in_use(), resident()
    for i in range(n_searches):
        search_over(3, storage=storage, random_state=i).fit(X, Y)
    assert in_use() == before
    assert resident() - memory < 20e6 + 0.5e6 * n_searches
