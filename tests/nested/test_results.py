"""Answers of the results: comparison, other metrics without a fit, the final model; pickles and as much as is kept."""

import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import RocCurveDisplay
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV, nested_cross_validate
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.nested._statistics import compare_scores, corrected_interval


@pytest.fixture(scope="module")
def two(iris):
    X, y = iris
    searches = {
        "svm": OptunaSearchCV(SVC(), {"C": [0.01, 1, 100]}, cv=3),
        "logistic": make_pipeline(StandardScaler(), GridSearchCV(LogisticRegression(), {"C": [0.01, 1]}, cv=3)),
    }
    return nested_cross_validate(searches, X, y, cv=3)


def test_comparison_is_that_of_the_outer_scores(two):
    scores = {name: output["test_score"] for name, output in two.cross_validate_.items()}
    splits = two._comparison.outer_splits
    assert splits.test_to_train == pytest.approx(0.5)
    for arguments in ({"reference": "logistic"}, {"reference": "dummy"}, {"reference": "svm", "rope": 0.01}):
        expected = compare_scores(scores, splits=splits, **arguments)
        found = two.compare(**arguments)
        assert found.difference.tolist() == expected["difference"].tolist()
        assert found.model.tolist() == expected["model"].tolist()
    row = two.table_.query("search == 'logistic'").iloc[0]
    assert (row.low, row.high) == corrected_interval(scores["logistic"], 0.5)


def test_the_reference_is_the_best_of_the_users_rows_and_baselines_count_for_themselves(two):
    found = two.compare()
    means = two.table_.set_index("search")["mean"]
    assert set(found.reference) == {means[["svm", "logistic"]].idxmax()}
    own = found.model.isin(["svm", "logistic"])
    assert found.p_holm[own].tolist() == found.p_value[own].tolist()
    assert (found.p_holm[~own] >= found.p_value[~own]).all()
    assert not found.p_holm[~own].equals(found.p_value[~own])


def test_data_in_another_order_is_refused(two, iris):
    X, y = iris
    with pytest.raises(InvalidArgumentError, match=r"in the same order, but row 0 is .*2.* in place of .*0"):
        two.score(X[::-1], y[::-1])


@pytest.mark.parametrize("arguments", [{"rope": -0.1}, {"reference": "svn"}])
def test_comparison_refuses_what_it_does_not_know(two, arguments):
    with pytest.raises(InvalidArgumentError, match=next(iter(arguments))):
        two.compare(**arguments)


def test_other_metrics_are_scored_without_a_fit(two, iris, monkeypatch):
    X, y = iris
    model = clone(two.fit_final("logistic", X, y))
    expected = cross_validate(model, X, y, cv=3, scoring=["f1_macro", "accuracy"])
    for kind in (SVC, LogisticRegression, StandardScaler):
        monkeypatch.setattr(kind, "fit", lambda *_: pytest.fail("fitted"))
    found = two.score(X, y, ["f1_macro", "accuracy"]).query("search == 'logistic'")
    assert found.test_f1_macro.tolist() == expected["test_f1_macro"].tolist()
    assert found.test_accuracy.tolist() == expected["test_accuracy"].tolist()
    assert two.score(X, y, "accuracy").test_score.tolist() == two.outer_.test_score.tolist()


def test_scoring_wants_the_same_rows_and_a_metric_that_is_known(two, iris):
    X, y = iris
    with pytest.raises(InvalidArgumentError, match="had 75 rows, but got 74"):
        two.score(X[1:], y[1:], "accuracy")
    with pytest.raises(InvalidArgumentError, match="Nearest to 'acuracy'"):
        two.score(X, y, "acuracy")


def test_final_model_is_the_search_on_all_rows_with_the_procedures_score(two, iris, capsys):
    X, y = iris
    final = two.fit_final("logistic", X, y)
    assert final.nested_results_ is two
    alone = clone(two._comparison.row("logistic").estimator).fit(X, y)
    assert final.predict(X).tolist() == alone.predict(X).tolist()
    score = final.nested_score_
    assert score.mean == two.table_.set_index("search")["mean"]["logistic"]
    assert re.match(r"accuracy of the procedure 'logistic': \.\d{3}, interval of 95 % \[", str(score))
    assert "no rows left to be tested on" in str(score)
    assert capsys.readouterr().out == ""
    assert two.procedure_score("logistic") == score


def test_final_model_prints_its_score_where_asked_for(iris, capsys):
    X, y = iris
    results = nested_cross_validate(SVC(), X, y, cv=3, verbose=1)
    capsys.readouterr()
    results.fit_final("svc", X, y)
    assert capsys.readouterr().out.startswith("accuracy of the procedure 'svc': ")


def test_final_model_wants_a_name_of_a_row(two, iris):
    with pytest.raises(InvalidArgumentError, match="Nearest to 'logistics': 'logistic'"):
        two.fit_final("logistics", *iris)


@pytest.mark.parametrize("keep", ["search", "best", "nothing"])
def test_tables_are_the_same_whatever_is_kept_and_in_a_pickle(two, iris, keep):
    X, y = iris
    searches = {name: two._comparison.row(name).estimator for name in ("svm", "logistic")}
    results = nested_cross_validate(searches, X, y, cv=3, keep=keep)
    loaded = pickle.loads(pickle.dumps(results))
    for name in ("archive_", "stability_", "predictions_", "errors_"):
        for each in (results, loaded):
            columns = [column for column in getattr(two, name) if "time" not in column]
            assert getattr(each, name)[columns].equals(getattr(two, name)[columns])
    assert loaded.outer_.test_score.equals(two.outer_.test_score)
    assert [len(study.trials) for study in loaded.studies_["svm"]] == [3, 3, 3]
    assert loaded.studies_["logistic"] == [None] * 3


def test_search_of_the_caller_may_be_fitted_and_change_afterwards(iris):
    X, y = iris
    search = GridSearchCV(RandomForestClassifier(50, random_state=0), {"max_depth": [2, 3]}, cv=2)
    of_unfitted = nested_cross_validate(search, X, y, cv=2, keep="nothing")
    of_fitted = nested_cross_validate(search.fit(X, y), X, y, cv=2, keep="nothing")
    assert len(pickle.dumps(of_fitted)) == pytest.approx(len(pickle.dumps(of_unfitted)), rel=0.05)
    search.set_params(param_grid={"max_depth": [5]})
    assert of_fitted.fit_final("randomforestclassifier", X, y).best_params_["max_depth"] in (2, 3)


def test_what_is_kept_of_an_outer_fold(iris):
    X, y = iris
    search = make_pipeline(StandardScaler(), GridSearchCV(SVC(), {"C": [1, 2]}, cv=3))
    kept = {keep: nested_cross_validate(search, X, y, cv=3, keep=keep) for keep in ("search", "best", "nothing")}
    assert isinstance(kept["search"].cross_validate_["svc"]["estimator"][0][-1], GridSearchCV)
    assert isinstance(kept["best"].cross_validate_["svc"]["estimator"][0][-1], SVC)
    assert "estimator" not in kept["nothing"].cross_validate_["svc"]
    assert kept["best"].score(X, y, "f1_macro").equals(kept["search"].score(X, y, "f1_macro"))
    with pytest.raises(InvalidArgumentError, match="keep='nothing' dropped them"):
        kept["nothing"].score(X, y, "f1_macro")
    assert kept["nothing"].fit_final("svc", X, y).predict(X).shape == y.shape


def test_pickles_are_smaller_the_less_is_kept(iris):
    X, y = iris
    search = GridSearchCV(RandomForestClassifier(20, random_state=0), {"max_depth": [2, 3]}, cv=2)
    sizes = [
        len(pickle.dumps(nested_cross_validate(search, X, y, cv=2, keep=keep)))
        for keep in ("search", "best", "nothing")
    ]
    assert sizes[0] > sizes[1] > sizes[2]
    assert sizes[2] < sizes[0] / 2


def test_outputs_are_what_scikit_learns_displays_take(iris):
    pytest.importorskip("matplotlib").use("Agg")
    if not hasattr(RocCurveDisplay, "from_cv_results"):
        pytest.skip("this scikit-learn has no RocCurveDisplay.from_cv_results")
    from matplotlib.pyplot import close

    X, y = iris
    X, y = X[y > 0], y[y > 0]
    for keep in ("search", "best"):
        results = nested_cross_validate(GridSearchCV(SVC(), {"C": [1, 2]}, cv=3), X, y, cv=3, keep=keep)
        display = RocCurveDisplay.from_cv_results(results.cross_validate_["svc"], X, y)
        assert len(display.roc_auc) == 3
    close("all")


def test_single_row_has_nothing_to_be_compared_with(iris):
    X, y = iris
    results = nested_cross_validate(SVC(), X, y, cv=3, baselines=())
    with pytest.raises(InvalidArgumentError, match="at least two"):
        results.compare()
    assert "svc" in repr(results)
    assert np.isfinite(results.table_["mean"]).all()
