"""A printed search shows distributions as they were written."""

import re

import pytest
from optuna.distributions import FloatDistribution
from scipy.stats import gamma, loguniform, randint
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.spaces import in_words


def test_frozen_distributions_are_calls():
    space = {"a": loguniform(0.01, 500), "b": randint(low=1, high=9), "c": gamma(2, scale=3), "d": [1, 2]}
    shown = {name: repr(written) for name, written in in_words(space).items()}
    assert shown == {
        "a": "loguniform(0.01, 500)",
        "b": "randint(low=1, high=9)",
        "c": "gamma(2, scale=3)",
        "d": "[1, 2]",
    }
    for written in space.values():
        if not isinstance(written, list):
            again = eval(repr(in_words(written)), {"loguniform": loguniform, "randint": randint, "gamma": gamma})
            assert again.ppf([0.1, 0.9]).tolist() == written.ppf([0.1, 0.9]).tolist()


def test_a_search_is_printed_in_words_and_stays_as_it_is():
    space = [{"C": loguniform(0.01, 500)}, {"C": FloatDistribution(0, 1), "kernel": ["linear"]}]
    search = OptunaSearchCV(SVC(), space)
    text = " ".join(repr(search).split())
    assert "[{'C': loguniform(0.01, 500)}, {'C': FloatDistribution(high=1.0, log=False, low=0.0, step=None)" in text
    assert search.param_distributions is space
    assert "0x" not in repr(clone(search).set_params(param_distributions=None, param_grid=space[0]))


LONG = {"C": list(range(300)), "gamma": [0.1, 1, 10], "kernel": ["linear", "poly", "rbf", "sigmoid"]}


@pytest.mark.parametrize("param_grid", [LONG, {"C": [1, 2]}, [LONG, LONG], {f"p{i}": [i] for i in range(60)}])
def test_a_search_is_broken_into_lines_as_grid_search_cv_is(param_grid):
    for place in [lambda search: search, lambda search: Pipeline([("scale", StandardScaler()), ("svc", search)])]:
        peer = repr(place(GridSearchCV(SVC(), param_grid=param_grid)))
        text = repr(place(OptunaSearchCV(SVC(), param_grid=param_grid)))
        assert re.sub(r"\s+", " ", text) == re.sub(r"\s+", " ", peer.replace("GridSearchCV", "OptunaSearchCV"))
        assert max(map(len, text.splitlines())) <= 80


def test_distributions_are_words_also_within_other_estimators():
    space = {f"a_parameter_{i}": loguniform(0.01, 500) for i in range(6)}
    for search in [OptunaSearchCV(SVC(), space), OptunaSearchCV(SVC(), {"C": loguniform(0.01, 500)})]:
        for outer in [search, make_pipeline(StandardScaler(), search), OptunaSearchCV(search, {"sampler": ["tpe"]})]:
            text = repr(outer)
            assert "loguniform(0.01, 500)" in text
            assert "0x" not in text
        assert max(map(len, repr(search).splitlines())) <= 80
    first, second = repr(search).splitlines()
    assert (first, second.strip()) == (
        "OptunaSearchCV(estimator=SVC(),",
        "param_distributions={'C': loguniform(0.01, 500)})",
    )


def test_other_searches_are_printed_as_before():
    assert "0x" in repr(RandomizedSearchCV(SVC(), {"C": loguniform(0.01, 500)}))
    assert (
        repr(OptunaSearchCV(SVC(), {"C": [1, 2]}))
        == "OptunaSearchCV(estimator=SVC(), param_distributions={'C': [1, 2]})"
    )
