"""What is known of data, by identity."""

import numpy as np
import pytest

from sk_optuna.worker import Origins


@pytest.mark.parametrize("make", [lambda: np.zeros(3), lambda: [0, 0], dict], ids=["array", "list", "dict"])
def test_what_was_remembered_is_known_of_the_object_and_of_no_equal_one(make):
    origins, data = Origins(), make()
    origins.remember(data, b"key")
    assert origins.of(data) == b"key"
    assert origins.of(make()) is None


def test_nothing_is_known_of_an_object_that_takes_the_place_of_one_that_is_gone():
    origins, known = Origins(), []
    for _ in range(200):
        data = np.zeros(3)
        known.append(origins.of(data))
        origins.remember(data, b"key")
        del data  # freed at once: nothing else holds it
    assert known == [None] * 200


def test_data_that_takes_no_weak_reference_is_kept_so_that_its_place_is_not_taken():
    origins = Origins()
    origins.remember(data := [1], b"key")
    place = id(data)
    del data
    assert all(id([1]) != place for _ in range(100))
