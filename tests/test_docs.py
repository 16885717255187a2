"""Code of the pages runs, and what they say of studies, of scores and of searches that are saved is so."""

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import optuna
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.checks import CODES
from sk_optuna.spaces import space_from_user

DOCS = Path(__file__).parent.parent / "docs"
X, y = load_iris(return_X_y=True)
SPACE = {"C": loguniform(0.1, 10), "gamma": loguniform(0.01, 1)}


def code_of(page):
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    return blocks


@pytest.fixture
def search():
    return OptunaSearchCV(SVC(), SPACE, n_trials=6, cv=3, random_state=0).fit(X, y)


@pytest.mark.parametrize("page", ["spaces.md", "samplers.md", "parallel.md", "pruning.md", "prefixes.md"])
def test_the_code_of_a_page_about_searches_runs(page):
    given = {}
    for block in code_of(page):
        exec(block, given)
    assert "search" in given


def test_the_page_on_the_study_copies_a_study_into_a_storage():
    given = {}
    shows, copies, calls_back = code_of("the_study.md")
    exec(shows, given)
    search = given["search"]
    assert [trial.params for trial in given["study"].trials] == search.cv_results_["params"]
    exec(copies, given)
    copied = optuna.load_study(storage=given["storage"], study_name="search")
    assert [trial.params for trial in copied.trials] == [trial.params for trial in search.study_.trials]
    assert copied.best_value == search.best_score_
    exec(calls_back, given)
    assert given["search"].n_trials_ < 500


def test_the_table_of_lists_says_what_they_are_to_the_sampler():
    page = (DOCS / "spaces.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (an ordered list|choices)", page, re.MULTILINE)
    cells = [(cell, kind) for row, kind in rows for cell in re.findall(r"`(.+?)`", row)]
    names = {"np": np, "CategoricalDistribution": optuna.distributions.CategoricalDistribution}
    found = {cell: space_from_user({"C": eval(cell, names)}, None, SVC()).ordered_lists for cell, _ in cells}
    assert {cell for cell, ordered in found.items() if ordered} == {c for c, kind in cells if kind == "an ordered list"}
    assert len(cells) > 8


def test_first_search_ends_with_the_table_that_it_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = {}
    for block in code_of("first_search.md"):
        if find_spec("matplotlib") or "sk_optuna.displays" not in block:
            exec(block, given)
    page = (DOCS / "first_search.md").read_text(encoding="utf-8")
    (nested,) = re.findall(r"^```text\n(r2 on 5 outer folds.*?)^```", page, re.DOTALL | re.MULTILINE)
    title, columns, *_ = nested.splitlines()
    assert f"{title}\n" in (printed := capsys.readouterr().out)
    assert columns.split() == ["mean", "interval", "inner", "optimism", "gain", "s", "chosen"]
    assert re.search(r"^ +mean +interval +inner +optimism +gain +s +chosen$", printed, re.MULTILINE)
    assert all(f"- **{column}**: " in page for column in columns.split())
    gain = given["results"].table_["gain"]
    assert gain[0] > 0.3
    assert given["raced"].best_score_ > 2 * given["scores"].mean()
    assert given["n_fits"] < 160


def test_pitfalls_do_the_damage_that_the_page_says(capsys):
    given = {}
    for block in code_of("pitfalls.md"):
        exec(block, given)
    printed = capsys.readouterr().out
    lines = re.findall(r"^(.+?):? (?:R2 )?(-?\d\.\d+)$", printed, re.MULTILINE)
    numbers = {name: float(number) for name, number in lines}
    assert numbers["best_score_"] > numbers["outer folds"]
    assert numbers["selected before"] > 0.8 > 0.65 > numbers["selected in each fold"]
    assert numbers["KFold"] > 0.9 > 0 > numbers["TimeSeriesSplit"]
    assert numbers["StratifiedKFold"] > 0.9 > 0.7 > numbers["GroupKFold"]
    assert numbers["best"] > numbers["last"] + 0.05
    assert numbers["100 trials: best_score_"] > numbers["  5 trials: best_score_"]
    best, truth = zip(*re.findall(r"trials: best_score_ (\S+), on 539 other rows (\S+)", printed), strict=True)
    assert float(best[1]) - float(best[0]) > 0.02 > float(truth[1]) - float(truth[0])
    tuned, fair = re.findall(r"on the test rows (\S+), not chosen (\S+)", printed)[0]
    assert float(tuned) > float(fair) + 0.05


def test_the_guide_on_clusters_finds_the_same_on_this_machine_and_on_dask():
    given = {}
    alone, on_cores, on_dask, *_ = code_of("clusters.md")
    exec(alone, given)
    expected = given["search"].fit(given["X"], given["y"]).cv_results_["mean_test_score"].tolist()
    exec(on_cores, given)
    assert given["search"].cv_results_["mean_test_score"].tolist() == expected
    pytest.importorskip("distributed")
    given["search"].set_params(n_jobs=None)
    exec(on_dask, given)
    assert given["search"].cv_results_["mean_test_score"].tolist() == expected


def test_the_page_on_ready_spaces_runs(capsys):
    given = {}
    for block in code_of("ready_spaces.md"):
        exec(block, given)
    assert {"svc__C", "svc__gamma", "svc__class_weight"} == given["search"].best_params_.keys()


def test_the_page_on_networks_trained_together_prints_what_it_shows(capsys):
    pytest.importorskip("torch")
    pytest.importorskip("skorch")
    given = {}
    for block in code_of("fused.md"):
        exec(block, given)
    page = (DOCS / "fused.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == "".join(re.findall(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE))
    assert given["alone"].cv_results_["params"] == given["search"].cv_results_["params"]


def test_the_page_on_nested_cross_validation_runs_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    has_pictures = find_spec("matplotlib") is not None
    if has_pictures:
        import matplotlib.pyplot as plt

        plt.switch_backend("Agg")
    given = {}
    for block in code_of("nested_cv.md"):
        if has_pictures or "sk_optuna.displays" not in block:
            exec(block, given)
    if has_pictures:
        plt.close("all")
    first, second = given["again"]
    assert list(first["mean"]) == list(second["mean"])
    assert "roc_auc of the procedure 'svm'" in capsys.readouterr().out
    pictures = ["nested.png"] if has_pictures else []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nested.db", *pictures]


def test_the_code_about_constraints_and_objectives_runs():
    given = {}
    for block in code_of("constraints_and_objectives.md"):
        exec(block, given)


def test_the_page_on_checks_shows_what_it_prints_and_has_a_section_for_each_code(capsys):
    page = (DOCS / "checks.md").read_text(encoding="utf-8")
    for block in code_of("checks.md"):
        exec(block, {})
    assert f"```text\n{capsys.readouterr().out}```" in page
    assert set(re.findall(r"^### (.+)$", page, re.MULTILINE)) == set(CODES)


def test_a_study_goes_where_the_page_on_the_study_says(search):
    assert set(optuna.importance.get_param_importances(search.study_)) == {"C", "gamma"}
    search.study_.optimize(
        lambda trial: trial.suggest_float("C", 0.1, 10, log=True) * trial.suggest_float("gamma", 0.01, 1, log=True),
        n_trials=2,
    )
    assert len(search.study_.trials) == 8


def test_the_code_about_going_on_runs_in_its_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"SVC": SVC, "X": X, "y": y, "space": SPACE, "X_new": X[:120], "y_new": y[:120]}
    for block in code_of("resume.md"):
        exec(block, given)
    assert given["search"].n_trials_ == 12
    assert sorted(path.name for path in tmp_path.iterdir()) == ["later.db", "search.db"]


def test_the_code_about_boosters_refits_with_the_rounds_it_says():
    pytest.importorskip("lightgbm")
    pytest.importorskip("pandas")
    given = {}
    search, alone = code_of("boosters.md")
    exec(search, given)
    found = given["search"]
    assert found.best_estimator_.n_iter_ == found.refit_epochs_ < 200
    exec(alone, given)
    assert given["booster"].n_iter_ < 1000


def test_the_page_on_choosing_runs_and_its_recipes_do_on_new_rows_what_it_says(capsys):
    given = {}
    policies, plain, predictions, threshold, calibration, intervals, errors = code_of("choosing.md")
    exec(policies, given)
    exec(plain, given)
    assert capsys.readouterr().out.count("simplest of") == 2
    exec(predictions, given)
    exec(threshold, given)
    search, new, truth = given["search"], given["X_test"], given["y_test"]
    below = search.predict_proba(new)[:, 0] < given["threshold"]
    decided = given["model"].predict(new)
    np.testing.assert_array_equal(decided, np.where(below, 1, 0))
    cost = [
        10 * np.sum((truth == 0) & (y == 1)) + np.sum((truth == 1) & (y == 0)) for y in (decided, search.predict(new))
    ]
    assert cost[0] < cost[1]
    exec(calibration, given)
    assert brier_score_loss(truth, given["probabilities"]) < brier_score_loss(truth, search.predict_proba(new)[:, 1])
    exec(intervals, given)
    covered = (given["low"] <= given["b_test"]) & (given["b_test"] <= given["high"])
    assert 0.8 < covered.mean() < 0.97
    exec(errors, given)
    assert "bmi" in capsys.readouterr().out


FITS = []


class Counted(LogisticRegression):
    def fit(self, X, y):
        FITS.append(len(X))
        return super().fit(X, y)


def test_the_places_of_a_tuned_threshold_take_the_fits_that_the_page_says():
    two, n, k, c = y < 2, 2, 4, 3
    data, space = (X[two], y[two]), {"C": [0.1, 1.0]}

    def count(model):
        del FITS[:]
        model.fit(*data)
        return len(FITS)

    def tuned(model):
        return TunedThresholdClassifierCV(model, cv=c)

    search = OptunaSearchCV(Counted(), space, cv=k, n_jobs=1)
    inside = OptunaSearchCV(tuned(Counted()), {"estimator__C": space["C"]}, cv=k, n_jobs=1)
    assert count(search) == n * k + 1
    assert count(inside) == (n * k + 1) * (c + 1)
    assert count(tuned(search)) == (n * k + 1) * (c + 1)
    assert count(tuned(clone(search.best_estimator_))) == c + 1
    assert count(clone(search).set_params(return_predictions=True)) == n * k + 1 + k
