"""A fold that hangs, or takes too much memory, costs a search its candidate and nothing else."""

import math
import signal
import time

import joblib
import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import FoldMemoryError, FoldTimeoutError, InvalidArgumentError

pytestmark = [
    pytest.mark.usefixtures("sent_by_value"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

X = np.random.default_rng(0).normal(size=(20, 2))
N_FITS = []


class Hanging(BaseEstimator):
    """Scores `a`; hangs, or takes memory, where it is told to, in one fold or in all."""

    def __init__(self, a=0, at=None, how="hang", fold=None):
        self.a = a
        self.at = at
        self.how = how
        self.fold = fold

    def fit(self, X_train, y=None):
        N_FITS.append(self.a)
        is_here = self.fold is None or X[4 * self.fold, 0] not in X_train
        if self.a == self.at and is_here and len(X_train) < len(X):
            if self.how == "stubborn":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self.taken_ = np.ones(2**27) if self.how == "memory" else None
            time.sleep(3600)
        self.mean_ = float(np.mean(X_train))
        return self

    def score(self, X, y=None):
        return self.a + self.mean_ + 0.01 * float(np.mean(X))


def search(space=None, *, n_jobs=2, cv=5, at=None, how="hang", fold=None, **rest):
    return OptunaSearchCV(
        Hanging(at=at, how=how, fold=fold),
        {"a": [0, 1, 2, 3]} if space is None else space,
        cv=cv,
        n_jobs=n_jobs,
        random_state=0,
        **rest,
    )


def assert_equal_but_for(search, expected, row):
    others = np.arange(len(expected.cv_results_["params"])) != row
    assert search.cv_results_["params"] == expected.cv_results_["params"]
    for name, column in expected.cv_results_.items():
        if name.startswith("split") or name == "mean_test_score":
            np.testing.assert_array_equal(search.cv_results_[name][others], column[others])


ignore_failures = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores are non-finite"
)


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
@pytest.mark.parametrize(("backend", "how"), [("loky", "hang"), ("multiprocessing", "stubborn")])
def test_a_fold_that_hangs_fails_its_candidate_alone(backend, how):
    told = r"FoldTimeoutError: With \{'a': 1\}, fold 0 ran for more than fold_timeout=3"
    with joblib.parallel_config(backend=backend):
        with pytest.warns(FitFailedWarning, match=told):
            found = search(at=1, how=how, fold_timeout=3).fit(X)
        assert joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-n) for n in range(4)) == [0, 1, 2, 3]
    assert_equal_but_for(found, search(n_jobs=1).fit(X), 1)
    table = found.cv_results_
    assert list(table["trial_state"]) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert list(table["stop_reason"]) == ["", "timeout: fold 0 ran for more than fold_timeout=3 seconds", "", ""]
    assert table["rank_test_score"].tolist() == [3, 4, 2, 1]
    assert found.best_params_ == {"a": 3}
    assert [trial.state.name for trial in found.study_.trials] == list(table["trial_state"])
    assert found.study_.trials[1].user_attrs["stop_reason"].startswith("timeout")


@ignore_failures
def test_a_fold_that_takes_too_much_memory_is_treated_as_one_out_of_memory():
    with joblib.parallel_config(backend="multiprocessing"):
        found = search(at=1, how="memory", fold=0, fold_memory="900MiB").fit(X)
    assert_equal_but_for(found, search(n_jobs=1).fit(X), 1)
    assert list(found.cv_results_["trial_state"]) == ["COMPLETE", "PRUNED", "COMPLETE", "COMPLETE"]
    assert found.cv_results_["stop_reason"][1] == "out of memory: fold 0 took more than fold_memory='900MiB'"


def test_limits_that_nobody_exceeds_change_nothing():
    space, expected = {"a": uniform(0, 1)}, {}
    for n_jobs in (1, 2):
        limits = {} if n_jobs == 1 else {"fold_timeout": 600.0, "fold_memory": "100GB"}
        with joblib.parallel_config(backend="multiprocessing"):
            expected[n_jobs] = search(space, n_jobs=n_jobs, n_trials=12, pruner="race", **limits).fit(X)
    assert expected[1].cv_results_["params"] == expected[2].cv_results_["params"]
    np.testing.assert_array_equal(*(each.cv_results_["mean_test_score"] for each in expected.values()))
    assert "stop_reason" not in expected[2].cv_results_


@ignore_failures
def test_a_limit_exceeded_is_an_error_where_errors_are_raised():
    with joblib.parallel_config(backend="multiprocessing"):
        with pytest.raises(
            FoldTimeoutError, match=r"With \{'a': 0\}, fold \d ran for more than fold_timeout=1 seconds"
        ):
            search(at=0, fold_timeout=1, error_score="raise").fit(X)
        with pytest.raises(FoldMemoryError, match="took more than fold_memory='900MiB'"):
            search(at=0, how="memory", fold_memory="900MiB", error_score="raise").fit(X)


@pytest.mark.parametrize("limit", [{"fold_timeout": 60}, {"fold_memory": "4GB"}], ids=str)
@pytest.mark.parametrize(
    ("backend", "n_jobs", "where"),
    [
        ("loky", 1, "one after the other in the thread that calls fit"),
        ("loky", None, "one after the other in the thread that calls fit"),
        ("threading", 2, "in threads"),
    ],
)
def test_limits_are_refused_where_no_fold_can_be_ended(limit, backend, n_jobs, where):
    N_FITS.clear()
    name = next(iter(limit))
    rule = f"{name}=.* needs worker processes, .* folds run here {where}. Pass n_jobs=2 or more and joblib's backend"
    with joblib.parallel_config(backend=backend), pytest.raises(InvalidArgumentError, match=rule):
        search(n_jobs=n_jobs, **limit).fit(X)
    assert N_FITS == []


@pytest.mark.parametrize("value", [0, -1, -0.5, math.nan, math.inf, True, False, np.bool_(True), "60", [60]], ids=repr)
def test_a_fold_timeout_that_is_no_time_is_refused(value):
    with pytest.raises(InvalidArgumentError, match="'fold_timeout' parameter must be None or a number of seconds"):
        search(fold_timeout=value).fit(X)


@pytest.mark.parametrize("value", ["4", "GB", "0GB", "-1GB", "4 apples", 4, 4.5, True, math.nan, b"4GB", ""], ids=repr)
def test_a_fold_memory_that_is_no_size_is_refused(value):
    with pytest.raises(InvalidArgumentError, match="'fold_memory' parameter must be None or a size in bytes such as"):
        search(fold_memory=value).fit(X)


def test_fold_memory_is_refused_where_the_system_does_not_tell(monkeypatch):
    monkeypatch.setattr("sk_optuna.search._fold_limits.knows_resident_memory", lambda: False)
    with pytest.raises(InvalidArgumentError, match="fold_memory='4GB' needs Linux"):
        search(fold_memory="4GB").fit(X)


@pytest.mark.parametrize("value", [np.float64(2.5), np.int64(60), 1e-3], ids=repr)
def test_numbers_of_any_kind_are_times(value):
    with pytest.raises(InvalidArgumentError, match="needs worker processes"):
        search(fold_timeout=value, n_jobs=1).fit(X)
