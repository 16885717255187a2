"""Samplers by name, by factory and as an instance."""

import logging
import pickle
import subprocess
import sys
import warnings
from contextlib import contextmanager

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import KFold

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.samplers import GaussianProcessSampler
from sk_optuna.study._samplers import sampler_factory, trial_seed
from sk_optuna.study._wrapped_sampler import WrappedSampler

X = np.zeros((6, 1))
CV = KFold(2)
PACKAGES = {"cmaes": ["cmaes"]}
NAMES = ["tpe", "random", "qmc", "cmaes", "gp", "auto", "nsgaii"]
SPACE = {"a": FloatDistribution(-1, 1), "b": FloatDistribution(1e-3, 1e3, log=True), "c": ["x", "y", "z"]}


class Bowl(BaseEstimator):
    def __init__(self, a=0.0, b=1.0, c="x"):
        self.a = a
        self.b = b
        self.c = c

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return -((self.a - 0.3) ** 2) - np.log10(self.b) ** 2 - (self.c != "y")


def installed(name):
    for package in PACKAGES.get(name, []):
        pytest.importorskip(package)
    return name


def search(space=SPACE, **arguments):
    arguments = {"cv": CV, "n_trials": 14, "random_state": 0, **arguments}
    return OptunaSearchCV(Bowl(), space, **arguments).fit(X)


@contextmanager
def optuna_log():
    """Collect all that Optuna logs, whatever its handlers show."""
    records = []

    class Collector(logging.Handler):
        def emit(self, record):
            records.append(record)

    logger, collector = logging.getLogger("optuna"), Collector()
    logger.addHandler(collector)
    try:
        yield records
    finally:
        logger.removeHandler(collector)


# --- by name ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_named_sampler_searches_silently(name, capfd):
    with optuna_log() as records:
        found = search(sampler=installed(name))
    assert found.n_trials_ == 14
    assert len({tuple(params.items()) for params in found.cv_results_["params"]}) == 14
    assert [record.getMessage() for record in records] == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", NAMES)
def test_named_sampler_warns_of_nothing_on_a_space_of_every_kind(name):
    space = [
        {"a": stats.norm(), "b": [1, 2], "c": ["x", None]},
        {"a": stats.uniform(0, 1), "b": stats.randint(1, 5)},
        {"b": FloatDistribution(1, 2, step=0.5)},
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = search(space, sampler=installed(name), n_trials=20)
    assert [str(warning.message) for warning in caught] == []
    assert found.n_trials_ == 20


def test_default_search_writes_nothing_in_a_process_of_its_own():
    code = """
import numpy as np
from scipy.stats import loguniform
from sklearn.svm import SVC
from sk_optuna import OptunaSearchCV
X, y = np.random.RandomState(0).randn(30, 2), np.arange(30) % 2
OptunaSearchCV(SVC(), {"C": loguniform(1e-3, 1e3)}, n_trials=13, cv=2).fit(X, y)
"""
    done = subprocess.run([sys.executable, "-W", "always::UserWarning", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_users_own_log_level_is_left_alone():
    before = optuna.logging.get_verbosity()
    search(n_trials=2)
    assert optuna.logging.get_verbosity() == before
    with optuna_log() as records:
        optuna.create_study()
    assert len(records) == 1


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_gives_the_same_trials_and_another_seed_others(name):
    first, second, other = (search(sampler=installed(name), random_state=seed) for seed in (0, 0, 1))
    assert first.cv_results_["params"] == second.cv_results_["params"]
    assert first.cv_results_["params"] != other.cv_results_["params"]


@pytest.mark.parametrize("name", NAMES)
def test_numpys_global_state_is_neither_used_nor_changed(name):
    found = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        before = pickle.dumps(np.random.get_state())  # noqa: NPY002
        found.append(search(sampler=installed(name)).cv_results_["params"])
        assert pickle.dumps(np.random.get_state()) == before  # noqa: NPY002
    assert found[0] == found[1]


def test_without_random_state_every_fit_differs_and_the_global_state_is_not_used():
    np.random.seed(0)  # noqa: NPY002
    first = search(random_state=None, n_trials=2).cv_results_["params"]
    np.random.seed(0)  # noqa: NPY002
    assert search(random_state=None, n_trials=2).cv_results_["params"] != first


def test_random_state_instance_is_used_as_scikit_learn_uses_it():
    """It stays the user's object; each fit draws one number from it, so that two fits differ but are reproducible."""
    rng = np.random.RandomState(0)
    found = search(random_state=rng, n_trials=3)
    assert found.random_state is rng
    first = found.cv_results_["params"]
    second = found.fit(X).cv_results_["params"]
    assert first != second
    again = search(random_state=np.random.RandomState(0), n_trials=3)
    assert again.cv_results_["params"] == first
    assert again.fit(X).cv_results_["params"] == second


DISCRETE = [
    pytest.param({"a": [1, 2, 3, 4, 5], "b": [1, 10, 100, 1000], "c": ["x"]}, 20, id="lists"),
    pytest.param({"a": IntDistribution(1, 4), "b": [1, 10], "c": ["x", None]}, 16, id="integers"),
    pytest.param({"a": FloatDistribution(0, 1, step=0.25), "b": IntDistribution(1, 3)}, 15, id="steps"),
    pytest.param([{"a": [1, 2, 3], "b": [1, 2]}, {"a": [3, 4], "b": [2, 3]}, {"c": ["x", "y"]}], 11, id="branches"),
]


CASES = [pytest.param(name, *case.values, id=f"{name}-{case.id}") for name in NAMES for case in DISCRETE]
CASES += [
    pytest.param("grid", *case.values, id=f"grid-{case.id}") for case in DISCRETE if case.id in ("lists", "branches")
]


@pytest.mark.parametrize(("name", "space", "n_distinct"), CASES)
def test_fewer_trials_than_combinations_never_repeat_one(name, space, n_distinct):
    for n_trials in (n_distinct // 2, n_distinct - 1):
        params = search(space, sampler=installed(name), n_trials=n_trials).cv_results_["params"]
        assert len(params) == len({tuple(row.items()) for row in params}) == n_trials


def test_tpe_is_grouped_multivariate_and_knows_of_trials_in_flight():
    sampler = sampler_factory("tpe", 0, is_grid=False)(0)
    assert isinstance(sampler, optuna.samplers.TPESampler)
    assert (sampler._multivariate, sampler._group, sampler._constant_liar) == (True, True, True)


def test_tpe_learns():
    """Known optimum: after its random start TPE is closer to it than random search, on average over seeds."""

    def mean_best(sampler):
        best = [
            search({"a": FloatDistribution(-9, 9)}, sampler=sampler, random_state=seed, n_trials=30, refit=False)
            for seed in range(5)
        ]
        return np.mean([abs(found.best_params_["a"] - 0.3) for found in best])

    assert mean_best("tpe") < mean_best("random")


def test_qmc_continues_one_sequence():
    space = {"a": FloatDistribution(0, 1), "b": FloatDistribution(1, 2)}
    found = search(space, sampler="qmc", n_trials=17, max_concurrent_trials=1)
    # the first trial is independent; 16 points of a scrambled Sobol sequence have one in each sixteenth
    assert {int(row["a"] * 16) for row in found.cv_results_["params"][1:]} == set(range(16))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["branches", "callable"])
def test_parameters_that_the_first_trial_did_not_have_vary_too(name, form):
    """QMC and CMA-ES model the space of the first trial and draw everything else independently."""

    def by_run(trial):
        if trial.number == 0:
            return {"c": trial.suggest_categorical("c", ["x"])}
        return {"a": trial.suggest_float("a", 0, 1), "b": trial.suggest_int("b", 1, 1000)}

    branches = [{"a": FloatDistribution(i, i + 1), "c": ["x"]} for i in range(3)]
    space = by_run if form == "callable" else branches
    # With more in flight at the start, QMC of Optuna begins a sequence anew for each set of parameters in flight.
    found = search(space, sampler=installed(name), n_trials=20, max_concurrent_trials=4)
    values = [row["a"] for row in found.cv_results_["params"] if "a" in row]
    assert len(values) >= 19
    # the process and the bounds of its refinement meet
    assert len(set(values)) > len(values) / 2


def test_grid_sampler_draws_in_random_order():
    grid = {"a": list(range(100))}
    found = search(grid, sampler="grid", n_trials=20)
    values = [row["a"] for row in found.cv_results_["params"]]
    assert values != sorted(values)
    assert len(set(values)) == 20


# --- a factory --------------------------------------------------------------------------------------------------------


def test_factory_is_called_with_a_seed_of_its_own_for_every_trial():
    seeds = []

    def factory(seed):
        seeds.append(seed)
        return optuna.samplers.RandomSampler(seed=seed)

    search(sampler=factory, n_trials=10)
    assert len(set(seeds)) == len(seeds) >= 10
    assert all(type(seed) is int and 0 <= seed < 2**32 for seed in seeds)
    assert seeds[:10] == [trial_seed(0, number) for number in range(10)]


def test_seed_of_a_trial_depends_on_random_state_and_number_only():
    def seeds_of(**arguments):
        seeds = []

        def factory(seed):
            seeds.append(seed)
            return optuna.samplers.TPESampler(seed=seed)

        search(sampler=factory, **arguments)
        return seeds

    expected = seeds_of()[:6]
    assert seeds_of(n_trials=6, max_concurrent_trials=1)[:6] == expected
    assert seeds_of(space={"c": ["x", "y", "z"], "b": IntDistribution(1, 9)}, n_trials=6)[:6] == expected
    assert not set(seeds_of(random_state=1)) & set(expected)


@pytest.mark.parametrize(
    "factory",
    [
        lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=3),
        lambda seed: optuna.samplers.RandomSampler(seed=seed),
        lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=4),
    ],
    ids=["tpe", "random", "nsgaii"],
)
def test_factory_gives_the_same_trials_twice_and_for_a_clone(factory):
    found = OptunaSearchCV(Bowl(), SPACE, sampler=factory, n_trials=12, cv=CV, random_state=0)
    first = found.fit(X).cv_results_["params"]
    assert found.fit(X).cv_results_["params"] == first
    assert clone(found).fit(X).cv_results_["params"] == first


def test_factory_that_fails_is_the_callers_to_see():
    def factory(seed):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        search(sampler=factory)


def test_factory_that_stops_giving_samplers_is_refused_when_it_does():
    samplers = iter([optuna.samplers.RandomSampler(seed=0) for _ in range(6)])
    with pytest.raises(InvalidArgumentError, match="must return an optuna sampler"):
        search(sampler=lambda seed: next(samplers, None))


# --- an instance ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: optuna.samplers.TPESampler(seed=3, n_startup_trials=4),
        lambda: optuna.samplers.RandomSampler(seed=3),
        lambda: optuna.samplers.NSGAIISampler(seed=3),
    ],
    ids=["tpe", "random", "nsgaii"],
)
def test_users_sampler_is_not_changed_so_that_every_fit_is_the_same(make):
    sampler = make()
    search_cv = OptunaSearchCV(Bowl(), SPACE, sampler=sampler, n_trials=12, cv=CV)
    first = search_cv.fit(X).cv_results_["params"]
    assert search_cv.sampler is sampler
    assert search_cv.fit(X).cv_results_["params"] == first
    # what the user's sampler would have drawn first, it still draws
    draws = [trial.params for trial in (optimized(s) for s in (sampler, make()))]
    assert draws[0] == draws[1]


def optimized(sampler):
    study = optuna.create_study(sampler=sampler)
    return study.ask(SPACE_OF_OPTUNA)


SPACE_OF_OPTUNA = {name: SPACE[name] for name in ("a", "b")}


def test_random_state_does_not_reach_a_sampler_instance():
    sampler = optuna.samplers.RandomSampler(seed=5)
    first, second = (search(sampler=sampler, random_state=seed).cv_results_["params"] for seed in (0, 1))
    assert first == second


def test_user_defined_sampler_is_asked_for_every_parameter():
    class Lowest(optuna.samplers.BaseSampler):
        def infer_relative_search_space(self, study, trial):
            return {}

        def sample_relative(self, study, trial, search_space):
            return {}

        def sample_independent(self, study, trial, param_name, param_distribution):
            return getattr(param_distribution, "low", None) or param_distribution.choices[0]

    assert search(sampler=Lowest(), n_trials=2).cv_results_["params"] == [{"a": -1, "b": 1e-3, "c": "x"}] * 2


# --- afterwards -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_study_goes_on_after_the_search_with_the_sampler_that_was_named(name):
    found = search(sampler=installed(name), n_trials=3)
    assert type(found.study_) is optuna.Study
    kinds = {"gp": GaussianProcessSampler, "auto": GaussianProcessSampler | optuna.samplers.TPESampler}
    assert isinstance(found.study_.sampler, kinds.get(name, BaseSampler))
    assert not isinstance(found.study_.sampler, WrappedSampler)
    trial = found.study_.ask({"a": SPACE["a"]})
    found.study_.tell(trial, 0.0)
    assert len(found.study_.trials) == 4
    assert found.n_trials_ == 3


# --- what reviewers broke ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["grid", "brute force"])
def test_sampler_that_keeps_state_in_the_trial_works_on_tables(kind):
    table = {"a": [-0.5, 0.0, 0.5], "c": ["x", "y"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user's own doing
        sampler = optuna.samplers.GridSampler(table) if kind == "grid" else optuna.samplers.BruteForceSampler()
    found = search(space=table, sampler=sampler, n_trials=5)
    assert found.n_trials_ == 5
    assert len({tuple(params.items()) for params in found.cv_results_["params"]}) == 5


@pytest.mark.parametrize("name", NAMES)
def test_named_sampler_searches_branches_silently(name, capfd):
    branches = [{"a": stats.uniform(0, 1)}, {"c": ["x", "y", "z"], "b": stats.loguniform(0.1, 10)}]
    with optuna_log() as records:
        found = search(space=branches, sampler=installed(name))
    assert [record.getMessage() for record in records] == []
    assert {frozenset(params) for params in found.cv_results_["params"]} == {frozenset("a"), frozenset("bc")}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("group", [False, True])
def test_tpe_made_without_warnings_is_the_one_that_the_constructor_makes(group):
    from sk_optuna._compat._optuna import tpe_sampler

    def objective(trial):
        if trial.suggest_categorical("kind", ["a", "b"]) == "a" and group:
            return trial.suggest_float("x", -1, 1) ** 2
        return trial.suggest_float("y", -1, 1) + trial.suggest_int("n", 0, 9)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = optuna.samplers.TPESampler(
            seed=3, multivariate=True, group=group, constant_liar=True, warn_independent_sampling=False
        )
    found = []
    for sampler in (theirs, tpe_sampler(3, group=group)):
        study = optuna.create_study(sampler=sampler)
        running = [study.ask() for _ in range(3)]  # in flight all along
        for trial in running:
            objective(trial)
        study.optimize(objective, n_trials=25)
        found.append([trial.params for trial in study.trials])
    assert found[0] == found[1]
    assert vars(theirs).keys() == vars(sampler).keys()
