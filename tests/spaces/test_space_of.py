"""The space of a search is found under the name of its class, whichever library that is of."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.displays import ParamSliceDisplay
from sk_optuna.spaces import space_of, unit_scales


class BayesSearchCV(BaseEstimator):
    """A search of another library, with its names."""

    refit, multimetric_, scorer_, scoring, n_splits_ = True, False, None, None, 2

    def __init__(self, estimator, search_spaces):
        self.estimator, self.search_spaces = estimator, search_spaces

    def fit(self, X, y):
        return self


class Real:
    """A range of another library."""


SPACE = {"C": [0.1, 1.0, 10.0]}


@pytest.mark.parametrize(
    "search",
    [
        OptunaSearchCV(SVC(), SPACE),
        OptunaSearchCV(SVC(), param_grid=SPACE),
        GridSearchCV(SVC(), SPACE),
        RandomizedSearchCV(SVC(), SPACE),
        BayesSearchCV(SVC(), SPACE),
    ],
    ids=lambda search: type(search).__name__,
)
def test_space_is_found_under_the_name_that_its_class_has(search):
    assert space_of(search) is SPACE


def test_branches_with_their_numbers_of_candidates_are_branches():
    assert space_of(BayesSearchCV(SVC(), [(SPACE, 20), ({"kernel": ["linear"]}, 5)])) == [SPACE, {"kernel": ["linear"]}]


@pytest.mark.parametrize("without", [None, SVC(), object()])
def test_without_a_space_that_we_know_it_is_empty(without):
    assert space_of(without) == {}
    assert unit_scales(space_of(without)) == {}


def test_numbers_of_another_librarys_range_are_drawn_as_numbers():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib.pyplot import close

    search = BayesSearchCV(SVC(), {"C": Real(), "kernel": Real()})
    search.cv_results_ = {
        "params": [{"C": value, "kernel": kernel} for value, kernel in [(0.1, "rbf"), (1.0, "rbf"), (10.0, "linear")]],
        "mean_test_score": np.array([0.7, 0.9, 0.8]),
        "split0_test_score": np.array([0.6, 0.9, 0.8]),
        "split1_test_score": np.array([0.8, 0.9, 0.8]),
        "rank_test_score": np.array([3, 1, 2]),
    }
    display = ParamSliceDisplay.from_search(search)
    choices = {param.name: param.choices for param in display.params}
    assert choices == {"C": None, "kernel": ("rbf", "linear")}
    close("all")
