"""The record behind ParallelCoordinateDisplay: values, scores, and the share of the best."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results import parallel_coordinate_record

X = np.zeros((8, 1))
SPACE = [{"a": loguniform(0.1, 10)}, {"a": loguniform(0.1, 10), "kind": ["x", "y"]}]


class Known(BaseEstimator):
    """Its score is -a."""

    def __init__(self, a=1.0, kind="x"):
        self.a = a
        self.kind = kind

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return -self.a


@pytest.fixture(scope="module")
def search():
    return OptunaSearchCV(Known(), SPACE, n_trials=30, cv=2, random_state=0).fit(X)


@pytest.mark.parametrize(("best", "n_best"), [(0.1, 3), (1e-6, 1), (0.101, 4), (1, 30)])
def test_the_best_are_the_share_with_the_highest_scores_rounded_up(search, best, n_best):
    record = parallel_coordinate_record(search, best=best)
    expected = np.sort(record.score)[::-1][:n_best]
    assert record.is_best.sum() == n_best
    np.testing.assert_array_equal(np.sort(record.score[record.is_best])[::-1], expected)


def test_columns_have_the_parameters_of_the_search(search):
    columns = parallel_coordinate_record(search).columns()
    assert list(columns) == ["trial_number", "trial_state", "score", "is_best", "param_a", "param_kind"]
    for i, row in enumerate(search.cv_results_["params"]):
        assert columns["param_a"][i] == row["a"]
        assert columns["param_kind"][i] == row.get("kind")
    assert None in columns["param_kind"]


def test_parameters_may_be_chosen_and_sorted(search):
    names = [each.name for each in parallel_coordinate_record(search, params=["kind", "a"]).params]
    assert names == ["kind", "a"]


def test_pruned_failed_and_infeasible_candidates_are_never_among_the_best():
    search = OptunaSearchCV(
        Known(), {"a": [1.0, 2.0, 3.0]}, cv=2, random_state=0, constraints={"mean_test_score": "<= -1.5"}
    ).fit(X)
    record = parallel_coordinate_record(search, best=1.0)
    assert record.score[record.is_best].tolist() == [-2.0, -3.0]
    assert record.trial_number[record.score == -2.0] == record.best_trial


def test_a_grid_search_has_the_same_record():
    space = {"a": [1.0, 2.0], "kind": ["x", "y"]}
    ours = parallel_coordinate_record(OptunaSearchCV(Known(), space, cv=2, random_state=0).fit(X))
    theirs = parallel_coordinate_record(GridSearchCV(Known(), space, cv=2).fit(X))
    for name, column in ours.columns().items():
        assert theirs.columns()[name].tolist() == column.tolist()


def test_bad_input_is_refused(search):
    with pytest.raises(NotFittedError):
        parallel_coordinate_record(OptunaSearchCV(Known(), SPACE))
    for best in (0, 1.5, -0.1, True, "0.1", np.nan):
        with pytest.raises(InvalidArgumentError, match=r"best must be a share .* Write 0\.1 for the best tenth"):
            parallel_coordinate_record(search, best=best)
    with pytest.raises(InvalidArgumentError, match=r"params names 'kid', which no .*Nearest to 'kid': 'kind'"):
        parallel_coordinate_record(search, params=["kid"])
    with pytest.raises(InvalidArgumentError, match="a list of names of parameters, at least one"):
        parallel_coordinate_record(search, params=[])
