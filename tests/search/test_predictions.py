"""oof_predictions_: agreement with cross_val_predict of the best parameters on the same folds, whatever the data."""

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_multilabel_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.refit import PercentLoss

X, y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]
TWO = y < 2
FITS = []
CV = StratifiedKFold(4, shuffle=True, random_state=3)


def fitted(estimator, space, X, y, fit_params=None, **arguments):
    arguments = {"n_trials": 4, "random_state": 0, "cv": CV, "return_predictions": True, **arguments}
    return OptunaSearchCV(estimator, space, **arguments).fit(X, y, **(fit_params or {}))


def expected(search, X, y, method="predict", **params):
    model = clone(search.estimator).set_params(**clone(search.best_params_, safe=False))
    return cross_val_predict(model, X, y, cv=search.cv, method=method, params=params)


def in_order(search, column):
    """A column in the order of the rows, each of which was tested once."""
    table = search.oof_predictions_
    assert sorted(table["row"]) == list(range(len(table["row"])))
    return table[column][np.argsort(table["row"])]


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("labels", [y, NAMES], ids=["numbers", "strings"])
def test_probabilities_are_those_of_cross_val_predict_by_class(labels, n_jobs):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    search = fitted(model, {"logisticregression__C": loguniform(1e-2, 1e2)}, X, labels, n_jobs=n_jobs)
    table = search.oof_predictions_
    classes = np.unique(labels)
    assert list(table) == ["row", "fold", "y_true", "y_pred", *(f"proba_{label}" for label in classes)]
    np.testing.assert_array_equal(in_order(search, "y_true"), labels)
    np.testing.assert_array_equal(in_order(search, "y_pred"), expected(search, X, labels))
    probabilities = np.column_stack([in_order(search, f"proba_{label}") for label in classes])
    np.testing.assert_allclose(probabilities, expected(search, X, labels, "predict_proba"), rtol=1e-6)
    for fold, (_, test) in enumerate(CV.split(X, labels)):
        np.testing.assert_array_equal(table["row"][table["fold"] == fold], test)


@pytest.mark.parametrize("rows", [TWO, y >= 0], ids=["two classes", "three classes"])
def test_decision_values_stand_where_there_are_no_probabilities(rows):
    search = fitted(SVC(), {"C": [0.1, 1.0]}, X[rows], NAMES[rows])
    decisions = expected(search, X[rows], NAMES[rows], "decision_function")
    if decisions.ndim == 1:
        np.testing.assert_allclose(in_order(search, "decision"), decisions)
    else:
        found = np.column_stack([in_order(search, f"decision_{name}") for name in search.classes_])
        np.testing.assert_allclose(found, decisions)


def test_values_of_pairs_of_classes_are_left_out():
    digits = load_digits(return_X_y=True)
    search = fitted(SVC(decision_function_shape="ovo"), {"C": [0.1, 1.0]}, digits[0][:200], digits[1][:200])
    assert list(search.oof_predictions_) == ["row", "fold", "y_true", "y_pred"]
    three = fitted(make_pipeline(SVC(decision_function_shape="ovo")), {"svc__C": [0.1, 1.0]}, X, NAMES)
    assert list(three.oof_predictions_) == ["row", "fold", "y_true", "y_pred"]  # three pairs, as there are classes


def test_outliers_have_decision_values_and_need_no_targets():
    search = fitted(
        IsolationForest(n_estimators=5, random_state=0),
        {"max_features": [2, 3]},
        X,
        None,
        cv=KFold(3),
        scoring=lambda model, X: float(model.decision_function(X).mean()),
    )
    assert list(search.oof_predictions_) == ["row", "fold", "y_pred", "decision"]
    np.testing.assert_allclose(in_order(search, "decision"), expected(search, X, None, "decision_function"))
    clusters = fitted(KMeans(random_state=0, n_init=1), {"n_clusters": [2, 3]}, X, None, cv=KFold(3))
    assert list(clusters.oof_predictions_) == ["row", "fold", "y_pred"]


def test_regression_has_predictions_only_and_one_of_several_outputs_a_column_each():
    data = load_diabetes(return_X_y=True)
    search = fitted(Ridge(), {"alpha": loguniform(1e-3, 1e2)}, *data, cv=KFold(5))
    assert list(search.oof_predictions_) == ["row", "fold", "y_true", "y_pred"]
    np.testing.assert_allclose(in_order(search, "y_pred"), expected(search, *data))
    two = np.column_stack([data[1], -(data[1] ** 2)])
    search = fitted(DecisionTreeRegressor(random_state=0), {"max_depth": [2, 3]}, data[0], two, cv=KFold(3))
    assert list(search.oof_predictions_) == ["row", "fold", "y_true_0", "y_true_1", "y_pred_0", "y_pred_1"]
    found = np.column_stack([in_order(search, f"y_pred_{i}") for i in range(2)])
    np.testing.assert_allclose(found, expected(search, data[0], two))


def test_several_labels_have_predictions_and_no_probabilities():
    data = make_multilabel_classification(60, 5, n_classes=3, random_state=0)
    search = fitted(DecisionTreeClassifier(random_state=0), {"max_depth": [2, 3]}, *data, cv=KFold(3))
    assert [name for name in search.oof_predictions_ if "proba" in name] == []
    found = np.column_stack([in_order(search, f"y_pred_{i}") for i in range(3)])
    np.testing.assert_array_equal(found, expected(search, *data))


@pytest.mark.parametrize("kind", ["frame", "sparse", "precomputed"])
def test_any_kind_of_data_gives_what_cross_val_predict_gives(kind):
    model, space = KNeighborsClassifier(), {"n_neighbors": [3, 9]}
    data, targets = X, NAMES
    if kind == "frame":
        pandas = pytest.importorskip("pandas")
        data = pandas.DataFrame(X, columns=list("abcd"), index=np.arange(len(X)) * 7 + 3)
        targets = pandas.Series(NAMES, index=data.index)
    elif kind == "sparse":
        data = sparse.csr_matrix(X)
    else:
        model, space, data = SVC(kernel="precomputed"), {"C": [0.1, 1.0]}, X @ X.T
    search = fitted(model, space, data, targets)
    np.testing.assert_array_equal(in_order(search, "y_pred"), expected(search, data, targets))
    np.testing.assert_array_equal(in_order(search, "y_true"), NAMES)


def test_weights_and_groups_reach_the_folds():
    weights, groups = np.linspace(0.01, 5, len(X)), np.arange(len(X)) % 7
    search = fitted(
        RandomForestClassifier(n_estimators=5, random_state=0),
        {"max_depth": [1, 2]},
        X,
        y,
        {"sample_weight": weights, "groups": groups},
        cv=GroupKFold(3),
    )
    with config_context(enable_metadata_routing=True):
        model = clone(search.best_estimator_).set_fit_request(sample_weight=True)
        routed = cross_val_predict(
            model, X, y, cv=GroupKFold(3), params={"sample_weight": weights, "groups": groups}, method="predict_proba"
        )
    np.testing.assert_allclose(in_order(search, "proba_1"), routed[:, 1])
    for fold in range(3):
        tested = search.oof_predictions_["row"][search.oof_predictions_["fold"] == fold]
        assert not set(groups[tested]) & set(np.delete(groups, tested))


def test_rows_occur_as_often_as_folds_tested_them():
    repeated = fitted(
        KNeighborsClassifier(), {"n_neighbors": [3, 9]}, X, y, cv=RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    )
    assert np.bincount(repeated.oof_predictions_["row"]).tolist() == [2] * len(X)
    held_out = fitted(
        KNeighborsClassifier(), {"n_neighbors": [3, 9]}, X, y, cv=ShuffleSplit(1, test_size=20, random_state=0)
    )
    assert len(set(held_out.oof_predictions_["row"])) == 20


def test_masks_and_negative_indices_name_the_same_rows():
    mask = np.arange(len(X)) % 3 == 0
    splits = [(~mask, mask), (np.flatnonzero(~mask), np.flatnonzero(mask) - len(X))]
    table = fitted(KNeighborsClassifier(), {"n_neighbors": [3, 9]}, X, y, cv=splits).oof_predictions_
    for fold in range(2):
        np.testing.assert_array_equal(table["row"][table["fold"] == fold], np.flatnonzero(mask))


def test_a_class_that_a_fold_was_not_trained_on_has_no_probability_there():
    splits = [(np.flatnonzero(y < 2), np.flatnonzero(y == 2)), (np.arange(len(X)), np.arange(9))]
    table = fitted(KNeighborsClassifier(), {"n_neighbors": [3, 9]}, X, y, cv=splits).oof_predictions_
    first = table["fold"] == 0
    assert (table["proba_2"][first] == 0).all()
    np.testing.assert_allclose(table["proba_0"] + table["proba_1"] + table["proba_2"], 1)
    decisions = fitted(SGDClassifier(random_state=0), {"alpha": [1e-3, 1e-2]}, X, y, cv=splits).oof_predictions_
    assert not any(name.startswith("decision") for name in decisions)  # one column with two classes, three with three


class Counted(KNeighborsClassifier):
    def fit(self, X, y):
        FITS.append(len(X))
        return super().fit(X, y)


def test_they_take_as_many_fits_as_there_are_folds_and_none_without_them():
    counts = {}
    for wanted in (False, True):
        del FITS[:]
        search = fitted(Counted(), {"n_neighbors": [3, 9]}, X, y, return_predictions=wanted, n_jobs=1)
        counts[wanted] = len(FITS)
        assert hasattr(search, "oof_predictions_") is wanted
    assert counts == {False: 2 * 4 + 1, True: 2 * 4 + 1 + 4}
    search.set_params(return_predictions=False).fit(X, y)
    assert not hasattr(search, "oof_predictions_")


def test_they_are_those_of_the_candidate_that_a_policy_chose():
    policy = PercentLoss(50, simpler={"n_neighbors": "high"})
    search = fitted(KNeighborsClassifier(), {"n_neighbors": [3, 9, 61]}, X, y, refit=policy)
    assert search.best_params_ == {"n_neighbors": 61}
    np.testing.assert_array_equal(in_order(search, "y_pred"), expected(search, X, y))


def test_a_finished_search_in_a_storage_gives_them_later_for_the_fits_of_one_candidate(tmp_path):
    arguments = {"storage": tmp_path / "search.db", "n_jobs": 1, "refit": False}
    fitted(Counted(), {"n_neighbors": [3, 9]}, X, y, return_predictions=False, **arguments)
    del FITS[:]
    later = fitted(Counted(), {"n_neighbors": [3, 9]}, X, y, **arguments)
    assert len(FITS) == 4
    np.testing.assert_array_equal(in_order(later, "y_pred"), expected(later, X, y))


def test_folds_with_epochs_and_with_shared_prefixes_predict_with_the_models_that_were_scored():
    pipe = Pipeline([("pca", PCA(2, random_state=0)), ("sgd", SGDClassifier(max_iter=8, tol=None, random_state=0))])
    for arguments in ({"report": "epoch", "checkpoint": "best"}, {"report": "epoch", "pruner": "race"}, {}):
        search = fitted(pipe, {"sgd__alpha": loguniform(1e-4, 1e-1)}, X, y, **arguments)
        table = search.oof_predictions_
        for fold in range(4):
            mine = table["fold"] == fold
            accuracy = np.mean(table["y_pred"][mine] == table["y_true"][mine])
            assert accuracy == pytest.approx(search.cv_results_[f"split{fold}_test_score"][search.best_index_])


@pytest.mark.parametrize("scoring", [["accuracy", "neg_log_loss"], None])
def test_an_estimator_that_draws_at_random_is_named_in_a_warning(scoring):
    pipe = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=2, max_features=1))
    with pytest.warns(UserWarning, match=r"not deterministic\. Set randomforestclassifier__random_state to an integer"):
        fitted(
            pipe,
            {"randomforestclassifier__max_depth": [1, 2]},
            X,
            y,
            scoring=scoring,
            refit=scoring[0] if scoring else True,
        )


class Coin(ClassifierMixin, BaseEstimator):
    def __init__(self, a=0):
        self.a = a

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.random.default_rng().choice(self.classes_, len(X))


def test_a_model_without_random_state_that_draws_is_warned_of_too():
    with pytest.warns(
        UserWarning, match=r"scores of \d of 4 differ, by up to .* Fix its random_state, and that of the"
    ):
        search = fitted(Coin(), {"a": [0, 1]}, X, y)
    assert list(search.oof_predictions_) == ["row", "fold", "y_true", "y_pred"]


class Scale(TransformerMixin, BaseEstimator):
    def __init__(self, a=0):
        self.a = a

    def fit(self, X, y=None):
        FITS.append(len(X))
        return self

    def transform(self, X):
        return X

    def score(self, X, y=None):
        return float(self.a)


def test_where_nothing_could_be_predicted_it_is_refused_before_the_first_fit():
    del FITS[:]
    with pytest.raises(InvalidArgumentError, match="needs an estimator with predict, which Scale has not"):
        fitted(Scale(), {"a": [0, 1]}, X, y, n_jobs=1)
    with pytest.raises(InvalidArgumentError, match="needs a best candidate, which refit=False leaves open"):
        fitted(Counted(), {"n_neighbors": [3]}, X, y, scoring=["accuracy", "f1_macro"], refit=False, n_jobs=1)
    with pytest.raises(ValueError, match=r"'return_predictions' parameter of OptunaSearchCV must be .*'bool'"):
        fitted(Counted(), {"n_neighbors": [3]}, X, y, return_predictions="yes", n_jobs=1)
    assert FITS == []


def test_a_placeholder_for_the_last_step_may_become_a_model():
    pipe = Pipeline([("scale", StandardScaler()), ("model", "passthrough")])
    search = fitted(pipe, {"model": [KNeighborsClassifier(3), SVC()]}, X, y, scoring="accuracy")
    np.testing.assert_array_equal(in_order(search, "y_pred"), expected(search, X, y))


def test_nested_in_cross_validation_each_search_has_its_own():
    search = OptunaSearchCV(KNeighborsClassifier(), {"n_neighbors": [3, 9]}, cv=3, return_predictions=True)
    assert np.isfinite(cross_val_score(search, X, y, cv=CV)).all()
