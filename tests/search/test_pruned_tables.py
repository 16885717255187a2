"""The table of a pruned search: whole, pruned and failed rows."""

import warnings

import numpy as np
import pytest
from optuna.trial import TrialState
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold

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
every_pruner = pytest.mark.parametrize("name", ALL_NAMES)


# --- what holds of every pruned search --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "scoring",
    [
        "own score",
        "callable",
        "several",
        "several, not refitted",
        "callable to a dict",
        "refit callable",
        "train scores",
        "not refitted",
    ],
)
def test_table_and_study_agree_with_every_pruner_and_scoring(name, scoring, searches):
    found = searches.fitted(pruner=searches.PRUNERS[name], n_trials=16, **searches.SCORINGS[scoring])
    searches.assert_sound(found, compares_folds=name in searches.COMPARES_FOLDS)


@every_pruner
def test_table_and_study_agree_with_every_pruner_and_it_does_prune(name, searches):
    found = searches.fitted(pruner=searches.PRUNERS[name])
    searches.assert_sound(found, compares_folds=name in searches.COMPARES_FOLDS)
    assert ("PRUNED" in found.cv_results_["trial_state"]) is (name not in searches.STOPS_NOBODY)


@pytest.mark.parametrize("name", [*NAMES, "hyperband auto"])
@pytest.mark.parametrize(
    "sampler", ["tpe", *(pytest.param(name, marks=pytest.mark.slow) for name in ("qmc", "nsgaii", "cmaes"))]
)
def test_table_and_study_agree_with_every_pruner_and_sampler(name, sampler, searches):
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    found = searches.fitted(pruner=searches.PRUNERS[name], sampler=sampler, n_trials=16)
    searches.assert_sound(found, compares_folds=name in searches.COMPARES_FOLDS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "space",
    [
        "conditional",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("define-by-run", "part of a grid", "whole grid")),
    ],
)
def test_table_and_study_agree_with_every_pruner_and_space(name, space, searches):
    found = searches.fitted(space, searches.PRUNERS[name], sampler="tpe")
    searches.assert_sound(found, compares_folds=name in searches.COMPARES_FOLDS)


@pytest.mark.parametrize("most", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 30))])
@pytest.mark.parametrize("n_splits", [2, 3, 10])
@pytest.mark.parametrize("name", ["race", "hyperband"])
def test_table_and_study_agree_with_any_number_of_folds_and_trials_in_flight(name, most, n_splits, searches):
    X = np.repeat(np.arange(5), 4)[:, None] * float(SIZE)
    found = searches.search(pruner=name, cv=KFold(n_splits), max_concurrent_trials=most).fit(X, Y)
    searches.assert_sound(found, compares_folds=name == "race")


@every_pruner
def test_pruned_table_is_the_unpruned_one_with_blanks(name, searches):
    """The random sampler learns nothing, so that both searches try the same."""
    pruned, whole = (
        searches.fitted(pruner=pruner, scoring=searches.both, refit="main", return_train_score=True)
        for pruner in (searches.PRUNERS[name], None)
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
    order = searches.order_of(pruned)
    for i in range(K):
        blank = np.isnan(pruned.cv_results_[f"split{i}_test_main"])
        np.testing.assert_array_equal(blank, n_run <= order.index(i))


# --- folds ------------------------------------------------------------------------------------------------------------


def test_split_columns_keep_the_splitters_numbers(searches):
    found = searches.fitted()
    for row, params in enumerate(found.cv_results_["params"]):
        for i in range(K):
            score = found.cv_results_[f"split{i}_test_score"][row]
            assert np.isnan(score) or score == searches.score_of(params["a"], params["b"], params["kind"], i)


def test_times_are_means_over_the_folds_that_ran(searches):
    found = searches.fitted(estimator=searches.Formula(nap=0.004), n_trials=12)
    pruned = found.cv_results_["n_folds_run"] == 1
    assert pruned.any()
    assert (found.cv_results_["mean_fit_time"] >= 0.004).all()  # a fifth of it, were the others counted as 0
    assert (found.cv_results_["std_fit_time"][pruned] == 0).all()
    assert (found.cv_results_["std_score_time"][pruned] == 0).all()


def with_failures(searches, how, pruner, **arguments):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = searches.fitted(pruner=pruner, estimator=searches.Formula(limit=0.6, how=how), **arguments)
    return found, [str(w.message) for w in caught], [w.category for w in caught]


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "how"),
    [(name, "nan") for name in sorted(set(ALL_NAMES) - {"threshold", "threshold instance"})]
    + [(name, how) for name in ("race", "median", "halving") for how in ("inf", "-inf", "fit")],
)
def test_failing_candidate_is_a_failure_on_all_folds_and_changes_no_decision(name, how, searches):
    found, messages, categories = with_failures(searches, how, searches.PRUNERS[name])
    whole = searches.fitted(pruner=None)
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


@pytest.mark.parametrize("how", ["nan", "inf", "-inf", "fit"])
def test_threshold_by_name_stops_at_the_first_failed_fold_and_nobody_else(how, searches):
    found, _, categories = with_failures(searches, how, "threshold")
    failed = found.cv_results_["param_a"].astype(float) > 0.6
    assert set(found.cv_results_["trial_state"][failed]) == {"FAIL"}
    assert set(found.cv_results_["trial_state"][~failed]) == {"COMPLETE"}
    assert found.cv_results_["n_folds_run"].tolist() == np.where(failed, 1, K).tolist()
    assert [trial.state.name for trial in found.study_.trials] == list(found.cv_results_["trial_state"])
    assert found.cv_results_["trial_state"][found.best_index_] == "COMPLETE"
    assert (FitFailedWarning in categories) is (how == "fit")


@pytest.mark.parametrize("pruner", ["race", "threshold"])
@pytest.mark.parametrize("scoring", ["own score", "callable to a dict", "several"])
def test_number_that_stands_for_failures_does_not_make_them_win(pruner, scoring, searches):
    with pytest.warns(FitFailedWarning):
        found = searches.fitted(
            pruner=pruner,
            estimator=searches.Formula(limit=0.6, how="fit"),
            error_score=99.0,
            **searches.SCORINGS[scoring],
        )
    assert found.best_params_["a"] <= 0.6
    assert found.best_score_ < 1
    failed = found.cv_results_["param_a"].astype(float) > 0.6
    assert set(found.cv_results_["trial_state"][failed]) == {"FAIL"}
    first = searches.order_of(found)[0]
    assert (searches.fold_scores(found)[failed, first] == 99.0).all()


def test_pruning_alone_warns_of_no_score_but_a_failure_does(searches):
    assert (
        "PRUNED"
        in searches.fitted(scoring=searches.both, refit="main", return_train_score=True).cv_results_["trial_state"]
    )
    with pytest.warns(UserWarning, match=r"(?s)One or more of the test scores are non-finite: \[.*nan"):
        searches.fitted(estimator=searches.Formula(limit=0.6, how="nan"))


def test_error_score_raise_raises_the_estimators_own_error(searches):
    with pytest.raises(ValueError, match="above the limit"):
        searches.fitted(estimator=searches.Formula(limit=0.6), error_score="raise")
