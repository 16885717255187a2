"""Several objectives: a front that is known, the choice from it, the same search at any number of workers."""

import math
import pickle

import joblib
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from scipy.stats import loguniform, uniform
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna.callbacks import Patience, TargetScore
from sk_optuna.exceptions import (
    InvalidArgumentError,
    NoFeasibleCandidateError,
    NoScoreError,
    ResumeMismatchError,
    StorageError,
    TooManyFailuresError,
)
from sk_optuna.samplers import BoundedHistorySampler, GaussianProcessSampler

X, Y = np.arange(20.0)[:, None], np.arange(20.0)
RANGES = {"a": uniform(0, 1), "b": uniform(0, 1)}
# The front is where b is 0 and a between the two hills.
GRID = {"a": np.linspace(0, 1, 11).round(1).tolist(), "b": [0.0, 0.3]}
FRONT = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
N_FITS = 0


class Hills(BaseEstimator):
    def __init__(self, a=0.0, b=0.0, fails=False):
        self.a = a
        self.b = b
        self.fails = fails

    def fit(self, X, y=None):
        global N_FITS
        N_FITS += 1
        if self.fails == "fit":
            raise ValueError("no")
        return self

    def predict(self, X):
        return np.zeros(len(X))


def west(hills, X, y):
    return -((hills.a - 0.2) ** 2) - hills.b


def east(hills, X, y):
    if hills.fails == "east":
        raise ValueError("no east")
    return -((hills.a - 0.8) ** 2) - hills.b


def width(hills, X, y):
    return hills.a


def both(hills, X, y):
    return {"west": west(hills, X, y), "east": east(hills, X, y)}


def search(space=RANGES, **arguments):
    defaults = {
        "n_trials": 20,
        "cv": KFold(2),
        "random_state": 0,
        "scoring": {"west": west, "east": east, "width": width},
        "refit": "west",
        "objectives": ("west", "east"),
    }
    return OptunaSearchCV(Hills(), space, **{**defaults, **arguments})


def same(one, other):
    assert list(one.cv_results_) == list(other.cv_results_)
    for name, column in one.cv_results_.items():
        if "time" not in name:
            np.testing.assert_array_equal(np.ma.filled(column, -1), np.ma.filled(other.cv_results_[name], -1), name)
    values = [[trial.values for trial in each.study_.trials] for each in (one, other)]
    assert values[0] == values[1]


# --- the front, and the choice ----------------------------------------------------------------------------------------


def test_the_front_of_a_grid_is_the_known_one_the_best_of_the_first_objective_first():
    found = search(GRID, n_trials=None).fit(X, Y)
    front, table = found.pareto_front_, found.cv_results_
    assert [params["a"] for params in front["params"]] == FRONT
    assert not any(params["b"] for params in front["params"])
    assert (np.diff(front["mean_test_west"]) < 0).all()
    assert set(front) == set(table)
    np.testing.assert_array_equal(np.sort(front["trial_number"]), np.flatnonzero(table["pareto_rank"] == 1))
    assert sorted(front["trial_number"]) == sorted(trial.number for trial in found.study_.best_trials)
    assert found.best_params_ == {"a": 0.2, "b": 0.0}


def test_refit_names_the_metric_of_the_best_candidate_which_may_be_no_objective():
    for refit, a in [("west", 0.2), ("east", 0.8), ("width", 1.0)]:
        found = search(GRID, n_trials=None, refit=refit).fit(X, Y)
        assert found.best_params_["a"] == found.best_estimator_.a == a
        assert found.best_score_ == found.cv_results_[f"mean_test_{refit}"].max()
        values = [found.cv_results_[f"mean_test_{of}"][found.best_index_] for of in ("west", "east")]
        np.testing.assert_allclose(found.best_trial_.values, values)


def test_a_callable_refit_chooses_from_the_front_and_none_leaves_it_to_the_user():
    def knee(table):
        worst = np.minimum(table["mean_test_west"], table["mean_test_east"])
        return int(np.where(table["pareto_rank"] == 1, worst, -np.inf).argmax())

    found = search(GRID, n_trials=None, refit=knee).fit(X, Y)
    assert found.best_params_ == {"a": 0.5, "b": 0.0}
    left = search(GRID, n_trials=None, refit=False).fit(X, Y)
    assert not hasattr(left, "best_index_")
    assert len(left.pareto_front_["params"]) == len(FRONT)


def test_the_study_has_a_direction_and_a_name_for_each_objective():
    study = search(n_trials=3).fit(X, Y).study_
    assert [direction.name for direction in study.directions] == ["MAXIMIZE"] * 2
    assert study.metric_names == ["mean_test_west", "mean_test_east"]
    assert {"values_mean_test_west", "values_mean_test_east"} <= set(study.trials_dataframe().columns)
    study.optimize(lambda trial: (trial.suggest_float("a", 0, 1), trial.suggest_float("b", 0, 1)), n_trials=2)


def test_without_scoring_the_objectives_are_the_metrics():
    X, y = load_breast_cancer(return_X_y=True)
    found = OptunaSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()),
        {"logisticregression__C": loguniform(1e-3, 1e2)},
        objectives=["roc_auc", "neg_brier_score"],
        refit="roc_auc",
        n_trials=4,
        random_state=0,
    ).fit(X, y)
    assert found.scoring is None
    assert list(found.scorer_) == ["roc_auc", "neg_brier_score"]
    assert found.score(X, y) > 0.9
    assert found.best_score_ == found.cv_results_["mean_test_roc_auc"].max()
    assert clone(found).get_params()["objectives"] == ["roc_auc", "neg_brier_score"]
    assert len(pickle.loads(pickle.dumps(found)).pareto_front_["params"]) >= 1


def test_a_callable_may_name_the_objectives():
    same_scores = search(GRID, n_trials=None, scoring=both).fit(X, Y)
    assert [params["a"] for params in same_scores.pareto_front_["params"]] == FRONT


# --- samplers ---------------------------------------------------------------------------------------------------------


def gap(found):
    """The mean distance of the last candidates to the front."""
    return float(np.mean([params["b"] for params in found.cv_results_["params"][50:]]))


def test_tpe_and_nsgaii_come_nearer_to_the_front_than_chance():
    def small(seed):
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=10)

    by_chance = gap(search(sampler="random", n_trials=80).fit(X, Y))
    assert gap(search(sampler="tpe", n_trials=80).fit(X, Y)) < by_chance / 2
    assert gap(search(sampler=small, n_trials=80).fit(X, Y)) < by_chance / 1.2


@pytest.mark.parametrize("sampler", ["random", "qmc", "nsgaii", None, optuna.samplers.TPESampler(seed=0)])
@pytest.mark.parametrize("space", [RANGES, [RANGES, {"a": [0.1, 0.2, 0.3, 0.4]}]], ids=["ranges", "branches"])
def test_samplers_for_several_objectives_serve(sampler, space):
    found = search(space, sampler=sampler, n_trials=12).fit(X, Y)
    assert found.n_trials_ == 12
    assert len(found.study_.best_trials) == len(found.pareto_front_["params"])


@pytest.mark.parametrize(
    "sampler",
    [
        "auto",
        "gp",
        "cmaes",
        GaussianProcessSampler(seed=0),
        BoundedHistorySampler(seed=0),
        optuna.samplers.CmaEsSampler(seed=0),
    ],
    ids=["auto", "gp", "cmaes", "a process", "bounded", "CMA-ES"],
)
def test_a_sampler_for_one_objective_is_refused(sampler):
    before = N_FITS
    says = r"maximizes one metric, and cannot be used with several objectives\. Use 'tpe', 'nsgaii' or 'random'"
    with pytest.raises(InvalidArgumentError, match=says):
        search(sampler=sampler).fit(X, Y)
    assert before == N_FITS


# --- failures and constraints -----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fails", ["fit", "east"])
def test_a_candidate_that_fails_in_one_objective_is_told_as_failed_and_never_the_best(fails):
    found = search([{"a": [0.2], "fails": [fails]}, {"a": [0.3, 0.8], "b": [0.1]}], n_trials=None).fit(X, Y)
    assert found.cv_results_["trial_state"].tolist() == ["FAIL", "COMPLETE", "COMPLETE"]
    assert [trial.state for trial in found.study_.trials] == [TrialState.FAIL] + [TrialState.COMPLETE] * 2
    assert found.cv_results_["pareto_rank"].tolist() == [2, 1, 1]
    assert found.best_params_["a"] == 0.3
    # of one metric alone, the first is the best
    if fails == "east":
        alone = search([{"a": [0.2], "fails": [fails]}, {"a": [0.3, 0.8]}], n_trials=None, objectives=None).fit(X, Y)
        assert alone.best_params_["a"] == 0.2


@pytest.mark.filterwarnings("ignore")
def test_where_all_candidates_fail_in_an_objective_there_is_no_front():
    failing = search({"a": [0.2, 0.3], "fails": ["east"]}, n_trials=None)
    with pytest.raises(NoScoreError, match=r"finite mean west and east, so none.*scorer raised ValueError: no east"):
        failing.fit(X, Y)
    assert failing.pareto_front_["params"] == []
    with pytest.raises(TooManyFailuresError, match="2 candidates in a row failed"):
        search({"a": GRID["a"], "fails": ["east"]}, n_trials=None, max_failures=2).fit(X, Y)


def test_constraints_bound_the_front():
    found = search(GRID, n_trials=None, constraints={"east": ">= -0.1"}).fit(X, Y)
    assert [params["a"] for params in found.pareto_front_["params"]] == [a for a in FRONT if a >= 0.5]
    assert found.best_params_ == {"a": 0.5, "b": 0.0}
    feasible = found.cv_results_["feasible"]
    assert found.cv_results_["pareto_rank"][feasible].max() < found.cv_results_["pareto_rank"][~feasible].min()
    with pytest.raises(NoFeasibleCandidateError, match="Nearest is row"):
        search(GRID, n_trials=None, constraints={"east": ">= 1"}).fit(X, Y)


# --- the same everywhere ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["tpe", "nsgaii"])
def test_workers_do_not_matter(sampler):
    with joblib.parallel_config("threading"):
        same(search(sampler=sampler).fit(X, Y), search(sampler=sampler, n_jobs=3).fit(X, Y))


class BrokenOff:
    def __init__(self, number):
        self.number = number

    def __call__(self, study, trial):
        if trial.number == self.number:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("sampler", "name"), [("tpe", "one"), ("nsgaii", None)])
def test_a_search_that_was_broken_off_ends_as_if_it_had_not_been(tmp_path, sampler, name):
    whole = search(sampler=sampler).fit(X, Y)
    kept = {"sampler": sampler, "storage": tmp_path / "search.db", "study_name": name}
    with pytest.raises(KeyboardInterrupt):
        search(**kept, study_callbacks=[BrokenOff(12)]).fit(X, Y)
    before = N_FITS
    again = search(**kept).fit(X, Y)
    assert before + 7 * 2 + 1 == N_FITS
    same(again, whole)
    url = f"sqlite:///{kept['storage']}"
    (study,) = optuna.get_all_study_names(url)
    read = optuna.load_study(study_name=study, storage=url)
    assert read.metric_names == ["mean_test_west", "mean_test_east"]
    assert [trial.values for trial in read.trials] == [trial.values for trial in whole.study_.trials]


def test_a_search_that_ended_is_saved_extended_and_passed_on(tmp_path):
    found = search(warm_start=True).fit(X, Y)
    found.save_study(tmp_path / "search.db")
    before = N_FITS
    same(search(storage=tmp_path / "search.db").fit(X, Y), found)
    assert before + 1 == N_FITS
    with pytest.raises(StorageError, match="has this search already, with 20 candidates"):
        found.save_study(tmp_path / "search.db")
    assert found.set_params(n_trials=22).fit(X, Y).n_trials_ == 22
    following = search(GRID | RANGES, initial_params=found, n_trials=3).fit(X, Y)
    assert all(params in found.pareto_front_["params"] for params in following.cv_results_["params"])


def test_objectives_belong_to_what_makes_a_search_itself(tmp_path):
    kept = {"storage": tmp_path / "search.db", "study_name": "one", "n_trials": 3}
    search(**kept).fit(X, Y)
    with pytest.raises(ResumeMismatchError, match=r"objectives: \['west', 'east'\] then, \['west', 'width'\] now"):
        search(**kept, objectives=("west", "width")).fit(X, Y)
    search(**kept, objectives=["west", "east"]).fit(X, Y)


def test_a_fit_without_objectives_forgets_the_front():
    found = search(n_trials=3).fit(X, Y)
    assert not hasattr(found.set_params(objectives=None).fit(X, Y), "pareto_front_")


def test_epochs_are_scored_by_the_metric_of_refit_or_the_first_objective():
    X, y = load_breast_cancer(return_X_y=True)
    learner = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", max_iter=3, random_state=0))
    arguments = {"objectives": ("neg_brier_score", "roc_auc"), "report": "epoch", "n_trials": 2, "cv": 2}
    space = {"sgdclassifier__alpha": [1e-4, 1e-2]}
    for refit, metric in [(False, "neg_brier_score"), ("roc_auc", "roc_auc")]:
        found = OptunaSearchCV(learner, space, refit=refit, **arguments).fit(X, y)
        curves = found.learning_curves_
        last = curves["valid_score"][curves["epoch"] == 3]
        np.testing.assert_allclose(last[:2], [found.cv_results_[f"split{i}_test_{metric}"][0] for i in (0, 1)])


def test_progress_has_all_scores_and_the_size_of_the_front(capsys):
    search({"a": [0.2, 0.8, 0.5], "b": [0.0]}, n_trials=None, verbose=2).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert "trial 0: scores 0.0000, -0.3600; front of 1; " in lines[0].replace("-0.0000", "0.0000")
    assert "front of 3; " in lines[2]


# --- bad input --------------------------------------------------------------------------------------------------------

TWO_NAMES = r"'objectives' parameter must be None or a list or tuple of two or more different names"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"objectives": "west"}, TWO_NAMES + r".*but got 'west'.*for example, \('roc_auc', 'neg_brier_score'\)"),
        ({"objectives": ("west",)}, TWO_NAMES),
        ({"objectives": ("west", "west")}, TWO_NAMES),
        ({"objectives": (west, east)}, TWO_NAMES),
        ({"objectives": 3}, TWO_NAMES),
        ({"objectives": ()}, TWO_NAMES),
        ({"objectives": ("west", "eats")}, r"objectives names \['eats'\], but scoring has.*Nearest to 'eats': 'east'"),
        ({"scoring": "r2"}, r"must be among the metrics of scoring, but scoring='r2' is one\. Leave scoring out"),
        ({"scoring": None, "objectives": ("roc_auc", "r22")}, r"(?s)Nearest to 'r22': 'r2'"),
        ({"refit": True}, r"refit must be set to a scorer key or a callable"),
        ({"refit": "wst"}, r"Nearest to 'wst': 'west'"),
        ({"pruner": "race"}, r"pruner='race' cannot be used with several objectives: .*Use pruner=None"),
        ({"study_callbacks": [Patience(3)]}, r"Patience\(n_trials=3.*needs one objective, but there are 2"),
        ({"study_callbacks": [TargetScore(0.5)]}, r"TargetScore\(score=0\.5\).*needs one objective"),
    ],
    ids=[
        *("text", "one", "equal", "functions", "number", "none", "misspelt", "one scorer", "misspelt scorer", "True"),
        *("misspelt refit", "pruner", "Patience", "TargetScore"),
    ],
)
def test_objectives_that_cannot_be_used_are_refused_before_a_model_is_trained(arguments, says):
    before = N_FITS
    with pytest.raises(ValueError, match=says):
        search(**arguments).fit(X, Y)
    assert before == N_FITS


def test_a_callable_that_lacks_an_objective_is_told_so_at_its_first_candidate():
    says = r"objectives names {}, but the callable for scoring returned {}\. Return a dict"
    with pytest.raises(InvalidArgumentError, match=says.format(r"\['height'\]", r"\['west', 'east'\]")):
        search(scoring=both, objectives=("west", "height")).fit(X, Y)
    with pytest.raises(InvalidArgumentError, match=says.format(r"\['west', 'east'\]", r"\['score'\]")):
        search(scoring=west, refit=False).fit(X, Y)


def test_a_score_that_is_not_finite_fails_its_candidate():
    def unknown(hills, X, y):
        return math.nan if hills.a == 0.2 else hills.a

    with pytest.warns(UserWarning, match="non-finite"):
        found = search({"a": [0.2, 0.8]}, n_trials=None, scoring={"west": west, "east": unknown}).fit(X, Y)
    assert found.cv_results_["trial_state"].tolist() == ["FAIL", "COMPLETE"]
    assert found.best_params_ == {"a": 0.8}
