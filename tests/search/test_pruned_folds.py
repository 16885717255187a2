"""Folds after the decision are spared; the others run in one random order."""

import itertools
import warnings

import joblib
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from sk_optuna.execution._joblib import JoblibEngine
from sk_optuna.execution._serial import SerialEngine
from sk_optuna.study import FoldPruning
from sk_optuna.study._told import Told

K, SIZE = 5, 4
X, Y = np.arange(K * SIZE, dtype=float)[:, None], np.arange(float(K * SIZE))
NAMES = ["race", "median", "percentile", "wilcoxon", "halving", "hyperband", "threshold"]

INSTANCE_NAMES = [
    "race instance",
    "median instance",
    "percentile instance",
    "wilcoxon instance",
    "hyperband auto",
    "halving auto",
    "patient",
    "threshold instance",
]

ALL_NAMES = [*NAMES, *INSTANCE_NAMES]
every_pruner = pytest.mark.parametrize(
    "name", [*ALL_NAMES[:4], *(pytest.param(name, marks=pytest.mark.slow) for name in ALL_NAMES[4:])]
)


# --- what holds of every pruned search --------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [("loky", 1), ("threading", 4)])
@every_pruner
def test_every_decision_is_the_pruners_on_a_study_with_the_trials_told_at_the_asking(name, engine, searches):
    """The decisions are taken again, one trial after the other, by a new pruner in a study made of plain trials."""
    with joblib.parallel_config(backend=engine[0]):
        found = searches.fitted(pruner=searches.PRUNERS[name], n_jobs=engine[1], n_trials=30)
    order, scores, trials = searches.order_of(found), searches.fold_scores(found), found.study_.trials
    for row, n_run in enumerate(found.cv_results_["n_folds_run"]):
        study = optuna.create_study(direction="maximize", study_name=found.study_.study_name)
        rivals, first = trials[: searches.n_told(found, row)], 1
        if row < searches.heat_of(found):
            leader, rivals = searches.heat_trials(found)
            first = 2
            if row in (0, leader):
                continue
        study.add_trials(rivals)
        study.add_trial(create_trial(state=TrialState.RUNNING))
        pruner = FoldPruning(searches.PRUNERS[name], study, Told(), order=range(K)).pruner
        reports = scores[row][order]
        if name not in searches.COMPARES_FOLDS:
            reports = reports.cumsum() / np.arange(1, K + 1)
        decisions = []
        for k in range(1, min(n_run, K - 1) + 1):
            trial_id = study.get_trials(deepcopy=False)[-1]._trial_id
            study._storage.set_trial_intermediate_value(trial_id, k, float(reports[k - 1]))
            trial = study.trials[-1]
            trial.number = row  # Hyperband's brackets go by it
            if k >= first:
                decisions.append(pruner.prune(study, trial))
        assert decisions == [False] * (len(decisions) - 1) + [n_run < K]


# --- folds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [("loky", 1), ("threading", 4)])
@every_pruner
def test_folds_after_the_decision_are_never_fitted(name, engine, searches):
    searches.FITS.clear()
    with joblib.parallel_config(backend=engine[0]):
        found = searches.fitted(pruner=searches.PRUNERS[name], n_jobs=engine[1], refit=False, speculate=False)
    n_run = dict(zip(found.cv_results_["param_a"], found.cv_results_["n_folds_run"].tolist(), strict=True))
    assert {a: searches.FITS.count(a) for a in n_run} == n_run
    assert len(searches.FITS) == sum(n_run.values())
    if name not in searches.STOPS_NOBODY:
        assert len(searches.FITS) < 24 * K


@pytest.mark.parametrize("engine", [(SerialEngine, 1), (JoblibEngine, 4)])
def test_folds_after_the_decision_are_never_submitted(monkeypatch, engine, searches):
    submitted, kind = [], engine[0]
    submit = kind.submit

    def noted(self, key, *args):
        submitted.append(key)
        return submit(self, key, *args)

    monkeypatch.setattr(kind, "submit", noted)
    with joblib.parallel_config(backend="threading"):
        found = searches.fitted(n_jobs=engine[1], refit=False, speculate=False)
    order = searches.order_of(found)
    for number, n_run in enumerate(found.cv_results_["n_folds_run"]):
        assert [fold for trial, fold in submitted if trial == number] == order[:n_run]


def test_folds_run_in_one_random_order_that_the_seed_fixes(searches):
    orders = []
    for seed in (0, 0, 1, 2):
        seen = []

        def noted(estimator, X, y, seen=seen):
            seen.append(searches.fold_of(X))
            return searches.main(estimator, X, y)

        found = searches.fitted(scoring=noted, random_state=seed, max_concurrent_trials=1, refit=False)
        starts = np.cumsum([0, *found.cv_results_["n_folds_run"]])
        by_trial = [seen[a:b] for a, b in itertools.pairwise(starts)]
        assert all(folds == by_trial[0][: len(folds)] for folds in by_trial)
        assert sorted(by_trial[0]) == list(range(K))
        orders.append(by_trial[0])
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) == 3


def with_failures(searches, how, pruner, **arguments):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = searches.fitted(pruner=pruner, estimator=searches.Formula(limit=0.6, how=how), **arguments)
    return found, [str(w.message) for w in caught], [w.category for w in caught]


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("name", ["race", "median", "halving"])
def test_decisions_are_those_of_the_search_without_the_failing_candidates(name, how, searches):
    """Where the failing ones are tried last of all, what was before must not notice them, nor what comes with them."""
    grid = [{"a": [*np.linspace(0.05, 0.59, 12)]}, {"a": [0.61, 0.7, 0.8]}]
    found, _, _ = with_failures(searches, how, name, space=grid, n_trials=None)
    without = searches.fitted(grid[:1], name, n_trials=None)
    np.testing.assert_array_equal(found.cv_results_["n_folds_run"][:12], without.cv_results_["n_folds_run"])
    assert list(found.cv_results_["trial_state"][12:]) == ["FAIL"] * 3
