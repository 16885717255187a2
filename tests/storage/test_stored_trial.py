"""A finished trial comes back from its text, whatever its scores, curves and errors are."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from sk_optuna.epochs import Curve
from sk_optuna.evaluation import Ending, FoldResult, TrialRecord
from sk_optuna.storage import StoredTrial

FLOATS = st.floats(allow_nan=True, allow_infinity=True)
TEXTS = st.text(max_size=40)
SCORES = FLOATS | st.dictionaries(TEXTS, FLOATS, min_size=1, max_size=3)


def assert_same(one, other):
    """Compare bit by bit, with types: NaN is NaN, and -0.0 is not 0.0."""
    assert repr(one) == repr(other)


PLAIN = st.none() | st.booleans() | st.integers() | FLOATS | TEXTS
EPOCHS = st.lists(FLOATS, max_size=4).map(tuple)
CURVES = st.builds(
    Curve,
    epochs=st.lists(st.integers(1, 2000), max_size=4).map(tuple),
    train_losses=EPOCHS,
    scores=EPOCHS,
    best_epoch=st.integers(0, 9),
    notes=st.dictionaries(TEXTS, PLAIN, max_size=2),
)
ENDINGS = st.builds(Ending, st.sampled_from(["pruned", "memory", "worker", "failed"]), TEXTS)
FOLDS = st.builds(
    FoldResult,
    test_scores=SCORES,
    train_scores=st.none() | SCORES,
    n_test_samples=st.integers(0, 2**40),
    fit_time=FLOATS,
    score_time=FLOATS,
    fit_error=st.none() | TEXTS,
    failed_scores=st.lists(TEXTS, max_size=2).map(tuple),
    curve=st.none() | CURVES,
    ending=st.none() | ENDINGS,
    score_errors=st.lists(TEXTS, max_size=2).map(tuple),
    notes=st.just(()),  # they are not stored
)
TRIALS = st.builds(
    StoredTrial,
    row=st.dictionaries(TEXTS, PLAIN, max_size=3),
    state=st.sampled_from(["COMPLETE", "PRUNED", "FAIL"]),
    value=st.none() | FLOATS,
    folds=st.dictionaries(st.integers(0, 20), FOLDS, max_size=3),
    is_cut=st.booleans(),
    n_dropped=st.integers(0, 9),
    notes=st.dictionaries(TEXTS, PLAIN | st.lists(FLOATS, max_size=2), max_size=2),
    values=st.none() | st.lists(FLOATS, min_size=2, max_size=3),
)


def back(trial):
    return StoredTrial.from_json(trial.to_json())


@given(TRIALS)
def test_any_trial_comes_back_bit_by_bit(trial):
    assert trial.to_json().isascii()
    assert_same(back(trial), trial)


def test_curves_from_before_there_were_periods_have_every_epoch():
    curve = Curve((1, 2, 3), (0.3, 0.2, 0.1), (0.5, 0.6, 0.7), 3, {})
    trial = StoredTrial({}, "COMPLETE", 0.7, {0: FoldResult(0.7, None, 3, 0.0, 0.0, None, (), curve=curve)})
    content = json.loads(trial.to_json())
    del content["folds"]["0"]["curve"]["epochs"]
    assert_same(StoredTrial.from_json(json.dumps(content)), trial)


@pytest.mark.parametrize("score", [np.float32(0.1), np.float64("nan"), np.int64(3), np.bool_(True)])
def test_numbers_of_numpy_come_back_as_python_s(score):
    fold = FoldResult(score, None, 3, 0.0, 0.0, None, ())
    (found,) = back(StoredTrial({}, "COMPLETE", 0.5, {0: fold})).folds.values()
    assert type(found.test_scores) in (bool, int, float)
    np.testing.assert_equal(found.test_scores, score.item())


@dataclass
class Told:
    record: TrialRecord
    state: str = "PRUNED"
    result: float | list[float] | None = 0.5
    trial: Any = field(default_factory=lambda: create_trial(state=TrialState.PRUNED, value=0.5))
    notes: dict = field(default_factory=dict)


def test_a_told_trial_is_kept_with_the_folds_that_ran_and_ends_no_search():
    record = TrialRecord(3, {"C": 1}, order=[2, 0, 1])
    record.add(2, FoldResult(0.5, None, 10, 0.1, 0.2, None, (), ends_search=True))
    record.is_cut, record.n_dropped = True, 2
    stored = StoredTrial.of(Told(record, notes={"a": math.inf}))
    assert list(stored.folds) == [2]
    assert not stored.folds[2].ends_search
    assert (stored.is_cut, stored.n_dropped, stored.notes) == (True, 2, {"a": math.inf})
    assert_same(back(stored), stored)


def test_values_of_several_objectives_are_kept_in_a_place_of_their_own():
    """A store of one objective is the same text as before there were several."""
    record = TrialRecord(3, {"C": 1}, order=[0])
    several, one = (StoredTrial.of(Told(record, "COMPLETE", result)) for result in ([0.5, -0.25], 0.5))
    assert (several.value, several.values, several.result) == (None, [0.5, -0.25], [0.5, -0.25])
    assert back(several).result == [0.5, -0.25]
    assert one.result == one.value == 0.5
    assert "values" not in json.loads(one.to_json())
