"""What `cross_validate` returned makes the same results as running the searches here."""

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, StratifiedKFold, cross_validate
from sklearn.svm import SVC

from sk_optuna import nested_cross_validate, nested_cv_results
from sk_optuna.exceptions import InvalidArgumentError

SEARCH = GridSearchCV(SVC(), {"C": [0.01, 1.0]}, cv=3)
KEPT = {"return_estimator": True, "return_indices": True}


def test_plain_call_gives_the_results_of_our_own(iris):
    X, y = iris
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    outputs = {
        name: cross_validate(model, X, y, cv=cv, **KEPT) for name, model in {"svm": SEARCH, "plain": SVC()}.items()
    }
    results = nested_cv_results(outputs, X, y, defaults={"svm": "plain"})
    ours = nested_cross_validate({"svm": SEARCH, "plain": SVC()}, X, y, cv=cv, baselines=())
    for name in ("outer_", "archive_", "stability_", "predictions_", "errors_"):
        columns = [column for column in getattr(ours, name) if "time" not in column and column != "seconds"]
        assert getattr(results, name)[columns].equals(getattr(ours, name)[columns])
    assert results.compare().equals(ours.compare())
    assert "Tuning svm" in repr(results)
    assert np.isnan(ours.table_.gain).all()
    assert results.fit_final("svm", X, y).best_params_ == SEARCH.fit(X, y).best_params_


def test_single_output_is_named_after_its_estimator_and_needs_no_data(iris):
    X, y = iris
    results = nested_cv_results(cross_validate(SEARCH, X, y, cv=3, **KEPT))
    assert list(results.cross_validate_) == ["svc"]
    assert len(results.predictions_) == 0
    assert "75 rows" in repr(results)


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ({"return_estimator": True}, "'indices'"),
        ({}, "'estimator' and no 'indices'"),
        ({"return_indices": True}, "'estimator'"),
    ],
)
def test_output_without_estimators_or_indices_is_refused_with_the_call_that_has_them(iris, arguments, missing):
    X, y = iris
    output = cross_validate(SVC(), X, y, cv=2, **arguments)
    with pytest.raises(InvalidArgumentError, match=f"has no {missing}.*return_estimator=True and return_indices=True"):
        nested_cv_results(output)


def test_other_outer_folds_in_one_comparison_are_refused(iris):
    X, y = iris
    outputs = {
        str(seed): cross_validate(SVC(), X, y, cv=KFold(3, shuffle=True, random_state=seed), **KEPT) for seed in (0, 1)
    }
    with pytest.raises(InvalidArgumentError, match="must have the same outer folds, but those of '0' and '1'"):
        nested_cv_results(outputs)


def test_scoring_that_is_not_in_the_output_is_refused(iris):
    X, y = iris
    output = cross_validate(SEARCH, X, y, cv=3, scoring=["f1_macro", "accuracy"], **KEPT)
    with pytest.raises(InvalidArgumentError, match="scores of 'f1_micro', but of \\['f1_macro', 'accuracy'\\]"):
        nested_cv_results(output, scoring=["f1_micro"])
    assert nested_cv_results(output, scoring=["f1_macro", "accuracy"]).metric_ == "f1_macro"


@pytest.mark.parametrize("output", [3, {}, [{}]])
def test_something_else_is_refused(output):
    with pytest.raises(InvalidArgumentError, match="must be what cross_validate returned"):
        nested_cv_results(output)


def test_unknown_defaults_are_refused(iris):
    X, y = iris
    with pytest.raises(InvalidArgumentError, match="must name rows, which are \\['svc'\\], but got 'plain'"):
        nested_cv_results(cross_validate(SEARCH, X, y, cv=3, **KEPT), defaults={"svc": "plain"})


def test_groups_that_the_folds_keep_apart_leave_no_test(iris):
    X, y = iris
    groups = np.arange(len(y)) % 9
    outputs = {
        name: cross_validate(model, X, y, groups=groups, cv=GroupKFold(3), **KEPT)
        for name, model in {"svm": SVC(), "logistic": LogisticRegression()}.items()
    }
    assert set(nested_cv_results(outputs, X, y, groups=groups).compare()["basis"]) == {"none"}
    assert set(nested_cv_results(outputs, X, y).compare()["basis"]) != {"none"}


def test_fold_that_failed_is_an_error_without_words(iris):
    X, y = iris
    fails = GridSearchCV(SVC(), {"C": [1.0]}, cv=KFold(2))
    order = np.argsort(y, kind="stable")[:50]  # two classes
    cv = [(np.flatnonzero(y[order] == 0), np.arange(5)), (np.arange(1, 50, 2), np.arange(0, 50, 2))]
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        output = cross_validate(fails, X[order], y[order], cv=cv, **KEPT)
    results = nested_cv_results(output, X[order], y[order])
    assert np.isnan(results.outer_.test_score[0])
    assert results.errors_.outer_fold.tolist() in ([], [0])
