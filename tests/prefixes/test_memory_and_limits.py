"""A store keeps its limit and is freed; a pipeline's own memory is asked as ever."""

import gc
import sys
import weakref

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._joblib import cloudpickle
from sk_optuna.prefixes import _sharing, _store

# Workers cannot import this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = [
    pytest.mark.usefixtures("cheap_steps_are_shared"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(42, 6)) * [5, 1, 1, 2, 1, 0.5] + 1
Y = (X[:, 1] + X[:, 2] * X[:, 3] > 2).astype(int)


def pipe(*steps, **arguments):
    return Pipeline([(name, step) for name, step in zip("abcdefg", steps, strict=False)], **arguments)


def last(name, values=(1e-9, 1e-2)):
    return {f"{name}__var_smoothing": list(values)}


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["1kB", "5kB", "20 kb", "1MiB"])
def test_store_never_holds_more_than_its_limit(monkeypatch, limit, sharing):
    held, bound = [], _sharing._bytes(limit)
    get = _store.PrefixStore.get

    def noted(self, key):
        held.append((self.n_bytes, sum(size for _, size in self._held.values())))
        return get(self, key)

    monkeypatch.setattr(_store.PrefixStore, "get", noted)
    estimator = pipe(StandardScaler(), PolynomialFeatures(), PCA(random_state=0), GaussianNB())
    sharing.run(estimator, {"c__n_components": [1, 2, 3, 4], **last("d")}, X, Y, cache_prefix=limit)
    assert all(counted == added <= bound for counted, added in held)
    assert held


def test_memory_is_free_after_the_search(monkeypatch):
    stores = []

    class Noted(_store.PrefixStore):
        def __init__(self, *args):
            super().__init__(*args)
            stores.append(weakref.ref(self))

    monkeypatch.setattr(_sharing, "PrefixStore", Noted)
    search = OptunaSearchCV(pipe(StandardScaler(), PCA(2, random_state=0), GaussianNB()), last("c"), cv=2).fit(X, Y)
    gc.collect()
    assert len(stores) == 1
    assert stores[0]() is None
    assert search.n_trials_ == 2


class NotedMemory:
    """A user's memory."""

    def __init__(self):
        self.calls = []

    def cache(self, function, ignore=None):
        def noted(step, *args, **kwargs):
            self.calls.append(type(step).__name__)
            return function(step, *args, **kwargs)

        return noted

    def __deepcopy__(self, memo):
        return self


# --- what belongs to the caller ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cache_prefix", [False, "auto", True])
def test_memory_of_the_user_is_asked_as_ever(cache_prefix, sharing):
    memory = NotedMemory()
    estimator = pipe(StandardScaler(), PCA(2, random_state=0), GaussianNB(), memory=memory)
    _, search, n_found = sharing.run(estimator, last("c"), X, Y, cache_prefix=cache_prefix, refit=True)
    assert memory.calls == ["StandardScaler", "PCA"] * (2 * 2 + 1)
    assert n_found == 0
    assert estimator.memory is search.best_estimator_.memory is memory


def test_directory_of_the_user_is_used_as_ever(tmp_path, sharing):
    make = lambda memory: pipe(StandardScaler(), PCA(2, random_state=0), GaussianNB(), memory=memory)  # noqa: E731
    expected, *_ = sharing.run(make(None), last("c"), X, Y, cache_prefix=False)
    for cache_prefix in (False, "auto"):
        folder = tmp_path / str(cache_prefix)
        found, search, _ = sharing.run(make(str(folder)), last("c"), X, Y, cache_prefix=cache_prefix, refit=True)
        sharing.assert_same(found, expected)
        assert search.best_estimator_.memory == str(folder)
    n_outputs = [len(list((tmp_path / name).rglob("output.pkl"))) for name in ("False", "auto")]
    assert n_outputs[0] == n_outputs[1] > 0


def test_memory_may_be_searched(tmp_path, sharing):
    make = lambda: pipe(StandardScaler(), PCA(2, random_state=0), GaussianNB())  # noqa: E731
    sharing.assert_changes_nothing(make, {"memory": [None, str(tmp_path)], **last("c")}, shares=False)
