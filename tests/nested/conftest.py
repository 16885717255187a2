"""Small data on which a search takes a tenth of a second."""

import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import Ridge
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV


@pytest.fixture(scope="session")
def iris():
    X, y = load_iris(return_X_y=True)
    return X[::2], y[::2]


@pytest.fixture(scope="session")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X[:200], y[:200]


@pytest.fixture
def svc_search():
    return OptunaSearchCV(SVC(), {"C": loguniform(0.01, 100)}, n_trials=4, cv=3, random_state=0)


@pytest.fixture
def ridge_search():
    return OptunaSearchCV(Ridge(), {"alpha": loguniform(0.001, 100)}, n_trials=4, cv=3, random_state=0)
