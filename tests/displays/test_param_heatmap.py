"""The picture of ParamHeatmapDisplay: a matrix of a whole grid, points otherwise."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV

from sk_optuna import _optional
from sk_optuna.displays import ParamHeatmapDisplay
from sk_optuna.displays._param_axis import set_number_axis
from sk_optuna.exceptions import MissingExtraError
from sk_optuna.results import ParamValues

NAN = np.nan


def display_of(x, y, score, states=None, *, choices=None, is_log=False, best_trial=None):
    states = np.array(states or ["COMPLETE"] * len(x))
    x = ParamValues(name="x" * 60, at=np.array(x, dtype=float), choices=None, is_log=is_log, low=0.1, high=10.0)
    y = ParamValues(name="y", at=np.array(y, dtype=float), choices=choices, is_log=False, low=0.0, high=1.0)
    score = np.array(score, dtype=float)
    return ParamHeatmapDisplay(
        trial_number=np.arange(len(score)), trial_state=states, score=score, x=x, y=y, best_trial=best_trial
    )


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


X4, Y4 = [1, 2, 1, 2], [0, 0, 1, 1]
STATES = ["COMPLETE", "PRUNED", "FAIL", "COMPLETE"]


def test_a_whole_grid_is_a_matrix_with_numbers(pictures):
    display = display_of(X4, Y4, [0.5, 0.75, NAN, 0.25], STATES, best_trial=0).plot()
    np.testing.assert_array_equal(display.image_.get_array().filled(NAN), [[0.5, 0.75], [NAN, 0.25]])
    assert {text.get_position(): text.get_text() for text in display.texts_} == {
        (0, 0): "0.500",
        (1, 0): "(0.750)",
        (1, 1): "0.250",
    }
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["1", "2"]
    assert [mark.get_xydata().tolist() for mark in display.without_score_] == [[[0, 1]]]
    assert display.best_.get_bbox().bounds == (-0.5, -0.5, 1.0, 1.0)
    assert legend_of(display) == ["best (trial 0)", "complete (2)", "pruned (1): (estimate)", "failed (1)"]


def test_cells_of_several_candidates_are_named_as_such(pictures):
    one, two = display_of(X4, Y4, np.arange(4)), display_of(X4 * 2, Y4 * 2, np.arange(8))
    assert one.plot().color_bar_.ax.get_xlabel() == "Score"
    display = two.plot()
    assert display.color_bar_.ax.get_xlabel() == "Score, the best of each cell"
    np.testing.assert_array_equal(display.image_.get_array(), [[4, 5], [6, 7]])


def test_other_candidates_are_points_the_highest_on_top(pictures):
    display = display_of([3, 1, 2, 0.5], [0.1, 0.2, 0.3, 0.4], [0.9, 0.5, NAN, 0.7], STATES, best_trial=0).plot()
    assert display.image_ is None
    assert display.points_["COMPLETE"].get_offsets().tolist() == [[0.5, 0.4], [3, 0.1]]
    assert display.points_["PRUNED"].get_offsets().tolist() == [[1, 0.2]]
    assert len(display.points_["PRUNED"].get_facecolor()) == 0
    assert [mark.get_xydata().tolist() for mark in display.without_score_] == [[[2, 0.3]]]
    assert display.best_.get_xydata().tolist() == [[3, 0.1]]
    assert legend_of(display) == ["best (trial 0)", "complete (2)", "pruned (1)", "failed (1)"]


def test_marks_in_the_legend_have_the_colour_of_no_score(pictures):
    to_rgba = pictures.matplotlib.colors.to_rgba
    points = display_of([3, 1, 2, 0.5], [0.1, 0.2, 0.3, 0.4], [0.9, 0.5, NAN, 0.7], STATES).plot()
    matrix = display_of(X4, Y4, [0.5, 0.75, NAN, 0.25], STATES).plot()
    for display in (points, matrix):
        for mark in display.ax_.get_legend().legend_handles:
            red, green, blue, _ = to_rgba(mark.get_markeredgecolor())
            assert red == green == blue, mark.get_label()


def test_axes_have_the_scale_and_the_range_of_the_space(pictures):
    ax = display_of([1], [0.5], [0.9], is_log=True).plot().ax_
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert ax.get_xlim()[0] < 0.1 < 10 < ax.get_xlim()[1]
    assert ax.get_ylim() == (-0.05, 1.05)


def test_choices_are_named(pictures):
    ax = display_of([1, 2, 3], [0, 1, 0], [1, 2, 3], choices=("rbf", "k" * 60)).plot().ax_
    assert [label.get_text() for label in ax.get_yticklabels()] == ["rbf", "k" * 11 + "…" + "k" * 12]


def test_candidates_without_one_of_the_parameters_are_counted(pictures):
    display = display_of([1, NAN, 3], [0.5, 0.1, NAN], [1, 2, 3], best_trial=2).plot()
    assert "one of the two is not set (2)" in legend_of(display)
    assert display.best_ is None


def test_a_score_beyond_all_proportion_does_not_take_all_colours(pictures):
    score = np.append(np.linspace(0.5, 0.9, 21), -1e9)
    display = display_of(np.linspace(1, 2, 22), np.linspace(0, 1, 22), score).plot()
    assert display.color_bar_.mappable.get_clim()[0] > -10
    assert display.color_bar_.extend == "min"


def test_a_grid_search_is_drawn_where_it_is_told(pictures):
    space = {"strategy": ["prior", "uniform"], "random_state": [0, 1]}
    search = GridSearchCV(DummyClassifier(), space, cv=2).fit(np.zeros((20, 1)), np.arange(20) % 2)
    _, ax = pictures.subplots()
    display = ParamHeatmapDisplay.from_search(search, params=["random_state", "strategy"], ax=ax)
    assert display.image_.axes is ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("random_state", "strategy")


def test_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ParamHeatmapDisplay\.plot needs the package 'matplotlib'"):
        display_of([1], [0.5], [0.9]).plot()


def test_a_short_logarithmic_axis_has_ticks_that_can_be_read(pictures):
    axis = pictures.figure().add_subplot()
    values = ParamValues(name="x", at=np.array([10.0, 20, 40]), choices=None, is_log=True, low=10.0, high=40.0)
    set_number_axis(axis, "x", values)
    low, high = axis.get_xlim()
    ticks = dict(zip(axis.get_xticks(), (label.get_text() for label in axis.get_xticklabels()), strict=True))
    assert [text for at, text in ticks.items() if low <= at <= high] == ["10", "20"]
    assert list(axis.xaxis.get_minorticklocs()) == []
