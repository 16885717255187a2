"""What is written for another library is named, and so is what to write here."""

import math
import re
import warnings

import pytest

from sk_optuna.exceptions import InvalidSpaceError
from sk_optuna.spaces import space_from_user
from sk_optuna.spaces._domains import domain_of
from sk_optuna.spaces._foreign import refuse_foreign

DISTRIBUTIONS = "optuna.distributions."


def value_of(module, kind, **attributes):
    """Return a value of a class that says it comes from `module`, with an `rvs`, a length and a first element."""
    methods = {"rvs": lambda self, **_: [1], "__len__": lambda self: 1, "__getitem__": lambda self, i: [1][i]}
    value = type(kind, (), {"__module__": module, **methods})()
    vars(value).update(attributes)
    return value


def real(low, high, prior="uniform"):
    return value_of("skopt.space.space", "Real", low=low, high=high, prior=prior)


def integer(low, high, prior="uniform"):
    return value_of("skopt.space.space", "Integer", low=low, high=high, prior=prior)


def literal(obj):
    return value_of("hyperopt.pyll.base", "Literal", name="literal", obj=obj, pos_args=[], named_args=[])


def apply(name, *pos_args, **named_args):
    named = [[key, literal(value)] for key, value in named_args.items()]
    return value_of("hyperopt.pyll.base", "Apply", name=name, pos_args=list(pos_args), named_args=named)


def hp(name, *arguments, **named):
    label = apply("hyperopt_param", literal("x"), apply(name, *map(literal, arguments), **named))
    return apply("float", label)


def sampled(kind, lower, upper, sampler=None):
    return value_of(
        "ray.tune.search.sample", kind, lower=lower, upper=upper, sampler=sampler and value_of("ray", sampler)
    )


@pytest.mark.parametrize(
    ("written", "library", "instead"),
    [
        (real(1e-3, 1e3, "log-uniform"), "scikit-optimize", "scipy.stats.loguniform(0.001, 1000) or "),
        (real(1e-3, 1e3, "log-uniform"), "scikit-optimize", "FloatDistribution(0.001, 1000, log=True) instead"),
        (real(-1, 2.5), "scikit-optimize", "FloatDistribution(-1, 2.5) instead"),
        (integer(1, 10), "scikit-optimize", "IntDistribution(1, 10) instead"),
        (integer(1, 10, "log-uniform"), "scikit-optimize", "IntDistribution(1, 10, log=True) instead"),
        (value_of("skopt.space.space", "Categorical", categories=("a", "b")), "scikit-optimize", "['a', 'b'] instead"),
        (hp("uniform", 0, 1), "Hyperopt", "FloatDistribution(0, 1) instead"),
        (hp("loguniform", math.log(1e-3), math.log(10)), "Hyperopt", "scipy.stats.loguniform(0.001, 10) or"),
        (hp("quniform", 0, 10, 0.5), "Hyperopt", "FloatDistribution(0, 10, step=0.5) instead"),
        (apply("int", hp("quniform", 0, 5, q=1.0)), "Hyperopt", "IntDistribution(0, 5) instead"),
        (hp("randint", 5), "Hyperopt", "IntDistribution(0, 4) instead"),
        (hp("randint", 2, 5), "Hyperopt", "IntDistribution(2, 4) instead"),
        (hp("normal", 0, 2), "Hyperopt", "scipy.stats.norm(0, 2) instead"),
        (hp("lognormal", 0, 2), "Hyperopt", "scipy.stats.lognorm(2, scale=1) instead"),
        (hp("qlognormal", 0, 2, 1), "Hyperopt", "a list of values, scipy.stats.loguniform(low, high)"),
        (apply("switch", hp("randint", 2), literal("a"), literal("b")), "Hyperopt", "['a', 'b'] instead"),
        (apply("switch", hp("randint", 2), apply("dict")), "Hyperopt", "a list of values, scipy.stats.loguniform"),
        (sampled("Float", 0.1, 1), "Ray Tune", "FloatDistribution(0.1, 1) instead"),
        (sampled("Float", 0.1, 1, "_LogUniform"), "Ray Tune", "loguniform(0.1, 1)"),
        (sampled("Integer", 1, 10), "Ray Tune", "IntDistribution(1, 9) instead"),
        ({"grid_search": [1, 2]}, "Ray Tune", "Write [1, 2] instead"),
        (
            value_of("ConfigSpace.hyperparameters", "UniformIntegerHyperparameter", lower=1, upper=9, log=True),
            "ConfigSpace",
            "IntDistribution(1, 9, log=True) instead",
        ),
    ],
)
def test_a_dimension_of_another_library_is_named_with_its_counterpart(written, library, instead):
    with pytest.raises(InvalidSpaceError, match=rf"'C' of param_grid is written for {library}.*{re.escape(instead)}"):
        domain_of("C", written, "param_grid")


@pytest.mark.parametrize(
    ("make", "instead"),
    [
        (lambda space: space.Real(1e-3, 1e3, prior="log-uniform"), r"loguniform\(0.001, 1000\)"),
        (lambda space: space.Real(0, 1), r"FloatDistribution\(0, 1\)"),
        (lambda space: space.Integer(1, 10), r"IntDistribution\(1, 10\)"),
        (lambda space: space.Categorical(["a", "b"]), r"Write \['a', 'b'\]"),
    ],
)
def test_the_dimensions_of_scikit_optimize_itself_are_named(make, instead):
    space = pytest.importorskip("skopt.space", exc_type=ImportError)
    with pytest.raises(InvalidSpaceError, match=f"written for scikit-optimize.*{instead}"):
        domain_of("C", make(space))


@pytest.mark.parametrize(
    ("make", "instead"),
    [
        (lambda hp: hp.uniform("x", 0, 1), r"FloatDistribution\(0, 1\)"),
        (lambda hp: hp.loguniform("x", 0, 1), r"loguniform\(1, 2.7182818284"),
        (lambda hp: hp.uniformint("x", 0, 5), r"IntDistribution\(0, 5\)"),
        (lambda hp: hp.randint("x", 5), r"IntDistribution\(0, 4\)"),
        (lambda hp: hp.choice("x", ["a", "b"]), r"Write \['a', 'b'\]"),
        (lambda hp: hp.choice("x", [{"a": hp.uniform("y", 0, 1)}]), "Write a list of values"),
    ],
)
def test_the_expressions_of_hyperopt_itself_are_named(make, instead):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hyperopt = pytest.importorskip("hyperopt", exc_type=ImportError)
    with pytest.raises(InvalidSpaceError, match=f"written for Hyperopt.*{instead}"):
        domain_of("C", make(hyperopt.hp))


@pytest.mark.parametrize("written", [real(0, 1), [real(0, 1)]], ids=["whole", "branch"])
def test_a_whole_space_of_another_library_is_named_too(written):
    with pytest.raises(InvalidSpaceError, match=r"param_distributions is written for scikit-optimize"):
        space_from_user(written, None, None)


def test_what_is_of_no_library_passes():
    for written in ([1], (1, 2), {"a": 1}, 3, None, math, object()):
        refuse_foreign("x", written)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ((0.01, 100, "log-uniform"), r"loguniform\(0.01, 100\)"),
        ([0.01, 100, "loguniform"], r"FloatDistribution\(0.01, 100, log=True\)"),
        ((1, 10, "log-uniform"), r"IntDistribution\(1, 10, log=True\)"),
        ((0.1, 10.0, "uniform"), r"FloatDistribution\(0.1, 10\)"),
        ((1, 10, "log-uniform", 10), r"IntDistribution\(1, 10, log=True\)"),
    ],
)
def test_a_range_as_scikit_optimize_writes_it_warns_and_stays_a_list(written, instead):
    with pytest.warns(UserWarning, match=rf"'C'.*taken as a list of {len(written)} values.*range meant.*{instead}"):
        assert list(domain_of("C", written).column()) == list(written)


@pytest.mark.parametrize(
    "written",
    [(1, 10), (0.1, 10.0), (1, 2, 3), (1, 2, "a"), ("a", "b", "uniform"), (True, False, "log"), (1, "uniform")],
)
def test_a_list_of_values_does_not_warn(written):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(domain_of("C", written).column()) == list(written)
