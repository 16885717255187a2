"""A store is there to be read, by Optuna, by its dashboard, also while the search runs; rows of X are not in it."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from importlib.metadata import version

import numpy as np
import optuna
import pytest
from scipy.stats import loguniform
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sk_optuna
from sk_optuna import OptunaSearchCV

X, Y = make_classification(120, 5, random_state=0)
SPACE = {"logisticregression__C": loguniform(1e-3, 1e3)}


def search_over(path, n_trials=6, **arguments):
    pipe = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-3))
    defaults = {"cv": 3, "scoring": "f1", "random_state": 0, "storage": path, "study_name": "mine"}
    return OptunaSearchCV(pipe, SPACE, n_trials=n_trials, **{**defaults, **arguments})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search.db"


def test_a_study_says_in_clear_text_whose_it_is_and_what_it_found(path):
    search = search_over(path).fit(X, Y)
    study = optuna.load_study(study_name="mine", storage=f"sqlite:///{path}")
    shown = study.user_attrs
    assert study.metric_names == ["mean_test_score"]
    assert "sklearn.linear_model._logistic.LogisticRegression(tol=0.001)" in shown["estimator"]
    assert shown["space"] == "{'logisticregression__C': loguniform(0.001, 1000.0)}"
    assert (shown["scoring"], shown["cv"], shown["sampler"], shown["random_state"]) == ("'f1'", "3", "'tpe'", "0")
    assert shown["X"].startswith("array of shape (120, 5), float64, ")
    assert (shown["sk_optuna"], shown["scikit-learn"]) == (sk_optuna.__version__, version("scikit-learn"))
    assert study.direction.name == "MAXIMIZE"
    for i, trial in enumerate(study.trials):
        assert trial.state.name == "COMPLETE"
        assert trial.user_attrs["params"] == search.cv_results_["params"][i]
        scores = [search.cv_results_[f"split{fold}_test_score"][i] for fold in range(3)]
        assert list(trial.user_attrs["fold_scores"].values()) == scores
        assert set(trial.user_attrs["fold_seconds"]) == {"0", "1", "2"}
        assert trial.value == search.cv_results_["mean_test_score"][i]
        assert trial.datetime_complete >= trial.datetime_start


def test_no_value_of_x_and_no_label_is_in_the_file(path):
    rng = np.random.default_rng(0)
    numbers = rng.normal(1e6, 1e5, (60, 3))
    labels = np.repeat(["label-one-7f3a", "label-two-91cc"], 30)

    def space(trial):
        return {"C": trial.suggest_float("C", 1e-3, 1e3, log=True)}

    arguments = {"n_trials": 3, "cv": 3, "return_train_score": True, "storage": path}
    OptunaSearchCV(LogisticRegression(), space, **arguments).fit(numbers, labels, sample_weight=numbers[:, 0])
    content = path.read_bytes()
    assert b"LogisticRegression" in content
    for value in numbers.ravel():
        assert repr(float(value)).encode() not in content
        # six digits by themselves: within longer numbers, such as those of scores and times, any six may occur
        assert not re.search(rb"(?<![\d.])" + re.escape(f"{value:.6g}").encode() + rb"(?!\d)", content)
        assert value.tobytes() not in content
        assert value.byteswap().tobytes() not in content
    for label in ("label-one-7f3a", "label-two-91cc"):
        assert label.encode() not in content


READER = """
import sys, time
import optuna
url, n = sys.argv[1:]
while "mine" not in optuna.get_all_study_names(url):
    time.sleep(0.05)
study = optuna.load_study(study_name="mine", storage=url)
print("reads", flush=True)
seen, n_reads = 0, 0
while seen < int(n):
    trials = study.get_trials(deepcopy=False)
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert all(trial.state.is_finished() and "params" in trial.user_attrs for trial in trials)
    assert len(trials) >= seen
    seen, n_reads = len(trials), n_reads + 1
    time.sleep(0.1)
print(n_reads)
"""


@pytest.mark.parametrize("n_trials", [40, pytest.param(300, marks=pytest.mark.slow)])
def test_a_reader_that_asks_ten_times_a_second_disturbs_nothing(path, n_trials):
    search_over(path, n_trials=1).fit(X, Y)
    with subprocess.Popen(
        [sys.executable, "-c", READER, f"sqlite:///{path}", str(n_trials)], stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout.readline() == "reads\n"
        try:
            search = search_over(path, n_trials=n_trials).fit(X, Y)
            n_reads = reader.stdout.read()
        except BaseException:
            reader.kill()
            raise
    assert reader.returncode == 0
    assert int(n_reads) > 1
    study = optuna.load_study(study_name="mine", storage=f"sqlite:///{path}")
    assert [trial.value for trial in study.trials] == list(search.cv_results_["mean_test_score"])
    assert len(study.trials) == n_trials


DASHBOARD = """
import sys
from wsgiref.simple_server import make_server
from optuna_dashboard import wsgi
from optuna.storages import RDBStorage
with make_server("127.0.0.1", 0, wsgi(RDBStorage(sys.argv[1]))) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


def test_the_dashboard_shows_a_search_that_runs(path):
    pytest.importorskip("optuna_dashboard")
    search_over(path, n_trials=1).fit(X, Y)
    answers = []
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", DASHBOARD, f"sqlite:///{path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as dashboard:
        try:
            address = f"http://127.0.0.1:{int(dashboard.stdout.readline())}"

            def ask(study, trial):
                for route in ("/api/studies", f"/api/studies/{answers[0]}?after=0" if answers else "/dashboard/"):
                    with urllib.request.urlopen(f"{address}{route}", timeout=60) as answer:
                        assert answer.status == 200
                        content = answer.read()
                    if route == "/api/studies":
                        found = json.loads(content)
                (only,) = found.get("study_summaries", found.get("studies"))
                answers.append(only["study_id"])

            search = search_over(path, n_trials=20, study_callbacks=[ask]).fit(X, Y)
            shown = []
            while len(shown) < 20:  # it keeps what it read for some seconds
                with urllib.request.urlopen(f"{address}/api/studies/{answers[0]}?after=0", timeout=60) as answer:
                    detail = json.loads(answer.read(), parse_constant=pytest.fail)
                shown = [trial["values"][0] for trial in detail["trials"]]
                time.sleep(0.2)
        finally:
            dashboard.kill()
    assert len(answers) >= 19
    assert shown == list(search.cv_results_["mean_test_score"])
    study = optuna.load_study(study_name="mine", storage=f"sqlite:///{path}")
    assert len(study.trials) == 20
