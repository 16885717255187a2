"""Outer splits are rows, whatever a splitter writes them as; groups and classes in them are seen."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.nested._outer_splits import check_classes, draw_splits, kept_splits, separates_groups, wants_groups


class OfAnotherLibrary:
    def split(self, X, y=None, groups=None):
        yield [0, 1], [2]


@given(st.lists(st.booleans(), min_size=4, max_size=12).filter(lambda mask: 0 < sum(mask) < len(mask)))
def test_masks_lists_and_arrays_of_rows_are_the_same_split(mask):
    mask, X = np.array(mask), np.zeros((len(mask), 1))
    rows, others = np.flatnonzero(mask), np.flatnonzero(~mask)
    splits = [
        draw_splits([pair], X, None, None, is_classifier=False)[0]
        for pair in ((mask, ~mask), (rows, others), (rows.tolist(), others.tolist()))
    ]
    for train, test in splits:
        assert train.tolist() == rows.tolist()
        assert test.tolist() == others.tolist()


@pytest.mark.parametrize("is_classifier", [True, False])
def test_number_of_folds_is_that_of_cross_validate(is_classifier):
    y = np.repeat([0, 1], [30, 10])
    expected = (StratifiedKFold(4) if is_classifier else KFold(4)).split(y.reshape(-1, 1), y)
    found = draw_splits(4, y.reshape(-1, 1), y, None, is_classifier=is_classifier)
    for one, two in zip(found, expected, strict=True):
        assert all(map(np.array_equal, one, two))


@pytest.mark.parametrize("splitter", [GroupKFold(), LeaveOneGroupOut(), GroupShuffleSplit(), StratifiedGroupKFold()])
def test_splitters_by_groups_want_them(splitter):
    assert wants_groups(splitter)


@pytest.mark.parametrize("splitter", [KFold(), StratifiedKFold(), TimeSeriesSplit(), 5, None, [([0], [1])]])
def test_other_splitters_do_not_want_groups(splitter):
    assert not wants_groups(splitter)


def test_splitter_of_another_library_may_want_groups():
    assert wants_groups(OfAnotherLibrary())


@given(st.lists(st.integers(0, 5), min_size=12, max_size=12))
def test_groups_are_kept_apart_if_no_group_is_on_both_sides(groups):
    splits = list(KFold(3).split(np.zeros(12)))
    expected = all(not {groups[i] for i in train} & {groups[i] for i in test} for train, test in splits)
    assert separates_groups(splits, groups) == expected
    assert not separates_groups(splits, None)


@pytest.mark.parametrize(
    "kind", [np.array, list, pd.Series, lambda y: pd.Series(y, dtype="category"), lambda y: np.array(y, dtype=object)]
)
def test_single_class_is_named_whatever_holds_the_labels(kind):
    y = kind(["no"] * 10 + ["yes"] * 10)
    with pytest.raises(InvalidArgumentError, match="those of outer fold 0 are all of class 'yes'"):
        check_classes(list(KFold(2).split(np.zeros(20))), y)
    check_classes(list(KFold(2, shuffle=True, random_state=0).split(np.zeros(20))), y)
    check_classes(list(KFold(2).split(np.zeros(20))), np.zeros((20, 2)))  # several outputs


def test_storage_knows_splits_by_splitter_and_data(tmp_path):
    X, y = np.arange(20.0).reshape(-1, 1), np.arange(20)
    storage = str(tmp_path / "splits.db")

    def kept(cv, X=X, groups=None):
        splits = draw_splits(cv, X, y, groups, is_classifier=False)
        return [test.tolist() for _, test in kept_splits(splits, cv, X, y, groups, [storage], Ridge())]

    first = kept(KFold(2, shuffle=True))
    assert kept(KFold(2, shuffle=True)) == first
    assert kept(KFold(2)) == [list(range(10)), list(range(10, 20))]
    assert kept(KFold(2, shuffle=True), X + 1) != first or kept(KFold(2, shuffle=True), X + 2) != first
