"""Failures are grouped by type, and a group names what its candidates share and no sound one has."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sk_optuna.evaluation import FoldResult, TrialRecord
from sk_optuna.results._failure_groups import closing_words, failure_groups


def records(*candidates):
    """Make a record of each pair of parameters and the text of an error, None for a sound one."""
    made = []
    for number, (params, error) in enumerate(candidates):
        record = TrialRecord(number, params, range(2))
        record.add(0, FoldResult(0.5, None, 10, 0.1, 0.1, error, ()))
        record.add(1, FoldResult(0.5, None, 10, 0.1, 0.1, None, ()))
        made.append(record)
    return made


def shared(name, failed, sound, error="ValueError: no"):
    """Return what candidates share that failed, all with a second parameter that says nothing."""
    candidates = [({name: value, "other": 0}, error) for value in failed]
    candidates += [({name: value, "other": 0}, None) for value in sound]
    [group] = failure_groups(records(*candidates))
    return group.shared


def rbf():
    pass


@pytest.mark.parametrize(
    ("failed", "sound", "expected"),
    [
        # choices, also of one candidate
        (["precomputed"] * 2, ["rbf", "linear"], ["p='precomputed'"]),
        (["precomputed"], ["rbf", "linear"], ["p='precomputed'"]),
        ([np.str_("precomputed")] * 2, [np.str_("rbf")], ["p='precomputed'"]),
        ([None], ["rbf"], ["p=None"]),
        ([True, True], [False], ["p=True"]),
        ([(1, 2)] * 2, [(1, 3)], ["p=(1, 2)"]),
        ([np.array([1, 2])] * 2, [np.array([1, 3])], ["p=array([1, 2])"]),
        ([Ridge(2.0), Ridge(2.0)], [Ridge(3.0)], ["p=Ridge(alpha=2.0)"]),
        # not shared, or not theirs alone
        (["a", "b"], ["c"], []),
        (["a"] * 2, ["a", "b"], []),
        (["a"] * 2, [], []),
        # one number: each candidate has another one
        ([10], [1, 2], []),
        ([10, 10], [1, 2, 10.0], ["p=10"]),
        ([np.float64(0.5)] * 2, [np.float64(0.1)], ["p=0.5"]),
        # ranges
        ([101.5, 200.0, 300.0], [1.0, 2.0, 99.0], ["p >= 101.5"]),
        ([-5, -3, -4], [1, 2, 3], ["p <= -3"]),
        ([101, 200, 300], [1, 2, 102], []),
        ([101, 200], [1, 2, 3], []),
        ([101, 200, 300], [1, 2], []),
        ([101, 200, "many"], [1, 2, 3], []),
        ([101, 200, 300], [1, 2, None], []),
        ([101, 200, float("inf")], [1, 2, 3], []),
        ([True, True, True], [0, 0, 0], ["p=True"]),
    ],
)
def test_what_failed_candidates_share(failed, sound, expected):
    assert shared("p", failed, sound) == expected


def test_a_parameter_that_only_failed_candidates_have_is_shared_and_one_that_some_lack_is_not():
    found = records(({"degree": "a"}, "ValueError: no"), ({"degree": "a"}, "ValueError: no"), ({}, None))
    assert failure_groups(found)[0].shared == ["degree='a'"]
    found = records(({"degree": "a"}, "ValueError: no"), ({}, "ValueError: no"), ({"degree": "b"}, None))
    assert failure_groups(found)[0].shared == []


def test_each_type_is_compared_with_candidates_without_any_error():
    found = records(
        ({"p": "a"}, "KeyError: 1"), ({"p": "b"}, "ValueError: 2"), ({"p": "b"}, "ValueError: 3"), ({"p": "c"}, None)
    )
    assert [(group.exception, len(group.failures), group.shared) for group in failure_groups(found)] == [
        ("ValueError", 2, ["p='b'"]),
        ("KeyError", 1, ["p='a'"]),
    ]


def test_the_closing_words_name_type_message_counts_and_what_is_shared():
    found = records(
        ({"kernel": "precomputed", "C": 1.0}, "a.b.ShapeError: X should be square.\nAnd more"),
        ({"kernel": "precomputed", "C": 2.0}, "a.b.ShapeError: X should be square.\nAnd more"),
        ({"kernel": "rbf", "C": 3.0}, "ValueError"),
        ({"kernel": "rbf", "C": 4.0}, None),
    )
    assert closing_words(found).splitlines() == [
        "Failures by type:",
        "- ShapeError: X should be square (2 errors in 2 candidates); all of them have kernel='precomputed', which no "
        "candidate without an error has",
        "- ValueError (1 error in 1 candidate)",
        "errors_ lists each, with its line of code and parameters.",
    ]


def test_the_closing_words_stay_short():
    many = [({"p": "x" * 500}, f"Error{i}: {'long ' * 100}") for i in range(9)]
    lines = closing_words(records(*many, ({"p": "y"}, None))).splitlines()
    assert len(lines) == 8
    assert lines[-2] == "- and 4 other types"
    assert max(map(len, lines)) < 400


def test_without_failures_there_are_no_words():
    assert closing_words(records(({"p": 1}, None))) == closing_words([]) == ""
