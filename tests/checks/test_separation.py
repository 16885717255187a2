"""A parameter that tells failed candidates from others is found where there is one, and seldom where there is none."""

import numpy as np
import pytest

from sk_optuna.checks._separation import separation


def drawn(n, rng):
    return [
        {"C": rng.random(), "depth": int(rng.integers(1, 9)), "kernel": str(rng.choice(["a", "b"]))} for _ in range(n)
    ]


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (lambda params: params["kernel"] == "b", "kernel='b'"),
        (lambda params: params["C"] > 0.6, "C >= "),
        (lambda params: params["C"] < 0.3, "C <= "),
        (lambda params: params["depth"] >= 7, "depth >= 7"),
    ],
)
def test_the_condition_under_which_candidates_fail_is_found(fails, words):
    candidates = drawn(60, np.random.default_rng(0))
    failed = [params for params in candidates if fails(params)]
    found, n_failed, n_others = separation(failed, [params for params in candidates if not fails(params)])
    assert found.startswith(words)
    assert (n_failed, n_others) == (len(failed), 0)


def test_one_in_ten_may_be_on_the_wrong_side():
    failed = [{"C": 5.0 + i} for i in range(19)] + [{"C": 0.1}]
    others = [{"C": i / 10} for i in range(29)] + [{"C": 50.0}]
    assert separation(failed, others) == ("C >= 5", 19, 1)


def test_a_value_that_all_have_is_said_rather_than_a_bound():
    assert separation([{"C": -1}] * 3, [{"C": c} for c in (1, 2, 3, 4)]) == ("C=-1", 3, 0)


def test_a_parameter_of_one_branch_separates_by_its_presence():
    failed = [{"kernel": "poly", "degree": d} for d in (2, 3, 4, 5)]
    others = [{"kernel": "rbf", "C": 1.0}] * 4
    assert separation(failed, others)[0] == "kernel='poly'"


def test_a_value_that_explains_a_part_of_the_failures_is_said_where_nothing_explains_all():
    failed = [{"solver": "lbfgs", "penalty": "l1"}] * 4 + [
        {"solver": "liblinear", "penalty": p} for p in ("l1", "l2")
    ] * 4
    others = [{"solver": s, "penalty": "l2"} for s in ("lbfgs", "saga")] * 4 + [{"solver": "saga", "penalty": "l1"}] * 4
    assert separation(failed, others) == ("solver='liblinear'", 8, 0)
    assert separation(failed, others[:9]) is None


def test_two_on_a_side_are_too_few():
    assert separation([{"C": 9}, {"C": 8}], [{"C": 1}] * 9) is None
    assert separation([{"C": 9}] * 9, [{"C": 1}] * 2) is None


def test_objects_are_told_apart_by_their_texts():
    arrays = [np.array([1, 2])] * 3
    assert separation([{"w": w} for w in arrays], [{"w": None}] * 3)[0] == "w=array([1, 2])"


def test_chance_seldom_separates():
    rng = np.random.default_rng(0)
    found = [separation(drawn(6, rng), drawn(18, rng)) for _ in range(200)]
    assert sum(each is not None for each in found) < 10
