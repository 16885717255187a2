"""What a user writes for one parameter, and the way to the study and back."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import sparse, stats
from sklearn.decomposition import PCA
from sklearn.feature_selection import f_classif, mutual_info_classif
from sklearn.svm import SVC

from sk_optuna.exceptions import InvalidSpaceError
from sk_optuna.spaces._domains import domain_of

# The same examples on every machine: a suite that fails now and then is not run.
examples = settings(max_examples=30)

finite = st.floats(-1e6, 1e6, allow_subnormal=False)
positive = st.floats(1e-6, 1e6, allow_subnormal=False)
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
objects = (
    st.tuples(plain, plain) | st.lists(plain, max_size=2) | st.dictionaries(st.text(max_size=2), plain, max_size=2)
)
quantiles = st.floats(1e-6, 1 - 1e-6)

CONTINUOUS = [
    stats.norm(3, 2),
    stats.expon(scale=5),
    stats.beta(0.5, 3),
    stats.lognorm(2),
    stats.truncnorm(-1, 2),
    stats.gamma(2, loc=-3),
    stats.t(2),
    stats.triang(0.3),
]
DISCRETE = [
    stats.poisson(4),
    stats.geom(0.2),
    stats.binom(20, 0.3),
    stats.nbinom(3, 0.4, loc=-2),
    stats.bernoulli(0.5),
    stats.rv_discrete(name="custom", values=([1, 5, 20], [0.2, 0.5, 0.3])),
    stats.rv_discrete(name="custom", values=([1, 5, 20], [0.2, 0.5, 0.3]))(loc=1),
]


def family(variable):
    name = getattr(getattr(variable, "dist", variable), "name", None)
    return f"{name or type(variable).__name__}{'' if hasattr(variable, 'dist') else ' (not frozen)'}"


def same(a, b):
    return type(a) is type(b) and (a == b or (a != a and b != b))


# --- exact counterparts -----------------------------------------------------------------------------------------------


@examples
@given(low=finite, width=positive)
def test_uniform_is_optunas_float_range(low, width):
    assume(low + width > low)
    assert domain_of("a", stats.uniform(low, width)).distribution == FloatDistribution(low, low + width)


@examples
@given(low=positive, factor=st.floats(1.001, 1e6), scale=positive)
def test_loguniform_is_optunas_logarithmic_range(low, factor, scale):
    high = low * factor
    assert domain_of("a", stats.loguniform(low, high)).distribution == FloatDistribution(low, high, log=True)
    scaled = domain_of("a", stats.loguniform(low, high, scale=scale)).distribution
    assert scaled.log
    assert (scaled.low, scaled.high) == pytest.approx((low * scale, high * scale))


@examples
@given(low=st.integers(-1000, 1000), n=st.integers(1, 1000), loc=st.integers(-5, 5))
def test_randint_is_optunas_integer_range_without_its_upper_bound(low, n, loc):
    assert domain_of("a", stats.randint(low, low + n)).distribution == IntDistribution(low, low + n - 1)
    assert domain_of("a", stats.randint(low, low + n, loc=loc)).distribution == IntDistribution(
        low + loc, low + loc + n - 1
    )


def test_uniform_by_keyword_is_the_same_as_by_position():
    assert domain_of("a", stats.uniform(loc=2, scale=3)).distribution == FloatDistribution(2, 5)


def test_shifted_loguniform_is_not_taken_for_uniform_in_the_logarithm():
    variable = stats.loguniform(1, 100, loc=50)
    domain = domain_of("a", variable)
    assert domain.decode(0.5) == pytest.approx(variable.median())


@pytest.mark.parametrize(
    "distribution",
    [
        FloatDistribution(0, 1),
        FloatDistribution(1e-3, 1, log=True),
        FloatDistribution(0, 1, step=0.1),
        IntDistribution(2, 64, log=True),
        IntDistribution(0, 9, step=3),
        CategoricalDistribution(["a", None, 2, 2.5, False]),
    ],
    ids=str,
)
def test_optuna_distribution_reaches_the_study_as_it_is(distribution):
    domain = domain_of("a", distribution)
    assert domain.distribution == distribution
    assert domain.study_name("a") == "a"


@examples
@given(low=st.integers(-50, 50), n=st.integers(0, 40), step=st.integers(1, 7))
def test_integers_of_a_range_are_counted_and_encoded(low, n, step):
    domain = domain_of("a", IntDistribution(low, low + n * step, step=step))
    values = [domain.decode(stored) for stored in domain.column()]
    assert values == list(range(low, low + n * step + 1, step))
    assert all(type(value) is int for value in values)
    assert [domain.encode(np.int64(value)) for value in values] == values


@examples
@given(low=st.integers(-50, 50), n=st.integers(0, 40), step=st.sampled_from([0.1, 0.25, 0.3, 1e-3, 7.0]))
def test_steps_of_a_range_are_counted_and_encoded(low, n, step):
    domain = domain_of("a", FloatDistribution(low, round(low + n * step, 6), step=step))
    values = [domain.decode(stored) for stored in domain.column()]
    assert values == pytest.approx([low + i * step for i in range(n + 1)])
    assert len(set(values)) == n + 1
    assert [domain.decode(domain.encode(value)) for value in values] == values


@pytest.mark.parametrize("value", [-1, 11, 2.5, math.nan, math.inf, "3", None, True, [3]], ids=repr)
def test_value_outside_an_integer_range_is_refused(value):
    with pytest.raises(ValueError, match="not"):
        domain_of("a", IntDistribution(0, 10)).encode(value)


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3)], ids=repr)
def test_integer_written_as_a_float_stays_an_integer(value):
    encoded = domain_of("a", stats.randint(0, 10)).encode(value)
    assert encoded == 3
    assert type(encoded) is int


# --- quantiles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", CONTINUOUS, ids=family)
@examples
@given(quantile=quantiles)
def test_quantile_of_a_continuous_distribution_leads_back(variable, quantile):
    domain = domain_of("a", variable)
    value = domain.decode(quantile)
    assert type(value) is float
    assert value == pytest.approx(variable.ppf(quantile))
    assert domain.decode(domain.encode(value)) == pytest.approx(value, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("variable", DISCRETE, ids=family)
@examples
@given(quantile=quantiles)
def test_quantile_of_a_discrete_distribution_is_an_integer_and_leads_back(variable, quantile):
    domain = domain_of("a", variable)
    value = domain.decode(quantile)
    assert type(value) is int
    assert value == variable.ppf(quantile)
    assert domain.decode(domain.encode(value)) == value


@pytest.mark.filterwarnings("ignore:Error in function boost")  # scipy's own, for beta below a quantile of 1e-9
@pytest.mark.parametrize("variable", [*CONTINUOUS, *DISCRETE], ids=family)
def test_quantiles_at_the_edge_are_finite(variable):
    domain = domain_of("a", variable)
    assert math.isfinite(domain.decode(domain.distribution.low))
    assert math.isfinite(domain.decode(domain.distribution.high))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (stats.norm(0, 1), 9.5),
        (stats.norm(0, 1), -9.5),
        (stats.expon(), 40.0),
        (stats.poisson(3), 60),
        (stats.poisson(3), 2.5),
        (stats.rv_discrete(name="custom", values=([1, 5, 20], [0.2, 0.5, 0.3]))(), 3),
        (stats.lognorm(10), 1e40),
    ],
    ids=lambda v: family(v) if hasattr(v, "cdf") else str(v),
)
def test_value_that_no_quantile_leads_to_is_refused_and_never_replaced_by_another(variable, value):
    domain = domain_of("a", variable)
    try:
        encoded = domain.encode(value)
    except ValueError:
        return
    assert domain.decode(encoded) == pytest.approx(value, rel=1e-6)


def test_discrete_distribution_over_fractions_keeps_them():
    """scipy documents integers for rv_discrete, but draws fractions from it, and so does RandomizedSearchCV."""
    variable = stats.rv_discrete(values=([0.1, 0.5, 1.0], [0.2, 0.5, 0.3]))()
    domain = domain_of("a", variable)
    assert [domain.decode(quantile) for quantile in (0.1, 0.5, 0.9)] == [0.1, 0.5, 1.0]


@pytest.mark.parametrize("variable", CONTINUOUS, ids=family)
def test_uniform_quantiles_are_distributed_as_the_continuous_distribution(variable):
    domain = domain_of("a", variable)
    draws = np.random.default_rng(0).uniform(domain.distribution.low, domain.distribution.high, size=500)
    values = [domain.decode(draw) for draw in draws]
    assert stats.kstest(values, variable.cdf).pvalue > 0.001


@pytest.mark.parametrize("variable", DISCRETE, ids=family)
def test_uniform_quantiles_are_distributed_as_the_discrete_distribution(variable):
    domain = domain_of("a", variable)
    draws = np.random.default_rng(0).uniform(domain.distribution.low, domain.distribution.high, size=500)
    values = np.array([domain.decode(draw) for draw in draws])
    # 1.95 / sqrt(n): Kolmogorov's critical value at 0.001, conservative where there are ties
    for value in np.unique(values):
        assert abs(np.mean(values <= value) - variable.cdf(value)) < 1.95 / math.sqrt(len(values))


def test_quantile_says_in_the_study_that_it_is_one():
    assert domain_of("a", stats.norm()).study_name("a") == "quantile(a)"


@pytest.mark.skipif(not hasattr(stats, "Normal"), reason="scipy's new distributions came with 1.15")
def test_scipys_new_distributions_are_modelled_too():
    normal = domain_of("a", stats.Normal(mu=1.0, sigma=2.0))
    assert normal.decode(0.975) == pytest.approx(stats.norm(1, 2).ppf(0.975))
    assert normal.decode(normal.encode(2.0)) == pytest.approx(2.0)
    uniform = domain_of("a", stats.Uniform(a=1.0, b=3.0))
    assert uniform.decode(0.5) == pytest.approx(2.0)


@pytest.mark.skipif(not hasattr(stats, "Binomial"), reason="scipy's new discrete distributions came with 1.16")
def test_scipys_new_discrete_distributions_give_integers():
    binomial = domain_of("a", stats.Binomial(n=10, p=0.5))
    assert type(binomial.decode(0.5)) is int
    assert binomial.decode(0.5) == 5
    assert binomial.decode(binomial.encode(7)) == 7


def test_object_that_can_only_be_drawn_from_gives_the_same_draw_for_the_same_seed():
    domain = domain_of("a", stats.multivariate_normal([0, 10]))
    assert domain.study_name("a") == "seed(a)"
    np.testing.assert_array_equal(domain.decode(3), domain.decode(3))
    assert not np.array_equal(domain.decode(3), domain.decode(4))
    with pytest.raises(ValueError, match="only be drawn from"):
        domain.encode([0, 10])


# --- choices ----------------------------------------------------------------------------------------------------------


@examples
@given(values=st.lists(plain | objects, min_size=1, max_size=8))
def test_choices_decode_to_the_users_values_in_order_with_duplicates(values):
    domain = domain_of("a", values)
    decoded = [domain.decode(stored) for stored in domain.column()]
    assert len(decoded) == len(values)
    for value, written in zip(decoded, values, strict=True):
        assert value is written or same(value, written)


@examples
@given(values=st.lists(plain | objects, min_size=1, max_size=8))
def test_study_sees_plain_values_that_can_be_pickled_and_told_apart(values):
    stored = domain_of("a", values).distribution.choices
    assert all(type(value) in (bool, int, float, str, type(None)) for value in stored)
    assert len(set(stored)) == len(stored)
    assert pickle.loads(pickle.dumps(stored)) == stored


@examples
@given(values=st.lists(plain | objects, min_size=1, max_size=8))
def test_every_choice_encodes_to_itself_or_an_equal_one(values):
    domain = domain_of("a", values)
    for value in values:
        found = domain.decode(domain.encode(value))
        assert found is value or same(found, value)


def test_true_one_and_one_point_zero_are_three_choices():
    domain = domain_of("a", [True, 1, 1.0, np.bool_(True), 0, False, 0.0])
    decoded = [domain.decode(stored) for stored in domain.column()]
    assert [type(value) for value in decoded] == [bool, int, float, np.bool_, int, bool, float]
    assert len(domain.distribution.choices) == 7


def test_nan_is_one_choice_however_often_it_is_written():
    domain = domain_of("a", [math.nan, float("nan"), np.nan, 1.0])
    assert len(domain.distribution.choices) == 2
    assert len(domain.column()) == 4
    assert math.isnan(domain.decode(domain.encode(float("nan"))))


def test_objects_of_every_kind_are_choices_and_come_back_themselves():
    values = [
        SVC(),
        SVC,
        PCA(2),
        "passthrough",
        None,
        (1, 2),
        [1, 2],
        {"a": 1},
        {1, 2},
        np.arange(3),
        sparse.eye(2).tocsr(),
        f_classif,
        mutual_info_classif,
        lambda x: x,
        math.nan,
        b"bytes",
        1j,
    ]
    domain = domain_of("a", values)
    assert [id(domain.decode(stored)) for stored in domain.column()] == [id(value) for value in values]
    assert all(type(stored) is str for stored in domain.distribution.choices)


def test_labels_are_short_and_have_no_addresses():
    class Nameless:
        pass

    domain = domain_of("a", [np.zeros(10_000), Nameless(), lambda x: x, "x\n" * 500])
    for label in domain.distribution.choices:
        assert len(label) < 120
        assert "0x" not in label
        assert "\n" not in label


@pytest.mark.parametrize(
    "written",
    [[1, 2, 3], (1, 2, 3), np.array([1, 2, 3]), np.array([1, 2, 3], dtype=object)],
    ids=lambda written: type(written).__name__,
)
def test_lists_tuples_and_arrays_are_lists_of_choices(written):
    domain = domain_of("a", written)
    assert [domain.decode(stored) for stored in domain.column()] == [1, 2, 3]
    assert domain.distribution.choices == (1, 2, 3)


@pytest.mark.parametrize("written", [range(1, 4), range(3, 40, 7), range(2, 3)])
def test_range_is_a_list_whose_order_the_sampler_knows(written):
    domain = domain_of("a", written)
    assert domain.is_list
    assert [domain.decode(stored) for stored in domain.column()] == list(written)
    assert isinstance(domain.distribution, IntDistribution)


def test_range_that_falls_is_a_list_in_its_own_order():
    domain = domain_of("a", range(3, 0, -1))
    assert [domain.decode(stored) for stored in domain.column()] == [3, 2, 1]


def test_numpy_numbers_stay_numpy_numbers_for_the_estimator_and_are_plain_for_the_study():
    domain = domain_of("a", np.array([0.5, 1.5], dtype=np.float32))
    assert type(domain.decode(domain.column()[0])) is np.float32
    assert all(type(stored) is float for stored in domain.distribution.choices)


@pytest.mark.parametrize(
    ("values", "asked", "found"),
    [
        ([SVC(C=1), SVC(C=2)], SVC(C=2), 1),
        ([np.arange(3), np.arange(4)], np.arange(4), 1),
        ([(1, 2), (3, 4)], (3, 4), 1),
        ([{"a": 1}, {"a": 2}], {"a": 2}, 1),
        ([1, 10, 100], 10.0, 1),
        ([1, 1.0, True], 1.0, 1),
        ([1, 1.0, True], True, 2),
        ([0.1, None], None, 1),
        (np.array([0.1, 0.2]), 0.2, 1),
        ([(np.arange(2), 1), (np.arange(2), 2)], (np.arange(2), 2), 1),
        ([[np.arange(2)], [np.arange(3)]], [np.arange(3)], 1),
    ],
    ids=str,
)
def test_equal_value_is_recognized_as_the_choice(values, asked, found):
    domain = domain_of("a", values)
    assert domain.encode(asked) == domain.column()[found]


@pytest.mark.parametrize(
    ("values", "asked"),
    [([1, 2], True), ([True, False], 1), (["1"], 1), ([SVC()], PCA()), ([np.arange(3)], np.arange(2)), ([None], 0)],
    ids=str,
)
def test_other_value_is_not_taken_for_a_choice(values, asked):
    with pytest.raises(ValueError, match="none of the"):
        domain_of("a", values).encode(asked)


def test_error_names_the_parameter():
    with pytest.raises(InvalidSpaceError, match="'svc__C'"):
        domain_of("svc__C", 3)


@pytest.mark.parametrize("exponent", [1.2, 2.5])
def test_discrete_distribution_without_variance_is_drawn_from_and_not_modelled(exponent):
    """Scipy would walk millions of steps to its quantiles."""
    domain = domain_of("a", stats.zipf(exponent))
    assert domain.study_name("a") == "seed(a)"
    assert domain.decode(7) == stats.zipf(exponent).rvs(random_state=np.random.RandomState(7))
