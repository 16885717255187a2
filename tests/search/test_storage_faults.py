"""A storage that fails in mid-search costs no candidate: it is tried again, then the search ends with what it has."""

import os
import resource
import sqlite3
import time
from contextlib import closing

import numpy as np
import optuna
import pytest
from optuna.storages import InMemoryStorage, RDBStorage
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import StorageError

X, Y = load_iris(return_X_y=True)
ENDED = r"ended early, with the \d+ candidates that are finished.*{}.*save_study"


class At:
    """A study callback that does something at a trial."""

    def __init__(self, number, act):
        self.number = number
        self.act = act

    def __call__(self, study, trial):
        if trial.number == self.number:
            self.act()


class Faulty(InMemoryStorage):
    """Fails some times, once it is told to: before it writes, or behind."""

    n_faults = 0

    def create_new_trial(self, study_id, template_trial=None):
        if self.n_faults % 2 == 1:
            self.n_faults -= 1
            raise ConnectionError("the server is gone")
        trial_id = super().create_new_trial(study_id, template_trial)
        if self.n_faults:
            self.n_faults -= 1
            raise TimeoutError("no answer")
        return trial_id


def search_over(**arguments):
    space = {"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-4, 1e1)}
    return OptunaSearchCV(SVC(), space, **{"n_trials": 9, "cv": 3, "random_state": 0, **arguments})


def same(one, other):
    one, other = one.cv_results_, other.cv_results_
    assert list(one) == list(other)
    for name in one:
        if "time" not in name:
            np.testing.assert_equal(list(one[name]), list(other[name]), err_msg=name)


def values_of(storage):
    """Return the values of the trials of the only study in a storage or a file."""
    if not isinstance(storage, optuna.storages.BaseStorage):
        opened = RDBStorage(f"sqlite:///{storage}")
        values = values_of(opened)
        opened.remove_session()
        opened.engine.dispose()
        return values
    (study,) = storage.get_all_studies()
    return [trial.value for trial in storage.get_all_trials(study._study_id)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search.db"


@pytest.fixture(scope="module")
def whole():
    return search_over().fit(X, Y)


@pytest.fixture
def at_once(monkeypatch):
    """Let the search end at the first fault."""
    monkeypatch.setattr("sk_optuna.storage._store._RETRY_FOR", -1.0)


@pytest.mark.parametrize("n_faults", [1, 2, 5])
def test_a_storage_that_recovers_has_each_trial_once(monkeypatch, whole, n_faults):
    monkeypatch.setattr("sk_optuna.storage._store._RETRY_EVERY", 0)
    storage = Faulty()

    def fail():
        storage.n_faults = n_faults

    same(search_over(storage=storage, study_callbacks=[At(3, fail)]).fit(X, Y), whole)
    assert values_of(storage) == [trial.value for trial in whole.study_.trials]


def assert_ends_with_what_it_has_and_can_be_saved(search, path, whole, reason):
    with pytest.warns(UserWarning, match=ENDED.format(reason)):
        search.fit(X, Y)
    n = search.n_trials_
    assert 0 < n < 9
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], whole.cv_results_["mean_test_score"][:n])
    assert search.predict(X[:5]).shape == (5,)
    search.save_study(path)
    same(search_over(storage=path).fit(X, Y), whole)
    assert values_of(path) == [trial.value for trial in whole.study_.trials]


def test_a_storage_that_does_not_recover_ends_the_search_with_what_it_has(at_once, path, whole):
    storage = Faulty()

    def fail():
        storage.n_faults = 10**6 + 1

    search = search_over(storage=storage, study_callbacks=[At(3, fail)])
    assert_ends_with_what_it_has_and_can_be_saved(search, path, whole, "Faulty has refused .* the server is gone")
    assert values_of(storage) == [trial.value for trial in whole.study_.trials[:4]]


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_file_that_is_deleted_ends_the_search_with_what_it_has(at_once, tmp_path, path, whole, n_jobs):
    gone = tmp_path / "gone.db"
    search = search_over(storage=gone, n_jobs=n_jobs, study_callbacks=[At(3, gone.unlink)])
    assert_ends_with_what_it_has_and_can_be_saved(search, path, whole, "gone.db' was deleted, moved away, or replaced")


def test_a_study_that_is_deleted_ends_the_search_with_what_it_has(at_once, tmp_path, path, whole):
    url = f"sqlite:///{tmp_path / 'other.db'}"

    def delete():
        (name,) = optuna.get_all_study_names(url)
        optuna.delete_study(study_name=name, storage=url)

    search = search_over(storage=url, study_callbacks=[At(3, delete)])
    assert_ends_with_what_it_has_and_can_be_saved(search, path, whole, "(is gone|another process writes to it)")


def test_a_full_disk_ends_the_search_with_what_it_has_and_the_file_can_be_used(at_once, tmp_path, path, whole):
    full = tmp_path / "full.db"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill():
        size = full.with_name("full.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    search = search_over(storage=full, study_callbacks=[At(3, fill)])
    try:
        with pytest.warns(UserWarning, match=ENDED.format("full.db' has refused .*(disk I/O error|disk is full)")):
            search.fit(X, Y)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert search.n_trials_ == 5
    search.save_study(path)
    for each in (full, path):
        same(search_over(storage=each).fit(X, Y), whole)
        assert values_of(each) == [trial.value for trial in whole.study_.trials]
    assert sorted(os.listdir(tmp_path)) == ["full.db", "search.db"]


def test_a_disk_that_is_full_from_the_start_is_an_error_before_the_first_fit(path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    fitted = []
    try:
        with pytest.raises(StorageError, match=r"search\.db' cannot be opened: .*(disk I/O error|disk is full)"):
            search_over(storage=path, study_callbacks=[lambda study, trial: fitted.append(trial)]).fit(X, Y)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not fitted
    search_over(storage=path, n_trials=2).fit(X, Y)


def test_a_writer_who_holds_the_file_is_waited_for(monkeypatch, path, whole):
    search_over(storage=path, n_trials=1).fit(X, Y)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        released = []

        def release(seconds):
            if not released:
                released.append(other.execute("ROLLBACK"))

        # a file of the search's own waits within SQLite, for a minute; this one does not
        storage = RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 0}})
        monkeypatch.setattr(time, "sleep", release)
        same(
            search_over(storage=storage, study_callbacks=[At(3, lambda: other.execute("BEGIN IMMEDIATE"))]).fit(X, Y),
            whole,
        )
        assert released
    assert values_of(storage) == [trial.value for trial in whole.study_.trials]
