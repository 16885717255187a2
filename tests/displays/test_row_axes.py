"""Axes of pictures of rows: names, far values, panels in the place of one."""

import numpy as np
import pytest

from sk_optuna.displays._axes import new_axes
from sk_optuna.displays._row_axes import divide_axes, mark_beyond, range_without_far, set_range, wrapped_name

NEAR = np.linspace(0.5, 0.9, 21)


@pytest.fixture
def pictures():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


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


@pytest.mark.parametrize(
    "name", ["svm", "a name of many words which goes on", "gradient_boosting__of_a_column_transformer", "x" * 60]
)
def test_names_are_broken_behind_words_and_no_letter_is_lost(name):
    lines = wrapped_name(name).split("\n")
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    assert max(map(len, lines)) <= 28


def test_the_end_of_a_very_long_name_is_cut_and_shows_it():
    lines = wrapped_name("y" * 300).split("\n")
    assert len(lines) == 4
    assert lines[-1].endswith("\N{HORIZONTAL ELLIPSIS}")


def test_points_outside_are_marked_at_the_edge_at_their_height(pictures):
    ax = new_axes()
    ax.set_xlim(0, 1)
    left, right = mark_beyond(ax, np.array([-5, 0.5, 3, np.nan]), np.array([0.0, 1.0, 2.0, 3.0]))
    assert (left.get_xdata(), left.get_ydata().tolist()) == ([0.0], [0.0])
    assert (right.get_xdata(), right.get_ydata().tolist()) == ([1.0], [2.0])
    assert ax.get_xlim() == (0, 1)
    assert mark_beyond(ax, np.array([0.5]), np.array([0.0])) == []


@pytest.mark.parametrize("n_panels", [1, 2, 5, 9])
def test_panels_lie_within_the_place_of_the_axes_below_their_line(pictures, n_panels):
    _, (_, ax) = pictures.subplots(1, 2)
    place = ax.get_position()
    panels = divide_axes(ax, n_panels, resize=False)
    boxes = [panel.get_position() for panel in panels]
    assert len({(box.x0, box.y0) for box in boxes}) == n_panels
    assert all(place.x0 - 1e-9 <= box.x0 < box.x1 <= place.x1 + 1e-9 for box in boxes)
    assert all(place.y0 - 1e-9 <= box.y0 < box.y1 <= ax.get_position().y0 for box in boxes)
