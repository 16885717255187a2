"""The current fold is the innermost search's: its seeds, and the origin of its data."""

import threading

import numpy as np
import pytest
from sklearn.utils import check_random_state

from sk_optuna.worker._current_fold import CurrentFold, current_fold, in_fold, seed_of


def test_seeds_depend_on_search_trial_fold_and_turn_and_on_nothing_else():
    def seeds(*of):
        fold = CurrentFold(*of)
        return [fold.next_seed(), fold.next_seed()]

    every = [seed for s in (0, 1) for trial in (0, 1, 2) for fold in (0, 1, 2) for seed in seeds(s, trial, fold)]
    assert len(set(every)) == len(every) == 36
    assert all(0 <= seed < 2**31 for seed in every)
    assert seeds(1, 2, 0) == seeds(1, 2, 0)


def test_current_fold_is_that_of_the_innermost_search_in_this_thread():
    outer, inner = CurrentFold(0, 0, 0), CurrentFold(1, 1, 1)
    assert current_fold() is None
    elsewhere = []
    with in_fold(outer):
        with in_fold(inner):
            assert current_fold() is inner
        assert current_fold() is outer
        thread = threading.Thread(target=lambda: elsewhere.append(current_fold()))
        thread.start()
        thread.join()
    assert elsewhere == [None]
    assert current_fold() is None


def test_origin_is_known_of_the_object_itself_as_long_as_it_exists():
    fold, data = CurrentFold(0, 0, 0), np.ones(3)
    fold.remember_origin(data, b"rows")
    assert fold.origin(data) == b"rows"
    assert fold.origin(data.copy()) is None
    assert fold.origin([1]) is None
    listed = [[1.0], [2.0]]
    fold.remember_origin(listed, b"list")
    assert fold.origin(listed) == b"list"


def test_without_a_random_state_seeds_follow_from_search_trial_and_fold():
    def seeds(*fold):
        with in_fold(CurrentFold(*fold)):
            return [seed_of(None), seed_of(None)]

    assert seeds(0, 1, 2) == seeds(0, 1, 2)
    assert len({*seeds(0, 1, 2), *seeds(0, 1, 3), *seeds(0, 2, 2), *seeds(1, 1, 2)}) == 8


@pytest.mark.parametrize("fold", [None, CurrentFold(0, 0, 0)])
def test_a_random_state_that_is_given_counts_within_a_search_too(fold):
    expected = check_random_state(7).randint(2**31 - 1)
    if fold is None:
        assert seed_of(7) == expected
    else:
        with in_fold(fold):
            assert seed_of(7) == expected


def test_a_generator_that_is_given_goes_on():
    generator = np.random.RandomState(0)
    assert seed_of(generator) != seed_of(generator)
