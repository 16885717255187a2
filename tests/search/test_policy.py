"""Policies as `refit` of OptunaSearchCV: splits, metrics, what is refused, and how they go with the rest."""

import pickle

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.refit import OneStandardError, PercentLoss
from sk_optuna.search._policy import share_tested

X, y = load_iris(return_X_y=True)
GRID = {"n_neighbors": [1, 5, 9, 13, 17, 21, 31, 41]}
HIGH = {"n_neighbors": "high"}
FITS = []


class Counted(KNeighborsClassifier):
    def fit(self, X, y):
        FITS.append(len(X))
        return super().fit(X, y)


def test_a_grid_ends_with_the_candidate_that_it_ends_with_in_grid_search():
    for policy in (OneStandardError(HIGH), PercentLoss(2, simpler=HIGH), PercentLoss(0, simpler=HIGH)):
        ours = OptunaSearchCV(KNeighborsClassifier(), GRID, refit=policy).fit(X, y)
        theirs = GridSearchCV(KNeighborsClassifier(), GRID, refit=policy).fit(X, y)
        assert (ours.best_index_, ours.best_params_) == (theirs.best_index_, theirs.best_params_)
        assert ours.best_score_ == ours.cv_results_["mean_test_score"][ours.best_index_]
        assert ours.refit_choice_ == policy.explain(theirs.cv_results_)
        assert ours.best_estimator_.n_neighbors == ours.best_params_["n_neighbors"]


@pytest.mark.parametrize(
    ("cv", "share"),
    [
        (KFold(5), 0.2),
        (RepeatedKFold(n_splits=5, n_repeats=3, random_state=0), 0.2),
        (ShuffleSplit(4, test_size=0.5, random_state=0), 0.5),
        (ShuffleSplit(4, train_size=0.3, test_size=0.3, random_state=0), 0.5),
    ],
)
def test_the_standard_error_is_corrected_by_the_splits_that_were_used(cv, share):
    search = OptunaSearchCV(KNeighborsClassifier(), GRID, cv=cv, refit=OneStandardError(HIGH)).fit(X, y)
    expected = OneStandardError(HIGH, test_size=share).explain(search.cv_results_)
    assert search.refit_choice_.index == expected.index
    assert search.refit_choice_.standard_error == pytest.approx(expected.standard_error)
    set_by_hand = OneStandardError(HIGH, test_size=0.01)
    other = clone(search).set_params(refit=set_by_hand).fit(X, y)
    assert other.refit_choice_ == set_by_hand.explain(search.cv_results_)


def test_masks_and_splits_without_training_rows_are_counted_too():
    mask = np.zeros(10, dtype=bool)
    mask[:2] = True
    assert share_tested([(~mask, mask)]) == pytest.approx(0.2)
    assert share_tested([(np.array([], dtype=int), np.arange(3))]) is None


def test_a_race_leaves_the_choice_to_complete_candidates():
    search = OptunaSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {"svc__C": loguniform(1e-3, 1e3), "svc__gamma": loguniform(1e-4, 10)},
        n_trials=25,
        cv=8,
        pruner="race",
        random_state=0,
        refit=OneStandardError({"svc__C": "low"}),
    ).fit(X, y)
    states = search.cv_results_["trial_state"]
    assert "PRUNED" in states
    assert states[search.best_index_] == "COMPLETE"
    C = search.cv_results_["param_svc__C"].astype(float)
    assert C[search.best_index_] < C[search.refit_choice_.best_index] or search.refit_choice_.loss == 0


def test_the_metric_of_a_policy_steers_the_search_and_is_the_best_score():
    options = {"scoring": ["accuracy", "neg_log_loss"], "n_trials": 8, "random_state": 0, "cv": 3}
    model = make_pipeline(StandardScaler(), LogisticRegression())
    space = {"logisticregression__C": loguniform(1e-3, 1e3)}
    policy = PercentLoss(300, simpler={"logisticregression__C": "low"}, metric="neg_log_loss")
    search = OptunaSearchCV(model, space, refit=policy, **options).fit(X, y)
    named = OptunaSearchCV(model, space, refit="neg_log_loss", **options).fit(X, y)
    assert [trial.value for trial in search.study_.trials] == [trial.value for trial in named.study_.trials]
    assert search.refit_choice_.best_index == named.best_index_
    assert search.best_score_ == search.cv_results_["mean_test_neg_log_loss"][search.best_index_]
    assert search.best_params_["logisticregression__C"] < named.best_params_["logisticregression__C"]


def two_scores(estimator, X, y):
    right = estimator.score(X, y)
    return {"right": right, "wrong": 1 - right}


def test_a_scoring_that_names_its_metrics_is_checked_at_the_first_candidate():
    del FITS[:]
    search = OptunaSearchCV(Counted(), GRID, scoring=two_scores, cv=3, n_jobs=1, refit=OneStandardError(HIGH))
    with pytest.raises(InvalidArgumentError, match=r"must name the metric .* several: 'right', 'wrong'"):
        search.fit(X, y)
    assert len(FITS) <= 3
    search.set_params(refit=OneStandardError(HIGH, metric="right")).fit(X, y)
    assert search.best_score_ == search.cv_results_["mean_test_right"][search.best_index_]


def refused(match, refit, **arguments):
    return pytest.param(refit, arguments, match, id=match[:40])


ONE = "names the parameter"
WEIGHTS = ["uniform", "distance"]


@pytest.mark.parametrize(
    ("refit", "arguments", "match"),
    [
        refused(f"{ONE} 'n_neighbor', .* space .*Nearest .*'n_neighbors'", OneStandardError({"n_neighbor": "high"})),
        refused(f"{ONE} 'C', which no candidate", PercentLoss(2, simpler={"n_neighbors": "high", "C": "low"})),
        refused(
            "lacks 'distance'. Add it",
            OneStandardError({"weights": WEIGHTS[:1]}),
            param_grid=[GRID, {"weights": WEIGHTS}],
        ),
        refused("it lacks 1, 5, 9, 13, 17. Add them", OneStandardError({"n_neighbors": [21, 31, 41]})),
        refused(
            "is a list, but .* a range of numbers", OneStandardError({"p": [1, 2]}), param_grid={"p": loguniform(1, 2)}
        ),
        refused(
            "compares numbers, but 'weights' also takes 'uniform', 'distance'",
            OneStandardError({"weights": "low"}),
            param_grid={"weights": WEIGHTS},
        ),
        refused("must name the metric", OneStandardError(HIGH), scoring=["accuracy", "f1_macro"]),
        refused(
            "metric='f1' of OneStandardError is no metric of the search.*'f1_macro'",
            OneStandardError(HIGH, metric="f1"),
            scoring=["accuracy", "f1_macro"],
        ),
        refused("Leave metric out", OneStandardError(HIGH, metric="accuracy"), scoring="accuracy"),
        refused("at least two splits", OneStandardError(HIGH), cv=ShuffleSplit(1)),
    ],
)
def test_a_policy_that_does_not_fit_the_search_is_refused_before_the_first_fit(refit, arguments, match):
    del FITS[:]
    search = OptunaSearchCV(Counted(), **{"param_grid": GRID, "n_jobs": 1, **arguments}, refit=refit)
    with pytest.raises(InvalidArgumentError, match=match):
        search.fit(X, y)
    assert FITS == []


def test_one_split_does_for_a_percentage():
    search = OptunaSearchCV(
        KNeighborsClassifier(), GRID, cv=ShuffleSplit(1, random_state=0), refit=PercentLoss(3, simpler=HIGH)
    )
    assert search.fit(X, y).refit_choice_.standard_error is None


def space_of_kernels(trial):
    params = {"kernel": trial.suggest_categorical("kernel", ["rbf", "linear"]), "C": trial.suggest_float("C", 0.1, 10)}
    if params["kernel"] == "rbf":
        params["gamma"] = trial.suggest_float("gamma", 0.01, 1, log=True)
    return params


def test_a_space_that_is_a_function_is_ordered_when_it_has_been_called():
    policy = PercentLoss(3, simpler={"kernel": ["linear", "rbf"], "gamma": "low"})
    options = {"n_trials": 10, "random_state": 0, "cv": 3}
    search = OptunaSearchCV(SVC(), space_of_kernels, refit=policy, **options).fit(X, y)
    assert search.best_params_["kernel"] == "linear"
    search.set_params(refit=PercentLoss(3, simpler={"gama": "low"}))
    with pytest.raises(
        InvalidArgumentError, match=r"'gama', which no candidate of cv_results_ has\. Nearest to 'gama': 'gamma'"
    ):
        search.fit(X, y)
    assert len(search.cv_results_["params"]) == 10  # what was found is not lost


def test_a_search_goes_on_from_its_storage_with_another_policy_and_fits_only_the_refit(tmp_path):
    options = {"cv": 3, "random_state": 0, "n_jobs": 1, "storage": tmp_path / "search.db"}
    first = OptunaSearchCV(Counted(), GRID, refit=OneStandardError(HIGH), **options).fit(X, y)
    del FITS[:]
    again = OptunaSearchCV(Counted(), GRID, refit=OneStandardError(HIGH), **options).fit(X, y)
    assert again.refit_choice_ == first.refit_choice_
    other = OptunaSearchCV(Counted(), GRID, refit=PercentLoss(50, simpler=HIGH), **options).fit(X, y)
    assert other.best_params_ == {"n_neighbors": 41}
    assert [len(X)] * 2 == FITS


def test_a_search_with_a_policy_is_cloned_pickled_and_nested():
    search = OptunaSearchCV(KNeighborsClassifier(), GRID, cv=3, refit=OneStandardError(HIGH))
    before = repr(search)
    fitted = clone(search).fit(X, y)
    assert repr(search) == before
    assert repr(fitted) == before
    assert pickle.loads(pickle.dumps(fitted)).refit_choice_ == fitted.refit_choice_
    assert "OneStandardError" in before
    assert np.isfinite(cross_val_score(search, X, y, cv=2)).all()
    assert not hasattr(fitted.set_params(refit=True).fit(X, y), "refit_choice_")


def test_policies_find_cloned_estimators_in_their_lists():
    steps = [{"model": [Ridge(), DecisionTreeClassifier(max_depth=2, random_state=0)]}]
    model = make_pipeline(StandardScaler(), SVC())
    model.steps[-1] = ("model", SVC())
    policy = PercentLoss(100, simpler={"model": [DecisionTreeClassifier(max_depth=2, random_state=0), Ridge()]})
    search = clone(OptunaSearchCV(model, steps, cv=StratifiedKFold(3), scoring="r2", refit=policy)).fit(X, y)
    assert type(search.best_params_["model"]) is DecisionTreeClassifier


def test_the_refit_ends_after_the_chosen_candidates_epochs():
    policy = PercentLoss(100, simpler={"alpha": "high"})
    search = OptunaSearchCV(
        SGDClassifier(max_iter=6, random_state=0),
        {"alpha": [1e-4, 1e-2, 1.0]},
        cv=3,
        report="epoch",
        checkpoint="best",
        refit=policy,
    ).fit(X, y)
    curves = search.learning_curves_
    best = []
    for fold in range(3):
        mine = (curves["trial_number"] == search.best_index_) & (curves["fold"] == fold)
        best.append(curves["epoch"][mine][np.argmax(curves["valid_score"][mine])])
    assert search.best_params_ == {"alpha": 1.0}
    assert search.refit_epochs_ == max(1, round(np.median(best)))


def test_initial_params_take_the_best_by_a_policys_metric():
    data = load_diabetes(return_X_y=True)
    scoring = ["neg_mean_absolute_error", "r2"]
    policy = PercentLoss(0, simpler={"alpha": "low"}, metric="r2")
    old = OptunaSearchCV(
        Ridge(), {"alpha": loguniform(1e-2, 1e2)}, n_trials=8, scoring=scoring, refit=policy, random_state=0
    )
    old.fit(*data)
    new = OptunaSearchCV(Ridge(), {"alpha": loguniform(1e-2, 1e2)}, n_trials=1, initial_params=old, random_state=0)
    assert new.fit(*data).best_params_ == old.best_params_


def test_a_policy_of_several_metrics_scores_by_its_own_as_a_name_does():
    policy = OneStandardError({"n_neighbors": "high"}, metric="roc_auc_ovr")
    search = OptunaSearchCV(KNeighborsClassifier(), GRID, scoring=["accuracy", "roc_auc_ovr"], refit=policy, cv=3)
    search.fit(X, y)
    assert search.score(X, y) == search.scorer_["roc_auc_ovr"](search.best_estimator_, X, y)
    assert search.refit is policy
    assert np.isfinite(cross_val_score(search, X, y, cv=2, error_score="raise")).all()


def test_a_class_in_place_of_a_policy_is_refused_before_the_first_fit():
    search = OptunaSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3]}, refit=OneStandardError)
    with pytest.raises(
        InvalidArgumentError, match=r"must be an instance of a policy, but got the class OneStandardErr"
    ):
        search.fit(X, y)
    assert not hasattr(search, "study_")


def test_a_value_that_an_order_names_twice_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"simpler\['kernel'\] of OneStandardError has 'rbf' more than once"):
        OneStandardError({"kernel": ["rbf", "linear", "rbf"]})
