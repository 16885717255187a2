"""How many candidates failed from the start, and the error about them, made of records alone."""

import pickle

import numpy as np
import pytest

from sk_optuna.evaluation import Ending, FoldResult, TrialRecord
from sk_optuna.exceptions import FoldFailedError, NoScoreError
from sk_optuna.results import Rules, failing_start, too_many_failures

TRACEBACK = 'Traceback (most recent call last):\n  File "/home/me/net.py", line 7, in fit\n    grow()\nValueError: no\n'


def rules(**arguments):
    defaults = {
        "scoring": None,
        "refit": True,
        "refit_metric": "score",
        "error_score": np.nan,
        "return_train_score": False,
        "pruner": None,
        "by_epoch": False,
        "checkpoint": "last",
    }
    return Rules(**{**defaults, **arguments})


def result(score=0.5, fit_error=None, failed=(), **arguments):
    return FoldResult(score, None, 10, 0.1, 0.1, fit_error, failed, **arguments)


def failing(score=np.nan):
    return [result(score, TRACEBACK, ("score",), ending=Ending("failed", "ValueError: no")), result()]


def lacking(kind):
    return [result(np.nan, "MemoryError", ("score",), ending=Ending(kind, "no more"))]


COMPLETE = [result(), result()]
OWN_NAN = [result(np.nan), result(np.nan)]


def records(*candidates, cut=()):
    made = []
    for number, folds in enumerate(candidates):
        record = TrialRecord(number, {"a": number}, range(2))
        for fold, each in enumerate(folds):
            record.add(fold, each)
        record.is_cut = record.is_cut or number in cut
        made.append(record)
    return made


def numbers(*candidates, cut=(), **arguments):
    return [record.number for record in failing_start(records(*candidates, cut=cut), rules(**arguments))]


def test_candidates_that_failed_from_the_start_are_counted():
    assert numbers() == []
    assert numbers(failing(), failing(), failing()) == [0, 1, 2]


def test_the_score_that_stands_for_an_error_makes_no_difference():
    assert numbers(failing(1e6), failing(0.0)) == [0, 1]


def test_once_a_candidate_is_complete_none_counts():
    assert numbers(failing(), COMPLETE, failing(), failing()) == []


def test_candidates_that_ran_out_of_memory_or_time_count_neither_way():
    assert numbers(failing(), lacking("memory"), failing(), lacking("timeout"), failing()) == [0, 2, 4]
    assert numbers(lacking("memory"), lacking("timeout")) == []


def test_a_worker_that_died_counts():
    assert numbers(lacking("worker"), failing()) == [0, 1]


def test_a_candidate_that_the_pruner_stopped_did_not_fail():
    assert numbers(failing(), COMPLETE[:1], failing(), failing(), cut=[1]) == [2, 3]


def test_one_that_a_pruner_stopped_since_it_failed_did():
    assert numbers(failing()[:1], failing()[:1], cut=[0, 1]) == [0, 1]


def test_scores_of_nan_count_where_the_user_gave_the_scoring():
    assert numbers(OWN_NAN, OWN_NAN) == []
    assert numbers(failing(), OWN_NAN, failing()) == [2]
    assert numbers(OWN_NAN, OWN_NAN, scoring="r2") == [0, 1]


def test_of_several_metrics_the_one_that_chooses_decides_and_without_one_any_will_do():
    half = [result({"good": 1.0, "bad": np.nan}, failed=("bad",), score_errors=("KeyError: 1",))] * 2
    assert numbers(half, half, scoring=["bad", "good"], refit="bad") == [0, 1]
    assert numbers(half, half, scoring=["bad", "good"], refit="good") == []
    assert numbers(half, half, scoring=["bad", "good"], refit=False) == []


def test_the_error_says_how_many_why_where_and_what_to_do():
    error = too_many_failures(records(failing(), failing()), rules(), 2)
    assert isinstance(error, NoScoreError)
    assert str(error) == (
        "2 candidates in a row failed before any had a score, so the search ended (max_failures=2). The last time, the "
        "fit raised ValueError: no (/home/me/net.py:7: grow()). errors_ has all errors, cv_results_ and study_ the "
        "candidates. error_score='raise' raises the first error where it occurs; if so many candidates may fail, raise "
        "max_failures, or set it to None for no limit."
    )


def test_its_cause_is_the_last_error_with_the_text_of_its_traceback():
    other = [result(np.nan, failed=("score",), score_errors=("Traceback\nKeyError: 'b'",))] * 2
    cause = too_many_failures(records(other, failing()), rules(), 2).__cause__
    assert isinstance(cause, FoldFailedError)
    assert (cause.exception, cause.message, cause.traceback) == ("ValueError", "no", TRACEBACK)
    assert str(cause) == f'ValueError: no\n"""\n{TRACEBACK.strip()}\n"""'
    copy = pickle.loads(pickle.dumps(cause))
    assert (str(copy), copy.exception) == (str(cause), "ValueError")


def test_scores_of_nan_are_told_and_have_no_cause():
    error = too_many_failures(records(OWN_NAN), rules(scoring="r2"), 1)
    assert error.__cause__ is None
    with pytest.raises(NoScoreError, match=r"^1 candidates? .* the scorer returned nan\. errors_"):
        raise error
