"""Axes of pictures of candidates: far scores, equal ones, long names."""

import numpy as np
import pytest

from sk_optuna.displays._axes import focused_limits
from sk_optuna.displays._candidate_axes import score_limits, shortened

NEAR = np.linspace(0.5, 0.9, 21)


def test_scores_leave_the_picture_only_where_that_saves_more_than_half_of_the_height():
    low, high = focused_limits(np.append(NEAR, -1e6), greater_is_better=True)
    assert score_limits(np.append(NEAR, -1e6)) == (low, high)
    assert score_limits(np.append(NEAR, NEAR.max() - 1.5 * (high - low))) is None
    assert score_limits(NEAR) is None


@pytest.mark.parametrize("value", [0.0, 0.5, -1e9])
def test_equal_scores_stand_in_the_middle_with_room(value):
    low, high = score_limits(value * (1 + np.arange(4) * 1e-16))
    assert low < value < high
    assert high - low >= 0.05 * abs(value)
    assert (low + high) / 2 == pytest.approx(value)


def test_long_names_lose_their_middle():
    assert shortened("short") == "short"
    assert shortened("begin" + "x" * 60 + "end", at_most=11) == "begin…xxend"
    assert len(shortened("x" * 60)) == 24
