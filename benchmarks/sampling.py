"""How good is the best candidate after 10, 25, 50, 100 and 200 trials, by sampler?

Searches run over tables of real scores (tables.py): regret is the distance from the best candidate of the table, in
units of the distance between the best and the median one. All folds of all trials run, so that samplers differ and
nothing else; there are five, since the number of folds decides how many trials are in flight. Differences are paired:
the same task, the same seed. Intervals are 95 % bootstraps over tasks and seeds.

What the samplers are made of was chosen on the first half of the tasks; the second half shares no data set with it.
``--variants`` compares what else ``sampler="auto"`` could have been: the Gaussian process alone, with other turns of
TPE, with quasi-random points, with a forest of random trees as SMAC has it, with several lengths, or with a margin.

Run: python benchmarks/sampling.py [--samplers NAME ...] [--variants] [--seeds N] [--trials N] [--in-flight N ...]
"""

import argparse
import importlib.util
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from joblib import Parallel, delayed, parallel_config
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState
from sklearn.ensemble import ExtraTreesRegressor
from tables import CACHE, CHOOSING, HELD_OUT, Task, build, interval, print_versions, search
from threadpoolctl import threadpool_limits

from sk_optuna.samplers import GaussianProcessSampler
from sk_optuna.samplers._axes import MISSING, Axes
from sk_optuna.samplers._gaussian_process import _Told, _warped
from sk_optuna.samplers._improvement import candidates, log_improvement
from sk_optuna.samplers._process import Process, most_probable, points

MARKS = (10, 25, 50, 100, 200)
N_FOLDS = 5


def optunas_gp(seed: int) -> BaseSampler:
    """Return Optuna's own Gaussian process, which needs torch."""
    return GPSampler(seed=seed, warn_independent_sampling=False)


class Averaged(GaussianProcessSampler):
    """The process with the improvement averaged over hyperparameters that few trials cannot tell apart."""

    def __init__(self, seed: int, *, shorter: Sequence[float] = (0.0, 0.5), margin: float = 0.0) -> None:
        super().__init__(seed)
        self._shorter, self._margin = shorter, margin

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict) -> dict[str, Any]:
        if not search_space:
            return {}
        trials = study.get_trials(deepcopy=False)
        told = [each for each in trials if each.state == TrialState.COMPLETE]
        running = [each.params for each in trials if each.state == TrialState.RUNNING and each.number != trial.number]
        axes = Axes(search_space, [each.params for each in told])
        rows, pending = axes.rows(each.params for each in told), axes.rows(running)
        values, errors = _warped([_Told(each, study.direction) for each in told])
        at = partial(points, is_list=axes.is_list, is_optional=axes.is_optional)
        n_present = float((rows != MISSING).sum(axis=1).mean())
        found = most_probable(at(rows), values, errors, len(axes.names), n_present)
        lengths = np.arange(len(found)) < len(axes.names)
        models = [Process(at(rows), values, errors, found - shorter * lengths) for shorter in self._shorter]
        models = [model.with_guesses(at(pending)) for model in models]
        rows = np.vstack([rows, pending])
        order = np.argsort(-np.mean([model.expected for model in models], axis=0), kind="stable")
        new = candidates(axes, rows[order[:5]], np.random.default_rng([self._seed, trial.number]))
        worth = np.logaddexp.reduce(
            [
                log_improvement(*model.mean_and_deviation(at(new)), model.expected.max() + self._margin)
                for model in models
            ]
        )
        known = set(map(bytes, rows))
        worth[[bytes(row) in known for row in new]] = -np.inf
        return axes.params(new[worth.argmax()])


class Forest(BaseSampler):
    """A forest of random trees in place of the process; their disagreement is the deviation."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._start = GaussianProcessSampler(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._start.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict) -> dict[str, Any]:
        if not search_space:
            return {}
        rng = np.random.default_rng([self._seed, trial.number])
        trials = study.get_trials(deepcopy=False)
        told = [each for each in trials if each.state == TrialState.COMPLETE]
        running = [each.params for each in trials if each.state == TrialState.RUNNING and each.number != trial.number]
        axes = Axes(search_space, [each.params for each in told])
        rows = axes.rows(each.params for each in told)
        values = np.array([each.value for each in told])
        forest = ExtraTreesRegressor(24, bootstrap=True, random_state=int(rng.integers(2**31))).fit(rows, values)
        expected = forest.predict(rows)
        found = candidates(axes, rows[np.argsort(-expected, kind="stable")[:5]], rng)
        votes = np.array([tree.predict(found) for tree in forest.estimators_])
        worth = log_improvement(votes.mean(axis=0), votes.std(axis=0) + 1e-3 * values.std() + 1e-12, expected.max())
        known = set(map(bytes, np.vstack([rows, axes.rows(running)])))
        worth[[bytes(row) in known for row in found]] = -np.inf
        return axes.params(found[worth.argmax()])

    def sample_independent(self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> Any:
        return self._start.sample_independent(study, trial, name, distribution)


class Turns(BaseSampler):
    """Samplers in turns by the number of the trial: g the process, t TPE, f the forest, q a quasi-random point."""

    def __init__(self, turns: str, seed: int, start: int = 8) -> None:
        self._turns, self._seed, self._start = turns, seed, start
        self._process, self._forest = GaussianProcessSampler(seed), Forest(seed)
        self._tpe: tuple[int, BaseSampler] | None = None

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        turn = "g" if trial.number < self._start else self._turns[trial.number % len(self._turns)]
        if turn == "t":
            if self._tpe is None or self._tpe[0] != trial.number:
                seed = int(np.random.SeedSequence([self._seed, trial.number]).generate_state(1)[0])
                made = TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
                self._tpe = trial.number, made
            return self._tpe[1]
        return self._forest if turn == "f" else self._process

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        if self._turns[trial.number % len(self._turns)] == "q":
            return {}
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict) -> dict[str, Any]:
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> Any:
        return self._of(trial).sample_independent(study, trial, name, distribution)


SAMPLERS: dict[str, Any] = {name: name for name in ("random", "tpe", "cmaes", "gp", "auto")}
if importlib.util.find_spec("torch"):
    SAMPLERS["Optuna's GP"] = optunas_gp
# By name: functions of the search's seed.
VARIANTS: dict[str, Callable[[int], BaseSampler]] = {
    "process": GaussianProcessSampler,
    "averaged": Averaged,
    "with a margin": partial(Averaged, shorter=(0.0,), margin=0.1),
    "forest": Forest,
    **{f"turns {turns}": partial(Turns, turns) for turns in ("ggt", "gt", "gggq", "ggf")},
    **{f"from 14 {turns}": partial(Turns, turns, start=14) for turns in ("gggt", "gt", "gf", "gtgf")},
}


def regrets(task: Task, seed: int, cache_dir: Path, n_trials: int, options: dict[str, Any]) -> np.ndarray:
    """Return the regret after each trial of a search."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    if "of_seed" in options:
        options = {**options, "sampler": options["of_seed"](seed)}
        del options["of_seed"]
    with threadpool_limits(1):
        run = search(task, N_FOLDS, seed, cache_dir, n_trials, **options)
    best = np.maximum.accumulate(run.means)
    best = np.append(best, np.full(n_trials - len(best), best[-1]))
    return (run.top - best) / run.spread


Contestants = dict[str, dict[str, Any]]


def compare(
    tasks: Sequence[Task], contestants: Contestants, seeds: Sequence[int], n_trials: int, cache_dir: Path, n_jobs: int
) -> dict[str, np.ndarray]:
    """Return regrets of shape (n_tasks * n_seeds, n_trials) by contestant, tasks and seeds alike in all."""
    calls = [
        delayed(regrets)(task, seed, cache_dir, n_trials, options)
        for task in tasks
        for seed in seeds
        for options in contestants.values()
    ]
    with parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1):
        found = np.array(Parallel()(calls)).reshape(-1, len(contestants), n_trials)
    return {name: found[:, i] for i, name in enumerate(contestants)}


def show(half: str, tasks: Sequence[Task], n_seeds: int, found: dict[str, np.ndarray]) -> None:
    marks = [mark for mark in MARKS if mark <= next(iter(found.values())).shape[1]]
    names = np.repeat([task.name for task in tasks], n_seeds)
    first = next(iter(found))
    print(f"\n{half}: {len(tasks)} tasks, {n_seeds} seeds; mean regret after so many trials, median after {marks[-1]},")
    print(f"and the difference from {first}")
    print(f"{'':24}" + "".join(f"{mark:>8}" for mark in marks) + f"{'median':>9}{'near best':>12}")
    for name, regret in found.items():
        at = regret[:, [mark - 1 for mark in marks]]
        cells = "".join(f"{value:8.3f}" for value in at.mean(axis=0))
        print(f"{name:24}{cells}{np.median(at[:, -1]):9.4f}{100 * (at[:, -1] <= 0.01).mean():10.0f} %")
    for name, regret in list(found.items())[1:]:
        cells = []
        for mark in marks:
            difference = regret[:, mark - 1] - found[first][:, mark - 1]
            low, high = interval(difference, names)
            cells.append(f"  {difference.mean():+.3f} [{low:+.3f}, {high:+.3f}]")
        print(f"{name:16}" + "".join(cells))


def main(samplers: dict[str, Callable[[int], BaseSampler] | str] = SAMPLERS) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samplers", nargs="+", default=["tpe", "random", "cmaes", "gp", "auto"], choices=samplers)
    parser.add_argument("--variants", action="store_true", help="these in place of the samplers")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--in-flight", nargs="+", default=["auto"], help="max_concurrent_trials, one or several")
    parser.add_argument("--half", choices=["choosing", "held-out", "both"], default="both")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--tiny", action="store_true", help="one task, one seed, 20 trials")
    arguments = parser.parse_args()

    print_versions()
    halves = {"choosing": CHOOSING, "held-out": HELD_OUT}
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    if arguments.tiny:
        halves, seeds, arguments.trials = {"choosing": CHOOSING[:1]}, range(1), 20
    contestants: Contestants = {}
    for name in VARIANTS if arguments.variants else arguments.samplers:
        sampler = {"of_seed": VARIANTS[name]} if arguments.variants else {"sampler": samplers[name]}
        for n in arguments.in_flight:
            label = name if len(arguments.in_flight) == 1 else f"{name}, {n} in flight"
            contestants[label] = sampler | {"max_concurrent_trials": n if n == "auto" else int(n)}
    start = time.perf_counter()
    for half, tasks in halves.items():
        if arguments.half in (half, "both"):
            build(tasks, arguments.cache, arguments.jobs)
            found = compare(tasks, contestants, seeds, arguments.trials, arguments.cache, arguments.jobs)
            show(half, tasks, len(seeds), found)
    print(f"\n({time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
