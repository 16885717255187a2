"""A search in a notebook: scikit-learn's diagram, and what was found below it."""

import pickle
import re

import pytest
import sklearn
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV

X, Y = load_iris(return_X_y=True)
TITLE = "What the search has found"


def html_of(search, by_bundle):
    return search._repr_mimebundle_()["text/html"] if by_bundle else search._repr_html_()


def cells(html):
    return dict(re.findall(r"<th[^>]*>([^<]*)</th><td[^>]*>([^<]*)</td>", html.partition(TITLE)[2]))


@pytest.mark.parametrize("by_bundle", [True, False])
def test_before_fit_there_is_scikit_learns_diagram_alone(by_bundle):
    html = html_of(OptunaSearchCV(SVC(), {"C": [1]}), by_bundle)
    assert TITLE not in html
    assert "sk-container" in html


@pytest.mark.filterwarnings("ignore:\\s*6 fits failed", "ignore:One or more of the test scores")
@pytest.mark.parametrize("by_bundle", [True, False])
def test_after_fit_a_table_says_what_was_found(by_bundle):
    search = OptunaSearchCV(SVC(), {"C": [0.1, 1], "kernel": ["rbf", "wrong"]}, cv=3, refit=True).fit(X, Y)
    html = html_of(search, by_bundle)
    assert "sk-container" in html.partition(TITLE)[0]
    found = cells(html)
    assert found["Best score"] == f"{search.best_score_:.4g}"
    assert found["Best parameters"] == "{&#x27;C&#x27;: 1, &#x27;kernel&#x27;: &#x27;rbf&#x27;}"
    assert found["Trials"] == "2 complete, 0 pruned, 2 failed"
    assert re.fullmatch(r"\d+\.\ds", found["Search"])
    assert search.search_time_ > 0


def test_pruned_trials_are_counted():
    space = {"C": loguniform(1e-5, 1e3)}
    search = OptunaSearchCV(SVC(), space, n_trials=12, pruner="race", cv=3, random_state=0).fit(X, Y)
    states = list(search.cv_results_["trial_state"])
    assert states.count("PRUNED") > 0
    assert cells(search._repr_html_())["Trials"] == (
        f"{states.count('COMPLETE')} complete, {states.count('PRUNED')} pruned, 0 failed"
    )


def test_several_objectives_have_the_size_of_their_front():
    search = OptunaSearchCV(
        LogisticRegression(max_iter=1000), {"C": [0.1, 1]}, objectives=["accuracy", "neg_log_loss"], refit=False, cv=3
    ).fit(X, Y)
    found = cells(search._repr_html_())
    assert found["Pareto front"] == f"{len(search.pareto_front_['rank_test_accuracy'])} trials"
    assert "Best score" not in found


def test_texts_are_displayed_where_scikit_learn_is_told_so():
    search = OptunaSearchCV(SVC(), {"C": [1]}, cv=3).fit(X, Y)
    with sklearn.config_context(display="text"):
        assert not hasattr(search, "_repr_html_")
        assert search._repr_mimebundle_() == {"text/plain": repr(search)}


def test_values_are_escaped():
    class Marked(SVC):
        def __repr__(self):
            return "<script>alert(1)</script>"

    search = GridSearchCV(SVC(), {"C": [1]})
    search = OptunaSearchCV(search, {"estimator": [Marked()]}, cv=3).fit(X, Y)
    assert "<script>alert" not in search._repr_html_().partition(TITLE)[2]


def test_search_that_was_pickled_before_there_was_a_search_time_is_displayed():
    search = OptunaSearchCV(SVC(), {"C": [1]}, cv=3).fit(X, Y)
    del search.search_time_
    assert "Search" not in cells(pickle.loads(pickle.dumps(search))._repr_html_())


def test_a_search_that_was_broken_off_has_its_time():
    def stop(study, trial):
        raise KeyboardInterrupt

    search = OptunaSearchCV(SVC(), {"C": [1, 2]}, cv=3, study_callbacks=[stop])
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    assert search.search_time_ > 0
    assert cells(search._repr_html_())["Trials"] == "1 complete, 0 pruned, 0 failed"
