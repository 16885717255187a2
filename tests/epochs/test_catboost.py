"""CatBoost with objectives of many kinds, learning rates of its own choice, and rows that it sets aside itself."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import get_scorer

from sk_optuna import OptunaSearchCV
from sk_optuna.epochs import FoldMonitor, UnscoredMonitor
from sk_optuna.epochs._incremental import how_to_fit_by_epochs

catboost = pytest.importorskip("catboost")

X, Y = make_classification(240, 6, n_informative=6, n_redundant=0, n_classes=3, flip_y=0.2, random_state=0)
TARGET = np.exp(X[:, 0] / 3)
TRAIN, TEST = slice(0, 160), slice(160, 240)
QUICK = {"iterations": 9, "depth": 3, "thread_count": 1, "verbose": 0, "allow_writing_files": False}


class Stops:
    def __init__(self, look):
        self.look, self.notes = look, {}

    def stops(self, scores):
        return len(scores) == self.look


def followed(leaf, y, scorer, *, checkpoint="last", stop=None, **fit_params):
    leaf = clone(leaf)
    judge = None if stop is None else Stops(stop)
    monitor = FoldMonitor(leaf, leaf, lambda: (X[TEST], y[TEST]), scorer, True, judge, checkpoint, period=4)
    how_to_fit_by_epochs(leaf)(leaf, X[TRAIN], y[TRAIN], monitor, **fit_params)
    monitor.finish()
    return leaf, monitor


def raw(model):
    return model.predict(X, prediction_type="RawFormulaVal")


CASES = [
    (catboost.CatBoostClassifier, Y, {}),
    (catboost.CatBoostClassifier, Y > 0, {"loss_function": "CrossEntropy"}),
    (catboost.CatBoostClassifier, Y, {"loss_function": "MultiClassOneVsAll"}),
    (catboost.CatBoostClassifier, np.array(["9", "10", "2"])[Y], {"auto_class_weights": "Balanced"}),
    (catboost.CatBoostRegressor, TARGET, {"loss_function": "Quantile:alpha=0.3"}),
    (catboost.CatBoostRegressor, TARGET, {"loss_function": "Poisson"}),
    (catboost.CatBoostRegressor, TARGET, {"objective": "Tweedie:variance_power=1.5"}),
    (catboost.CatBoostRegressor, np.column_stack([TARGET, X[:, 1]]), {"loss_function": "MultiRMSE"}),
]


@pytest.mark.parametrize(
    ("kind", "y", "params"), CASES, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
def test_all_kinds_of_objectives_are_followed_stopped_and_gone_back_in(kind, y, params):
    estimator = kind(**QUICK, learning_rate=0.2, **params)
    scorer = get_scorer("r2" if kind is catboost.CatBoostRegressor else "accuracy")

    def fitted(n):
        return clone(estimator).set_params(iterations=n).fit(X[TRAIN], y[TRAIN])

    whole, monitor = followed(estimator, y, scorer)
    expected = [scorer(fitted(n), X[TEST], y[TEST]) for n in (4, 8, 9)]
    np.testing.assert_allclose(monitor.curve.scores, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(raw(whole), raw(fitted(9)))
    stopped, _ = followed(estimator, y, scorer, stop=1)
    np.testing.assert_array_equal(raw(stopped), raw(fitted(4)))
    scores = iter([1.0, 3.0, 2.0])
    best, _ = followed(estimator, y, lambda *_: next(scores), checkpoint="best")
    np.testing.assert_array_equal(raw(best), raw(fitted(8)))
    assert best.get_params() == estimator.get_params()


def test_a_learning_rate_of_catboosts_choice_is_that_of_the_whole_fit():
    """It depends on the number of iterations: a fit that ends earlier has the rate of the one that was asked for."""
    estimator = catboost.CatBoostClassifier(**{**QUICK, "iterations": 200})
    leaf = clone(estimator)
    how_to_fit_by_epochs(leaf)(leaf, X[TRAIN], Y[TRAIN] > 0, UnscoredMonitor(n_epochs=5))
    whole = clone(estimator).fit(X[TRAIN], Y[TRAIN] > 0)
    assert leaf.tree_count_ == 5
    np.testing.assert_array_equal(raw(leaf), whole.predict(X, prediction_type="RawFormulaVal", ntree_end=5))


def test_rows_that_the_booster_sets_aside_itself_decide_alone():
    estimator = catboost.CatBoostClassifier(**QUICK, learning_rate=0.5, eval_fraction=0.3, early_stopping_rounds=2)
    leaf, monitor = followed(estimator, Y, get_scorer("accuracy"))
    expected = clone(estimator).fit(X[TRAIN], Y[TRAIN])
    np.testing.assert_array_equal(raw(leaf), raw(expected))
    assert monitor.curve.n_epochs == expected.tree_count_


@pytest.mark.parametrize("params", [{"use_best_model": True}, {"od_type": "Iter"}, {"od_wait": 2}], ids=str)
def test_each_way_to_go_by_the_test_rows_needs_the_best_checkpoint(params):
    estimator = catboost.CatBoostClassifier(**QUICK, **params)
    with pytest.raises(ValueError, match="would be the test rows of each fold"):
        OptunaSearchCV(estimator, {"learning_rate": [0.1]}, report="epoch").fit(X, Y)
    search = OptunaSearchCV(estimator, {"learning_rate": [0.1]}, report="epoch", checkpoint="best", cv=2)
    assert search.fit(X, Y).best_estimator_.get_params() == {**estimator.get_params(), "learning_rate": 0.1}


def test_callbacks_of_the_users_are_called_and_may_end_the_fit():
    class Ends:
        rounds = 0

        def after_iteration(self, info):
            self.rounds = info.iteration
            return info.iteration < 6

    ends = Ends()
    _, monitor = followed(catboost.CatBoostClassifier(**QUICK), Y, get_scorer("accuracy"), callbacks=[ends])
    assert ends.rounds == 6
    assert monitor.curve.epochs == (4,)
