"""A fit that fails, or runs out of memory, is a failure of its candidate alone."""

import pytest
from sklearn.exceptions import FitFailedWarning

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


workers = pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2), ("threading", 2)])


@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2), ("threading", 2), ("multiprocessing", 2)])
def test_error_score_raise_raises_the_estimators_own_error(backend, n_jobs, faults):
    search = faults.search(n_jobs, at=2, how="own", error_score="raise")
    with faults.on(backend), pytest.raises(faults.OwnError, match="no more"):
        search.fit(faults.DATA)
    assert all(trial.state.is_finished() for trial in search.study_.trials)
    assert not hasattr(search, "best_estimator_")


@workers
def test_an_error_in_fit_is_a_failed_fit(backend, n_jobs, faults):
    with faults.on(backend), pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 12"):
        search = _fit_quietly(faults, faults.search(n_jobs, at=5, how="own"))
    assert list(search.cv_results_["trial_state"]) == ["COMPLETE"] * 5 + ["FAIL"]
    assert search.best_params_ == {"a": 4}
    faults.assert_nothing_is_unfinished(search)


@workers
def test_a_candidate_that_runs_out_of_memory_is_stopped_and_the_search_goes_on(backend, n_jobs, faults):
    with faults.on(backend), pytest.warns(FitFailedWarning, match="1 fits failed out of a total of 11"):
        search = _fit_quietly(faults, faults.search(n_jobs, at=4, how="memory"))
    results = search.cv_results_
    assert list(results["trial_state"]) == ["COMPLETE"] * 4 + ["PRUNED", "COMPLETE"]
    assert list(results["stop_reason"]) == [""] * 4 + ["out of memory: no more", ""]
    assert results["rank_test_score"].argmax() == 4
    assert search.study_.trials[4].state.name == "PRUNED"
    assert search.study_.trials[4].user_attrs["stop_reason"] == "out of memory: no more"
    assert search.best_params_ == {"a": 5}
    faults.assert_nothing_is_unfinished(search)


def _fit_quietly(faults, search):
    with pytest.warns(UserWarning, match="One or more of the test scores are non-finite"):
        return search.fit(faults.DATA)
