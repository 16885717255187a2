"""Shared axes: limits that leave out the outrageous, labels, ticks, legend, and no trace in matplotlib's settings."""

import numpy as np
import pytest

from sk_optuna.displays._axes import (
    COLORS,
    add_legend,
    counted,
    divide_axes,
    focused_limits,
    mark_beyond,
    new_axes,
    range_without_far,
    remove_frame,
    set_range,
    tick_whole_numbers,
    wrapped_name,
)


@pytest.fixture
def pictures():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


NEAR = np.linspace(0.5, 0.9, 21)


def test_limits_leave_out_a_score_beyond_all_proportion_and_nothing_else():
    low, high = focused_limits(np.append(NEAR, -1e6), greater_is_better=True)
    assert -1e6 < low < NEAR.min()
    assert high > NEAR.max()


def test_limits_of_losses_mirror_those_of_scores():
    low, high = focused_limits(np.append(NEAR, -1e6), greater_is_better=True)
    assert focused_limits(np.append(-NEAR, 1e6), greater_is_better=False) == (-high, -low)


def test_a_loss_that_is_far_better_than_the_others_stays():
    assert focused_limits(np.append(NEAR, -1e6), greater_is_better=False) is None


@pytest.mark.parametrize("values", [NEAR, np.full(5, 0.5), np.empty(0), np.full(3, np.nan)])
def test_values_in_proportion_have_no_limits(values):
    assert focused_limits(values, greater_is_better=True) is None


def test_values_that_are_not_finite_do_not_count():
    values = np.concatenate([NEAR, [-1e6, -np.inf, np.nan, np.inf]])
    expected = focused_limits(np.append(NEAR, -1e6), greater_is_better=True)
    assert focused_limits(values, greater_is_better=True) == expected


def test_labels_count_the_trials_of_each_state():
    assert [counted(state, 3) for state in COLORS] == ["failed (3)", "pruned (3)", "complete (3)"]


def test_the_legend_begins_with_the_artist_on_top(pictures):
    ax = new_axes()
    for name in ("below", "between", "top"):
        ax.plot([0, 1], label=name)
    add_legend(ax, beside=True)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["top", "between", "below"]


@pytest.mark.parametrize("last", [2, 3, 7, 1000])
def test_ticks_are_whole_numbers(pictures, last):
    ax = new_axes()
    ax.set_xlim(0.5, last + 0.5)
    tick_whole_numbers(ax.xaxis)
    ticks = ax.get_xticks()
    assert len(ticks) > 1
    assert (ticks == ticks.round()).all()


def test_matplotlibs_settings_stay_as_they_are(pictures):
    before = dict(pictures.rcParams)
    ax = new_axes()
    ax.plot([0, 1], label="line")
    tick_whole_numbers(ax.xaxis)
    add_legend(ax, beside=False)
    remove_frame(ax)
    assert dict(pictures.rcParams) == before


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
