"""Shared axes: limits that leave out the outrageous, labels, ticks, legend, and no trace in matplotlib's settings."""

import numpy as np
import pytest

from sk_optuna.displays._axes import (
    COLORS,
    POINT_NAMES,
    POINT_STYLES,
    add_legend,
    add_legend_below,
    counted,
    divide,
    focused_limits,
    in_lines,
    new_axes,
    remove_frame,
    tick_whole_numbers,
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


@pytest.mark.parametrize(
    "name", ["C", "a" * 60, "model__estimator__max_depth", "x__" * 20, "a_name_of_words__" + "y" * 40]
)
def test_long_names_are_broken_and_nothing_is_lost(name):
    lines = in_lines(name).split("\n")
    assert "".join(lines) == name
    assert all(0 < len(line) <= 30 for line in lines)


def test_lines_break_before_double_underscores():
    assert in_lines("preprocessor__columns__imputer__max_depth") == "preprocessor__columns__imputer\n__max_depth"


def test_a_label_of_several_panels_is_explained_once(pictures):
    panels, strip = divide(new_axes(), 3, n_columns=2)
    for panel in panels:
        panel.plot([0, 1], label="line")
    panels[2].plot([1, 0], label="other")
    add_legend_below(strip, panels, note="A note")
    assert [text.get_text() for text in strip.get_legend().get_texts()] == ["line", "other"]
    assert strip.get_legend().get_title().get_text() == "A note"


def test_panels_share_the_vertical_axis_whose_numbers_stand_on_the_left(pictures):
    panels, _ = divide(new_axes(), 3, n_columns=2)
    panels[1].set_ylim(3, 4)
    assert all(panel.get_ylim() == (3, 4) for panel in panels)
    assert [panel.yaxis.get_tick_params()["labelleft"] for panel in panels] == [True, False, True]


def test_each_state_has_a_name_and_a_style():
    assert POINT_STYLES.keys() == POINT_NAMES.keys()
