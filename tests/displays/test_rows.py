"""Axes of pictures of rows: names, far values, panels in the place of one."""

import numpy as np
import pytest

from sk_optuna.displays._axes import new_axes
from sk_optuna.displays._rows import range_without_far, set_range

NEAR = np.linspace(0.5, 0.9, 21)


def test_a_range_leaves_out_what_is_beyond_all_proportion_on_either_side():
    assert range_without_far(np.concatenate([NEAR, [-1e9, 1e9, np.nan, np.inf]])) == (NEAR.min(), NEAR.max())


@pytest.mark.parametrize(
    "values",
    [NEAR, np.array([1, 1, 1, 1, 0.9]), np.array([0.9] * 6 + [0.902, 0.86]), np.array([0.5, 0.9]), np.full(3, 0.5)],
)
def test_a_range_keeps_values_in_proportion_also_where_most_are_equal(values):
    assert range_without_far(values) == (values.min(), values.max())


def test_a_range_leaves_out_what_is_beyond_all_proportion_also_where_most_are_equal():
    assert range_without_far(np.array([0.9, 0.9, 0.9, 0.9, 0.901, -1e9])) == (0.9, 0.901)


def test_a_range_of_no_values_is_zero():
    assert range_without_far(np.array([np.nan])) == (0.0, 0.0)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (0.5, 0.5), (0.0, 1.0), (-3.0, -3.0)])
def test_a_range_has_a_margin_also_where_it_is_a_point(pictures, low, high):
    ax = new_axes()
    set_range(ax, low, high)
    assert ax.get_xlim()[0] < low <= high < ax.get_xlim()[1]
