"""LightGBM in its other modes, with callbacks and objectives of the user's."""

from inspect import signature

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import get_scorer

from sk_optuna import OptunaSearchCV
from sk_optuna.epochs import FoldMonitor, UnscoredMonitor
from sk_optuna.epochs._incremental import how_to_fit_by_epochs

lightgbm = pytest.importorskip("lightgbm")

X, Y = make_classification(240, 6, n_informative=5, n_redundant=0, flip_y=0.2, random_state=0)
TRAIN, TEST = slice(0, 160), slice(160, 240)
LOSS = get_scorer("neg_log_loss")
# 4.7 deprecates `eval_set`.
IS_NEW = "eval_X" in signature(lightgbm.LGBMClassifier.fit).parameters
EVALUATION = {"eval_X": (X[:50],), "eval_y": (Y[:50],)} if IS_NEW else {"eval_set": [(X[:50], Y[:50])]}
QUICK = {"n_estimators": 9, "n_jobs": 1, "random_state": 0, "verbose": -1}


class Odds(lightgbm.LGBMClassifier):
    """Shrinks its probabilities: those that LightGBM follows are not what it predicts."""

    def predict_proba(self, X, **kwargs):
        return 0.5 + (super().predict_proba(X, **kwargs) - 0.5) / 2


def followed(leaf, *, checkpoint="last", scorer=LOSS, period=4, **fit_params):
    leaf = clone(leaf)
    monitor = FoldMonitor(leaf, leaf, lambda: (X[TEST], Y[TEST]), scorer, True, None, checkpoint, period=period)
    how_to_fit_by_epochs(leaf)(leaf, X[TRAIN], Y[TRAIN], monitor, **fit_params)
    monitor.finish()
    return leaf, monitor


def fitted(leaf, n, **fit_params):
    return clone(leaf).set_params(n_estimators=n).fit(X[TRAIN], Y[TRAIN], **fit_params)


@pytest.mark.parametrize(
    ("params", "tolerance"),
    [
        ({"boosting_type": "dart", "drop_rate": 0.5}, 1e-12),
        ({"boosting": "dart", "drop_rate": 0.5}, 1e-12),
        ({"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1}, 0),
        ({"data_sample_strategy": "goss"}, 0),
        ({"extra_trees": True}, 0),
        # LightGBM keeps the values of its leaves' features in half the digits while it trains.
        ({"linear_tree": True}, 1e-6),
    ],
    ids=str,
)
def test_all_kinds_of_boosting_are_followed_and_gone_back_in(params, tolerance):
    estimator = lightgbm.LGBMClassifier(**{**QUICK, **params})
    leaf, monitor = followed(estimator)
    expected = [LOSS(fitted(estimator, n), X[TEST], Y[TEST]) for n in (4, 8, 9)]
    np.testing.assert_allclose(monitor.curve.scores, expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(leaf.predict_proba(X), fitted(estimator, 9).predict_proba(X))
    scores = iter([3.0, 1.0, 2.0])
    best, _ = followed(estimator, checkpoint="best", scorer=lambda *_: next(scores))
    np.testing.assert_array_equal(best.predict_proba(X), fitted(estimator, 4).predict_proba(X))


def logistic(y, raw):
    p = 1 / (1 + np.exp(-raw))
    return p - y, p * (1 - p)


def confidence(estimator, X, y):
    """Of raw values; a plain function."""
    return -float(np.log1p(np.exp(-np.where(y == 1, 1, -1) * estimator.predict(X, raw_score=True))).mean())


@pytest.mark.parametrize(
    "estimator", [lightgbm.LGBMClassifier(**QUICK, objective=logistic), Odds(**QUICK)], ids=["objective", "class"]
)
def test_predictions_that_lightgbm_does_not_follow_are_the_estimators_own(estimator):
    scorer = confidence if callable(estimator.objective) else LOSS
    leaf, monitor = followed(estimator, scorer=scorer)
    expected = [scorer(fitted(estimator, n), X[TEST], Y[TEST]) for n in (4, 8, 9)]
    np.testing.assert_array_equal(monitor.curve.scores, expected)
    np.testing.assert_array_equal(leaf.predict(X, raw_score=True), fitted(estimator, 9).predict(X, raw_score=True))


def test_callbacks_of_the_users_hear_what_they_hear_in_a_plain_fit():
    estimator = lightgbm.LGBMClassifier(**QUICK)
    heard, heard_alone = {}, {}
    rates = [0.1] * 4 + [0.3] * 5

    def given(record):
        return {
            "callbacks": [lightgbm.record_evaluation(record), lightgbm.reset_parameter(learning_rate=rates)],
            **EVALUATION,
            "eval_metric": "auc",
        }

    leaf, _ = followed(estimator, **given(heard))
    alone = clone(estimator).fit(X[TRAIN], Y[TRAIN], **given(heard_alone))
    assert heard == heard_alone
    assert leaf.evals_result_ == alone.evals_result_
    assert leaf.best_score_ == alone.best_score_
    np.testing.assert_array_equal(leaf.predict_proba(X), alone.predict_proba(X))
    how_to_fit_by_epochs(leaf)(leaf, X[TRAIN], Y[TRAIN], UnscoredMonitor(n_epochs=6), **given({}))
    np.testing.assert_array_equal(leaf.predict_proba(X), alone.predict_proba(X, num_iteration=6))


def test_training_goes_on_from_a_model_that_the_user_gives():
    estimator, before = lightgbm.LGBMClassifier(**QUICK), fitted(lightgbm.LGBMClassifier(**QUICK), 5)
    scores = iter([1.0, 3.0, 2.0])
    best, monitor = followed(estimator, checkpoint="best", scorer=lambda *_: next(scores), init_model=before)
    assert monitor.curve.epochs == (4, 8, 9)
    np.testing.assert_array_equal(best.predict_proba(X), fitted(estimator, 8, init_model=before).predict_proba(X))


def test_rows_that_are_lists_or_sparse_are_followed():
    estimator = lightgbm.LGBMClassifier(**QUICK)
    search = OptunaSearchCV(estimator, {"num_leaves": [5]}, report="epoch", cv=2, error_score="raise")
    scores = search.fit(X.tolist(), Y.tolist()).learning_curves_["valid_score"]
    np.testing.assert_array_equal(scores, search.fit(X, Y).learning_curves_["valid_score"])
    from scipy.sparse import csr_matrix

    np.testing.assert_array_equal(scores, search.fit(csr_matrix(X), Y).learning_curves_["valid_score"])
