"""Predictions are scored as the estimator that made them, by scikit-learn's own scorers."""

import numpy as np
import pytest
from sklearn.base import is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import check_scoring
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from sk_optuna.epochs import FoldMonitor, Predictions
from sk_optuna.epochs._predictions import as_estimator, scores_as_usual

X, Y = make_classification(200, 6, n_informative=4, n_classes=3, random_state=0)
X_REG, Y_REG = make_regression((200), 5, noise=3, random_state=0)
NAMES = np.array(["a", "b", "c"])


def predictions_of(estimator, rows):
    methods = {
        name: getattr(estimator, name)(rows)
        for name in ("predict", "predict_proba", "decision_function")
        if hasattr(estimator, name)
    }
    return Predictions(estimator, **methods)


@pytest.mark.parametrize("is_binary", [True, False], ids=["binary", "multiclass"])
@pytest.mark.parametrize(
    "scoring", [None, "accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr", "matthews_corrcoef", "balanced_accuracy"]
)
def test_scorers_of_classifiers_score_predictions_as_the_classifier(scoring, is_binary):
    y = NAMES[np.minimum(Y, 1) if is_binary else Y]
    classifier = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(X[:100], y[:100])
    scorer, predictions = check_scoring(classifier, scoring), predictions_of(classifier, X[100:])
    assert scorer(predictions, X[100:], y[100:]) == scorer(classifier, X[100:], y[100:])


@pytest.mark.parametrize("scoring", [None, "r2", "neg_root_mean_squared_error", "neg_max_error"])
def test_scorers_of_regressors_score_predictions_as_the_regressor(scoring):
    regressor = Ridge().fit(X_REG[:100], Y_REG[:100])
    scorer, predictions = check_scoring(regressor, scoring), predictions_of(regressor, X_REG[100:])
    weight = np.linspace(0, 1, 100)
    if scoring is None:
        assert scorer(predictions, X_REG[100:], Y_REG[100:], sample_weight=weight) == scorer(
            regressor, X_REG[100:], Y_REG[100:], sample_weight=weight
        )
    assert scorer(predictions, X_REG[100:], Y_REG[100:]) == scorer(regressor, X_REG[100:], Y_REG[100:])


def test_predictions_are_of_the_estimators_kind_and_show_nothing_else_of_it():
    classifier = GradientBoostingClassifier(n_estimators=2).fit(X, Y)
    predictions = Predictions(classifier, predict=classifier.predict(X))
    assert is_classifier(predictions)
    assert not is_regressor(predictions)
    np.testing.assert_array_equal(predictions.classes_, classifier.classes_)
    for name in ("predict_proba", "estimators_", "get_params", "fit"):
        assert not hasattr(predictions, name), name


def test_values_are_computed_when_a_scorer_first_asks_and_once():
    asked = []
    predictions = Predictions(
        Ridge().fit(X_REG, Y_REG),
        predict=lambda: asked.append("predict") or np.zeros(len(X_REG)),
        decision_function=lambda: asked.append("decision_function"),
    )
    assert asked == []
    predictions.predict(X_REG), predictions.predict(X_REG)
    assert asked == ["predict"]


@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda leaf: leaf,
        lambda leaf: make_pipeline(StandardScaler(), leaf),
        lambda leaf: TransformedTargetRegressor(leaf, func=np.exp, inverse_func=np.log),
        lambda leaf: TransformedTargetRegressor(make_pipeline(StandardScaler(), leaf), transformer=MinMaxScaler()),
        lambda leaf: make_pipeline(
            FunctionTransformer(),
            TransformedTargetRegressor(
                TransformedTargetRegressor(leaf, transformer=MinMaxScaler()), transformer=StandardScaler()
            ),
        ),
    ],
    ids=["leaf", "pipeline", "function", "transformer", "twice"],
)
def test_target_transformations_of_predictions_are_undone(wrap, scoring):
    leaf = RandomForestRegressor(n_estimators=3, random_state=0)
    y = (Y_REG - Y_REG.min()) / np.ptp(Y_REG)
    estimator = wrap(leaf).fit(X_REG, y)
    fitted, rows = estimator, X_REG
    while fitted.__class__ is not RandomForestRegressor:
        if hasattr(fitted, "steps"):
            rows, fitted = fitted[:-1].transform(rows), fitted[-1]
        else:
            fitted = fitted.regressor_
    before = dict(vars(estimator))
    scorer = check_scoring(estimator, scoring)
    shown = as_estimator(estimator, predictions_of(fitted, rows))
    assert scorer(shown, X_REG, y) == scorer(estimator, X_REG, y)
    assert vars(estimator) == before


class ScoresItself(Ridge):
    def score(self, X, y, sample_weight=None):
        return 7.0


def test_a_score_of_ones_own_needs_the_model():
    assert scores_as_usual(Ridge())
    assert not scores_as_usual(ScoresItself())

    def monitor(leaf, *, scores_leaf=True, calls_score=True):
        return FoldMonitor(leaf, leaf, None, None, scores_leaf, None, "last", calls_score=calls_score)

    assert monitor(ScoresItself()).needs_model
    assert not monitor(ScoresItself(), calls_score=False).needs_model
    assert not monitor(Ridge()).needs_model
    assert monitor(Ridge(), scores_leaf=False).needs_model
