"""Several drivers share a study: each trial is told once, and all have the whole table in the end."""

import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import optuna
import pytest
from joblib import parallel_config
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import KFold
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.storage import _driver as driver_module

X, Y = load_iris(return_X_y=True)
RANGES = {"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-4, 1e1)}
GRID = {"C": [0.1, 1.0, 10.0, 100.0], "kernel": ["rbf", "linear"]}
# Seconds without a sign of life, as they are and as tests make them; busy machines stop processes for seconds.
LEASE, SHORT_LEASE = 60, 6

DRIVER = """
import pickle, signal, sys
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.svm import SVC
import sk_optuna.storage._drivers
from sk_optuna import OptunaSearchCV

sk_optuna.storage._drivers.LEASE = {lease}
path, out, n_fits, n_trials = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
fitted = 0

class Model(SVC):
    def fit(self, X, y):
        global fitted
        fitted += 1
        if fitted > n_fits:
            print("hangs", flush=True)
            signal.pause()
        return super().fit(X, y)

X, y = load_iris(return_X_y=True)
space = {{"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-4, 1e1)}}
search = OptunaSearchCV(
    Model(), space, n_trials=n_trials, cv=3, random_state=0, storage=path, study_name="shared", refit=False
).fit(X, y)
trials = [(trial.number, trial.state.name, trial.value, trial.params) for trial in search.study_.trials]
with open(out, "wb") as file:
    pickle.dump((dict(search.cv_results_), search.best_params_, trials, fitted), file)
"""
FOR_EVER = 10**6


class Drivers:
    """Starts processes that run the same search on the same file, and knows their results."""

    def __init__(self, directory):
        self.path = directory / "search.db"
        self._directory = directory
        self._started = []

    def start(self, n_fits=FOR_EVER, n_trials=12, lease=SHORT_LEASE):
        """Start a driver that hangs for ever after so many fits."""
        out = self._directory / f"driver{len(self._started)}"
        code = DRIVER.format(lease=lease)
        arguments = [sys.executable, "-c", code, str(self.path), str(out), str(n_fits), str(n_trials)]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        self._started.append(process)
        return process, out

    def results_of(self, *started):
        """Wait for drivers, and return their tables, best parameters, trials and numbers of fits."""
        assert [process.wait() for process, _ in started] == [0] * len(started)
        return [pickle.loads(out.read_bytes()) for _, out in started]

    def trials(self):
        """Return the trials in the file."""
        storage = optuna.storages.RDBStorage(f"sqlite:///{self.path}")
        trials = optuna.load_study(study_name="shared", storage=storage).get_trials()
        storage.engine.dispose()
        return trials

    def end(self):
        for process in self._started:
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.fixture
def drivers(tmp_path):
    drivers = Drivers(tmp_path)
    yield drivers
    drivers.end()


def wait_until_it_hangs(started):
    process, _ = started
    assert process.stdout.readline() == "hangs\n"


def kill(started):
    process, _ = started
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def assert_equal(one, other):
    table, best, trials, _ = one
    other_table, other_best, other_trials, _ = other
    assert list(table) == list(other_table)
    for name, column in table.items():
        np.testing.assert_equal(list(column), list(other_table[name]), err_msg=name)
    assert best == other_best
    assert trials == other_trials


def assert_whole(trials, n_trials):
    assert [trial.number for trial in trials] == list(range(n_trials))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert len({tuple(trial.params.items()) for trial in trials}) == n_trials


def test_of_four_drivers_two_are_killed_and_each_trial_is_told_once(drivers):
    # the first to come may have claimed eight, as one that is alone has in flight; the second hangs in another
    n_trials = 8 + 1 + 6 + 1
    killed = [drivers.start(n_fits=1, n_trials=n_trials), drivers.start(n_fits=4, n_trials=n_trials)]
    for each in killed:
        wait_until_it_hangs(each)
    others = [drivers.start(n_trials=n_trials), drivers.start(n_trials=n_trials)]
    while sum(trial.state == TrialState.COMPLETE for trial in drivers.trials()) < 6:
        time.sleep(0.05)
    for each in killed:
        kill(each)
    one, other = drivers.results_of(*others)
    assert [path.name for path in drivers.path.parent.glob("search.db*")] == ["search.db"]
    assert_equal(one, other)
    assert_whole(drivers.trials(), n_trials)
    assert len(one[0]["params"]) == n_trials
    # the folds of the one trial that the killed drivers told, and those of which a trial has no record
    assert one[3] + other[3] >= (n_trials - 1) * 3


def test_two_that_start_at_once_run_each_fold_once(drivers):
    one, other = drivers.results_of(drivers.start(lease=LEASE), drivers.start(lease=LEASE))
    assert_whole(drivers.trials(), 12)
    assert one[3] + other[3] == 12 * 3
    assert_equal(one, other)


def test_when_all_are_killed_the_next_one_runs_what_they_left(drivers):
    killed = [drivers.start(n_fits=2), drivers.start(n_fits=4)]
    for each in killed:
        wait_until_it_hangs(each)
    for each in killed:
        kill(each)
    assert any(trial.state == TrialState.RUNNING for trial in drivers.trials())
    (result,) = drivers.results_of(drivers.start())
    assert_whole(drivers.trials(), 12)
    assert result[3] >= 11 * 3


@pytest.fixture(params=["memory", "journal", "file"])
def storage(request, tmp_path):
    """Return a function that opens one storage, as each process does for itself."""
    in_memory = InMemoryStorage()
    return {
        "memory": lambda: in_memory,
        "journal": lambda: JournalStorage(JournalFileBackend(str(tmp_path / "journal.log"))),
        "file": lambda: tmp_path / "search.db",
    }[request.param]


# Set once several take part in the study.
SEVERAL = threading.Event()
FITTED = []


class Model(SVC):
    """Is not fitted before several take part in the study; counts its fits."""

    def fit(self, X, y):
        SEVERAL.wait()
        FITTED.append(len(X))
        return super().fit(X, y)


class Epochs(SGDClassifier):
    """The same, by epochs."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        SEVERAL.wait()
        return super().partial_fit(X, y, classes=classes, sample_weight=sample_weight)


@pytest.fixture
def several(monkeypatch):
    """Return a function that fits a search in several threads, the first of which is alone at first."""
    monkeypatch.setattr(driver_module, "_LOOK_EVERY", 0.05)
    SEVERAL.clear()
    FITTED.clear()
    look = driver_module.Driver._look

    def looking(driver):
        look(driver)
        if not driver.is_alone:
            SEVERAL.set()

    monkeypatch.setattr(driver_module.Driver, "_look", looking)

    def fit(searches):
        with ThreadPoolExecutor(len(searches)) as threads:
            return list(threads.map(lambda each: each.fit(X, Y), searches))

    return fit


def search_over(storage, space=RANGES, estimator=None, **arguments):
    defaults = {"n_trials": 20, "cv": KFold(4, shuffle=True, random_state=0), "random_state": 0, "refit": False}
    arguments = {**defaults, "study_name": "shared", "storage": storage, **arguments}
    return OptunaSearchCV(Model() if estimator is None else estimator, space, **arguments)


def trials_in(storage):
    """Return the trials of the shared study, in a storage or in a file."""
    if isinstance(storage, optuna.storages.BaseStorage):
        return optuna.load_study(study_name="shared", storage=storage).get_trials()
    opened = optuna.storages.RDBStorage(f"sqlite:///{storage}")
    trials = trials_in(opened)
    opened.engine.dispose()
    return trials


def assert_same(one, other):
    assert list(one.cv_results_) == list(other.cv_results_)
    for name, column in one.cv_results_.items():
        np.testing.assert_equal(list(column), list(other.cv_results_[name]), err_msg=name)
    assert [trial.values for trial in one.study_.trials] == [trial.values for trial in other.study_.trials]
    assert one.best_params_ == other.best_params_


def test_any_storage_is_shared(storage, several):
    one, other = several([search_over(storage()) for _ in range(2)])
    assert_same(one, other)
    trials = trials_in(storage())
    assert_whole(trials, 20)
    assert [trial.params for trial in trials] == [trial.params for trial in one.study_.trials]
    assert [trial.value for trial in trials] == list(one.cv_results_["mean_test_score"])
    assert len(FITTED) == 20 * 4
    assert_same(search_over(storage()).fit(X, Y), one)
    assert len(FITTED) == 20 * 4
    more = search_over(storage(), n_trials=23).fit(X, Y)
    assert len(FITTED) == 23 * 4
    assert more.cv_results_["params"][:20] == one.cv_results_["params"]
    assert_whole(trials_in(storage()), 23)


@pytest.mark.parametrize(
    ("sampler", "pruner"),
    [
        ("tpe", "race"),
        ("qmc", "halving"),
        pytest.param("auto", "race", marks=pytest.mark.slow),
        pytest.param("gp", "wilcoxon", marks=pytest.mark.slow),
        pytest.param("cmaes", "median", marks=pytest.mark.slow),
        pytest.param("nsgaii", "hyperband", marks=pytest.mark.slow),
    ],
)
def test_samplers_and_pruners_see_the_trials_of_others(several, sampler, pruner):
    storage = InMemoryStorage()
    one, *others = several([search_over(storage, sampler=sampler, pruner=pruner) for _ in range(3)])
    for other in others:
        assert_same(one, other)
    trials = trials_in(storage)
    assert len({tuple(trial.params.items()) for trial in trials}) == len(trials) == 20
    assert [trial.state.name for trial in trials] == list(one.cv_results_["trial_state"])
    fits = len(FITTED)
    assert_same(search_over(storage, sampler=sampler, pruner=pruner).fit(X, Y), one)
    assert len(FITTED) == fits


@pytest.mark.parametrize("pruner", ["race", pytest.param("median", marks=pytest.mark.slow)])
def test_epochs_of_others_are_known(several, pruner):
    storage, space = InMemoryStorage(), {"alpha": loguniform(1e-6, 1e-1), "eta0": loguniform(1e-4, 1.0)}
    estimator = Epochs(max_iter=5, learning_rate="constant", random_state=0)
    arguments = {"space": space, "estimator": estimator, "report": "epoch", "pruner": pruner}
    one, other = several([search_over(storage, **arguments) for _ in range(2)])
    assert_same(one, other)
    for name, column in one.learning_curves_.items():
        np.testing.assert_array_equal(column, other.learning_curves_[name])


def test_a_whole_grid_has_the_rows_that_it_has_alone(several, tmp_path):
    storage, first = InMemoryStorage(), [{"C": 10.0, "kernel": "linear"}]
    arguments = {"space": GRID, "n_trials": None, "initial_params": first}
    one, other = several([search_over(storage, **arguments) for _ in range(2)])
    assert_same(one, other)
    alone = search_over(None, study_name=None, **arguments).fit(X, Y)
    assert one.cv_results_["params"] == alone.cv_results_["params"]
    other.save_study(tmp_path / "saved.db")
    fits = len(FITTED)
    assert_same(search_over(tmp_path / "saved.db", study_name=None, **arguments).fit(X, Y), one)
    assert len(FITTED) == fits


def test_a_sample_of_a_grid_has_no_row_twice(several):
    storage = InMemoryStorage()
    one, other = several([search_over(storage, space=GRID, n_trials=7, sampler="tpe") for _ in range(2)])
    assert_same(one, other)
    assert len({tuple(row.items()) for row in one.cv_results_["params"]}) == 7


def test_trials_of_one_that_is_interrupted_are_run_by_the_others_at_once(several):
    storage = InMemoryStorage()

    def interrupt(study, trial):
        raise KeyboardInterrupt

    def fitted(search):
        try:
            return search.fit(X, Y)
        except KeyboardInterrupt:
            return None

    interrupted, other = search_over(storage, study_callbacks=[interrupt]), search_over(storage)
    with ThreadPoolExecutor(2) as threads:
        _, result = threads.map(fitted, [interrupted, other])
    assert result is other
    assert_whole(trials_in(storage), 20)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_search_with_a_name_is_as_one_without_while_it_is_alone(storage):
    arguments = {"estimator": SVC(), "pruner": "race"}

    def interrupt(study, trial):
        if trial.number == 5:
            raise KeyboardInterrupt

    whole = search_over(None, study_name=None, **arguments).fit(X, Y)
    with pytest.raises(KeyboardInterrupt):
        search_over(storage(), **arguments, study_callbacks=[interrupt]).fit(X, Y)
    assert [trial.number for trial in trials_in(storage())] == list(range(6))
    assert all(trial.state.is_finished() for trial in trials_in(storage()))
    # workers are forked while the driver's thread runs
    with parallel_config("multiprocessing", n_jobs=2):
        named = search_over(storage(), **arguments).fit(X, Y)
    for name, column in whole.cv_results_.items():
        if "time" not in name:
            np.testing.assert_equal(list(column), list(named.cv_results_[name]), err_msg=name)


def test_threads_of_drivers_end_with_the_search(several):
    SEVERAL.set()
    search_over(InMemoryStorage(), n_trials=3).fit(X, Y)
    assert not [thread for thread in threading.enumerate() if thread.name == "sk_optuna-driver"]
