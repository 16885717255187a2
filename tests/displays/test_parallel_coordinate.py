"""The picture of ParallelCoordinateDisplay: a line a candidate, at the heights of its values."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from sk_optuna import OptunaSearchCV, _optional
from sk_optuna.displays import ParallelCoordinateDisplay
from sk_optuna.exceptions import MissingExtraError
from sk_optuna.results import ParamValues

NAN = np.nan
STATES = ("COMPLETE", "COMPLETE", "PRUNED", "FAIL")


def values(name, at, choices=None, *, is_log=False, low=0.0, high=1.0):
    return ParamValues(name=name, at=np.array(at, float), choices=choices, is_log=is_log, low=low, high=high)


def display_of(score=(0.5, 1.0, 0.0, NAN), states=STATES, params=None, best_trial=1, is_best=(1,)):
    score = np.array(score, dtype=float)
    params = params or [
        values("rate", [0.01, 0.1, 1.0, 0.1], is_log=True, low=0.01, high=1.0),
        values("kind", [0, 2, NAN, 1], ("a", "b", "c"), high=2.0),
    ]
    return ParallelCoordinateDisplay(
        trial_number=np.arange(len(score)),
        trial_state=np.array(states),
        score=score,
        is_best=np.isin(np.arange(len(score)), is_best),
        params=params,
        best_trial=best_trial,
    )


def heights_of(display, group):
    return [path.vertices[:, 1].round(9).tolist() for path in display.lines_[group].get_paths()]


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_lines_pass_at_the_heights_of_values_and_end_at_scores(pictures):
    display = display_of().plot()
    assert heights_of(display, "COMPLETE") == [[0.0, 0.0, 0.5]]
    assert display.line_.get_ydata().tolist() == pytest.approx([0.5, 1.0, 1.0])


def test_what_is_not_set_and_scores_that_are_not_there_have_a_tick_of_their_own(pictures):
    display = display_of().plot()
    [[_, kind, _]], [[_, _, score]] = heights_of(display, "PRUNED"), heights_of(display, "FAIL")
    below = {text.get_text(): text.get_position() for text in display.texts_ if text.get_position()[1] < 0}
    assert {text: position[1] for text, position in below.items()} == {"not set": kind, "no score": score}
    assert [round(position[0]) for position in below.values()] == [1, 2]
    assert kind == score > display.ax_.get_ylim()[0]


def test_pruned_candidates_are_dashed_and_hollow_at_their_estimates(pictures):
    display = display_of().plot()
    assert display.pruned_.get_xydata().tolist() == [[2, 0]]
    assert display.pruned_.get_markerfacecolor() == "none"
    styles = [display.lines_[group].get_linestyle()[0][1] for group in ("COMPLETE", "PRUNED", "FAIL")]
    assert styles[0] is None
    assert styles[1] != styles[2]


def test_the_legend_counts_all_candidates(pictures):
    others = ["pruned (1)", "failed (1)"]
    assert legend_of(display_of().plot()) == ["best (trial 1)", "other complete (1)", *others]
    two = display_of(is_best=(0, 1))
    assert legend_of(two.plot()) == ["best (trial 1)", "others of the best 10 % (1)", *others]
    assert heights_of(two, "best") == [[0.0, 0.0, 0.5]]
    none = display_of(best_trial=None).plot()
    assert legend_of(none) == ["best 10 % (1)", "other complete (1)", *others]
    assert heights_of(none, "best") == [[0.5, 1.0, 1.0]]


def test_axes_have_their_ends_or_their_choices_written_beside_them(pictures):
    texts = [(round(text.get_position()[0]), text.get_text()) for text in display_of().plot().texts_]
    assert texts[:3] == [(0, "0.01"), (0, "0.1"), (0, "1")]
    assert texts[3:7] == [(1, "a"), (1, "b"), (1, "c"), (1, "not set")]


def test_names_and_choices_are_cut_to_the_room_there_is(pictures):
    params = [values("n" * 60, [0, 1, 0, 1], ("c" * 60, "d")) for _ in range(12)]
    display = display_of(params=params).plot()
    assert len(display.ax_.get_xticklabels()) == 13
    assert max(len(label.get_text()) for label in display.ax_.get_xticklabels()) <= 20
    assert max(len(text.get_text()) for text in display.texts_) <= 8


def test_scores_beyond_all_proportion_end_at_the_lower_end_and_are_counted(pictures):
    score = [*np.linspace(0.5, 0.9, 21), -1e9]
    params = [values("a", np.linspace(0, 1, 22))]
    display = display_of(score, ["COMPLETE"] * 22, params, best_trial=20).plot()
    assert "score further below (1)" in legend_of(display)
    assert display.beyond_.get_xydata().tolist() == [[1, 0]]
    assert min(heights_of(display, "COMPLETE"))[1] > 0
    assert display.plot(focus=False).beyond_ is None


def test_one_value_stands_in_the_middle(pictures):
    params = [values("a", [3.0], low=3.0, high=3.0), values("b", [0], ("only",), high=0.0)]
    display = display_of([0.5], ["COMPLETE"], params, best_trial=0).plot()
    assert display.line_.get_ydata().tolist() == [0.5, 0.5, 0.5]


def test_a_search_is_drawn_where_it_is_told(pictures):
    search = OptunaSearchCV(DummyClassifier(), {"strategy": ["prior", "uniform"]}, cv=2, random_state=0)
    search.fit(np.zeros((20, 1)), np.arange(20) % 2)
    _, ax = pictures.subplots()
    display = ParallelCoordinateDisplay.from_search(search, ax=ax, best=0.5)
    assert display.line_.axes is ax
    assert [label.get_text() for label in ax.get_xticklabels()] == ["strategy", "Score"]


def test_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ParallelCoordinateDisplay\.plot needs the package 'matplotlib'"):
        display_of().plot()
