"""Tables of outer folds: one row for each thing, columns of one length, nothing made up where something is missing."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, ShuffleSplit, StratifiedKFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV, nested_cross_validate
from sk_optuna.nested._tables import stacked


def test_predictions_give_the_outer_scores_again(iris, svc_search):
    X, y = iris
    results = nested_cross_validate(svc_search, X, y, cv=RepeatedStratifiedKFold(n_splits=3, n_repeats=2))
    predictions = results.predictions_
    by_fold = predictions.groupby(["search", "outer_fold"])
    scores = by_fold[["y_true", "y_pred"]].apply(lambda rows: accuracy_score(rows.y_true, rows.y_pred))
    expected = results.outer_.set_index(["search", "outer_fold"]).test_score
    assert scores.to_dict() == pytest.approx(expected.to_dict())
    assert set(predictions.groupby(["search", "row"]).size()) == {2}  # repeats are rows
    assert (predictions.y_true.to_numpy() == y[predictions.row.to_numpy(dtype=int)]).all()


def test_rows_that_no_fold_tested_are_absent(iris):
    X, y = iris
    results = nested_cross_validate(SVC(), X, y, cv=ShuffleSplit(2, test_size=0.2, random_state=0), baselines=())
    tested = np.concatenate(results.cross_validate_["svc"]["indices"]["test"])
    assert results.predictions_.row.tolist() == tested.tolist()
    assert len(set(tested)) < len(y)


def test_probabilities_and_decision_values_are_by_class(iris):
    X, y = iris
    y = np.array(["a", "b", "c"])[y]
    rows = {"proba": LogisticRegression(), "decision": SVC()}
    predictions = nested_cross_validate(rows, X, y, cv=StratifiedKFold(3), baselines=()).predictions_
    proba = predictions.query("search == 'proba'")
    columns = ["proba_a", "proba_b", "proba_c"]
    assert np.allclose(proba[columns].sum(axis=1), 1)
    labels = [columns[i].removeprefix("proba_") for i in proba[columns].to_numpy().argmax(axis=1)]
    assert labels == proba.y_pred.tolist()
    assert proba[["decision_a", "decision_b", "decision_c"]].isna().all(axis=None)
    assert predictions.query("search == 'decision'")["decision_a"].notna().all()


@pytest.mark.parametrize("space", [{"C": [1.0]}, {"decision_function_shape": ["ovo"]}])
def test_decision_values_of_pairs_of_classes_are_not_called_those_of_a_class(space, iris):
    shape = "ovr" if "decision_function_shape" in space else "ovo"
    search = GridSearchCV(SVC(decision_function_shape=shape), space, cv=2)
    predictions = nested_cross_validate(search, *iris, cv=StratifiedKFold(2), baselines=()).predictions_
    assert {"y_true", "y_pred"} <= set(predictions.columns)
    assert not [name for name in predictions.columns if name.startswith("decision")]


def test_a_class_that_a_fold_did_not_train_on_has_no_probability_there(iris):
    X, y = iris
    split = [(np.flatnonzero(y != absent), np.flatnonzero(y == absent)) for absent in (2, 0)]
    predictions = nested_cross_validate(LogisticRegression(), X, y, cv=split, baselines=()).predictions_
    proba = predictions[["proba_0", "proba_1", "proba_2"]]
    assert np.allclose(proba.sum(axis=1), 1)
    assert (proba.proba_2[predictions.outer_fold == 0] == 0).all()
    assert (proba.proba_0[predictions.outer_fold == 1] == 0).all()


def test_precomputed_kernels_are_predicted_from_their_training_columns(iris):
    X, y = iris
    search = GridSearchCV(SVC(kernel="precomputed"), {"C": [0.1, 1]}, cv=3)
    results = nested_cross_validate(search, X @ X.T, y, cv=3)
    predictions = results.predictions_.query("search == 'svc'")
    assert accuracy_score(predictions.y_true, predictions.y_pred) == pytest.approx(results.table_["mean"].max())


def test_several_outputs_have_columns_each(diabetes):
    X, y = diabetes
    model = MultiOutputRegressor(GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2))
    results = nested_cross_validate(model, X, np.column_stack([y, -y]), cv=2)
    assert {"y_true_0", "y_true_1", "y_pred_0", "y_pred_1"} <= set(results.predictions_.columns)
    assert results.outer_.inner_best.isna().all()


def test_unsupervised_searches_have_no_dummy_and_no_true_values(iris):
    X, _ = iris
    search = GridSearchCV(KMeans(n_init=1, random_state=0), {"n_clusters": [2, 3]}, cv=2)
    results = nested_cross_validate(search, X, cv=2)
    assert list(results.cross_validate_) == ["kmeans", "kmeans (defaults)"]
    assert "y_pred" in results.predictions_
    assert "y_true" not in results.predictions_
    assert "no dummy" in results.notes_[0]


def test_archive_has_each_inner_candidate_of_each_search(iris):
    X, y = iris
    pipeline = Pipeline([("model", SVC())])
    conditional = [
        {"model": [SVC()], "model__C": [0.1, 1.0]},
        {"model": [KNeighborsClassifier()], "model__n_neighbors": [1, 3]},
    ]
    searches = {
        "grid": GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=3),
        "both": OptunaSearchCV(pipeline, conditional, cv=3),
    }
    results = nested_cross_validate(searches, X, y, cv=2)
    archive = results.archive_
    assert archive.groupby(["search", "outer_fold"]).size().tolist() == [4, 4, 2, 2]
    best = archive.query("rank_test_score == 1").groupby(["search", "outer_fold"]).mean_test_score.first()
    expected = results.outer_.set_index(["search", "outer_fold"]).inner_best
    assert all(best[key] == expected[key] for key in best.index)
    assert archive.query("search == 'grid'").param_model__C.isna().all()
    assert archive.param_model__n_neighbors.notna().sum() == 4
    assert archive.query("search == 'grid'").trial_state.isna().all()


def test_without_pandas_tables_are_dicts_of_the_same_columns(iris, svc_search, monkeypatch):
    X, y = iris
    results = nested_cross_validate(svc_search, X, y, cv=2)
    names = ("table_", "outer_", "archive_", "stability_", "predictions_", "errors_")
    frames = {name: getattr(results, name) for name in names} | {"compare": results.compare()}
    monkeypatch.setattr("sk_optuna._optional.find_spec", lambda name: None if name == "pandas" else importlib.util)
    plain = {name: getattr(results, name) for name in names} | {"compare": results.compare()}
    for name, frame in frames.items():
        assert isinstance(plain[name], dict)
        assert list(plain[name]) == list(frame.columns)
        assert {len(column) for column in plain[name].values()} == {len(frame)}
    assert repr(results).startswith("accuracy on 2 outer folds")


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abc"), st.sampled_from([1, 1.5, "text", None]), min_size=1),
        min_size=1,
        max_size=4,
    )
)
def test_stacked_tables_keep_each_value_and_fill_the_rest(blocks):
    arrays = [{name: np.array([value, value]) for name, value in block.items()} for block in blocks]
    table = stacked(arrays)
    for name, column in table.items():
        assert len(column) == 2 * len(blocks)
        for block, value in zip(blocks, column[::2].tolist(), strict=True):
            if name in block:
                assert value == block[name]
            else:
                assert value is None or np.isnan(value)
