"""Searches with pruning: the table, the study, the folds that run and those that do not.

The estimator's score in a fold is a formula of its parameters and of the fold, so that a search takes milliseconds, and
what a pruned search leaves out can be looked up in the one that runs everything.
"""

import itertools
import pickle
import subprocess
import sys
import textwrap
import time
import warnings

import joblib
import numpy as np
import optuna
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from optuna.pruners import (
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PatientPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
    WilcoxonPruner,
)
from optuna.trial import TrialState, create_trial
from scipy.stats import uniform
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._optuna import make_unwarned
from sk_optuna.evaluation._fold import Fold, FoldResult
from sk_optuna.execution import Outcome
from sk_optuna.execution._joblib import JoblibEngine
from sk_optuna.execution._serial import SerialEngine
from sk_optuna.pruners import PairedRacePruner
from sk_optuna.search._budget import Deadline
from sk_optuna.search._schedule import search_trials
from sk_optuna.study import FoldPruning
from sk_optuna.study._pruning import random_order
from sk_optuna.study._ready import one_after_the_other
from sk_optuna.study._told import ToldTrial

# --- the searches -----------------------------------------------------------------------------------------------------

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

every_pruner = pytest.mark.parametrize("name", PRUNERS)


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


# --- what holds of every pruned search --------------------------------------------------------------------------------


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
    return max(0, number - found.max_concurrent_trials + 1)


def estimate(found, row):
    """Return what the mean of a pruned trial was estimated to be, from the table alone."""
    order, scores = order_of(found), fold_scores(found)
    ran = order[: found.cv_results_["n_folds_run"][row]]
    complete = np.flatnonzero(found.cv_results_["trial_state"][: n_told(found, row)] == "COMPLETE")
    if not len(complete):
        return scores[row][ran].mean()
    incumbent = scores[complete[means_of(found)[complete].argmax()]]
    return incumbent.mean() + (scores[row] - incumbent)[ran].mean()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scoring", SCORINGS)
def test_table_and_study_agree_with_every_pruner_and_scoring(name, scoring):
    found = fitted(pruner=PRUNERS[name], n_trials=16, **SCORINGS[scoring])
    assert_sound(found, compares_folds=name in COMPARES_FOLDS)


@every_pruner
def test_table_and_study_agree_with_every_pruner_and_it_does_prune(name):
    found = fitted(pruner=PRUNERS[name])
    assert_sound(found, compares_folds=name in COMPARES_FOLDS)
    assert ("PRUNED" in found.cv_results_["trial_state"]) is (name not in STOPS_NOBODY)


@pytest.mark.parametrize("name", [*NAMES, "hyperband auto"])
@pytest.mark.parametrize("sampler", ["tpe", "qmc", "nsgaii", "cmaes"])
def test_table_and_study_agree_with_every_pruner_and_sampler(name, sampler):
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    found = fitted(pruner=PRUNERS[name], sampler=sampler, n_trials=16)
    assert_sound(found, compares_folds=name in COMPARES_FOLDS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("space", sorted(set(SPACES) - {"table"}))
def test_table_and_study_agree_with_every_pruner_and_space(name, space):
    found = fitted(space, PRUNERS[name], sampler="tpe")
    assert_sound(found, compares_folds=name in COMPARES_FOLDS)


@pytest.mark.parametrize("most", [1, 3, 30])
@pytest.mark.parametrize("n_splits", [2, 3, 10])
@pytest.mark.parametrize("name", ["race", "hyperband"])
def test_table_and_study_agree_with_any_number_of_folds_and_trials_in_flight(name, most, n_splits):
    X = np.repeat(np.arange(5), 4)[:, None] * float(SIZE)
    found = search(pruner=name, cv=KFold(n_splits), max_concurrent_trials=most).fit(X, Y)
    assert_sound(found, compares_folds=name == "race")


@every_pruner
def test_pruned_table_is_the_unpruned_one_with_blanks(name):
    """The random sampler learns nothing, so that both searches try the same."""
    pruned, whole = (
        fitted(pruner=pruner, scoring=both, refit="main", return_train_score=True) for pruner in (PRUNERS[name], None)
    )
    n_run = pruned.cv_results_["n_folds_run"]
    assert list(whole.cv_results_) == [key for key in pruned.cv_results_ if key != "n_folds_run"]
    assert pruned.cv_results_["params"] == whole.cv_results_["params"]
    for key, column in whole.cv_results_.items():
        ours = pruned.cv_results_[key]
        assert getattr(ours, "dtype", list) == getattr(column, "dtype", list), key
        if key.startswith(("split", "mean_t", "std_t")):
            blank = np.isnan(ours)
            np.testing.assert_array_equal(ours[~blank], column[~blank])
            assert not blank[n_run == K].any()
            assert key.startswith("split") or blank[n_run < K].all()
    order = order_of(pruned)
    for i in range(K):
        blank = np.isnan(pruned.cv_results_[f"split{i}_test_main"])
        np.testing.assert_array_equal(blank, n_run <= order.index(i))


@pytest.mark.parametrize("engine", [("loky", 1), ("threading", 4)])
@every_pruner
def test_every_decision_is_the_pruners_on_a_study_with_the_trials_told_at_the_asking(name, engine):
    """The decisions are taken again, one trial after the other, by a new pruner in a study made of plain trials."""
    with joblib.parallel_config(backend=engine[0]):
        found = fitted(pruner=PRUNERS[name], n_jobs=engine[1], n_trials=30)
    order, scores, trials = order_of(found), fold_scores(found), found.study_.trials
    for row, n_run in enumerate(found.cv_results_["n_folds_run"]):
        study = optuna.create_study(direction="maximize", study_name=found.study_.study_name)
        study.add_trials(trials[: n_told(found, row)])
        study.add_trial(create_trial(state=TrialState.RUNNING))
        pruner = FoldPruning(PRUNERS[name], study, order=range(K)).pruner
        reports = scores[row][order]
        if name not in COMPARES_FOLDS:
            reports = reports.cumsum() / np.arange(1, K + 1)
        decisions = []
        for k in range(1, min(n_run, K - 1) + 1):
            trial_id = study.get_trials(deepcopy=False)[-1]._trial_id
            study._storage.set_trial_intermediate_value(trial_id, k, float(reports[k - 1]))
            trial = study.trials[-1]
            trial.number = row  # Hyperband's brackets go by it
            decisions.append(pruner.prune(study, trial))
        assert decisions == [False] * (len(decisions) - 1) + [n_run < K]


# --- folds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [("loky", 1), ("threading", 4)])
@every_pruner
def test_folds_after_the_decision_are_never_fitted(name, engine):
    FITS.clear()
    with joblib.parallel_config(backend=engine[0]):
        found = fitted(pruner=PRUNERS[name], n_jobs=engine[1], refit=False)
    n_run = dict(zip(found.cv_results_["param_a"], found.cv_results_["n_folds_run"].tolist(), strict=True))
    assert {a: FITS.count(a) for a in n_run} == n_run
    assert len(FITS) == sum(n_run.values())
    if name not in STOPS_NOBODY:
        assert len(FITS) < 24 * K


@pytest.mark.parametrize("engine", [(SerialEngine, 1), (JoblibEngine, 4)])
def test_folds_after_the_decision_are_never_submitted(monkeypatch, engine):
    submitted, kind = [], engine[0]
    submit = kind.submit

    def noted(self, key, *args):
        submitted.append(key)
        return submit(self, key, *args)

    monkeypatch.setattr(kind, "submit", noted)
    with joblib.parallel_config(backend="threading"):
        found = fitted(n_jobs=engine[1], refit=False)
    order = order_of(found)
    for number, n_run in enumerate(found.cv_results_["n_folds_run"]):
        assert [fold for trial, fold in submitted if trial == number] == order[:n_run]


def test_folds_run_in_one_random_order_that_the_seed_fixes():
    orders = []
    for seed in (0, 0, 1, 2):
        seen = []

        def noted(estimator, X, y, seen=seen):
            seen.append(fold_of(X))
            return main(estimator, X, y)

        found = fitted(scoring=noted, random_state=seed, max_concurrent_trials=1, refit=False)
        starts = np.cumsum([0, *found.cv_results_["n_folds_run"]])
        by_trial = [seen[a:b] for a, b in itertools.pairwise(starts)]
        assert all(folds == by_trial[0][: len(folds)] for folds in by_trial)
        assert sorted(by_trial[0]) == list(range(K))
        orders.append(by_trial[0])
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) == 3


def test_split_columns_keep_the_splitters_numbers():
    found = fitted()
    for row, params in enumerate(found.cv_results_["params"]):
        for i in range(K):
            score = found.cv_results_[f"split{i}_test_score"][row]
            assert np.isnan(score) or score == score_of(params["a"], params["b"], params["kind"], i)


def test_times_are_means_over_the_folds_that_ran():
    found = fitted(estimator=Formula(nap=0.004), n_trials=12)
    pruned = found.cv_results_["n_folds_run"] == 1
    assert pruned.any()
    assert (found.cv_results_["mean_fit_time"] >= 0.004).all()  # a fifth of it, were the others counted as 0
    assert (found.cv_results_["std_fit_time"][pruned] == 0).all()
    assert (found.cv_results_["std_score_time"][pruned] == 0).all()


def test_study_keeps_no_mean_of_a_stopped_trial_but_the_number_of_its_folds():
    found = fitted(scoring=both, refit="main")
    for trial, n_run in zip(found.study_.trials, found.cv_results_["n_folds_run"], strict=True):
        if trial.state is TrialState.PRUNED:
            assert set(trial.user_attrs) == {"mean_fit_time", "n_folds_run"}
            assert trial.user_attrs["n_folds_run"] == n_run
        else:
            assert trial.user_attrs["mean_test_main"] == trial.value


# --- the schedule, on workers that finish in any order ----------------------------------------------------------------


class Shuffled:
    """An engine of `room` slots whose tasks finish in a drawn order; `look` is called whenever it is waited for."""

    def __init__(self, room, draw, look):
        self.outstanding, self.submitted = [], []
        self._room, self._draw, self._look = room, draw, look

    @property
    def has_room(self):
        return len(self.outstanding) < self._room

    @property
    def is_idle(self):
        return not self.outstanding

    def submit(self, key, *args):
        assert self.has_room
        self.outstanding.append(key)
        self.submitted.append(key)

    def wait(self):
        self._look()
        key = self.outstanding.pop(self._draw(len(self.outstanding)))
        return Outcome(key, key, None, 0.0)


class Plan:
    """Proposals and conduct in one: trial t has `free[t]` folds before a decision, and ends after `ends[t]`."""

    def __init__(self, order, free, ends):
        self.order, self.free, self.ends = order, free, ends
        self.n_asked, self.told = 0, []

    def ask(self):
        if self.n_asked == len(self.ends):
            return None
        self.n_asked += 1
        return type("Proposal", (), {"number": self.n_asked - 1, "params": {}})

    def ready(self, proposal, record):
        return one_after_the_other(self.order, record, self.free[proposal.number])

    def fold(self, proposal, record, number):
        return Fold(proposal.number, number, {})

    def result_of(self, fold, outcome):
        return FoldResult(
            test_scores=0.0,
            train_scores=None,
            n_test_samples=1,
            fit_time=0.0,
            score_time=0.0,
            fit_error=None,
            failed_scores=frozenset(),
        )

    def stops(self, proposal, record):
        assert record.n_leading < len(self.order)
        return record.n_leading >= max(self.free[proposal.number], self.ends[proposal.number])

    def tell(self, proposal, record):
        self.told.append(proposal.number)
        return ToldTrial(None, None, (), record)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=st.data(), room=st.integers(1, 6), most=st.integers(1, 5), n_splits=st.integers(2, 5))
def test_no_slot_idles_while_a_fold_may_start_and_no_fold_starts_that_may_be_spared(data, room, most, n_splits):
    n_trials = data.draw(st.integers(1, 8))
    ends = data.draw(st.lists(st.integers(1, n_splits), min_size=n_trials, max_size=n_trials))
    free = data.draw(st.lists(st.integers(1, n_splits), min_size=n_trials, max_size=n_trials))
    order = data.draw(st.permutations(range(n_splits)))
    plan = Plan(order, free, ends)

    def look():
        assert plan.n_asked - len(plan.told) <= most
        assert plan.n_asked == min(n_trials, len(plan.told) + most)
        for number in range(plan.n_asked):
            started = [fold for trial, fold in engine.submitted if trial == number]
            back = len(started) - sum(trial == number for trial, _ in engine.outstanding)
            may_start = free[number] if back < free[number] else n_run(number) if back == n_run(number) else back + 1
            assert started == order[: len(started)]
            assert len(started) <= may_start
            assert len(started) == may_start or not engine.has_room

    def n_run(number):
        return min(n_splits, max(ends[number], free[number]))

    engine = Shuffled(room, lambda n: data.draw(st.integers(0, n - 1)), look)
    trials = search_trials(plan, engine, plan, max_concurrent_trials=most, deadline=Deadline(None))
    records = [told.record for told in trials]
    assert plan.told == [record.number for record in records] == list(range(n_trials))
    assert [len(record.results) for record in records] == [n_run(number) for number in range(n_trials)]
    assert len(engine.submitted) == sum(map(n_run, range(n_trials)))


# --- samplers ---------------------------------------------------------------------------------------------------------


class Recording(optuna.samplers.RandomSampler):
    def __init__(self, seed, notes):
        super().__init__(seed)
        self.notes = notes

    def sample_independent(self, study, trial, param_name, param_distribution):
        shown = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        self.notes[trial.number] = [(t.number, t.state, t.value) for t in shown]
        return super().sample_independent(study, trial, param_name, param_distribution)


@pytest.mark.parametrize("space", ["table", "define-by-run"])
@pytest.mark.parametrize("n_jobs", [1, 4])
def test_sampler_learns_from_pruned_trials_as_from_complete_ones(n_jobs, space):
    notes = {}
    with joblib.parallel_config(backend="threading"):
        found = fitted(space, sampler=lambda seed: Recording(seed, notes), n_jobs=n_jobs)
    assert TrialState.PRUNED in {trial.state for trial in found.study_.trials}
    told = [(t.number, TrialState.COMPLETE, t.value) for t in found.study_.trials]
    for number in range(24):
        assert notes[number] == told[: n_told(found, number)]


def test_tpe_concentrates_where_the_unpruned_search_does():
    """Told only of complete trials it would see survivors, told of nothing it would draw at random."""
    pruned, whole = (fitted(pruner=pruner, sampler="tpe", n_trials=60) for pruner in ("race", None))
    assert pruned.cv_results_["n_folds_run"].sum() < 0.6 * 60 * K
    late = np.abs(np.array(pruned.cv_results_["param_a"][30:], dtype=float) - 0.7)
    assert np.median(late) < 0.15
    assert pruned.best_score_ > whole.best_score_ - 0.01


# --- callbacks and output ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_callbacks_see_pruned_trials_in_order(n_jobs):
    seen = []

    def note(study, trial):
        assert study.trials[-1].number >= trial.number
        seen.append((trial.number, trial.state.name, trial.value, len(trial.intermediate_values)))

    with joblib.parallel_config(backend="threading"):
        found = fitted(study_callbacks=[note], n_jobs=n_jobs)
    assert seen == [(t.number, t.state.name, t.value, len(t.intermediate_values)) for t in found.study_.trials]
    assert {state for _, state, _, _ in seen} == {"COMPLETE", "PRUNED"}


def test_verbose_1_says_after_how_many_folds_a_trial_was_pruned(capsys):
    found = fitted(verbose=1)
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "Fitting 5 folds for each of 24 candidates, totalling 120 fits"
    best = None
    for row, line in enumerate(lines):
        mean, n_run = found.cv_results_["mean_test_score"][row], found.cv_results_["n_folds_run"][row]
        best = mean if best is None else np.nanmax([best, mean])
        what = f"score {mean:.4f}" if n_run == K else f"pruned after {n_run} of 5 folds"
        assert line.startswith(f"[{row + 1}/24] trial {row}: {what}; best {best:.4f} (trial ")
    assert len(lines) == 24


_SILENT_PROGRAM = """
    import joblib
    import numpy as np
    from scipy.stats import uniform
    from sklearn.dummy import DummyRegressor
    from sk_optuna import OptunaSearchCV

    X, y = np.zeros((20, 1)), np.arange(20.0)
    space = [{"constant": uniform(0, 20)}, {"constant": [1, 2], "quantile": [0.5]}]
    for pruner in PRUNERS:
        with joblib.parallel_config(backend="threading"):
            OptunaSearchCV(
                DummyRegressor(strategy="constant"), space, n_trials=15, pruner=pruner, n_jobs=2, random_state=0
            ).fit(X, y)
"""


def test_pruned_searches_print_nothing():
    # SciPy before 1.15 warns of small samples where Optuna's WilcoxonPruner asks it about scores that tie
    warns = tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 15)
    names = [name for name in NAMES if not (warns and name == "wilcoxon")]
    program = textwrap.dedent(_SILENT_PROGRAM.replace("PRUNERS", repr(names)))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")


def test_global_random_state_of_numpy_is_neither_used_nor_changed():
    results = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        results.append([fitted(pruner=name, sampler="tpe", n_trials=12) for name in NAMES])
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert all(same(a, b) for a, b in zip(*results, strict=True))


# --- the pruner as a parameter ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INSTANCES)
def test_search_with_a_pruner_instance_can_be_cloned_pickled_and_fitted_again(name):
    first = search(pruner=INSTANCES[name])
    before = repr(vars(INSTANCES[name])) if name != "race instance" else repr(INSTANCES[name])
    twins = [clone(first), pickle.loads(pickle.dumps(first))]
    first.fit(X, Y)
    assert first.pruner is INSTANCES[name]
    for twin in (*twins, pickle.loads(pickle.dumps(first))):
        assert type(twin.pruner) is type(INSTANCES[name])
        assert same(twin.fit(X, Y), first)
    if name != "patient":  # which shows the wrapped pruner's address
        assert before == (repr(vars(first.pruner)) if name != "race instance" else repr(first.pruner))


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_twice_is_the_same_and_a_fitted_search_can_be_pickled(name):
    found = fitted(pruner=name, sampler="tpe")
    loaded = pickle.loads(pickle.dumps(found))
    assert same(loaded, found)
    assert loaded.predict(X).shape == (K * SIZE,)
    assert same(loaded.fit(X, Y), found)
    assert not same(fitted(pruner=name, sampler="tpe", random_state=1), found)


def test_race_by_name_is_the_pruner_with_its_defaults():
    assert same(fitted(pruner="race"), fitted(pruner=PairedRacePruner()))


def test_hyperband_by_name_and_instance_used_in_two_searches_agree():
    pruner = HyperbandPruner(min_resource=1, max_resource=K, reduction_factor=2)
    assert same(fitted(pruner=pruner), fitted(pruner="hyperband"))
    assert same(fitted(pruner=pruner), fitted(pruner="hyperband"))


def test_pruner_instance_of_ones_own_is_asked_after_each_fold_but_the_last():
    asked = []

    class Own(optuna.pruners.BasePruner):
        def prune(self, study, trial):
            asked.append((trial.number, trial.last_step))
            return trial.number % 3 == 1 and trial.last_step == 2

    found = fitted(pruner=Own(), n_trials=6, max_concurrent_trials=1)
    assert found.cv_results_["n_folds_run"].tolist() == [5, 2, 5, 5, 2, 5]
    assert asked == [(t, k) for t in range(6) for k in ((1, 2) if t % 3 == 1 else (1, 2, 3, 4))]


@pytest.mark.parametrize("outer", [("loky", 1), ("threading", 2)])
def test_nested_cross_validation_gives_what_searches_by_hand_give(outer):
    inner = search(pruner="race", cv=[(np.arange(6, 9), np.arange(0, 3)), (np.arange(3), np.arange(3, 9))])
    with joblib.parallel_config(backend=outer[0]):
        scores = cross_val_score(inner, X, Y, cv=KFold(2), n_jobs=outer[1])
    by_hand = [clone(inner).fit(X[train], Y[train]).score(X[test]) for train, test in KFold(2).split(X)]
    np.testing.assert_array_equal(scores, by_hand)


@pytest.mark.parametrize("pruner", [NopPruner(), "threshold"])
def test_grid_under_a_pruner_that_stops_nobody_is_that_of_grid_search(pruner):
    iris, species = load_iris(return_X_y=True)
    grid = {"max_depth": [1, 2, 3], "min_samples_leaf": [1, 5]}
    arguments = {"cv": 3, "scoring": ["accuracy", "f1_macro"], "refit": "f1_macro", "return_train_score": True}
    tree = DecisionTreeClassifier(random_state=0)
    ours = OptunaSearchCV(tree, grid, pruner=pruner, **arguments).fit(iris, species)
    theirs = GridSearchCV(tree, grid, **arguments).fit(iris, species)
    assert set(ours.cv_results_) - set(theirs.cv_results_) == {"trial_number", "trial_state", "n_folds_run"}
    expected = times_aside(theirs.cv_results_)
    assert {key: times_aside(ours.cv_results_)[key] for key in expected} == expected
    assert (ours.best_params_, ours.best_score_) == (theirs.best_params_, theirs.best_score_)
    assert ours.cv_results_["n_folds_run"].tolist() == [3] * 6


def test_without_a_pruner_there_is_no_column_of_folds_run_and_nothing_is_reported():
    found = fitted(pruner=None)
    assert "n_folds_run" not in found.cv_results_
    assert all(trial.intermediate_values == {} for trial in found.study_.trials)


# --- one split --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", ["race", "threshold", MedianPruner()])
@pytest.mark.parametrize("cv", [ShuffleSplit(1, random_state=0), [(np.arange(10), np.arange(10, 20))]])
def test_one_split_warns_that_nothing_can_be_pruned_and_is_as_without_pruner(pruner, cv):
    with pytest.warns(UserWarning, match=r"pruner=.* has no effect.* a single split.*cv with more splits"):
        found = fitted(pruner=pruner, cv=cv, sampler="tpe")
    whole = fitted(pruner=None, cv=cv, sampler="tpe")
    table = times_aside(found.cv_results_)
    assert table.pop("n_folds_run") == repr([1] * 24)
    assert table == times_aside(whole.cv_results_)
    assert found.best_params_ == whole.best_params_


def test_warning_about_one_split_points_at_the_call_of_fit():
    with pytest.warns(UserWarning, match="has no effect") as caught:
        search(cv=ShuffleSplit(1, random_state=0)).fit(X, Y)
    assert [warning.filename for warning in caught] == [__file__]


# --- failures ---------------------------------------------------------------------------------------------------------


def with_failures(how, pruner, **arguments):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = fitted(pruner=pruner, estimator=Formula(limit=0.6, how=how), **arguments)
    return found, [str(w.message) for w in caught], [w.category for w in caught]


@pytest.mark.parametrize(
    ("name", "how"),
    [(name, "nan") for name in sorted(set(PRUNERS) - {"threshold", "threshold instance"})]
    + [(name, how) for name in ("race", "median", "halving") for how in ("inf", "-inf", "fit")],
)
def test_failing_candidate_is_a_failure_on_all_folds_and_changes_no_decision(name, how):
    found, messages, categories = with_failures(how, PRUNERS[name])
    whole = fitted(pruner=None)
    table = found.cv_results_
    failed = table["param_a"].astype(float) > 0.6
    assert 0 < failed.sum() < 24
    assert set(table["trial_state"][failed]) == {"FAIL"}
    assert "FAIL" not in table["trial_state"][~failed]
    assert (table["n_folds_run"][failed] == K).all()
    n_complete = (table["trial_state"] == "COMPLETE").sum()
    assert (table["rank_test_score"][table["trial_state"] != "COMPLETE"] == n_complete + 1).all()
    assert table["trial_state"][found.best_index_] == "COMPLETE"
    assert table["params"] == whole.cv_results_["params"]
    assert all(trial.intermediate_values == {} for trial in found.study_.trials if trial.state is TrialState.FAIL)
    assert any("One or more of the test scores are non-finite" in message for message in messages)
    assert (FitFailedWarning in categories) is (how == "fit")


@pytest.mark.parametrize("how", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("name", ["race", "median", "halving"])
def test_decisions_are_those_of_the_search_without_the_failing_candidates(name, how):
    """Where the failing ones are tried last of all, what was before must not notice them, nor what comes with them."""
    grid = [{"a": [*np.linspace(0.05, 0.59, 12)]}, {"a": [0.61, 0.7, 0.8]}]
    found, _, _ = with_failures(how, name, space=grid, n_trials=None)
    without = fitted(grid[:1], name, n_trials=None)
    np.testing.assert_array_equal(found.cv_results_["n_folds_run"][:12], without.cv_results_["n_folds_run"])
    assert list(found.cv_results_["trial_state"][12:]) == ["FAIL"] * 3


@pytest.mark.parametrize("how", ["nan", "inf", "-inf", "fit"])
def test_threshold_by_name_stops_at_the_first_failed_fold_and_nobody_else(how):
    found, _, categories = with_failures(how, "threshold")
    failed = found.cv_results_["param_a"].astype(float) > 0.6
    assert set(found.cv_results_["trial_state"][failed]) == {"FAIL"}
    assert set(found.cv_results_["trial_state"][~failed]) == {"COMPLETE"}
    assert found.cv_results_["n_folds_run"].tolist() == np.where(failed, 1, K).tolist()
    assert [trial.state.name for trial in found.study_.trials] == list(found.cv_results_["trial_state"])
    assert found.cv_results_["trial_state"][found.best_index_] == "COMPLETE"
    assert (FitFailedWarning in categories) is (how == "fit")


@pytest.mark.parametrize("pruner", ["race", "threshold"])
@pytest.mark.parametrize("scoring", ["own score", "callable to a dict", "several"])
def test_number_that_stands_for_failures_does_not_make_them_win(pruner, scoring):
    with pytest.warns(FitFailedWarning):
        found = fitted(pruner=pruner, estimator=Formula(limit=0.6, how="fit"), error_score=99.0, **SCORINGS[scoring])
    assert found.best_params_["a"] <= 0.6
    assert found.best_score_ < 1
    failed = found.cv_results_["param_a"].astype(float) > 0.6
    assert set(found.cv_results_["trial_state"][failed]) == {"FAIL"}
    first = order_of(found)[0]
    assert (fold_scores(found)[failed, first] == 99.0).all()


def test_pruning_alone_warns_of_no_score_but_a_failure_does():
    assert "PRUNED" in fitted(scoring=both, refit="main", return_train_score=True).cv_results_["trial_state"]
    with pytest.warns(UserWarning, match=r"(?s)One or more of the test scores are non-finite: \[.*nan"):
        fitted(estimator=Formula(limit=0.6, how="nan"))


def test_error_score_raise_raises_the_estimators_own_error():
    with pytest.raises(ValueError, match="above the limit"):
        fitted(estimator=Formula(limit=0.6), error_score="raise")


# --- nothing to choose ------------------------------------------------------------------------------------------------


def test_refit_that_picks_a_pruned_row_is_told_how_to_choose():
    def argmax(results):
        return int(np.argmax(results["mean_test_score"]))  # NaN counts as the greatest

    found = search(refit=argmax)
    with pytest.raises(
        ValueError,
        match=r"refit=.*argmax.* chose row \d+ .*only \d of its folds.*trial_state is 'COMPLETE'.*np\.nanargmax",
    ):
        found.fit(X, Y)
    assert len(found.cv_results_["params"]) == 24
    assert not hasattr(found, "best_index_")
    assert not hasattr(found, "best_estimator_")


STRICT = ThresholdPruner(lower=2.0)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    "scoring", sorted(set(SCORINGS) - {"several, not refitted"} - {"refit callable", "train scores"})
)
def test_pruner_that_stops_everything_is_an_error_that_names_it_and_keeps_the_table(scoring, n_jobs):
    found = search(pruner=STRICT, n_jobs=n_jobs, **SCORINGS[scoring])
    with (
        joblib.parallel_config(backend="threading"),
        pytest.raises(
            ValueError, match=r"None of the 24 candidates .* on all folds: 0 failed.* pruner=Threshold.* more lenient"
        ),
    ):
        found.fit(X, Y)
    assert found.cv_results_["n_folds_run"].tolist() == [1] * 24
    assert set(found.cv_results_["trial_state"]) == {"PRUNED"}
    assert len(found.study_.trials) == 24
    assert not hasattr(found, "best_index_")


def test_pruner_that_stops_everything_is_no_error_where_nothing_is_chosen():
    found = fitted(pruner=STRICT, **SCORINGS["several, not refitted"])
    assert set(found.cv_results_["trial_state"]) == {"PRUNED"}
    assert not hasattr(found, "best_index_")


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.parametrize("first_fails", [True, False])
@pytest.mark.parametrize("how", ["nan", "fit"])
def test_failed_candidate_is_not_chosen_where_all_others_were_pruned(first_fails, how):
    grid = {"a": [0.9, 0.1, 0.2, 0.3]} if first_fails else {"a": [0.1, 0.2, 0.3, 0.9]}
    found = search(grid, StopsAll(), Formula(limit=0.6, how=how), n_trials=None)
    with pytest.raises(ValueError, match=r"None of the 4 candidates was evaluated on all"):
        found.fit(X, Y)
    assert not hasattr(found, "best_params_")


class StopsAll(optuna.pruners.BasePruner):
    def prune(self, study, trial):
        return True


# --- the end before the end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("name", ["race", "median", "hyperband"])
def test_interrupt_keeps_the_finished_trials(name, n_jobs):
    def interrupt(study, trial):
        if trial.number == 14:
            raise KeyboardInterrupt

    found, whole = search(pruner=name, study_callbacks=[interrupt], n_jobs=n_jobs), fitted(pruner=name)
    with joblib.parallel_config(backend="threading"), pytest.raises(KeyboardInterrupt):
        found.fit(X, Y)
    assert found.n_trials_ == 15
    assert_sound(found, compares_folds=name == "race")
    assert "PRUNED" in found.cv_results_["trial_state"]
    assert found.cv_results_["params"] == whole.cv_results_["params"][:15]
    np.testing.assert_array_equal(found.cv_results_["n_folds_run"], whole.cv_results_["n_folds_run"][:15])


def test_interrupt_stays_an_interrupt_where_all_finished_trials_were_pruned():
    def interrupt(study, trial):
        if trial.number == 3:
            raise KeyboardInterrupt

    found = search(pruner=STRICT, study_callbacks=[interrupt])
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, Y)
    assert set(found.cv_results_["trial_state"]) == {"PRUNED"}
    assert len(found.study_.trials) == found.n_trials_ == 4


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_timeout_keeps_whole_or_pruned_trials_in_order(n_jobs):
    with joblib.parallel_config(backend="threading"):
        found = fitted(
            estimator=Formula(nap=0.002), pruner="race", timeout=0.4, n_trials=None, n_jobs=n_jobs, refit=False
        )
    assert_sound(found, compares_folds=True)
    assert found.cv_results_["trial_number"].tolist() == list(range(found.n_trials_))
    again = fitted(pruner="race", n_trials=found.n_trials_)
    assert found.cv_results_["params"] == again.cv_results_["params"]
    np.testing.assert_array_equal(found.cv_results_["n_folds_run"], again.cv_results_["n_folds_run"])


def test_first_trial_is_finished_however_short_the_timeout():
    found = fitted(pruner="race", timeout=1e-6, refit=False)
    assert found.cv_results_["n_folds_run"].tolist() == [K]


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_study_stop_in_a_pruned_trial_ends_the_search_there(n_jobs):
    def stop(study, trial):
        if trial.state is TrialState.PRUNED:
            study.stop()

    with joblib.parallel_config(backend="threading"):
        found = fitted(study_callbacks=[stop], n_jobs=n_jobs)
    states = list(found.cv_results_["trial_state"])
    assert states == ["COMPLETE"] * (len(states) - 1) + ["PRUNED"]
    assert [trial.state.name for trial in found.study_.trials] == states
