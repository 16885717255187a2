"""The record behind LearningCurvesDisplay: which numbers it holds, without a picture and without a search."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import SGDClassifier

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results import LearningCurvesRecord, learning_curves_record, record_of_curves
from sk_optuna.results._learning_curves_record import readable

NAN = np.nan
# Trial 3 finished two folds of two epochs. Trial 7 was stopped in its second fold. Trial 8 failed at once.
CURVES = {
    "trial_number": np.array([3, 3, 3, 3, 7, 7, 7]),
    "fold": np.array([0, 0, 1, 1, 0, 0, 1]),
    "epoch": np.array([1, 2, 1, 2, 1, 2, 1]),
    "train_loss": np.array([4.0, 2.0, 8.0, 6.0, 5.0, 5.0, 7.0]),
    "valid_score": np.array([-1.0, -3.0, -3.0, -5.0, -2.0, -2.0, -6.0]),
}
TABLE = {"trial_number": [3, 7, 8], "trial_state": ["COMPLETE", "PRUNED", "FAIL"]}


def recorded(**options):
    return record_of_curves(CURVES, TABLE, **{"n_folds": 2, "best_index": 0, "metric": "neg_log_loss", **options})


def test_values_stand_at_their_trial_fold_and_epoch():
    record = recorded()
    expected = [[[-1, -3], [-3, -5]], [[-2, -2], [-6, NAN]], [[NAN, NAN], [NAN, NAN]]]
    np.testing.assert_array_equal(record.values, expected)
    assert record.trial_number.tolist() == [3, 7, 8]
    assert record.trial_state == ["COMPLETE", "PRUNED", "FAIL"]
    assert record.best_trial == 3


def test_mean_curves_go_as_far_as_all_begun_folds():
    complete, pruned, failed = recorded().mean_curves()
    assert (complete.mean.tolist(), complete.std.tolist(), complete.n_folds) == ([-2.0, -4.0], [1.0, 1.0], 2)
    assert (pruned.mean.tolist(), pruned.std.tolist(), pruned.n_folds) == ([-4.0], [2.0], 2)
    assert (failed.mean.tolist(), failed.std.tolist(), failed.n_folds) == ([], [], 0)
    assert [curve.trial_state for curve in (complete, pruned, failed)] == TABLE["trial_state"]


def test_columns_have_one_row_for_each_point():
    columns = recorded().columns()
    assert {name: column.tolist() for name, column in columns.items()} == {
        "trial_number": [3, 3, 7],
        "trial_state": ["COMPLETE", "COMPLETE", "PRUNED"],
        "epoch": [1, 2, 1],
        "n_folds": [2, 2, 2],
        "mean": [-2.0, -4.0, -4.0],
        "std": [1.0, 1.0, 2.0],
    }


def test_columns_of_no_trials_and_of_trials_without_epochs_are_empty():
    none = LearningCurvesRecord(trial_number=np.empty(0, int), trial_state=[], values=np.empty((0, 2, 0)))
    failed = LearningCurvesRecord(trial_number=np.array([0]), trial_state=["FAIL"], values=np.full((1, 2, 3), NAN))
    for record in (none, failed):
        assert {name: column.shape for name, column in record.columns().items()} == dict.fromkeys(
            ["trial_number", "trial_state", "epoch", "n_folds", "mean", "std"], (0,)
        )


def test_epochs_that_only_others_reported_are_no_points_of_a_curve():
    # Reports after each 20 rounds and after the last one: trial 0 made 60, trial 1 made 50, trial 2 was stopped.
    rounds = [[20, 40, 60], [20, 40, 50], [20]]
    points = [(trial, fold, each) for trial in range(3) for fold in range(2) for each in rounds[trial]]
    trials, folds, epochs = map(np.array, zip(*points, strict=True))
    curves = {"trial_number": trials, "fold": folds, "epoch": epochs, "valid_score": epochs + folds}
    table = {"trial_number": [0, 1, 2], "trial_state": ["COMPLETE", "COMPLETE", "PRUNED"]}
    record = record_of_curves(curves, table, n_folds=2)
    assert record.epochs.tolist() == [20, 40, 50, 60]
    assert record.values.shape == (3, 2, 4)
    for curve, expected in zip(record.mean_curves(), rounds, strict=True):
        assert curve.epochs.tolist() == expected
        np.testing.assert_array_equal(curve.mean, np.array(expected) + 0.5)
    assert record.columns()["epoch"].tolist() == [20, 40, 60, 20, 40, 50, 20]


def test_one_fold_is_kept_alone():
    record = recorded(fold=1)
    np.testing.assert_array_equal(record.values, [[[-3, -5]], [[-6, NAN]], [[NAN, NAN]]])
    assert record.columns()["n_folds"].tolist() == [1, 1, 1]
    assert record.columns()["std"].tolist() == [0.0, 0.0, 0.0]


def test_scores_are_greater_better_and_negated_ones_less():
    plain, negated = recorded(), recorded(negate_score=True)
    assert (plain.score_name, plain.greater_is_better) == ("Neg log loss", True)
    assert (negated.score_name, negated.greater_is_better) == ("Log loss", False)
    np.testing.assert_array_equal(negated.values, -plain.values)


@pytest.mark.parametrize("negate_score", [False, True])
def test_losses_keep_their_sign(negate_score):
    record = recorded(column="train_loss", negate_score=negate_score)
    assert (record.score_name, record.greater_is_better) == ("Training loss", False)
    np.testing.assert_array_equal(record.values[0], [[4, 2], [8, 6]])


def test_a_given_name_wins():
    assert recorded(score_name="nats").score_name == "nats"
    assert recorded(score_name="nats", column="train_loss").score_name == "nats"


def test_without_a_best_row_no_trial_is_the_best():
    assert recorded(best_index=None).best_trial is None


def test_the_record_of_a_search_is_the_record_of_its_curves():
    search = OptunaSearchCV(SGDClassifier(), {}, scoring="neg_log_loss", report="epoch")
    with pytest.raises(NotFittedError):
        learning_curves_record(search)
    # as `fit` leaves it
    search.cv_results_, search.learning_curves_ = TABLE, CURVES
    search.n_splits_, search.best_index_, search.scorer_ = 2, 0, None
    of_search, of_curves = learning_curves_record(search), recorded()
    np.testing.assert_equal(vars(of_search), vars(of_curves))


def test_curves_without_epochs_are_refused_with_the_way_to_report_some():
    nothing = {name: column[:0] for name, column in CURVES.items()}
    with pytest.raises(InvalidArgumentError, match=r"no candidate reported an epoch.*monitor\.report\(\)"):
        record_of_curves(nothing, TABLE, n_folds=2)


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("roc_auc_ovr", "ROC AUC ovr"),
        ("neg_log_loss", "Neg log loss"),
        ("r2", "R2"),
        ("f1_macro", "F1 macro"),
        ("", ""),
    ],
)
def test_names_of_metrics_are_written_for_readers(metric, text):
    assert readable(metric) == text
