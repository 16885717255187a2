"""A pruned search with nothing to choose, or with an early end, keeps its table."""

import joblib
import numpy as np
import optuna
import pytest
from optuna.pruners import ThresholdPruner
from optuna.trial import TrialState

K, SIZE = 5, 4
X, Y = np.arange(K * SIZE, dtype=float)[:, None], np.arange(float(K * SIZE))


# --- nothing to choose ------------------------------------------------------------------------------------------------


def test_refit_that_picks_a_pruned_row_is_told_how_to_choose(searches):
    def argmax(results):
        return int(np.argmax(results["mean_test_score"]))  # NaN counts as the greatest

    found = searches.search(refit=argmax)
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
@pytest.mark.parametrize("scoring", ["callable", "callable to a dict", "not refitted", "own score", "several"])
def test_pruner_that_stops_everything_is_an_error_that_names_it_and_keeps_the_table(scoring, n_jobs, searches):
    found = searches.search(pruner=STRICT, n_jobs=n_jobs, **searches.SCORINGS[scoring])
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


def test_pruner_that_stops_everything_is_no_error_where_nothing_is_chosen(searches):
    found = searches.fitted(pruner=STRICT, **searches.SCORINGS["several, not refitted"])
    assert set(found.cv_results_["trial_state"]) == {"PRUNED"}
    assert not hasattr(found, "best_index_")


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.parametrize("first_fails", [True, False])
@pytest.mark.parametrize("how", ["nan", "fit"])
def test_failed_candidate_is_not_chosen_where_all_others_were_pruned(first_fails, how, searches):
    grid = {"a": [0.9, 0.1, 0.2, 0.3]} if first_fails else {"a": [0.1, 0.2, 0.3, 0.9]}
    found = searches.search(grid, StopsAll(), searches.Formula(limit=0.6, how=how), n_trials=None)
    with pytest.raises(ValueError, match=r"None of the 4 candidates was evaluated on all"):
        found.fit(X, Y)
    assert not hasattr(found, "best_params_")


class StopsAll(optuna.pruners.BasePruner):
    def prune(self, study, trial):
        return True


# --- the end before the end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("name", ["race", "median", "hyperband"])
def test_interrupt_keeps_the_finished_trials(name, n_jobs, searches):
    def interrupt(study, trial):
        if trial.number == 14:
            raise KeyboardInterrupt

    found, whole = (
        searches.search(pruner=name, study_callbacks=[interrupt], n_jobs=n_jobs),
        searches.fitted(pruner=name),
    )
    with joblib.parallel_config(backend="threading"), pytest.raises(KeyboardInterrupt):
        found.fit(X, Y)
    assert found.n_trials_ == 15
    searches.assert_sound(found, compares_folds=name == "race")
    assert "PRUNED" in found.cv_results_["trial_state"]
    assert found.cv_results_["params"] == whole.cv_results_["params"][:15]
    np.testing.assert_array_equal(found.cv_results_["n_folds_run"], whole.cv_results_["n_folds_run"][:15])


def test_interrupt_stays_an_interrupt_where_all_finished_trials_were_pruned(searches):
    def interrupt(study, trial):
        if trial.number == 3:
            raise KeyboardInterrupt

    found = searches.search(pruner=STRICT, study_callbacks=[interrupt])
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, Y)
    assert set(found.cv_results_["trial_state"]) == {"PRUNED"}
    assert len(found.study_.trials) == found.n_trials_ == 4


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_timeout_keeps_whole_or_pruned_trials_in_order(n_jobs, searches):
    with joblib.parallel_config(backend="threading"):
        found = searches.fitted(
            estimator=searches.Formula(nap=0.002), pruner="race", timeout=0.4, n_trials=None, n_jobs=n_jobs, refit=False
        )
    searches.assert_sound(found, compares_folds=True)
    assert found.cv_results_["trial_number"].tolist() == list(range(found.n_trials_))
    again = searches.fitted(pruner="race", n_trials=found.n_trials_)
    assert found.cv_results_["params"] == again.cv_results_["params"]
    np.testing.assert_array_equal(found.cv_results_["n_folds_run"], again.cv_results_["n_folds_run"])


def test_first_trial_is_finished_however_short_the_timeout(searches):
    found = searches.fitted(pruner="race", timeout=1e-6, refit=False)
    assert found.cv_results_["n_folds_run"].tolist() == [K]


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_study_stop_in_a_pruned_trial_ends_the_search_there(n_jobs, searches):
    def stop(study, trial):
        if trial.state is TrialState.PRUNED:
            study.stop()

    with joblib.parallel_config(backend="threading"):
        found = searches.fitted(study_callbacks=[stop], n_jobs=n_jobs)
    states = list(found.cv_results_["trial_state"])
    assert states == ["COMPLETE"] * (len(states) - 1) + ["PRUNED"]
    assert [trial.state.name for trial in found.study_.trials] == states
