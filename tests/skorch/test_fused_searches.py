"""A search whose networks are trained together finds what it finds without, in the same table."""

# ruff: noqa: E402

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import optuna
import pytest
from scipy.stats import loguniform, randint
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.callbacks import Callback

from sk_optuna import OptunaSearchCV, nested_cross_validate
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.skorch import NeuralNetClassifier

X, y = load_iris(return_X_y=True)
SPACE = {
    "neuralnetclassifier__lr": loguniform(1e-3, 1e-2),
    "neuralnetclassifier__optimizer__weight_decay": loguniform(1e-6, 1e-2),
    "neuralnetclassifier__module__p": [0.0, 0.3],
    "neuralnetclassifier__max_epochs": [2, 4],
}


class MLP(torch.nn.Sequential):
    def __init__(self, p=0.0):
        super().__init__(torch.nn.Linear(4, 12), torch.nn.ReLU(), torch.nn.Dropout(p), torch.nn.Linear(12, 3))
        self.double()


class Recurrent(torch.nn.Module):
    def __init__(self, p=0.0):
        super().__init__()
        self.lstm, self.out = torch.nn.LSTM(4, 6, batch_first=True), torch.nn.Linear(6, 3)

    def forward(self, X):
        return self.out(self.lstm(X[:, None])[0][:, -1])


def search(fuse, module=MLP, dtype=np.float64, space=SPACE, **arguments):
    net = NeuralNetClassifier(
        module,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        batch_size=32,
        verbose=0,
        device="cpu",
    )
    arguments = {"n_trials": 9, "cv": 3, "random_state": 0, "scoring": "neg_log_loss", **arguments}
    return OptunaSearchCV(make_pipeline(StandardScaler(), net), space, fuse=fuse, **arguments)


def assert_same_tables(one, other, *, rtol):
    assert one.cv_results_["params"] == other.cv_results_["params"]
    assert one.cv_results_.keys() == other.cv_results_.keys()
    for name, column in one.cv_results_.items():
        if name == "params" or "time" in name or name.startswith("param_"):
            continue
        if np.asarray(column).dtype.kind == "f":
            np.testing.assert_allclose(column, other.cv_results_[name], rtol=rtol, atol=0)
        else:
            np.testing.assert_array_equal(column, other.cv_results_[name])


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"pruner": "race", "speculate": True},
        {"report": "epoch", "pruner": "race"},
        {"report": "epoch", "checkpoint": "best"},
    ],
    ids=lambda arguments: "-".join(map(str, arguments.values())) or "plain",
)
def test_trials_decisions_and_tables_are_those_of_nets_that_are_trained_one_by_one(arguments):
    fused, alone = (search(fuse, **arguments).fit(X, y) for fuse in (True, False))
    assert fused.fused_["fused"].all()
    assert fused.fused_["n_models"].sum() == fused.cv_results_["trial_state"].size * 3 or arguments.get("pruner")
    assert not hasattr(alone, "fused_")
    assert_same_tables(fused, alone, rtol=1e-9)
    for one, other in zip(
        fused.best_estimator_[-1].module_.parameters(), alone.best_estimator_[-1].module_.parameters(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


@pytest.mark.parametrize("n_jobs", [2, "threads"])
def test_in_single_precision_too_the_table_does_not_depend_on_the_workers(n_jobs, sent_by_value):
    one = search(True, module=Single).fit(X.astype(np.float32), y)
    with joblib.parallel_config("threading" if n_jobs == "threads" else "loky", n_jobs=2):
        other = search(True, module=Single).fit(X.astype(np.float32), y)
    assert_same_tables(one, other, rtol=0)


class Single(MLP):
    def __init__(self, p=0.0):
        super().__init__(p)
        self.float()


def test_nets_that_cannot_be_trained_together_say_why_once(capsys):
    found = search("auto", module=Recurrent, n_trials=2, verbose=1).fit(X.astype(np.float32), y)
    assert found.fused_["fused"].tolist() == [False]
    assert found.fused_["n_models"].tolist() == [6]
    assert "LSTM" in found.fused_["reason"][0]
    assert capsys.readouterr().out.count("is trained by itself: ") == 1


def test_fuse_true_refuses_nets_that_cannot_be_trained_together():
    with pytest.raises(InvalidArgumentError, match=r"fuse=True, but .* was trained by itself: .*LSTM.*fuse='auto'"):
        search(True, module=Recurrent).fit(X.astype(np.float32), y)


def test_fuse_true_refuses_other_estimators_before_the_first_fit():
    with pytest.raises(InvalidArgumentError, match=r"fuse=True trains the networks.*LogisticRegression, the last"):
        OptunaSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}, fuse=True).fit(X, y)
    with pytest.raises(ValueError, match="'fuse' parameter"):
        OptunaSearchCV(LogisticRegression(max_iter=500), {"C": [1, 2]}, fuse="always").fit(X, y)
    found = OptunaSearchCV(LogisticRegression(max_iter=500), {"C": [1, 2]}, cv=3).fit(X, y)
    assert not hasattr(found, "fused_")


def test_a_search_goes_on_from_a_storage_with_and_without(tmp_path):
    storage = tmp_path / "search.db"
    search(True, n_trials=4, storage=storage).fit(X, y)
    resumed, whole = search(False, storage=storage).fit(X, y), search(False).fit(X, y)
    assert_same_tables(resumed, whole, rtol=1e-9)


KILLED = """
import os, signal
from tests.skorch.test_fused_searches import Single, X, search, y

def stop(study, trial):
    if trial.number == 3:
        os.kill(os.getpid(), signal.{signal})

search(True, module=Single, storage={storage!r}, study_callbacks=[stop]).fit(X.astype("float32"), y)
"""


@pytest.mark.parametrize("name", ["SIGKILL", pytest.param("SIGTERM", marks=pytest.mark.slow), "SIGINT"])
def test_search_that_is_killed_goes_on_to_the_same_table(name, tmp_path):
    storage = str(tmp_path / "search.db")
    program = KILLED.format(signal=name, storage=storage)
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", program], timeout=300, capture_output=True, check=False, cwd=root)
    assert killed.returncode == -getattr(signal, name)
    resumed, whole = (
        search(True, module=Single, storage=where).fit(X.astype(np.float32), y) for where in (storage, None)
    )
    assert 0 < resumed.fused_["n_models"].sum() < whole.fused_["n_models"].sum() == 27
    assert_same_tables(resumed, whole, rtol=0)


def test_ctrl_c_ends_the_networks_that_train_and_keeps_what_is_finished():
    n_before, n_epochs = threading.active_count(), []

    class Interrupts(Callback):
        def on_epoch_end(self, net, **kwargs):
            n_epochs.append(len(net.history))
            if len(n_epochs) == 100:
                signal.raise_signal(signal.SIGINT)

    space = {"neuralnetclassifier__lr": loguniform(1e-3, 1e-2)}
    broken_off = search(True, space=space)
    broken_off.set_params(
        estimator__neuralnetclassifier__max_epochs=10**6, estimator__neuralnetclassifier__callbacks=[Interrupts()]
    )
    with pytest.raises(KeyboardInterrupt):
        broken_off.fit(X, y)
    assert max(n_epochs) < 10**4
    assert threading.active_count() == n_before
    assert not hasattr(broken_off, "cv_results_")


def test_outer_folds_meet_too_and_unseeded_rows_leave_them_alone():
    found = [
        nested_cross_validate(
            {"net": search(fuse, n_trials=4)}, X, y, cv=StratifiedKFold(3, shuffle=True, random_state=0)
        )
        for fuse in (True, True, False)
    ]
    scores = [np.asarray(each.archive_["mean_test_score"]) for each in found]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_allclose(scores[0], scores[2], rtol=1e-9)


def test_an_error_of_a_fit_ends_the_search_where_it_is_raised():
    class Own(Exception):
        pass

    class Fails(MLP):
        def forward(self, X):
            raise Own("no more")

    with pytest.raises(Own, match="no more"):
        search(True, module=Fails, error_score="raise").fit(X, y)


def test_an_interrupt_keeps_what_is_finished():
    def stop(study, trial):
        if trial.number == 2:
            raise KeyboardInterrupt

    broken_off = search(True, study_callbacks=[stop])
    with pytest.raises(KeyboardInterrupt):
        broken_off.fit(X, y)
    assert broken_off.n_trials_ == 3
    with pytest.raises(NotFittedError):
        broken_off.predict(X)
    assert broken_off.refit_best(X, y).predict(X).shape == (150,)


class Wide(MLP):
    def __init__(self, p=0.0, n_hidden=8):
        torch.nn.Sequential.__init__(self, torch.nn.Linear(4, n_hidden), torch.nn.ReLU(), torch.nn.Linear(n_hidden, 3))


LONG = {"neuralnetclassifier__max_epochs": [12]}


@pytest.mark.parametrize(
    ("space", "pays"),
    [
        ({"lr": loguniform(1e-3, 1e-2)}, True),
        ({"lr": [1e-3, 1e-2], "optimizer__weight_decay": [0.0, 0.1]}, True),
        ({"lr": loguniform(1e-3, 1e-2), "module__n_hidden": [8, 16]}, True),
        ({"lr": loguniform(1e-3, 1e-2), "module__n_hidden": randint(8, 64)}, False),
        ({"lr": loguniform(1e-3, 1e-2), "module__n_hidden": list(range(8, 20)), "batch_size": [6, 8]}, False),
    ],
    ids=["rates", "grid", "two widths", "a range of widths", "many kinds"],
)
def test_auto_counts_from_the_space_whether_enough_networks_will_be_alike(space, pays):
    """Three folds of twenty candidates make 156 steps each; if each candidate has a width of its own, 468 are alike."""
    named = {f"neuralnetclassifier__{name}": values for name, values in space.items()}
    found = search("auto", module=Wide, space=named | LONG, n_trials=4 if pays else 2, dtype=None, n_jobs=None)
    found.set_params(estimator__neuralnetclassifier__batch_size=8, n_trials=20)
    found.set_params(study_callbacks=[lambda study, trial: study.stop() if trial.number == 1 else None])
    found.fit(X.astype(np.float32), y)
    assert found.fused_["fused"].tolist() == [pays] * len(found.fused_["fused"])
    assert all("to gain something" in reason for reason in found.fused_["reason"]) != pays


def test_auto_leaves_epochs_of_few_steps_alone():
    found = search("auto", module=Wide, space=LONG, n_trials=1).fit(X.astype(np.float32), y)
    assert "its epochs have 4 steps" in found.fused_["reason"][0]


def test_times_of_folds_are_their_shares_of_the_time_of_the_search():
    found = search(True, n_trials=6).fit(X, y)
    times = found.cv_results_["mean_fit_time"] + found.cv_results_["mean_score_time"]
    assert found.cv_results_["mean_fit_time"].min() > 0
    assert 3 * times.sum() <= found.search_time_


def test_when_the_time_is_over_networks_end_after_their_epoch_and_the_first_candidate_is_finished():
    n_epochs = []

    class Notes(Callback):
        def on_train_end(self, net, **kwargs):
            n_epochs.append(len(net.history))

        def on_epoch_end(self, net, **kwargs):
            time.sleep(0.01)

    space = {"neuralnetclassifier__lr": loguniform(1e-3, 1e-2)}
    found = search(True, space=space, n_trials=None, timeout=2)
    found.set_params(estimator__neuralnetclassifier__max_epochs=60, estimator__neuralnetclassifier__callbacks=[Notes()])
    found.fit(X, y)
    # a group of eight candidates has 24 * 60 epochs of .01 seconds
    assert 1 <= found.n_trials_ < 8
    assert set(n_epochs) == {60}
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


def test_a_group_takes_no_more_folds_than_the_memory_holds(monkeypatch):
    """The first network tells the size of one; the others are begun as there is room for them."""
    from sk_optuna.skorch import _fused_rounds

    most = []
    trained = _fused_rounds.train_together
    size = 17_000

    def watched(meeting, parts):
        most.append(len(parts))
        return trained(meeting, parts)

    one = search(True, n_trials=6).fit(X, y)
    monkeypatch.setattr("sk_optuna.skorch._fused_net.train_together", watched)
    monkeypatch.setattr(_fused_rounds, "free_memory", lambda: 10 * size)
    few = search(True, n_trials=6).fit(X, y)
    assert_same_tables(one, few, rtol=0)
    assert 1 < max(most) < 18


class StopsAll(optuna.pruners.BasePruner):
    def prune(self, study, trial):
        return trial.number > 0


def test_folds_that_are_not_wanted_any_more_end_early():
    """With threads, folds run ahead of decisions; those of a candidate that is stopped train no further."""
    lives = []  # a list for each network: its rows, as a number, then its epochs

    class Notes(Callback):
        def on_train_begin(self, net, X=None, **kwargs):
            self.life = [float(np.sum(X))]
            lives.append(self.life)

        def on_epoch_end(self, net, **kwargs):
            self.life.append(len(net.history))
            # the second candidate's fold on the rows on which the first fold of all was trained
            if self.life is not lives[0] and self.life[0] == lives[0][0] and len(net.history) == 2:
                raise KeyboardInterrupt  # skorch ends this net's training

    space = {"neuralnetclassifier__lr": [1e-6, 3e-2]}
    found = search(True, space=space, n_trials=None, pruner=StopsAll(), speculate=True, n_jobs=4, refit=False)
    found.set_params(
        estimator__neuralnetclassifier__max_epochs=300, estimator__neuralnetclassifier__callbacks=[Notes()]
    )
    with joblib.parallel_config("threading"):
        found.fit(X, y)
    n_epochs = sorted(life[-1] for life in lives)
    # one of the second candidate, what ran ahead of the decision on it, and three of the first one
    assert n_epochs[0] == 2
    assert n_epochs[-3:] == [300, 300, 300]
    assert found.n_folds_dropped_ == len(n_epochs) - 4
    assert 1 <= len(n_epochs[1:-3]) <= 2
    assert max(n_epochs[1:-3]) < 300


FAILING = """
from tests.skorch.test_fused_searches import Callback, X, nested_cross_validate, search, y

class Fails(Callback):
    n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        Fails.n_epochs += 1
        if Fails.n_epochs == 60:
            raise ZeroDivisionError("own")

failing = search(True, error_score="raise")
failing.set_params(estimator__neuralnetclassifier__max_epochs=30, estimator__neuralnetclassifier__callbacks=[Fails()])
nested_cross_validate(failing, X, y, cv=3, error_score="raise", baselines=())
"""


def test_error_in_an_outer_fold_ends_the_others_and_the_process_as_any_error():
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", FAILING], timeout=300, capture_output=True, check=False, cwd=root)
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.decode().rstrip().endswith("ZeroDivisionError: own")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores")
def test_network_that_is_out_of_memory_by_itself_too_is_its_candidates_failure():
    class Hungry(MLP):
        def __init__(self, p=0.0):
            super().__init__(p)
            self.p = p

        def forward(self, X):
            if self.training and self.p:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
            return super().forward(X)

    space = {"neuralnetclassifier__module__p": [0.0, 0.3], "neuralnetclassifier__lr": [1e-3, 1e-2]}
    found = search("auto", module=Hungry, space=space, n_trials=None).fit(X, y)
    hungry = found.cv_results_["param_neuralnetclassifier__module__p"] == 0.3
    assert found.cv_results_["trial_state"][hungry].tolist() == ["PRUNED"] * 2
    assert found.cv_results_["trial_state"][~hungry].tolist() == ["COMPLETE"] * 2


class Counting(StandardScaler):
    n_fits = 0

    def fit(self, X, y=None, sample_weight=None):
        Counting.n_fits += 1
        time.sleep(0.05)  # what is fitted faster than looked up is not kept
        return super().fit(X, y, sample_weight)


def test_first_steps_are_fitted_once_a_fold_for_all_networks_of_a_group():
    Counting.n_fits = 0
    found = search(True, n_trials=6, cache_prefix=True, refit=False)
    found.estimator.steps[0] = ("standardscaler", Counting())
    assert found.fit(X, y).fused_["n_models"].sum() == 18
    assert Counting.n_fits == 3
