"""The candidates that pictures begin with: states, scores, the best one; and the names of parameters."""

import numpy as np
import pytest
from scipy.stats import randint
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from sk_optuna import OptunaSearchCV, nested_cross_validate
from sk_optuna import displays as displays_of
from sk_optuna.exceptions import InvalidArgumentError, NoScoreError
from sk_optuna.results._candidates import candidates_of, standard_error
from sk_optuna.results._param_values import checked_names, param_values, params_of

X, y = load_iris(return_X_y=True)
SPACE = {"max_depth": randint(1, 9), "min_samples_leaf": randint(1, 30)}


def searched(**options):
    options = {"n_trials": 12, "cv": 3, "random_state": 0, **options}
    return OptunaSearchCV(DecisionTreeClassifier(random_state=0), SPACE, **options)


def read(search, metric=None):
    return candidates_of(search, metric, drawer="ADisplay")


def test_scores_are_means_and_estimates_of_stopped_trials():
    search = searched(pruner="race", n_trials=16).fit(X, y)
    scored = read(search)
    means = search.cv_results_["mean_test_score"]
    complete = np.array(scored.trial_state) == "COMPLETE"
    np.testing.assert_array_equal(scored.score[complete], means[complete])
    assert not complete.all()
    assert np.isfinite(scored.score[~complete]).all()
    assert scored.best == search.best_index_


def test_the_standard_error_is_that_of_the_mean_over_the_folds_of_the_best():
    search = searched().fit(X, y)
    folds = [search.cv_results_[f"split{i}_test_score"][search.best_index_] for i in range(3)]
    assert standard_error(search, read(search)) == pytest.approx(np.std(folds, ddof=1) / 3**0.5)


def test_a_search_that_chose_none_has_its_best_score_marked():
    search = searched(scoring=["accuracy", "f1_macro"], refit=False).fit(X, y)
    assert read(search).best == np.argmax(search.cv_results_["mean_test_accuracy"])


def test_of_several_objectives_the_one_that_refit_names_is_read_or_the_one_that_is_asked_for():
    search = searched(objectives=("f1_macro", "accuracy"), refit="accuracy").fit(X, y)
    for metric, name in ((None, "accuracy"), ("f1_macro", "f1_macro")):
        found = read(search, metric)
        assert found.key == name
        np.testing.assert_allclose(found.score, search.cv_results_[f"mean_test_{name}"])
        assert found.best == np.argmax(found.score)
    with pytest.raises(InvalidArgumentError, match=r"but got 'acuracy'.*'accuracy'"):
        read(search, "acuracy")
    with pytest.raises(InvalidArgumentError, match=r"ADisplay draws one metric, but this search maximized 2.*metric="):
        read(search.set_params(refit=False).fit(X, y))


def test_infeasible_candidates_are_told_apart_from_stopped_ones():
    search = searched(constraints=lambda row: row["params"]["max_depth"] - 4.0, n_trials=10).fit(X, y)
    depths = np.array([params["max_depth"] for params in search.cv_results_["params"]])
    np.testing.assert_array_equal(read(search).infeasible, depths > 4)


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
    with pytest.raises(NoScoreError, match=r"none of the 2 candidates has a score\. See errors_"):
        read(search)


def test_a_search_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        read(searched())


@pytest.mark.parametrize("other", [Ridge(), Ridge().fit(X, y), {"a": Ridge()}, None, OptunaSearchCV])
def test_what_is_no_search_is_named_as_such(other):
    name = type(other).__name__
    with pytest.raises(InvalidArgumentError, match=f"ADisplay draws a fitted search, .* but got .* of type {name}, "):
        read(other)


def test_nested_results_are_told_who_draws_them():
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=2)
    results = nested_cross_validate(search, X, y, cv=2)
    displays = [each for name in displays_of.__all__ if hasattr(each := getattr(displays_of, name), "from_search")]
    assert len(displays) == 7
    for display in displays:
        with pytest.raises(InvalidArgumentError, match=f"^{display.__name__} draws .* nested results.*from_results"):
            display.from_search(results)


def test_searches_of_scikit_learn_are_read_too():
    other = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=2).fit(X, y)
    found = read(other)
    np.testing.assert_array_equal(found.score, other.cv_results_["mean_test_score"])
    assert found.trial_state.tolist() == ["COMPLETE"] * 2
    assert (found.best, found.best_trial) == (other.best_index_, other.best_index_)


def test_parameters_of_searches_of_scikit_learn_have_the_scale_of_their_space():
    grid = {"max_depth": [1, 2, 4, 8], "ccp_alpha": [0.0, 0.5], "criterion": ["gini", "entropy"]}
    other = GridSearchCV(DecisionTreeClassifier(random_state=0), grid, cv=2).fit(X, y)
    found = param_values(params_of(other))
    assert (found["max_depth"].is_log, found["max_depth"].low, found["max_depth"].high) == (True, 1, 8)
    assert found["ccp_alpha"].choices is None
    assert found["criterion"].choices == ("gini", "entropy")
    assert found["max_depth"].at.tolist() == [params["max_depth"] for params in other.cv_results_["params"]]


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


def test_an_empty_space_has_nothing_to_draw():
    with pytest.raises(InvalidArgumentError, match="no parameter to draw"):
        checked_names(None, [])
