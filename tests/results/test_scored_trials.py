"""The trials that records of parameters begin with: their scores, their best, and the names that may be asked for."""

import numpy as np
import pytest
from scipy.stats import randint
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results._scored_trials import checked_names, scored_trials

X, y = load_iris(return_X_y=True)
SPACE = {"max_depth": randint(1, 9), "min_samples_leaf": randint(1, 30)}


def searched(**options):
    options = {"n_trials": 12, "cv": 3, "random_state": 0, **options}
    return OptunaSearchCV(DecisionTreeClassifier(random_state=0), SPACE, **options)


def test_scores_are_means_and_estimates_of_stopped_trials():
    search = searched(pruner="race", n_trials=16).fit(X, y)
    scored = scored_trials(search)
    means = search.cv_results_["mean_test_score"]
    complete = np.array(scored.state) == "COMPLETE"
    np.testing.assert_array_equal(scored.score[complete], means[complete])
    assert not complete.all()
    assert np.isfinite(scored.score[~complete]).all()
    assert scored.best == search.best_index_


def test_the_standard_error_is_that_of_the_mean_over_the_folds_of_the_best():
    search = searched().fit(X, y)
    folds = [search.cv_results_[f"split{i}_test_score"][search.best_index_] for i in range(3)]
    assert scored_trials(search).standard_error == pytest.approx(np.std(folds, ddof=1) / 3**0.5)


def test_a_search_that_chose_none_has_its_best_score_marked():
    search = searched(scoring=["accuracy", "f1_macro"], refit=False).fit(X, y)
    assert scored_trials(search).best == np.argmax(search.cv_results_["mean_test_accuracy"])


def test_of_several_objectives_one_is_read():
    search = searched(objectives=("f1_macro", "accuracy"), refit="accuracy").fit(X, y)
    for metric, name in ((None, "accuracy"), ("f1_macro", "f1_macro")):
        scored = scored_trials(search, metric)
        assert scored.metric == name
        np.testing.assert_allclose(scored.score, search.cv_results_[f"mean_test_{name}"])
    with pytest.raises(InvalidArgumentError, match=r"one of \['f1_macro', 'accuracy'\], but got 'acuracy'.*'accuracy'"):
        scored_trials(search, "acuracy")


def test_infeasible_trials_are_told_apart_from_stopped_ones():
    search = searched(constraints=lambda row: row["params"]["max_depth"] - 4.0, n_trials=10).fit(X, y)
    depths = np.array([params["max_depth"] for params in search.cv_results_["params"]])
    np.testing.assert_array_equal(scored_trials(search).feasible, depths <= 4)


class Worthless(BaseEstimator):
    def __init__(self, a=0):
        self.a = a

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return float("nan")


@pytest.mark.filterwarnings("ignore")
def test_a_search_without_a_single_score_says_where_the_reasons_are():
    search = OptunaSearchCV(Worthless(), {"a": [1, 2]}, cv=2, refit=False)
    try:
        search.fit(X)
    except ValueError:  # it says so itself, and keeps its candidates
        assert len(search.cv_results_["params"]) == 2
    with pytest.raises(InvalidArgumentError, match=r"none of the 2 candidates has a score\. See errors_"):
        scored_trials(search)


def test_searches_that_cannot_be_read_are_refused():
    with pytest.raises(NotFittedError):
        scored_trials(searched())
    other = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2).fit(X, y)
    with pytest.raises(InvalidArgumentError, match=r"got a GridSearchCV\. Fit an OptunaSearchCV"):
        scored_trials(other)


def test_names_are_checked_and_the_nearest_are_named():
    known = ["gamma", "C", "kernel"]
    assert checked_names(None, known) == known
    assert checked_names(("C", "gamma", "C"), known) == ["C", "gamma"]
    with pytest.raises(InvalidArgumentError, match=r"names 'gama', which no candidate.*Nearest to 'gama': 'gamma'"):
        checked_names(["gama"], known)
    with pytest.raises(InvalidArgumentError, match=r"It has .*'kernel'"):
        checked_names(["zzz"], known)


@pytest.mark.parametrize("params", ["C", [], 3, [3]])
def test_what_is_no_list_of_names_is_refused(params):
    with pytest.raises(InvalidArgumentError, match="params must be None or a list of names"):
        checked_names(params, ["C"])
