"""Ranks of non-dominated sorting, computed in another way, and of rows that cannot be on the front."""

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.study import StudyDirection

from sk_optuna.results._pareto import candidate_ranks, front_of, pareto_ranks

examples = settings(max_examples=100, deadline=None, derandomize=True, database=None)
# few different numbers, so that there are ties
tables = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(st.integers(-3, 3).map(float), min_size=n, max_size=n), max_size=25)
)


def peeled(scores):
    """Ranks by definition: take away, again and again, what no row that is left dominates."""
    ranks, rank, left = {}, 1, set(range(len(scores)))
    while left:
        front = {
            i for i in left if not any((scores[j] >= scores[i]).all() and (scores[j] > scores[i]).any() for j in left)
        }
        ranks.update(dict.fromkeys(front, rank))
        left, rank = left - front, rank + 1
    return [ranks[i] for i in range(len(scores))]


@examples
@given(tables)
def test_ranks_are_those_of_the_definition(rows):
    scores = np.array(rows, dtype=float).reshape(len(rows), len(rows[0]) if rows else 2)
    assert pareto_ranks(scores).tolist() == peeled(scores)


@examples
@given(tables.filter(bool), st.randoms(use_true_random=False))
def test_ranks_depend_neither_on_the_order_of_rows_nor_on_that_of_objectives_nor_on_scales(rows, random):
    scores = np.array(rows, dtype=float)
    order = list(range(len(rows)))
    random.shuffle(order)
    np.testing.assert_array_equal(pareto_ranks(scores[order]), pareto_ranks(scores)[order])
    np.testing.assert_array_equal(pareto_ranks(scores[:, ::-1]), pareto_ranks(scores))
    np.testing.assert_array_equal(pareto_ranks(np.exp(scores) * 7), pareto_ranks(scores))


def test_one_objective_is_ranked_as_ever():
    assert pareto_ranks(np.array([[0.5], [0.9], [0.5], [0.1]])).tolist() == [2, 1, 2, 3]


def test_the_front_is_that_of_optuna():
    scores = np.random.default_rng(0).normal(size=(60, 3))
    study = optuna.create_study(directions=[StudyDirection.MAXIMIZE] * 3)
    study.add_trials(optuna.trial.create_trial(values=row) for row in scores.tolist())
    assert np.flatnonzero(pareto_ranks(scores) == 1).tolist() == sorted(t.number for t in study.best_trials)


STATES = ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]


def table(feasible=None):
    made = {
        "trial_state": np.array(STATES),
        "params": [{"a": i} for i in range(5)],
        "mean_test_x": np.array([0.1, 0.5, np.nan, 0.9, 0.0]),
        "mean_test_y": np.array([0.9, 0.5, 0.9, 0.2, 0.0]),
    }
    return made if feasible is None else {**made, "feasible": np.array(feasible)}


@pytest.mark.parametrize(
    ("feasible", "ranks", "front"),
    [
        (None, [1, 1, 3, 1, 2], [3, 1, 0]),
        ([False, True, False, False, True], [3, 1, 4, 3, 2], [1]),
        ([False] * 5, [2, 2, 3, 2, 2], []),
    ],
)
def test_infeasible_rows_come_behind_all_others_and_failed_ones_last(feasible, ranks, front):
    made = table(feasible)
    made["pareto_rank"] = candidate_ranks(made, ["x", "y"])
    assert made["pareto_rank"].tolist() == ranks
    found = front_of(made, ["x", "y"])
    assert [params["a"] for params in found["params"]] == front
    np.testing.assert_array_equal(found["mean_test_x"], made["mean_test_x"][front])


def test_without_a_complete_row_there_is_no_front():
    made = {**table(), "trial_state": np.array(["FAIL"] * 5)}
    made["pareto_rank"] = candidate_ranks(made, ["x", "y"])
    assert front_of(made, ["x", "y"])["params"] == []
    assert 1 not in made["pareto_rank"]
