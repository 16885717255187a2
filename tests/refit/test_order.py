"""The order from simple to complex: numbers, lists, absent parameters, and what cannot be compared."""

import copy

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import Lasso, Ridge

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.refit import PercentLoss


def chosen(simpler, params):
    """The parameters that a policy takes where all candidates have the same scores."""
    n = len(params)
    table = {"params": params, "mean_test_score": np.ones(n), "split0_test_score": np.ones(n)}
    return params[PercentLoss(0, simpler=simpler)(table)]


@pytest.mark.parametrize(
    ("simpler", "params", "row"),
    [
        ({"a": "low"}, [{"a": 3}, {"a": 1.5}, {"a": np.int64(2)}], 1),
        ({"a": "high"}, [{"a": 3}, {"a": 1.5}, {"a": np.float32(7)}], 2),
        ({"a": "low", "b": "high"}, [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 3}], 1),
        ({"b": "high", "a": "low"}, [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 3}], 2),
        ({"k": ["linear", "rbf"]}, [{"k": "rbf"}, {"k": "linear"}], 1),
        ({"d": [1, 2, None]}, [{"d": None}, {"d": 2}], 1),
        ({"f": [False, True]}, [{"f": True}, {"f": False}], 1),
        ({"w": [(4,), (8, 8)]}, [{"w": (8, 8)}, {"w": (4,)}], 1),
        ({"w": np.array([3, 2, 1])}, [{"w": 1}, {"w": 2}], 1),
        ({"m": [Ridge(), Lasso()]}, [{"m": Lasso()}, {"m": Ridge()}], 1),
        ({"m": ["passthrough", SelectKBest(k=2), PCA(2), PCA(3)]}, [{"m": PCA(3)}, {"m": PCA(2)}], 1),
    ],
)  # fmt: skip
def test_the_simplest_candidate_is_the_first_in_the_order_of_the_dict(simpler, params, row):
    assert chosen(simpler, params) is params[row]
    assert chosen(copy.deepcopy(simpler), params) is params[row]  # as clone copies the policy


def test_a_candidate_without_the_parameter_comes_behind_those_that_have_it():
    params = [{"kernel": "linear"}, {"kernel": "rbf", "gamma": 5.0}, {"kernel": "rbf", "gamma": 0.1}]
    assert chosen({"gamma": "low"}, params) is params[2]
    assert chosen({"kernel": ["linear", "rbf"], "gamma": "low"}, params) is params[0]


def test_what_is_not_near_the_best_need_not_be_in_the_order():
    table = {"params": [{"k": "a"}, {"k": "b"}], "mean_test_score": [1.0, 0.1], "split0_test_score": [1.0, 0.1]}
    assert PercentLoss(1, simpler={"k": ["a"]})(table) == 0


@pytest.mark.parametrize(
    ("simpler", "params", "match"),
    [
        ({"dept": "low"}, [{"depth": 1}], "parameter 'dept', which no candidate of cv_results_ has. Nearest.*'depth'"),
        ({"C": "low"}, [{"svc__C": 1, "pca__n": 2}], "names the parameter 'C'.*Nearest to 'C': 'svc__C'"),
        ({"depth": "low"}, [{"depth": 1}, {"depth": None}], r"compares numbers, but 'depth' also takes None\. Write"),
        ({"flag": "high"}, [{"flag": True}], "which compares numbers, but 'flag' also takes True"),
        ({"k": ["a", "b"]}, [{"k": "a"}, {"k": "c"}], r"all values of 'k' from simple to complex.* lacks 'c'\. Add"),
        ({"k": [1, 2]}, [{"k": True}], "it lacks True"),
    ],
)  # fmt: skip
def test_candidates_that_cannot_be_compared_are_an_error(simpler, params, match):
    with pytest.raises(InvalidArgumentError, match=match):
        chosen(simpler, params)


def test_values_that_compare_by_element_are_no_error():
    class Odd:
        def __eq__(self, other):
            raise ValueError("ambiguous")

        __hash__ = None

    odd = Odd()
    assert chosen({"k": [Odd(), odd, 1]}, [{"k": 1}, {"k": odd}])["k"] is odd
    assert chosen({"k": [np.arange(2), np.arange(3)]}, [{"k": np.arange(3)}, {"k": np.arange(2)}])["k"].size == 2
