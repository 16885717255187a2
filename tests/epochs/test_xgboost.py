"""XGBoost in its other modes, with callbacks and objectives of the user's, and with queries."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold

from sk_optuna import OptunaSearchCV
from sk_optuna.epochs import FoldMonitor
from sk_optuna.epochs._incremental import how_to_fit_by_epochs
from sk_optuna.exceptions import InvalidArgumentError

xgboost = pytest.importorskip("xgboost")

X, Y = make_classification(240, 6, n_informative=6, n_redundant=0, n_classes=3, flip_y=0.2, random_state=0)
TRAIN, TEST = slice(0, 160), slice(160, 240)
LOSS = get_scorer("neg_log_loss")
QUICK = {"n_estimators": 9, "n_jobs": 1, "random_state": 0}


def followed(leaf, y=Y, *, checkpoint="last", scorer=LOSS, period=4, **fit_params):
    leaf = clone(leaf)
    monitor = FoldMonitor(leaf, leaf, lambda: (X[TEST], y[TEST]), scorer, True, None, checkpoint, period=period)
    how_to_fit_by_epochs(leaf)(leaf, X[TRAIN], y[TRAIN], monitor, **fit_params)
    monitor.finish()
    return leaf, monitor


def fitted(leaf, n, y=Y):
    return clone(leaf).set_params(n_estimators=n).fit(X[TRAIN], y[TRAIN])


@pytest.mark.parametrize(
    "params",
    [
        {"booster": "dart", "rate_drop": 0.5},
        {"booster": "gblinear"},
        {"num_parallel_tree": 3, "subsample": 0.6},
        {"tree_method": "exact"},
        {"tree_method": "approx"},
        {"objective": "multi:softmax"},
        {"missing": 0.0},
        {"n_estimators": None},
    ],
    ids=str,
)
def test_all_kinds_of_boosting_are_followed_and_gone_back_in(params):
    estimator = xgboost.XGBClassifier(**{**QUICK, **params})
    period = 50 if "n_estimators" in params else 4
    leaf, monitor = followed(estimator, period=period)
    expected = [LOSS(fitted(estimator, n), X[TEST], Y[TEST]) for n in monitor.curve.epochs]
    np.testing.assert_allclose(monitor.curve.scores, expected, rtol=0, atol=1e-7)
    last = monitor.curve.epochs[-1]
    np.testing.assert_array_equal(leaf.predict_proba(X), fitted(estimator, last).predict_proba(X))
    scores = iter([3.0, 1.0, 2.0])
    best, _ = followed(estimator, checkpoint="best", period=period, scorer=lambda *_: next(scores))
    np.testing.assert_array_equal(best.predict_proba(X), fitted(estimator, period).predict_proba(X))


@pytest.mark.parametrize("several", [False, True])
def test_targets_of_several_columns_are_followed(several):
    y = np.column_stack([Y > 0, Y > 1]).astype(int) if several else X[:, :2]
    estimator = xgboost.XGBClassifier(**QUICK) if several else xgboost.XGBRegressor(**QUICK)
    scorer = get_scorer("accuracy" if several else "r2")
    _, monitor = followed(estimator, y, scorer=scorer)
    expected = [scorer(fitted(estimator, n, y), X[TEST], y[TEST]) for n in (4, 8, 9)]
    np.testing.assert_array_equal(monitor.curve.scores, expected)


HEARD = []


class Hears(xgboost.callback.TrainingCallback):
    """Remembers each round."""

    def after_iteration(self, model, epoch, evals_log):
        HEARD.append((epoch, dict(evals_log)))
        return False


def test_callbacks_of_the_users_are_called_and_stay_the_estimators_own():
    estimator = xgboost.XGBClassifier(**QUICK, callbacks=[Hears()])
    leaf = clone(estimator)
    own = leaf.callbacks
    pickles = []

    def scorer(scored, X, y):
        pickles.append(pickle.dumps(leaf.get_params()))
        return 0.0

    monitor = FoldMonitor(leaf, leaf, lambda: (X[TEST], Y[TEST]), scorer, True, None, "last", period=4)
    HEARD.clear()
    how_to_fit_by_epochs(leaf)(leaf, X[TRAIN], Y[TRAIN], monitor)
    assert [*HEARD] == [(n, {}) for n in range(9)]
    assert leaf.callbacks is own
    assert len(pickles) == 3
    assert not any(b"sk_optuna" in each for each in pickles)


def test_a_callback_that_stops_early_by_the_test_rows_is_refused_unless_it_is_asked_for():
    stopping = xgboost.XGBClassifier(**QUICK, callbacks=[xgboost.callback.EarlyStopping(rounds=4)])
    with pytest.raises(InvalidArgumentError, match="would be the test rows of each fold"):
        OptunaSearchCV(stopping, {"max_depth": [2]}, report="epoch").fit(X, Y)
    scores = iter([3.0, 1.0, 2.0, 0.0])
    best, monitor = followed(stopping, checkpoint="best", period=2, scorer=lambda *_: next(scores))
    assert monitor.curve.epochs == (2, 4, 6)
    expected = fitted(clone(stopping).set_params(callbacks=None), 2)
    np.testing.assert_array_equal(best.predict_proba(X), expected.predict_proba(X))
    assert isinstance(best.callbacks[0], xgboost.callback.EarlyStopping)


def gain(ranker, X, y):
    """A plain function: the correlation of ranks over all queries."""
    return float(np.corrcoef(ranker.predict(X), y)[0, 1])


@pytest.mark.parametrize("scoring", [gain, "r2"])
def test_rankers_are_followed_with_a_query_for_each_row(scoring):
    queries = np.repeat(np.arange(24), 10)
    ranker = xgboost.XGBRanker(**QUICK, objective="rank:pairwise")
    search = OptunaSearchCV(
        ranker, {"max_depth": [2]}, report="epoch", scoring=scoring, cv=GroupKFold(2), error_score="raise", refit=False
    )
    search.fit(X, Y, groups=queries, qid=queries)
    score = get_scorer(scoring)
    last = search.learning_curves_["epoch"] == 9
    for i, (train, test) in enumerate(GroupKFold(2).split(X, Y, queries)):
        plain = clone(ranker).set_params(max_depth=2).fit(X[train], Y[train], qid=queries[train])
        np.testing.assert_allclose(search.learning_curves_["valid_score"][last][i], score(plain, X[test], Y[test]))
