"""A search in one figure: up to four panels, which are the public displays, and nothing before bad input."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV, _optional
from sk_optuna.displays import ParamSliceDisplay, SearchHistoryDisplay
from sk_optuna.exceptions import InvalidArgumentError, MissingExtraError

X, y = load_iris(return_X_y=True)
TWO = {"C": loguniform(1e-2, 1e2), "gamma": loguniform(1e-3, 1e1)}
ONE = {"C": TWO["C"]}
FOUR = {**TWO, "tol": loguniform(1e-4, 1e-2), "kernel": ["rbf", "sigmoid"]}
IMPORTANCES, FOLDS, PLANE = "Importance for Score", "Fold", "gamma"


def search_over(space, n_trials=6, **arguments):
    return OptunaSearchCV(SVC(), space, n_trials=n_trials, cv=3, random_state=0, **arguments).fit(X, y)


def labels_of(figure):
    return [ax.get_xlabel() for ax in figure.axes] + [ax.get_ylabel() for ax in figure.axes]


@pytest.mark.parametrize(
    ("space", "n_trials", "expected", "absent"),
    [
        (TWO, 20, {IMPORTANCES, PLANE}, {FOLDS}),
        (TWO, 19, {FOLDS, PLANE}, {IMPORTANCES}),
        (ONE, 20, {FOLDS}, {IMPORTANCES, PLANE}),
    ],
    ids=["importances", "too few for importances", "one parameter"],
)
def test_panels_are_those_that_the_search_allows(pictures, space, n_trials, expected, absent):
    before = dict(pictures.rcParams)
    figure = search_over(space, n_trials).plot()
    figure.draw_without_rendering()
    drawn = [label for label in labels_of(figure) if label]
    assert {"Trial", "C"} <= set(drawn)
    for label in expected:
        assert any(each.startswith(label) for each in drawn), label
    for label in absent:
        assert not any(each.startswith(label) for each in drawn), label
    assert pictures.get_fignums() == [figure.number]
    assert dict(pictures.rcParams) == before


def test_panels_have_the_points_of_the_displays(pictures):
    search = search_over(TWO, 25, pruner="race")
    axes = search.plot().axes
    history = SearchHistoryDisplay.from_search(search)
    assert len(history.points_) == 2  # complete and pruned
    (drawn,) = [ax for ax in axes if ax.get_xlabel() == "Trial"]
    for line in history.points_ + history.lines_:
        assert any(np.array_equal(line.get_xydata(), other.get_xydata()) for other in drawn.lines)
    for panel in ParamSliceDisplay.from_search(search).axes_:
        twins = [ax for ax in axes if ax.get_xlabel() == panel.get_xlabel() and ax.get_ylabel() in ("Score", "")]
        expected = [line.get_xydata() for line in panel.lines if len(line.get_xdata()) > 2]
        shown = [line.get_xydata() for ax in twins for line in ax.lines]
        assert all(any(np.array_equal(each, other) for other in shown) for each in expected)


def test_the_three_most_important_of_many_parameters_have_slices_and_the_others_are_named(pictures):
    search = search_over(FOUR, 30)
    panels = [param.name for param in ParamSliceDisplay.from_search(search).params]
    legends = [ax.get_legend() for ax in search.plot().axes]
    titles = [legend.get_title().get_text() for legend in legends if legend is not None]
    assert f"Not shown: {panels[3]}" in titles


def test_legends_beside_the_panels_cover_nothing(pictures):
    figure = search_over(TWO, 25, pruner="race").plot()
    figure.draw_without_rendering()
    boxes = [ax.get_window_extent() for ax in figure.axes if ax.axison]
    for legend in (ax.get_legend() for ax in figure.axes):
        if legend is not None:
            assert not any(legend.get_window_extent().overlaps(box) for box in boxes)


@pytest.mark.parametrize("n_trials", [1, 2])
def test_a_search_of_hardly_any_candidate_is_drawn(pictures, n_trials):
    assert search_over(FOUR, n_trials).plot().axes


def test_one_of_several_metrics_is_named(pictures):
    search = search_over(ONE, scoring=["accuracy", "f1_macro"], refit="accuracy")
    assert "F1 macro" in labels_of(search.plot(metric="f1_macro"))
    assert "Accuracy" in labels_of(search.plot())


def test_bad_input_is_refused_before_there_is_a_figure(pictures):
    with pytest.raises(NotFittedError):
        OptunaSearchCV(SVC(), ONE).plot()
    search = search_over(ONE)
    with pytest.raises(InvalidArgumentError, match="accuracy"):
        search.plot(metric="accuracy")
    several = search_over(ONE, scoring=["accuracy", "f1_macro"], objectives=["accuracy", "f1_macro"], refit=False)
    with pytest.raises(InvalidArgumentError, match="metric"):
        several.plot()
    empty = OptunaSearchCV(DummyClassifier(), lambda trial: {}, n_trials=2, cv=3).fit(X, y)
    with pytest.raises(InvalidArgumentError, match="the space of this search is empty"):
        empty.plot()
    assert pictures.get_fignums() == []


def test_missing_matplotlib_names_the_extra(monkeypatch):
    search = search_over(ONE, 2)
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"OptunaSearchCV\.plot needs the package 'matplotlib'.*\[plot\]"):
        search.plot()
