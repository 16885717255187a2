"""The picture of SearchHistoryDisplay: its artists hold what the record holds."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from sk_optuna import OptunaSearchCV, _optional
from sk_optuna.displays import SearchHistoryDisplay
from sk_optuna.exceptions import MissingExtraError

NAN = np.nan


def display_of(score, states=None, names="only", **options):
    n = len(score)
    states = np.array(states or ["COMPLETE"] * n)
    options = {"feasible": (states == "COMPLETE") & np.isfinite(score), "spent": np.arange(n, dtype=float), **options}
    return SearchHistoryDisplay(
        search_name=np.broadcast_to(names, n),
        trial_number=np.arange(n),
        trial_state=states,
        score=np.array(score, dtype=float),
        **options,
    )


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


SCORES = [0.5, 0.7, NAN, 0.6, 0.8, NAN]
STATES = ["COMPLETE", "PRUNED", "FAIL", "COMPLETE", "COMPLETE", "PRUNED"]


def test_points_stand_at_their_scores_and_pruned_ones_are_hollow(pictures):
    pruned, complete = display_of(SCORES, STATES).plot().points_
    assert pruned.get_xydata().tolist() == [[1.0, 0.7]]
    assert complete.get_xydata().tolist() == [[0.0, 0.5], [3.0, 0.6], [4.0, 0.8]]
    assert pruned.get_markerfacecolor() == "none" != complete.get_markerfacecolor()


def test_the_line_is_the_best_so_far(pictures):
    [line] = display_of(SCORES, STATES).plot().lines_
    assert line.get_xydata().tolist() == [[0, 0.5], [1, 0.5], [2, 0.5], [3, 0.6], [4, 0.8], [5, 0.8]]
    assert line.get_drawstyle() == "steps-post"


def test_the_legend_counts_all_candidates(pictures):
    display = display_of(SCORES, STATES).plot()
    assert legend_of(display) == [
        "best so far",
        "complete (3)",
        "pruned (1) without a score",
        "pruned (1)",
        "failed (1)",
    ]
    assert [mark.get_xdata().tolist() for mark in display.without_score_] == [[2.0], [5.0]]
    assert all(mark.get_ydata().tolist() == [0.0] for mark in display.without_score_)


def test_several_searches_are_told_apart_by_colour_marker_and_dashes(pictures):
    names = ["a" * 60, "a" * 60, "b", "b"]
    display = display_of([0.1, 0.2, 0.3, 0.1], names=names).plot()
    first, second = display.lines_
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()
    assert legend_of(display)[0] == "aaaaaaaaaaa…aaaaaaaaaaaa: best so far"
    assert len({points.get_marker() for points in display.points_}) == 2
    assert second.get_ydata().tolist() == [0.3, 0.3]
    assert max(map(len, legend_of(display))) < 50


def test_a_score_beyond_all_proportion_leaves_the_picture_and_is_counted(pictures):
    score = [*np.linspace(0.5, 0.9, 21), -1e9]
    display = display_of(score).plot()
    assert display.ax_.get_ylim()[0] > -10
    [mark] = display.beyond_
    assert (mark.get_xdata().tolist(), mark.get_label()) == ([21.0], "further below (1)")
    assert display.frame()["score"].min() == -1e9
    assert display.plot(focus=False).ax_.get_ylim()[0] < -1e9
    assert display.beyond_ == []


def test_equal_scores_are_not_magnified(pictures):
    display = display_of(0.9 + np.arange(5) * 1e-16).plot()
    assert np.ptp(display.ax_.get_ylim()) > 0.01


def test_one_trial_is_a_point_among_whole_numbers(pictures):
    display = display_of([0.5]).plot()
    assert display.lines_[0].get_marker() == "o"
    ticks = display.ax_.get_xticks()
    assert (ticks == ticks.round()).all()


def test_candidates_that_break_a_constraint_are_crosses(pictures):
    display = display_of([0.9, 0.5], feasible=np.array([False, True])).plot()
    assert [points.get_marker() for points in display.points_] == ["x", "o"]
    assert "breaks a constraint (1)" in legend_of(display)
    assert display.lines_[0].get_xydata().tolist() == [[1.0, 0.5]]


def test_a_search_is_drawn_by_what_was_spent(pictures):
    search = OptunaSearchCV(DummyClassifier(), {"strategy": ["prior", "uniform"]}, cv=2, random_state=0)
    search.fit(np.zeros((20, 1)), np.arange(20) % 2)
    _, ax = pictures.subplots()
    display = SearchHistoryDisplay.from_search({"dummy": search}, x="fits", ax=ax)
    assert display.points_[0].get_xdata().tolist() == [2.0, 4.0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Fits", "Score")


def test_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"SearchHistoryDisplay\.plot needs the package 'matplotlib'"):
        display_of([0.5]).plot()
