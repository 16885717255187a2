"""A printed search shows distributions as they were written."""

from optuna.distributions import FloatDistribution
from scipy.stats import gamma, loguniform, randint
from sklearn.base import clone
from sklearn.model_selection import RandomizedSearchCV
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


def test_other_searches_are_printed_as_before():
    assert "0x" in repr(RandomizedSearchCV(SVC(), {"C": loguniform(0.01, 500)}))
    assert (
        repr(OptunaSearchCV(SVC(), {"C": [1, 2]}))
        == "OptunaSearchCV(estimator=SVC(), param_distributions={'C': [1, 2]})"
    )
