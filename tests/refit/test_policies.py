"""Policies choose the simplest candidate within their limit, in any search's table; formulas are computed anew here."""

import pickle
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.refit import Choice, OneStandardError, PercentLoss

X, y = load_iris(return_X_y=True)
HIGH = {"n_neighbors": "high"}
LOW = {"a": "low"}


def table(scores, params=None, metric="score", **columns):
    """A table as searches write it, of fold scores by candidate."""
    scores = np.asarray(scores, dtype=float)
    made = {f"split{i}_test_{metric}": column for i, column in enumerate(scores.T)}
    params = [{"a": i} for i in range(len(scores))] if params is None else params
    return {"params": params, f"mean_test_{metric}": scores.mean(axis=1), **made, **columns}


def simplest_by_loops(scores, limits):
    """The first row, rows being in order of simplicity, whose loss is within its limit."""
    means = [sum(row) / len(row) for row in scores]
    best = means.index(max(means))
    return next(i for i in range(len(means)) if means[best] - means[i] <= limits(i, best) + 1e-12)


score_tables = st.integers(2, 8).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 40), min_size=k, max_size=k), min_size=1, max_size=8)
)


@given(score_tables, st.sampled_from([None, 0.1, 0.5]))
def test_one_standard_error_is_the_corrected_one_of_paired_differences(rows, test_size):
    scores = [[value / 40 for value in row] for row in rows]
    k = len(scores[0])
    ratio = 1 / (k - 1) if test_size is None else test_size / (1 - test_size)

    def limit(i, best):
        return stats.sem([b - a for a, b in zip(scores[i], scores[best], strict=True)]) * np.sqrt(1 + k * ratio)

    chosen = OneStandardError(LOW, test_size=test_size).explain(table(scores))
    assert chosen.index == simplest_by_loops(scores, limit)
    assert chosen.standard_error == pytest.approx(limit(chosen.index, chosen.best_index))
    assert chosen.loss == pytest.approx(np.mean(scores[chosen.best_index]) - np.mean(scores[chosen.index]))


@given(score_tables, st.sampled_from([0, 2, 25.0]))
def test_percent_loss_is_a_share_of_the_best_mean(rows, percent):
    scores = [[value / 40 for value in row] for row in rows]
    means = np.mean(scores, axis=1)
    chosen = PercentLoss(percent, simpler=LOW).explain(table(scores))
    assert chosen.index == simplest_by_loops(scores, lambda i, best: means[best] * percent / 100)
    assert chosen.standard_error is None


@given(score_tables, st.floats(0.5, 20), st.floats(-3, 3), st.permutations(range(8)))
def test_one_standard_error_does_not_depend_on_units_or_on_how_hard_folds_are(rows, scale, shift, order):
    scores = np.array(rows) / 40
    k = scores.shape[1]
    hardness = np.linspace(-1, 1, k) * shift
    changed = (scores * scale + hardness)[:, [i for i in order if i < k]]
    plain, moved = (OneStandardError(LOW).explain(table(each)) for each in (scores, changed))
    gaps = scores.mean(axis=1).max() - scores.mean(axis=1)
    errors = [stats.sem(scores[plain.best_index] - row) * np.sqrt(1 + k / (k - 1)) for row in scores]
    if np.min(np.abs(gaps - errors)[gaps > 1e-9], initial=1.0) > 1e-6 and (gaps < 1e-9).sum() == 1:
        assert moved.index == plain.index


def test_negative_scores_lose_a_percentage_of_their_size():
    scores = [[-1.3, -1.3], [-1.02, -1.02], [-1.0, -1.0]]
    assert PercentLoss(2, simpler=LOW)(table(scores)) == 1
    assert PercentLoss(1, simpler=LOW)(table(scores)) == 2


def test_among_equally_simple_candidates_the_better_then_the_first_is_chosen():
    params = [{"a": 2}, {"a": 1}, {"a": 1}, {"a": 1}]
    scores = [[1.0, 1.0], [0.97, 0.97], [0.98, 0.98], [0.98, 0.98]]
    assert PercentLoss(5, simpler=LOW)(table(scores, params)) == 2


@pytest.mark.parametrize("states", [["COMPLETE", "PRUNED"], ["COMPLETE", "FAIL"]])
def test_candidates_that_were_stopped_or_failed_are_none(states):
    scores = [[0.8, 0.8], [0.9, 0.9]]
    assert PercentLoss(50, simpler={"a": "high"})(table(scores, trial_state=np.array(states))) == 0


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_a_mean_that_is_not_finite_is_never_chosen(score):
    scores = [[score, score], [0.9, 0.9]]
    assert OneStandardError(LOW)(table(scores)) == 1


def test_candidates_that_break_constraints_are_none():
    scores = [[0.8, 0.8], [0.9, 0.9], [0.7, 0.7]]
    found = PercentLoss(30, simpler=LOW).explain(table(scores, feasible=np.array([False, False, True])))
    assert (found.index, found.best_index, found.n_near) == (2, 2, 1)


def test_without_a_complete_candidate_there_is_an_error():
    with pytest.raises(InvalidArgumentError, match="no candidate to choose: none of the 2 rows is complete"):
        OneStandardError(LOW)(table([[np.nan, np.nan]] * 2))


def test_one_split_has_no_standard_error_but_a_percentage():
    scores = [[0.89], [0.9]]
    with pytest.raises(
        InvalidArgumentError, match=r"at least two splits.*Use more splits, or PercentLoss, which takes"
    ):
        OneStandardError(LOW)(table(scores))
    assert PercentLoss(2, simpler=LOW)(table(scores)) == 0


@pytest.mark.parametrize(("words", "row"), [("mean_fit_time", 0), ("mean_score_time", 1)])
def test_the_cheapest_is_chosen_by_the_time_that_is_named(words, row):
    times = {"mean_fit_time": np.array([1.0, 2.0, 0.1]), "mean_score_time": np.array([0.2, 0.1, 0.01])}
    found = PercentLoss(10, simpler=words).explain(table([[0.85, 0.95], [0.9, 0.9], [0.1, 0.1]], **times))
    assert (found.index, found.kind) == (row, {0: "fastest to fit", 1: "fastest to score"}[row])


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_policies_choose_in_scikit_learns_searches_by_the_folds_of_cross_val_score(search):
    policy, cv = OneStandardError(HIGH), KFold(5, shuffle=True, random_state=0)
    values = [1, 5, 9, 13, 17, 21, 41, 61]
    options = {} if search is GridSearchCV else {"n_iter": 8, "random_state": 0}
    found = search(KNeighborsClassifier(), {"n_neighbors": values}, cv=cv, refit=policy, **options).fit(X, y)
    scores = [cross_val_score(KNeighborsClassifier(n), X, y, cv=cv) for n in values]
    best = np.argmax(np.mean(scores, axis=1))
    near = [
        n
        for n, row in zip(values, scores, strict=True)
        if np.mean(scores[best] - row) <= np.std(scores[best] - row, ddof=1) * np.sqrt(1 / 5 + 1 / 4) + 1e-12
    ]
    assert found.best_params_ == {"n_neighbors": max(near)}
    assert found.predict(X).shape == y.shape


def test_a_data_frame_of_results_is_a_table():
    pandas = pytest.importorskip("pandas")
    results = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 9, 17]}).fit(X, y).cv_results_
    policy = OneStandardError(HIGH)
    assert policy.explain(pandas.DataFrame(results)) == policy.explain(results)


def test_several_metrics_are_told_apart_by_name():
    both = {**table([[0.5, 0.5], [0.9, 0.9]], metric="f1"), **table([[0.9, 0.9], [0.5, 0.5]], metric="f1_macro")}
    assert PercentLoss(1, simpler=LOW, metric="f1")(both) == 1
    assert PercentLoss(1, simpler=LOW, metric="f1_macro")(both) == 0
    with pytest.raises(InvalidArgumentError, match=r"must name the metric .* several: 'f1', 'f1_macro'\. Write"):
        PercentLoss(1, simpler=LOW)(both)
    with pytest.raises(InvalidArgumentError, match=r"metric='f1_micro' of PercentLoss is no metric.*'f1_macro'"):
        PercentLoss(1, simpler=LOW, metric="f1_micro")(both)
    with pytest.raises(InvalidArgumentError, match="Leave metric out where the search has a single one"):
        PercentLoss(1, simpler=LOW, metric="f1")(table([[0.5, 0.5]]))


@pytest.mark.parametrize(
    ("index", "n_near", "loss", "kind", "sentence"),
    [
        (0, 7, 0.0041, "simplest", "simplest of 7 within one SE, 0.0041 below the best"),
        (3, 7, 0.0, "simplest", "simplest of 7 within one SE, and the best itself"),
        (4, 2, 0.0, "fastest to fit", "fastest to fit of 2 within one SE, as good as the best"),
        (3, 1, 0.0, "simplest", "the best; no other is within one SE"),
    ],
)
def test_a_choice_is_told_in_a_sentence(index, n_near, loss, kind, sentence):
    choice = Choice(index, 3, n_near, loss, 0.01, "score", kind, "one SE")
    assert str(choice) == sentence
    assert repr(choice) == f"<Choice of row {index}: {sentence}>"


@pytest.mark.parametrize("policy", [OneStandardError(LOW, metric="f1", test_size=0.2), PercentLoss(3, simpler=LOW)])
def test_policies_are_values_that_fit_cannot_change(policy):
    assert pickle.loads(pickle.dumps(policy)) == policy == clone(policy, safe=False)
    before = repr(policy)
    policy(table([[0.5, 0.6]], metric=policy.metric or "score"))
    assert repr(policy) == before
    with pytest.raises(AttributeError):
        policy.simpler = {"b": "low"}


def bad(call, match):
    return pytest.param(call, match, id=match[:40])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        bad(lambda: PercentLoss(-1, simpler=LOW), "percent of PercentLoss must be a finite number of at least 0.*-1"),
        bad(lambda: PercentLoss(np.nan, simpler=LOW), "percent of PercentLoss must be a finite number.*nan"),
        bad(lambda: PercentLoss("2", simpler=LOW), "percent of PercentLoss must be a finite number.*'2'"),
        bad(lambda: OneStandardError("fit_time"), "got 'fit_time'. Nearest to 'fit_time': 'mean_fit_time'"),
        bad(lambda: OneStandardError("cheapest"), "one of 'mean_fit_time', 'mean_score_time', but got 'cheapest'"),
        bad(lambda: OneStandardError({}), r"must be a dict from parameter names.*but got \{\}"),
        bad(lambda: OneStandardError(["C"]), r"must be a dict from parameter names.*\['C'\]"),
        bad(lambda: OneStandardError({"C": "lower"}), r"simpler\['C'\].*'low', 'high'.*'lower'. Nearest .*: 'low'"),
        bad(lambda: OneStandardError({"C": 1}), r"simpler\['C'\].*but got 1. Write, for example, \{'C': 'low'\}"),
        bad(lambda: OneStandardError({"C": []}), r"simpler\['C'\].*but got \[\]"),
        bad(lambda: OneStandardError(LOW, metric=3), "metric of OneStandardError must be the name.*got 3"),
        bad(lambda: OneStandardError(LOW, test_size=1), "test_size .* between 0 and 1.*or None, but got 1"),
    ],
)  # fmt: skip
def test_arguments_that_mean_nothing_are_refused_at_once(call, match):
    with pytest.raises(InvalidArgumentError, match=match):
        call()


def test_more_simplicity_is_never_a_better_score_than_less_of_it():
    """A wider limit gives up more of the score, and never less."""
    rng = np.random.default_rng(0)
    for scores in rng.random((50, 6, 4)):
        losses = [PercentLoss(p, simpler=LOW).explain(table(scores)).loss for p in (0, 1, 5, 20, 100)]
        assert losses == sorted(losses)
        sizes = product((0.1, 0.3), (0.5, 0.9))
        for small, large in sizes:
            fewer, more = (OneStandardError(LOW, test_size=size).explain(table(scores)) for size in (small, large))
            assert fewer.n_near <= more.n_near
            assert fewer.index >= more.index
