"""What a search does when a worker dies, a fit fails, the user has had enough, or the time is over."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._joblib import cloudpickle
from sk_optuna.exceptions import WorkerDiedError

# Workers cannot import this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(autouse=True)
def _not_for_ever():
    """Fail a test that hangs, and again should its clean-up hang too."""

    def out_of_patience(signum, frame):
        pytest.fail("the test hangs")

    before = signal.signal(signal.SIGALRM, out_of_patience)
    signal.setitimer(signal.ITIMER_REAL, 60, 20)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


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
        if self.a == self.at and (self.how != "exit" or X[0, 0] == _X[0, 0]):
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


_X = np.random.default_rng(0).normal(size=(20, 2))
_VALUES = [0, 1, 2, 3, 4, 5]


def _search(n_jobs=None, space=None, *, cv=2, n_trials=None, random_state=0, callbacks=None, **rest):
    how = {name: rest.pop(name) for name in ("at", "how", "marker", "nap") if name in rest}
    return OptunaSearchCV(
        Fragile(**how),
        {"a": _VALUES} if space is None else space,
        cv=cv,
        n_trials=n_trials,
        random_state=random_state,
        n_jobs=n_jobs,
        study_callbacks=callbacks,
        **rest,
    )


def _identity(x):
    return x


@contextlib.contextmanager
def _on(backend):
    """Activate the backend; afterwards it must still serve another call."""
    with joblib.parallel_config(backend=backend):
        yield
        assert joblib.Parallel(n_jobs=2)(joblib.delayed(_identity)(n) for n in range(6)) == list(range(6))


def _assert_nothing_is_unfinished(search):
    """Assert that study and table tell of the same finished trials, whole rows only."""
    states = [trial.state.name for trial in search.study_.trials]
    assert set(states) <= {"COMPLETE", "FAIL", "PRUNED"}
    assert len(states) == search.n_trials_ == len(search.cv_results_["params"])
    assert [trial.number for trial in search.study_.trials] == search.cv_results_["trial_number"].tolist()
    assert states == list(search.cv_results_["trial_state"])


process_backends = pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
workers = pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2), ("threading", 2)])


# --- a worker dies ----------------------------------------------------------------------------------------------------


@process_backends
def test_a_candidate_that_kills_its_workers_fails_alone(backend):
    with _on(backend), pytest.warns(FitFailedWarning, match="1 fits failed out of a total of 12"):
        search = _search(2, at=5, how="exit", error_score=99.0).fit(_X)
    alone = _search(1).fit(_X)
    assert list(search.cv_results_["trial_state"]) == ["COMPLETE"] * 5 + ["FAIL"]
    for split in range(2):
        key = f"split{split}_test_score"
        np.testing.assert_array_equal(search.cv_results_[key][: 6 - split], alone.cv_results_[key][: 6 - split])
    assert search.cv_results_["split1_test_score"][5] == 99.0
    assert search.best_params_ == {"a": 4}
    assert search.cv_results_["rank_test_score"].tolist() == [5, 4, 3, 2, 1, 6]
    _assert_nothing_is_unfinished(search)


@process_backends
def test_a_candidate_that_kills_its_workers_raises_if_error_score_is_raise(backend):
    with _on(backend), pytest.raises(WorkerDiedError, match="died twice while it ran this fold"):
        _search(2, at=1, how="exit", error_score="raise").fit(_X)


@process_backends
def test_a_worker_that_dies_once_loses_nothing(backend, tmp_path):
    with _on(backend):
        search = _search(2, at=3, how="exit", marker=str(tmp_path / "died")).fit(_X)
    assert (tmp_path / "died").exists()
    alone = _search(1).fit(_X)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert set(search.cv_results_["trial_state"]) == {"COMPLETE"}
    assert search.best_params_ == alone.best_params_ == {"a": 5}


@process_backends
def test_a_worker_that_dies_after_the_search_was_stopped_is_no_error(backend):
    def stop(study, trial):
        study.stop()

    with _on(backend):
        search = _search(2, at=1, how="exit", callbacks=[stop]).fit(_X)
    assert search.n_trials_ == 1
    assert search.best_params_ == {"a": 0}
    _assert_nothing_is_unfinished(search)


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


def _interrupt_after(number):
    def callback(study, trial):
        if trial.number == number:
            raise KeyboardInterrupt

    return callback


@workers
def test_an_interrupt_keeps_what_is_finished(backend, n_jobs):
    search = _search(n_jobs, callbacks=[_interrupt_after(2)])
    with _on(backend), pytest.raises(KeyboardInterrupt):
        search.fit(_X)
    assert search.n_trials_ == 3
    assert search.best_params_ == {"a": 2}
    assert not hasattr(search, "best_estimator_")
    _assert_nothing_is_unfinished(search)
    expected = _search(1).fit(_X).cv_results_["mean_test_score"][:3]
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected)


def test_an_interrupt_within_a_fit_keeps_what_is_finished():
    search = _search(1, at=3, how="interrupt")
    with pytest.raises(KeyboardInterrupt):
        search.fit(_X)
    assert search.n_trials_ == 3
    _assert_nothing_is_unfinished(search)


def test_an_interrupt_stays_an_interrupt_where_all_finished_fits_failed():
    search = _search(1, at=0, how="own", callbacks=[_interrupt_after(0)])
    with pytest.raises(KeyboardInterrupt):
        search.fit(_X)
    assert [trial.state.name for trial in search.study_.trials] == ["FAIL"]


def test_an_interrupt_stays_an_interrupt_where_some_finished_fits_failed():
    """Warnings are errors here, and so is the one about failed fits."""
    search = _search(1, at=0, how="own", callbacks=[_interrupt_after(1)])
    with pytest.raises(KeyboardInterrupt):
        search.fit(_X)
    assert [trial.state.name for trial in search.study_.trials] == ["FAIL", "COMPLETE"]
    assert search.n_trials_ == 2
    assert search.best_params_ == {"a": 1}


def test_an_interrupt_before_the_first_result_leaves_no_table():
    search = _search(1, at=0, how="interrupt")
    with pytest.raises(KeyboardInterrupt):
        search.fit(_X)
    assert search.study_.trials == []
    assert not hasattr(search, "cv_results_")


_SIGINT_PROGRAM = """
    import json, sys, time
    import numpy as np
    from scipy.stats import uniform
    from sklearn.dummy import DummyRegressor
    from sk_optuna import OptunaSearchCV

    class Slow(DummyRegressor):
        def fit(self, X, y):
            time.sleep(0.02)
            return super().fit(X, y)

    def say(study, trial):
        if trial.number == 2:
            print("ready", flush=True)

    space = {"constant": uniform(0, 1)}
    search = OptunaSearchCV(
        Slow(strategy="constant"), space, n_trials=10**6, sampler="random", cv=2, n_jobs=N_JOBS,
        study_callbacks=[say], random_state=0,
    )
    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20.0)
    try:
        search.fit(X, y)
    except KeyboardInterrupt:
        states = sorted({trial.state.name for trial in search.study_.trials})
        rows = len(search.cv_results_["params"])
        told = len(search.study_.trials)
        print(json.dumps({"rows": rows, "told": told, "n_trials": search.n_trials_, "states": states}), flush=True)
        sys.exit(3)
"""


def _start(program, **replacements):
    for name, value in replacements.items():
        program = program.replace(name, repr(value))
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_real_ctrl_c_ends_the_search_and_keeps_what_is_finished(n_jobs):
    with _start(_SIGINT_PROGRAM, N_JOBS=n_jobs) as process:
        try:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 3, err
    found = json.loads(out)
    assert found["rows"] == found["n_trials"] >= 3
    assert found["told"] in (found["rows"], found["rows"] + 1)  # the signal may fall between telling and noting
    assert found["states"] == ["COMPLETE"]
    assert "Traceback" not in err


# --- stopping and timeout ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2), ("threading", 4), ("multiprocessing", 2)])
def test_study_stop_ends_the_search_at_the_same_trial(backend, n_jobs):
    def stop(study, trial):
        if trial.number == 3:
            study.stop()

    space = {"a": uniform(0, 1)}
    with _on(backend):
        search = _search(n_jobs, space, n_trials=30, sampler="random", callbacks=[stop], nap=0.002).fit(_X)
    expected = _search(1, space, n_trials=4, sampler="random").fit(_X)
    assert search.cv_results_["params"] == expected.cv_results_["params"]
    assert search.best_estimator_.a == expected.best_params_["a"]
    _assert_nothing_is_unfinished(search)


@workers
def test_the_first_trial_is_finished_however_short_the_timeout(backend, n_jobs):
    with _on(backend):
        search = _search(n_jobs, timeout=1e-6, cv=5, nap=0.005).fit(_X)
    assert search.n_trials_ == 1
    assert np.isfinite([search.cv_results_[f"split{split}_test_score"][0] for split in range(5)]).all()
    assert search.best_params_ == {"a": 0}
    _assert_nothing_is_unfinished(search)


@workers
def test_a_timeout_without_n_trials_ends_the_search_with_whole_rows(backend, n_jobs):
    with _on(backend):
        search = _search(n_jobs, {"a": uniform(0, 1)}, timeout=0.4, cv=3, nap=0.01, sampler="random").fit(_X)
    assert search.n_trials_ >= 1
    scores = [search.cv_results_[f"split{split}_test_score"] for split in range(3)]
    assert np.isfinite(scores).all()
    assert set(search.cv_results_["trial_state"]) == {"COMPLETE"}
    _assert_nothing_is_unfinished(search)
    same = _search(1, {"a": uniform(0, 1)}, n_trials=search.n_trials_, cv=3, sampler="random").fit(_X)
    assert search.cv_results_["params"] == same.cv_results_["params"]


# --- failing fits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2), ("threading", 2), ("multiprocessing", 2)])
def test_error_score_raise_raises_the_estimators_own_error(backend, n_jobs):
    search = _search(n_jobs, at=2, how="own", error_score="raise")
    with _on(backend), pytest.raises(OwnError, match="no more"):
        search.fit(_X)
    assert all(trial.state.is_finished() for trial in search.study_.trials)
    assert not hasattr(search, "best_estimator_")


@workers
def test_an_error_in_fit_is_a_failed_fit(backend, n_jobs):
    with _on(backend), pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 12"):
        search = _fit_quietly(_search(n_jobs, at=5, how="own"))
    assert list(search.cv_results_["trial_state"]) == ["COMPLETE"] * 5 + ["FAIL"]
    assert search.best_params_ == {"a": 4}
    _assert_nothing_is_unfinished(search)


@workers
def test_a_candidate_that_runs_out_of_memory_is_stopped_and_the_search_goes_on(backend, n_jobs):
    with _on(backend), pytest.warns(FitFailedWarning, match="1 fits failed out of a total of 11"):
        search = _fit_quietly(_search(n_jobs, at=4, how="memory"))
    results = search.cv_results_
    assert list(results["trial_state"]) == ["COMPLETE"] * 4 + ["PRUNED", "COMPLETE"]
    assert list(results["stop_reason"]) == [""] * 4 + ["out of memory: no more", ""]
    assert results["rank_test_score"].argmax() == 4
    assert search.study_.trials[4].state.name == "PRUNED"
    assert search.study_.trials[4].user_attrs["stop_reason"] == "out of memory: no more"
    assert search.best_params_ == {"a": 5}
    _assert_nothing_is_unfinished(search)


def _fit_quietly(search):
    with pytest.warns(UserWarning, match="One or more of the test scores are non-finite"):
        return search.fit(_X)


# --- what is printed --------------------------------------------------------------------------------------------------

_SILENT_PROGRAM = """
    import joblib
    from scipy.stats import loguniform
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sk_optuna import OptunaSearchCV

    X, y = load_iris(return_X_y=True)
    space = [{"C": loguniform(1e-2, 1)}, {"C": [1, 2], "class_weight": ["balanced", None]}]
    for backend, n_jobs in ("loky", 1), ("loky", 2), ("multiprocessing", 2), ("threading", 2):
        with joblib.parallel_config(backend=backend):
            search = OptunaSearchCV(
                LogisticRegression(max_iter=1000), space, n_trials=12, cv=2, n_jobs=n_jobs, random_state=0
            )
            search.fit(X, y)
            assert search.n_trials_ == 12
"""


def test_a_search_prints_nothing_in_workers_either():
    with _start(_SILENT_PROGRAM) as process:
        try:
            out, err = process.communicate(timeout=100)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert (out, err) == ("", "")


@pytest.mark.parametrize(("backend", "n_jobs"), [("threading", 1), ("threading", 2)])
def test_verbose_1_prints_one_line_per_trial(backend, n_jobs, capfd):
    with _on(backend):
        _search(n_jobs, verbose=1).fit(_X)
    out, err = capfd.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert lines[0] == "Fitting 2 folds for each of 6 candidates, totalling 12 fits"
    assert [line.split("]")[0] for line in lines[1:]] == [f"[{n}/6" for n in range(1, 7)]
    assert all(f"best {n}" in line for n, line in zip(["-0.", "0.", "1.", "2.", "3.", "4."], lines[1:], strict=True))
