"""Folds that idle workers run ahead of a decision: nobody can tell from a search that there were any.

An engine takes the place of the workers here. It runs the folds in the thread of the test, in a drawn order.
"""

import time
import warnings

import joblib
import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.base import BaseEstimator

from sk_optuna.exceptions import WorkerDiedError
from sk_optuna.execution import Excess, Outcome
from sk_optuna.search import _conduct, _fit

K, SIZE = 5, 4
X, Y = np.arange(K * SIZE, dtype=float)[:, None], np.arange(float(K * SIZE))


class Drawn:
    """An engine of some workers; the oldest tasks, one for each, run and end in a drawn order. Tasks may kill."""

    def __init__(self, function, n_workers, seed, kills):
        self._function, self._n_workers, self._kills = function, n_workers, kills
        self._random = np.random.default_rng(seed)
        self._tasks = {}
        self.n_submitted = self.n_cancelled = self.n_raised = self.n_killed = 0

    @property
    def has_room(self):
        return len(self._tasks) < 2 * self._n_workers

    @property
    def is_idle(self):
        return not self._tasks

    @property
    def has_idle_worker(self):
        return len(self._tasks) < self._n_workers

    def submit(self, key, fold):
        assert key not in self._tasks
        self._tasks[key] = fold
        self.n_submitted += 1

    def wait(self):
        key = list(self._tasks)[self._random.integers(min(self._n_workers, len(self._tasks)))]
        fold = self._tasks.pop(key)
        if how := self._kills(fold):
            self.n_killed += 1
            if isinstance(how, Excess):
                return Outcome(key, None, None, 0.1, excess=how)
            return Outcome(key, None, WorkerDiedError("It is dead."), 0.1)
        try:
            return Outcome(key, self._function(fold), None, 0.0)
        except ArithmeticError as error:
            self.n_raised += 1
            return Outcome(key, None, None, 0.0, error)

    def cancel(self, key):
        if key not in list(self._tasks)[self._n_workers :]:
            return False
        del self._tasks[key]
        self.n_cancelled += 1
        return True

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


@pytest.fixture
def on_drawn(monkeypatch):
    """Fit a search on a Drawn engine, and return both."""

    def fit(search, X=X, y=Y, *, n_workers, seed=0, kills=lambda fold: False):
        engines = []

        def open_engine(function, **kwargs):
            engines.append(Drawn(function, n_workers, seed, kills))
            return engines[0]

        with monkeypatch.context() as patch, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
            patch.setattr(_conduct, "open_engine", open_engine)
            return search.fit(X, y), engines[0]

    return fit


def quick(cases, quick_ones):
    return [
        case
        if case in quick_ones
        else pytest.param(*(case if isinstance(case, tuple) else [case]), marks=pytest.mark.slow)
        for case in cases
    ]


PRUNERS = ["race", "race instance", "median", "hyperband", "halving auto", "patient", "wilcoxon instance", "threshold"]


CASES = [(name, sampler, n_workers) for name in PRUNERS for sampler in ("random", "tpe") for n_workers in (2, 3, 8, 30)]


@pytest.mark.parametrize(
    ("name", "sampler", "n_workers"),
    quick(
        CASES, [("race", "tpe", 8), ("race instance", "random", 30), ("median", "random", 8), ("hyperband", "tpe", 3)]
    ),
)
def test_search_is_the_same_with_folds_that_ran_ahead(name, sampler, n_workers, on_drawn, searches):
    arguments = {"pruner": searches.PRUNERS[name], "sampler": sampler, "refit": False}
    expected = searches.fitted(**arguments)
    n_dropped = 0
    for seed in range(2):
        found, engine = on_drawn(searches.search(**arguments, speculate=True), n_workers=n_workers, seed=seed)
        assert searches.same(found, expected)
        n_used = found.cv_results_["n_folds_run"].sum()
        assert found.n_folds_dropped_ == engine.n_submitted - engine.n_cancelled - n_used
        n_dropped += found.n_folds_dropped_
        without, engine = on_drawn(searches.search(**arguments, speculate=False), n_workers=n_workers, seed=seed)
        assert searches.same(without, expected)
        assert without.n_folds_dropped_ == 0
        assert engine.n_submitted == n_used
    assert n_dropped > 0 or n_workers < 8 or name in searches.STOPS_NOBODY
    assert expected.n_folds_dropped_ == 0


class Curves(BaseEstimator):
    """Reports six epochs; good candidates lead the others by little, and in some folds only."""

    def __init__(self, a=0.5):
        self.a = a

    def fit(self, X, y=None):
        return self

    def fit_epochs(self, X, y, monitor):
        (fold,) = set(range(K)) - {int(x) // SIZE for x in X[:, 0]}
        for epoch in range(1, 7):
            self.value_ = (1 - 0.5**epoch) * (1 - 0.1 * self.a + 0.02 * np.sin(997 * self.a * (fold + 1)))
            if epoch == 6:
                self.value_ -= 0.005 * np.sin(991 * self.a)
            if monitor.report():
                break
        monitor.finish()
        return self

    def score(self, X, y=None):
        return float(self.value_)


EPOCH_CASES = [(pruner, checkpoint) for pruner in ("race", "median", "hyperband") for checkpoint in ("last", "best")]


@pytest.mark.parametrize(("pruner", "checkpoint"), quick(EPOCH_CASES, [("race", "best"), ("median", "last")]))
def test_search_by_epochs_is_the_same_with_folds_that_ran_ahead(pruner, checkpoint, on_drawn, searches, monkeypatch):
    reruns = []
    would_have_stopped = _conduct.TrialConduct._would_have_stopped

    def noted(self, *args):
        reruns.append(would_have_stopped(self, *args))
        return reruns[-1]

    monkeypatch.setattr(_conduct.TrialConduct, "_would_have_stopped", noted)
    arguments = {"report": "epoch", "checkpoint": checkpoint, "n_trials": 30, "sampler": "tpe", "refit": False}

    def search(speculate):
        return searches.search({"a": uniform()}, pruner, Curves(), speculate=speculate, **arguments)

    expected = search(False).fit(X, Y)
    assert (expected.cv_results_["n_folds_run"] < K).any()
    n_dropped = 0
    for seed, n_workers in enumerate([3, 8, 20]):
        found, engine = on_drawn(search(True), n_workers=n_workers, seed=seed)
        assert searches.same(found, expected)
        curves = (each.learning_curves_ for each in (found, expected))
        assert len({repr(searches.times_aside(each)) for each in curves}) == 1
        n_used = found.cv_results_["n_folds_run"].sum()
        assert found.n_folds_dropped_ == engine.n_submitted - engine.n_cancelled - n_used
        n_dropped += found.n_folds_dropped_
    assert n_dropped > 0
    assert set(reruns) == ({True, False} if pruner == "race" else set())


class RaisesLater(BaseEstimator):
    """Bad candidates raise in some folds, which are known by the rows that are missing."""

    def __init__(self, a=0.5, folds=()):
        self.a = a
        self.folds = folds

    def fit(self, X, y=None):
        (fold,) = set(range(K)) - {int(x) // SIZE for x in X[:, 0]}
        if self.a < 0.3 and fold in self.folds:
            raise ArithmeticError("no more")
        return self

    def score(self, X, y=None):
        return self.a + 1e-3 * float(X[0, 0])


def good_then_bad(searches, **arguments):
    """Return a search whose bad candidates are stopped after two folds, and raise in the others."""
    order = searches.random_order(K, 0)
    space = {"a": [*np.linspace(0.8, 0.97, 8), *np.linspace(0.0, 0.29, 12), 0.7, 0.99]}
    arguments = {"pruner": "race", "n_trials": None, "refit": False, "max_concurrent_trials": 4, **arguments}
    return searches.search(space, estimator=RaisesLater(folds=tuple(order[2:])), **arguments)


def test_errors_of_folds_that_are_not_wanted_do_not_end_the_search(on_drawn, searches):
    expected = good_then_bad(searches, error_score="raise").fit(X, Y)
    assert (expected.cv_results_["n_folds_run"][8:20] <= 2).all()
    found, engine = on_drawn(good_then_bad(searches, error_score="raise", speculate=True), n_workers=8)
    assert engine.n_raised > 0
    assert searches.same(found, expected)


def test_errors_of_folds_that_ran_ahead_and_are_wanted_end_the_search(on_drawn, searches):
    search = good_then_bad(searches, error_score="raise", speculate=True, pruner="threshold")
    with pytest.raises(ArithmeticError, match="no more"):
        on_drawn(search, n_workers=8)


@pytest.mark.parametrize("how", [True, Excess("timeout", 1.0, True), Excess("memory", 1.0, True)], ids=str)
def test_folds_that_kill_their_worker_or_are_ended_count_only_if_they_are_wanted(how, on_drawn, searches):
    def kills(fold):
        return how if fold.params["a"] < 0.3 and fold.number in searches.random_order(K, 0)[2:] else None

    search = good_then_bad(searches)
    expected = search.set_params(estimator__folds=()).fit(X, Y)
    found, engine = on_drawn(search.set_params(speculate=True), n_workers=8, kills=kills)
    assert engine.n_killed > 0
    assert searches.same(found, expected)


def test_no_fold_runs_ahead_after_the_end_of_the_time(on_drawn, searches, monkeypatch):
    ahead = []
    fold = _conduct.TrialConduct.fold

    def noted(self, *args, ahead):
        noted.ahead.append((ahead, time.monotonic() > end))
        return fold(self, *args, ahead=ahead)

    noted.ahead = ahead
    monkeypatch.setattr(_conduct.TrialConduct, "fold", noted)
    end = time.monotonic() + 0.3
    on_drawn(searches.search(timeout=0.2, n_trials=100_000, refit=False, speculate=True), n_workers=8)
    assert (True, False) in ahead
    assert (True, True) not in ahead


@pytest.mark.parametrize(
    ("backend", "n_jobs", "arguments", "expected"),
    [
        ("loky", 2, {}, True),
        ("threading", 2, {}, True),
        ("multiprocessing", 2, {}, True),
        ("loky", 1, {}, False),
        ("loky", 2, {"pruner": None}, False),
        ("loky", 2, {"speculate": False}, False),
        ("elsewhere", 2, {}, False),
        ("elsewhere", 2, {"speculate": True}, True),
    ],
)
def test_folds_run_ahead_on_workers_that_cost_nothing(backend, n_jobs, arguments, expected, searches, monkeypatch):
    runs = []

    def noted(run, *args):
        runs.append(run)
        raise InterruptedError

    class Elsewhere(joblib._parallel_backends.ThreadingBackend):
        pass

    monkeypatch.setattr(_fit, "run_trials", noted)
    joblib.register_parallel_backend("elsewhere", Elsewhere)
    with joblib.parallel_config(backend), pytest.raises(InterruptedError):
        searches.search(n_trials=2, n_jobs=n_jobs, refit=False, **{"pruner": "race", **arguments}).fit(X, Y)
    assert runs[0].speculate is expected


def test_number_of_folds_that_were_not_wanted_is_printed(on_drawn, searches, capsys):
    found, _ = on_drawn(searches.search(speculate=True, verbose=1), n_workers=8)
    *_, told, last = capsys.readouterr().out.splitlines()
    n_used = found.cv_results_["n_folds_run"].sum()
    assert told.startswith(f"{n_used} folds ran; {found.n_folds_dropped_} more")
    assert last.startswith(f"{found.n_trials_}/{found.n_trials_} trials, ")
