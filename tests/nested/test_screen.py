"""The first screen: 80 columns, 15 lines for three searches, the same words in text, markdown and HTML."""

import html
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from sk_optuna import nested_cross_validate
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.nested._screen import Screen, numbers_like, signed


@pytest.fixture(scope="module")
def three(diabetes):
    X, y = diabetes
    searches = {
        "support vectors with a long name": GridSearchCV(SVR(), {"C": [1, 10], "epsilon": [0.1, 1]}, cv=2),
        "knn": GridSearchCV(KNeighborsRegressor(), {"n_neighbors": [3, 9], "weights": ["uniform", "distance"]}, cv=2),
        "linear": GridSearchCV(SVR(kernel="linear"), {"C": [1, 100]}, cv=2, scoring="r2"),
    }
    return nested_cross_validate(searches, X, y, cv=3, scoring="neg_root_mean_squared_error")


def unwrapped(results):
    return repr(results).replace("\n  ", " ")


def test_three_searches_fit_on_a_screen(three):
    lines = repr(three).splitlines()
    assert len(lines) <= 15
    assert max(map(len, lines)) <= 80
    assert lines[-2] == "Next: results.compare().T  # differences of rows"
    best = three.table_.query("kind == 'search'").search.iloc[0]
    assert lines[-1].startswith(f"      results.fit_final({best!r}, X, y)")


def test_rows_are_best_first_without_the_defaults(three):
    names = [row[0] for row in three._screen().rows]
    expected = three.table_.query("kind != 'default'").sort_values("mean", ascending=False).search
    assert names == expected.tolist()
    assert "dummy" in names


def test_words_are_the_same_in_text_markdown_and_html(three):
    def words(text):
        return re.findall(r"[\w.+\-=()]{3,}", re.sub(r"<[^>]*>|\|", " ", html.unescape(text)))

    of_text, of_markdown, of_html = map(words, (repr(three), three.to_markdown(), three._repr_html_()))
    rules = {"---", "---:"}
    assert [word for word in of_markdown if word not in rules] == of_html
    cut = {word for word in of_text if ".." in word}
    assert set(of_text) - cut <= {*of_html, "with", "support"}


def test_sentence_says_whether_tuning_was_worth_it(iris):
    X, y = iris
    search = GridSearchCV(SVC(C=1e-6), {"C": [1e-6, 1.0]}, cv=3)
    results = nested_cross_validate({"svm": search}, X, y, cv=3)
    gain = results.table_.set_index("search").loc["svm", "gain"]
    expected = rf"Tuning svm gained {gain:.3f}".replace("0.", r"\.") + r" over its defaults \(better in 3 of 3 folds, P"
    assert re.search(expected, unwrapped(results))


def test_summary_counts_differences_within_the_rope_as_none(iris):
    X, y = iris
    results = nested_cross_validate({"svm": GridSearchCV(SVC(C=0.05), {"C": [0.05, 1.0]}, cv=3)}, X, y, cv=3)
    columns = results.compare(reference="svm (defaults)", rope=0.05).query("model == 'svm'").iloc[0]
    probability = f"{columns.p_better:.2f}".removeprefix("0")
    summary = results.summary(rope=0.05).replace("\n  ", " ")
    assert f"P(better by more than rope=.050) = {probability})." in summary
    assert f"(better by more than rope=.050 in {columns.wins} of 3 folds" in summary
    with pytest.raises(InvalidArgumentError, match="rope"):
        results.summary(rope=-1)


def test_sentence_says_when_tuning_changed_nothing_or_lost(iris):
    X, y = iris
    same = nested_cross_validate(GridSearchCV(SVC(), {"C": [1.0]}, cv=3), X, y, cv=3)
    assert "Tuning svc changed nothing against its defaults (better in 0 of 3 folds, equal in 3" in unwrapped(same)
    hardly = nested_cross_validate(GridSearchCV(SVC(), {"C": [1.0]}, cv=3), X, y, cv=3)
    hardly._comparison.scores["svc"]["test_score"][0] += 1e-6
    assert "Tuning svc gained less than .001 over its defaults (better in 1 of 3" in unwrapped(hardly)
    worse = nested_cross_validate(GridSearchCV(SVC(), {"C": [1e-6]}, cv=3), X, y, cv=3)
    assert re.search(r"Tuning svc lost \.\d+ against its defaults \(better in 0 of 3 folds", unwrapped(worse))


def test_screen_says_why_there_is_no_test(diabetes):
    X, y = diabetes
    results = nested_cross_validate(GridSearchCV(SVR(), {"C": [1, 10]}, cv=2), X, y, cv=TimeSeriesSplit(3))
    assert "no intervals" in repr(results).splitlines()[0]
    assert "no test: splits in time" in unwrapped(results)
    assert "There are no intervals and no test: splits in time" in results.summary().replace("\n  ", " ")


@pytest.mark.parametrize(("n_paragraphs", "n_lines"), [(0, 8), (3, 14), (4, 15), (9, 15)])
def test_notes_and_findings_for_which_there_is_no_room_are_counted_with_the_calls_that_have_them(n_paragraphs, n_lines):
    rows = [(name, ".9", "[.8, 1.0]", ".91", "+.01", "+.1", "1.0", "C=1") for name in "abcd"]
    sentence = "a sentence of some words. " * 4
    text = Screen("title", rows, [sentence] * n_paragraphs, ["Next: one", "      two"]).text()
    assert len(text.splitlines()) == n_lines
    n_shown = text.count("words.") // 4
    assert text.count("words.") == 4 * n_shown  # whole ones
    assert (f"{n_paragraphs - n_shown} more: print(results.summary()), results.checks()" in text) == (n_paragraphs > 3)


@given(st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=5))
def test_numbers_are_written_to_three_digits_of_the_largest(values):
    number = numbers_like(values)
    largest = max(map(abs, values))
    for value in values:
        assert float(number(value)) == pytest.approx(value, abs=max(0.0006, largest * 0.001))
        assert len(number(value)) <= 10


@pytest.mark.parametrize(
    ("values", "value", "text"),
    [
        ([0.9], 0.9765, ".977"),
        ([0.9], 1.0, "1.000"),
        ([0.9], -0.0001, ".000"),
        ([54.3], -54.318, "-54.32"),
        ([3021], 3021.4, "3021"),
    ],
)
def test_numbers_as_people_write_them(values, value, text):
    assert numbers_like(values)(value) == text


def test_differences_have_a_sign_unless_they_are_nothing():
    number = numbers_like([0.5])
    assert [signed(value, number) for value in (0.0123, -0.0123, 0.0001, -0.0001)] == ["+.012", "-.012", ".000", ".000"]
    assert numbers_like([np.nan])(np.nan) == "nan"


def test_a_search_below_the_dummy_is_said_first(iris):
    X, y = iris
    told = "is not better than the dummy"
    assert told not in repr(nested_cross_validate(DecisionTreeClassifier(), X, y, cv=3))
    always = {"dull": DummyClassifier(strategy="most_frequent")}
    results = nested_cross_validate(always, X, y, cv=3)
    assert f"dull {told}" in repr(results)
    assert f"dull {told}" in results.summary()


def test_sorted_classes_are_noted(iris):
    X, y = iris
    results = nested_cross_validate(DecisionTreeClassifier(), X, y, cv=KFold(3))
    assert "3 of 3 outer folds test a class of which they train on no row" in " ".join(results.notes_)
    assert not nested_cross_validate(DecisionTreeClassifier(), X, y, cv=3).notes_
