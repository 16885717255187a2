"""The picture of scores by parameter: each candidate is in it, as it ended, and the legend counts it."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV, _optional
from sk_optuna.displays import ParamSliceDisplay
from sk_optuna.exceptions import InvalidArgumentError, MissingExtraError
from sk_optuna.results import ParamValues

NAN = np.nan
SCORES = [0.5, 0.75, 0.625, NAN, NAN]
STATES = ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED", "FAIL"]


def numbers(name, at, low, high, *, is_log=False):
    return ParamValues(name=name, at=np.asarray(at, float), choices=None, is_log=is_log, low=low, high=high)


def choices(name, at, values):
    at = np.asarray(at, float)
    return ParamValues(name=name, at=at, choices=tuple(values), is_log=False, low=0.0, high=len(values) - 1.0)


def display_of(params=None, score=SCORES, states=STATES, **options):
    if params is None:
        params = [
            numbers("C", [0.1, 1.0, 10.0, 100.0, 1.0], 0.01, 1000.0, is_log=True),
            choices("kernel", [0.0, 1.0, 1.0, 0.0, NAN], ("rbf", "linear")),
        ]
    score = np.asarray(score, dtype=float)
    return ParamSliceDisplay(
        params=params, trial_number=np.arange(len(score)), trial_state=np.array(states), score=score, **options
    )


def legend_of(display):
    [legend] = [ax.get_legend() for ax in display.figure_.axes if ax.get_legend()]
    return legend.get_title().get_text(), [text.get_text() for text in legend.get_texts()]


def test_each_candidate_is_drawn_as_it_ended_and_counted(pictures):
    display = display_of(best_trial=1, standard_error=0.125).plot()
    points = display.points_[0]
    assert {name: line.get_xdata().tolist() for name, line in points.items()} == {
        "PRUNED": [10.0],
        "COMPLETE": [0.1, 1.0],
        "NO SCORE": [100.0],
        "FAIL": [1.0],
        "BEST": [1.0],
    }
    assert points["COMPLETE"].get_ydata().tolist() == [0.5, 0.75]
    assert points["PRUNED"].get_markerfacecolor() == "none"
    title, labels = legend_of(display)
    assert title == ""
    assert set(labels) == {
        "pruned (1)",
        "complete (2)",
        "without a score (1)",
        "failed (1)",
        "best (trial 1)",
        "± 1 standard error of the best",
        "range of the space",
    }


def test_candidates_without_a_score_stand_at_the_lower_edge_however_the_axis_is_set(pictures):
    display = display_of().plot()
    panel, line = display.axes_[0], display.points_[0]["FAIL"]
    panel.set_ylim(-3, 8)
    _, height = line.get_transform().transform(line.get_xydata())[0]
    assert height == pytest.approx(panel.bbox.y0)


def test_axes_follow_the_space(pictures):
    display = display_of().plot()
    left, right = display.axes_
    assert (left.get_xscale(), right.get_xscale()) == ("log", "linear")
    assert [line.get_xdata()[0] for line in display.bounds_[0]] == [0.01, 1000.0]
    assert display.bounds_[1] == []
    low, high = left.get_xlim()
    assert low < 0.01 < 1000 < high
    assert [text.get_text() for text in right.get_xticklabels()] == ["rbf\n(2)", "linear\n(2)"]
    assert right.get_title() == "set in 4 of 5 trials"
    assert left.get_title() == ""
    assert (left.get_ylabel(), right.get_ylabel()) == ("Score", "")
    assert left.get_ylim() == right.get_ylim()


def test_points_of_a_category_stay_within_its_strip(pictures):
    values = np.repeat([0.0, 1.0, 2.0], 50)
    display = display_of([choices("k", values, "abc")], np.linspace(0, 1, 150), ["COMPLETE"] * 150)
    x = display.plot().points_[0]["COMPLETE"].get_xdata()
    assert (np.abs(x - values) <= 0.3).all()
    assert len(np.unique(x)) == 150


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("MinMaxScaler()", "StandardScaler()"), ["MinMax\nScaler()\n(3)", "Standard\nScaler()\n(2)"]),
        (("LogisticRegression()", "SVC()"), ["Logistic\nRegression\n(3)", "SVC\n(2)"]),
        (("yes", "no"), ["yes\n(3)", "no\n(2)"]),
        (("incomprehensibilities", "b" * 30), ["incompr…bilities (3)", f"{'b' * 7}…{'b' * 8} (2)"]),
        (("$a", "b$"), ["\\$a\n(3)", "b\\$\n(2)"]),
    ],
)
def test_panels_stand_side_by_side_whatever_the_names_of_categories(pictures, names, expected):
    params = [numbers(name, np.arange(5.0), 0.0, 4.0) for name in "ab"] + [choices("k", [0, 0, 0, 1, 1], names)]
    figure, axes = pictures.subplots(1, 2, figsize=(15, 4), layout="constrained")
    first, second, third = display_of(params).plot(axes[0]).axes_
    figure.draw_without_rendering()
    assert [text.get_text() for text in third.get_xticklabels()] == expected
    gaps = [right.bbox.x0 - left.bbox.x1 for left, right in ((first, second), (second, third))]
    assert gaps[1] == pytest.approx(gaps[0], abs=15)
    labels = [text.get_window_extent() for text in third.get_xticklabels()]
    assert labels[0].x1 < labels[1].x0


def test_labels_that_are_left_out_for_want_of_room_are_spoken_of(pictures):
    values = np.arange(30.0)
    display = display_of([choices("k", values, "abcdefghijklmnopqrstuvwxyz0123")], values, ["COMPLETE"] * 30)
    panel = display.plot().axes_[0]
    assert [text.get_text()[0] for text in panel.get_xticklabels()] == list("adgjmpsvy1")
    assert panel.get_xlabel() == "k\n(30 categories, one in 3 labelled)"


def test_the_band_is_one_standard_error_about_the_best(pictures):
    display = display_of(best_trial=1, standard_error=0.125).plot()
    assert len(display.bands_) == 2
    heights = display.bands_[0].get_bbox().intervaly
    assert heights.tolist() == [0.625, 0.875]
    assert display_of(best_trial=1).plot().bands_ == display_of(standard_error=0.1).plot().bands_ == []


def test_a_score_beyond_all_proportion_is_marked_at_the_lower_edge(pictures):
    score = [*np.linspace(0.5, 0.9, 9), -1e9]
    params = [numbers("x", np.arange(10.0), 0.0, 9.0)]
    display = display_of(params, score, ["COMPLETE"] * 10).plot()
    assert display.axes_[0].get_ylim()[0] > -5
    assert display.points_[0]["BELOW"].get_xdata().tolist() == [9.0]
    _, labels = legend_of(display)
    assert {"complete (10)", "further below (1)"} <= set(labels)
    whole = display.plot(focus=False)
    assert "BELOW" not in whole.points_[0]
    assert whole.axes_[0].get_ylim()[0] < -1e9


def test_infeasible_candidates_are_told_apart(pictures):
    display = display_of(infeasible=np.array([True, False, False, False, False])).plot()
    assert display.points_[0]["INFEASIBLE"].get_xdata().tolist() == [0.1]
    assert "infeasible (1)" in legend_of(display)[1]


def test_parameters_without_a_panel_are_named(pictures):
    title, _ = legend_of(display_of(not_shown=["gamma", "tol"]).plot())
    assert title == "Not shown: gamma, tol"


@pytest.mark.parametrize("n_panels", [1, 2, 4, 7, 8, 12])
def test_panels_divide_the_place_of_axes_that_are_given(pictures, n_panels):
    figure, axes = pictures.subplots(1, 2)
    params = [numbers(f"p{i}", np.arange(5.0), 0.0, 4.0) for i in range(n_panels)]
    outer = axes[1].get_position()
    display = display_of(params).plot(axes[1])
    assert len(display.axes_) == n_panels
    assert (display.ax_, display.figure_) == (axes[1], figure)
    assert pictures.get_fignums() == [figure.number]
    for panel in display.axes_:
        assert outer.x0 - 1e-9 <= panel.get_position().x0 < panel.get_position().x1 <= outer.x1 + 1e-9
        assert outer.y0 - 1e-9 <= panel.get_position().y0 < panel.get_position().y1 <= outer.y1 + 1e-9


def test_axes_that_were_divided_already_are_refused(pictures):
    display = display_of().plot()
    with pytest.raises(InvalidArgumentError, match="ax was divided already"):
        display.plot(display.ax_)


def test_long_names_stay_within_the_figure(pictures):
    name = "preprocessor__columns__numeric__imputer__estimator__max_depth"
    texts = [f"a very long choice of a category {i}" for i in range(5)]
    params = [numbers(name, np.arange(5.0), 0.0, 4.0), choices("x" * 60, np.arange(5.0), texts)]
    display = display_of(params).plot()
    assert display.axes_[0].get_xlabel().replace("\n", "") == name
    labels = [text.get_text() for text in display.axes_[1].get_xticklabels()]
    assert len(set(labels)) == 5
    display.figure_.draw_without_rendering()
    for panel in display.axes_:
        box = panel.xaxis.label.get_window_extent()
        assert display.figure_.bbox.x0 - 1 <= box.x0
        assert box.x1 <= display.figure_.bbox.x1 + 1


def test_a_panel_of_one_value_and_one_candidate_can_be_seen(pictures):
    for bounds, is_log in (((3.0, 3.0), False), ((3.0, 3.0), True), ((0.0, 0.0), False)):
        display = display_of([numbers("x", [bounds[0]], *bounds, is_log=is_log)], [0.5], ["COMPLETE"]).plot()
        low, high = display.axes_[0].get_xlim()
        assert low < bounds[0] < high


def test_the_settings_of_matplotlib_and_the_other_borders_stay(pictures):
    before = dict(pictures.rcParams)
    display = display_of().plot(despine=True)
    assert dict(pictures.rcParams) == before
    assert all(not panel.spines["top"].get_visible() for panel in display.axes_)
    assert all(panel.spines["left"].get_visible() for panel in display.axes_)


def test_a_search_is_drawn_with_its_best_candidate_marked(pictures):
    X, y = load_iris(return_X_y=True)
    space = {"C": loguniform(1e-2, 1e3), "kernel": ["rbf", "sigmoid"]}
    search = OptunaSearchCV(SVC(), space, n_trials=12, cv=3, pruner="race", random_state=0).fit(X, y)
    display = ParamSliceDisplay.from_search(search, params=["C"], score_name="Hits")
    assert display.points_[0]["BEST"].get_xydata().tolist() == [[search.best_params_["C"], search.best_score_]]
    drawn = sum(len(line.get_xdata()) for name, line in display.points_[0].items() if name != "BEST")
    assert drawn == len(search.cv_results_["params"]) == len(display.frame()["score"])
    assert display.axes_[0].get_ylabel() == "Hits"
    assert legend_of(display)[0] == "Not shown: kernel"


def test_missing_matplotlib_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ParamSliceDisplay\.plot needs the package 'matplotlib'"):
        display_of().plot()
