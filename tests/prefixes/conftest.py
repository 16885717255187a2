"""Compare searches that share the fitted first steps of pipelines with searches that fit every step every time.

The comparison is exact, to the last bit. Cheap steps are shared as well, and some stores forget one kind of value: a
score must not depend on the values that are still stored.
"""

import copy
import sys
import warnings

import numpy as np
import pytest

from sk_optuna import OptunaSearchCV
from sk_optuna.prefixes import _evaluation, _sharing, _store, _stored


@pytest.fixture
def cheap_steps_are_shared(monkeypatch):
    monkeypatch.setattr(_stored, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(_stored, "_TIMES_DEARER", 0.0)
    monkeypatch.setattr(_sharing, "_WORTH_SECONDS", 0.0)


_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(42, 6)) * [5, 1, 1, 2, 1, 0.5] + 1
Y = (X[:, 1] + X[:, 2] * X[:, 3] > 2).astype(int)
_put = _store.PrefixStore.put

STORES = {
    "keeps all": lambda value: True,
    "forgets transformed data": lambda value: isinstance(value, _evaluation._Fitted),
    "forgets fits": lambda value: not isinstance(value, _evaluation._Fitted),
}


def run(estimator, space, X, y, *, store="keeps all", fit_params=None, **arguments):
    """Return the scores of a search as a dict of arrays, the search, and how often something was found in its store."""
    keeps, n_found = STORES[store], 0
    get = _store.PrefixStore.get

    def put(self, key, value, *args):
        if keeps(value):
            _put(self, key, value, *args)

    def counted(self, key):
        nonlocal n_found
        value = get(self, key)
        n_found += value is not None
        return value

    arguments = {"cv": 2, "random_state": 0, "refit": False, "return_train_score": True, **arguments}
    arguments = {"error_score": "raise", **arguments}
    np.random.seed(0)  # noqa: NPY002
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(_store.PrefixStore, "put", put)
        patch.setattr(_store.PrefixStore, "get", counted)
        if arguments["error_score"] != "raise":
            warnings.simplefilter("ignore")
        search = OptunaSearchCV(estimator, space, **arguments).fit(copy.deepcopy(X), y, **(fit_params or {}))
    columns = {name: column for name, column in search.cv_results_.items() if "_test_" in name or "_train_" in name}
    return {name: np.asarray(column, float) for name, column in columns.items()}, search, n_found


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, column in expected.items():
        np.testing.assert_array_equal(found[name], column, err_msg=name)


def assert_changes_nothing(make, space, X=X, y=Y, *, shares=True, stores=STORES, **arguments):
    """Compare the search without sharing with searches that share; `make` makes the estimator anew for each."""
    expected, *_ = run(make(), space, X, y, cache_prefix=False, **arguments)
    for store in stores:
        found, _, n_found = run(make(), space, X, y, cache_prefix="auto", store=store, **arguments)
        assert_same(found, expected)
        assert n_found > 0 or not (shares and store == "keeps all")
    for size in ("3kB", "1B"):
        assert_same(run(make(), space, X, y, cache_prefix=size, **arguments)[0], expected)


@pytest.fixture
def sharing():
    """Hand out the functions of this file, which tests cannot import."""
    return sys.modules[__name__]
