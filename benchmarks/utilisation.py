"""How busy does a search keep its workers where fits take unequal time?

The fit of a candidate takes between 20 and 200 ms, depending on its parameter. Utilisation is the sum of all fit times
over workers x wall time; the last column holds the wall time against the shortest that one queue of the same fits in
the same order can take. Fits sleep by default, so that other load on the machine does not count; ``--cpu`` has
them compute instead. Scores are noise, so that no sampler prefers short fits.

``--race`` measures the race instead, at several numbers of sleeping threads: a candidate has a quality, and folds have
noise of their own, so that the race spares about as many folds as on real tasks. Its time is shown over that of the
same search without one. Folds that ran ahead of a decision and were not wanted are among those that ran. ``--clock``
simulates the workers (clocked.py), so that many rounds cost little and other load on the machine does not count.

Run: python benchmarks/utilisation.py [--jobs 2] [--cpu]
     python benchmarks/utilisation.py --race [--clock] [--jobs 2 4 8 16] [--trials 60]
"""

import argparse
import hashlib
import heapq
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import optuna
from clocked import clocked
from joblib import parallel_config
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from scipy.stats import lognorm, uniform
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import KFold, RandomizedSearchCV, cross_validate

from sk_optuna import OptunaSearchCV
from sk_optuna.search import _budget

try:
    import optuna_integration
except ImportError:
    optuna_integration = None

SECONDS = lognorm(s=0.6, scale=0.06)
SHORTEST, LONGEST = 0.02, 0.2
X, Y = np.zeros((20, 1)), np.arange(20.0)
CV = KFold(5)

# Standard deviation of a fold's score; that of the candidates' qualities is about .15.
NOISE = 0.1
FIT_TIMES: list[float] = []
"""Seconds of all fits of `Raced`, in this process."""

FitTimes = list[float]
"""Mean fit time by candidate, in the order in which they were asked for."""


def seconds_of(quantile: float) -> float:
    return float(np.clip(SECONDS.ppf(quantile), SHORTEST, LONGEST))


class Uneven(RegressorMixin, BaseEstimator):
    """Takes as long to fit as its parameter, a quantile of the durations, says.

    Parameters
    ----------
    quantile : float
        Between 0 and 1.
    rounds_per_second : int or None
        How much to compute in a second; None sleeps.
    """

    def __init__(self, quantile: float = 0.5, rounds_per_second: int | None = None) -> None:
        self.quantile = quantile
        self.rounds_per_second = rounds_per_second

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Uneven":
        """Take the time."""
        seconds = seconds_of(self.quantile)
        if self.rounds_per_second is None:
            time.sleep(seconds)
        else:
            compute(int(seconds * self.rounds_per_second))
        return self

    def score(self, X: np.ndarray, y: np.ndarray) -> float:
        """Return noise that depends on the parameter alone."""
        return float(np.sin(1e6 * self.quantile))


class Raced(Uneven):
    """The same, with a quality, a uniform number, and with folds that differ.

    Parameters
    ----------
    quantile, rounds_per_second : object
        As in Uneven.
    quality : float
        Between 0 and 1; best at .7.
    """

    def __init__(self, quantile: float = 0.5, rounds_per_second: int | None = None, quality: float = 0.5) -> None:
        super().__init__(quantile, rounds_per_second)
        self.quality = quality

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Raced":
        """Take the time, and note it."""
        start = time.perf_counter()
        super().fit(X, y)
        FIT_TIMES.append(time.perf_counter() - start)
        return self

    def score(self, X: np.ndarray, y: np.ndarray) -> float:
        """Return a score that is 0 at best, with noise that the fold and the candidate determine."""
        noise = np.random.default_rng([int(1e9 * self.quality), int(y[0])]).normal()
        return float(-((self.quality - 0.7) ** 2) + np.sin(y[0]) + NOISE * noise)


class Unfitted(Raced):
    """The same, of which the fit is simulated."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Unfitted":
        """Take no time."""
        return self


def compute(rounds: int) -> None:
    hashlib.pbkdf2_hmac("sha256", b"", b"", max(rounds, 1))  # one thread, the GIL released


def calibrate() -> int:
    rounds = 200_000
    start = time.process_time()
    compute(rounds)
    return int(rounds / (time.process_time() - start))


def ours(estimator: Uneven, n_trials: int, n_jobs: int, seed: int) -> FitTimes:
    search = OptunaSearchCV(
        estimator, {"quantile": uniform()}, n_trials=n_trials, cv=CV, n_jobs=n_jobs, refit=False, random_state=seed
    )
    return list(search.fit(X, Y).cv_results_["mean_fit_time"])


def randomized(estimator: Uneven, n_trials: int, n_jobs: int, seed: int) -> FitTimes:
    search = RandomizedSearchCV(
        estimator, {"quantile": uniform()}, n_iter=n_trials, cv=CV, n_jobs=n_jobs, refit=False, random_state=seed
    )
    return list(search.fit(X, Y).cv_results_["mean_fit_time"])


def integration(estimator: Uneven, n_trials: int, n_jobs: int, seed: int) -> FitTimes:
    space = {"quantile": FloatDistribution(0.0, 1.0)}
    search = optuna_integration.OptunaSearchCV(
        estimator, space, n_trials=n_trials, cv=CV, n_jobs=n_jobs, refit=False, random_state=seed
    ).fit(X, Y)
    return [trial.user_attrs["mean_fit_time"] for trial in search.study_.trials]


def barrier(estimator: Uneven, n_trials: int, n_jobs: int, seed: int) -> FitTimes:
    """Ask, cross-validate in parallel, tell: a loop as one writes it by hand."""
    study = optuna.create_study(direction="maximize", sampler=TPESampler(seed=seed))
    times = []
    for _ in range(n_trials):
        trial = study.ask()
        candidate = Uneven(trial.suggest_float("quantile", 0.0, 1.0), estimator.rounds_per_second)
        result = cross_validate(candidate, X, Y, cv=CV, n_jobs=n_jobs)
        study.tell(trial, float(result["test_score"].mean()))
        times.append(float(result["fit_time"].mean()))
    return times


def one_queue(fit_times: FitTimes, n_workers: int) -> float:
    """Return the wall time of all folds, taken in order by whichever worker is free, at no cost."""
    free_at = [0.0] * n_workers
    for seconds in np.repeat(fit_times, CV.get_n_splits()):
        heapq.heapreplace(free_at, free_at[0] + seconds)
    return max(free_at)


def measure(search: Callable[..., FitTimes], n_trials: int, n_jobs: int, seed: int, estimator: Uneven) -> np.ndarray:
    """Return the wall time, the utilisation and the share of the ideal."""
    start = time.perf_counter()
    fit_times = search(estimator, n_trials, n_jobs, seed)
    wall = time.perf_counter() - start
    busy = sum(fit_times) * CV.get_n_splits()
    return np.array([wall, busy / (n_jobs * wall), one_queue(fit_times, n_jobs) / wall])


RACES: dict[str, dict[str, Any]] = {
    "no pruner": {},
    "race": {"pruner": "race"},
    "race, speculate=False": {"pruner": "race", "speculate": False},
}


def measure_race(name: str, n_trials: int, n_jobs: int, seed: int) -> np.ndarray:
    """Return the wall time, the folds that ran, those that were dropped, the utilisation and the share of the ideal."""
    FIT_TIMES.clear()
    space = {"quantile": uniform(), "quality": uniform()}
    arguments = {"cv": CV, "n_jobs": n_jobs, "refit": False, "random_state": seed, "n_iter": n_trials}
    if name == "RandomizedSearchCV":
        search = RandomizedSearchCV(Raced(), space, **arguments)
    else:
        search = OptunaSearchCV(Raced(), space, **arguments, **RACES[name])
    start = time.perf_counter()
    search.fit(X, Y)
    wall = time.perf_counter() - start
    n_dropped = getattr(search, "n_folds_dropped_", 0)
    ideal = one_queue(list(search.cv_results_["mean_fit_time"]), n_jobs) / wall
    return np.array([wall, len(FIT_TIMES), n_dropped, sum(FIT_TIMES) / (n_jobs * wall), ideal])


def measure_clocked(name: str, n_trials: int, n_jobs: int, seed: int) -> np.ndarray:
    """Return the same of simulated workers."""
    space = {"quantile": uniform(), "quality": uniform()}
    # whether joblib's workers are free to run ahead is not asked of simulated ones
    arguments = {"speculate": True, "cv": CV, "refit": False, "random_state": seed, "n_iter": n_trials, **RACES[name]}
    with clocked(n_jobs, lambda params: seconds_of(params["quantile"])) as engines:
        found = OptunaSearchCV(Unfitted(), space, **arguments).fit(X, Y)
    (engine,) = engines
    ideal = one_queue([seconds_of(params["quantile"]) for params in found.cv_results_["params"]], n_jobs) / engine.now
    busy = engine.busy / (n_jobs * engine.now)
    return np.array([engine.now, engine.n_run, found.n_folds_dropped_, busy, ideal])


def race(n_trials: int, n_rounds: int, jobs: Sequence[int], in_flight: int | None, *, clock: bool) -> None:
    """Print what a race costs and saves at each number of threads."""
    if in_flight is not None:
        _budget._N_IN_FLIGHT = _budget._N_LATER = in_flight
    kind = "simulated workers, fits" if clock else "threads, sleeping fits"
    print(
        f"{n_trials} trials x {CV.get_n_splits()} folds, {kind} of {SHORTEST * 1e3:.0f} to {LONGEST * 1e3:.0f} ms, "
        f"means of {n_rounds} rounds\n"
    )
    columns = f"{'wall s':>8}{'of no pruner':>14}{'95 %':>7}{'folds run':>11}{'dropped':>9}{'busy':>7}{'ideal':>7}"
    print(f"{'workers':>7}  {'':22}{columns}")
    measure_one = measure_clocked if clock else measure_race
    for n_jobs in jobs:
        results: dict[str, list[np.ndarray]] = {name: [] for name in RACES}
        if not clock:
            results["RandomizedSearchCV"] = []
        with parallel_config("threading"):
            for seed in range(n_rounds):
                for name, found in results.items():
                    found.append(measure_one(name, n_trials, n_jobs, seed))
        whole = np.array(results["no pruner"])
        for name, found in results.items():
            wall, n_run, n_dropped, busy, ideal = np.mean(found, axis=0)
            ratios = np.array(found)[:, 0] / whole[:, 0]
            error = f"+-{1.96 * ratios.std(ddof=1) / np.sqrt(n_rounds):.2f}" if n_rounds > 1 else ""
            shown = "" if name.startswith("race") else f"{ideal:7.3f}"
            figures = f"{wall:8.2f}{ratios.mean():14.2f}{error:>7}{n_run:11.0f}{n_dropped:9.0f}{busy:7.2f}{shown}"
            print(f"{n_jobs:7}  {name:22}{figures}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, nargs="+", help="default: 2; with --race 2, 4, 8 and 16")
    parser.add_argument("--trials", type=int, help="default: 24; with --race 60")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cpu", action="store_true", help="fits compute instead of sleeping")
    parser.add_argument("--backends", nargs="+", default=["loky", "threading"])
    parser.add_argument("--race", action="store_true", help="the race against no race")
    parser.add_argument("--clock", action="store_true", help="with --race: simulated workers")
    parser.add_argument("--in-flight", type=int, help="with --race: trials in flight after the first eight")
    arguments = parser.parse_args()

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")
    packages = ["sk-optuna", "scikit-learn", "optuna", "joblib"]
    packages += ["optuna-integration"] if optuna_integration is not None else []
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))

    if arguments.race:
        jobs = arguments.jobs or (2, 4, 8, 16)
        race(arguments.trials or 60, arguments.rounds, jobs, arguments.in_flight, clock=arguments.clock)
        return
    (n_jobs,) = arguments.jobs or (2,)
    n_trials = arguments.trials or 24
    contestants = {
        (name, backend): search
        for backend in arguments.backends
        for name, search in {
            "OptunaSearchCV": ours,
            "RandomizedSearchCV": randomized,
            "a barrier per trial": barrier,
        }.items()
    }
    if optuna_integration is not None:
        contestants["optuna_integration's", "its threads"] = integration
    estimator = Uneven(rounds_per_second=calibrate() if arguments.cpu else None)
    results: dict[tuple[str, str], list[np.ndarray]] = {key: [] for key in contestants}
    for i in range(-1, arguments.rounds):  # the first round starts the workers
        for (name, backend), search in contestants.items():
            with parallel_config("threading" if backend == "its threads" else backend):
                result = measure(search, 4 if i < 0 else n_trials, n_jobs, i % 1000, estimator)
            if i >= 0:
                results[name, backend].append(result)

    kind = "computing" if arguments.cpu else "sleeping"
    print(
        f"{n_trials} trials x {CV.get_n_splits()} folds, {n_jobs} workers, {kind} fits of "
        f"{SHORTEST * 1e3:.0f} to {LONGEST * 1e3:.0f} ms, medians of {arguments.rounds} rounds\n"
    )
    print(f"{'':24}{'backend':>12}{'wall s':>10}{'utilisation':>14}{'of the ideal':>14}")
    for (name, backend), rounds in results.items():
        wall, utilisation, ideal = np.median(rounds, axis=0)
        print(f"{name:24}{backend:>12}{wall:10.2f}{utilisation:14.3f}{ideal:14.3f}")
    if optuna_integration is None:
        print(f"{'optuna_integration':24} absent: pip install optuna-integration")


if __name__ == "__main__":
    main()
