"""A search that was broken off goes on, and nobody can tell."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import optuna
import pytest
from scipy.stats import loguniform, randint
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.callbacks import Patience
from sk_optuna.exceptions import InvalidArgumentError, ResumeMismatchError, StorageError

X, Y = load_iris(return_X_y=True)
RANGES = {"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-4, 1e1)}
BRANCHES = [RANGES, {"kernel": ["linear", "poly"], "C": np.logspace(-3, 3, 13)}]
# Fits since the last look, in this process.
FITTED = []


class Counted(SVC):
    """Counts its fits; candidates that are refused fail."""

    def fit(self, X, y, sample_weight=None):
        FITTED.append(len(X))
        return super().fit(X, y)


class Sometimes(ClassifierMixin, BaseEstimator):
    """Fails, runs out of memory, or has the score that it is told."""

    def __init__(self, level=0, how="fits"):
        self.level = level
        self.how = how

    def fit(self, X, y):
        if self.how == "fails":
            raise ValueError("no")
        if self.how == "memory":
            raise MemoryError
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.level)


class BrokenOff:
    """A study callback that ends the search at a trial as Ctrl-C does."""

    def __init__(self, number):
        self.number = number

    def __call__(self, study, trial):
        if trial.number == self.number:
            raise KeyboardInterrupt


# Trials at which `breakable` breaks off.
BREAKS_AT = []


def breakable(trial):
    if trial.number in BREAKS_AT:
        raise KeyboardInterrupt
    return {"C": trial.suggest_float("C", 1e-3, 1e3, log=True)}


def fits():
    n = len(FITTED)
    FITTED.clear()
    return n


def same(one, other):
    """Assert that two searches have equal tables, times aside."""
    one, other = one.cv_results_, other.cv_results_
    assert list(one) == list(other)
    for name in one:
        if "time" not in name:
            # in lists, masked values are None
            rows = [getattr(table[name], "tolist", table[name].copy)() for table in (one, other)]
            np.testing.assert_equal(*rows, err_msg=name)


def broken_off(search, *numbers, X=X, y=Y):
    """Fit clones of the search that are broken off at these trials, one after the other."""
    for number in numbers:
        with pytest.raises(KeyboardInterrupt):
            OptunaSearchCV(**{**search.get_params(deep=False), "study_callbacks": [BrokenOff(number)]}).fit(X, y)


def search_over(space=None, **arguments):
    defaults = {"n_trials": 24, "cv": KFold(4, shuffle=True, random_state=0), "random_state": 0}
    return OptunaSearchCV(Counted(), RANGES if space is None else space, **{**defaults, **arguments})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search.db"


SAMPLERS = ["tpe", "auto", "gp", "cmaes", "nsgaii", "qmc", "random"]
QUICK = {("tpe", "race"), ("auto", "race"), ("cmaes", None), ("qmc", "median")}


@pytest.mark.parametrize(
    ("sampler", "pruner"),
    [
        pytest.param(sampler, pruner, marks=() if (sampler, pruner) in QUICK else pytest.mark.slow)
        for sampler in SAMPLERS
        for pruner in (None, "race", "median", "halving", "wilcoxon")
    ],
)
@pytest.mark.parametrize("space", [RANGES, BRANCHES], ids=["ranges", "branches"])
def test_a_search_that_was_broken_off_anywhere_ends_as_if_it_had_not_been(path, sampler, pruner, space):
    search = search_over(space, sampler=sampler, pruner=pruner)
    whole = search_over(space, sampler=sampler, pruner=pruner).fit(X, Y)
    search.set_params(storage=path)
    broken_off(search, 2, 7, 8, 17)
    fits()
    search.fit(X, Y)
    assert 0 < fits() < 24 * 4 + 1
    same(search, whole)
    assert [trial.params for trial in search.study_.trials] == [trial.params for trial in whole.study_.trials]
    assert [trial.value for trial in search.study_.trials] == [trial.value for trial in whole.study_.trials]
    assert search.n_folds_dropped_ == whole.n_folds_dropped_


@pytest.mark.parametrize("sampler", [lambda seed: optuna.samplers.TPESampler(seed=seed), "instance"])
@pytest.mark.parametrize("space", ["ranges", "callable"])
def test_samplers_of_the_users_own_go_on_where_they_were(path, sampler, space):
    def of(trial):
        return {"C": trial.suggest_float("C", 1e-3, 1e3, log=True), "gamma": trial.suggest_float("gamma", 1e-4, 10)}

    def new():
        own = optuna.samplers.CmaEsSampler(seed=3) if sampler == "instance" else sampler
        return search_over(RANGES if space == "ranges" else of, sampler=own)

    whole = new().fit(X, Y)
    broken_off(new().set_params(storage=path), 5, 9)
    same(new().set_params(storage=path).fit(X, Y), whole)


@pytest.mark.parametrize("pruner", [None, "race", pytest.param("median", marks=pytest.mark.slow), "halving"])
def test_searches_by_epochs_go_on(path, pruner):
    def new(**arguments):
        space = {"alpha": loguniform(1e-6, 1e-1), "eta0": loguniform(1e-4, 1.0)}
        estimator = SGDClassifier(max_iter=8, learning_rate="constant", random_state=0)
        return OptunaSearchCV(
            estimator, space, report="epoch", pruner=pruner, n_trials=20, cv=3, random_state=1, checkpoint="best"
        ).set_params(**arguments)

    whole = new().fit(X, Y)
    broken_off(new(storage=path), 4, 12)
    search = new(storage=path).fit(X, Y)
    same(search, whole)
    assert search.refit_epochs_ == whole.refit_epochs_
    for name, values in whole.learning_curves_.items():
        np.testing.assert_array_equal(search.learning_curves_[name], values)


@pytest.mark.parametrize("n_jobs", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_workers_do_not_matter(path, n_jobs):
    whole = search_over(pruner="race").fit(X, Y)
    broken_off(search_over(pruner="race", storage=path, n_jobs=n_jobs), 9)
    same(search_over(pruner="race", storage=path).fit(X, Y), whole)
    broken_off(search_over(pruner="race", storage=path, study_name="other"), 9)
    same(search_over(pruner="race", storage=path, study_name="other", n_jobs=n_jobs).fit(X, Y), whole)


def test_random_folds_and_a_random_seed_are_kept(path):
    def new():
        return search_over(cv=ShuffleSplit(3), random_state=None, storage=path, pruner="race")

    broken_off(new(), 10)
    search, again = new().fit(X, Y), new().fit(X, Y)
    same(search, again)
    studies = optuna.get_all_study_summaries(f"sqlite:///{path}")
    assert [study.n_trials for study in studies] == [24]


def test_only_the_refit_runs_again_after_one_that_was_broken_off(path):
    class Refitted(Counted):
        def fit(self, X, y):
            super().fit(X, y)
            if len(X) == len(Y) and Refitted.breaks:
                raise KeyboardInterrupt
            return self

    Refitted.breaks = True
    search = OptunaSearchCV(Refitted(), RANGES, n_trials=5, random_state=0, storage=path)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    Refitted.breaks = False
    fits()
    assert search.fit(X, Y).score(X, Y) > 0.5
    assert fits() == 1


def test_n_trials_is_the_total(path):
    fits()
    search_over(n_trials=10, storage=path, refit=False).fit(X, Y)
    assert fits() == 40
    search_over(n_trials=10, storage=path, refit=False).fit(X, Y)
    assert fits() == 0
    same(search_over(n_trials=14, storage=path, refit=False).fit(X, Y), search_over(n_trials=14, refit=False).fit(X, Y))
    assert fits() == 4 * 4 + 14 * 4
    assert search_over(n_trials=5, storage=path, refit=False).fit(X, Y).n_trials_ == 14
    assert fits() == 0


def test_a_search_that_a_callback_ended_has_ended(path):
    def new(**arguments):
        return search_over(storage=path, study_callbacks=[Patience(3)], **arguments)

    search = new().fit(X, Y)
    assert search.n_trials_ < 24
    fits()
    same(new().fit(X, Y), search)
    assert fits() == 1
    with pytest.raises(KeyboardInterrupt):
        search_over(storage=path, study_name="other", study_callbacks=[BrokenOff(search.n_trials_ - 1)]).fit(X, Y)
    same(new(study_name="other").fit(X, Y), search)


def test_a_whole_grid_goes_on_in_order(path):
    grid = {"C": [0.1, 1, 10], "kernel": ["rbf", "linear"]}
    broken_off(search_over(grid, storage=path, n_trials=None), 2)
    fits()
    same(search_over(grid, storage=path, n_trials=None).fit(X, Y), search_over(grid, n_trials=None).fit(X, Y))
    assert fits() == 3 * 4 + 1 + 6 * 4 + 1


def test_a_sample_of_a_grid_grows_to_the_whole_grid(path):
    grid = {"C": [0.1, 1, 10], "kernel": ["rbf", "linear"]}
    first = search_over(grid, storage=path, n_trials=4).fit(X, Y)
    fits()
    whole = search_over(grid, storage=path, n_trials=None).fit(X, Y)
    assert fits() == 2 * 4 + 1
    assert whole.cv_results_["params"][:4] == first.cv_results_["params"]
    by_params = sorted(map(repr, whole.cv_results_["params"]))
    assert by_params == sorted(map(repr, search_over(grid, n_trials=None).fit(X, Y).cv_results_["params"]))


@pytest.mark.filterwarnings("ignore")
def test_failed_and_stopped_candidates_are_kept_with_their_reasons(path):
    space = {"level": randint(0, 3), "how": ["fits", "fails", "memory"]}

    def new(**arguments):
        return OptunaSearchCV(Sometimes(), space, n_trials=6, cv=3, random_state=0, **arguments)

    whole = new(return_train_score=True).fit(X, Y)
    broken_off(new(return_train_score=True, storage=path), 3)
    same(new(return_train_score=True, storage=path).fit(X, Y), whole)
    assert set(whole.cv_results_["trial_state"]) == {"COMPLETE", "FAIL", "PRUNED"}


def test_several_metrics_and_estimators_as_values(path):
    space = [
        {"clf": [LogisticRegression(max_iter=500)], "clf__C": loguniform(1e-3, 1e3)},
        {"clf": [RandomForestClassifier(n_estimators=5, random_state=0)], "clf__max_depth": [2, 4, None]},
    ]

    def new(**arguments):
        pipe = make_pipeline(StandardScaler(), SVC()).set_params(steps=[("scale", StandardScaler()), ("clf", SVC())])
        scoring = {"accuracy": "accuracy", "f1": "f1_macro"}
        return OptunaSearchCV(pipe, space, n_trials=12, scoring=scoring, refit="f1", cv=3, random_state=0, **arguments)

    whole = new().fit(X, Y)
    broken_off(new(storage=path), 6)
    search = new(storage=path).fit(X, Y)
    assert str(search.best_params_) == str(whole.best_params_)
    for name in ("mean_test_accuracy", "mean_test_f1", "rank_test_f1"):
        np.testing.assert_array_equal(search.cv_results_[name], whole.cv_results_[name])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"sampler": "random"}, r"sampler: 'tpe' then, 'random' now"),
        ({"pruner": "race"}, r"pruner: None then, 'race' now"),
        ({"cv": KFold(3)}, r"cv: \S*KFold\(n_splits=4.*KFold\(n_splits=3"),
        ({"scoring": "f1_macro"}, r"scoring: None then, 'f1_macro' now"),
        ({"random_state": 1}, r"random_state: 0 then, 1 now"),
        ({"estimator": Counted(kernel="linear")}, r"estimator: .*Counted\(\) then, .*Counted\(kernel='linear'\) now"),
        ({"param_distributions": {"C": [1, 2, 3]}}, r"space: .*loguniform.* then, \{'C': \[1, 2, 3\]\} now"),
        ({"initial_params": [{"C": 1.0}]}, r"initial_params: \[\] then, \[\{'C': 1.0\}\] now"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_the_study_of_another_search_is_refused_with_each_difference(path, changes, named):
    search_over(n_trials=2, storage=path, study_name="mine").fit(X, Y)
    fits()
    with pytest.raises(ResumeMismatchError, match=f"(?s)'mine'.*{named}.*use another study_name.*initial_params"):
        search_over(n_trials=2, storage=path, study_name="mine").set_params(**changes).fit(X, Y)
    assert fits() == 0
    search_over(n_trials=2, storage=path).set_params(**changes).fit(X, Y)


@pytest.mark.parametrize("other", [X[:100], np.round(X), X.astype(np.float32)])
def test_other_data_is_refused_by_its_digest(path, other):
    search_over(n_trials=2, storage=path, study_name="mine").fit(X, Y)
    with pytest.raises(ResumeMismatchError, match=r"X: array of shape \(150, 4\), float64, \w{16} then"):
        search_over(n_trials=2, storage=path, study_name="mine").fit(other, Y[: len(other)])


def test_what_does_not_change_candidates_may_change(path):
    search = search_over(n_trials=4, storage=path, study_name="mine").fit(X, Y)
    fits()
    changes = {"n_jobs": 2, "verbose": 0, "timeout": 100, "refit": False, "cache_prefix": False, "pre_dispatch": 4}
    same(search_over(n_trials=4, storage=path, study_name="mine", **changes).fit(X, Y), search)
    assert fits() == 0


def test_each_fold_of_a_nested_cross_validation_goes_on_by_itself(path):
    scores = cross_val_score(search_over(n_trials=4), X, Y, cv=3)
    fits()
    first = cross_val_score(search_over(n_trials=4, storage=str(path)), X, Y, cv=3)
    assert fits() == 3 * (4 * 4 + 1)
    second = cross_val_score(search_over(n_trials=4, storage=str(path)), X, Y, cv=3)
    assert fits() == 3
    np.testing.assert_array_equal([first, second], [scores, scores])
    with pytest.raises(ValueError, match=r"(?s)'mine'.*X: .*each fold of a nested cross-validation"):
        cross_val_score(search_over(n_trials=2, storage=path, study_name="mine"), X, Y, cv=2, error_score="raise")


def test_warm_start_goes_on_from_the_last_fit():
    search = search_over(n_trials=8, warm_start=True, pruner="race").fit(X, Y)
    fits()
    search.set_params(n_trials=14).fit(X, Y)
    assert fits() < 6 * 4 + 2
    same(search, search_over(n_trials=14, pruner="race").fit(X, Y))
    with pytest.raises(ResumeMismatchError, match=r"(?s)last fit of this search.*cv: .*set warm_start=False"):
        search.set_params(cv=3).fit(X, Y)
    search.set_params(cv=3, warm_start=False).fit(X, Y)


def test_warm_start_goes_on_after_an_interrupt_and_with_a_generator():
    search = search_over(warm_start=True, study_callbacks=[BrokenOff(6)], random_state=np.random.RandomState(0))
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    fits()
    search.set_params(study_callbacks=None).fit(X, Y)
    assert fits() == 17 * 4 + 1
    same(search, search_over(random_state=np.random.RandomState(0)).fit(X, Y))


def test_a_search_that_had_no_storage_is_saved_and_goes_on(path):
    search = search_over(n_trials=9, pruner="race").fit(X, Y)
    search.save_study(path)
    with pytest.raises(StorageError, match="has this search already, with 9 candidates"):
        search.save_study(path)
    fits()
    more = search_over(n_trials=15, pruner="race", storage=path).fit(X, Y)
    assert fits() < 6 * 4 + 2
    same(more, search_over(n_trials=15, pruner="race").fit(X, Y))


def test_a_search_without_a_finished_candidate_saves_its_folds_and_seed(path):
    search = search_over(breakable, n_trials=9, cv=ShuffleSplit(3), random_state=None)
    BREAKS_AT.append(0)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    BREAKS_AT.clear()
    search.save_study(path, "mine")
    again = search_over(breakable, n_trials=9, cv=ShuffleSplit(3), random_state=None, storage=path, study_name="mine")
    again.fit(X, Y)
    ours, theirs = again._history, search._history
    assert ours.random_state == theirs.random_state
    np.testing.assert_equal(list(ours.splits), list(theirs.splits))
    assert again.n_trials_ == 9


def test_a_search_that_is_broken_off_while_it_goes_over_what_it_has_loses_nothing(path):
    search = search_over(breakable, n_trials=9, warm_start=True).fit(X, Y)
    BREAKS_AT.append(4)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    with pytest.raises(StorageError, match=r"before it had gone over the 9 candidates.*Fit it again"):
        search.save_study(path)
    BREAKS_AT.clear()
    fits()
    same(search.fit(X, Y), search_over(breakable, n_trials=9).fit(X, Y))
    assert fits() == 1 + 9 * 4 + 1
    search.save_study(path)


def test_the_best_of_fitted_searches_are_tried_first():
    grid = GridSearchCV(SVC(), {"C": [0.01, 0.1, 1, 10, 100, 1000]}, cv=3).fit(X, Y)
    search = search_over(n_trials=6, pruner="race").fit(X, Y)
    both = search_over(n_trials=12, initial_params=[grid, search, {"C": 0.5}, search]).fit(X[:120], Y[:120])
    tried = both.cv_results_["params"]
    ranks = np.argsort(grid.cv_results_["rank_test_score"], kind="stable")[:5]
    assert [params["C"] for params in tried[:5]] == [grid.cv_results_["params"][i]["C"] for i in ranks]
    assert tried[5] == search.best_params_
    assert 0.5 in [params["C"] for params in tried]
    keys = [tuple(params.items()) for params in tried]
    assert len(keys) == len(set(keys))
    assert search_over(n_trials=3, initial_params=search).fit(X, Y).cv_results_["params"][0] == search.best_params_


def test_a_search_that_is_not_fitted_cannot_be_tried_first():
    with pytest.raises(InvalidArgumentError, match="a search must be fitted first"):
        search_over(initial_params=search_over()).fit(X, Y)


def test_newer_packages_are_named(path, monkeypatch):
    search_over(n_trials=2, storage=path).fit(X, Y)
    monkeypatch.setattr("sklearn.__version__", "99.0")
    with pytest.warns(UserWarning, match=r"from 2 candidates that ran with other versions: scikit-learn .*99\.0 now"):
        search_over(n_trials=3, storage=path).fit(X, Y)


KILLED = """
import os, signal, sys
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.svm import SVC
from sk_optuna import OptunaSearchCV
from sk_optuna.callbacks import Patience

def kill(study, trial):
    if trial.number == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

X, y = load_iris(return_X_y=True)
space = {"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-4, 1e1)}
OptunaSearchCV(SVC(), space, n_trials=12, cv=4, random_state=0, storage=sys.argv[1], study_callbacks=[kill]).fit(X, y)
"""


def test_a_killed_process_loses_no_finished_trial(path):
    for number in (0, 6):
        killed = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), str(path), str(number)], check=False)
        assert killed.returncode == -signal.SIGKILL
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        (study,) = optuna.get_all_study_summaries(storage)
        assert study.n_trials == number + 1
        storage.engine.dispose()

    def new(**arguments):
        return OptunaSearchCV(SVC(), RANGES, n_trials=12, cv=4, random_state=0, **arguments)

    same(new(storage=path).fit(X, Y), new().fit(X, Y))
    assert os.listdir(path.parent) == [path.name]
