"""An estimator that can say so is asked before the first fit whether any candidate could be fitted."""

import numpy as np
import pytest
from joblib import parallel_config
from joblib._parallel_backends import ThreadingBackend
from joblib.parallel import register_parallel_backend
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVR

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError

X = np.random.default_rng(0).normal(size=(24, 3))
Y = X[:, 0]
HOLES = np.where(X > 1.5, np.nan, X)


class Leaf(RegressorMixin, BaseEstimator):
    """Takes devices that are there, and no NaN."""

    asked: list = []  # noqa: RUF012
    n_fits = 0

    def __init__(self, device="cpu", size=1):
        self.device = device
        self.size = size

    def check_fit(self, X=None, y=None):
        Leaf.asked.append((self.device, X is not None, y is not None))
        if self.device != "cpu":
            raise InvalidArgumentError(f"device={self.device!r} is not there. Pass 'cpu'.")
        if X is not None and np.isnan(np.asarray(X)).any():
            raise InvalidArgumentError("Input X contains NaN. Impute before.")

    def fit(self, X, y):
        Leaf.n_fits += 1
        self.check_fit(X, y)
        self.mean_ = np.mean(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


@pytest.fixture(autouse=True)
def _forget():
    Leaf.asked, Leaf.n_fits = [], 0


def pipe(*steps):
    return Pipeline([(f"s{i}", step) for i, step in enumerate(steps)])


WRAPPED = {
    "": lambda leaf: leaf,
    "s1__": lambda leaf: pipe(StandardScaler(), leaf),
    "s1__regressor__": lambda leaf: pipe(PCA(2), TransformedTargetRegressor(leaf)),
    "regressor__s1__": lambda leaf: TransformedTargetRegressor(pipe("passthrough", leaf)),
}


@pytest.mark.parametrize("prefix", WRAPPED)
def test_what_no_candidate_could_be_fitted_with_is_told_before_the_first_fit(prefix):
    search = OptunaSearchCV(WRAPPED[prefix](Leaf("cuda")), {f"{prefix}size": range(1, 9)}, n_trials=4, random_state=0)
    with pytest.raises(InvalidArgumentError, match=r"device='cuda' is not there\. Pass 'cpu'"):
        search.fit(X, Y)
    assert Leaf.n_fits == 0


def by_trial(trial):
    return {"device": trial.suggest_categorical("device", ["cuda", "mps"])}


SPACES = {
    "a list": {"device": ["cuda", "mps"]},
    "branches": [{"device": ["cuda"]}, {"device": ["mps"], "size": [1, 2]}],
    "a callable": by_trial,
}


@pytest.mark.parametrize("name", SPACES)
def test_parameters_that_are_searched_are_looked_at_in_every_form_of_space(name):
    with pytest.raises(InvalidArgumentError, match="is not there"):
        OptunaSearchCV(Leaf(), SPACES[name], n_trials=3, random_state=0).fit(X, Y)
    assert Leaf.n_fits == 0


@pytest.mark.filterwarnings("ignore:Some fits failed", "ignore:\\n\\d+ fits failed", "ignore:One or more of the test")
def test_search_goes_on_if_a_candidate_could_be_fitted():
    space = {"device": ["cuda", "mps", "xpu", "cpu"], "size": [1, 2]}
    search = OptunaSearchCV(Leaf(), space, random_state=0, cv=2).fit(X, Y)
    assert search.best_params_["device"] == "cpu"
    assert (search.cv_results_["trial_state"] == "FAIL").sum() == 6


def test_one_candidate_that_could_be_fitted_is_enough_to_know():
    OptunaSearchCV(Leaf(), {"size": [1, 2, 3]}, cv=2, refit=False).fit(X, Y)
    assert len(Leaf.asked) - Leaf.n_fits == 1


REACHES = {
    "": True,
    "s1__": True,
    "s1__regressor__": False,
    "regressor__s1__": True,
}


@pytest.mark.parametrize("prefix", REACHES)
def test_data_is_shown_where_the_leaf_is_given_it_as_it_is(prefix):
    OptunaSearchCV(WRAPPED[prefix](Leaf()), {f"{prefix}size": [1]}, cv=2, refit=False).fit(X, Y)
    assert Leaf.asked[0] == ("cpu", REACHES[prefix], REACHES[prefix])


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), "passthrough", None])
def test_nan_that_scalers_pass_on_is_told_before_the_first_fit(scaler):
    with pytest.raises(InvalidArgumentError, match="contains NaN"):
        OptunaSearchCV(pipe(scaler, Leaf()), {"s1__size": [1, 2]}, cv=2).fit(HOLES, Y)
    assert Leaf.n_fits == 0


def test_nan_that_is_imputed_is_no_matter():
    search = OptunaSearchCV(pipe(StandardScaler(), SimpleImputer(), Leaf()), {"s2__size": [1, 2]}, cv=2)
    assert search.fit(HOLES, Y).n_trials_ == 2


def test_a_leaf_that_a_candidate_exchanges_is_asked():
    space = {"s1": [Leaf("cuda"), Leaf("mps")]}
    with pytest.raises(InvalidArgumentError, match="is not there"):
        OptunaSearchCV(pipe(StandardScaler(), Leaf()), space, cv=2).fit(X, Y)
    search = OptunaSearchCV(pipe(StandardScaler(), Leaf("cuda")), {"s1": [SVR(), SVR(C=2)]}, cv=2)
    assert search.fit(X, Y).n_trials_ == 2


def test_asking_changes_neither_the_estimator_nor_global_random_state():
    estimator = pipe(StandardScaler(), Leaf())
    before, state = dict(vars(estimator[1])), np.random.get_state()[1].copy()  # noqa: NPY002
    OptunaSearchCV(estimator, {"s1__size": range(1, 50)}, n_trials=2, random_state=0, cv=2).fit(X, Y)
    assert vars(estimator[1]) == before
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


class Elsewhere(ThreadingBackend):
    """Stands for workers of other machines."""


@pytest.mark.filterwarnings("ignore:One or more of the test", "ignore:\\n\\d+ fits failed")
@pytest.mark.parametrize("refit", [True, False])
def test_workers_of_other_machines_may_have_what_this_one_lacks(refit):
    register_parallel_backend("elsewhere", Elsewhere)
    search = OptunaSearchCV(Leaf("cuda"), {"size": [1, 2]}, cv=2, n_jobs=2, refit=refit)
    says = "is not there" if refit else "All the 4 fits failed"
    with parallel_config("elsewhere"), pytest.raises(ValueError, match=says):
        search.fit(X, Y)
    assert Leaf.n_fits == (0 if refit else 4)
