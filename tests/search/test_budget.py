"""How many trials are in flight: a function of the trial's number, the folds and the sampler."""

import pytest
from optuna.samplers import TPESampler
from sklearn.base import BaseEstimator

from sk_optuna import OptunaSearchCV
from sk_optuna.samplers import GaussianProcessSampler
from sk_optuna.search._budget import in_flight


@pytest.mark.parametrize("n_splits", [1, 5, 10])
def test_auto_is_eight_at_the_start_then_six_and_eight_again(n_splits):
    n_in_flight = in_flight("auto", n_splits)
    assert [n_in_flight(number) for number in range(40)] == [8] * 8 + [6] * 16 + [8] * 16


@pytest.mark.parametrize(("n_splits", "early"), [(10, 1), (5, 1), (3, 2), (1, 4)])
def test_auto_is_few_for_the_process_after_the_start_and_four_later(n_splits, early):
    n_in_flight = in_flight("auto", n_splits, by_process=True)
    assert [n_in_flight(number) for number in range(40)] == [8] * 8 + [early] * 24 + [4] * 8


@pytest.mark.parametrize("most", [1, 3, 100])
def test_a_number_is_that_number(most):
    assert {in_flight(most, 5, by_process)(number) for by_process in (True, False) for number in range(50)} == {most}


class Asked(BaseEstimator):
    def __init__(self, a=0):
        self.a = a

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return self.a / 100


@pytest.mark.parametrize(
    ("sampler", "most"),
    [
        ("tpe", 6),
        ("random", 6),
        ("gp", 1),
        ("auto", 1),
        (GaussianProcessSampler(seed=0), 1),
        (lambda seed: TPESampler(seed=seed), 6),
    ],
)
def test_a_search_has_so_many_trials_in_flight(sampler, most):
    seen = []

    def look(study, trial):
        seen.append(sum(not each.state.is_finished() for each in study.trials))

    X = [[i] for i in range(10)]
    OptunaSearchCV(
        Asked(), {"a": range(1000)}, sampler=sampler, n_trials=20, study_callbacks=[look], cv=5, random_state=0
    ).fit(X)
    # after a trial was told, and before the next is asked
    assert max(seen[10:16]) == most - 1
