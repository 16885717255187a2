"""Splits come back from their text bit by bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.model_selection import KFold, RepeatedKFold, TimeSeriesSplit

from sk_optuna.storage._splits import splits_from_text, splits_to_text

INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", ">i8", ">u2"]
ROWS = st.sampled_from(INTEGERS).flatmap(lambda dtype: arrays(dtype, st.integers(0, 30)))
MASKS = arrays(bool, st.integers(0, 30))
PARTS = st.one_of(ROWS, MASKS)


def assert_same(back, splits):
    assert len(back) == len(splits)
    for pair, expected in zip(back, splits, strict=True):
        for part, original in zip(pair, expected, strict=True):
            original = np.asarray(original)
            assert part.dtype == original.dtype
            np.testing.assert_array_equal(part, original)


@given(st.lists(st.tuples(PARTS, PARTS), min_size=1, max_size=4))
def test_any_integers_and_masks_come_back_with_their_type(splits):
    text = splits_to_text(splits)
    assert text.isascii()
    assert_same(splits_from_text(text), splits)


@pytest.mark.parametrize(
    "splits",
    [
        [([0, 1, 2], [3, 4])],
        [([2, -1, 0], [-5])],
        [([True, False, True], [False, True, False])],
        [(np.array([0, 3]), np.array([True, False, False, True]))],
        [(np.arange(5)[::-1], np.arange(10)[::2])],
        [([], [0])],
    ],
    ids=["lists", "negative", "masks in lists", "a mask and rows", "strides", "no rows"],
)
def test_what_a_splitter_may_give_comes_back_as_an_array(splits):
    assert_same(splits_from_text(splits_to_text(splits)), splits)


@pytest.mark.parametrize("cv", [KFold(5), KFold(5, shuffle=True), RepeatedKFold(n_splits=3), TimeSeriesSplit(4)])
def test_the_splitters_of_scikit_learn(cv):
    splits = list(cv.split(np.zeros((57, 1))))
    assert_same(splits_from_text(splits_to_text(splits)), splits)


def test_shuffled_folds_take_half_a_byte_for_a_row_of_each_fold_at_most():
    splits = list(KFold(5, shuffle=True, random_state=0).split(np.zeros(100_000)))
    assert len(splits_to_text(splits)) < 0.5 * 5 * 100_000
