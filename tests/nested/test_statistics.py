"""Intervals, tests and posteriors of nested scores agree with formulas that are computed another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.nested._statistics import (
    OuterSplits,
    compare_scores,
    corrected_interval,
    holm,
    outer_splits,
    posterior,
)

FIVE_FOLDS = OuterSplits("k-fold", 5, 0.25)
SHUFFLES = OuterSplits("shuffle", 10, 1 / 9)
TESTS = ["low", "high", "t", "p_value", "p_holm", "p_worse", "p_equivalent", "p_better"]
X, y = np.zeros((24, 1)), np.tile([0, 1], 12)


def described(splitter, **kwargs):
    train, test = zip(*splitter.split(X, y, kwargs.get("groups")), strict=True)
    return outer_splits(train, test, has_groups=bool(kwargs))


@pytest.mark.parametrize(
    ("splitter", "kind", "ratio"),
    [
        (KFold(4), "k-fold", 1 / 3),
        (KFold(4, shuffle=True, random_state=0), "k-fold", 1 / 3),
        (StratifiedKFold(2), "k-fold", 1),
        (LeaveOneOut(), "k-fold", 1 / 23),
        (RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), "repeated k-fold", 1 / 2),
        (RepeatedStratifiedKFold(n_splits=4, n_repeats=3, random_state=0), "repeated k-fold", 1 / 3),
        (ShuffleSplit(6, test_size=0.25, random_state=0), "shuffle", 1 / 3),
        (StratifiedShuffleSplit(3, test_size=6, train_size=12, random_state=0), "shuffle", 1 / 2),
        (TimeSeriesSplit(3), "time series", np.mean([6 / 6, 6 / 12, 6 / 18])),
        (TimeSeriesSplit(3, max_train_size=6), "time series", 1),
    ],
)
def test_splits_are_known_by_their_indices(splitter, kind, ratio):
    splits = described(splitter)
    assert (splits.kind, splits.n_splits) == (kind, splitter.get_n_splits(X))
    assert splits.test_to_train == pytest.approx(ratio)


def test_splits_of_groups_and_of_one_own_making_are_told():
    assert described(GroupKFold(3), groups=np.arange(24) // 2).kind == "groups"
    uneven = [np.arange(10), np.arange(5)], [np.arange(10, 12), np.arange(5, 20)]
    assert outer_splits(*uneven).kind == "other"
    assert outer_splits([np.arange(20)], [np.arange(20, 24)]).kind == "shuffle"


def test_only_random_splits_have_the_published_procedure():
    basis = {kind: OuterSplits(kind, 5, 0.25).basis for kind in ("k-fold", "repeated k-fold", "shuffle", "other")}
    heuristics = dict.fromkeys(("k-fold", "repeated k-fold", "other"), "heuristic")
    assert basis == {**heuristics, "shuffle": "published procedure"}


@pytest.mark.parametrize("n_outer", [2, 5, 30])
def test_the_interval_is_the_t_interval_with_a_larger_variance(n_outer):
    scores = np.random.default_rng(0).normal(0.8, 0.05, n_outer)
    plain = stats.ttest_1samp(scores, 0).confidence_interval(0.9)
    factor = np.sqrt(1 + n_outer * 0.25)  # (1/J + r) over 1/J
    low, high = corrected_interval(scores, 0.25, level=0.9)
    assert (low + high) / 2 == pytest.approx(scores.mean())
    assert high - low == pytest.approx(factor * (plain.high - plain.low))
    assert corrected_interval(scores, 0.0, level=0.9) == pytest.approx(plain)


def test_an_interval_needs_two_scores_and_all_of_them():
    assert np.isnan(corrected_interval([0.5], 0.25)).all()
    assert np.isnan(corrected_interval([0.5, np.nan, 0.7], 0.25)).all()
    assert corrected_interval([0.7, 0.7, 0.7], 0.25) == pytest.approx((0.7, 0.7))


def test_repeating_the_folds_hardly_narrows_the_interval():
    """The point of the correction: more repeats of the same rows are not more data."""
    rng = np.random.default_rng(0)
    widths = [np.ptp(corrected_interval(rng.permutation(np.repeat([0.7, 0.8], n)), 0.25)) for n in (25, 250)]
    assert widths[1] > 0.9 * widths[0]


@pytest.mark.parametrize("rope", [0.0, 0.01, 0.2])
def test_the_posterior_is_the_integral_of_its_density(rope):
    ours = np.array([0.91, 0.88, 0.93, 0.90, 0.87])
    theirs = np.array([0.89, 0.87, 0.93, 0.86, 0.88])
    row = compare_scores({"a": theirs, "b": ours}, splits=FIVE_FOLDS, rope=rope, reference="a")
    d = ours - theirs
    # Corani & Benavoli 2015, by the correlation rho = n_test / (n_test + n_train) instead of the ratio
    rho, n = 0.2, len(d)
    scale = np.sqrt((1 / n + rho / (1 - rho)) * d.var(ddof=1))
    density = stats.t(n - 1, d.mean(), scale).pdf
    far = 5.0
    worse, equivalent, better = (
        integrate.quad(density, low, high, points=[d.mean()] if low < d.mean() < high else None, limit=200)[0]
        for low, high in ((-far, -rope), (-rope, rope), (rope, far))
    )
    found = row["p_worse"][0], row["p_equivalent"][0], row["p_better"][0]
    assert found == pytest.approx((worse, equivalent, better), abs=1e-5)


# scores of x and of y, rope, runs, and what two_on_single(x, y, rope=rope, runs=runs) of baycomp 1.0.3 gives for them
BAYCOMP = [
    ([0.81, 0.825, 0.81, 0.761, 0.827], [0.827, 0.822, 0.83, 0.776, 0.841], 0.0, 1, (0.0528233301, 0.0, 0.9471766699)),
    (
        [0.801, 0.816, 0.778, 0.795, 0.786],
        [0.821, 0.825, 0.78, 0.787, 0.789],
        0.01,
        1,
        (0.046123323, 0.6914959005, 0.2623807765),
    ),
    (
        [0.8, 0.792, 0.839, 0.83, 0.719, 0.743, 0.795, 0.787, 0.806, 0.807],
        [0.85, 0.778, 0.839, 0.879, 0.74, 0.764, 0.793, 0.762, 0.817, 0.817],
        0.02,
        1,
        (0.0093676427, 0.7410788448, 0.2495535125),
    ),
    (
        [0.763, 0.78, 0.798, 0.772, 0.797, 0.803, 0.801, 0.785, 0.818, 0.827],
        [0.777, 0.772, 0.821, 0.77, 0.823, 0.79, 0.827, 0.793, 0.801, 0.829],
        0.005,
        2,
        (0.140512954, 0.3228040468, 0.5366829992),
    ),
    (
        [
            0.802,
            0.808,
            0.771,
            0.767,
            0.806,
            0.786,
            0.807,
            0.823,
            0.751,
            0.808,
            0.837,
            0.791,
            0.776,
            0.823,
            0.808,
            0.827,
            0.79,
            0.756,
            0.797,
            0.787,
            0.823,
            0.806,
            0.751,
            0.764,
            0.827,
            0.82,
            0.781,
            0.8,
            0.813,
            0.814,
        ],
        [
            0.828,
            0.821,
            0.777,
            0.77,
            0.835,
            0.749,
            0.812,
            0.832,
            0.73,
            0.823,
            0.832,
            0.816,
            0.781,
            0.844,
            0.84,
            0.843,
            0.78,
            0.734,
            0.84,
            0.793,
            0.817,
            0.817,
            0.755,
            0.789,
            0.836,
            0.828,
            0.775,
            0.817,
            0.8,
            0.835,
        ],
        0.01,
        3,
        (0.006397774, 0.6314385231, 0.3621637029),
    ),
    ([0.5, 0.6, 0.7, 0.8], [0.5, 0.6, 0.7, 0.8], 0, 1, (0.5, 0.0, 0.5)),
    ([0.5, 0.6, 0.7, 0.8], [0.75, 0.85, 0.95, 1.05], 0, 1, (0.0, 0.0, 1.0)),
    ([0.5, 0.6, 0.7, 0.8], [0.5, 0.6, 0.7, 0.8], 0.01, 1, (0.0, 1.0, 0.0)),
]


@pytest.mark.parametrize(("x", "y_", "rope", "runs", "expected"), BAYCOMP)
def test_probabilities_are_those_of_baycomp(x, y_, rope, runs, expected):
    splits = OuterSplits("k-fold" if runs == 1 else "repeated k-fold", len(x), 1 / (len(x) / runs - 1))
    row = compare_scores({"x": x, "y": y_}, splits=splits, reference="x", rope=rope)
    found = [row[name][0] for name in ("p_worse", "p_equivalent", "p_better")]
    assert found == pytest.approx(expected, abs=1e-9)


def test_the_test_rejects_where_the_interval_leaves_out_zero():
    rng = np.random.default_rng(3)
    for shift in np.linspace(0, 0.08, 9):
        row = compare_scores(
            {"a": rng.normal(0.8, 0.02, 10), "b": rng.normal(0.8 + shift, 0.02, 10)}, splits=SHUFFLES, reference="a"
        )
        assert (row["p_value"][0] < 0.05) == (not row["low"][0] < 0 < row["high"][0])
        # one side of the two-sided test is a tail of the posterior
        tail = min(row["p_worse"][0], row["p_better"][0])
        assert row["p_value"][0] == pytest.approx(2 * tail)


def test_exchanging_two_models_mirrors_the_row():
    rng = np.random.default_rng(0)
    scores = {"a": rng.random(10), "b": rng.random(10)}
    ours = compare_scores(scores, splits=SHUFFLES, reference="a", rope=0.1)
    theirs = compare_scores(scores, splits=SHUFFLES, reference="b", rope=0.1)
    for one, other in (("wins", "losses"), ("ties", "ties"), ("p_better", "p_worse"), ("p_value", "p_value")):
        assert ours[one] == pytest.approx(theirs[other])
    assert (ours["low"], ours["t"]) == (pytest.approx(-theirs["high"]), pytest.approx(-theirs["t"]))


def test_equal_scores_are_as_likely_worse_as_better_and_constant_differences_are_certain():
    same = [0.5, 0.6, 0.7, 0.6, 0.5]
    row = compare_scores({"a": same, "b": same, "c": np.add(same, 0.25)}, splits=FIVE_FOLDS, reference="a")
    assert row["model"].tolist() == ["b", "c"]
    assert row["t"].tolist()[0] == 0
    assert row["p_value"].tolist() == [1, pytest.approx(0, abs=1e-9)]
    assert row["p_better"].tolist() == [0.5, pytest.approx(1)]
    within = compare_scores({"a": same, "b": same}, splits=FIVE_FOLDS, reference="a", rope=0.01)
    assert [within[name][0] for name in ("p_worse", "p_equivalent", "p_better", "ties")] == [0, 1, 0, 5]
    assert posterior(0.25, 0.0, 4, 0.25) == (0, 1, 0)


def test_differences_of_the_last_digit_are_none():
    same = np.array([0.1, 0.7, 0.3, 0.9])
    row = compare_scores(
        {"a": same, "b": same + 0.1 + 0.2 - 0.3}, splits=OuterSplits("k-fold", 4, 1 / 3), reference="a"
    )
    assert (row["t"][0], row["p_value"][0], row["p_better"][0], row["ties"][0]) == (0, 1, 0.5, 4)


def test_none_compares_with_the_best_mean():
    row = compare_scores(
        {"a": [1, 2, 3.0], "best": [2, 3, 4.5], "c": [0, 0, 9.0]}, splits=OuterSplits("k-fold", 3, 0.5)
    )
    assert row["reference"].tolist() == ["best", "best"]
    assert row["model"].tolist() == ["a", "c"]
    assert (row["difference"] < 0).all()


def test_wins_ties_and_losses_count_the_rope_as_written():
    row = compare_scores({"a": [0.9, 0.9, 0.9, 0.9], "b": [0.905, 0.895, 0.91, 0.80]}, splits=FIVE_FOLDS, rope=0.005)
    assert row["model"].tolist() == ["b"]
    assert (row["wins"][0], row["ties"][0], row["losses"][0]) == (1, 2, 1)


def test_holm_steps_down_as_published():
    """The example of Holm's procedure with p = .01, .04, .03, .005: .03, .06, .06, .02."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, np.nan, 0.9]) == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)
    assert holm([]).tolist() == []


@pytest.mark.parametrize(
    ("splits", "why"),
    [
        (OuterSplits("groups", 3, 0.5), "rows of a group depend on each other"),
        (OuterSplits("time series", 3, 0.5), "training sets that grow"),
        (OuterSplits("k-fold", 2, 1.0), "2 outer splits, and a test needs at least 3"),
        (OuterSplits("shuffle", 1, 0.2), "1 outer split,"),
    ],
)
def test_where_a_test_has_no_basis_there_is_none_and_the_reason(splits, why):
    rng = np.random.default_rng(0)
    n = splits.n_splits
    row = compare_scores({"a": rng.random(n), "b": rng.random(n)}, splits=splits, reference="a")
    assert all(np.isnan(row[name]).all() for name in TESTS)
    assert why in row["reason"][0]
    assert row["basis"].tolist() == ["none"]
    assert np.isfinite(row["difference"][0])
    assert row["wins"][0] + row["losses"][0] == n


def test_a_missing_score_takes_the_test_of_its_row_alone():
    scores = {"a": [1, 2, 3, 4, 5.0], "b": [1, 3, np.nan, 4, np.nan], "c": [2, 2, 4, 4, 5.0]}
    row = compare_scores(scores, splits=FIVE_FOLDS, reference="a")
    assert np.isnan(row["p_value"]).tolist() == [True, False]
    assert row["reason"].tolist() == ["no test: no score in outer folds 2, 4", ""]
    assert row["p_holm"][1] == row["p_value"][1]
    assert (row["wins"][0], row["ties"][0]) == (1, 2)


def test_a_model_without_a_mean_is_not_the_best():
    row = compare_scores({"a": [9, np.nan, 9], "b": [1, 2, 3.0]}, splits=OuterSplits("k-fold", 3, 0.5))
    assert row["reference"].tolist() == ["b"]


@pytest.mark.parametrize("rope", [-0.1, np.nan, np.inf, "small", True])
def test_a_rope_is_a_width(rope):
    with pytest.raises(InvalidArgumentError, match="'rope' parameter must be a finite number of at least 0"):
        compare_scores({"a": [1, 2, 3], "b": [1, 2, 3]}, splits=FIVE_FOLDS, rope=rope)


def test_an_unknown_reference_names_the_nearest_and_one_model_is_no_comparison():
    with pytest.raises(InvalidArgumentError, match="Nearest to 'forst': 'forest'"):
        compare_scores({"forest": [1, 2, 3], "svm": [1, 2, 3]}, splits=FIVE_FOLDS, reference="forst")
    with pytest.raises(InvalidArgumentError, match="at least two models, but there is only 'a'"):
        compare_scores({"a": [1, 2, 3]}, splits=FIVE_FOLDS)


def test_the_corrected_test_holds_its_level_where_the_plain_one_does_not():
    """Scores of random splits that share a part of their variance as the correction supposes it (rho = n2/(n1+n2))."""
    rng = np.random.default_rng(0)
    n, rho = 10, 0.1
    draws = np.sqrt(rho) * rng.normal(size=(2000, 1)) + np.sqrt(1 - rho) * rng.normal(size=(2000, n))
    corrected = np.mean([not low < 0 < high for low, high in (corrected_interval(d, rho / (1 - rho)) for d in draws)])
    plain = np.mean(stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05)
    assert 0.03 < corrected < 0.07
    assert plain > 0.12


SCORES = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=3, max_size=12)


@settings(derandomize=True, database=None, max_examples=60)
@given(ours=SCORES, seed=st.integers(0, 99), rope=st.floats(0, 0.5), shift=st.floats(-3, 3))
def test_probabilities_add_up_and_counts_too_and_a_shift_of_both_changes_nothing(ours, seed, rope, shift):
    ours = np.round(ours, 6)
    theirs = np.random.default_rng(seed).uniform(-1, 1, len(ours)).round(6)
    splits = OuterSplits("k-fold", len(ours), 1 / (len(ours) - 1))
    row = compare_scores({"a": ours, "b": theirs}, splits=splits, reference="b", rope=rope)
    assert row["p_worse"] + row["p_equivalent"] + row["p_better"] == pytest.approx(1)
    assert row["wins"] + row["ties"] + row["losses"] == len(ours)
    assert 0 <= row["p_value"][0] <= row["p_holm"][0] <= 1
    moved = compare_scores({"a": ours + shift, "b": theirs + shift}, splits=splits, reference="b", rope=rope)
    for name in ("difference", "p_better", "p_worse", "low", "high"):
        assert moved[name] == pytest.approx(row[name], abs=1e-6)


@settings(derandomize=True, database=None, max_examples=30)
@given(scores=SCORES, ropes=st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_a_wider_rope_makes_equivalence_more_probable(scores, ropes):
    splits = OuterSplits("shuffle", len(scores), 0.25)
    both = {"a": scores, "b": np.linspace(0, 0.3, len(scores))}
    rows = [compare_scores(both, splits=splits, reference="a", rope=rope) for rope in sorted(ropes)]
    assert (np.diff([row["p_equivalent"][0] for row in rows]) >= -1e-12).all()
    assert (np.diff([row["ties"][0] for row in rows]) >= 0).all()
