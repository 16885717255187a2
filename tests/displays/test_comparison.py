"""The picture of paired differences: points are differences by fold, texts are the probabilities of `compare`."""

import numpy as np
import pytest

from sk_optuna import _optional
from sk_optuna.displays import ComparisonDisplay
from sk_optuna.exceptions import InvalidArgumentError, MissingExtraError

NAMES = ["one", "two", "three"]


def labels_of(display):
    return [text.get_text() for text in display.ax_.get_yticklabels()]


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


@pytest.mark.parametrize(("n_rows", "n_folds"), [(1, 2), (3, 5), (8, 30)])
def test_points_are_the_differences_of_each_fold_to_the_reference(nested_tables, pictures, n_rows, n_folds):
    results = nested_tables([f"search {i}" for i in range(n_rows)], n_folds)
    display = ComparisonDisplay.from_results(results, reference="dummy")
    x, y = display.folds_.get_data()
    for row, name in enumerate(display.model):
        own = results.outer_["test_score"][results.outer_["search"] == name]
        np.testing.assert_allclose(x[(y > row) & (y < row + 0.5)], own - 0.85)
    assert len(x) == 2 * n_rows * n_folds
    assert display.difference.tolist() == sorted(display.difference, reverse=True)
    np.testing.assert_allclose(display.difference, display.fold_difference.mean(axis=1))


def test_means_intervals_and_probabilities_are_those_of_compare(nested_tables, pictures):
    results = nested_tables(NAMES)
    display = ComparisonDisplay.from_results(results, reference="two", rope=0.01)
    table = results.compare("two", 0.01)
    for row, name in enumerate(display.model):
        i = list(table["model"]).index(name)
        assert display.means_.get_xdata()[row] == table["difference"][i]
        assert display.intervals_.get_segments()[row][:, 0].tolist() == [table["low"][i], table["high"][i]]
        words = [f"{table[key][i]:.2f}".lstrip("0") for key in ("p_better", "p_equivalent", "p_worse")]
        label = f"{name}\n{table['difference'][i]:+.3g}, P better {words[0]}, alike {words[1]}, worse {words[2]}"
        assert labels_of(display)[row] == label


def test_the_rope_is_a_band_around_the_reference(nested_tables, pictures):
    results = nested_tables(NAMES)
    display = ComparisonDisplay.from_results(results, rope=0.01)
    extent = display.rope_.get_path().get_extents(display.rope_.get_patch_transform())
    assert (extent.x0, extent.x1) == pytest.approx((-0.01, 0.01))
    assert "counts as none: ± 0.01" in legend_of(display)
    without = ComparisonDisplay.from_results(results)
    assert without.rope_ is None
    assert "alike" not in labels_of(without)[0]
    assert without.zero_.get_xdata()[0] == 0
    assert without.ax_.get_xlabel() == "ROC AUC, minus that of\none"


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"kind": "groups"}, "no test: rows of a group"), ({"n_folds": 2}, "no test: 2 outer splits")],
)
def test_one_reason_for_all_rows_is_said_once(nested_tables, pictures, options, reason):
    display = ComparisonDisplay.from_results(nested_tables(NAMES, **options))
    assert display.ax_.get_title().startswith(reason)
    assert display.intervals_ is None
    assert "mean (no interval)" in legend_of(display)
    assert not any("P " in label or "no test" in label for label in labels_of(display))


def test_a_row_with_a_failed_fold_says_why_it_has_no_test(nested_tables, pictures):
    display = ComparisonDisplay.from_results(nested_tables(NAMES, failed=("two", 3)))
    assert display.model[-1] == "two"
    assert labels_of(display)[-1].replace("\n", " ") == "two no test: no score in outer fold 3"
    assert np.isfinite(display.folds_.get_xdata()).sum() == 6 * 5 - 1
    assert not display.ax_.get_title()


@pytest.mark.parametrize(("reference", "side"), [("one", "left"), ("two", "right")])
def test_a_difference_beyond_all_proportion_is_marked_at_the_edge(nested_tables, pictures, reference, side):
    results = nested_tables(NAMES, far=("two", 0))
    display = ComparisonDisplay.from_results(results, reference=reference)
    assert max(map(abs, display.ax_.get_xlim())) < 1
    assert any(text.startswith(f"further {side}") for text in legend_of(display))
    n_far = 2 if reference == "one" else 2 * len(display.model)  # a fold and a mean, of each row against "two"
    assert sum(len(marks.get_xdata()) for marks in display.beyond_) == n_far
    assert not ComparisonDisplay.from_results(results, focus=False).beyond_


def test_zero_and_the_rope_stay_in_the_picture(nested_tables, pictures):
    results = nested_tables(NAMES, far=("two", 0))
    low, high = ComparisonDisplay.from_results(results, rope=0.3).ax_.get_xlim()
    assert low < -0.3 < 0.3 < high


def test_a_dummy_far_below_does_not_take_the_picture(nested_tables, pictures):
    results = nested_tables(NAMES)
    plain = results.compare

    def compare(reference, rope):
        table = plain(reference, rope)
        table["difference"][list(table["model"]).index("dummy")] -= 0.4
        return table

    results.compare = compare
    results.outer_["test_score"][results.outer_["search"] == "dummy"] -= 0.4
    display = ComparisonDisplay.from_results(results)
    assert display.model[-1] == "dummy"
    assert display.ax_.get_xlim()[0] > -0.2
    assert "further left (6)" in legend_of(display)  # the folds and the mean of the dummy


def test_rows_can_be_chosen(nested_tables, pictures):
    display = ComparisonDisplay.from_results(nested_tables(NAMES), search=["three", "two"])
    assert display.model == ["two", "three"]
    assert {len(column) for column in display.columns().values()} == {10}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference": "thre"}, "'reference'.*Nearest to 'thre': 'three'"),
        ({"search": "thre"}, "'search'.*Nearest to 'thre': 'three'"),
        ({"search": "one"}, "'search'.*but got 'one'"),  # the reference itself
        ({"rope": -1}, "'rope'"),
    ],
)
def test_unknown_names_and_bad_ropes_are_refused(nested_tables, options, message):
    with pytest.raises(InvalidArgumentError, match=message):
        ComparisonDisplay.from_results(nested_tables(NAMES), **options)


def test_anything_but_nested_results_is_refused():
    with pytest.raises(InvalidArgumentError, match="'results' parameter must be nested results"):
        ComparisonDisplay.from_results({"compare": None})


def test_missing_matplotlib_names_the_extra(nested_tables, monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ComparisonDisplay\.plot needs the package 'matplotlib'"):
        ComparisonDisplay.from_results(nested_tables(NAMES))


def test_rows_without_any_score_at_all_are_drawn_without_points(nested_tables, pictures):
    results = nested_tables(["one"])
    results.outer_["test_score"][:] = np.nan
    nothing = dict.fromkeys(("difference", "low", "high", "p_worse", "p_equivalent", "p_better"), np.nan)
    table = {"model": ["dummy"], "reference": ["one"], "reason": ["no test: no score in outer folds 0, 1, 2, 3, 4"]}
    results.compare = lambda reference, rope: table | {key: np.array([value]) for key, value in nothing.items()}
    display = ComparisonDisplay.from_results(results)
    assert not np.isfinite(display.folds_.get_xdata()).any()
    assert labels_of(display)[0].replace("\n", " ") == "dummy no test: no score in outer folds 0, 1, 2, 3, 4"
