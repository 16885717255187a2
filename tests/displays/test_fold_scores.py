"""The picture of FoldScoresDisplay: its artists hold what the record holds."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV

from sk_optuna import _optional
from sk_optuna.displays import FoldScoresDisplay
from sk_optuna.exceptions import MissingExtraError

NAN = np.nan


def display_of(scores=((0.9, 0.8), (0.7, NAN), (NAN, -1.0)), **options):
    options = {
        "trial_number": np.array([4, 0, 2]),
        "trial_state": np.array(["COMPLETE", "PRUNED", "FAIL"]),
        "outcome": np.array([["scored"] * 2, ["scored", "not run"], ["not run", "failed"]]),
        "best_trial": 4,
        **options,
    }
    return FoldScoresDisplay(scores=np.array(scores), **options)


def of_scores(scores):
    n, scores = len(scores), np.asarray(scores)
    outcome = np.full(scores.shape, "scored")
    return display_of(scores, trial_number=np.arange(n), trial_state=np.full(n, "COMPLETE"), outcome=outcome)


def test_the_image_holds_the_scores_of_folds_that_have_one(pictures):
    display = display_of().plot()
    np.testing.assert_array_equal(display.image_.get_array().filled(NAN), [[0.9, 0.8], [0.7, NAN], [NAN, NAN]])
    assert display.image_.get_clim() == (0.7, 0.9)
    assert display.color_bar_.ax.get_xlabel() == "Score"


def test_folds_that_were_not_run_are_hatched_and_failed_ones_crossed(pictures):
    display = display_of().plot()
    assert [path.vertices[:4].mean(axis=0).tolist() for path in display.not_run_.get_paths()] == [[1, 1], [0, 2]]
    assert display.not_run_.get_hatch()
    assert display.failed_.get_xydata().tolist() == [[1, 2]]


def test_the_legend_counts_candidates_and_folds(pictures):
    texts = [text.get_text() for text in display_of().plot().ax_.get_legend().get_texts()]
    assert sorted(texts) == [
        "best (trial 4)",
        "complete (1)",
        "failed (1)",
        "fold failed (1)",
        "fold not run (2)",
        "pruned (1)",
    ]


def test_marks_beside_the_rows_tell_the_states(pictures):
    failed, pruned, complete = display_of().plot().states_
    assert [mark.get_ydata().tolist() for mark in (complete, pruned, failed)] == [[0], [1], [2]]
    assert pruned.get_markerfacecolor() == "none" != complete.get_markerfacecolor()


def test_the_best_is_framed(pictures):
    display = display_of(best_trial=0).plot()
    assert display.best_.get_bbox().bounds == (-0.5, 0.5, 2.0, 1.0)
    assert display_of(best_trial=None).plot().best_ is None


def test_few_cells_have_numbers_that_tell_them_apart(pictures):
    texts = of_scores([[0.91231, 0.91234], [0.5, 0.25]]).plot().texts_
    assert [text.get_text() for text in texts] == ["0.91231", "0.91234", "0.50000", "0.25000"]
    assert of_scores(np.random.default_rng(0).random((30, 3))).plot().texts_ == []


def test_rows_are_named_by_their_trials(pictures):
    labels = display_of().plot().ax_.get_yticklabels()
    assert [label.get_text() for label in labels] == ["4", "0", "2"]
    assert len(of_scores(np.random.default_rng(0).random((200, 3))).plot().ax_.get_yticks()) == 20


def test_a_score_beyond_all_proportion_does_not_take_all_colours(pictures):
    scores = np.append(np.linspace(0.5, 0.9, 23), -1e9).reshape(8, 3)
    display = of_scores(scores).plot()
    assert display.image_.get_clim()[0] > -10
    assert display.color_bar_.extend == "min"
    assert display.plot(focus=False).image_.get_clim()[0] == -1e9


def test_equal_scores_have_one_colour(pictures):
    low, high = of_scores(np.full((3, 2), 0.9)).plot().image_.get_clim()
    assert low < 0.9 < high


def test_a_grid_search_is_drawn_where_it_is_told(pictures):
    search = GridSearchCV(DummyClassifier(), {"strategy": ["prior", "uniform"]}, cv=2)
    search.fit(np.zeros((20, 1)), np.arange(20) % 2)
    _, ax = pictures.subplots()
    display = FoldScoresDisplay.from_search(search, ax=ax)
    assert display.ax_ is ax
    assert display.image_.get_array().shape == (2, 2)


def test_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"FoldScoresDisplay\.plot needs the package 'matplotlib'"):
        display_of().plot()
