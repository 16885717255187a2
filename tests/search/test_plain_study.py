"""A study for readers: the user's names and values, one range for each name; Optuna's pictures work on it."""

import json
import warnings
from wsgiref.util import setup_testing_defaults

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator, get_param_importances
from scipy.stats import gamma, loguniform, randint
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sk_optuna import OptunaSearchCV

X, y = load_iris(return_X_y=True)
SPACE = [
    {
        "scale": [StandardScaler(), MinMaxScaler(), "passthrough"],
        "model": [SVC()],
        "model__C": loguniform(1e-2, 1e2),
        "model__gamma": gamma(2),
    },
    {"model": [LinearSVC(random_state=0)], "model__C": [0.1, 1, 10, 1000]},
]


@pytest.fixture(scope="module")
def search():
    model = Pipeline([("scale", StandardScaler()), ("model", SVC())])
    return OptunaSearchCV(model, SPACE, n_trials=24, cv=3, pruner="race", random_state=0).fit(X, y)


def test_rows_have_the_users_names_and_values(search):
    study = search.plain_study()
    assert len(study.trials) == len(search.cv_results_["params"])
    for trial, params, number in zip(
        study.trials, search.cv_results_["params"], search.cv_results_["trial_number"], strict=True
    ):
        assert trial.params.keys() == params.keys()
        assert trial.params["model__C"] == params["model__C"]
        assert trial.params["model"] == repr(params["model"])
        theirs = search.study_.trials[number]
        assert (trial.state, trial.value, trial.user_attrs) == (theirs.state, theirs.value, theirs.user_attrs)
        assert (trial.datetime_start, trial.duration) == (theirs.datetime_start, theirs.duration)
    assert study.best_value == search.best_score_
    assert study.best_params["model__C"] == search.best_params_["model__C"]
    assert study.metric_names == ["score"]


def test_each_name_has_one_range_that_contains_the_space(search):
    kinds = {}
    for trial in search.plain_study().trials:
        for name, distribution in trial.distributions.items():
            assert kinds.setdefault(name, distribution) == distribution
    assert kinds["model__C"] == FloatDistribution(0.01, 1000, log=True)
    assert isinstance(kinds["model__gamma"], FloatDistribution)
    assert set(kinds["model"].choices) == {"SVC()", "LinearSVC(random_state=0)"}
    assert set(kinds["scale"].choices) <= {"StandardScaler()", "MinMaxScaler()", "passthrough"}


def test_stopped_candidates_count_if_wanted_with_their_estimates(search):
    states = search.cv_results_["trial_state"]
    assert "PRUNED" in states
    study = search.plain_study(include_pruned=True)
    assert {trial.state.name for trial in study.trials} == {"COMPLETE"}
    for trial, number in zip(study.trials, search.cv_results_["trial_number"], strict=True):
        assert trial.value == search.study_.trials[number].value


def test_the_search_stays_as_it_is(search):
    before = search.study_.trials
    study = search.plain_study()
    study.optimize(lambda trial: 1.0, n_trials=1)
    assert search.study_.trials == before


class Fails(BaseEstimator):
    def __init__(self, a=0, b=None):
        self.a = a
        self.b = b

    def fit(self, X, y=None):
        if self.a == 1:
            raise ValueError("on purpose")
        return self

    def score(self, X, y=None):
        return -float(self.a)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores")
def test_failed_candidates_are_there_and_values_that_look_alike_are_told_apart():
    values = [True, 1, 1.0, np.int64(2), float("nan"), (1, 2), None, len]
    found = OptunaSearchCV(Fails(), {"a": [0, 1], "b": values}, cv=2, refit=False).fit(X)
    study = found.plain_study()
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 8 + ["FAIL"] * 8
    choices = study.trials[0].distributions["b"].choices
    assert len(set(choices)) == len(choices) == 8
    assert [trial.params["b"] for trial in study.trials[:8]] == list(choices)
    assert "len" in choices
    assert isinstance(study.trials[0].distributions["a"], CategoricalDistribution)


def test_a_callable_space_has_its_own_ranges_where_values_are_passed_on():
    def space(trial):
        depth = trial.suggest_int("max_depth", 1, 30)
        return {"max_depth": depth, "min_samples_leaf": 2 ** trial.suggest_int("leaf", 0, 4)}

    found = OptunaSearchCV(DecisionTreeClassifier(random_state=0), space, n_trials=8, cv=2, random_state=0).fit(X, y)
    shown = found.plain_study().trials[0].distributions
    assert shown["max_depth"] == IntDistribution(1, 30)
    tried = [params["min_samples_leaf"] for params in found.cv_results_["params"]]
    assert shown["min_samples_leaf"] == IntDistribution(min(tried), max(tried))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_importances_have_one_bar_for_each_parameter_of_the_users(search):
    study = search.plain_study(include_pruned=True)
    for evaluator in (FanovaImportanceEvaluator(seed=0), PedAnovaImportanceEvaluator()):
        found = get_param_importances(study, evaluator=evaluator, params=["model", "model__C"])
        assert found.keys() == {"model", "model__C"}


@pytest.mark.parametrize(
    "name",
    [
        "plot_contour",
        "plot_edf",
        "plot_intermediate_values",
        "plot_optimization_history",
        "plot_parallel_coordinate",
        "plot_param_importances",
        "plot_rank",
        "plot_slice",
        "plot_timeline",
    ],
)
@pytest.mark.parametrize("library", ["matplotlib", "plotly"])
def test_optunas_pictures_are_drawn(search, name, library):
    pytest.importorskip(library)
    module = optuna.visualization.matplotlib if library == "matplotlib" else optuna.visualization
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        assert getattr(module, name)(search.plain_study(include_pruned=True)) is not None
    if library == "matplotlib":
        import matplotlib.pyplot as plt

        plt.close("all")


def test_of_several_objectives_each_has_its_name_and_the_front_is_drawn():
    space = {"max_depth": randint(1, 9), "min_samples_leaf": randint(1, 30)}
    tree = DecisionTreeClassifier(random_state=0)
    found = OptunaSearchCV(tree, space, n_trials=6, cv=2, objectives=("accuracy", "f1_macro"), refit="accuracy")
    study = found.set_params(random_state=0).fit(X, y).plain_study()
    assert study.metric_names == ["accuracy", "f1_macro"]
    assert len(study.best_trials) == np.count_nonzero(found.cv_results_["pareto_rank"] == 1)
    pytest.importorskip("plotly")
    assert optuna.visualization.plot_pareto_front(study) is not None


def test_the_dashboard_shows_it(search):
    wsgi = pytest.importorskip("optuna_dashboard").wsgi
    environ = {"PATH_INFO": "/api/studies/0"}
    setup_testing_defaults(environ)
    answer = b"".join(wsgi(search.plain_study()._storage)(environ, lambda *_: None))
    assert len(json.loads(answer)["trials"]) == 24


def test_a_search_that_is_not_fitted_has_none():
    with pytest.raises(NotFittedError):
        OptunaSearchCV(SVC(), {"C": [1]}).plain_study()
