"""Inner and outer scores are compared where they are of the same metric, however it is written."""

import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegressionCV, Ridge
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.nested._metrics import check_scorers, outer_metrics, why_not_comparable

F1 = make_scorer(f1_score, average="macro")


def of_three(estimator, X, y):
    return {"one": 1.0, "two": 2.0, "three": 3.0}


class OwnScore(SVC):
    def score(self, X, y):
        return 0.0


def search(scoring=None, refit=True, estimator=None):
    return GridSearchCV(estimator or SVC(), {"C": [1]}, scoring=scoring, refit=refit)


def reason(inner, outer, wrap=lambda found: found, path=""):
    return why_not_comparable(wrap(inner), path, outer_metrics(outer, [inner], inner))


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        (search(), None),
        (search(), "accuracy"),
        (search("accuracy"), None),
        (search("f1_macro"), "f1_macro"),
        (search(F1), make_scorer(f1_score, average="macro")),
        (search("accuracy"), ["roc_auc", "accuracy"][1:]),
        (search(["f1_macro", "accuracy"], "accuracy"), None),
        (search(["f1_macro", "accuracy"], "accuracy"), "accuracy"),
        (search(["f1_macro", "accuracy"], "accuracy"), {"f1": "f1_macro", "accuracy": "accuracy"}),
        (search({"mine": F1}, "mine"), F1),
        (search(of_three, "two"), None),
        (search("r2", estimator=Ridge()), None),
        (search(estimator=KNeighborsClassifier()), "accuracy"),
        (search(estimator=make_pipeline(StandardScaler(), Ridge())), "r2"),
    ],
)
def test_same_metric_is_known_as_such(inner, outer):
    assert reason(inner, outer) == ""


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        (search(), "f1_macro", "the search is steered by accuracy"),
        (search("f1_macro"), "accuracy", "the search is steered by f1_macro"),
        (search(F1), "accuracy", "the search is steered by f1_score"),
        (search(estimator=OwnScore()), "accuracy", "the search is steered by score"),
        (search(estimator=LogisticRegressionCV(scoring="f1_macro")), "accuracy", "the search is steered by score"),
        (search(["f1_macro", "accuracy"], "f1_macro"), "accuracy", "the search is steered by f1_macro"),
        (search(["f1_macro", "accuracy"], len), "accuracy", "the search chooses among several metrics by a callable"),
        (search({"accuracy": F1}, "accuracy"), "accuracy", "the search has another scorer of that name"),
    ],
)
def test_other_metric_has_a_reason(inner, outer, expected):
    assert reason(inner, outer) == expected


def test_transformed_target_has_a_reason():
    inner = search("r2", estimator=Ridge())
    assert reason(inner, "r2", TransformedTargetRegressor, "regressor") == "the search scores a transformed target"
    assert reason(inner, "r2", lambda found: make_pipeline(StandardScaler(), found), "gridsearchcv") == ""


@pytest.mark.parametrize(
    ("scoring", "searches", "first", "shown"),
    [
        (None, [search()], "score", "accuracy"),
        (None, [search(estimator=Ridge())], "score", "r2"),
        (None, [search(estimator=StandardScaler())], "score", "score"),
        ("f1_macro", [search()], "score", "f1_macro"),
        (F1, [search()], "score", "f1_score"),
        (["f1_macro", "accuracy"], [search("accuracy")], "f1_macro", "f1_macro"),
        (["f1_macro", "accuracy"], [search(["accuracy", "f1_macro"], "accuracy")], "accuracy", "accuracy"),
        (None, [search(of_three, "two")], "two", "two"),
    ],
)
def test_first_metric(scoring, searches, first, shown):
    metrics = outer_metrics(scoring, searches, searches[0])
    assert (metrics.first, metrics.shown) == (first, shown)


def test_objectives_of_a_search_are_its_metrics():
    several = search(refit="accuracy")
    several.objectives = ("roc_auc", "accuracy")
    metrics = outer_metrics(None, [several], several)
    assert (metrics.scoring, metrics.first) == (["roc_auc", "accuracy"], "accuracy")
    assert reason(several, "accuracy") == ""
    assert reason(several, "roc_auc") == "the search is steered by accuracy"


def test_different_metrics_of_searches_want_one_to_be_named():
    with pytest.raises(InvalidArgumentError, match=r"scoring=None; scoring='f1_macro'.*Pass the metric"):
        outer_metrics(None, [search(), search("f1_macro")], SVC())


def test_misspelt_metric_is_refused_with_the_nearest_name():
    with pytest.raises(InvalidArgumentError, match="Nearest to 'acuracy': 'accuracy'"):
        check_scorers(outer_metrics("acuracy", [search()], SVC()), [SVC()])
    with pytest.raises(InvalidArgumentError, match="must name a metric at least"):
        outer_metrics([], [search()], SVC())
