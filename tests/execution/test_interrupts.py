"""Ctrl-C ends a search and keeps the finished trials."""

import json
import signal

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
