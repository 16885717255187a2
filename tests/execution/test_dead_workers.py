"""A worker that dies costs the search no more than the fold that killed it."""

from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from optuna.pruners import BasePruner
from sklearn.exceptions import FitFailedWarning

from sk_optuna._compat._joblib import JoblibWorkers
from sk_optuna.exceptions import WorkerDiedError

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


process_backends = pytest.mark.parametrize("backend", ["loky", "multiprocessing", "dask"])


@process_backends
def test_a_candidate_that_kills_its_workers_fails_alone(backend, faults):
    with faults.on(backend), pytest.warns(FitFailedWarning, match="1 fits failed out of a total of 12") as told:
        search = faults.search(2, at=5, how="exit", error_score=99.0).fit(faults.DATA)
    assert "WorkerDiedError: With {'a': 5}: The worker process died twice" in str(told[0].message)
    alone = faults.search(1).fit(faults.DATA)
    assert list(search.cv_results_["trial_state"]) == ["COMPLETE"] * 5 + ["FAIL"]
    for split in range(2):
        key = f"split{split}_test_score"
        np.testing.assert_array_equal(search.cv_results_[key][: 6 - split], alone.cv_results_[key][: 6 - split])
    assert search.cv_results_["split1_test_score"][5] == 99.0
    assert search.best_params_ == {"a": 4}
    assert search.cv_results_["rank_test_score"].tolist() == [5, 4, 3, 2, 1, 6]
    faults.assert_nothing_is_unfinished(search)


@process_backends
def test_a_candidate_that_kills_its_workers_raises_if_error_score_is_raise(backend, faults):
    with faults.on(backend), pytest.raises(WorkerDiedError, match="died twice while it ran this fold"):
        faults.search(2, at=1, how="exit", error_score="raise").fit(faults.DATA)


@process_backends
def test_a_worker_that_dies_once_loses_nothing(backend, tmp_path, faults):
    with faults.on(backend):
        search = faults.search(2, at=3, how="exit", marker=str(tmp_path / "died")).fit(faults.DATA)
    assert (tmp_path / "died").exists()
    alone = faults.search(1).fit(faults.DATA)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert set(search.cv_results_["trial_state"]) == {"COMPLETE"}
    assert search.best_params_ == alone.best_params_ == {"a": 5}


def test_a_death_that_is_noticed_when_a_fold_is_sent_loses_nothing(monkeypatch, faults):
    submit, sent = JoblibWorkers.submit, []

    def refusing(self, *args):
        sent.append(args)
        if len(sent) == 5:
            raise BrokenProcessPool("a worker process was terminated")
        return submit(self, *args)

    monkeypatch.setattr(JoblibWorkers, "submit", refusing)
    with faults.on("loky"):
        search = faults.search(2).fit(faults.DATA)
    assert len(sent) > 12
    alone = faults.search(1).fit(faults.DATA)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert set(search.cv_results_["trial_state"]) == {"COMPLETE"}


@process_backends
def test_a_worker_that_dies_after_the_search_was_stopped_is_no_error(backend, faults):
    def stop(study, trial):
        study.stop()

    with faults.on(backend):
        search = faults.search(2, at=1, how="exit", callbacks=[stop]).fit(faults.DATA)
    assert search.n_trials_ == 1
    assert search.best_params_ == {"a": 0}
    faults.assert_nothing_is_unfinished(search)


def test_folds_run_ahead_that_are_lost_count_only_once_they_are_wanted(faults):
    """The last candidate kills its worker in a fold; the pruner may stop it before, while the fold runs ahead."""
    with faults.on("multiprocessing"):
        arguments = {"pruner": StopsAll(), "speculate": True}
        search = faults.search(2, at=5, how="exit", **arguments).fit(faults.DATA)
    alone = faults.search(1, pruner=StopsAll()).fit(faults.DATA)
    np.testing.assert_array_equal(search.cv_results_["trial_state"], alone.cv_results_["trial_state"])
    np.testing.assert_array_equal(search.cv_results_["split0_test_score"], alone.cv_results_["split0_test_score"])


class StopsAll(BasePruner):
    """Stops every candidate after its first fold, but the first candidate."""

    def prune(self, study, trial):
        return trial.number > 0
