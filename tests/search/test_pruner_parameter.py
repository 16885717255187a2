"""The pruner is a parameter as others are; on a single split it prunes nothing."""

import pickle

import joblib
import numpy as np
import optuna
import pytest
from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from sk_optuna import OptunaSearchCV
from sk_optuna.pruners import PairedRacePruner

K, SIZE = 5, 4
X, Y = np.arange(K * SIZE, dtype=float)[:, None], np.arange(float(K * SIZE))
NAMES = ["race", "median", "percentile", "wilcoxon", "halving", "hyperband", "threshold"]

INSTANCE_NAMES = [
    "race instance",
    "median instance",
    "percentile instance",
    "wilcoxon instance",
    "hyperband auto",
    "halving auto",
    "patient",
    "threshold instance",
]


# --- the pruner as a parameter ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INSTANCE_NAMES)
def test_search_with_a_pruner_instance_can_be_cloned_pickled_and_fitted_again(name, searches):
    first = searches.search(pruner=searches.INSTANCES[name])
    before = repr(vars(searches.INSTANCES[name])) if name != "race instance" else repr(searches.INSTANCES[name])
    twins = [clone(first), pickle.loads(pickle.dumps(first))]
    first.fit(X, Y)
    assert first.pruner is searches.INSTANCES[name]
    for twin in (*twins, pickle.loads(pickle.dumps(first))):
        assert type(twin.pruner) is type(searches.INSTANCES[name])
        assert searches.same(twin.fit(X, Y), first)
    if name != "patient":  # which shows the wrapped pruner's address
        assert before == (repr(vars(first.pruner)) if name != "race instance" else repr(first.pruner))


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_twice_is_the_same_and_a_fitted_search_can_be_pickled(name, searches):
    found = searches.fitted(pruner=name, sampler="tpe")
    loaded = pickle.loads(pickle.dumps(found))
    assert searches.same(loaded, found)
    assert loaded.predict(X).shape == (K * SIZE,)
    assert searches.same(loaded.fit(X, Y), found)
    assert not searches.same(searches.fitted(pruner=name, sampler="tpe", random_state=1), found)


def test_race_by_name_is_the_pruner_with_its_defaults(searches):
    assert searches.same(searches.fitted(pruner="race"), searches.fitted(pruner=PairedRacePruner()))


def test_hyperband_by_name_and_instance_used_in_two_searches_agree(searches):
    pruner = HyperbandPruner(min_resource=1, max_resource=K, reduction_factor=2)
    assert searches.same(searches.fitted(pruner=pruner), searches.fitted(pruner="hyperband"))
    assert searches.same(searches.fitted(pruner=pruner), searches.fitted(pruner="hyperband"))


def test_pruner_instance_of_ones_own_is_asked_after_each_fold_but_the_last(searches):
    asked = []

    class Own(optuna.pruners.BasePruner):
        def prune(self, study, trial):
            asked.append((trial.number, trial.last_step))
            return trial.number % 3 == 1 and trial.last_step == 2

    found = searches.fitted(pruner=Own(), n_trials=6, max_concurrent_trials=1)
    assert found.cv_results_["n_folds_run"].tolist() == [5, 2, 5, 5, 2, 5]
    assert asked == [(t, k) for t in range(6) for k in ((1, 2) if t % 3 == 1 else (1, 2, 3, 4))]


@pytest.mark.parametrize("outer", [("loky", 1), ("threading", 2)])
def test_nested_cross_validation_gives_what_searches_by_hand_give(outer, searches):
    inner = searches.search(pruner="race", cv=[(np.arange(6, 9), np.arange(0, 3)), (np.arange(3), np.arange(3, 9))])
    with joblib.parallel_config(backend=outer[0]):
        scores = cross_val_score(inner, X, Y, cv=KFold(2), n_jobs=outer[1])
    by_hand = [clone(inner).fit(X[train], Y[train]).score(X[test]) for train, test in KFold(2).split(X)]
    np.testing.assert_array_equal(scores, by_hand)


@pytest.mark.parametrize("pruner", [NopPruner(), "threshold"])
def test_grid_under_a_pruner_that_stops_nobody_is_that_of_grid_search(pruner, searches):
    iris, species = load_iris(return_X_y=True)
    grid = {"max_depth": [1, 2, 3], "min_samples_leaf": [1, 5]}
    arguments = {"cv": 3, "scoring": ["accuracy", "f1_macro"], "refit": "f1_macro", "return_train_score": True}
    tree = DecisionTreeClassifier(random_state=0)
    ours = OptunaSearchCV(tree, grid, pruner=pruner, **arguments).fit(iris, species)
    theirs = GridSearchCV(tree, grid, **arguments).fit(iris, species)
    assert set(ours.cv_results_) - set(theirs.cv_results_) == {"trial_number", "trial_state", "n_folds_run"}
    expected = searches.times_aside(theirs.cv_results_)
    assert {key: searches.times_aside(ours.cv_results_)[key] for key in expected} == expected
    assert (ours.best_params_, ours.best_score_) == (theirs.best_params_, theirs.best_score_)
    assert ours.cv_results_["n_folds_run"].tolist() == [3] * 6


def test_without_a_pruner_there_is_no_column_of_folds_run_and_nothing_is_reported(searches):
    found = searches.fitted(pruner=None)
    assert "n_folds_run" not in found.cv_results_
    assert all(trial.intermediate_values == {} for trial in found.study_.trials)


# --- one split --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", ["race", "threshold", MedianPruner()])
@pytest.mark.parametrize("cv", [ShuffleSplit(1, random_state=0), [(np.arange(10), np.arange(10, 20))]])
def test_one_split_warns_that_nothing_can_be_pruned_and_is_as_without_pruner(pruner, cv, searches):
    with pytest.warns(UserWarning, match=r"pruner=.* has no effect.* a single split.*cv with more splits"):
        found = searches.fitted(pruner=pruner, cv=cv, sampler="tpe")
    whole = searches.fitted(pruner=None, cv=cv, sampler="tpe")
    table = searches.times_aside(found.cv_results_)
    assert table.pop("n_folds_run") == repr([1] * 24)
    assert table == searches.times_aside(whole.cv_results_)
    assert found.best_params_ == whole.best_params_


def test_warning_about_one_split_points_at_the_call_of_fit(searches):
    with pytest.warns(UserWarning, match="has no effect") as caught:
        searches.search(cv=ShuffleSplit(1, random_state=0)).fit(X, Y)
    assert [warning.filename for warning in caught] == [__file__]
