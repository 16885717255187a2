"""The record behind FoldScoresDisplay: each fold scored, failed or was not run."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results import fold_scores_record

X = np.random.default_rng(0).normal(size=(60, 2))
VALUES = [3.0, 1.0, 9.0, 2.0, 0.5, 5.0, 4.0, 0.0]
FIRST = X[:15, 0].mean()


class Known(BaseEstimator):
    """Its score is -a, plus a part of the fold; 9 fails everywhere, 7 in the first of four folds."""

    def __init__(self, a=0.0):
        self.a = a

    def fit(self, X, y=None):
        if self.a == 9.0:
            raise ValueError("on purpose")
        return self

    def score(self, X, y=None):
        mean = X[:, 0].mean()
        if self.a == 7.0 and mean == FIRST:
            raise ValueError("on purpose")
        return -self.a + mean


def searched(kind=OptunaSearchCV, values=VALUES, **options):
    options = {"cv": 4, **options}
    if kind is OptunaSearchCV:
        options = {"random_state": 0, "pruner": "race", **options}
    return kind(Known(), {"a": values}, **options).fit(X)


pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the", "ignore:Scoring failed", "ignore:Some f"
)


@pytest.fixture(scope="module")
def search():
    return searched()


def test_scores_are_those_of_the_table_at_their_trial_and_fold(search):
    record = fold_scores_record(search)
    assert record.best_trial == record.trial_number[0] == search.cv_results_["trial_number"][search.best_index_]
    for fold in range(4):
        expected = search.cv_results_[f"split{fold}_test_score"][record.trial_number]
        np.testing.assert_array_equal(record.scores[:, fold], expected)


def test_folds_that_ran_are_as_many_as_the_table_counts(search):
    record = fold_scores_record(search, order="trial")
    assert record.trial_number.tolist() == list(range(len(VALUES)))
    n_run = (record.outcome != "not run").sum(axis=1)
    assert n_run.tolist() == search.cv_results_["n_folds_run"].tolist()
    assert n_run.sum() < record.outcome.size
    assert ((record.outcome == "failed").any(axis=1) == (search.cv_results_["trial_state"] == "FAIL")).all()


def test_candidates_stand_best_first_then_pruned_ones_then_failed_ones(search):
    states = fold_scores_record(search).trial_state.tolist()
    assert states == sorted(states, key=["COMPLETE", "PRUNED", "FAIL"].index)
    a = np.array(VALUES)[fold_scores_record(search).trial_number]
    complete = a[np.array(states) == "COMPLETE"]
    assert complete.tolist() == sorted(complete)


def test_a_failed_fold_with_an_error_score_is_failed():
    outcome = fold_scores_record(searched(values=[1.0, 7.0], error_score=-9.0, pruner=None)).outcome
    assert outcome.tolist() == [["scored"] * 4, ["failed", "scored", "scored", "scored"]]


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_an_infinite_score_is_a_failure():
    outcome = fold_scores_record(searched(values=[1.0, np.inf], pruner=None), order="trial").outcome
    assert outcome.tolist() == [["scored"] * 4, ["failed"] * 4]


def test_a_grid_search_has_the_record_of_the_same_search():
    ours = fold_scores_record(searched(values=[1.0, 7.0, 0.0], pruner=None))
    theirs = fold_scores_record(searched(GridSearchCV, values=[1.0, 7.0, 0.0]))
    for name, column in ours.columns().items():
        np.testing.assert_array_equal(theirs.columns()[name], column)
    assert theirs.best_trial == 2


def test_columns_have_a_row_for_each_fold(search):
    columns = fold_scores_record(search).columns()
    assert {len(column) for column in columns.values()} == {len(VALUES) * 4}
    assert columns["fold"][:5].tolist() == [0, 1, 2, 3, 0]


def test_bad_input_is_refused(search):
    with pytest.raises(NotFittedError):
        fold_scores_record(OptunaSearchCV(Known(), {"a": [1.0]}))
    with pytest.raises(InvalidArgumentError, match=r"order must be one of .*'ranks'. Nearest to 'ranks': 'rank'"):
        fold_scores_record(search, order="ranks")
    with pytest.raises(InvalidArgumentError, match=r"metric must be None or one of \['score'\], but got 'accuracy'"):
        fold_scores_record(search, metric="accuracy")
