"""Shared axes: limits that leave out the outrageous, labels, ticks, legend, and no trace in matplotlib's settings."""

import numpy as np
import pytest

from sk_optuna.displays._axes import (
    COLORS,
    add_legend,
    counted,
    focused_limits,
    mark_beyond,
    new_axes,
    remove_frame,
    score_limits,
    shortened,
    tick_whole_numbers,
    wrapped_name,
)

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


@pytest.mark.parametrize("axis", ["x", "y"])
def test_points_outside_are_marked_at_the_edge_at_their_place_and_counted(pictures, axis):
    ax = new_axes()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.plot([], [], label="line")
    far, place = np.array([-5, 0.5, 3, np.nan]), np.array([0.0, 1.0, 2.0, 3.0])
    x, y = (far, place) if axis == "x" else (place, far)
    marks = mark_beyond(ax, x, y, axis=axis)
    for mark, edge, at in zip(marks, (0.0, 1.0), (0.0, 2.0), strict=True):
        assert mark.get_xydata().tolist() == [[edge, at] if axis == "x" else [at, edge]]
    assert (ax.get_xlim() if axis == "x" else ax.get_ylim()) == (0, 1)
    sides = {"x": ("left", "right"), "y": ("below", "above")}[axis]
    assert ax.get_legend_handles_labels()[1] == ["line", *(f"further {side} (1)" for side in sides)]
    assert mark_beyond(ax, np.array([0.5]), np.array([0.5]), axis=axis) == []
    ax.set(xlim=(10, 20), ylim=(10, 20))
    at = marks[0].get_transform().transform(marks[0].get_xydata())[0]
    assert (at[0] - ax.bbox.x0 if axis == "x" else at[1] - ax.bbox.y0) == pytest.approx(0)
