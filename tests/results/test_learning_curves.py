"""`learning_curves_` has each reported epoch once, and nothing else."""

import numpy as np

from sk_optuna.epochs._protocol import Curve
from sk_optuna.evaluation._fold import FoldResult
from sk_optuna.evaluation._record import TrialRecord
from sk_optuna.results import learning_curves

COLUMNS = ["trial_number", "fold", "epoch", "train_loss", "valid_score"]


def fold(losses=None, scores=None):
    curve = None if scores is None else Curve(tuple(range(1, len(scores) + 1)), tuple(losses), tuple(scores), 1, {})
    return FoldResult(0.5, None, 10, 0.1, 0.1, None, (), curve=curve)


def trial(number, *folds):
    record = TrialRecord(number, {}, range(len(folds)))
    record.folds = list(folds)
    return record


def test_rows_are_ordered_by_trial_fold_and_epoch():
    records = [trial(0, fold([3.0, 2.0], [0.1, 0.2]), fold([1.0], [0.3])), trial(1, fold([5.0], [0.4]), None)]
    curves = learning_curves(records)
    assert list(curves) == COLUMNS
    rows = list(zip(*(column.tolist() for column in curves.values()), strict=True))
    assert rows == [(0, 0, 1, 3.0, 0.1), (0, 0, 2, 2.0, 0.2), (0, 1, 1, 1.0, 0.3), (1, 0, 1, 5.0, 0.4)]


def test_folds_keep_their_numbers_where_others_did_not_run_or_reported_nothing():
    curves = learning_curves([trial(4, None, fold(), fold([1.0], [0.3]))])
    assert (curves["trial_number"].tolist(), curves["fold"].tolist()) == ([4], [2])


def test_without_epochs_the_columns_are_empty_and_keep_their_kinds():
    curves = learning_curves([trial(0, fold(), None)])
    assert list(curves) == COLUMNS
    kinds = {name: column.dtype.kind for name, column in curves.items()}
    assert kinds == {"trial_number": "i", "fold": "i", "epoch": "i", "train_loss": "f", "valid_score": "f"}
    assert all(column.shape == (0,) for column in curves.values())


def test_a_loss_that_was_not_reported_is_not_a_number():
    assert np.isnan(learning_curves([trial(0, fold([np.nan], [0.1]))])["train_loss"]).tolist() == [True]


def test_epochs_of_a_booster_are_its_rounds():
    result = FoldResult(
        0.5, None, 10, 0.1, 0.1, None, (), curve=Curve((20, 40, 45), (3.0, 2.0, 1.0), (0.1,) * 3, 1, {})
    )
    curves = learning_curves([trial(0, result)])
    assert curves["epoch"].tolist() == [20, 40, 45]
