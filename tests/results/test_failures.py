"""The table of errors, made of records alone."""

import numpy as np
import pandas as pd
import pytest

from sk_optuna.evaluation import Ending, FoldResult, TrialRecord
from sk_optuna.results import errors_table

FIT = """Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/sklearn/model_selection/_validation.py", line 855, in _fit_and_score
    estimator.fit(X_train, y_train, **fit_params)
  File "/home/me/net.py", line 7, in fit
    raise ShapeError("4 columns,\\nnot 5")
net.ShapeError: 4 columns,
not 5
"""
COLUMNS = ["trial_number", "fold", "phase", "exception", "message", "user_code", "params"]


def result(**arguments):
    return FoldResult(**{
        "test_scores": 0.5, "train_scores": None, "n_test_samples": 10, "fit_time": 0.1, "score_time": 0.1,
        "fit_error": None, "failed_scores": (), **arguments,
    })  # fmt: skip


def record(number, params, *folds):
    made = TrialRecord(number, params, range(len(folds)))
    made.folds = list(folds)
    return made


def rows(*records):
    table = errors_table(records)
    assert list(table) == COLUMNS
    return list(zip(*(column.tolist() for column in table.values()), strict=True))


def test_a_fit_that_raised_is_a_row_with_the_line_of_code():
    failed = result(fit_error=FIT, ending=Ending("failed", "not 5"))
    line = '/home/me/net.py:7: raise ShapeError("4 columns,\\nnot 5")'
    assert rows(record(3, {"a": 1}, result(), failed)) == [
        (3, 1, "fit", "net.ShapeError", "4 columns,\nnot 5", line, {"a": 1})
    ]


def test_rows_are_ordered_by_trial_and_fold_and_folds_that_did_not_run_have_none():
    failed = result(fit_error="ValueError: no")
    table = errors_table([record(0, {}, failed, None, failed), record(2, {}, None, result()), record(5, {}, failed)])
    assert table["trial_number"].tolist() == [0, 0, 5]
    assert table["fold"].tolist() == [0, 2, 0]


def test_each_scorer_that_raised_is_a_row_once_for_test_and_train_rows():
    errors = ("KeyError: 'a'", "ValueError: b", "KeyError: 'a'")
    found = rows(record(0, {}, result(failed_scores=("x", "y"), score_errors=errors)))
    assert [row[2:5] for row in found] == [("score", "KeyError", "'a'"), ("score", "ValueError", "b")]


@pytest.mark.parametrize(
    ("ending", "texts", "row"),
    [
        (Ending("memory", "out of memory: no more"), {"fit_error": "MemoryError: no more"},
         ("memory", "MemoryError", "no more")),
        (Ending("memory", "out of memory: no more"), {"score_errors": ("MemoryError: no more",)},
         ("memory", "MemoryError", "no more")),
        (Ending("worker", "It died."), {"fit_error": "WorkerDiedError: It died."},
         ("worker", "WorkerDiedError", "It died.")),
        (Ending("memory", "out of memory: 5 GB"), {}, ("memory", "", "out of memory: 5 GB")),
        (Ending("pruned"), {"score_errors": ("KeyError: 1",)}, ("score", "KeyError", "1")),
    ],
)  # fmt: skip
def test_the_phase_is_what_ended_the_fold(ending, texts, row):
    assert [found[2:5] for found in rows(record(0, {}, result(ending=ending, **texts)))] == [row]


def test_folds_that_were_pruned_or_whose_score_is_no_number_are_no_errors():
    assert rows(record(0, {}, result(ending=Ending("pruned")), result(test_scores=np.nan))) == []


def test_a_text_that_is_no_traceback_is_kept_as_the_message():
    assert rows(record(0, {}, result(fit_error="it went wrong\n")))[0][3:5] == ("", "it went wrong")


def test_without_errors_the_columns_are_empty_and_keep_their_kinds():
    table = errors_table([record(0, {}, result())])
    assert {name: (column.dtype.kind, column.shape) for name, column in table.items()} == {
        name: ("i" if name in ("trial_number", "fold") else "O", (0,)) for name in COLUMNS
    }


def test_pandas_takes_it():
    failed = result(fit_error=FIT)
    frame = pd.DataFrame(errors_table([record(0, {"a": [1, 2]}, failed, failed), record(1, {"b": None}, failed)]))
    assert frame.groupby("exception")["trial_number"].nunique().to_dict() == {"net.ShapeError": 2}
    assert frame["params"].tolist() == [{"a": [1, 2]}, {"a": [1, 2]}, {"b": None}]
