"""The record behind SearchHistoryDisplay: order, what was spent, the best so far, and bad input."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError, NoScoreError
from sk_optuna.results import search_history_record
from sk_optuna.results._search_history_record import _busy_seconds

X = np.random.default_rng(0).normal(size=(60, 2))
VALUES = [3.0, 1.0, 9.0, 2.0, 0.5, 5.0, 4.0, 0.0]


class Known(BaseEstimator):
    """Its score is -a, plus a part of the fold; 9 fails."""

    def __init__(self, a=0.0):
        self.a = a

    def fit(self, X, y=None):
        if self.a == 9.0:
            raise ValueError("on purpose")
        return self

    def score(self, X, y=None):
        return -self.a + X[:, 0].mean()


def both(estimator, X, y=None):
    return {"near": estimator.score(X), "far": -estimator.score(X)}


def searched(kind=OptunaSearchCV, values=VALUES, **options):
    options = {"cv": 4, **options}
    if kind is OptunaSearchCV:
        options = {"random_state": 0, "pruner": "race", **options}
    return kind(Known(), {"a": values}, **options).fit(X)


pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores"
)


@pytest.fixture(scope="module")
def search():
    return searched()


def test_every_candidate_is_a_point_and_pruned_ones_stand_at_their_estimate(search):
    columns = search_history_record(search).columns()
    states = search.cv_results_["trial_state"]
    assert {"COMPLETE", "PRUNED", "FAIL"} == set(states)
    assert columns["trial_number"].tolist() == columns["spent"].tolist() == list(range(len(VALUES)))
    np.testing.assert_array_equal(columns["trial_state"], states)
    values = [np.nan if trial.state.name == "FAIL" else trial.value for trial in search.study_.trials]
    np.testing.assert_allclose(columns["score"], values)


def test_the_best_so_far_ends_at_the_best_score_and_never_falls(search):
    best = search_history_record(search).best_so_far()
    assert best[-1] == search.best_score_
    assert (np.diff(best) >= 0).all()


def test_fits_are_the_folds_that_ran_until_the_end_of_each(search):
    spent = search_history_record(search, x="fits").spent
    assert spent.tolist() == np.cumsum(search.cv_results_["n_folds_run"]).tolist()
    assert spent[-1] < 4 * len(VALUES)


def test_a_grid_search_has_the_history_of_the_same_search_without_a_race():
    ours, theirs = searched(pruner=None), searched(GridSearchCV)
    record = search_history_record({"ours": ours, "theirs": theirs}, x="fits")
    assert record.names() == ["ours", "theirs"]
    columns = record.columns()
    n = len(VALUES)
    for name in ("trial_state", "spent", "score", "best_so_far"):
        np.testing.assert_array_equal(columns[name][:n], columns[name][n:])


def test_seconds_are_those_in_which_a_trial_ran():
    begin = datetime(2026, 1, 1)
    # Two side by side, a pause of 96 seconds, and two of which the second ends first.
    pairs = [(0, 3), (1, 4), (100, 110), (101, 105)]
    times = [tuple(begin + timedelta(seconds=each) for each in pair) for pair in pairs]
    assert _busy_seconds(times, "search").tolist() == [3.0, 4.0, 14.0, 9.0]


def test_busy_seconds_are_the_measure_of_the_union_of_all_times():
    rng = np.random.default_rng(0)
    for _ in range(50):
        starts = rng.integers(0, 40, size=8)
        ends = starts + rng.integers(1, 8, size=8)
        times = [
            (datetime.fromtimestamp(int(a)), datetime.fromtimestamp(int(b))) for a, b in zip(starts, ends, strict=True)
        ]
        seconds = {each for a, b in zip(starts, ends, strict=True) for each in range(a, b)}
        expected = [sum(each < end for each in seconds) for end in ends]
        assert _busy_seconds(times, "search").tolist() == expected


def test_a_history_by_seconds_is_in_the_order_of_the_ends(search):
    spent = search_history_record(search, x="seconds").spent
    assert len(spent) == len(VALUES)
    assert (np.diff(spent) >= 0).all()
    assert spent[0] > 0


def test_another_metric_is_drawn_by_its_own_scores():
    search = searched(scoring=both, refit="near", pruner=None, values=[2.0, 1.0])
    record = search_history_record(search, metric="far")
    np.testing.assert_array_equal(record.score, search.cv_results_["mean_test_far"])
    assert record.score_name == "Far"
    with pytest.raises(InvalidArgumentError, match=r"metric must be None or one of \['near', 'far'\].*'nea'.*'near'"):
        search_history_record(search, metric="nea")


def test_several_objectives_need_a_metric_where_refit_names_none():
    named = searched(scoring=both, objectives=("near", "far"), refit="far", pruner=None, values=[2.0, 1.0])
    np.testing.assert_array_equal(search_history_record(named).score, named.cv_results_["mean_test_far"])
    search = searched(scoring=both, objectives=("near", "far"), refit=False, pruner=None, values=[2.0, 1.0])
    with pytest.raises(InvalidArgumentError, match=r"maximized 2: \['near', 'far'\]. Choose one with metric='near'"):
        search_history_record(search)
    np.testing.assert_array_equal(
        search_history_record(search, metric="far").score, search.cv_results_["mean_test_far"]
    )


def test_candidates_that_break_a_constraint_are_points_but_never_the_best():
    search = searched(pruner=None, constraints={"mean_test_score": "<= -1.5"}, values=[3.0, 1.0, 2.0])
    record = search_history_record(search)
    assert record.feasible.tolist() == [True, False, True]
    assert record.best_so_far()[-1] == search.best_score_ < record.score.max()


def test_bad_input_is_refused_with_the_way_out(search):
    with pytest.raises(NotFittedError):
        search_history_record(OptunaSearchCV(Known(), {"a": [1.0]}))
    with pytest.raises(InvalidArgumentError, match=r"x must be one of .*, but got 'second'. Nearest to 'second': 'sec"):
        search_history_record(search, x="second")
    with pytest.raises(InvalidArgumentError, match="an empty dict"):
        search_history_record({})
    with pytest.raises(
        InvalidArgumentError, match=r"GridSearchCV does not keep when its candidates ran\. Use x='fits'"
    ):
        search_history_record(searched(GridSearchCV, [1.0]), x="seconds")
    others = {"a": searched(scoring=both, refit="near", pruner=None, values=[1.0])}
    others["b"] = searched(scoring=both, refit="far", pruner=None, values=[1.0])
    with pytest.raises(InvalidArgumentError, match=r"different metrics.*'Near'.*'Far'"):
        search_history_record(others)


def test_no_score_at_all_is_an_error_that_says_so():
    search = searched(GridSearchCV, [1.0])
    search.cv_results_["mean_test_score"][:] = np.nan
    with pytest.raises(NoScoreError, match="SearchHistoryDisplay has nothing to draw: none of the 1 candidates has a "):
        search_history_record(search)
