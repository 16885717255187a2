"""Constraints: known optima, the choice among feasible candidates, the same search at any number of workers."""

import math

import joblib
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from scipy.stats import uniform
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import KFold
from sklearn.tree import DecisionTreeClassifier

from sk_optuna import OptunaSearchCV
from sk_optuna.callbacks import Patience, TargetScore
from sk_optuna.exceptions import (
    ConstraintError,
    InvalidArgumentError,
    NoFeasibleCandidateError,
    NoScoreError,
    ResumeMismatchError,
    SkOptunaError,
)

X, Y = np.arange(20.0)[:, None], np.arange(20.0)
SQUARE = {"a": uniform(0, 1), "b": uniform(0, 1)}
# The greatest -(a - .8)**2 - (b - .2)**2 with a + b <= .5, a >= 0, b >= 0.
OPTIMUM = (0.5, 0.0, -0.13)
N_FITS = 0


class Hill(BaseEstimator):
    """Its scores are formulas of its parameters; it fails where `a` is above `limit`."""

    def __init__(self, a=0.0, b=0.0, limit=9.0):
        self.a = a
        self.b = b
        self.limit = limit

    def fit(self, X, y=None):
        global N_FITS
        N_FITS += 1
        if self.a > self.limit:
            raise ValueError("too much")
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y=None):
        return height(self, X, y)


def height(hill, X, y):
    return -((hill.a - 0.8) ** 2) - (hill.b - 0.2) ** 2 + 0.001 * math.sin(X[0, 0])


def cost(hill, X, y):
    return hill.a + hill.b


def both(hill, X, y):
    return {"height": height(hill, X, y), "cost": cost(hill, X, y)}


def dear(row):
    return row["mean_test_cost"] - 0.5


def search(space=SQUARE, **arguments):
    defaults = {
        "n_trials": 30,
        "cv": KFold(4, shuffle=True, random_state=0),
        "random_state": 0,
        "scoring": {"height": height, "cost": cost},
        "refit": "height",
        "constraints": {"cost": "<= 0.5"},
    }
    return OptunaSearchCV(Hill(), space, **{**defaults, **arguments})


def same(one, other):
    for name, column in one.cv_results_.items():
        if "time" not in name:
            np.testing.assert_array_equal(np.ma.filled(column, -1), np.ma.filled(other.cv_results_[name], -1), name)


# --- the optimum, and samplers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sampler", "within"), [("gp", 0.005), ("auto", 0.005), ("tpe", 0.1)])
def test_the_constrained_optimum_is_found(sampler, within):
    found = search(sampler=sampler).fit(X, Y)
    a, b, value = OPTIMUM
    assert found.best_params_["a"] + found.best_params_["b"] <= 0.5
    assert abs(found.best_score_ - value) < within
    assert sampler == "tpe" or math.hypot(found.best_params_["a"] - a, found.best_params_["b"] - b) < 0.02


@pytest.mark.parametrize(
    "sampler", ["tpe", lambda seed: optuna.samplers.TPESampler(seed=seed)], ids=["name", "factory"]
)
def test_samplers_that_heed_constraints_try_more_feasible_candidates(sampler):
    heeding = search(sampler=sampler, n_trials=60).fit(X, Y)
    careless = search(sampler=sampler, n_trials=60, constraints=None).fit(X, Y)
    kept = careless.cv_results_["mean_test_cost"] <= 0.5
    assert heeding.cv_results_["feasible"].sum() > 2 * kept.sum()


def test_nsgaii_takes_its_parents_from_feasible_candidates():
    arguments = {"sampler": lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=10), "n_trials": 100}
    heeding, careless = search(**arguments).fit(X, Y), search(**arguments, constraints=None).fit(X, Y)
    assert heeding.cv_results_["feasible"].sum() > (careless.cv_results_["mean_test_cost"] <= 0.5).sum()


def test_optuna_reads_the_constraints_of_trials():
    found = search().fit(X, Y)
    costs = found.cv_results_["mean_test_cost"]
    told = [trial.system_attrs["constraints"] for trial in found.study_.trials]
    np.testing.assert_allclose(np.ravel(told), (costs - 0.5) / 0.5)
    assert found.study_.best_trial.number == found.best_trial_.number


# --- the table and the choice -----------------------------------------------------------------------------------------

GRID = {"a": [0.8, 0.2, 0.4, 0.95], "b": [0.0, 0.2]}


def test_the_best_candidate_is_the_best_of_those_that_keep_all_bounds_and_ranks_are_scikit_learns():
    found, plain = search(GRID).fit(X, Y), search(GRID, constraints=None).fit(X, Y)
    table = found.cv_results_
    assert table["feasible"].dtype == bool
    np.testing.assert_array_equal(table["feasible"], table["mean_test_cost"] <= 0.5)
    np.testing.assert_array_equal(table["rank_test_height"], plain.cv_results_["rank_test_height"])
    assert not table["feasible"][plain.best_index_]
    scores = np.where(table["feasible"], table["mean_test_height"], -np.inf)
    assert found.best_index_ == scores.argmax()
    assert found.best_score_ == scores.max()
    assert found.best_estimator_.get_params()["a"] == found.best_params_["a"]
    assert "feasible" not in plain.cv_results_


def test_a_bound_may_be_written_as_a_text_a_column_or_a_callable():
    found = search(GRID).fit(X, Y)
    ways = [{"mean_test_cost": "<=0.5"}, dear, lambda row: [row["params"]["a"] + row["params"]["b"] - 0.5, -1]]
    for constraints in ways:
        np.testing.assert_array_equal(
            search(GRID, constraints=constraints).fit(X, Y).cv_results_["feasible"], found.cv_results_["feasible"]
        )
    at_least = search(GRID, constraints={"height": ">= -0.2", "std_test_cost": 0.1, "mean_fit_time": 60}).fit(X, Y)
    np.testing.assert_array_equal(at_least.cv_results_["feasible"], at_least.cv_results_["mean_test_height"] >= -0.2)


def test_the_one_metric_may_be_called_by_its_name():
    tree = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}, scoring="neg_log_loss")
    tree.set_params(constraints={"neg_log_loss": ">= -1.0"}).fit(*load_iris(return_X_y=True))
    np.testing.assert_array_equal(tree.cv_results_["feasible"], tree.cv_results_["mean_test_score"] >= -1.0)


def test_a_callable_that_names_its_metrics_can_be_bounded_by_these_names():
    found = search(GRID, scoring=both).fit(X, Y)
    np.testing.assert_array_equal(found.cv_results_["feasible"], found.cv_results_["mean_test_cost"] <= 0.5)


def test_a_callable_refit_sees_which_candidates_are_feasible_and_must_choose_one_of_them():
    def best_feasible(table):
        return int(np.where(table["feasible"], table["mean_test_height"], -np.inf).argmax())

    found = search(GRID, refit=best_feasible).fit(X, Y)
    assert found.best_index_ == search(GRID).fit(X, Y).best_index_
    says = r"chose row 0 of cv_results_, which breaks a constraint: mean_test_cost is 0\.8 and must be <= 0\.5"
    with pytest.raises(ValueError, match=says):
        search(GRID, refit=lambda table: 0).fit(X, Y)


@pytest.mark.filterwarnings("ignore")
def test_a_candidate_that_is_not_complete_is_not_feasible():
    found = search({"a": [0.1, 0.3, 0.45], "b": [0.0], "limit": [0.4]}, refit=False).fit(X, Y)
    assert found.cv_results_["trial_state"].tolist() == ["COMPLETE", "COMPLETE", "FAIL"]
    assert found.cv_results_["feasible"].tolist() == [True, True, False]


def test_without_a_feasible_candidate_an_error_names_the_nearest():
    missed = search(GRID, constraints={"cost": "<= 0.1"})
    says = (
        r"None of the 8 complete candidates keeps the constraints\. Nearest is row 2 of cv_results_, "
        r"\{'a': 0\.2, 'b': 0\.0\}: mean_test_cost is 0\.2 and must be <= 0\.1\. Loosen"
    )
    with pytest.raises(NoFeasibleCandidateError, match=says) as caught:
        missed.fit(X, Y)
    assert isinstance(caught.value, NoScoreError)
    assert len(missed.cv_results_["params"]) == len(missed.study_.trials) == 8
    assert not hasattr(missed, "best_index_")
    assert search(GRID, constraints={"cost": "<= 0.1"}, refit=False).fit(X, Y).n_trials_ == 8


def test_a_score_that_is_not_a_number_breaks_a_bound():
    def unknown(hill, X, y):
        return math.nan if hill.a > 0.5 else 1.0

    with pytest.warns(UserWarning, match="non-finite"):
        found = search(GRID, scoring={"height": height, "cost": unknown}, constraints={"cost": ">= 0"}).fit(X, Y)
    np.testing.assert_array_equal(found.cv_results_["feasible"], [a <= 0.5 for a in found.cv_results_["param_a"]])


# --- pruners and callbacks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", ["race", "median", "wilcoxon"])
def test_an_infeasible_candidate_stops_no_feasible_one(pruner):
    # the infeasible ones come first, and are better than all others by far
    space = {"a": [0.8, 0.79, 0.78, 0.77, 0.1, 0.15, 0.2, 0.25, 0.3, 0.3, 0.2, 0.1, 0.05], "b": [0.2]}
    arguments = {"pruner": pruner, "cv": KFold(10), "max_concurrent_trials": 1}
    found, whole = search(space, **arguments).fit(X, Y), search(space, cv=KFold(10)).fit(X, Y)
    assert found.best_params_ == whole.best_params_ == {"a": 0.3, "b": 0.2}
    best_so_far = -np.inf
    for row in range(4, len(space["a"])):
        if whole.cv_results_["mean_test_height"][row] >= best_so_far:
            best_so_far = whole.cv_results_["mean_test_height"][row]
            assert found.cv_results_["trial_state"][row] == "COMPLETE", row
    careless = search(space, **arguments, constraints=None).fit(X, Y)
    assert "PRUNED" in careless.cv_results_["trial_state"][4:]


@pytest.mark.parametrize("pruner", ["race", "median"])
def test_an_infeasible_candidate_stops_no_feasible_one_between_epochs(pruner):
    iris, labels = load_iris(return_X_y=True)
    space = {"eta0": [0.1, 0.05, 0.2, 0.02, 0.15, 0.03, 0.08, 0.12, 1e-9, 1e-8]}
    arguments = {"report": "epoch", "pruner": pruner, "cv": 3, "random_state": 0, "max_concurrent_trials": 1}

    def states(constraints):
        learner = SGDClassifier(max_iter=8, learning_rate="constant", random_state=0, shuffle=False)
        fitted = OptunaSearchCV(learner, space, constraints=constraints, **arguments).fit(iris, labels)
        return fitted.cv_results_["trial_state"][8:].tolist()

    assert states(lambda row: row["params"]["eta0"] - 0.01) == ["COMPLETE"] * 2
    assert "PRUNED" in states(None)


def test_callbacks_count_feasible_candidates_only():
    found = search(GRID, study_callbacks=[TargetScore(-0.01)]).fit(X, Y)
    assert found.n_trials_ == 8
    assert search(GRID, study_callbacks=[TargetScore(-0.01)], constraints=None).fit(X, Y).n_trials_ < 8
    patient = search(n_trials=200, study_callbacks=[Patience(15)]).fit(X, Y)
    assert patient.n_trials_ - 1 - patient.best_trial_.number == 15


# --- the same everywhere ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sampler", "pruner"), [("tpe", "race"), ("auto", None)])
def test_workers_do_not_matter(sampler, pruner):
    arguments = {"sampler": sampler, "pruner": pruner, "n_trials": 20}
    with joblib.parallel_config("threading"):
        same(search(**arguments).fit(X, Y), search(**arguments, n_jobs=3).fit(X, Y))


class BrokenOff:
    def __init__(self, number):
        self.number = number

    def __call__(self, study, trial):
        if trial.number == self.number:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("sampler", "pruner"), [("tpe", "race"), ("gp", None), ("nsgaii", None)])
def test_a_search_that_was_broken_off_ends_as_if_it_had_not_been(tmp_path, sampler, pruner):
    arguments = {"sampler": sampler, "pruner": pruner, "n_trials": 14, "constraints": {"cost": "<= 0.9"}}
    whole = search(**arguments).fit(X, Y)
    arguments["storage"] = tmp_path / "search.db"
    with pytest.raises(KeyboardInterrupt):
        search(**arguments, study_callbacks=[BrokenOff(9)]).fit(X, Y)
    again = search(**arguments).fit(X, Y)
    same(again, whole)
    assert again.best_index_ == whole.best_index_
    (name,) = optuna.get_all_study_names(f"sqlite:///{arguments['storage']}")
    read = optuna.load_study(study_name=name, storage=f"sqlite:///{arguments['storage']}")
    told, kept = whole.study_.get_trials(), read.get_trials()
    assert [list(t.system_attrs["constraints"]) for t in kept] == [list(t.system_attrs["constraints"]) for t in told]


def test_constraints_belong_to_what_makes_a_search_itself(tmp_path):
    arguments = {"storage": tmp_path / "search.db", "study_name": "one", "n_trials": 3, "refit": False}
    search(**arguments).fit(X, Y)
    with pytest.raises(
        ResumeMismatchError, match=r"constraints: \{'cost': '<= 0\.5'\} then, \{'cost': '<= 0\.4'\} now"
    ):
        search(**arguments, constraints={"cost": "<= 0.4"}).fit(X, Y)


def test_a_fitted_search_passes_on_its_best_feasible_candidates():
    found = search(GRID).fit(X, Y)
    following = search(initial_params=found, n_trials=3).fit(X, Y)
    feasible = [found.cv_results_["params"][i] for i in np.flatnonzero(found.cv_results_["feasible"])]
    assert all(params in feasible for params in following.cv_results_["params"])


def test_progress_tells_of_candidates_that_break_a_constraint(capsys):
    search({"a": [0.8, 0.2], "b": [0.2]}, verbose=2).fit(X, Y)
    # -0.35985: scores are cut, not rounded
    first, second = capsys.readouterr().out.splitlines()[1:3]
    assert ", breaks a constraint; no score yet" in first
    assert "score -0.3599 (height -0.3599, cost 0.4000); best -0.3599" in second


# --- bad input --------------------------------------------------------------------------------------------------------

COLUMN = r"constraints names {}, but cv_results_ will have no such column"


@pytest.mark.parametrize(
    ("constraints", "says"),
    [
        (3, r"'constraints' parameter must be None, a dict .*or a callable .*but got 3 of type int.*for example, \{"),
        ({"cst": "<= 1"}, COLUMN.format("'cst'") + r".*Nearest to 'cst': 'cost'.*has to be in scoring"),
        ({"mean_score_tme": 1}, COLUMN.format("'mean_score_tme'") + ".*'mean_score_time'"),
        ({"mean_test_recall": "<= 1"}, COLUMN.format("'mean_test_recall'")),
        ({"mean_train_cost": "<= 1"}, COLUMN.format("'mean_train_cost'") + r".*need return_train_score=True"),
        ({"rank_test_cost": 3}, COLUMN.format("'rank_test_cost'")),
        ({3: "<= 1"}, COLUMN.format("3")),
        ({"cost": 0.5}, r"constraints\['cost'\] must say on which side of 0\.5 .*greater ones are better.*'>= 0\.5'"),
        ({"cost": "0.5"}, r"constraints\['cost'\] must be a finite number.*or a text such as '<= 0\.5'.*got '0\.5'"),
        ({"cost": "< 0.5"}, r"got '< 0\.5'"),
        ({"cost": "<= half"}, r"got '<= half'"),
        ({"cost": "<= inf"}, r"got '<= inf'"),
        ({"mean_fit_time": float("nan")}, r"got nan"),
        ({"mean_fit_time": True}, r"got True"),
        ({"mean_fit_time": None}, r"got None"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_constraints_are_refused_before_a_model_is_trained(constraints, says):
    before = N_FITS
    with pytest.raises(InvalidArgumentError, match=says):
        search(GRID, constraints=constraints).fit(X, Y)
    assert before == N_FITS


def test_a_sampler_that_knows_no_constraints_is_refused():
    for sampler in ("cmaes", optuna.samplers.CmaEsSampler(seed=0)):
        with pytest.raises(InvalidArgumentError, match=r"cannot be used with constraints: CMA-ES.*Use 'tpe', 'auto'"):
            search(sampler=sampler).fit(X, Y)


class Sixth:
    """A constraint that is in order for five candidates."""

    def __init__(self, then):
        self.n = 0
        self.then = then

    def __call__(self, row):
        self.n += 1
        return self.then(row) if self.n > 5 else dear(row)


@pytest.mark.parametrize(
    ("then", "says"),
    [
        (lambda row: row["mean_test_recall"], r"callable for constraints raised KeyError: 'mean_test_recall', for the"),
        (lambda row: None, r"must return a number.*but returned None of type NoneType"),
        (lambda row: True, r"but returned True of type bool\. Write, for example, lambda row: row"),
        (lambda row: "0.5", r"but returned '0\.5' of type str"),
        (lambda row: [], r"but returned \[\] of type list"),
        (lambda row: math.nan, r"but returned nan of type float"),
        (lambda row: [1.0, 2.0], r"as many numbers for each candidate, but returned 1 at first, and 2 for"),
    ],
    ids=["raises", "None", "bool", "text", "empty", "nan", "other length"],
)
def test_a_callable_that_fails_ends_the_search_and_nothing_finished_is_lost(tmp_path, then, says):
    arguments = {"storage": tmp_path / "search.db", "study_name": "one", "n_trials": 12}
    broken = search(constraints=Sixth(then), **arguments)
    with pytest.raises(ConstraintError, match=says) as caught:
        broken.fit(X, Y)
    assert {SkOptunaError, ValueError, TypeError} <= set(type(caught.value).__mro__)
    assert len(broken.cv_results_["params"]) == len(broken.study_.trials) == 6
    assert [trial.state for trial in broken.study_.trials] == [TrialState.COMPLETE] * 6
    assert len(optuna.load_study(study_name="one", storage=f"sqlite:///{arguments['storage']}").trials) == 6


def test_a_callable_that_was_mended_goes_on_with_what_was_found(tmp_path):
    namespace = {}
    exec("def cheap(row):\n    return row['mean_test_cst'] - 0.5", namespace)
    arguments = {"storage": tmp_path / "search.db", "n_trials": 16}
    with pytest.raises(ConstraintError):
        search(constraints=namespace["cheap"], **arguments).fit(X, Y)
    exec("def cheap(row):\n    return row['mean_test_cost'] - 0.5", namespace)
    before = N_FITS
    found = search(constraints=namespace["cheap"], **arguments).fit(X, Y)
    assert before + 15 * 4 + 1 == N_FITS
    assert found.n_trials_ == 16
    np.testing.assert_array_equal(found.cv_results_["feasible"], found.cv_results_["mean_test_cost"] <= 0.5)


def test_a_clone_has_the_same_constraints():
    constraints = {"cost": "<= 0.5"}
    assert clone(search(constraints=constraints)).get_params()["constraints"] == constraints
    assert search(constraints={}).fit(X, Y).n_trials_ == 30
