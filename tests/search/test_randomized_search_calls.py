"""Calls of RandomizedSearchCV, and of Optuna, run with one changed word."""

import pickle
import warnings

import optuna.distributions
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError

X, Y = load_iris(return_X_y=True)
SPACE = {"C": loguniform(1e-2, 1e2)}


def params(search):
    return search.cv_results_["params"]


def test_a_call_of_randomized_search_cv_runs_as_many_candidates():
    for kind in (RandomizedSearchCV, OptunaSearchCV):
        assert len(params(kind(SVC(), SPACE, n_iter=7, random_state=0, cv=3).fit(X, Y))) == 7


def test_n_iter_is_another_name_of_n_trials():
    ours = [OptunaSearchCV(SVC(), SPACE, random_state=0, cv=3, **{name: 6}) for name in ("n_iter", "n_trials")]
    assert params(ours[0].fit(X, Y)) == params(ours[1].fit(X, Y))
    grid = {"C": [0.1, 1, 10], "kernel": ["rbf", "linear"]}
    for n, expected in ((4, 4), (6, 6), (100, 6)):
        assert OptunaSearchCV(SVC(), grid, n_iter=n, random_state=0, cv=3).fit(X, Y).n_trials_ == expected


def test_both_names_at_once_are_refused():
    with pytest.raises(InvalidArgumentError, match=r"Only one of n_iter and n_trials.*n_iter=5 and n_trials=5.*Leave"):
        OptunaSearchCV(SVC(), SPACE, n_iter=5, n_trials=5).fit(X, Y)


@pytest.mark.parametrize("value", [0, -1, 2.5, "10"])
def test_n_iter_is_checked_under_its_own_name(value):
    with pytest.raises(ValueError, match=rf"'n_iter' parameter.*int in the range \[1, inf\).*Got {value!r}"):
        OptunaSearchCV(SVC(), SPACE, n_iter=value).fit(X, Y)


def test_n_iter_is_a_parameter_like_any_other():
    search = clone(OptunaSearchCV(SVC(), SPACE, n_iter=5)).set_params(n_iter=3, cv=3, random_state=0)
    assert search.get_params()["n_iter"] == 3
    again = pickle.loads(pickle.dumps(search))
    assert again.fit(X, Y).n_trials_ == 3


def test_a_search_that_was_pickled_without_n_iter_still_works():
    search = OptunaSearchCV(SVC(), SPACE, n_trials=3, cv=3, random_state=0)
    del search.__dict__["n_iter"]
    again = pickle.loads(pickle.dumps(search))
    assert again.get_params()["n_iter"] is None
    assert clone(again).fit(X, Y).n_trials_ == again.fit(X, Y).n_trials_ == 3


def test_no_sampler_is_the_default_one_as_in_optuna():
    ours = [OptunaSearchCV(SVC(), SPACE, n_iter=14, random_state=0, cv=3, sampler=s).fit(X, Y) for s in (None, "tpe")]
    assert params(ours[0]) == params(ours[1])
    assert OptunaSearchCV(SVC(), SPACE).sampler == "tpe"


OLD = {
    "UniformDistribution": ((0.1, 1.0), optuna.distributions.FloatDistribution(0.1, 1.0)),
    "LogUniformDistribution": ((0.1, 1.0), optuna.distributions.FloatDistribution(0.1, 1.0, log=True)),
    "DiscreteUniformDistribution": ((0.1, 0.3, 0.1), optuna.distributions.FloatDistribution(0.1, 0.3, step=0.1)),
    "IntUniformDistribution": ((1, 9, 2), optuna.distributions.IntDistribution(1, 9, step=2)),
    "IntLogUniformDistribution": ((1, 9), optuna.distributions.IntDistribution(1, 9, log=True)),
}


def old_distribution(name):
    if not hasattr(optuna.distributions, name):
        pytest.skip(f"this Optuna has no {name} any more")
    with pytest.warns(FutureWarning, match=name):
        return getattr(optuna.distributions, name)(*OLD[name][0])


@pytest.mark.parametrize("name", OLD)
def test_deprecated_distributions_of_optuna_are_those_that_replace_them(name):
    old, new = old_distribution(name), OLD[name][1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tables = [
            params(OptunaSearchCV(LogisticRegression(max_iter=500), {"C": d}, n_iter=5, random_state=0, cv=2).fit(X, Y))
            for d in (old, new)
        ]
    assert tables[0] == tables[1]


@pytest.mark.skipif(not hasattr(optuna.Trial, "suggest_loguniform"), reason="this Optuna has none any more")
def test_deprecated_suggestions_of_optuna_still_suggest():
    def space(trial):
        return {"C": trial.suggest_loguniform("C", 1e-2, 1e2)}

    with pytest.warns(FutureWarning, match="suggest_loguniform"):
        search = OptunaSearchCV(SVC(), space, n_iter=3, random_state=0, cv=2).fit(X, Y)
    assert search.n_trials_ == 3
