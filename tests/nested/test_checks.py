"""Nested results gather what their searches found, and add what only outer folds can tell."""

import pickle

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sk_optuna import OptunaSearchCV, nested_cross_validate
from sk_optuna.exceptions import InvalidArgumentError

X, y = load_diabetes(return_X_y=True)


def search(low, high, n_trials=25):
    space = {"ridge__alpha": loguniform(low, high)}
    estimator = make_pipeline(StandardScaler(), Ridge())
    return OptunaSearchCV(estimator, space, n_trials=n_trials, cv=3, random_state=0)


@pytest.fixture(scope="module")
def results():
    searches = {
        "cut off": search(1e3, 1e6),
        "grid": GridSearchCV(Ridge(), {"alpha": [1, 10, 100, 1000]}, cv=3),
        "few": search(1e-2, 1e4, 4),
    }
    return nested_cross_validate(searches, X, y, cv=4)


def test_findings_of_the_inner_searches_are_gathered(results):
    bounds = {finding.about: finding for finding in results.checks() if finding.code == "bound"}
    assert set(bounds) == {"cut off, ridge__alpha at the lower end", "grid, alpha at the lower end"}
    assert "grid: in 4 of 4 outer folds the best candidate has alpha at the lower end of its range" in (
        bounds["grid, alpha at the lower end"].sentence
    )


def test_only_a_search_whose_sampler_learns_has_too_few_trials(results):
    assert [finding.about for finding in results.checks() if finding.code == "few-trials"] == ["few"]


def test_a_search_that_loses_to_its_defaults_is_an_issue(results):
    found = {finding.about: finding for finding in results.checks() if finding.code == "defaults-as-good"}
    assert found["cut off"].severity == "issue"
    assert "lost" in found["cut off"].sentence


def test_codes_can_be_left_out_and_must_be_known(results):
    assert "bound" not in results.checks(ignore="bound").codes
    with pytest.raises(InvalidArgumentError, match="Nearest to 'bonds': 'bound'"):
        results.checks(ignore=["bonds"])


def test_findings_are_on_the_first_screen_and_in_pickles(results):
    assert "bound" in repr(results)
    assert pickle.loads(pickle.dumps(results)).checks() == results.checks()


def test_without_a_basis_for_errors_checks_that_need_one_keep_silent():
    grid = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=3)
    grouped = nested_cross_validate(grid, X, y, cv=GroupKFold(4), groups=np.arange(len(y)) % 40)
    assert not {"optimism", "defaults-as-good"} & set(grouped.checks().codes)


def test_on_noise_the_inner_scores_are_optimistic():
    rng = np.random.default_rng(0)
    noise, labels = rng.normal(size=(60, 8)), rng.normal(size=60)
    space = {"max_depth": range(1, 9), "min_samples_leaf": range(1, 20), "max_features": [0.2, 0.4, 0.6, 0.8, 1.0]}
    tree = OptunaSearchCV(DecisionTreeRegressor(random_state=0), space, n_trials=40, cv=3, random_state=0)
    found = nested_cross_validate(tree, noise, labels, cv=5, baselines=()).checks()
    assert "optimism" in found.codes
