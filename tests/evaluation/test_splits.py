"""Splits keep what they say when they are packed."""

import pickle

import numpy as np
import pytest
from sklearn.model_selection import ShuffleSplit

from sk_optuna.evaluation._splits import packed


def test_packed_rows_are_those_of_each_split():
    splits = list(ShuffleSplit(4, test_size=0.3, train_size=0.2, random_state=0).split(np.zeros(50)))
    laid = pickle.loads(pickle.dumps(packed(splits)))
    assert len(laid) == 4
    for (train, test), (our_train, our_test) in zip(splits, laid, strict=True):
        np.testing.assert_array_equal(our_train, train)
        np.testing.assert_array_equal(our_test, test)
    with pytest.raises(IndexError):
        laid[4]


@pytest.mark.parametrize(
    "splits",
    [
        [(np.array([True, False]), np.array([False, True]))],
        [([0], [1])],
        [(np.array([0], dtype=np.int32), np.array([1]))],
        [(np.array([0]), [1])],
    ],
    ids=["masks", "lists", "two types", "mixed"],
)
def test_other_splits_stay_as_they_are(splits):
    assert packed(splits) is splits
