"""Seeds of estimators: the fold's own where `random_state` is None, scikit-learn's drawing elsewhere."""

import numpy as np
import pytest
from sklearn.utils import check_random_state

from sk_optuna.worker._current_fold import CurrentFold, in_fold, seed_of


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
