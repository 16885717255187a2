"""The period of a search: about fifty reports of its longest candidate, the same for all."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from scipy.stats import poisson, randint
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna.search._period import period_of_rounds
from sk_optuna.spaces import space_from_user

HIST, GRADIENT = HistGradientBoostingClassifier, GradientBoostingClassifier


def period(estimator, written):
    return period_of_rounds(estimator, space_from_user(written, None, estimator))


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        (IntDistribution(10, 1000), 20),
        (IntDistribution(10, 1000, log=True), 20),
        (CategoricalDistribution([200, 100]), 4),
        ([10, 401, 30], 9),
        (range(1, 52), 2),
        (randint(1, 51), 1),
        ([50], 1),
        ([7, None], 1),
        (poisson(2000), 45),
    ],
    ids=range(9),
)
def test_the_most_rounds_in_the_space_are_about_fifty_periods(rounds, expected):
    assert period(HIST(max_iter=9000), {"max_iter": rounds}) == expected


class OnlyDraws:
    def rvs(self, random_state=None):
        return 100


@pytest.mark.parametrize(
    "written", [{}, {"max_depth": [2, 3]}, {"max_iter": OnlyDraws()}, lambda trial: {}], ids=range(4)
)
def test_the_estimators_own_rounds_count_where_the_space_says_nothing(written):
    assert period(HIST(max_iter=500), written) == 10


@pytest.mark.parametrize(
    ("estimator", "written", "expected"),
    [
        (GRADIENT(), {"n_estimators": [300]}, 6),
        (RandomForestClassifier(n_estimators=150), {"max_depth": [3]}, 3),
        (BaggingRegressor(n_estimators=51), {}, 2),
        (make_pipeline(StandardScaler(), GRADIENT()), {"gradientboostingclassifier__n_estimators": [300]}, 6),
        (
            TransformedTargetRegressor(Pipeline([("m", HistGradientBoostingRegressor())])),
            {"regressor__m__max_iter": [10, 200]},
            4,
        ),
        (SGDClassifier(max_iter=1000), {"max_iter": [1000, 2000]}, 1),
    ],
    ids=["trees", "forest", "bag", "pipeline", "regressor", "passes"],
)
def test_the_leaf_has_the_rounds(estimator, written, expected):
    assert period(estimator, written) == expected


def test_the_longest_branch_counts():
    written = [{"max_iter": [100]}, {"max_iter": [300], "max_depth": [2]}, {"max_depth": [3]}]
    assert period(HIST(max_iter=150), written) == 6
    assert period(HIST(max_iter=900), written) == 18


def test_leaves_that_the_space_puts_in_are_asked_for_theirs():
    pipe = Pipeline([("scale", StandardScaler()), ("model", "passthrough")])
    models = [HIST(max_iter=200), GRADIENT(n_estimators=400), SGDClassifier(max_iter=5000)]
    assert period(pipe, {"model": models}) == 8
    assert period(pipe, {"model": [GRADIENT(n_estimators=400)], "model__n_estimators": [10, 60]}) == 2
    assert period(pipe, [{"model": models[:1], "model__max_iter": [1000]}, {"model": models[1:]}]) == 20
    assert models[0].max_iter == 200


@pytest.mark.parametrize("rounds", [0, -3, "many", np.nan])
def test_numbers_that_a_fit_will_refuse_are_no_reason_to_fail_before(rounds):
    assert period(HIST(max_iter=rounds), {"max_depth": [2]}) == 1
