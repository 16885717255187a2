"""Parameters for readers: each value is itself or one line of text, and in the one range of its name."""

from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import loguniform
from sklearn.svm import SVC

from sk_optuna.spaces import shown_params, unit_scales

NUMBERS = st.one_of(st.integers(-(2**40), 2**40), st.floats(-1e12, 1e12, allow_subnormal=False))
VALUES = st.one_of(NUMBERS, st.booleans(), st.none(), st.text(max_size=5), st.tuples(st.integers()))


@settings(derandomize=True, database=None, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), min_size=1, max_size=8))
def test_every_value_is_in_its_range_and_equal_rows_stay_equal(params):
    rows, distributions = shown_params(params, {})
    assert [row.keys() for row in rows] == [each.keys() for each in params]
    for name, distribution in distributions.items():
        for row, given_params in zip(rows, params, strict=True):
            if name in row:
                assert distribution._contains(distribution.to_internal_repr(row[name]))
                if not isinstance(distribution, CategoricalDistribution):
                    assert row[name] == given_params[name]


def test_ranges_are_those_of_the_space_and_of_what_was_tried():
    scales = unit_scales({"a": loguniform(0.1, 10), "b": [1, 2, 4], "c": [3, 1, 2]})
    rows, distributions = shown_params([{"a": 50.0, "b": 2, "c": 3}, {"a": 1.0, "b": 1, "c": 1}], scales)
    assert rows == [{"a": 50.0, "b": 2, "c": 3}, {"a": 1.0, "b": 1, "c": 1}]
    assert distributions == {
        "a": FloatDistribution(0.1, 50, log=True),
        "b": IntDistribution(1, 4, log=True),
        "c": CategoricalDistribution([3, 1]),
    }


def test_objects_that_read_alike_are_told_apart():
    one, other = SVC(), SVC()
    rows, _ = shown_params([{"a": one}, {"a": other}, {"a": one}], {})
    assert [row["a"] for row in rows] == ["SVC()", "SVC() (1)", "SVC()"]
