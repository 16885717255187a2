"""The outcome of a search, made of records alone."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsClassifier

from sk_optuna.evaluation._fold import FoldResult
from sk_optuna.evaluation._record import TrialRecord
from sk_optuna.exceptions import NoScoreError
from sk_optuna.results import Rules, conclude

X, y = load_iris(return_X_y=True)


def rules(**arguments):
    defaults = {
        "scoring": None,
        "refit": True,
        "refit_metric": "score",
        "error_score": np.nan,
        "return_train_score": False,
        "pruner": None,
        "by_epoch": False,
        "checkpoint": "last",
    }
    return Rules(**{**defaults, **arguments})


def record(number, params, scores, **arguments):
    made = TrialRecord(number, params, range(len(scores)))
    for fold, score in enumerate(scores):
        made.add(fold, FoldResult(score, None, 10, 0.1, 0.01, None, (), **arguments))
    return made


def test_records_make_the_table_and_the_best_of_grid_search_without_a_search():
    grid = {"n_neighbors": [1, 5, 50], "weights": ["uniform", "distance"]}
    theirs = GridSearchCV(KNeighborsClassifier(), grid, cv=KFold(4, shuffle=True, random_state=0)).fit(X, y)
    columns = [theirs.cv_results_[f"split{i}_test_score"] for i in range(4)]
    records = [
        record(row, params, [float(column[row]) for column in columns])
        for row, params in enumerate(theirs.cv_results_["params"])
    ]
    outcome = conclude(records, rules())
    for name in theirs.cv_results_.keys() - {"mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"}:
        np.testing.assert_array_equal(outcome.cv_results[name], theirs.cv_results_[name], err_msg=name)
    best = outcome.best()
    assert (best.index, best.params, best.score) == (theirs.best_index_, theirs.best_params_, theirs.best_score_)
    assert not outcome.is_multimetric
    assert outcome.learning_curves is None


def test_several_metrics_without_refit_leave_the_choice_to_the_user():
    outcome = conclude([record(0, {}, [{"a": 0.5, "b": 0.6}] * 2)], rules(scoring=["a", "b"], refit=False))
    assert outcome.is_multimetric
    assert outcome.best() is None


def test_without_a_trial_there_is_no_outcome():
    with pytest.raises(NoScoreError, match="No candidate has ended: the timeout passed while other processes"):
        conclude([], rules())


def test_a_table_without_a_score_is_there_before_the_refusal():
    failed = record(0, {}, [np.nan] * 2, score_errors=("Traceback\nValueError: no labels",))
    failed.folds = [fold._replace(failed_scores=("score",)) for fold in failed.folds]
    with pytest.warns(UserWarning, match="non-finite"):
        outcome = conclude([failed], rules(scoring="accuracy"))
    assert outcome.cv_results["trial_state"].tolist() == ["FAIL"]
    with pytest.raises(NoScoreError, match="ValueError: no labels"):
        outcome.best()
