"""The results in one figure: up to four panels, which have the numbers of the tables, and nothing before bad input."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.svm import SVC

from sk_optuna import _optional, nested_cross_validate
from sk_optuna.displays import ComparisonDisplay, NestedScoresDisplay, ParamStabilityDisplay
from sk_optuna.exceptions import InvalidArgumentError, MissingExtraError


@pytest.fixture(scope="module")
def results(iris):
    searches = {
        "svm": GridSearchCV(SVC(), {"C": [0.01, 1, 100], "kernel": ["rbf", "linear"]}, cv=2),
        "logistic": GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.01, 1]}, cv=2),
    }
    return nested_cross_validate(searches, *iris, cv=3)


def test_scores_differences_and_the_choices_of_two_searches_are_in_one_figure(results, pictures):
    before = dict(pictures.rcParams)
    figure = results.plot(reference="dummy", rope=0.01)
    figure.draw_without_rendering()
    assert sum(ax.get_title().startswith("Chosen by") for ax in figure.axes) == 2
    assert len([ax for ax in figure.axes if ax.axison]) == 2 + 2 + 1  # panels of svm, and of logistic
    assert figure.axes[1].get_xlabel() == "Accuracy, minus that of\ndummy"
    assert pictures.get_fignums() == [figure.number]
    assert dict(pictures.rcParams) == before


def test_fewer_rows_have_fewer_panels(iris, pictures):
    alone = nested_cross_validate(LogisticRegression(max_iter=500), *iris, cv=2, baselines=())
    assert len(alone.plot().axes) == 1


def test_one_search_can_be_chosen(results, pictures):
    titles = [ax.get_title() for ax in results.plot(search="logistic").axes]
    assert [title for title in titles if title.startswith("Chosen")] == ["Chosen by the outer folds of logistic"]


def test_reasons_stand_above_the_legend(iris, pictures):
    X, y = iris
    search = GridSearchCV(SVC(), {"C": [1, 10]}, cv=2)
    grouped = nested_cross_validate(search, X, y, cv=GroupKFold(3), groups=np.arange(len(y)))
    figure = grouped.plot()
    figure.draw_without_rendering()
    ax = figure.axes[1]
    assert ax.get_title().startswith("no test: rows of a group")
    assert ax.title.get_window_extent().y0 > ax.get_legend().get_window_extent().y1


@pytest.mark.parametrize(
    "arguments", [{"search": "svn"}, {"search": "dummy"}, {"reference": "logistics"}, {"rope": -1.0}]
)
def test_bad_input_is_refused_before_there_is_a_figure(results, pictures, arguments):
    with pytest.raises(InvalidArgumentError):
        results.plot(**arguments)
    assert pictures.get_fignums() == []


def test_missing_matplotlib_names_the_extra(results, monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"NestedCVResults\.plot needs the package 'matplotlib'.*\[plot\]"):
        results.plot()


def test_displays_have_the_numbers_of_the_tables(results, pictures):
    pytest.importorskip("pandas")
    scores = NestedScoresDisplay.from_results(results).frame()
    outer = results.outer_.set_index(["search", "outer_fold"])
    assert scores.set_index(["search", "outer_fold"]).test_score.to_dict() == {
        key: value for key, value in outer.test_score.to_dict().items() if key[0] in ("svm", "logistic")
    }
    table = results.table_.set_index("search")
    by_row = scores.groupby("search").first()
    for name in ("svm", "logistic"):
        assert by_row.default_mean[name] == table["mean"][f"{name} (defaults)"]
        assert by_row.inner_best[name] == table.inner_best[name]
    pairs = ComparisonDisplay.from_results(results, reference="dummy").frame().groupby("model")
    np.testing.assert_allclose(pairs.fold_difference.mean(), pairs.difference.first())
    choices = ParamStabilityDisplay.from_results(results, search="svm").frame()
    assert len(choices) == 2 * 3
    for row in choices.itertuples():
        assert row.chosen == outer.params["svm", row.outer_fold][row.parameter]
    assert choices.space_high.max() == 100


def test_displays_are_the_same_of_dicts_of_arrays(results, pictures, monkeypatch):
    kinds = (NestedScoresDisplay, ComparisonDisplay, ParamStabilityDisplay)
    with_pandas = [kind.from_results(results).columns() for kind in kinds]
    find_spec = _optional.find_spec
    monkeypatch.setattr(_optional, "find_spec", lambda name: None if name == "pandas" else find_spec(name))
    assert type(results.table_) is dict
    for kind, expected in zip(kinds, with_pandas, strict=True):
        found = kind.from_results(results).columns()
        for name, column in expected.items():
            np.testing.assert_array_equal(found[name], column, err_msg=name)
