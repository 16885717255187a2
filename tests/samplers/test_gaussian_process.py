"""Suggestions of the Gaussian process, in studies of Optuna's own and in searches."""

import math
import pickle
import warnings
from copy import deepcopy

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_info, threadpool_limits

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.samplers import GaussianProcessSampler


def branin(trial):
    """Return Branin's function, whose least value is .3979."""
    x, y = trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)
    hill = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return hill**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def mixed(trial):
    """Return 0 at n=20, s=.7, c="c", and less elsewhere."""
    n, s = trial.suggest_int("n", 1, 100, log=True), trial.suggest_float("s", 0, 1, step=0.1)
    return -(math.log(n / 20) ** 2) - (s - 0.7) ** 2 - 0.3 * (trial.suggest_categorical("c", list("abcd")) != "c")


def conditional(trial):
    """Return .1 at best, in a branch that is mostly worse than another whose best is 0."""
    branch = trial.suggest_categorical("branch", ["svm", "neighbours", "none"])
    if branch == "svm":
        C, gamma = trial.suggest_float("C", 1e-3, 1e3, log=True), trial.suggest_float("gamma", 0, 1)
        return -abs(math.log10(C) - 1) / 3 - (gamma - 0.3) ** 2
    if branch == "neighbours":
        k, weights = trial.suggest_int("k", 1, 30), trial.suggest_categorical("weights", ["uniform", "distance"])
        return 0.1 - 0.03 * abs(k - 7) - 0.1 * (weights == "uniform")
    return -0.5


def run(objective, n_trials, *, seed=0, direction="maximize", sampler=None, **arguments):
    study = optuna.create_study(direction=direction, sampler=sampler or GaussianProcessSampler(seed=seed, **arguments))
    study.optimize(objective, n_trials=n_trials)
    return study


def params(study):
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("objective", "direction", "optimum", "near", "n_trials"),
    [
        (branin, "minimize", 0.3979, 0.1, 35),
        (mixed, "maximize", 0.0, 0.03, 40),
        (conditional, "maximize", 0.1, 0.061, 45),
    ],
    ids=["branin", "mixed", "conditional"],
)
def test_known_optima_are_found(objective, direction, optimum, near, n_trials, seed):
    assert abs(run(objective, n_trials, seed=seed, direction=direction).best_value - optimum) <= near


def test_it_minimizes_what_it_maximizes_with_the_sign_changed():
    up, down = run(mixed, 14), run(lambda trial: -mixed(trial), 14, direction="minimize")
    assert params(up) == params(down)


def test_the_unit_of_the_values_makes_no_difference():
    """A power of two, whose product is exact."""
    assert params(run(mixed, 14)) == params(run(lambda trial: 1024 * mixed(trial), 14))


def test_one_terrible_trial_does_not_set_the_scale():
    def with_one(terrible):
        return run(lambda trial: terrible if trial.number == 3 else branin(trial), 14, direction="minimize")

    assert params(with_one(1e4)) == params(with_one(1e30))


def test_the_best_values_still_differ_when_most_are_terrible():
    def objective(trial):
        value = mixed(trial)
        return -1e9 if value < -0.5 else value

    assert run(objective, 40).best_value > -0.05


# --- what a suggestion depends on -------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", [mixed, conditional])
def test_suggestions_depend_on_nothing_that_the_sampler_remembers(objective):
    whole = run(objective, 13)
    study = optuna.create_study(direction="maximize")
    study.add_trials(whole.trials[:12])
    copies = [deepcopy(whole.sampler), pickle.loads(pickle.dumps(whole.sampler)), GaussianProcessSampler(seed=0)]
    for sampler in copies:
        again = deepcopy(study)
        again.sampler = sampler
        again.optimize(objective, n_trials=1)
        assert again.trials[-1].params == whole.trials[-1].params


def test_other_seeds_suggest_otherwise_and_none_takes_a_fresh_one():
    found = [params(run(mixed, 10, seed=seed)) for seed in (0, 1, None, None)]
    assert all(a != b for i, a in enumerate(found) for b in found[:i])


def test_numpys_global_state_is_neither_used_nor_changed():
    np.random.seed(1)  # noqa: NPY002
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    first = params(run(mixed, 10))
    assert pickle.dumps(np.random.get_state()) == before  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert params(run(mixed, 10)) == first


def test_suggestions_are_the_same_at_any_number_of_blas_threads_which_stays_as_it_was():
    found = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            before = [library["num_threads"] for library in threadpool_info()]
            found.append(params(run(conditional, 16)))
            assert [library["num_threads"] for library in threadpool_info()] == before
    assert found[0] == found[1]


@pytest.mark.parametrize("seed", range(4))
def test_trials_in_flight_are_not_suggested_again(seed):
    study = run(branin, 12, seed=seed, direction="minimize")
    space = {"x": FloatDistribution(-5, 10), "y": FloatDistribution(0, 15)}
    asked = np.array([list(study.ask(space).params.values()) for _ in range(4)]) / 15
    distances = np.linalg.norm(asked[:, None] - asked, axis=2)[np.triu_indices(4, 1)]
    assert distances.min() > 0.02


# --- spaces -----------------------------------------------------------------------------------------------------------


class Watched(GaussianProcessSampler):
    """Notes what it drew without the model."""

    def __init__(self, seed):
        super().__init__(seed)
        self.drawn = []

    def sample_independent(self, study, trial, param_name, param_distribution):
        self.drawn.append((trial.number, param_name))
        return super().sample_independent(study, trial, param_name, param_distribution)


def test_the_model_suggests_parameters_that_not_all_trials_have():
    sampler = Watched(seed=0)
    study = run(conditional, 30, sampler=sampler)
    known = set()
    for trial in study.trials:
        after_start = [name for number, name in sampler.drawn if number == trial.number and number >= 8]
        assert known.isdisjoint(after_start)
        known |= trial.params.keys()
    assert {len(trial.params) for trial in study.trials[8:]} >= {3}


def test_the_start_covers_the_range_of_each_parameter_evenly():
    def objective(trial):
        trial.suggest_categorical("c", list("abcd"))
        return trial.suggest_float("x", 0, 8) + trial.suggest_float("log", 1, 2**8, log=True)

    rows = params(run(objective, 8))
    assert sorted(int(row["x"]) for row in rows) == list(range(8))
    assert sorted(int(math.log2(row["log"])) for row in rows) == list(range(8))
    assert sorted(row["c"] for row in rows) == sorted(2 * "abcd")


def test_no_trial_of_a_finite_space_is_suggested_twice_until_all_were():
    def objective(trial):
        return trial.suggest_int("n", 1, 5) + 3 * trial.suggest_categorical("c", [0, 1, 2, 3])

    study = run(objective, 24)
    rows = [tuple(trial.params.values()) for trial in study.trials]
    assert len(set(rows[8:])) == len(set(rows[8:20] + rows[20:])) >= 12
    first = set(rows[:8])
    new = rows[8 : 28 - len(first)]
    assert len(set(new)) == len(new)
    assert first.isdisjoint(new)


def test_a_parameter_of_one_value_takes_it_and_a_space_without_free_ones_works():
    def objective(trial):
        return (
            trial.suggest_int("n", 3, 3) + trial.suggest_float("x", 1, 1) + len(trial.suggest_categorical("c", ["a"]))
        )

    assert params(run(objective, 11)) == [{"n": 3, "x": 1.0, "c": "a"}] * 11


def test_a_range_that_changes_from_trial_to_trial_is_followed():
    def objective(trial):
        return trial.suggest_float("x", 0, 1 + trial.number) + trial.suggest_categorical("n", [1, 2, 3])

    study = run(objective, 20)
    assert study.best_value > 15


# --- trials without a value -------------------------------------------------------------------------------------------


def test_failed_trials_are_kept_away_from():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        trial.suggest_float("y", 0, 1)
        if x > 0.4:
            raise MemoryError
        return x

    study = optuna.create_study(direction="maximize", sampler=GaussianProcessSampler(seed=0))
    study.optimize(objective, n_trials=40, catch=MemoryError)
    failed = [trial.state == TrialState.FAIL for trial in study.trials]
    # at random six of ten fail; the border is where the best values are
    assert np.mean(failed[8:]) < 0.45
    assert study.best_value > 0.38


def test_nothing_is_modelled_before_a_trial_has_a_value():
    def objective(trial):
        trial.suggest_float("x", 0, 1)
        raise ValueError

    study = optuna.create_study(sampler=GaussianProcessSampler(seed=0, n_startup_trials=2))
    study.optimize(objective, n_trials=6, catch=ValueError)
    assert len({trial.params["x"] for trial in study.trials}) == 6


def test_values_that_are_no_numbers_count_as_failures():
    space = {"x": FloatDistribution(0, 1)}
    study = optuna.create_study(sampler=GaussianProcessSampler(seed=0, n_startup_trials=2))
    for i, value in enumerate([0.1, math.inf, 0.3, -math.inf, 0.4]):
        study.add_trial(create_trial(params={"x": i / 5}, distributions=space, value=value))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 <= study.ask(space).params["x"] <= 1


def test_pruned_trials_count_as_their_last_report_and_at_most_as_the_median():
    def reporting(report):
        def objective(trial):
            x = trial.suggest_float("x", 0, 1)
            trial.report(report, 1)
            if x < 0.6:
                raise optuna.TrialPruned
            return -abs(x - 0.7)

        return params(run(objective, 14))

    assert reporting(1.0) == reporting(1000.0) != reporting(-0.25)


@pytest.mark.parametrize("partial", [{}, {"k": "a"}, {"ax": 0.5}])
def test_a_trial_with_a_part_of_its_parameters_does_not_spoil_the_model_of_the_others(partial):
    branches = {"a": "ax", "b": "bx", "c": "cx"}
    space = {
        "k": CategoricalDistribution(list(branches)),
        **{name: FloatDistribution(0, 1) for name in branches.values()},
    }

    class Checked(GaussianProcessSampler):
        def sample_relative(self, study, trial, search_space):
            found = super().sample_relative(study, trial, search_space)
            if found:
                suggested.append((found["k"], sorted(found)))
            return found

    suggested = []
    study = optuna.create_study(direction="maximize", sampler=Checked(seed=0))
    distributions = {name: space[name] for name in partial}
    study.add_trial(create_trial(state=TrialState.FAIL, params=partial, distributions=distributions))
    study.optimize(lambda t: t.suggest_float(branches[t.suggest_categorical("k", list(branches))], 0, 1), n_trials=24)
    known = [(k, names) for k, names in suggested if len(names) == 2]
    assert len(known) > 10
    assert all(names == sorted([branches[k], "k"]) for k, names in known)


@pytest.mark.parametrize("unit", [1e-300, 1e150, 1e300])
@pytest.mark.parametrize("outlier", [0.0, 1.0])
def test_values_of_any_size_are_modelled_without_a_warning(unit, outlier):
    def objective(trial):
        return 1e3 * unit if trial.number == 3 and outlier else unit * mixed(trial)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(run(objective, 11).trials) == 11


# --- many trials ------------------------------------------------------------------------------------------------------


def test_history_beyond_the_bound_is_the_best_and_the_latest():
    rng = np.random.default_rng(0)
    space = {"x": FloatDistribution(0, 1), "n": IntDistribution(1, 9), "c": CategoricalDistribution(["a", "b"])}
    study = optuna.create_study(direction="maximize", sampler=GaussianProcessSampler(seed=0))
    for _ in range(600):
        row = {"x": float(rng.random()), "n": int(rng.integers(1, 10)), "c": "ab"[rng.integers(2)]}
        value = -((row["x"] - 0.33) ** 2) - (row["n"] - 4) ** 2 / 50 - (row["c"] == "a")
        study.add_trial(create_trial(params=row, distributions=space, value=value))
    suggested = study.ask(space).params
    assert abs(suggested["x"] - 0.33) < 0.1
    assert (suggested["n"], suggested["c"]) == (4, "b")


def test_complete_trials_are_not_crowded_out_by_reports_of_stopped_ones():
    rng = np.random.default_rng(0)
    space = {"x": FloatDistribution(0, 1)}
    study = optuna.create_study(sampler=GaussianProcessSampler(seed=0))
    for i in range(310):
        x = float(rng.random())
        if i < 10:
            study.add_trial(create_trial(params={"x": x}, distributions=space, value=100 + (x - 0.5) ** 2))
        else:
            reports = {1: x}
            study.add_trial(
                create_trial(
                    state=TrialState.PRUNED, params={"x": x}, distributions=space, value=x, intermediate_values=reports
                )
            )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 <= study.ask(space).params["x"] <= 1


# --- bad input --------------------------------------------------------------------------------------------------------


def test_several_objectives_are_refused():
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=GaussianProcessSampler(seed=0))
    with pytest.raises(InvalidArgumentError, match=r"one objective, but this one has 2.*NSGAIISampler"):
        study.ask({"x": FloatDistribution(0, 1)})


@pytest.mark.parametrize("n", [1, 0, -3, 2.5, True, "8", None])
def test_bad_n_startup_trials_is_refused(n):
    with pytest.raises(InvalidArgumentError, match=r"'n_startup_trials' parameter .* at least 2.*The default is 8"):
        GaussianProcessSampler(n_startup_trials=n)


@pytest.mark.parametrize("seed", [-1, 0.5, True, "0", np.random.RandomState(0)])
def test_bad_seed_is_refused(seed):
    with pytest.raises(InvalidArgumentError, match=r"'seed' parameter .* integer of at least 0, or None"):
        GaussianProcessSampler(seed)


# --- in a search ------------------------------------------------------------------------------------------------------


class Bowl(BaseEstimator):
    def __init__(self, a=0.0, k=1, branch="one"):
        self.a = a
        self.k = k
        self.branch = branch

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        rough = 0.01 * float(np.sin(10 * X.sum()))
        return -((self.a - 0.3) ** 2) - (self.k - 4) ** 2 / 20 - 0.2 * (self.branch == "two") + rough


SPACE = [
    {"branch": ["one"], "a": FloatDistribution(-1, 1), "k": range(1, 9)},
    {"branch": ["two"], "a": FloatDistribution(-1, 1)},
]
X = np.random.default_rng(0).normal(size=(20, 2))


@pytest.mark.parametrize("sampler", ["gp", "auto"])
@pytest.mark.parametrize("pruner", [None, "race"])
def test_a_search_is_the_same_at_any_n_jobs_and_finds_the_best(sampler, pruner):
    found = [
        OptunaSearchCV(
            Bowl(), SPACE, sampler=sampler, pruner=pruner, cv=KFold(4), n_trials=24, n_jobs=n_jobs, random_state=3
        ).fit(X)
        for n_jobs in (1, 2)
    ]
    assert found[0].cv_results_["params"] == found[1].cv_results_["params"]
    np.testing.assert_array_equal(*(each.cv_results_["mean_test_score"] for each in found))
    best = found[0].best_params_
    assert (best["branch"], best["k"]) == ("one", 4)
    assert abs(best["a"] - 0.3) < 0.1


def test_a_search_with_it_by_a_factory_is_that_by_name():
    """By name one sampler with the search's seed serves all trials, and a factory has a seed for each."""
    sampler = GaussianProcessSampler(seed=5)
    arguments = {"cv": KFold(2), "n_trials": 14, "random_state": 5}
    by_name = OptunaSearchCV(Bowl(), SPACE, sampler="gp", **arguments).fit(X)
    by_object = OptunaSearchCV(Bowl(), SPACE, sampler=sampler, **arguments).fit(X)
    assert by_name.cv_results_["params"] == by_object.cv_results_["params"]


def test_optimize_in_threads_works_and_leaves_blas_its_threads():
    study = optuna.create_study(direction="maximize", sampler=GaussianProcessSampler(seed=0))
    before = [library["num_threads"] for library in threadpool_info()]
    study.optimize(mixed, n_trials=40, n_jobs=4)
    assert [library["num_threads"] for library in threadpool_info()] == before
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}
