"""A search in which every candidate failed has no best one, and says why; failures of a scorer name the user's."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, f1_score, make_scorer, r2_score
from sklearn.model_selection import GridSearchCV, LeaveOneOut
from sklearn.tree import DecisionTreeRegressor

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError, NoScoreError
from sk_optuna.results import fold_scores_record, learning_curves_record

X, Y = make_classification(40, random_state=0)
GRID = {"C": [0.1, 1.0, 10.0]}
X_FIRST, X_TWENTIETH = X[0, 0], X[20, 0]


def search(scoring, *, kind=OptunaSearchCV, **more):
    return kind(LogisticRegression(), GRID, scoring=scoring, cv=2, **more)


def fit_quietly(search, X=X, y=Y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return search.fit(X, y)


def raises(estimator, X, y):
    raise KeyError("boom")


def raises_for_strong_regularization(estimator, X, y):
    if estimator.C < 1:
        raise KeyError("boom")
    return estimator.score(X, y)


def raises_otherwise(estimator, X, y):
    raise RuntimeError("of another kind")


def metric(y_true, y_pred):
    return 1.0


def returns_a_list(estimator, X, y):
    return [1, 2]


@pytest.mark.parametrize("error_score", [np.nan, 0.0, 1e6])
@pytest.mark.parametrize("refit", [True, False, lambda results: 0])
def test_a_scorer_that_raises_for_all_candidates_is_an_error(refit, error_score):
    failing = search(raises, refit=refit, error_score=error_score)
    says = r"None of the 3 candidates has a finite mean score.*the scorer raised KeyError: 'boom' \(6 of 6 folds\)"
    with pytest.raises(NoScoreError, match=says):
        fit_quietly(failing)
    assert list(failing.cv_results_["trial_state"]) == ["FAIL"] * 3
    assert [trial.state.name for trial in failing.study_.trials] == ["FAIL"] * 3
    assert not hasattr(failing, "best_params_")
    assert not hasattr(failing, "best_estimator_")


def test_it_is_the_error_that_callers_of_grid_search_cv_catch():
    assert issubclass(NoScoreError, ValueError)
    assert issubclass(NoScoreError, TypeError)


def test_a_metric_in_the_place_of_a_scorer_says_how_a_scorer_is_made():
    with pytest.raises(NoScoreError, match=r"metric\(\) takes 2 .*\(estimator, X, y\); make_scorer makes one"):
        fit_quietly(search(metric))
    assert fit_quietly(search(make_scorer(metric))).best_score_ == 1.0


@pytest.mark.parametrize("function", [f1_score, accuracy_score])
def test_a_metric_of_scikit_learn_in_the_place_of_a_scorer_is_refused_before_the_first_fit(function):
    class NeverFitted(LogisticRegression):
        def fit(self, X, y):
            raise AssertionError("fitted")

    with pytest.raises(InvalidArgumentError, match=rf"'scoring'.*{function.__name__}.*metric function.*make_scorer"):
        OptunaSearchCV(NeverFitted(), GRID, scoring=function, error_score="raise").fit(X, Y)


def test_one_candidate_with_a_score_is_enough():
    fitted = fit_quietly(search(raises_for_strong_regularization))
    assert list(fitted.cv_results_["trial_state"]) == ["FAIL", "COMPLETE", "COMPLETE"]
    assert fitted.best_params_["C"] >= 1


def test_of_several_metrics_the_one_that_chooses_decides():
    scoring = {"good": "accuracy", "bad": raises, "worse": raises_otherwise}
    assert fit_quietly(search(scoring, refit="good")).best_score_ > 0.5
    with pytest.raises(NoScoreError, match=r"finite mean bad,.*the scorer raised KeyError: 'boom' \(6 of 6"):
        fit_quietly(search(scoring, refit="bad"))
    with pytest.raises(NoScoreError, match=r"finite mean worse,.*the scorer raised RuntimeError: of another kind"):
        fit_quietly(search(scoring, refit="worse"))


def test_where_no_metric_chooses_a_score_of_any_is_enough():
    assert fit_quietly(search({"bad": raises, "good": "accuracy"}, refit=False)).n_trials_ == 3
    with pytest.raises(NoScoreError, match=r"finite mean bad or worse"):
        fit_quietly(search({"bad": raises, "worse": raises_otherwise}, refit=False))


def fails_in_the_first_fold(estimator, X, y):
    if X[0, 0] == X_FIRST:
        raise KeyError("boom")
    return {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize("error_score", [np.nan, 0.0])
def test_a_callable_of_several_metrics_that_fails_in_one_fold_of_each_candidate_is_told(error_score):
    failing = search(fails_in_the_first_fold, refit="b", error_score=error_score, return_train_score=True)
    with pytest.raises(NoScoreError, match=r"finite mean b,.*KeyError: 'boom' \(3 of 6 folds\)"):
        fit_quietly(failing)
    for metric, score in (("a", 1.0), ("b", 2.0)):
        assert failing.cv_results_[f"split1_test_{metric}"].tolist() == [score] * 3
        np.testing.assert_array_equal(failing.cv_results_[f"split0_test_{metric}"], [error_score] * 3)


class FailsInTheFirstFold(BaseEstimator):
    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        if X[0, 0] == X_TWENTIETH:
            raise ArithmeticError("not this fold")
        return self

    def score(self, X, y):
        return 1.0


def test_a_fold_that_no_candidate_can_be_fitted_on_is_an_error():
    failing = OptunaSearchCV(FailsInTheFirstFold(), GRID, cv=[(range(20, 40), range(20)), (range(20), range(20, 40))])
    with (
        pytest.warns(FitFailedWarning),
        pytest.warns(UserWarning, match="non-finite"),
        pytest.raises(NoScoreError, match=r"the fit raised ArithmeticError: not this fold \(3 of 6 folds\)"),
    ):
        failing.fit(X, Y)


SCORINGS = {
    "a name": ("r2", "score"),
    "a scorer": (make_scorer(r2_score), "score"),
    "a callable": (lambda estimator, X, y: np.nan, "score"),
    "infinity": (lambda estimator, X, y: -np.inf, "score"),
    "several": (["r2", "neg_max_error"], "r2"),
    "a callable of several": (lambda estimator, X, y: {"r2": np.nan, "max_error": 1.0}, "r2"),
}


@pytest.mark.parametrize("name", SCORINGS)
@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined", "ignore:One or more of the test scores")
@pytest.mark.filterwarnings("ignore:invalid value encountered in subtract")  # of infinity, within scikit-learn
def test_scoring_without_a_finite_score_is_an_error(name):
    scoring, metric = SCORINGS[name]
    refit = "r2" if metric == "r2" else True
    returned = "-inf" if name == "infinity" else "nan"
    search = OptunaSearchCV(DecisionTreeRegressor(), {"max_depth": [1, 2]}, cv=LeaveOneOut(), scoring=scoring)
    says = rf"None of the 2 candidates has a finite mean {metric}, .* the scorer returned {returned} \(12 of 12 folds\)"
    with pytest.raises(NoScoreError, match=says):
        search.set_params(refit=refit).fit(X[:6], Y[:6].astype(float))
    assert len(search.cv_results_["params"]) == len(search.study_.trials) == 2
    assert not hasattr(search, "best_score_")


def test_an_estimators_own_score_of_nan_ends_as_in_grid_search_cv():
    for kind in (OptunaSearchCV, GridSearchCV):
        regression = kind(DecisionTreeRegressor(), {"max_depth": [1, 2]}, cv=LeaveOneOut())  # R2 of one row
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            regression.fit(X[:6], Y[:6].astype(float))
        assert any("test scores are non-finite: [nan nan]" in str(warning.message) for warning in caught)
        assert np.isnan(regression.best_score_)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("report", ["fold", "epoch"])
def test_what_is_no_number_names_the_users_scorer(n_jobs, report):
    estimator, space = LogisticRegression(), GRID
    if report == "epoch":
        estimator, space = SGDClassifier(max_iter=2), {"alpha": [1e-3, 1e-2]}
    failing = OptunaSearchCV(estimator, space, scoring=returns_a_list, cv=2, n_jobs=n_jobs, report=report)
    with pytest.raises(
        ValueError, match=r"(?s)got \[1, 2\] \(<class 'list'>\).*scorer=<function returns_a_list at 0x"
    ) as error:
        fit_quietly(failing)
    assert "Watching" not in str(error.value)


def test_the_message_is_the_one_of_grid_search_cv():
    messages = []
    for kind in (OptunaSearchCV, GridSearchCV):
        with pytest.raises(ValueError, match="scoring must return a number") as error:
            search(returns_a_list, kind=kind).fit(X, Y)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("scoring", [raises, {"a": raises, "b": "accuracy"}], ids=["one", "several"])
def test_the_warning_of_a_scorer_that_raises_names_it(scoring):
    failing = OptunaSearchCV(LogisticRegression(), GRID, scoring=scoring, refit=False, cv=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if callable(scoring):
            with pytest.raises(NoScoreError):
                failing.fit(X, Y)
        else:
            failing.fit(X, Y)
    told = [str(warning.message) for warning in caught if "Scoring failed" in str(warning.message)]
    assert len(told) == 6
    assert all("in raises" in text and "KeyError: 'boom'" in text for text in told)


@pytest.mark.parametrize("scoring", ["accurracy", ["f1", "accurracy"], ("accurracy",), {"a": "accurracy", "b": "f1"}])
def test_an_unknown_scorer_brings_the_nearest_names_and_scikit_learns_words(scoring):
    with pytest.raises(
        InvalidArgumentError, match=r"to 'accurracy': 'accuracy'.*'balanced_accuracy'.*'scoring' parameter"
    ):
        search(scoring, refit=False).fit(X, Y)


def test_a_scorer_like_no_other_is_refused_in_scikit_learns_words():
    for kind in (OptunaSearchCV, GridSearchCV):
        with pytest.raises(ValueError, match=r"'scoring' parameter of \w+ must be a str among.* Got 'zzzzzz'"):
            search("zzzzzz", kind=kind).fit(X, Y)


@pytest.mark.parametrize("scoring", [["accuracy", "f1"], lambda estimator, X, y: {"accuracy": 1.0, "f1": 1.0}])
@pytest.mark.parametrize(("refit", "near"), [("acuracy", "'accuracy'"), ("loss", "'accuracy', 'f1'")])
def test_an_unknown_refit_brings_the_metrics_and_scikit_learns_words(scoring, refit, near):
    says = rf"Nearest to '{refit}': {near}\. For multi-metric scoring, the parameter refit must be set"
    with pytest.raises(InvalidArgumentError, match=says):
        search(scoring, refit=refit).fit(X, Y)


def test_refit_true_with_several_metrics_is_refused_in_scikit_learns_words():
    with pytest.raises(ValueError, match=r"^For multi-metric scoring, the parameter refit must be set"):
        search(["accuracy", "f1"]).fit(X, Y)


def test_after_a_fit_whose_fits_all_failed_its_readers_name_the_errors():
    failed = OptunaSearchCV(LogisticRegression(), {"C": [-1.0, -2.0]}, cv=2)
    readers = [failed.plot, failed.plain_study, failed.checks]
    readers += [lambda: fold_scores_record(failed), lambda: learning_curves_record(failed)]
    for read in readers:
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            read()
    with pytest.raises(ValueError, match="All the 4 fits failed"):
        fit_quietly(failed)
    for read in readers:
        with pytest.raises(NotFittedError, match=r"errors_ has 4 failures.*InvalidParameterError"):
            read()
