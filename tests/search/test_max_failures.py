"""A search whose candidates fail from the start ends early, with the error that says why; nobody else's does."""

import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import uniform
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import FoldFailedError, TooManyFailuresError

pytestmark = [
    pytest.mark.usefixtures("sent_by_value"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

X, Y = np.arange(12.0)[:, None], np.arange(12) % 2
FITS = []


class Picky(BaseEstimator):
    """Its fit fails where `a` is below `least`."""

    def __init__(self, a=0.0, least=-1.0, how=ValueError):
        self.a = a
        self.least = least
        self.how = how

    def fit(self, X, y=None):
        FITS.append(self.a)
        if self.a < self.least:
            raise self.how(f"{self.a} is too small")
        return self

    def score(self, X, y=None):
        return -abs(self.a - 0.7) + 0.001 * float(X[0, 0])


@pytest.fixture(autouse=True)
def _no_fits():
    FITS.clear()


def search(least=2.0, *, space=None, how=ValueError, **arguments):
    whole = {"n_trials": 30, "cv": KFold(3), "random_state": 0, "sampler": "random", **arguments}
    return OptunaSearchCV(Picky(least=least, how=how), {"a": uniform(0, 1)} if space is None else space, **whole)


def fails(failing, match="candidates in a row failed"):
    with pytest.raises(TooManyFailuresError, match=match) as caught:
        failing.fit(X, Y)
    return caught.value


def test_an_argument_that_no_fit_takes_costs_ten_candidates():
    failing = search()
    error = fails(failing, r"^10 candidates .*\(max_failures=10\).* the fit raised ValueError: 0\.\d+ is too small")
    assert len(FITS) == 30
    assert isinstance(error.__cause__, FoldFailedError)
    assert "raise self.how" in error.__cause__.traceback
    assert isinstance(error, ValueError)  # as scikit-learn's, where all fits failed


def test_what_was_told_is_kept():
    failing = search(max_failures=3)
    fails(failing)
    assert failing.n_trials_ == len(failing.study_.trials) == len(failing.cv_results_["params"]) == 3
    assert [trial.state.name for trial in failing.study_.trials] == ["FAIL"] * 3
    assert list(failing.cv_results_["trial_state"]) == ["FAIL"] * 3
    assert np.isnan(failing.cv_results_["mean_test_score"]).all()
    assert len(failing.errors_["fold"]) == 9
    assert not hasattr(failing, "best_params_")
    assert not hasattr(failing, "best_estimator_")


@pytest.mark.parametrize("pruner", [None, "race"])
@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 2), ("threading", 2), ("threading", 8)])
def test_it_ends_after_the_same_trial_at_any_n_jobs_and_spared_candidates_do_not_run(backend, n_jobs, pruner):
    one = search(pruner=pruner)
    error = fails(one)
    FITS.clear()
    other = search(pruner=pruner, n_jobs=n_jobs)
    with joblib.parallel_config(backend=backend):
        # behind the parenthesis stands the line of code, of which this module's loses its file on the way to loky
        assert str(fails(other)).partition(" (/")[0].partition(" (<")[0] == str(error).partition(" (/")[0]
    assert other.cv_results_["params"] == one.cv_results_["params"]
    if backend == "threading":
        assert len(FITS) == 30


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_race_of_more_candidates_than_may_fail_ends_too(n_jobs):
    failing = search(pruner="race", max_failures=2, n_jobs=n_jobs)
    with joblib.parallel_config(backend="threading"):
        fails(failing)
    assert failing.n_trials_ == 2


def test_none_sets_no_limit():
    with pytest.raises(ValueError, match="All the 90 fits failed"):
        search(max_failures=None).fit(X, Y)


@pytest.mark.parametrize("n_trials", [9, 10])
def test_a_search_of_no_more_candidates_ends_as_grid_search_cvs(n_trials):
    grid = {"a": np.linspace(0, 1, n_trials)}
    messages = []
    for kind in (OptunaSearchCV, GridSearchCV):
        with pytest.raises(ValueError, match=f"All the {3 * n_trials} fits failed") as caught:
            kind(Picky(least=2.0), grid, cv=KFold(3)).fit(X, Y)
        messages.append(str(caught.value).partition("Below are")[0])
    assert messages[0] == messages[1]


def test_the_errors_are_there_where_all_fits_failed():
    failing = search(n_trials=2)
    with pytest.raises(ValueError, match="All the 6 fits failed"):
        failing.fit(X, Y)
    assert failing.errors_["trial_number"].tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.filterwarnings("ignore:One or more of the test scores", "ignore:\\n\\d+ fits failed")
@pytest.mark.parametrize("n_failing", [9, 10])
def test_the_first_complete_candidate_lifts_the_limit(n_failing):
    grid = {"a": np.linspace(0, 1, 30)}
    candidates = search(grid["a"][n_failing], space=grid)
    if n_failing == 10:
        fails(candidates)
    else:
        assert candidates.fit(X, Y).n_trials_ == 30


@pytest.mark.filterwarnings("ignore:One or more of the test scores", "ignore:\\n\\d+ fits failed")
def test_after_a_complete_candidate_any_number_may_fail():
    found = search(space={"a": [3.0, *np.linspace(0, 1, 29)]}, max_failures=1).fit(X, Y)
    assert list(found.cv_results_["trial_state"]) == ["COMPLETE"] + ["FAIL"] * 29


@pytest.mark.parametrize(("least", "n_told"), [(0.5, 15), (2.0, 15)])
def test_candidates_are_asked_for_as_without_a_limit(least, n_told):
    limited, free = (search(least, n_trials=n_told, max_failures=most, sampler="tpe") for most in (15, None))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in (limited, free):
            if least < 1:
                each.fit(X, Y)
            else:
                with pytest.raises(ValueError, match="All the 45 fits failed"):
                    each.fit(X, Y)
    params = [[trial.params for trial in each.study_.trials] for each in (limited, free)]
    assert params[0] == params[1]


def test_the_sampler_and_the_pruner_see_the_same_with_several_workers_where_the_first_candidates_fail():
    found = []
    for n_jobs in (1, 4):
        with joblib.parallel_config(backend="threading"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(search(0.6, sampler="tpe", pruner="race", n_jobs=n_jobs).fit(X, Y))
    states = list(found[0].cv_results_["trial_state"])
    assert states[0] == "FAIL"
    assert {"COMPLETE", "PRUNED"} <= set(states)
    assert found[0].cv_results_["params"] == found[1].cv_results_["params"]
    assert states == list(found[1].cv_results_["trial_state"])


def test_running_out_of_memory_does_not_count():
    failing = search(how=MemoryError, max_failures=2, n_trials=5)
    with pytest.raises(ValueError, match="All the 5 fits failed"):
        failing.fit(X, Y)
    assert failing.errors_["phase"].tolist() == ["memory"] * 5


def test_error_score_raise_raises_the_first_error_itself():
    failing = search(error_score="raise")
    with pytest.raises(ValueError, match=r"^0\.\d+ is too small"):
        failing.fit(X, Y)
    assert len(FITS) == 1
    assert len(failing.errors_["fold"]) == 0


def raises(estimator, X, y):
    raise KeyError("boom")


@pytest.mark.filterwarnings("ignore:Scoring failed")
def test_a_scorer_that_always_raises_ends_the_search_too():
    failing = search(-1.0, scoring=raises)
    error = fails(failing, r"the scorer raised KeyError: 'boom' \(.*test_max_failures.py:\d+: raise KeyError")
    assert (error.__cause__.exception, error.__cause__.message) == ("KeyError", "'boom'")
    assert set(failing.errors_["phase"]) == {"score"}


def test_a_fit_that_succeeds_forgets_the_errors_of_the_last():
    again = search()
    fails(again)
    again.set_params(estimator__least=-1.0).fit(X, Y)
    assert {name: len(column) for name, column in again.errors_.items()} == dict.fromkeys(again.errors_, 0)


@pytest.mark.parametrize("most", [0, -1, 2.5, "10"])
def test_a_limit_that_is_none_is_refused_before_the_first_fit(most):
    with pytest.raises(ValueError, match=r"'max_failures' parameter.*int in the range \[1, inf\) or None.*Got"):
        search(max_failures=most).fit(X, Y)
    assert FITS == []


# --- a search that goes on --------------------------------------------------------------------------------------------


def rows(failing):
    return pd.DataFrame(failing.errors_).to_dict("records")


def test_the_same_call_ends_alike_without_a_fit_and_with_the_errors_of_before(tmp_path):
    first = search(storage=tmp_path / "search.db")
    error = fails(first)
    FITS.clear()
    again = search(storage=tmp_path / "search.db")
    assert str(fails(again)) == str(error)
    assert FITS == []
    assert rows(again) == rows(first)
    assert len(rows(again)) == 30
    assert again.n_trials_ == 10


@pytest.mark.parametrize("most", [15, None])
def test_with_a_higher_limit_it_goes_on_as_if_that_had_been_the_first(tmp_path, most):
    fails(search(storage=tmp_path / "search.db"))
    FITS.clear()
    more, whole = search(storage=tmp_path / "search.db", max_failures=most), search(max_failures=most)
    n_trials = most or 30
    for each in (more, whole):
        if most is None:
            with pytest.raises(ValueError, match="All the 90 fits failed"):
                each.fit(X, Y)
        else:
            fails(each, "^15 candidates")
        assert len(each.study_.trials) == n_trials
    assert len(FITS) == 3 * (n_trials - 10) + 3 * n_trials
    assert [trial.params for trial in more.study_.trials] == [trial.params for trial in whole.study_.trials]
    assert rows(more) == rows(whole)


def test_with_a_lower_limit_all_that_was_told_is_kept(tmp_path):
    fails(search(storage=tmp_path / "search.db"))
    FITS.clear()
    less = search(storage=tmp_path / "search.db", max_failures=3)
    fails(less, "^10 candidates")
    assert (less.n_trials_, FITS) == (10, [])


# --- the warning at the end, and the table of errors ------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_warning_names_the_value_that_failed_candidates_share(n_jobs):
    grid = {"svc__kernel": ["rbf", "precomputed", "linear"], "svc__C": [1, 2, 3]}
    X, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 2
    found = OptunaSearchCV(make_pipeline(StandardScaler(), SVC()), grid, cv=3, n_jobs=n_jobs)
    with pytest.warns(FitFailedWarning) as caught:
        found.fit(X, y)
    [text] = [str(warning.message) for warning in caught if warning.category is FitFailedWarning]
    assert "9 fits failed out of a total of 27." in text  # scikit-learn's words
    assert "\nValueError: Precomputed matrix must be a square matrix" in text
    assert "3 candidates); all of them have svc__kernel='precomputed', which no candidate without an error has" in text
    frame = pd.DataFrame(found.errors_)
    assert len(frame) == 9
    assert {params["svc__kernel"] for params in frame["params"]} == {"precomputed"}
    assert set(frame["exception"]) == {"ValueError"}


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_the_warning_names_a_range():
    with pytest.warns(FitFailedWarning, match=r"ValueError: .*; all of them have a <= 0\.\d+, which no candidate"):
        search(0.4).fit(X, Y)


def raises_for_small_values(estimator, X, y):
    if estimator.a < 0.4:
        raise KeyError("boom")
    return estimator.score(X, y)


@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2)])
@pytest.mark.filterwarnings("ignore:Scoring failed")
def test_scorers_that_raised_are_told_at_the_end_wherever_they_ran(backend, n_jobs):
    found = search(-1.0, scoring=raises_for_small_values, error_score=0.0, n_jobs=n_jobs)
    with joblib.parallel_config(backend=backend), pytest.warns(UserWarning, match="Some folds failed") as caught:
        found.fit(X, Y)
    assert sum("KeyError: 'boom'" in str(each.message) for each in caught if "by type" in str(each.message)) == 1
    assert "raise KeyError" in found.errors_["user_code"][0] or "in raises_for_small" in found.errors_["user_code"][0]


@pytest.mark.filterwarnings("error")
def test_without_a_failure_there_is_no_warning():
    assert len(search(-1.0).fit(X, Y).errors_["fold"]) == 0
