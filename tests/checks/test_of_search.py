"""Each check of a search speaks of candidates that were made to show one thing, and not of others."""

from dataclasses import replace

import numpy as np
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from scipy import stats
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sk_optuna.checks import SearchEvidence, check_search, evidence_of
from sk_optuna.spaces import unit_scales

SPACE = {"C": FloatDistribution(1e-3, 1e3, log=True), "depth": IntDistribution(1, 20), "kernel": ["a", "b"]}


def drawn(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return [
        {"C": 10 ** rng.uniform(-3, 3), "depth": int(rng.integers(3, 18)), "kernel": str(rng.choice(["a", "b"]))}
        for _ in range(n)
    ]


def made(params, means, noise=0.01, n_splits=5, space=SPACE, **kwargs):
    """Evidence of candidates with these means, exactly, and noise of folds around them."""
    rng = np.random.default_rng(1)
    around = rng.normal(0, noise, (len(means), n_splits))
    around -= around.mean(axis=1, keepdims=True)
    scores = np.asarray(means, dtype=float)[:, None] + around
    return SearchEvidence(params, scores, ~np.isfinite(scores).all(axis=1), unit_scales(space), **kwargs)


def height(params, peak=0.0):
    """A score that falls with the distance of log10(C) from its peak."""
    return -0.1 * np.array([abs(np.log10(each["C"]) - peak) for each in params])


def test_a_good_search_has_no_findings():
    params = drawn()
    best_first = sorted(params, key=lambda each: abs(np.log10(each["C"])))
    assert check_search(made(best_first, height(best_first))) == ()


@pytest.mark.parametrize(("value", "peak", "side"), [(999.0, 3, "upper"), (1.001e-3, -3, "lower")])
def test_bound_speaks_of_a_best_value_at_an_end(value, peak, side):
    params = [{"C": value, "depth": 7, "kernel": "a"}, *drawn()]
    (finding,) = check_search(made(params, height(params, peak)))
    assert (finding.code, finding.severity, finding.about) == ("bound", "issue", f"C at the {side} end")
    assert f"lies at the {side} end of its range, 0.001 to 1000" in finding.sentence


def test_bound_keeps_silent_where_values_inside_are_as_good():
    """The best depth is at the end by chance, since the score does not depend on it."""
    params = [{"C": 1.0, "depth": 20, "kernel": "a"}, {"C": 1.01, "depth": 9, "kernel": "a"}, *drawn()]
    assert check_search(made(params, height(params))) == ()


def test_bound_keeps_silent_two_percent_inside():
    params = [{"C": 10**2.8, "depth": 7, "kernel": "a"}, *drawn()]
    assert "bound" not in check_search(made(params, height(params, 2.8))).codes


def test_bound_speaks_of_the_outermost_value_that_was_tried_near_an_end():
    others = [each for each in drawn() if each["C"] < 200]
    params = [{"C": 10**2.8, "depth": 7, "kernel": "a"}, *others]
    (finding,) = check_search(made(params, height(params, 2.8)))
    assert "lies near the upper end of its range, 0.001 to 1000" in finding.sentence


def test_bound_is_a_tip_where_values_inside_are_hardly_worse():
    params = [{"C": 999.0, "depth": 7, "kernel": "a"}, {"C": 900.0, "depth": 7, "kernel": "a"}, *drawn()]
    levels = [check_search(made(params, height(params, 3), noise=noise)).codes for noise in (0.01, 1.0)]
    assert levels == [["bound"], ["many-equal"]]
    tips = [check_search(made(params, height(params, 3), noise=noise)) for noise in np.geomspace(0.01, 0.5, 20)]
    assert {finding.severity for findings in tips for finding in findings if finding.code == "bound"} == {
        "issue",
        "tip",
    }


def test_bound_keeps_silent_where_the_bound_is_the_parameters_own():
    space = {"min_samples_leaf": IntDistribution(1, 50)}
    params = [{"min_samples_leaf": n} for n in range(1, 51)]
    evidence = made(params, -0.01 * np.arange(50), space=space)
    assert check_search(evidence).codes == ["bound"]
    assert check_search(replace(evidence, estimator=DecisionTreeClassifier())) == ()


def test_bound_reads_the_ends_of_lists_and_of_other_distributions():
    params = [{"a": a, "b": b} for a in (1, 10, 100) for b in stats.norm(0, 1).ppf([0.3, 0.5, 0.7, 0.995])]
    evidence = made(params, [p["a"] / 100 + p["b"] for p in params], space={"a": [1, 10, 100], "b": stats.norm(0, 1)})
    sentences = [finding.sentence for finding in check_search(evidence)]
    assert any("The best a=100 lies at the upper end of its range, 1 to 100" in each for each in sentences)
    assert any("b=2.576 lies in the outermost 2 percent of its distribution" in each for each in sentences)


def test_bound_takes_the_bare_difference_where_there_is_one_split():
    params = [{"C": 999.0, "depth": 7, "kernel": "a"}, *drawn()]
    (finding,) = check_search(made(params, height(params, 3), n_splits=1, noise=0))
    assert finding.code == "bound"
    assert "standard error" not in finding.sentence


def rising(last_gain, n=40):
    params = [{"C": 1.0 + i / 1000, "depth": 9, "kernel": "a"} for i in range(n)]
    means = np.linspace(0, 0.5, n)
    means[-1] = means[-9] + last_gain
    means[-8:-1] = 0
    return made(params, means, noise=0.01)


def test_still_rising_speaks_of_a_late_gain_that_exceeds_its_error():
    (finding,) = check_search(rising(0.1))
    assert (finding.code, finding.severity) == ("still-rising", "tip")
    assert "rose by 0.1 in the last 8 of 40 candidates" in finding.sentence
    assert "n_trials=80" in finding.advice


def test_still_rising_keeps_silent_where_the_late_gain_is_within_its_error():
    assert check_search(rising(0.002)) == ()


def test_still_rising_keeps_silent_where_nothing_is_left_to_try():
    assert check_search(replace(rising(0.1), is_exhausted=True)) == ()


def test_few_trials_speaks_until_the_sampler_has_learnt():
    params = drawn(8)
    evidence = made(params, height(params, params and 0), n_random_start=10)
    (finding,) = check_search(evidence)
    assert (finding.code, finding.severity) == ("few-trials", "tip")
    assert finding.sentence.startswith("8 candidates were finished, and the sampler draws at random until 10 are")
    assert check_search(replace(evidence, n_random_start=None)) == ()
    assert check_search(replace(evidence, is_exhausted=True)) == ()
    assert check_search(replace(evidence, n_random_start=7)) == ()


def test_failures_speaks_from_a_fifth_on_and_names_the_parameter():
    params = drawn(40)
    means = height(params)
    means[[each["kernel"] == "b" for each in params]] = np.nan
    n_failed = int(np.isnan(means).sum())
    (finding,) = check_search(made(params, means), ignore=frozenset(["still-rising"]))
    assert (finding.code, finding.severity) == ("failures", "issue")
    words = f"{n_failed} of 40 candidates failed; all of them have kernel='b', and of the {40 - n_failed} others none."
    assert finding.sentence == words


def test_failures_keeps_silent_of_fewer_and_names_nothing_that_does_not_separate():
    params = sorted(drawn(40), key=lambda each: abs(np.log10(each["C"])))
    means = height(params)
    means[20:27] = np.nan
    assert check_search(made(params, means)) == ()
    means[20:30] = np.nan
    means[[3, 38]] = np.nan
    (finding,) = check_search(made(params, means))
    assert finding.sentence == "12 of 40 candidates failed."


def test_many_equal_speaks_where_half_lie_within_one_error():
    params = drawn(30)
    means = np.where(np.arange(30) < 16, -0.001, -1.0)
    means[0] = 0.0
    (finding,) = check_search(made(params, means, noise=0.02))
    assert (finding.code, finding.severity) == ("many-equal", "tip")
    assert finding.sentence.startswith("16 of 30 candidates lie within one standard error of the best")


def test_many_equal_keeps_silent_of_fewer_and_of_one_split():
    params = drawn(30)
    means = np.where(np.arange(30) < 10, -0.001, -1.0)
    means[0] = 0.0
    evidence = made(params, means, noise=0.02)
    assert check_search(evidence) == ()
    assert check_search(replace(evidence, scores=np.zeros((30, 1)))) == ()


def test_the_error_is_that_of_the_paired_difference_with_the_correction():
    rng = np.random.default_rng(0)
    evidence = replace(made(drawn(3), [0, 0, 0]), scores=rng.random((3, 5)))
    behind, errors = evidence.behind()
    d = evidence.scores[evidence.best] - evidence.scores[0]
    assert behind[0] == pytest.approx(d.mean())
    assert errors[0] == pytest.approx(stats.sem(d) * np.sqrt(1 + 5 * 0.25))


def test_findings_do_not_depend_on_the_unit_of_the_score():
    for evidence in (rising(0.1), rising(0.002), made(drawn(), height(drawn(), 3))):
        scaled = replace(evidence, scores=1000 * evidence.scores - 7)
        assert check_search(scaled).codes == check_search(evidence).codes


def test_a_search_without_a_complete_candidate_has_no_best_to_speak_of():
    assert check_search(made(drawn(12), np.full(12, np.nan))).codes == ["failures"]


X, y = load_breast_cancer(return_X_y=True)
X, y = X[::4], y[::4]


def test_tables_of_scikit_learns_searches_are_read():
    grid = GridSearchCV(SVC(), {"C": [1e-2, 1e-1, 1e0], "gamma": [1e-5, 1e-4]}, cv=4).fit(X, y)
    evidence = evidence_of(grid.cv_results_, grid)
    assert evidence.scores.shape == (6, 4)
    assert evidence.is_exhausted
    assert evidence.test_to_train == pytest.approx(1 / 3)
    assert evidence.means[evidence.best] == pytest.approx(grid.best_score_)
    drawn_search = RandomizedSearchCV(
        Ridge(),
        {"alpha": stats.loguniform(1, 10)},
        n_iter=5,
        scoring=["r2", "neg_mean_absolute_error"],
        refit="neg_mean_absolute_error",
        cv=3,
    ).fit(X, X[:, 0])
    evidence = evidence_of(drawn_search.cv_results_, drawn_search)
    assert evidence.means[evidence.best] == pytest.approx(drawn_search.best_score_)
    assert not evidence.is_exhausted
    assert evidence.scales["alpha"].kind == "range"


def test_an_infinite_score_is_no_score():
    table = {
        "params": [{"alpha": a} for a in (1, 2, 3)],
        "mean_test_score": np.array([0.5, -np.inf, 0.1]),
        "split0_test_score": np.array([0.5, -np.inf, 0.1]),
        "split1_test_score": np.array([0.5, 0.9, 0.1]),
    }
    evidence = evidence_of(table, GridSearchCV(Ridge(), {"alpha": [1, 2, 3]}))
    assert evidence.is_complete.tolist() == [True, False, True]
    assert check_search(evidence) == ()


def test_an_infeasible_candidate_is_neither_the_best_nor_failed():
    table = {
        "params": [{"alpha": a} for a in (1, 2, 3)],
        "feasible": [True, False, True],
        "trial_state": np.array(["COMPLETE"] * 3),
        "mean_test_score": np.array([0.5, 0.9, 0.1]),
        "split0_test_score": np.array([0.5, 0.9, 0.1]),
        "split1_test_score": np.array([0.5, 0.9, 0.1]),
    }
    evidence = evidence_of(table, GridSearchCV(Ridge(), {"alpha": [1, 2, 3]}))
    assert evidence.best == 0
    assert not evidence.is_failed.any()


def test_of_successive_halving_only_the_last_round_counts():
    table = {
        "params": [{"C": c} for c in (1, 2, 3, 1)],
        "iter": [0, 0, 0, 1],
        "mean_test_score": np.array([0.5, 0.9, 0.1, 0.6]),
        "split0_test_score": np.array([0.5, 0.9, 0.1, 0.6]),
        "split1_test_score": np.array([0.5, 0.9, 0.1, 0.6]),
    }
    search = GridSearchCV(RandomForestClassifier(), {"C": [1, 2, 3]})
    evidence = evidence_of(table, search)
    assert evidence.params == [{"C": 1}]
    assert evidence.is_exhausted
