"""The same search at any number of workers, on any backend, again and again.

The estimator sleeps for as long as its parameters say, so that with several workers the folds finish in another order
than they were started in. dask and ray run in a process of their own: ray changes joblib's multiprocessing pool for
good, and neither is to outlive its test.
"""

import functools
import itertools
import pickle
import subprocess
import sys
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from optuna.pruners import HyperbandPruner, MedianPruner, PatientPruner, SuccessiveHalvingPruner
from scipy.stats import gamma, loguniform
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._joblib import cloudpickle  # noqa: F401 -- for the programs below
from sk_optuna._compat._optuna import make_unwarned
from sk_optuna.pruners import PairedRacePruner
from sk_optuna.study import Proposals

pytestmark = [
    pytest.mark.usefixtures("sent_by_value"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


# --- the searches -----------------------------------------------------------------------------------------------------


class Uneven(BaseEstimator):
    """Its fits take 0 to 6 ms, and fail where `a` lies in a band."""

    def __init__(self, a=1.0, kind="plain", b=0.0, band=(9.0, 9.0)):
        self.a = a
        self.kind = kind
        self.b = b
        self.band = band

    def fit(self, X, y=None):
        time.sleep(int(self.a * 9973) % 7 / 1000)
        if self.band[0] < self.a < self.band[1]:
            raise ValueError(f"a={self.a} lies in the band")
        self.mean_ = float(np.mean(X))
        return self

    def score(self, X, y=None):
        bonus = {"plain": 0.0, "round": 0.1, "sharp": 0.2}[self.kind]
        luck = 0.1 * np.sin(100 * self.a * (1 + float(np.mean(X))))  # without it no fold differs from another
        return bonus + self.mean_ - np.log(self.a) ** 2 - self.b**2 + luck


def _nested(trial):
    params = {"a": trial.suggest_float("a", 0.1, 10.0, log=True)}
    params["kind"] = trial.suggest_categorical("kind", ["plain", "round", "sharp"])
    if params["kind"] != "plain":
        params["b"] = trial.suggest_float("b", -1.0, 1.0)
    return params


_KINDS = ["plain", "round", "sharp"]
_SEARCHES = {
    "mixed": {"space": {"a": loguniform(0.1, 10), "kind": _KINDS, "b": gamma(2.0)}},
    "failing": {"space": {"a": loguniform(0.1, 10), "kind": _KINDS}, "band": (0.3, 2.0)},
    "conditional": {"space": [{"a": loguniform(0.1, 10)}, {"a": [0.5, 1.5], "kind": _KINDS[1:], "b": [0.0, 0.5, 1.0]}]},
    "define-by-run": {"space": _nested},
    "part of a grid": {"space": {"a": list(np.linspace(0.2, 4, 9)), "kind": _KINDS}},
    "whole grid": {"space": {"a": [0.3, 1.1, 2.7], "kind": _KINDS}, "n_trials": None},
}


def _search(name, n_jobs=None, **arguments):
    recipe = _SEARCHES[name]
    arguments = {"n_trials": recipe.get("n_trials", 14), "cv": 3, "random_state": 7, "n_jobs": n_jobs, **arguments}
    return OptunaSearchCV(Uneven(band=recipe.get("band", (9.0, 9.0))), recipe["space"], **arguments)


class Slow(TransformerMixin, BaseEstimator):
    """Takes long enough for workers to leave what it made for each other."""

    def __init__(self, k=1):
        self.k = k

    def fit(self, X, y=None):
        time.sleep(0.025)
        self.shift_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.shift_ * self.k


def _pipeline_search(n_jobs, pruner, **arguments):
    pipe = Pipeline([("slow", Slow()), ("uneven", Uneven())])
    space = {"slow__k": [1, 2], "uneven__a": loguniform(0.1, 10), "uneven__kind": _KINDS}
    arguments = {"n_trials": 14, "cv": 3, "random_state": 7, "n_jobs": n_jobs, "pruner": pruner, **arguments}
    return OptunaSearchCV(pipe, space, **arguments)


def _data():
    return np.random.default_rng(0).normal(size=(24, 2)), np.arange(24.0)


def _times_aside(search):
    """Return what a search found, as plain values that compare with ==."""
    table = {}
    for key, column in search.cv_results_.items():
        if key.endswith("_time"):
            continue
        table[key] = repr(column.tolist() if isinstance(column, np.ndarray) else column)
    trials = [(t.number, t.state.name, t.values, t.params, t.intermediate_values) for t in search.study_.trials]
    return {**table, "study": repr(trials)}


def _run(search):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)
        warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
        return _times_aside(search.fit(*_data()))


@functools.cache
def _in_this_thread(name):
    return _run(_search(name, 1))


# Some remember: Hyperband and successive halving the resources that they found, the latter also rungs, at the trials.
_PRUNERS = {
    **{name: name for name in ("race", "median", "percentile", "wilcoxon", "halving", "hyperband", "threshold")},
    "strict race": PairedRacePruner(z=0.5, n_startup_trials=2, n_startup_steps=2),
    "Hyperband that finds its resource": HyperbandPruner(reduction_factor=2),
    "halving that finds its resource": SuccessiveHalvingPruner(min_resource="auto", reduction_factor=2),
    "patient": make_unwarned(PatientPruner, wrapped_pruner=MedianPruner(n_startup_trials=2), patience=0),
    "patient Hyperband": make_unwarned(
        PatientPruner, wrapped_pruner=HyperbandPruner(reduction_factor=2), patience=0, min_delta=0.01
    ),
}
_STATELESS = {
    "median",
    "percentile",
    "wilcoxon",
    "threshold",
    "patient",
    "strict race",
}  # slow where memory is the matter
_STOPS_NOBODY = {"threshold", "wilcoxon"}  # unless a fold failed, and at four folds


def _pruned(pruner, n_jobs=None, name="mixed", **arguments):
    return _search(name, n_jobs, **{"pruner": _PRUNERS[pruner], "cv": 4, "n_trials": 24, **arguments})


@functools.cache
def _pruned_in_this_thread(pruner, name="mixed"):
    return _run(_pruned(pruner, 1, name))


# --- claims -----------------------------------------------------------------------------------------------------------

_ENGINES = [("loky", 2), ("loky", 4), ("threading", 2), ("threading", 4), ("multiprocessing", 2)]


def _cases(cases, quick):
    return [case if quick(*case) else pytest.param(*case, marks=pytest.mark.slow) for case in cases]


def _slow(*values):
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


_engines = pytest.mark.parametrize(
    ("backend", "n_jobs"), _cases(_ENGINES, lambda *engine: engine not in [("loky", 4), ("threading", 2)])
)


@pytest.mark.parametrize("name", _SEARCHES)
@_engines
def test_same_seed_gives_same_results_on_every_engine(backend, n_jobs, name):
    with joblib.parallel_config(backend=backend):
        assert _run(_search(name, n_jobs)) == _in_this_thread(name)


@pytest.mark.parametrize(
    ("backend", "n_jobs", "pruner"),
    _cases(
        [(*engine, pruner) for engine in _ENGINES[:1] + _ENGINES[3:] for pruner in _PRUNERS]
        + [(*engine, pruner) for engine in _ENGINES[1:3] for pruner in ("race", "hyperband", "patient Hyperband")],
        lambda backend, n_jobs, pruner: (backend, n_jobs) == ("threading", 4) or (n_jobs == 2 and pruner == "race"),
    ),
)
def test_same_seed_gives_same_pruned_results_on_every_engine(backend, n_jobs, pruner):
    expected = _pruned_in_this_thread(pruner)
    with joblib.parallel_config(backend=backend):
        assert _run(_pruned(pruner, n_jobs)) == expected
    assert ("PRUNED" in expected["trial_state"]) is (pruner not in _STOPS_NOBODY)


@functools.cache
def _steered_in_this_thread(sampler, pruner):
    return _run(_search("mixed", 1, sampler=sampler, pruner=pruner, cv=4, n_trials=24, speculate=False))


@pytest.mark.parametrize(
    ("backend", "n_jobs", "sampler", "pruner", "speculate"),
    _cases(
        itertools.product(
            ["loky", "threading", "multiprocessing"],
            [1, 2, 3, 8],
            ["tpe", "random"],
            [None, "race", "median"],
            [True, False],
        ),
        lambda *case: case in [("threading", 8, "tpe", "race", True), ("loky", 2, "random", "median", True)],
    ),
)
def test_same_seed_gives_same_results_where_idle_workers_run_ahead(backend, n_jobs, sampler, pruner, speculate):
    with joblib.parallel_config(backend=backend):
        search = _search("mixed", n_jobs, sampler=sampler, pruner=pruner, cv=4, n_trials=24, speculate=speculate)
        assert _run(search) == _steered_in_this_thread(sampler, pruner)
    assert speculate or search.n_folds_dropped_ == 0


@pytest.mark.parametrize("pruner", ["race", *_slow("threshold", "halving")])
@pytest.mark.parametrize("name", sorted(set(_SEARCHES) - {"mixed"}))
def test_same_seed_gives_same_pruned_results_in_every_space(name, pruner):
    with joblib.parallel_config(backend="threading"):
        assert _run(_pruned(pruner, 4, name)) == _pruned_in_this_thread(pruner, name)


@pytest.mark.parametrize("most", [1, 9, *_slow(2, 24)])
@pytest.mark.parametrize("pruner", ["race", "hyperband", *_slow("median")])
def test_same_seed_gives_same_pruned_results_at_any_max_concurrent_trials(pruner, most):
    with joblib.parallel_config(backend="threading"):
        parallel = _run(_pruned(pruner, 4, max_concurrent_trials=most))
    assert parallel == _run(_pruned(pruner, 1, max_concurrent_trials=most))


@pytest.mark.parametrize("pruner", [name for name in _PRUNERS if name not in _STATELESS] + _slow(*sorted(_STATELESS)))
def test_same_seed_gives_same_pruned_results_twice_in_a_row(pruner):
    search = _pruned(pruner, 1)
    assert _run(search) == _run(search) == _run(clone(search)) == _pruned_in_this_thread(pruner)


@pytest.mark.parametrize("pruner", [None, "race"])
@pytest.mark.parametrize(
    ("backend", "n_jobs"), _cases([("loky", 1), *_ENGINES], lambda *engine: engine in [("loky", 2), ("threading", 4)])
)
def test_same_seed_gives_same_results_on_every_engine_where_prefixes_are_shared(backend, n_jobs, pruner):
    expected = _run(_pipeline_search(1, pruner, cache_prefix=False))
    with joblib.parallel_config(backend=backend):
        assert _run(_pipeline_search(n_jobs, pruner)) == expected


@pytest.mark.parametrize("sampler", ["random", "qmc", "nsgaii", "cmaes"])
def test_same_seed_gives_same_results_on_threads_with_every_sampler(sampler):
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    with joblib.parallel_config(backend="threading"):
        parallel = _run(_search("mixed", 3, sampler=sampler))
    assert parallel == _run(_search("mixed", 1, sampler=sampler))


@pytest.mark.parametrize("name", _SEARCHES)
def test_same_seed_gives_same_results_twice_in_a_row(name):
    search = _search(name, 1)
    assert _run(search) == _run(search) == _run(clone(search)) == _in_this_thread(name)


def test_n_jobs_of_the_parallel_config_and_pre_dispatch_do_not_change_the_results():
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert _run(_search("mixed")) == _in_this_thread("mixed")
        for pre_dispatch in (1, "n_jobs", "all"):
            assert _run(_search("mixed", pre_dispatch=pre_dispatch)) == _in_this_thread("mixed")


def test_another_seed_gives_other_trials():
    assert _run(_search("mixed", 1, random_state=8))["params"] != _in_this_thread("mixed")["params"]


def test_folds_do_finish_out_of_order_in_these_searches(monkeypatch):
    """Without this the other tests would show nothing."""
    finished = []
    fit = Uneven.fit

    def noted(self, X, y=None):
        try:
            return fit(self, X, y)
        finally:
            finished.append(self.a)

    monkeypatch.setattr(Uneven, "fit", noted)
    with joblib.parallel_config(backend="threading"):
        search = _search("mixed", 4, refit=False).fit(*_data())
    assert finished != [a for a in search.cv_results_["param_a"] for _ in range(3)]


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("inner_n_jobs", [None, *_slow(2)])
def test_nested_cross_validation_gives_same_scores_at_any_n_jobs(backend, inner_n_jobs):
    X, y = _data()
    search = _search("mixed", inner_n_jobs, n_trials=12)
    with joblib.parallel_config(backend=backend):
        parallel = cross_val_score(search, X, y, cv=3, n_jobs=2)
    np.testing.assert_array_equal(parallel, cross_val_score(_search("mixed", 1, n_trials=12), X, y, cv=3, n_jobs=1))


@pytest.mark.parametrize("n_jobs", [1, 4])
@pytest.mark.parametrize("most", [1, 3, 4, 20])
def test_max_concurrent_trials_is_reached_and_never_exceeded(monkeypatch, n_jobs, most):
    events = _spy(monkeypatch)
    with joblib.parallel_config(backend="threading"):
        _search("mixed", n_jobs, max_concurrent_trials=most, refit=False).fit(*_data())
    in_flight = np.cumsum([1 if kind == "ask" else -1 for kind, _ in events])
    assert in_flight.max() == min(most, 14)
    assert in_flight[-1] == 0


def test_trials_are_told_in_order_and_one_is_asked_after_each(monkeypatch):
    events = _spy(monkeypatch)
    with joblib.parallel_config(backend="threading"):
        _run(_search("failing", 4, refit=False, n_trials=6, max_concurrent_trials=2))
    first, then, last = [("ask", 0), ("ask", 1)], [], [("tell", 4), ("tell", 5)]
    for number in range(4):
        then += [("tell", number), ("ask", number + 2)]
    assert events == first + then + last


def _spy(monkeypatch):
    """Return the list to which every trial that is asked for or told is going to be added."""
    events = []
    ask, tell = Proposals.ask, Proposals.tell

    def noted_ask(self):
        proposal = ask(self)
        if proposal is not None:
            events.append(("ask", proposal.number))
        return proposal

    def noted_tell(self, proposal, *args, **kwargs):
        events.append(("tell", proposal.number))
        return tell(self, proposal, *args, **kwargs)

    monkeypatch.setattr(Proposals, "ask", noted_ask)
    monkeypatch.setattr(Proposals, "tell", noted_tell)
    return events


# --- dask and ray, in a process of their own --------------------------------------------------------------------------


def _stop_early(study, trial):
    if trial.number == 4:
        study.stop()


def _all_on(n_jobs):
    """Return what searches find on the active backend, also after one that left with folds under way."""
    found = {name: _run(_search(name, n_jobs)) for name in ("failing", "conditional")}
    found["stopped"] = _run(_search("mixed", n_jobs, study_callbacks=[_stop_early]))
    found["after it"] = _run(_search("mixed", n_jobs))
    try:
        _run(_search("failing", n_jobs, error_score="raise"))
    except ValueError as error:
        found["raised"] = "lies in the band" in str(error)
    found["after that"] = _run(_search("mixed", n_jobs))
    found["race"] = _run(_pruned("race", n_jobs))
    return found


def on_dask(path):
    """Run the searches on a dask cluster of two processes and write what they found to `path`."""
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, worker_dashboard_address=None
    )
    with cluster, Client(cluster), joblib.parallel_config(backend="dask"):
        found = _all_on(-1)
    Path(path).write_bytes(pickle.dumps(found))


def on_ray(path):
    """Run the searches on a ray cluster of this machine and write what they found to `path`."""
    import ray
    from ray.util.joblib import register_ray

    ray.init(
        num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", logging_level="ERROR", log_to_driver=False
    )
    register_ray()
    with joblib.parallel_config(backend="ray"):
        found = _all_on(2)
    ray.shutdown()
    Path(path).write_bytes(pickle.dumps(found))


@pytest.mark.parametrize(("module", "function"), [("distributed", "on_dask"), ("ray", "on_ray")])
def test_same_seed_gives_same_results_on_a_cluster(tmp_path, module, function):
    pytest.importorskip(module)
    output = tmp_path / "found.pkl"
    program = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('searches', {__file__!r})\n"
        "sys.modules['searches'] = module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "module.cloudpickle.register_pickle_by_value(module)\n"
        f"module.{function}({str(output)!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    found = pickle.loads(output.read_bytes())
    assert found["failing"] == _in_this_thread("failing")
    assert found["conditional"] == _in_this_thread("conditional")
    assert found["stopped"] == _run(_search("mixed", 1, study_callbacks=[_stop_early]))
    assert found["after it"] == found["after that"] == _in_this_thread("mixed")
    assert found["race"] == _pruned_in_this_thread("race")
    assert found["raised"]
