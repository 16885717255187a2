"""Bounds that are no finite numbers are refused by name, wherever they are written, before a model is trained."""

import math

import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from scipy import stats
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidSpaceError

NAN, INF = math.nan, math.inf
X, Y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]


class NeverFitted(SVC):
    def fit(self, X, y):
        raise AssertionError("fitted")


def refusal(space):
    with pytest.raises(InvalidSpaceError) as error:
        OptunaSearchCV(NeverFitted(), space, cv=2, error_score="raise").fit(X, Y)
    return str(error.value)


@pytest.mark.parametrize(
    "written",
    [
        FloatDistribution(NAN, 1),
        FloatDistribution(0, NAN),
        FloatDistribution(NAN, NAN),
        FloatDistribution(1, NAN, log=True),
        FloatDistribution(0, INF),
        FloatDistribution(-INF, 0),
        FloatDistribution(1, INF, log=True),
        FloatDistribution(-1.7e308, 1.7e308),
        IntDistribution(0, 10**400),
    ],
    ids=lambda written: repr(written)[:60],
)
def test_a_range_of_optuna_without_finite_bounds_is_refused(written):
    said = refusal({"C": written})
    assert "Parameter 'C' of param_distributions must have bounds that are finite numbers" in said
    assert f"but got {written}" in said
    assert "for example FloatDistribution(1e-3, 1e3, log=True)" in said


@pytest.mark.parametrize(
    "written",
    [
        stats.loguniform(NAN, 1),
        stats.loguniform(1, NAN),
        stats.loguniform(1, INF),
        stats.uniform(loc=NAN),
        stats.uniform(0, NAN),
        stats.uniform(0, INF),
        stats.randint(NAN, 3),
        stats.randint(0, NAN),
        stats.randint(0, INF),
        stats.randint(-INF, 3),
        stats.norm(NAN, 1),
        stats.norm(0, NAN),
        stats.norm(INF, 1),
        stats.expon(scale=NAN),
        stats.gamma(NAN),
        stats.poisson(NAN),
        stats.truncnorm(0, 1, scale=NAN),
    ],
    ids=lambda written: f"{written.dist.name}{written.args}{written.kwds}",
)
def test_a_distribution_of_scipy_without_bounds_is_refused_with_its_arguments(written):
    said = refusal({"C": written})
    assert f"scipy distribution {written.dist.name!r} for parameter 'C' of param_distributions has no values" in said
    assert f"with the arguments {(*written.args, *written.kwds.items())}" in said
    assert "low <= high must hold, both finite" in said


def test_a_distribution_of_scipy_whose_values_are_no_numbers_is_refused():
    said = refusal({"C": stats.gamma(INF)})
    assert "scipy distribution 'gamma' for parameter 'C'" in said
    assert "half of them lie below nan. Give it finite arguments" in said


@pytest.mark.parametrize(
    "suggest",
    [
        lambda trial: trial.suggest_float("C", NAN, 1),
        lambda trial: trial.suggest_float("C", 0, INF),
        lambda trial: trial.suggest_float("C", 1, NAN, log=True),
        lambda trial: trial.suggest_int("C", 0, 10**400),
    ],
)
@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_a_callable_that_suggests_from_such_a_range_is_refused(suggest, sampler):
    with pytest.raises(InvalidSpaceError, match=r"suggests 'C' from \w+Distribution\(.*both bounds .* finite numbers"):
        OptunaSearchCV(NeverFitted(), lambda trial: {"C": suggest(trial)}, sampler=sampler, cv=2).fit(X, Y)


def test_a_branch_is_named_by_its_parameter_too():
    assert "Parameter 'gamma' of param_distributions" in refusal([{"C": [1]}, {"gamma": FloatDistribution(NAN, 1)}])
