"""The picture of importances: a bar for each parameter, whiskers, and words where there is no bar."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV, _optional
from sk_optuna.displays import ParamImportancesDisplay
from sk_optuna.exceptions import MissingExtraError

NAN = np.nan


def display_of(importance=(0.75, 0.25, NAN), **options):
    importance = np.array(importance, dtype=float)
    options = {
        "low": importance - 0.125,
        "high": importance + 0.125,
        "n_trials": np.array([40, 25, 12])[: len(importance)],
        "params": ["C", "gamma", "degree"][: len(importance)],
        "n_finished": 40,
        **options,
    }
    return ParamImportancesDisplay(importance=importance, **options)


def texts_of(display):
    return [text.get_text() for text in display.ax_.texts]


def test_bars_and_whiskers_are_those_of_the_record(pictures):
    display = display_of().plot()
    assert [bar.get_width() for bar in display.bars_] == [0.75, 0.25]
    ends = [segment[:, 0].tolist() for segment in display.whiskers_.get_segments()]
    assert ends == [[0.625, 0.875], [0.125, 0.375]]
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["C", "gamma", "degree"]
    low, high = display.ax_.get_ylim()
    assert low > high  # the most important parameter is on top
    assert display.ax_.get_xlabel() == "Importance for Score (PED-ANOVA, share of all bars)"


def test_bars_over_some_trials_are_hatched_and_missing_ones_say_why(pictures):
    display = display_of().plot()
    assert [bool(bar.get_hatch()) for bar in display.bars_] == [False, True]
    assert texts_of(display) == ["25 of 40", "too few: set in 12 trials"]
    labels = {text.get_text() for text in display.ax_.get_legend().get_texts()}
    assert labels == {"over all 40 trials", "over the trials that set it", "5 to 95 % of bootstraps"}


def test_the_number_of_trials_behind_a_long_bar_stays_within_the_axes(pictures):
    figure, axes = pictures.subplots(1, 2, figsize=(12, 3), layout="constrained")
    display = display_of([0.99, 0.01, 0.0], n_trials=np.array([25, 40, 40])).plot(axes[0])
    figure.draw_without_rendering()
    (text,) = [text for text in display.ax_.texts if text.get_text() == "25 of 40"]
    assert text.get_window_extent().x1 <= display.ax_.get_window_extent().x1


def test_the_axis_is_as_long_as_bars_whiskers_and_numbers_need(pictures):
    plain = display_of([0.95, 0.05, 0.0], high=np.array([1.0, 0.1, 0.0]), n_trials=np.array([40, 40, 25])).plot()
    behind_a_short_bar = display_of([0.9, 0.1], n_trials=np.array([40, 25])).plot()
    behind_the_longest = display_of([0.99, 0.01], n_trials=np.array([25, 40])).plot()
    assert plain.ax_.get_xlim() == (0, 1.05)
    assert behind_a_short_bar.ax_.get_xlim() == pytest.approx((0, 1.05 * 1.025))
    assert behind_the_longest.ax_.get_xlim()[1] > 1.1
    assert max(behind_the_longest.ax_.get_xticks()) == 1


def test_without_bootstraps_there_are_no_whiskers(pictures):
    none = np.full(3, NAN)
    display = display_of(low=none, high=none).plot()
    assert display.whiskers_ is None
    assert len(display.bars_) == 2


def test_bars_of_no_length_are_explained(pictures):
    display = display_of([0, 0], n_trials=np.array([40, 40]), low=np.zeros(2), high=np.zeros(2)).plot()
    assert texts_of(display) == ["The values tell no candidate from another."]


def test_twelve_long_names_have_room(pictures):
    n = 12
    names = [f"preprocessor__columns__numeric__imputer__estimator__depth_{i:02}" for i in range(n)]
    shares, trials = np.full(n, 1 / n), np.full(n, 40)
    display = display_of(shares, params=names, n_trials=trials, low=shares, high=shares).plot()
    display.figure_.draw_without_rendering()
    boxes = [text.get_window_extent() for text in display.ax_.get_yticklabels()]
    assert all(box.x0 >= 0 for box in boxes)
    assert all(above.y0 >= below.y1 for above, below in pairwise(boxes))


def test_a_search_is_drawn_as_it_is_told(pictures):
    X, y = load_iris(return_X_y=True)
    space = {"C": loguniform(1e-2, 1e3), "coef0": uniform(0, 1)}
    search = OptunaSearchCV(SVC(), space, n_trials=20, cv=2, sampler="random", random_state=0).fit(X, y)
    figure, ax = pictures.subplots()
    display = ParamImportancesDisplay.from_search(search, evaluator="fanova", n_bootstraps=2, ax=ax, despine=True)
    assert (display.ax_, display.figure_) == (ax, figure)
    assert not ax.spines["top"].get_visible()
    assert "fANOVA" in ax.get_xlabel()
    assert set(display.params) == {"C", "coef0"}
    assert np.asarray(display.frame()["importance"]).tolist() == [bar.get_width() for bar in display.bars_]


def test_missing_matplotlib_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ParamImportancesDisplay\.plot needs the package 'matplotlib'"):
        display_of().plot()
