"""A monitor leaves the estimator at the epoch that the checkpoint names."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from sk_optuna.epochs import Predictions
from sk_optuna.epochs._incremental import how_to_fit_by_epochs
from sk_optuna.epochs._monitors import FoldMonitor, UnscoredMonitor

X, Y = make_classification(150, 8, n_informative=5, n_classes=3, random_state=0)


class Reports(UnscoredMonitor):
    """Remembers what is reported, and what the estimator predicted then."""

    def __init__(self, n_epochs=None, estimator=None, rows=None):
        super().__init__(n_epochs=n_epochs)
        self.losses, self.predictions = [], []
        self.estimator, self.rows = estimator, rows

    def report(self, *, train_loss=None, score=None):
        self.losses.append(train_loss)
        if self.estimator is not None:
            self.predictions.append(self.estimator.predict(self.rows))
        return super().report()


def fitted_by_epochs(estimator, X, y, monitor=None):
    estimator = clone(estimator)
    return how_to_fit_by_epochs(estimator)(estimator, X, y, monitor or UnscoredMonitor())


class Wavering:
    """Scores that rise and fall, whatever is scored."""

    def __init__(self, scores):
        self.scores = iter(scores)

    def __call__(self, estimator, X, y):
        return next(self.scores)


@pytest.mark.parametrize("checkpoint", ["last", "best"])
@pytest.mark.parametrize(
    "estimator",
    [
        SGDClassifier(max_iter=6, random_state=0, learning_rate="constant", eta0=0.5),
        MLPClassifier((4,), max_iter=6, random_state=0, learning_rate_init=0.1),
        GradientBoostingClassifier(n_estimators=6, random_state=0),
        RandomForestClassifier(n_estimators=6, random_state=0, max_depth=2),
        BaggingClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=6, random_state=0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_checkpoint_says_at_which_epoch_the_estimator_is_left(estimator, checkpoint):
    leaf = clone(estimator)
    monitor = FoldMonitor(leaf, leaf, lambda: (X, Y), Wavering([0.1, 0.3, 0.9, 0.2, 0.9, 0.4]), True, None, checkpoint)
    how_to_fit_by_epochs(leaf)(leaf, X, Y, monitor)
    monitor.finish()
    assert monitor.curve.best_epoch == 3
    assert monitor.curve.scores == (0.1, 0.3, 0.9, 0.2, 0.9, 0.4)
    reference = fitted_by_epochs(estimator, X, Y, Reports(n_epochs=3 if checkpoint == "best" else 6))
    np.testing.assert_array_equal(leaf.predict(X), reference.predict(X))
    if hasattr(leaf, "predict_proba"):
        np.testing.assert_allclose(leaf.predict_proba(X).sum(axis=1), 1)
    size = {"n_estimators": 3} if checkpoint == "best" and hasattr(leaf, "n_estimators") else {}
    assert repr(leaf) == repr(clone(estimator).set_params(**size))


def test_epochs_without_a_number_for_a_score_are_never_the_best():
    leaf = SGDClassifier(max_iter=3)
    monitor = FoldMonitor(leaf, leaf, lambda: (X, Y), Wavering([np.nan] * 3), True, None, "best")
    how_to_fit_by_epochs(leaf)(leaf, X, Y, monitor)
    monitor.finish()
    assert monitor.curve.best_epoch == 0


class Judging:
    """Notes the scores that it is shown, and stops when there are so many."""

    notes = {}  # noqa: RUF012

    def __init__(self, n_looks):
        self.n_looks, self.shown = n_looks, []

    def stops(self, scores):
        self.shown.append(list(scores))
        return len(scores) == self.n_looks


def monitor_of(scores, *, judge=None, checkpoint="last", period=1):
    leaf = SGDClassifier()
    return FoldMonitor(leaf, leaf, lambda: (X, Y), Wavering(scores), True, judge, checkpoint, period=period)


def test_a_judge_sees_the_scores_at_whole_periods_and_the_curve_has_the_last_round_too():
    judge = Judging(3)
    monitor = monitor_of([0.1, 0.3, 0.2], judge=judge, period=5)
    assert monitor.judged
    assert [monitor.report(epoch=epoch) for epoch in (5, 10, 13)] == [False] * 3
    assert judge.shown == [[0.1], [0.1, 0.3]]
    assert monitor.curve.epochs == (5, 10, 13)
    assert monitor.curve.best_epoch == 10
    assert monitor.curve.n_epochs == 13
    assert monitor.curve.looks(5) == (0.1, 0.3)
    assert monitor.curve.looks(10) == (0.3,)


def test_epochs_are_counted_where_they_are_not_named():
    monitor = monitor_of([0.1, 0.3, 0.2], judge=Judging(3))
    assert [monitor.report(), monitor.report(train_loss=1.0), monitor.report()] == [False, False, True]
    assert monitor.curve.epochs == (1, 2, 3)
    assert monitor.pruned


@pytest.mark.parametrize(("checkpoint", "scores", "went_to"), [
    ("best", [0.1, 0.3, 0.2], [10]), ("last", [0.1, 0.3, 0.2], []), ("best", [0.1, 0.2, 0.3], []),
    ("best", [np.nan] * 3, []),
])  # fmt: skip
def test_an_estimator_that_can_go_back_is_sent_to_its_best_epoch_once(checkpoint, scores, went_to):
    went = []
    monitor = monitor_of(scores, checkpoint=checkpoint, period=5)
    monitor.go_back_by(went.append)
    for epoch in (5, 10, 13):
        monitor.report(epoch=epoch)
    monitor.finish()
    assert went == went_to


def test_given_predictions_are_scored_unless_the_scorer_needs_the_model():
    classifier = DecisionTreeClassifier(max_depth=2).fit(X, Y)
    scored = []

    def scorer(estimator, X, y):
        scored.append(estimator)
        return 0.5

    for scores_leaf in (True, False):
        monitor = FoldMonitor(classifier, classifier, lambda: (X, Y), scorer, scores_leaf, None, "last")
        assert monitor.needs_model is not scores_leaf
        assert not monitor.judged
        predictions = Predictions(classifier, predict=np.zeros(len(X)))
        monitor.report(predictions=predictions)
        assert scored.pop() is (predictions if scores_leaf else classifier)


def test_a_refit_knows_its_number_of_epochs_beforehand():
    monitor = UnscoredMonitor(n_epochs=20)
    assert (monitor.n_epochs, monitor.period, monitor.judged, monitor.needs_model) == (20, 1, False, False)
    assert monitor.valid_data is None
    assert [monitor.report(epoch=10), monitor.report(epoch=20)] == [False, True]
