"""OptunaSearchCV stands where GridSearchCV stood: the same table, the same results from whatever takes a search."""

import pickle
import sys
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.stats import loguniform
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    ShuffleSplit,
    cross_val_score,
    learning_curve,
    permutation_test_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity, KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sk_optuna import OptunaSearchCV

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
OURS = {"trial_number", "trial_state"}


def assert_same_table(ours, theirs):
    """Assert that two cv_results_ agree in keys, order of keys, dtypes, masks and values, times aside."""
    ours = {key: column for key, column in ours.items() if key not in OURS}
    assert set(ours) == set(theirs)
    for key, column in theirs.items():
        if key == "params":
            assert [str(params) for params in ours[key]] == [str(params) for params in column]
            continue
        assert ours[key].dtype == column.dtype, key
        assert type(ours[key]) is type(column), key
        if "time" in key:
            continue
        if isinstance(column, np.ma.MaskedArray):
            assert_array_equal(np.ma.getmaskarray(ours[key]), np.ma.getmaskarray(column), err_msg=key)
            assert [str(value) for value in ours[key]] == [str(value) for value in column]
        else:
            assert_array_equal(ours[key], column, err_msg=key)


# Rows of this table are longer than the page, and read better so.
# ruff: noqa: E501
SWAP = [
    {"scale": [StandardScaler(), MinMaxScaler(), "passthrough"], "model": [LogisticRegression()], "model__C": [0.1, 1]},
    {"scale": [None], "model": [KNeighborsClassifier(), GaussianNB()]},
]
GRIDS = {
    "svc": (SVC(), {"C": [0.1, 1, 10], "kernel": ["rbf", "linear"], "class_weight": [None, "balanced"]}, IRIS, {}),
    "svc branches": (SVC(), [{"kernel": ["rbf"], "gamma": [0.1, 1.0]}, {"kernel": ("linear",), "C": [1, 2]}], IRIS, {}),
    "logistic": (LogisticRegression(max_iter=300), {"C": np.logspace(-2, 2, 4)}, IRIS, {"return_train_score": True}),
    "tree": (DecisionTreeClassifier(random_state=0), {"max_depth": range(1, 4), "criterion": ["gini", "gini"]}, IRIS, {}),
    "forest": (RandomForestClassifier(5, random_state=0), {"max_features": [1, 0.5, "sqrt"]}, IRIS, {}),
    "sgd": (SGDClassifier(random_state=0), {"loss": ["hinge", "log_loss"], "alpha": [1e-4, 1e-2]}, IRIS, {}),
    "ridge": (Ridge(), {"alpha": [0.1, 1.0], "fit_intercept": [True, False]}, DIABETES, {"scoring": ["r2", "neg_max_error"], "refit": "r2"}),
    "regression tree": (DecisionTreeRegressor(random_state=0), {"max_depth": [2, None]}, DIABETES, {"cv": ShuffleSplit(4, random_state=0)}),
    "pipeline": (Pipeline([("scale", None), ("model", LogisticRegression())]), SWAP, IRIS, {}),
    "pca": (PCA(), {"n_components": [1, 2, 3]}, (IRIS[0], None), {"cv": 3}),
    "kmeans": (KMeans(n_init=1, random_state=0), {"n_clusters": [2, 3]}, (IRIS[0], None), {"cv": 3}),
    "density": (KernelDensity(), {"bandwidth": np.linspace(0.1, 1, 4)}, (IRIS[0], None), {"cv": 4}),
    "naive bayes": (GaussianNB(), {}, IRIS, {"scoring": {"f1": "f1_macro", "acc": "accuracy"}, "refit": False}),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", GRIDS)
def test_full_grid_reproduces_grid_search_cv_results_column_for_column(name):
    estimator, grid, (X, y), arguments = GRIDS[name]
    theirs = GridSearchCV(estimator, grid, **arguments).fit(X, y)
    ours = OptunaSearchCV(estimator, grid, **arguments).fit(X, y)
    assert_same_table(ours.cv_results_, theirs.cv_results_)
    for attribute in ("best_index_", "best_score_", "n_splits_", "multimetric_"):
        assert getattr(ours, attribute, None) == getattr(theirs, attribute, None)
    assert str(getattr(ours, "best_params_", None)) == str(getattr(theirs, "best_params_", None))
    if hasattr(theirs, "predict"):
        assert_array_equal(ours.predict(X), theirs.predict(X))


def test_positional_and_keyword_calls_of_grid_search_cv_work_unchanged():
    positional = OptunaSearchCV(SVC(), {"C": [1]}, cv=2).fit(*IRIS)
    keyword = OptunaSearchCV(estimator=SVC(), param_grid={"C": [1]}, cv=2).fit(*IRIS)
    assert positional.best_score_ == keyword.best_score_


@pytest.mark.parametrize(
    ("estimator", "classifier", "regressor"), [(SVC(), True, False), (Ridge(), False, True), (PCA(), False, False)]
)
def test_search_is_what_its_estimator_is(estimator, classifier, regressor):
    search = OptunaSearchCV(estimator, {})
    assert (is_classifier(search), is_regressor(search)) == (classifier, regressor)


def test_nested_cross_validation_of_sorted_classes_is_stratified():
    X, y = IRIS
    assert (np.diff(y) >= 0).all()
    scores = cross_val_score(OptunaSearchCV(SVC(), {"C": [0.1, 1]}), X, y, cv=3)
    assert_array_equal(scores, cross_val_score(GridSearchCV(SVC(), {"C": [0.1, 1]}), X, y, cv=3))
    assert scores.min() > 0.9


def small_search(random_state=0):
    return OptunaSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {"svc__C": loguniform(1e-2, 1e2)},
        n_trials=3,
        cv=2,
        random_state=random_state,
    )


def test_voting_takes_a_search():
    search = small_search()
    voting = VotingClassifier([("search", search), ("bayes", GaussianNB())]).fit(*IRIS)
    assert voting.score(*IRIS) > 0.9


def test_stacking_takes_a_search():
    stack = StackingClassifier([("search", small_search()), ("bayes", GaussianNB())], cv=2).fit(*IRIS)
    assert stack.score(*IRIS) > 0.9


def test_calibration_takes_a_search():
    calibrated = CalibratedClassifierCV(small_search(), cv=2).fit(*IRIS)
    assert_allclose(calibrated.predict_proba(IRIS[0]).sum(axis=1), 1)


def test_transformed_target_takes_a_search():
    X, y = DIABETES
    search = OptunaSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2)
    model = TransformedTargetRegressor(search, func=np.log, inverse_func=np.exp).fit(X, y)
    best = model.regressor_.best_params_["alpha"]
    assert_allclose(model.predict(X), np.exp(Ridge(alpha=best).fit(X, np.log(y)).predict(X)))


def test_permutation_importance_takes_a_search():
    search = small_search().fit(*IRIS)
    ours = permutation_importance(search, *IRIS, random_state=0).importances
    assert_array_equal(ours, permutation_importance(search.best_estimator_, *IRIS, random_state=0).importances)


def test_learning_curve_takes_a_search():
    sizes, _, scores = learning_curve(small_search(), *IRIS, train_sizes=[0.5, 1.0], cv=3, shuffle=True, random_state=0)
    assert scores.shape == (len(sizes), 3)
    assert np.isfinite(scores).all()


def test_permutation_test_takes_a_search():
    score, permuted, p_value = permutation_test_score(small_search(), *IRIS, n_permutations=4, cv=2, random_state=0)
    assert score > permuted.max()
    assert p_value == pytest.approx(1 / 5)


def test_search_as_a_step_of_a_pipeline_over_a_transformer():
    X, y = IRIS
    search = OptunaSearchCV(PCA(), {"n_components": [1, 2]}, cv=2)
    model = Pipeline([("pca", search), ("model", LogisticRegression())]).fit(X, y)
    best = PCA(**model["pca"].best_params_).fit_transform(X)
    assert_array_equal(model.predict(X), LogisticRegression().fit(best, y).predict(best))


def test_clone_keeps_parameters_and_drops_results():
    search = small_search().fit(*IRIS)
    cloned = clone(search)
    assert not hasattr(cloned, "cv_results_")
    assert cloned.get_params().keys() == search.get_params().keys()
    assert_same_table(cloned.fit(*IRIS).cv_results_, {k: v for k, v in search.cv_results_.items() if k not in OURS})


@pytest.mark.parametrize("fitted", [False, True])
def test_pickle_and_joblib_round_trip(fitted, tmp_path):
    search = small_search()
    if fitted:
        search.fit(*IRIS)
    joblib.dump(search, tmp_path / "search.joblib")
    for copy in (pickle.loads(pickle.dumps(search)), joblib.load(tmp_path / "search.joblib")):
        if not fitted:
            copy.fit(*IRIS)
        assert_array_equal(copy.predict(IRIS[0]), small_search().fit(*IRIS).predict(IRIS[0]))
        assert len(copy.study_.trials) == copy.n_trials_ == 3
        assert copy.best_trial_.value == copy.best_score_


def test_second_fit_forgets_the_first():
    search = small_search().fit(*IRIS)
    search.set_params(refit=False).fit(*IRIS)
    assert not hasattr(search, "best_estimator_")


def test_groups_reach_the_splitter():
    X, y = IRIS
    groups = np.arange(len(y)) % 5
    ours = OptunaSearchCV(SVC(), {"C": [1, 10]}, cv=GroupKFold(5)).fit(X, y, groups=groups)
    theirs = GridSearchCV(SVC(), {"C": [1, 10]}, cv=GroupKFold(5)).fit(X, y, groups=groups)
    assert_same_table(ours.cv_results_, theirs.cv_results_)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_sample_weight_reaches_fit_and_scorer_as_in_grid_search_cv(n_jobs):
    X, y = make_classification(80, random_state=0)
    weight = np.random.RandomState(0).uniform(size=80)
    search = [
        kind(LogisticRegression(), {"C": [0.01, 1]}, scoring="accuracy", n_jobs=n_jobs).fit(X, y, sample_weight=weight)
        for kind in (OptunaSearchCV, GridSearchCV)
    ]
    assert_same_table(search[0].cv_results_, search[1].cv_results_)
    assert_array_equal(search[0].best_estimator_.coef_, search[1].best_estimator_.coef_)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_routed_metadata_arrive_as_in_grid_search_cv(n_jobs):
    from sklearn import config_context

    X, y = make_classification(60, random_state=0)
    weight = np.random.RandomState(0).uniform(size=60)
    groups = np.arange(60) % 3
    with config_context(enable_metadata_routing=True):
        estimator = LogisticRegression().set_fit_request(sample_weight=True)
        scorer = make_scorer(roc_auc_score).set_score_request(sample_weight=True)
        search = [
            kind(estimator, {"C": [0.01, 1]}, scoring=scorer, cv=GroupKFold(3), n_jobs=n_jobs)
            .fit(X, y, sample_weight=weight, groups=groups)
            for kind in (OptunaSearchCV, GridSearchCV)
        ]  # fmt: skip
    assert_same_table(search[0].cv_results_, search[1].cv_results_)


@pytest.mark.parametrize("container", [csr_array, pd.DataFrame, "polars"])
def test_containers_reach_the_estimator_as_they_are(container):
    X, y = IRIS
    if container == "polars":
        polars = pytest.importorskip("polars")
        X = polars.DataFrame(X, schema=list("abcd"))
    else:
        X = container(X)
    seen = set()

    class Watch(SVC):
        def fit(self, X, y):
            seen.add(type(X).__module__.split(".")[0])
            return super().fit(np.asarray(X) if container == "polars" else X, y)

    search = OptunaSearchCV(Watch(), {"C": [1, 2]}, cv=2, scoring=lambda e, X, y: e.n_features_in_).fit(X, y)
    assert search.best_score_ == 4
    assert seen == {type(X).__module__.split(".")[0]}


def test_feature_names_come_through():
    X = pd.DataFrame(IRIS[0], columns=list("abcd"))
    search = small_search().fit(X, IRIS[1])
    assert list(search.feature_names_in_) == list("abcd")
    assert search.n_features_in_ == 4
    assert_array_equal(search.classes_, [0, 1, 2])


class FailsFor(SVC):
    """Fails to fit where C is 3, on every other call if `sometimes`."""

    calls = 0

    def fit(self, X, y):
        type(self).calls += 1
        if self.C == 3 and type(self).calls % 2:
            raise ValueError("C is 3")
        return super().fit(X, y)


@pytest.mark.parametrize("error_score", [np.nan, 0.0, 1e6])
def test_failed_candidate_never_wins_whatever_the_error_score(error_score):
    FailsFor.calls = 0
    search = OptunaSearchCV(FailsFor(), {"C": [1, 3, 5]}, cv=2, error_score=error_score, refit=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(*IRIS)
    assert [w.category for w in caught if "fits failed" in str(w.message)] == [FitFailedWarning]
    assert search.best_params_["C"] != 3
    assert list(search.cv_results_["trial_state"]) == ["COMPLETE", "FAIL", "COMPLETE"]
    assert search.cv_results_["rank_test_score"][1] == 3
    assert [trial.state.name for trial in search.study_.trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert search.study_.best_trial.number == search.best_trial_.number


def test_candidate_whose_scorer_fails_never_wins():
    def scorer(estimator, X, y):
        if estimator.C == 3:
            raise RuntimeError("no score")
        return estimator.score(X, y)

    search = OptunaSearchCV(SVC(), {"C": [1, 3, 5]}, cv=2, scoring=scorer, error_score=1e6)
    with pytest.warns(UserWarning, match="Scoring failed"), pytest.warns(UserWarning, match="Some folds failed"):
        search.fit(*IRIS)
    assert search.best_params_["C"] != 3
    assert search.cv_results_["rank_test_score"][1] == 3


def test_failure_of_another_metric_does_not_disqualify():
    scoring = {"score": "accuracy", "broken": "roc_auc"}  # roc_auc needs two classes
    search = OptunaSearchCV(SVC(), {"C": [0.001, 1]}, cv=2, scoring=scoring, refit="score")
    with pytest.warns(UserWarning, match="Scoring failed|Some folds failed|non-finite"):
        search.fit(*IRIS)
    assert search.best_params_ == {"C": 1}
    assert set(search.cv_results_["trial_state"]) == {"COMPLETE"}


def several_scores(estimator, X, y):
    return {"minus_C": -estimator.C, "C": estimator.C}


@pytest.mark.parametrize(
    ("refit", "steered_by"), [("C", "C"), ("minus_C", "minus_C"), (False, "minus_C"), (lambda table: 0, "minus_C")]
)
@pytest.mark.parametrize("as_callable", [True, False])
def test_sampler_is_told_the_refit_metric_else_the_first(refit, steered_by, as_callable):
    scorers = {
        "minus_C": lambda e, X, y: several_scores(e, X, y)["minus_C"],
        "C": lambda e, X, y: several_scores(e, X, y)["C"],
    }
    search = OptunaSearchCV(
        SVC(), {"C": [1, 2]}, cv=2, scoring=several_scores if as_callable else scorers, refit=refit
    ).fit(*IRIS)
    assert [trial.value for trial in search.study_.trials] == list(search.cv_results_[f"mean_test_{steered_by}"])
    assert search.study_.trials[0].user_attrs["mean_test_C"] == 1.0
    assert hasattr(search, "best_trial_") == (refit is not False)


def test_callable_metrics_without_the_refit_metric_stop_after_the_first_trial():
    fits = []

    class Counting(SVC):
        def fit(self, X, y):
            fits.append(1)
            return super().fit(X, y)

    search = OptunaSearchCV(Counting(), {"C": [1, 2, 3]}, cv=2, scoring=several_scores, refit="f1")
    with pytest.raises(ValueError, match="refit must be set to a scorer key"):
        search.fit(*IRIS)
    assert len(fits) == 2


def test_html_repr_shows_the_estimator():
    search = small_search()
    assert "SVC" in search._repr_html_()
    assert "best_estimator_" in search.fit(*IRIS)._repr_html_()


def test_caller_s_objects_are_left_as_found():
    values = [LogisticRegression(C=3.0), KNeighborsClassifier(1)]
    pipe = Pipeline([("model", SVC())])
    space = {"model": values}
    search = OptunaSearchCV(pipe, space, cv=2).fit(*IRIS)
    assert not any(hasattr(value, "classes_") for value in values)
    assert search.cv_results_["params"][0]["model"] is values[0]
    assert search.best_estimator_["model"] not in values
    assert isinstance(pipe["model"], SVC)
    assert space == {"model": values}


def test_trials_dataframe_has_a_row_per_trial():
    search = small_search().fit(*IRIS)
    frame = search.trials_dataframe()
    assert_allclose(frame["value"], search.cv_results_["mean_test_score"])
    assert_allclose(frame["user_attrs_std_test_score"], search.cv_results_["std_test_score"])


def test_study_goes_on_as_a_plain_optuna_study():
    import optuna

    search = small_search().fit(*IRIS)
    study = pickle.loads(pickle.dumps(search.study_))
    assert type(study) is optuna.Study
    study.optimize(lambda trial: trial.suggest_float("svc__C", 1e-2, 1e2, log=True), n_trials=2)
    assert len(study.trials) == 5
    assert isinstance(study.sampler, optuna.samplers.TPESampler)
    assert optuna.importance.get_param_importances(search.study_) == {"svc__C": 1.0}


def test_import_adds_no_heavy_module():
    import subprocess

    # scikit-learn itself imports pandas where it is installed
    code = (
        "import sys, sklearn.model_selection, optuna; before = set(sys.modules); from sk_optuna import OptunaSearchCV; "
        "print({name.split('.')[0] for name in set(sys.modules) - before} & "
        "{'torch', 'pandas', 'matplotlib', 'skorch', 'plotly', 'distributed'})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinite_score_counts_as_failed_everywhere(infinity):
    def scorer(estimator, X, y):
        return infinity if estimator.C == 3 else 1.0

    search = OptunaSearchCV(SVC(), {"C": [1, 3]}, cv=2, scoring=scorer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, about scores that are not finite
        search.fit(*IRIS)
    assert list(search.cv_results_["trial_state"]) == ["COMPLETE", "FAIL"]
    assert [trial.state.name for trial in search.study_.trials] == ["COMPLETE", "FAIL"]
    assert search.best_params_ == {"C": 1}
    assert search.best_trial_.value == search.best_score_ == 1.0


def test_what_a_callback_notes_on_the_study_survives_a_stop():
    def note(study, trial):
        study.set_user_attr("last", trial.number)
        if trial.number == 1:
            study.stop()

    search = OptunaSearchCV(SVC(), {"C": loguniform(1, 9)}, n_trials=9, cv=2, study_callbacks=[note]).fit(*IRIS)
    assert search.study_.user_attrs == {"last": 1}
    assert len(search.study_.trials) == search.n_trials_ == 2


class WeightedScaler(StandardScaler):
    """Says how many weights it was fitted with."""

    def fit(self, X, y=None, sample_weight=None):
        self.n_weights_ = None if sample_weight is None else len(sample_weight)
        return super().fit(X, y, sample_weight)

    def score(self, X, y=None):
        return 1.0


def test_metadata_reach_a_search_over_a_transformer_in_a_pipeline():
    from sklearn import config_context

    X, y = IRIS
    with config_context(enable_metadata_routing=True):
        scaler = WeightedScaler().set_fit_request(sample_weight=True)
        search = OptunaSearchCV(scaler, {"with_std": [True, False]}, cv=GroupKFold(2))
        pipe = Pipeline([("search", search), ("bayes", GaussianNB().set_fit_request(sample_weight=True))])
        pipe.fit(X, y, sample_weight=np.ones(150), groups=np.arange(150) % 2)
    assert pipe["search"].best_estimator_.n_weights_ == 150


def test_numpy_values_stay_themselves_beside_equal_python_values():
    grid = {"shrinking": [np.True_, True], "degree": [np.int64(3), 3]}
    ours, theirs = (kind(SVC(), grid, cv=2).fit(*IRIS) for kind in (OptunaSearchCV, GridSearchCV))
    types = [[[type(value) for value in p.values()] for p in s.cv_results_["params"]] for s in (ours, theirs)]
    assert types[0] == types[1]
