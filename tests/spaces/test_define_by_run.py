"""A space written as a function of the trial."""

from collections import Counter

import numpy as np
import optuna
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidSpaceError
from sk_optuna.spaces import DefineByRunSpace, space_from_user

X = np.zeros((6, 1))
CV = KFold(2)


class Model(BaseEstimator):
    def __init__(self, kind="linear", C=1.0, gamma=0.0, degree=3, coef0=0.0):
        self.kind = kind
        self.C = C
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return -((self.C - 3) ** 2) - self.gamma + (self.kind == "poly")


def nested(trial):
    """C always; gamma unless linear; degree if poly; coef0 if poly of a degree above 3."""
    params = {"kind": trial.suggest_categorical("kind", ["linear", "rbf", "poly"])}
    params["C"] = trial.suggest_float("C", 0.1, 10, log=True)
    if params["kind"] != "linear":
        params["gamma"] = trial.suggest_float("gamma", 0, 1)
    if params["kind"] == "poly":
        params["degree"] = trial.suggest_int("degree", 2, 5)
        if params["degree"] > 3:
            params["coef0"] = trial.suggest_float("coef0", -1, 1)
    return params


def expected_names(params):
    names = {"kind", "C"}
    if params["kind"] != "linear":
        names.add("gamma")
    if params["kind"] == "poly":
        names.add("degree")
        if params["degree"] > 3:
            names.add("coef0")
    return names


def search(space, **arguments):
    arguments = {"cv": CV, "random_state": 0, "n_trials": 12, **arguments}
    return OptunaSearchCV(Model(), space, **arguments).fit(X)


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cmaes", "nsgaii"])
def test_nested_conditions_give_each_trial_its_own_parameters(sampler):
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    found = search(nested, n_trials=40, sampler=sampler)
    params = found.cv_results_["params"]
    assert len(params) == 40
    assert all(set(row) == expected_names(row) for row in params)
    assert len({frozenset(row) for row in params}) == 4
    for name in ("gamma", "degree", "coef0"):
        assert found.cv_results_[f"param_{name}"].mask.tolist() == [name not in row for row in params]


def test_study_holds_what_was_suggested_and_the_table_what_was_returned():
    def space(trial):
        return {"C": 2.0 ** trial.suggest_int("log2 of C", -3, 3), "degree": 7}

    found = search(space)
    for trial, params in zip(found.study_.trials, found.cv_results_["params"], strict=True):
        assert params == {"C": 2.0 ** trial.params["log2 of C"], "degree": 7}
        assert set(trial.params) == {"log2 of C"}


def test_callable_without_n_trials_runs_fifty():
    assert search(nested, n_trials=None, sampler="random").n_trials_ == 50


def test_callable_is_called_once_for_each_trial():
    calls = []

    def space(trial):
        calls.append(trial.number)
        return nested(trial)

    search(space)
    assert calls == list(range(12))


def test_callable_object_is_a_space_and_param_grid_takes_it_too():
    class Space:
        def __call__(self, trial):
            return {"C": trial.suggest_float("C", 1, 2)}

    found = OptunaSearchCV(Model(), param_grid=Space(), n_trials=3, cv=CV).fit(X)
    assert all(1 <= params["C"] <= 2 for params in found.cv_results_["params"])


def test_space_that_suggests_nothing_is_tried_n_trials_times():
    assert search(lambda trial: {}, n_trials=3).cv_results_["params"] == [{}, {}, {}]


def test_returned_dict_is_the_callers_own():
    kept = []

    def space(trial):
        kept.append({"C": trial.suggest_float("C", 1, 2)})
        return kept[-1]

    found = search(space, n_trials=2)
    assert [set(params) for params in kept] == [{"C"}, {"C"}]
    assert all(row is not mine for row, mine in zip(found.cv_results_["params"], kept, strict=True))


def test_estimators_swapped_by_a_callable_never_enter_the_study():
    def space(trial):
        kind = trial.suggest_categorical("kind", ["svc", "forest"])
        if kind == "svc":
            return {"clf": SVC(), "clf__C": trial.suggest_float("svc_C", 0.1, 1)}
        return {"clf": RandomForestClassifier(n_estimators=2), "clf__max_depth": trial.suggest_int("depth", 1, 3)}

    X, y = np.random.RandomState(0).randn(30, 2), np.arange(30) % 2
    pipe = Pipeline([("clf", LogisticRegression())])
    found = OptunaSearchCV(pipe, space, n_trials=8, cv=2, random_state=0, error_score="raise").fit(X, y)
    assert Counter(type(row["clf"]) for row in found.cv_results_["params"]).keys() == {SVC, RandomForestClassifier}
    for trial in found.study_.trials:
        assert all(isinstance(value, str | float | int) for value in trial.params.values())


def test_unknown_name_in_a_branch_that_comes_up_later_is_refused_when_it_does():
    def space(trial):
        if trial.number < 6:
            return {"C": trial.suggest_float("C", 1, 2)}
        return {"gama": trial.suggest_float("gama", 1, 2)}

    with pytest.raises(InvalidSpaceError, match="Nearest to 'gama': 'gamma'"):
        search(space)


def test_error_of_the_callable_is_the_callers_to_see():
    class MyError(Exception):
        pass

    def space(trial):
        raise MyError

    with pytest.raises(MyError):
        search(space)


def test_callable_that_prunes_is_told_that_there_is_nothing_to_prune():
    def space(trial):
        raise optuna.TrialPruned("odd")

    with pytest.raises(InvalidSpaceError, match=r"raised optuna\.TrialPruned\('odd'\): there is nothing to prune"):
        OptunaSearchCV(SVC(), space, n_trials=2, cv=2).fit(X, np.arange(6) % 2)


def test_same_seed_gives_the_same_trials():
    first, second = (search(nested, n_trials=20, max_concurrent_trials=2) for _ in range(2))
    assert first.cv_results_["params"] == second.cv_results_["params"]
    assert first.cv_results_["params"] != search(nested, n_trials=20, random_state=1).cv_results_["params"]


# --- initial_params ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cmaes", "nsgaii"])
def test_initial_params_are_tried_first_and_the_sampler_chooses_the_rest(sampler):
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    complete = {"kind": "poly", "C": 2.0, "gamma": 0.5, "degree": 5, "coef0": 0.25}
    found = search(nested, initial_params=[complete, {"kind": "rbf"}, {"C": 5.0}], sampler=sampler, n_trials=6)
    params = found.cv_results_["params"]
    assert params[0] == complete
    assert params[1]["kind"] == "rbf"
    assert params[2]["C"] == 5.0
    assert len(params) == 6
    assert all(set(row) == expected_names(row) for row in params)


@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes", "nsgaii"])
@pytest.mark.parametrize("max_concurrent_trials", [1, 4])
def test_many_initial_params_outlast_the_samplers_own_start(sampler, max_concurrent_trials):
    """By then the sampler models what is fixed, and suggests it, too."""
    if sampler == "cmaes":
        pytest.importorskip("cmaes")

    def space(trial):
        return {"C": trial.suggest_float("C", 0.1, 10), "gamma": trial.suggest_float("gamma", 0, 1)}

    initial = [{"C": 0.5 * (i + 1)} for i in range(18)]
    found = search(
        space,
        initial_params=initial,
        sampler=sampler,
        n_trials=20,
        max_concurrent_trials=max_concurrent_trials,
    )
    assert [row["C"] for row in found.cv_results_["params"][:18]] == [row["C"] for row in initial]


def test_initial_params_that_the_callable_never_suggests_are_refused():
    with pytest.raises(InvalidSpaceError, match=r"initial_params.*'degre'"):
        search(nested, initial_params=[{"degre": 3}])


def test_default_tries_the_estimators_own_values_where_the_space_contains_them():
    found = OptunaSearchCV(
        Model(kind="rbf", C=4.0, gamma=5.0), nested, initial_params="default", n_trials=3, cv=CV, random_state=0
    ).fit(X)
    first = found.cv_results_["params"][0]
    assert (first["kind"], first["C"]) == ("rbf", 4.0)
    assert 0 <= first["gamma"] <= 1  # the space does not contain 5


def test_integer_is_fixed_where_the_callable_suggests_a_float():
    found = search(nested, initial_params=[{"kind": "linear", "C": 3}], n_trials=1)
    assert found.cv_results_["params"] == [{"kind": "linear", "C": 3}]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ({"C": np.float64(3.0), "flag": np.bool_(True)}, {"C": 3.0, "flag": True}),
        ({"kind": np.str_("rbf"), "degree": np.int64(4)}, {"kind": "rbf", "degree": 4}),
        ({"C": 3, "degree": 4.0}, {"C": 3.0, "degree": 4}),
        ({"flag": 1}, {"flag": True}),
    ],
    ids=["numpy numbers", "numpy str and int", "int for float", "1 for True"],
)
def test_initial_params_reach_study_and_estimator_as_the_plain_value_of_the_space(written, plain):
    def space(trial):
        return {
            "kind": trial.suggest_categorical("kind", ["linear", "rbf"]),
            "C": trial.suggest_float("C", 1, 5),
            "degree": trial.suggest_int("degree", 1, 5),
            "coef0": trial.suggest_categorical("flag", [True, False]),
        }

    found = search(space, initial_params=[written], n_trials=1)
    (trial,), (params,) = found.study_.trials, found.cv_results_["params"]
    for name, value in plain.items():
        for seen in (trial.params[name], params["coef0" if name == "flag" else name]):
            assert (type(seen), seen) == (type(value), value)


def test_no_warning_or_enqueued_trial_is_left_of_initial_params():
    found = search(nested, initial_params=[{"kind": "linear"}], n_trials=3)
    assert [trial.state for trial in found.study_.trials] == [optuna.trial.TrialState.COMPLETE] * 3
    assert all(not trial.system_attrs.get("fixed_params") for trial in found.study_.trials)


def test_space_has_no_size_and_is_no_grid():
    space = space_from_user(nested, None, Model())
    assert isinstance(space, DefineByRunSpace)
    assert space.size is None
    assert not space.is_grid
