"""A store of each version opens with this one, and its search goes on as if it had been begun today."""

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest

ASSETS = Path(__file__).parents[1] / "assets"
STORES = sorted(ASSETS.glob("store-*.db"))


@pytest.fixture(scope="module")
def written():
    """The module that wrote them, by its name of then."""
    spec = importlib.util.spec_from_file_location("write_store", ASSETS / "write_store.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["write_store"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["write_store"]


def test_there_is_a_store():
    assert STORES


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the (test|train) scores are non-finite")
@pytest.mark.filterwarnings("ignore:This search goes on from 8 candidates that ran with other versions")
@pytest.mark.parametrize("store", STORES, ids=lambda path: path.stem)
def test_a_store_of_each_version_opens_and_its_search_goes_on(tmp_path, monkeypatch, written, store):
    path = shutil.copy(store, tmp_path / "search.db")
    fitted = []
    fit = written.Level.fit
    monkeypatch.setattr(written.Level, "fit", lambda self, X, y: fitted.append(self) or fit(self, X, y))
    found = written.search(storage=path, study_name="kept").fit(written.X, written.Y)
    assert len(fitted) == 1  # the refit
    assert found.n_trials_ == written.N_TRIALS
    assert {"COMPLETE", "PRUNED", "FAIL"} <= set(found.cv_results_["trial_state"])

    more = written.search(storage=path, study_name="kept", n_trials=16).fit(written.X, written.Y)
    n_more = len(fitted) - 1
    whole = written.search(n_trials=16).fit(written.X, written.Y)
    assert 1 < n_more < len(fitted) - n_more
    assert list(more.cv_results_) == list(whole.cv_results_)
    for name in more.cv_results_:
        if "time" not in name:
            # in lists, masked values are None
            found, expected = (np.ma.asarray(each.cv_results_[name]).tolist() for each in (more, whole))
            np.testing.assert_equal(found, expected, err_msg=name)
    study = optuna.load_study(study_name="kept", storage=f"sqlite:///{path}")
    assert len(study.trials) == 16
