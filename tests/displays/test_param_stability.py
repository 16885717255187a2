"""The picture of chosen parameters: a panel a parameter, on the scale of the space, and a mark for a fold without."""

import numpy as np
import pytest

from sk_optuna import _optional
from sk_optuna.displays import ParamStabilityDisplay
from sk_optuna.exceptions import InvalidArgumentError, MissingExtraError

NAN = np.nan
CHOICES = [
    {"C": 0.1, "kernel": "rbf", "degree": 2},
    {"C": 10.0, "kernel": "rbf"},
    {"C": 1.0, "kernel": "linear", "degree": 2},
    {},  # failed
    {"C": 100.0, "kernel": "rbf"},
]
STABILITY = {
    "search": np.array(["svm"] * 3, dtype=object),
    "parameter": np.array(["C", "kernel", "degree"], dtype=object),
    "n_folds": np.array([4, 4, 4]),
    "active_share": np.array([1.0, 1.0, 0.5]),
    "mode": np.array(["0.1", "rbf", "2"], dtype=object),
    "modal_share": np.array([0.25, 0.75, 1.0]),
    "low": np.array([0.1, NAN, 2.0]),
    "spread": np.array([0.6, NAN, NAN]),
    "space_low": np.array([0.01, NAN, NAN]),
    "space_high": np.array([1000.0, NAN, NAN]),
    "space_log": np.array([True, False, False]),
}


@pytest.fixture
def results(nested_tables):
    return nested_tables(["forest", "svm"], failed=("svm", 3), params={"svm": CHOICES}, stability=STABILITY)


@pytest.fixture
def display(results, pictures):
    return ParamStabilityDisplay.from_results(results)


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_the_search_is_the_best_one_with_choices(display):
    assert display.search == "svm"
    assert display.ax_.get_title() == "Chosen by the outer folds of svm"
    assert len(display.axes_) == 3


def test_numbers_stand_on_the_scale_of_the_space_between_its_bounds(display):
    panel, points = display.axes_[0], display.points_[0]
    assert points.get_xdata().tolist() == [0, 1, 2, 4]
    assert points.get_ydata().tolist() == [0.1, 10.0, 1.0, 100.0]
    assert panel.get_yscale() == "log"
    low, high = panel.get_ylim()
    assert low < 0.01 < 1000 < high
    bounds = [line.get_ydata()[0] for line in panel.lines if line.get_linestyle() == "--"]
    assert bounds == [0.01, 1000]
    assert panel.get_title() == "C\nspread 60% of the log range"


def test_categories_are_strips_with_counts_the_most_frequent_below(display):
    panel, points = display.axes_[1], display.points_[1]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["rbf (3)", "linear (1)"]
    assert points.get_data()[0].tolist() == [0, 1, 2, 4]
    assert list(points.get_data()[1]) == [0, 0, 1, 0]
    assert panel.get_title() == "kernel\nrbf in 75%"


def test_folds_without_a_choice_are_marked_at_the_lower_edge_and_counted(display):
    panel = display.axes_[2]
    marks = {line.get_marker(): line.get_xdata().tolist() for line in panel.lines if line.get_ydata()[0] < 1}
    assert marks == {"o": [1, 4], "x": [3]}
    assert panel.get_title() == "degree\n2 in 100%\nset in 2 of 4 folds"
    assert legend_of(display) == ["chosen", "bounds of the space", "fold failed (1)", "not set (2)"]


def test_an_integer_that_all_folds_chose_has_whole_ticks(display):
    ticks = display.axes_[2].get_yticks()
    assert (ticks == ticks.round()).all()


def test_frame_has_a_row_for_each_parameter_and_fold(display):
    columns = display.columns()
    assert {len(column) for column in columns.values()} == {15}
    assert columns["chosen"].tolist() == [choice.get(name) for name in display.parameter for choice in CHOICES]
    assert columns["is_set"].tolist() == [name in choice for name in display.parameter for choice in CHOICES]


@pytest.mark.parametrize("n_parameters", [1, 3, 9])
def test_every_parameter_has_a_panel_of_its_own_inside_the_figure(nested_tables, pictures, n_parameters):
    names = [f"p{i}" for i in range(n_parameters)]
    stability = {key: np.repeat(column[:1], n_parameters) for key, column in STABILITY.items()}
    stability["parameter"] = np.array(names, dtype=object)
    params = {"svm": [dict.fromkeys(names, 1.0)] * 5}
    display = ParamStabilityDisplay.from_results(nested_tables(["svm"], params=params, stability=stability))
    display.figure_.draw_without_rendering()
    boxes = [panel.get_position() for panel in display.axes_]
    assert len({(round(box.x0, 3), round(box.y0, 3)) for box in boxes}) == n_parameters
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)


@pytest.mark.parametrize(("layout", "has_grid"), [(None, True), ("constrained", True), (None, False)])
def test_panels_take_the_place_of_axes_that_are_given(results, pictures, layout, has_grid):
    figure = pictures.figure(layout=layout)
    ax = figure.add_subplot(1, 2, 2) if has_grid else figure.add_axes([0.5, 0.1, 0.45, 0.8])
    display = ParamStabilityDisplay.from_results(results, ax=ax)
    size = figure.get_size_inches().tolist()
    figure.draw_without_rendering()
    assert (display.ax_, display.figure_) == (ax, figure)
    assert all(panel.get_position().x0 > 0.45 for panel in display.axes_)
    assert figure.get_size_inches().tolist() == size


def test_despine_is_for_the_panels(results, pictures):
    display = ParamStabilityDisplay.from_results(results, despine=True)
    assert not any(panel.spines["top"].get_visible() for panel in display.axes_)


def test_unknown_rows_and_rows_without_choices_are_refused(results):
    with pytest.raises(InvalidArgumentError, match=r"'search'.*Nearest to 'svmm': 'svm'"):
        ParamStabilityDisplay.from_results(results, search="svmm")
    with pytest.raises(
        InvalidArgumentError, match=r"no chosen parameters of 'forest'.*rows with choices are \['svm'\]"
    ):
        ParamStabilityDisplay.from_results(results, search="forest")


def test_results_without_any_choice_are_refused(nested_tables):
    with pytest.raises(InvalidArgumentError, match="no chosen parameters to draw"):
        ParamStabilityDisplay.from_results(nested_tables(["forest"]))
    with pytest.raises(InvalidArgumentError, match="'results' parameter must be nested results"):
        ParamStabilityDisplay.from_results({})


def test_missing_matplotlib_names_the_extra(results, monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ParamStabilityDisplay\.plot needs the package 'matplotlib'"):
        ParamStabilityDisplay.from_results(results)
