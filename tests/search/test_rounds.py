"""Searches over boosters and forests that report their rounds find the models of plain fits, at any n_jobs."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from optuna.distributions import IntDistribution
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes, make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna.displays import LearningCurvesDisplay
from sk_optuna.results import learning_curves_record

X, Y = make_classification(160, 6, n_informative=4, flip_y=0.1, random_state=0)
X_REG, Y_REG = load_diabetes(return_X_y=True)
X_REG, Y_REG = X_REG[:160], Y_REG[:160]
TABLE = pd.DataFrame(X, columns=list("abcdef")).assign(kind=np.array(["u", "v", "w"])[np.arange(160) % 3])
HIST = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=7, random_state=0)


def search(estimator, space, **kwargs):
    settings = {"report": "epoch", "cv": KFold(3, shuffle=True, random_state=0), "random_state": 0, "pruner": None}
    return OptunaSearchCV(estimator, space, **{**settings, **kwargs})


def columns(model):
    kinds = ColumnTransformer([("n", StandardScaler(), list("abcdef")), ("k", OneHotEncoder(), ["kind"])])
    return Pipeline([("columns", kinds), ("model", model)])


WRAPPED = {
    "alone": (HIST, "", X, Y),
    "pipeline": (make_pipeline(StandardScaler(), HIST), "histgradientboostingclassifier__", X, Y),
    "columns": (columns(HIST), "model__", TABLE, Y),
    "columns, trees": (columns(GradientBoostingClassifier(n_estimators=60, random_state=0)), "model__", TABLE, Y),
    "columns, forest": (columns(RandomForestClassifier(n_estimators=60, random_state=0)), "model__", TABLE, Y),
    "target": (
        TransformedTargetRegressor(
            HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=7), func=np.log, inverse_func=np.exp
        ),
        "regressor__", X_REG, Y_REG,
    ),
    "target, trees": (
        TransformedTargetRegressor(GradientBoostingRegressor(n_estimators=60, random_state=0)),
        "regressor__", X_REG, Y_REG,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPED)
def test_unpruned_searches_find_what_grid_search_finds(name):
    estimator, prefix, X, y = WRAPPED[name]
    space = {f"{prefix}max_depth": [1, 3]}
    found = search(estimator, space).fit(X, y)
    grid = GridSearchCV(estimator, space, cv=found.cv).fit(X, y)
    for column in ("mean_test_score", "std_test_score", "rank_test_score", "split2_test_score"):
        np.testing.assert_array_equal(found.cv_results_[column], grid.cv_results_[column])
    np.testing.assert_array_equal(found.predict(X), grid.predict(X))
    assert found.cv_results_["n_epochs_run"].tolist() == [180, 180]
    assert found.learning_curves_["epoch"].tolist() == [*range(2, 61, 2)] * 6


def test_curves_are_the_scores_of_candidates_with_as_many_rounds():
    found = search(HIST, {"max_depth": [2]}).fit(X, Y)
    curves = pd.DataFrame(found.learning_curves_)
    for rounds in (2, 30, 60):
        short = search(clone(HIST).set_params(max_iter=rounds), {"max_depth": [2]}, report="fold").fit(X, Y)
        scores = curves[curves["epoch"] == rounds].sort_values("fold")["valid_score"]
        assert scores.tolist() == [short.cv_results_[f"split{i}_test_score"][0] for i in range(3)]


def test_candidates_of_any_number_of_rounds_report_at_the_same_ones_and_at_their_last():
    found = search(HIST, {"max_iter": [5, 60, 101]}, n_trials=None).fit(X, Y)
    epochs = pd.DataFrame(found.learning_curves_).groupby(["trial_number", "fold"])["epoch"].apply(list)
    expected = {5: [3, 5], 60: list(range(3, 61, 3)), 101: [*range(3, 102, 3), 101]}
    for (trial, _), reported in epochs.items():
        assert reported == expected[found.cv_results_["params"][trial]["max_iter"]]
    assert found.cv_results_["n_epochs_run"].tolist() == [15, 180, 303]
    for trial, curve in zip(found.study_.trials, learning_curves_record(found).mean_curves(), strict=True):
        assert list(trial.intermediate_values) == curve.epochs.tolist()


# --- the same everywhere ----------------------------------------------------------------------------------------------

POOLS = [("loky", 2), ("threading", 3)]
BOOSTED = {"learning_rate": loguniform(1e-3, 1), "max_iter": IntDistribution(20, 55)}
TREES = GradientBoostingClassifier(n_estimators=55, max_depth=1, subsample=0.5, random_state=0)
FOREST = {"max_depth": [1, 2, 9], "max_features": loguniform(0.1, 1), "n_estimators": IntDistribution(20, 55)}


def without_times(found):
    return {key: list(map(str, column)) for key, column in found.cv_results_.items() if "time" not in key}


@pytest.mark.parametrize(
    ("estimator", "space", "pruner"),
    [
        (HIST, BOOSTED, "median"),
        (TREES, {"learning_rate": loguniform(1e-3, 1)}, "race"),
        pytest.param(TREES, {"learning_rate": loguniform(1e-3, 1)}, "hyperband", marks=pytest.mark.slow),
        pytest.param(ExtraTreesClassifier(random_state=0), FOREST, "median", marks=pytest.mark.slow),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_result_does_not_depend_on_workers_or_backend(estimator, space, pruner):
    kwargs = {"pruner": pruner, "n_trials": 11, "sampler": "random", "cv": KFold(2), "max_concurrent_trials": 2}
    alone = search(estimator, space, **kwargs).fit(X, Y)
    for backend, n_jobs in POOLS:
        with joblib.parallel_config(backend):
            other = search(estimator, space, **kwargs, n_jobs=n_jobs).fit(X, Y)
        assert without_times(alone) == without_times(other)
        for key, column in alone.learning_curves_.items():
            np.testing.assert_array_equal(column, other.learning_curves_[key])
        np.testing.assert_array_equal(alone.predict_proba(X), other.predict_proba(X))
    states = set(alone.cv_results_["trial_state"])
    assert states == {"COMPLETE", "PRUNED"}


def test_a_stopped_candidate_scores_as_one_with_as_many_rounds():
    found = search(HIST, BOOSTED, pruner="median", n_trials=11, sampler="random", max_concurrent_trials=2).fit(X, Y)
    curves = pd.DataFrame(found.learning_curves_)
    stopped = np.flatnonzero(found.cv_results_["trial_state"] == "PRUNED")
    assert len(stopped) > 0
    splits = list(found.cv.split(X))
    for trial in stopped:
        last = curves[curves["trial_number"] == trial].iloc[-1]
        params = {**found.cv_results_["params"][trial], "max_iter": int(last["epoch"])}
        train, test = splits[int(last["fold"])]
        assert clone(HIST).set_params(**params).fit(X[train], Y[train]).score(X[test], Y[test]) == last["valid_score"]
        assert found.cv_results_[f"split{int(last['fold'])}_test_score"][trial] == last["valid_score"]


def test_a_search_that_goes_on_from_its_storage_is_the_uninterrupted_one(tmp_path):
    kwargs = {"pruner": "median", "sampler": "random", "cv": KFold(2), "max_concurrent_trials": 2}
    whole = search(HIST, BOOSTED, **kwargs, n_trials=9).fit(X, Y)
    for n_trials in (7, 9):
        parts = search(HIST, BOOSTED, **kwargs, n_trials=n_trials, storage=str(tmp_path / "search.db")).fit(X, Y)
    assert without_times(whole) == without_times(parts)
    np.testing.assert_array_equal(whole.learning_curves_["epoch"], parts.learning_curves_["epoch"])


# --- the best round ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=90, learning_rate=0.5, random_state=0),
        GradientBoostingClassifier(n_estimators=90, learning_rate=0.5, random_state=0),
        RandomForestClassifier(n_estimators=90, random_state=0),
        BaggingClassifier(n_estimators=30, random_state=0),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("pruner", [None, "median"])
def test_the_refit_is_a_plain_fit_of_the_median_of_the_best_rounds(estimator, pruner):
    found = search(make_pipeline(StandardScaler(), estimator), {}, checkpoint="best", pruner=pruner, n_trials=1)
    found.fit(X, Y)
    curves = pd.DataFrame(found.learning_curves_)
    best = [fold["epoch"].iloc[fold["valid_score"].argmax()] for _, fold in curves.groupby("fold")]
    assert found.refit_epochs_ == round(np.median(best))
    for fold, score in curves.groupby("fold")["valid_score"].max().items():
        assert found.cv_results_[f"split{fold}_test_score"][0] == score
    size = "n_estimators" if hasattr(estimator, "n_estimators") else "max_iter"
    plain = clone(estimator).set_params(**{size: found.refit_epochs_}).fit(StandardScaler().fit_transform(X), Y)
    np.testing.assert_array_equal(found.predict_proba(X), plain.predict_proba(StandardScaler().fit_transform(X)))


# --- what is left -----------------------------------------------------------------------------------------------------


def test_a_pickled_model_holds_nothing_of_ours():
    found = search(make_pipeline(StandardScaler(), HIST), {}, pruner="median", n_trials=1).fit(X, Y)
    assert b"sk_optuna" not in pickle.dumps(found.best_estimator_)


def test_curves_are_drawn_over_rounds():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib.pyplot import close

    found = search(HIST, {"max_iter": [5, 60, 101]}, n_trials=None).fit(X, Y)
    display = LearningCurvesDisplay.from_search(found)
    assert {line.get_xdata()[-1] for line in display.lines_} == {5, 60, 101}
    assert display.ax_.get_xlim() == (0.5, 101.5)
    close("all")
