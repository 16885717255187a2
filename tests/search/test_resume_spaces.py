"""A search goes on over whatever a space has in it, and on whatever a splitter gives."""

import numpy as np
import optuna
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV

X, Y = load_iris(return_X_y=True)


class Takes(ClassifierMixin, BaseEstimator):
    """Takes anything for a parameter, and has a score that depends on it."""

    def __init__(self, a=0, b=0):
        self.a = a
        self.b = b

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), len(str(self.a)) % 3)


class BrokenOff:
    def __call__(self, study, trial):
        if trial.number == 2:
            raise KeyboardInterrupt


class Splitter:
    """Gives three shuffled folds in some form."""

    def __init__(self, form):
        self.form = form

    def get_n_splits(self, X=None, y=None, groups=None):
        return 3

    def split(self, X, y=None, groups=None):
        for train, test in KFold(3, shuffle=True, random_state=1).split(X):
            yield FORMS[self.form](train), FORMS[self.form](test)


FORMS = {
    "lists": lambda rows: rows.tolist(),
    "masks": lambda rows: np.isin(np.arange(len(X)), rows),
    "lists of booleans": lambda rows: np.isin(np.arange(len(X)), rows).tolist(),
    "small integers": lambda rows: rows.astype("u1"),
    "negative and not sorted": lambda rows: np.random.default_rng(0).permutation(rows) - len(X),
}
ANY = stats.uniform(0, 1)
SPACES = {
    "equal but not alike": {"a": [None, True, 1, 1.0, False, 0, "1", -1]},
    "numpy's scalars": {"a": [np.float64(0.1), np.int64(2), np.float32(0.3), np.str_("x"), np.bool_(True)], "b": ANY},
    "objects": {
        "a": [SVC(), SVC(C=2), LogisticRegression(), np.mean, len, (1,), (1, 2), np.eye(2), {"k": 1}],
        "b": ANY,
    },
    "nan": {"a": [float("nan"), 1.0, float("inf"), None], "b": [0, 1]},
    "nan among numbers": {"a": [float("nan"), 1.0, 2.0]},
    "infinity at the end": {"a": [1.0, 2.0, float("inf")], "b": ANY},
    "long": {"a": range(10**9), "b": list(range(20_000))},
    "scipy": {"a": stats.norm(0, 1), "b": stats.rv_histogram(np.histogram([1.0, 2.0, 3.0]))},
    "scipy's integers": {"a": stats.poisson(3), "b": stats.truncnorm(-1, 1)},
    "large integers": {"a": [2**62, 2**63, 2**70, -(2**65)], "b": ANY},
    "text": {"a": ["\N{SNOWMAN}", "a\0b", "\ud800", "'\"", b"bytes"], "b": ANY},
    "optuna": {
        "a": optuna.distributions.CategoricalDistribution([1, True, None]),
        "b": optuna.distributions.FloatDistribution(0, 0.3, step=0.1),
    },
}
QUICK = ("equal but not alike", "nan", "objects")


def search_over(space, **arguments):
    defaults = {"n_trials": 9, "cv": KFold(3, shuffle=True, random_state=0), "random_state": 0, "refit": False}
    return OptunaSearchCV(Takes(), space, **{**defaults, **arguments})


def assert_same(one, other):
    one, other = one.cv_results_, other.cv_results_
    assert list(one) == list(other)
    for name in one:
        if "time" not in name:
            assert repr(list(one[name])) == repr(list(other[name]))


def assert_goes_on(path, space, **arguments):
    whole = search_over(space, **arguments).fit(X, Y)
    with pytest.raises(KeyboardInterrupt):
        search_over(space, storage=path, study_callbacks=[BrokenOff()], **arguments).fit(X, Y)
    assert_same(search_over(space, storage=path, **arguments).fit(X, Y), whole)
    assert_same(search_over(space, storage=path, **arguments).fit(X, Y), whole)
    assert len(optuna.get_all_study_names(f"sqlite:///{path}")) == 1


@pytest.mark.parametrize(
    "space", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SPACES]
)
def test_a_search_goes_on_over_any_space(tmp_path, space):
    assert_goes_on(tmp_path / "search.db", SPACES[space])


@pytest.mark.parametrize(
    "form", ["masks", *(pytest.param(form, marks=pytest.mark.slow) for form in FORMS if form != "masks")]
)
def test_a_search_goes_on_whatever_a_splitter_gives(tmp_path, form):
    assert_goes_on(tmp_path / "search.db", {"a": ["x", "yy", "zzz"], "b": ANY}, cv=Splitter(form))


def test_a_generator_of_folds_is_drawn_from_once(tmp_path):
    def new(**arguments):
        return search_over({"b": ANY}, cv=KFold(3, shuffle=True).split(X), storage=tmp_path / "search.db", **arguments)

    first = new(n_trials=3).fit(X, Y)
    more = new(n_trials=5).fit(X, Y)
    for i in range(3):
        np.testing.assert_array_equal(
            more.cv_results_[f"split{i}_test_score"][:3], first.cv_results_[f"split{i}_test_score"]
        )


def test_an_optuna_storage_in_memory_serves_its_search_and_each_clone_has_its_own():
    storage = optuna.storages.InMemoryStorage()
    search = search_over({"a": ["x", "yy", "zzz"]}, n_trials=3, storage=storage).fit(X, Y)
    assert_same(search.fit(X, Y), search)
    scores = cross_val_score(clone(search), X, Y, cv=2, error_score="raise", scoring=lambda est, X, y: est.best_score_)
    assert len(scores) == 2
    assert [len(storage.get_all_trials(study._study_id)) for study in storage.get_all_studies()] == [3]
