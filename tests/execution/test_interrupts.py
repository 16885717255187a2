"""Ctrl-C ends a search and keeps the finished trials; so does SIGTERM, and then the process ends."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


workers = pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2), ("threading", 2)])


def _interrupt_after(number):
    def callback(study, trial):
        if trial.number == number:
            raise KeyboardInterrupt

    return callback


@workers
def test_an_interrupt_keeps_what_is_finished(backend, n_jobs, faults):
    search = faults.search(n_jobs, callbacks=[_interrupt_after(2)])
    with faults.on(backend), pytest.raises(KeyboardInterrupt):
        search.fit(faults.DATA)
    assert search.n_trials_ == 3
    assert search.best_params_ == {"a": 2}
    assert not hasattr(search, "best_estimator_")
    faults.assert_nothing_is_unfinished(search)
    expected = faults.search(1).fit(faults.DATA).cv_results_["mean_test_score"][:3]
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected)


def test_an_interrupt_within_a_fit_keeps_what_is_finished(faults):
    search = faults.search(1, at=3, how="interrupt")
    with pytest.raises(KeyboardInterrupt):
        search.fit(faults.DATA)
    assert search.n_trials_ == 3
    faults.assert_nothing_is_unfinished(search)


def test_an_interrupt_stays_an_interrupt_where_all_finished_fits_failed(faults):
    search = faults.search(1, at=0, how="own", callbacks=[_interrupt_after(0)])
    with pytest.raises(KeyboardInterrupt):
        search.fit(faults.DATA)
    assert [trial.state.name for trial in search.study_.trials] == ["FAIL"]


def test_an_interrupt_stays_an_interrupt_where_some_finished_fits_failed(faults):
    """Warnings are errors here, and so is the one about failed fits."""
    search = faults.search(1, at=0, how="own", callbacks=[_interrupt_after(1)])
    with pytest.raises(KeyboardInterrupt):
        search.fit(faults.DATA)
    assert [trial.state.name for trial in search.study_.trials] == ["FAIL", "COMPLETE"]
    assert search.n_trials_ == 2
    assert search.best_params_ == {"a": 1}


def test_an_interrupt_before_the_first_result_leaves_no_table(faults):
    search = faults.search(1, at=0, how="interrupt")
    with pytest.raises(KeyboardInterrupt):
        search.fit(faults.DATA)
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


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_real_ctrl_c_ends_the_search_and_keeps_what_is_finished(n_jobs, faults):
    with faults.start(_SIGINT_PROGRAM, N_JOBS=n_jobs) as process:
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


# A search whose last candidate never ends, and swallows Ctrl-C; what ran when is seen in files. Once the search has
# ended, the program says which of its workers still live.
_STUBBORN_PROGRAM = """
    import json, os, sys, time, warnings
    from pathlib import Path
    import joblib, numpy as np
    from sklearn.base import BaseEstimator
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sk_optuna import OptunaSearchCV

    folder = Path(FOLDER)

    class Stubborn(BaseEstimator):
        def __init__(self, a=0):
            self.a = a

        def fit(self, X, y=None):
            with open(folder / f"fits of {self.a}", "a") as file:
                file.write(f"{os.getpid()}\\n")
            if self.a == 2 and len(X) < 20:
                again = True
                while again:
                    try:
                        while True:
                            time.sleep(0.1)
                    except KeyboardInterrupt:
                        again = N_JOBS > 1  # in the calling thread it returns as if nothing had been
            return self

        def score(self, X, y=None):
            return self.a

    def lives(pid):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return pid != os.getpid()

    X = np.random.default_rng(0).normal(size=(20, 2))
    def say(study, trial):
        (folder / f"told {trial.number}").touch()

    search = OptunaSearchCV(
        Stubborn(), {"a": [0, 1, 2]}, cv=2, n_jobs=N_JOBS, random_state=0, interrupted=INTERRUPTED,
        study_callbacks=[say],
    )
    warnings.simplefilter("ignore")
    raised = False
    try:
        with joblib.parallel_config(backend=BACKEND):
            if SURROUNDINGS == "pipeline":
                make_pipeline("passthrough", search).fit(X)
            elif SURROUNDINGS == "nested":
                cross_val_score(search, X, cv=2, n_jobs=1)
            else:
                search.fit(X)
    except KeyboardInterrupt:
        raised = True
    told = {
        "raised": raised,
        "alive": [pid for pid in map(int, (folder / "fits of 2").read_text().split()) if lives(pid)],
        "rows": len(getattr(search, "cv_results_", {"params": []})["params"]),
        "fitted": hasattr(search, "best_estimator_"),
        "parallel": joblib.Parallel(n_jobs=2, backend="multiprocessing")(joblib.delayed(abs)(-n) for n in range(3)),
    }
    print(json.dumps(told), flush=True)
"""


def _until_begun(process, folder):
    """Wait until two candidates were told and the one that never ends is being fitted."""
    while not ((folder / "told 1").exists() and (folder / "fits of 2").exists() and (folder / "fits of 2").read_text()):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def _interrupted(faults, folder, *, signum=signal.SIGINT, to_group=True, **replacements):
    """Start the program, send it a signal once the last candidate runs, and return its status and its output.

    A terminal sends Ctrl-C to the workers, too, as a group.
    """
    with faults.start(_STUBBORN_PROGRAM, FOLDER=str(folder), **replacements) as process:
        try:
            _until_begun(process, folder)
            (os.killpg if to_group else os.kill)(process.pid, signum)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("backend", "n_jobs", "surroundings", "to_group"),
    [
        ("loky", 1, "none", True),
        ("loky", 2, "none", True),
        ("multiprocessing", 2, "none", True),
        ("threading", 2, "none", True),
        pytest.param("loky", 2, "none", False, marks=pytest.mark.slow),
        pytest.param("multiprocessing", 2, "none", False, marks=pytest.mark.slow),
        pytest.param("loky", 2, "pipeline", True, marks=pytest.mark.slow),
        pytest.param("loky", 1, "nested", True, marks=pytest.mark.slow),
        pytest.param("multiprocessing", 2, "nested", True, marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_ends_workers_and_fits_that_swallow_it(backend, n_jobs, surroundings, to_group, faults, tmp_path):
    code, out, err = _interrupted(
        faults,
        tmp_path,
        to_group=to_group,
        BACKEND=backend,
        N_JOBS=n_jobs,
        SURROUNDINGS=surroundings,
        INTERRUPTED="raise",
    )
    assert code == 0, err
    told = json.loads(out)
    assert told["raised"]
    assert told["alive"] == []
    assert not told["fitted"]
    assert told["parallel"] == [0, 1, 2]
    # in a pipeline the search itself is fitted, cross_val_score fits a clone of it
    assert told["rows"] == (0 if surroundings == "nested" else 2)


@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("multiprocessing", 2)])
def test_ctrl_c_returns_the_best_so_far_if_that_is_wanted(backend, n_jobs, faults, tmp_path):
    code, out, err = _interrupted(
        faults, tmp_path, BACKEND=backend, N_JOBS=n_jobs, SURROUNDINGS="none", INTERRUPTED="return"
    )
    assert code == 0, err
    told = json.loads(out)
    assert (told["raised"], told["fitted"], told["rows"], told["alive"]) == (False, True, 2, [])


@pytest.mark.parametrize("interrupted", ["raise", "return"])
@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("multiprocessing", 2)])
def test_sigterm_ends_the_process_with_its_own_status_and_leaves_no_worker(
    backend, n_jobs, interrupted, faults, tmp_path
):
    code, out, err = _interrupted(
        faults,
        tmp_path,
        signum=signal.SIGTERM,
        to_group=False,
        BACKEND=backend,
        N_JOBS=n_jobs,
        SURROUNDINGS="none",
        INTERRUPTED=interrupted,
    )
    assert (code, out) == (-signal.SIGTERM, ""), err
    for pid in map(int, (tmp_path / "fits of 2").read_text().split()):
        assert not Path(f"/proc/{pid}").exists()
