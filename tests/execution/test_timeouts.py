"""A search that is stopped, or out of time, ends with whole rows."""

import numpy as np
import pytest
from scipy.stats import uniform

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


workers = pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2), ("threading", 2)])


@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2), ("threading", 4), ("multiprocessing", 2)])
def test_study_stop_ends_the_search_at_the_same_trial(backend, n_jobs, faults):
    def stop(study, trial):
        if trial.number == 3:
            study.stop()

    space = {"a": uniform(0, 1)}
    with faults.on(backend):
        search = faults.search(n_jobs, space, n_trials=30, sampler="random", callbacks=[stop], nap=0.002).fit(
            faults.DATA
        )
    expected = faults.search(1, space, n_trials=4, sampler="random").fit(faults.DATA)
    assert search.cv_results_["params"] == expected.cv_results_["params"]
    assert search.best_estimator_.a == expected.best_params_["a"]
    faults.assert_nothing_is_unfinished(search)


@workers
def test_the_first_trial_is_finished_however_short_the_timeout(backend, n_jobs, faults):
    with faults.on(backend):
        search = faults.search(n_jobs, timeout=1e-6, cv=5, nap=0.005).fit(faults.DATA)
    assert search.n_trials_ == 1
    assert np.isfinite([search.cv_results_[f"split{split}_test_score"][0] for split in range(5)]).all()
    assert search.best_params_ == {"a": 0}
    faults.assert_nothing_is_unfinished(search)


@workers
def test_a_timeout_without_n_trials_ends_the_search_with_whole_rows(backend, n_jobs, faults):
    with faults.on(backend):
        search = faults.search(n_jobs, {"a": uniform(0, 1)}, timeout=0.4, cv=3, nap=0.01, sampler="random")
        search.fit(faults.DATA)
    assert search.n_trials_ >= 1
    scores = [search.cv_results_[f"split{split}_test_score"] for split in range(3)]
    assert np.isfinite(scores).all()
    assert set(search.cv_results_["trial_state"]) == {"COMPLETE"}
    faults.assert_nothing_is_unfinished(search)
    same = faults.search(1, {"a": uniform(0, 1)}, n_trials=search.n_trials_, cv=3, sampler="random").fit(faults.DATA)
    assert search.cv_results_["params"] == same.cv_results_["params"]
