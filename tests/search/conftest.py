"""Searches with pruning, and rules that hold of each.

The estimator's score in a fold is a formula of its parameters and of the fold, so that a search takes milliseconds, and
the folds that a pruned search leaves out can be looked up in the one that runs everything.
"""

import sys
import time

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from optuna.pruners import (
    HyperbandPruner,
    MedianPruner,
    PatientPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
    WilcoxonPruner,
)
from optuna.trial import TrialState, create_trial
from scipy.stats import uniform
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._optuna import make_unwarned
from sk_optuna.pruners import PairedRacePruner
from sk_optuna.search._budget import in_flight
from sk_optuna.study._pruning import random_order

K, SIZE = 5, 4
X, Y = np.arange(K * SIZE, dtype=float)[:, None], np.arange(float(K * SIZE))
HARDNESS = [0.0, 0.3, -0.2, 0.1, -0.1]
FITS = []  # `a` of each fit in this process


def fold_of(X):
    return int(X[0, 0]) // SIZE


def score_of(a, b, kind, fold):
    bonus = {"plain": 0.0, "round": 0.01, "sharp": -0.2}[kind]
    return bonus - (a - 0.7) ** 2 - 0.1 * b**2 + HARDNESS[fold] + 0.01 * np.sin(997 * a * (fold + 1))


class Formula(BaseEstimator):
    """Its fits fail, or its scores are not finite, where `a` is above `limit`."""

    def __init__(self, a=0.5, b=0.0, kind="plain", limit=9.0, how="fit", nap=0.0):
        self.a = a
        self.b = b
        self.kind = kind
        self.limit = limit
        self.how = how
        self.nap = nap

    def fit(self, X, y=None):
        FITS.append(self.a)
        time.sleep(self.nap)
        if self.a > self.limit and self.how == "fit":
            raise ValueError("above the limit")
        self.n_ = len(X)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y=None):
        if self.a > self.limit:
            return float(self.how)
        return float(score_of(self.a, self.b, self.kind, fold_of(X)))


def main(estimator, X, y):
    return estimator.score(X, y)


def against(estimator, X, y):
    return -estimator.score(X, y)


def both(estimator, X, y):
    return {"main": main(estimator, X, y), "against": against(estimator, X, y)}


def best_complete(results):
    return int(np.nanargmax(results["mean_test_main" if "mean_test_main" in results else "mean_test_score"]))


def define_by_run(trial):
    params = {"a": trial.suggest_float("a", 0.0, 1.0)}
    params["kind"] = trial.suggest_categorical("kind", ["plain", "round", "sharp"])
    if params["kind"] != "plain":
        params["b"] = trial.suggest_float("b", -1.0, 1.0)
    return params


KINDS = ["plain", "round", "sharp"]

SPACES = {
    "table": {"a": uniform(0, 1), "b": FloatDistribution(-1, 1), "kind": KINDS},
    "conditional": [{"a": uniform(0, 1)}, {"a": [0.1, 0.6, 0.72], "kind": KINDS, "b": [0.0, 0.5]}],
    "define-by-run": define_by_run,
    "whole grid": {"a": list(np.linspace(0.05, 0.95, 8)), "kind": KINDS},
    "part of a grid": {"a": list(np.linspace(0.05, 0.95, 19)), "kind": KINDS},
}

NAMES = ["race", "median", "percentile", "wilcoxon", "halving", "hyperband", "threshold"]

INSTANCES = {
    "race instance": PairedRacePruner(z=1.0, n_startup_trials=2, n_startup_steps=2),
    "median instance": MedianPruner(n_startup_trials=2, n_warmup_steps=2),
    "percentile instance": PercentilePruner(60.0, n_startup_trials=3),
    "wilcoxon instance": make_unwarned(WilcoxonPruner, p_threshold=0.6),
    "hyperband auto": HyperbandPruner(reduction_factor=2),
    "halving auto": SuccessiveHalvingPruner(min_resource="auto", reduction_factor=2),
    "patient": make_unwarned(PatientPruner, wrapped_pruner=MedianPruner(n_startup_trials=2), patience=0),
    "threshold instance": ThresholdPruner(lower=-0.15),
}

PRUNERS = {**{name: name for name in NAMES}, **INSTANCES}
COMPARES_FOLDS = {"race", "wilcoxon", "race instance", "wilcoxon instance"}
STOPS_NOBODY = {"threshold"}  # where nothing failed

SCORINGS = {
    "own score": {},
    "callable": {"scoring": main},
    "several": {"scoring": {"against": against, "main": main}, "refit": "main"},
    "several, not refitted": {"scoring": {"main": main, "against": against}, "refit": False},
    "callable to a dict": {"scoring": both, "refit": "main", "return_train_score": True},
    "refit callable": {"scoring": both, "refit": best_complete},
    "train scores": {"return_train_score": True, "refit": best_complete},
    "not refitted": {"refit": False},
}


def search(space="table", pruner="race", estimator=None, **arguments):
    whole = {"n_trials": None if space == "whole grid" else 24, "sampler": "random", "random_state": 0}
    whole |= {"cv": KFold(K), "n_jobs": 1, **arguments}
    space = SPACES.get(space, space) if isinstance(space, str) else space
    return OptunaSearchCV(Formula() if estimator is None else estimator, space, pruner=pruner, **whole)


def fitted(*args, **arguments):
    return search(*args, **arguments).fit(X, Y)


def times_aside(results):
    return {key: repr(np.asarray(column).tolist()) for key, column in results.items() if not key.endswith("_time")}


def trials_of(found):
    return [
        (t.number, t.state.name, t.value, t.params, t.intermediate_values, t.user_attrs.get("n_folds_run"))
        for t in found.study_.trials
    ]


def same(a, b):
    return times_aside(a.cv_results_) == times_aside(b.cv_results_) and repr(trials_of(a)) == repr(trials_of(b))


def steering(found):
    if not found.multimetric_:
        return "score"
    return found.refit if isinstance(found.refit, str) else "main"


def fold_scores(found, metric=None):
    """Return the table's scores of one metric, of shape (n_trials, n_splits)."""
    metric = metric or steering(found)
    return np.array([found.cv_results_[f"split{i}_test_{metric}"] for i in range(found.n_splits_)]).T


def order_of(found):
    return random_order(found.n_splits_, found.random_state)


def assert_sound(found, *, compares_folds):
    """Assert that table and study of a search without failures agree in what ran, and that nothing pruned is best."""
    table, trials, metric = found.cv_results_, found.study_.trials, steering(found)
    scores, order = fold_scores(found), order_of(found)
    n_run = table["n_folds_run"]
    complete = table["trial_state"] == "COMPLETE"
    assert n_run.dtype.kind == "i"
    assert [t.state.name for t in trials] == list(table["trial_state"])
    assert set(table["trial_state"]) <= {"COMPLETE", "PRUNED"}
    assert ((n_run == found.n_splits_) == complete).all()
    names = [metric] if not found.multimetric_ else ["main", "against"]
    for name in names:
        ran = np.isfinite(fold_scores(found, name))
        for row in range(len(n_run)):
            assert set(np.flatnonzero(ran[row])) == set(order[: n_run[row]])
        for key in (f"mean_test_{name}", f"std_test_{name}"):
            assert (np.isfinite(table[key]) == complete).all()
        ranks, means = table[f"rank_test_{name}"], table[f"mean_test_{name}"]
        assert set(ranks[~complete]) <= {complete.sum() + 1}
        assert (means[complete][ranks[complete].argmin()] == means[complete].max()).all()
        if found.return_train_score:
            train = np.array([table[f"split{i}_train_{name}"] for i in range(found.n_splits_)]).T
            assert (np.isfinite(train) == ran).all()
            assert (np.isfinite(table[f"mean_train_{name}"]) == complete).all()
    assert (table["mean_fit_time"] > 0).all()
    assert np.isfinite(table["std_fit_time"]).all()
    for row, trial in enumerate(trials):
        reports = scores[row][order][: n_run[row]]
        if not compares_folds:
            reports = reports.cumsum() / np.arange(1, n_run[row] + 1)
        assert list(trial.intermediate_values) == list(range(1, n_run[row] + 1))
        assert list(trial.intermediate_values.values()) == pytest.approx(reports.tolist())
        expected = table[f"mean_test_{metric}"][row] if complete[row] else estimate(found, row)
        assert trial.value == pytest.approx(expected)
    best = means_of(found)[complete].max()
    assert means_of(found)[found.study_.best_trial.number] == best
    if hasattr(found, "best_index_"):
        assert complete[found.best_index_]
        assert means_of(found)[found.best_index_] == best
    if hasattr(found, "best_score_"):
        assert found.best_score_ == best


def means_of(found):
    return found.cv_results_[f"mean_test_{steering(found)}"]


def n_told(found, number):
    """Return how many trials had been told when trial `number` was asked."""
    n_in_flight = in_flight(found.max_concurrent_trials, found.n_splits_)
    return max(0, *(t - n_in_flight(t) + 1 for t in range(number + 1)))


def heat_of(found):
    """Return how many trials race against each other from the start."""
    most = in_flight(found.max_concurrent_trials, found.n_splits_)(0)
    size = min(8, most, len(found.study_.trials))
    return size if found.pruner == "race" and size > 2 and found.n_splits_ > 2 else 0


def heat_trials(found):
    """Return the leader of the heat, and the rows by which others are judged: all its folds, two of each other."""
    order, scores = order_of(found), fold_scores(found)
    leader = max(range(heat_of(found)), key=lambda t: scores[t][order[:2]].mean())
    trials = []
    for number in range(heat_of(found)):
        ran = order if number == leader else order[:2]
        reports = dict(enumerate(scores[number][ran].tolist(), start=1))
        if number == leader:
            trials.append(create_trial(value=float(scores[number].mean()), intermediate_values=reports))
        else:
            trials.append(create_trial(state=TrialState.PRUNED, intermediate_values=reports))
    return leader, trials


def estimate(found, row):
    """Return what the mean of a pruned trial was estimated to be, from the table alone."""
    order, scores = order_of(found), fold_scores(found)
    ran = order[: found.cv_results_["n_folds_run"][row]]
    if row < heat_of(found):
        leader, _ = heat_trials(found)
        return scores[leader].mean() + (scores[row] - scores[leader])[ran].mean()
    complete = np.flatnonzero(found.cv_results_["trial_state"][: n_told(found, row)] == "COMPLETE")
    if not len(complete):
        return scores[row][ran].mean()
    incumbent = scores[complete[means_of(found)[complete].argmax()]]
    return incumbent.mean() + (scores[row] - incumbent)[ran].mean()


@pytest.fixture
def searches():
    """Hand out the functions and classes of this file, which tests cannot import."""
    return sys.modules[__name__]
