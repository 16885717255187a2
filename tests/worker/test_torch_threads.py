"""Folds compute with one number of torch threads, so that their scores do not depend on who runs them."""

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from sk_optuna import OptunaSearchCV
from sk_optuna.worker._torch_threads import torch_threads

torch = pytest.importorskip("torch")


class CountsThreads(RegressorMixin, BaseEstimator):
    """Scores the number of threads that it was fitted with."""

    def __init__(self, a=0):
        self.a = a

    def fit(self, X, y=None):
        self.n_threads_ = torch.get_num_threads()
        return self

    def score(self, X, y=None):
        return float(self.n_threads_)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2), ("threading", 2)])
@pytest.mark.parametrize("inner", [None, 3])
def test_folds_and_refit_have_one_number_of_threads_at_any_n_jobs(backend, n_jobs, inner):
    if backend == "threading" and inner is not None:
        pytest.skip("joblib sets the threads of processes only")
    options = {} if inner is None else {"inner_max_num_threads": inner}
    with joblib.parallel_config(backend, **options):
        search = OptunaSearchCV(CountsThreads(), {"a": [0, 1, 2]}, cv=2, n_jobs=n_jobs).fit(np.zeros((8, 1)))
    assert set(search.cv_results_["mean_test_score"]) == {float(inner or 1)}
    assert search.best_estimator_.n_threads_ == (inner or 1)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_the_callers_number_comes_back_when_the_last_fold_is_over():
    with torch_threads(1):
        with torch_threads(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
