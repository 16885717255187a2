"""Searches that are good, and searches with one fault each: `checks` speaks of the fault, and otherwise of nothing."""

import pickle
import warnings

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.stats import loguniform
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError

X, y = load_diabetes(return_X_y=True)


class Hill(BaseEstimator):
    """Scores that fall with the distance of `a` from 3, alike on all folds but for a little noise."""

    def __init__(self, a=0.0, b=1):
        self.a = a
        self.b = b

    def fit(self, X, y=None):
        if self.b == 3:
            raise ValueError("b is 3")
        return self

    def score(self, X, y=None):
        return -((self.a - 3) ** 2) + 0.01 * np.sin(1000 * self.a + X[0, 0])


def fitted(space, n_trials=40, **kwargs):
    search = OptunaSearchCV(Hill(), space, n_trials=n_trials, random_state=0, refit=False, **kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return search.fit(np.arange(20.0)[:, None])


def test_a_good_search_has_no_findings():
    cancer_X, cancer_y = load_breast_cancer(return_X_y=True)
    space = {"svc__C": loguniform(1e-2, 1e3), "svc__gamma": loguniform(1e-4, 1e1)}
    search = OptunaSearchCV(make_pipeline(StandardScaler(), SVC()), space, n_trials=25, random_state=0)
    assert repr(search.fit(cancer_X[::2], cancer_y[::2]).checks()) == "No findings."


def test_a_range_that_ends_too_early_is_found():
    findings = fitted({"a": FloatDistribution(-4, 2)}).checks()
    assert findings.codes == ["bound"]
    assert findings[0].severity == "issue"


def test_too_few_trials_for_the_sampler_are_found():
    space = {"a": FloatDistribution(0, 6)}
    assert "few-trials" in fitted(space, 9).checks().codes
    assert "few-trials" not in fitted(space, 9, sampler="random").checks().codes
    assert "few-trials" not in fitted({"a": [1.0, 3.0, 4.0]}, None).checks().codes
    assert "few-trials" in fitted(space, 20, sampler=optuna.samplers.TPESampler(n_startup_trials=25)).checks().codes
    assert "few-trials" in fitted(space, 30, sampler="nsgaii").checks().codes


def test_failures_are_found_with_their_parameter():
    (finding,) = fitted({"a": FloatDistribution(0, 6), "b": [1, 3]}, 40, sampler="random").checks("bound")
    assert finding.code == "failures"
    assert "all of them have b=3" in finding.sentence


def test_a_space_of_equals_is_found():
    space = {"alpha": loguniform(1e-8, 1e-6)}
    search = OptunaSearchCV(Ridge(), space, n_trials=15, random_state=0, sampler="random").fit(X, y)
    assert search.checks().codes == ["many-equal"]


def test_codes_can_be_left_out_and_must_be_known():
    search = fitted({"a": FloatDistribution(-4, 2)})
    assert search.checks(ignore="bound") == ()
    assert search.checks(ignore=["bound", "failures"]) == ()
    with pytest.raises(InvalidArgumentError, match="Nearest to 'bond': 'bound'"):
        search.checks(ignore=["bond"])


def test_checks_need_a_fitted_search():
    with pytest.raises(NotFittedError):
        OptunaSearchCV(Hill(), {"a": [1]}).checks()


def test_a_pickled_search_has_the_same_findings():
    search = fitted({"a": FloatDistribution(-4, 2)})
    assert pickle.loads(pickle.dumps(search)).checks() == search.checks()


def test_pruned_candidates_are_no_failures_and_not_complete():
    search = fitted({"a": FloatDistribution(0, 6)}, 40, pruner="race", cv=10)
    assert (search.cv_results_["trial_state"] == "PRUNED").sum() > 8
    assert search.checks() == ()


def test_spaces_of_every_form_are_checked():
    for space in (
        lambda trial: {"a": trial.suggest_float("a", 0, 6)},
        [{"a": FloatDistribution(0, 6)}, {"a": FloatDistribution(0, 6), "b": IntDistribution(1, 2)}],
        {"a": np.linspace(0, 6, 50)},
    ):
        assert fitted(space).checks("many-equal") == ()


def test_a_callable_space_is_known_by_what_it_passes_on():
    assert fitted(lambda trial: {"a": trial.suggest_float("a", -4, 2)}).checks().codes == ["bound"]
    assert fitted(lambda trial: {"a": 1 + trial.suggest_float("a", -4, 1)}).checks() == ()


def test_checks_leave_the_search_as_it_is():
    search = fitted({"a": FloatDistribution(-4, 2)})
    before = pickle.dumps(search.cv_results_)
    search.checks()
    assert pickle.dumps(search.cv_results_) == before
