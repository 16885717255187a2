"""The picture of outer scores: what it draws is in the tables, what it cannot draw it says, nothing is dropped."""

import re

import numpy as np
import pytest

from sk_optuna import _optional
from sk_optuna.displays import NestedScoresDisplay
from sk_optuna.exceptions import InvalidArgumentError, MissingExtraError

LONG = [f"gradient_boosting__of_a_column_transformer__with_a_long_name_{i}" for i in range(8)]


def labels_of(display):
    return [text.get_text() for text in display.ax_.get_yticklabels()]


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


@pytest.mark.parametrize(("n_rows", "n_folds"), [(1, 2), (3, 5), (8, 30)])
def test_every_outer_score_is_a_point_below_the_mean_of_its_row(nested_tables, pictures, n_rows, n_folds):
    results = nested_tables([f"search {i}" for i in range(n_rows)], n_folds)
    display = NestedScoresDisplay.from_results(results)
    x, y = display.folds_.get_data()
    assert len(x) == n_rows * n_folds
    for row, name in enumerate(display.search):
        own = results.outer_["test_score"][results.outer_["search"] == name]
        in_row = (y > row) & (y < row + 0.5)
        assert x[in_row].tolist() == own.tolist()
        assert display.means_.get_xdata()[row] == own.mean()
        assert labels_of(display)[row] == name
    assert display.ax_.get_ylim() == (n_rows - 0.5, -0.5)


def test_rows_are_searches_best_first_with_inner_best_defaults_and_dummy(nested_tables, pictures):
    results = nested_tables(["best", "second"])
    display = NestedScoresDisplay.from_results(results)
    table = {name: i for i, name in enumerate(results.table_["search"])}
    assert display.search == ["best", "second"]
    expected = [results.table_["mean"][table[f"{name} (defaults)"]] for name in display.search]
    assert display.defaults_.get_xdata().tolist() == expected
    assert display.inner_.get_xdata().tolist() == [0.91, 0.91]
    assert display.dummy_.get_xdata()[0] == pytest.approx(0.85)
    ends = [segment[:, 0].tolist() for segment in display.intervals_.get_segments()]
    rows = [table[name] for name in display.search]
    assert ends == [[results.table_["low"][i], results.table_["high"][i]] for i in rows]


def test_a_failed_fold_has_no_point_and_its_row_says_so(nested_tables, pictures):
    display = NestedScoresDisplay.from_results(nested_tables(["one", "two"], failed=("one", 3)))
    assert labels_of(display) == ["two", "one\nno mean: fold 3 failed"]
    assert len(display.folds_.get_xdata()) == 9
    assert len(display.means_.get_xdata()) == len(display.intervals_.get_segments()) == 1


def test_a_failed_fold_with_a_given_score_is_a_cross(nested_tables, pictures):
    results = nested_tables(["one"], failed=("one", 3))
    results.outer_["test_score"][3] = results.table_["mean"][-1] = 0.5
    display = NestedScoresDisplay.from_results(results, focus=False)
    assert display.failed_.get_xdata().tolist() == [0.5]
    assert len(display.folds_.get_xdata()) == 4
    assert "failed, score given (1)" in legend_of(display)
    assert labels_of(display) == ["one\nfold 3 failed"]


@pytest.mark.parametrize("options", [{"kind": "groups"}, {"n_folds": 2}])
def test_without_intervals_there_are_none_and_the_legend_says_so(nested_tables, pictures, options):
    display = NestedScoresDisplay.from_results(nested_tables(["one", "two"], **options))
    assert display.intervals_ is None
    assert "outer mean (no interval)" in legend_of(display)


def test_a_score_beyond_all_proportion_is_marked_at_the_edge_in_its_row(nested_tables, pictures):
    results = nested_tables(["one", "two", "three"], far=("two", 0))
    display = NestedScoresDisplay.from_results(results)
    low, high = display.ax_.get_xlim()
    assert 0.8 < low < high < 1
    (marks,) = display.beyond_
    row = display.search.index("two")
    places = marks.get_transform().transform(marks.get_xydata())[:, 0]
    assert places == pytest.approx([display.ax_.bbox.x0] * 2)
    assert all(row <= y < row + 0.5 for y in marks.get_ydata())
    assert "further left (2)" in legend_of(display)  # the fold and the mean
    assert not NestedScoresDisplay.from_results(results, focus=False).beyond_


@pytest.mark.parametrize("default", [0.96, 0.979, 0.33])
def test_outer_scores_that_are_all_but_equal_look_so_and_the_defaults_stay_in_sight(nested_tables, pictures, default):
    results = nested_tables(["one"], 3)
    results.outer_["test_score"][:3] = [0.98, 0.98, 0.9801]
    rows = {name: i for i, name in enumerate(results.table_["search"])}
    results.table_["mean"][rows["one"]], results.table_["inner_best"][rows["one"]] = 0.98, 0.9799
    results.table_["low"][:] = results.table_["high"][:] = np.nan
    results.table_["mean"][rows["one (defaults)"]] = default
    display = NestedScoresDisplay.from_results(results)
    low, high = display.ax_.get_xlim()
    assert low < default < 0.9799 < 0.9801 < high
    assert high - low > 0.0098
    assert display.beyond_ == []
    display.figure_.draw_without_rendering()
    assert display.ax_.xaxis.get_offset_text().get_text() == ""


def test_defaults_beyond_all_proportion_are_marked_at_the_edge(nested_tables, pictures):
    results = nested_tables(["one", "two"])
    results.table_["mean"][list(results.table_["search"]).index("one (defaults)")] = -1e25
    display = NestedScoresDisplay.from_results(results)
    assert display.ax_.get_xlim()[0] > 0
    assert "further left (1)" in legend_of(display)


def test_a_dummy_out_of_sight_is_a_number_in_the_legend(nested_tables, pictures):
    results = nested_tables(["one", "two"])
    results.table_["mean"][list(results.table_["search"]).index("dummy")] = 0.25
    display = NestedScoresDisplay.from_results(results)
    assert "dummy, mean 0.25 (further left)" in legend_of(display)
    assert display.ax_.get_xlim()[0] > 0.5


def test_long_names_are_broken_into_lines_and_stay_whole(nested_tables, pictures):
    display = NestedScoresDisplay.from_results(nested_tables(LONG))
    assert [label.replace("\n", "") for label in labels_of(display)] == LONG
    assert max(len(line) for label in labels_of(display) for line in label.split("\n")) <= 28
    assert display.figure_.get_size_inches()[1] > 5


def test_rows_can_be_chosen_baselines_too(nested_tables, pictures):
    results = nested_tables(["one", "two"])
    assert NestedScoresDisplay.from_results(results, search="two").search == ["two"]
    both = NestedScoresDisplay.from_results(results, search=["one (defaults)", "two"])
    assert set(both.search) == {"two", "one (defaults)"}


def test_frame_has_a_row_for_each_row_and_fold(nested_tables, pictures):
    display = NestedScoresDisplay.from_results(nested_tables(["one", "two"], failed=("two", 0)))
    columns = display.columns()
    assert {len(column) for column in columns.values()} == {10}
    assert columns["failed"].tolist() == [False] * 5 + [True] + [False] * 4
    assert list(columns["outer_fold"]) == [0, 1, 2, 3, 4] * 2


@pytest.mark.parametrize("results", [None, 3, {"test_score": [0.5]}, object])
def test_anything_but_nested_results_is_refused(results):
    with pytest.raises(InvalidArgumentError, match=r"'results' parameter must be nested results.*but got"):
        NestedScoresDisplay.from_results(results)


def test_unknown_and_empty_searches_are_refused_with_the_nearest(nested_tables):
    results = nested_tables(["forest", "svm"])
    with pytest.raises(InvalidArgumentError, match=re.escape("but got 'forrest'. Nearest to 'forrest': 'forest'")):
        NestedScoresDisplay.from_results(results, search="forrest")
    with pytest.raises(InvalidArgumentError, match="name at least one of"):
        NestedScoresDisplay.from_results(results, search=[])


def test_missing_matplotlib_names_the_extra(nested_tables, monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"NestedScoresDisplay\.plot needs the package 'matplotlib'.*\[plot\]"):
        NestedScoresDisplay.from_results(nested_tables(["one"]))


def test_a_row_without_any_score_is_there_all_the_same(nested_tables, pictures):
    results = nested_tables(["one", "two"])
    here = results.outer_["search"] == "two"
    results.outer_["test_score"][here], results.outer_["error"][here] = np.nan, "ValueError: no"
    for key in ("mean", "low", "high"):
        results.table_[key][list(results.table_["search"]).index("two")] = np.nan
    assert labels_of(NestedScoresDisplay.from_results(results))[1] == "two\nno mean: 5 folds failed"


def test_rows_without_any_score_at_all_are_drawn_without_points(nested_tables, pictures):
    results = nested_tables(["one"])
    results.outer_["test_score"][:] = np.nan
    for key in ("mean", "low", "high", "inner_best"):
        results.table_[key][:] = np.nan
    display = NestedScoresDisplay.from_results(results)
    assert (display.folds_, display.means_, display.intervals_, display.dummy_) == (None, None, None, None)
    assert labels_of(display) == ["one\nno mean: 5 folds failed"]


def test_names_with_dollars_are_no_formulas(nested_tables, pictures):
    display = NestedScoresDisplay.from_results(nested_tables(["$x_1$ and $\\bad{", "costs $5"]))
    display.figure_.draw_without_rendering()
    assert labels_of(display)[1] == r"costs \$5"


def test_a_score_of_minus_infinity_is_marked_at_the_edge(nested_tables, pictures):
    results = nested_tables(["one", "two"])
    results.outer_["test_score"][results.outer_["search"] == "two"] = [-np.inf, 0.9, 0.9, 0.9, 0.9]
    display = NestedScoresDisplay.from_results(results)
    (marks,) = display.beyond_
    assert display.ax_.get_xlim()[0] < display.default_mean.min()
    assert len(marks.get_xdata()) == 1
