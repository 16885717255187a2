"""The agreement of outer folds on parameters: shares of choices, spread in the space's own scale, conditional ones."""

import math

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.nested._outer_fold import OuterFold, Tuning
from sk_optuna.nested._rows import Row
from sk_optuna.nested._screen import chosen_in_short
from sk_optuna.nested._stability import stability_columns


def stability(search, *choices):
    folds = [OuterFold(tuning=Tuning(params, 0.0, {})) for params in choices]
    row = Row("search", search, "search", "")
    return stability_columns([row], {"search": folds})


def row_of(columns, parameter):
    (i,) = np.flatnonzero(columns["parameter"] == parameter)
    return {name: column[i] for name, column in columns.items()}


def test_numbers_spread_in_the_scale_of_their_space():
    search = OptunaSearchCV(SVC(), {"C": loguniform(1e-2, 1e2)})
    row = row_of(stability(search, {"C": 0.1}, {"C": 1.0}, {"C": 10.0}), "C")
    assert (row["low"], row["median"], row["high"]) == (0.1, 1.0, 10.0)
    assert row["spread"] == pytest.approx(math.log(10 / 0.1) / math.log(1e2 / 1e-2))


def test_lists_of_numbers_spread_by_their_places():
    row = row_of(stability(GridSearchCV(SVC(), {"C": [1, 10, 1000, 9999, 10000]}), {"C": 10}, {"C": 1000}), "C")
    assert row["spread"] == 0.25


def test_choices_have_the_share_of_the_most_frequent_one():
    search = GridSearchCV(SVC(), {"kernel": ["rbf", "linear"]})
    columns = stability(search, {"kernel": "rbf"}, {"kernel": "rbf"}, {"kernel": "linear"}, {"kernel": "rbf"})
    row = row_of(columns, "kernel")
    assert (row["mode"], row["modal_share"], row["active_share"]) == ("rbf", 0.75, 1.0)
    assert np.isnan(row["spread"])
    assert chosen_in_short(columns, "search") == "kernel=rbf 75%"


def test_conditional_parameters_have_the_share_of_folds_in_which_they_were_there():
    pipeline = Pipeline([("model", SVC())])
    space = [{"model": [SVC()], "model__C": [1, 2, 3]}, {"model": [KNeighborsClassifier()]}]
    knn = {"model": KNeighborsClassifier()}
    columns = stability(OptunaSearchCV(pipeline, space), {"model": SVC(), "model__C": 2}, knn, knn, knn)
    assert row_of(columns, "model__C")["active_share"] == 0.25
    assert row_of(columns, "model")["mode"] == "KNeighborsClassifier"
    assert row_of(columns, "model__C")["spread"] == 0.0


def test_callable_space_has_the_scales_of_its_studies(iris):
    X, y = iris

    def space(trial):
        return {"C": trial.suggest_float("C", 0.01, 100, log=True)}

    search = OptunaSearchCV(SVC(), space, n_trials=3, cv=2, random_state=0).fit(X, y)
    folds = [OuterFold(tuning=Tuning({"C": value}, 0.0, search.cv_results_, search.study_)) for value in (0.1, 10.0)]
    row = row_of(stability_columns([Row("search", search, "search", "")], {"search": folds}), "C")
    assert row["spread"] == pytest.approx(0.5)


def test_space_that_is_not_known_has_no_spread():
    class Other(GridSearchCV):
        pass

    search = Other(SVC(), {"C": object()})
    row = row_of(stability(search, {"C": 1.0}, {"C": 2.0}), "C")
    assert np.isnan(row["spread"])
    assert row["high"] == 2.0


def test_parameters_in_short_are_without_prefix_and_in_few_digits():
    search = GridSearchCV(Pipeline([("svc", SVC())]), {"svc__C": [1.23456, 2.0], "svc__gamma": ["scale"]})
    same = {"svc__gamma": "scale"}
    columns = stability(search, {"svc__C": 1.23456, **same}, {"svc__C": 2.0, **same})
    assert chosen_in_short(columns, "search") == "C=1.2..2 gamma=scale"


def test_the_bounds_and_the_scale_of_the_space_are_there_as_far_as_it_has_any():
    space = {"C": loguniform(1e-2, 1e2), "degree": [1, 2, 3], "kernel": ["rbf", "linear"]}
    columns = stability(OptunaSearchCV(SVC(), space), {"C": 1.0, "degree": 2, "kernel": "rbf"})
    found = {name: row_of(columns, name) for name in space}
    assert [found["C"][key] for key in ("space_low", "space_high", "space_log")] == pytest.approx([1e-2, 1e2, True])
    assert [found["degree"][key] for key in ("space_low", "space_high", "space_log")] == [1, 3, False]
    assert np.isnan([found["kernel"]["space_low"], found["kernel"]["space_high"]]).all()
    unknown = stability(OptunaSearchCV(SVC(), lambda trial: {"C": 1.0}), {"C": 1.0})
    assert np.isnan(unknown["space_low"]).all()
    assert not unknown["space_log"].any()
