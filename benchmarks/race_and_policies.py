"""How often does a race stop the candidate that a policy for `refit` would have chosen?

Every search is the shipped OptunaSearchCV with TPE over a task whose fold scores are known for all candidates
(tables.py), raced or not. A policy of sk_optuna.refit chooses twice: among the candidates that the search completed, as
it does in use, and among all that it tried, as if each had run all folds. Both halves of the tasks are printed: rules
of the race were chosen on one of them.

fits      fits that ran, over those of all folds of all candidates
near      candidates within the policy's limit of the best, mean, if all had run to their end
stopped   share of these that the race stopped, in %
lost      searches, in %, whose race stopped the very candidate that the policy would have chosen, and the 95 %
          bootstrap interval: tasks are drawn, then searches
complex   searches, in %, in which the policy then took a more complex candidate
score     full-CV score of the candidate that was taken minus that of the one that would have been, in % of the task's
          spread (the best candidate of the whole grid minus the median one)
gives up  full-CV score of the best candidate minus that of the one that was taken, in % of the spread

"refit=True" takes the best candidate: its `lost` is what the race costs without a policy.

Run: python benchmarks/race_and_policies.py [--tiny]
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tables import CACHE, CHOOSING, FOLDS, HELD_OUT, Run, Task, build, interval, print_versions, run_all, search, table

from sk_optuna.pruners import PairedRacePruner
from sk_optuna.refit import OneStandardError, PercentLoss

KERNELS = {"branch": [1, 2, 0], "c": "low", "e": "low", "d": "low", "a": "low"}
MODELS = {"branch": [2, 1, 0], "e": "high", "c": "high", "a": "low"}
# By the letters of the axes in `Task.space`, whose values are places in the grid.
SIMPLER: dict[str, dict[str, Any]] = {
    "cancer, SVC": {"a": "low", "b": "low"},
    "cancer, elastic net": {"a": "low", "b": "high"},
    "digits, SVC kernels": KERNELS,
    "diabetes, boosting": {"b": "low", "a": "low", "c": "high"},
    "diabetes, three models": MODELS,
    "hastie, forest": {"c": "low", "b": "high"},
    "quantiles, SVC": {"a": "low", "b": "low"},
    "friedman1, MLP": {"a": "low", "b": "high"},
    "wine, SVC": {"a": "low", "b": "low"},
    "redundant, elastic net": {"a": "low", "b": "high"},
    "iris, three models": {"branch": [2, 1, 0], "e": "low", "c": "high", "a": "low"},
    "clusters, forest": {"c": "low", "b": "high"},
    "friedman2, boosting": {"b": "low", "a": "low", "c": "high"},
    "friedman3, three models": MODELS,
    "circles, SVC kernels": KERNELS,
    "moons, MLP": {"a": "low", "b": "high"},
}
RACES: dict[str, dict[str, Any]] = {
    "no pruning": {},
    'pruner="race"': {"pruner": "race"},
    "PairedRacePruner(z=2)": {"pruner": PairedRacePruner(z=2)},
    "PairedRacePruner(z=3)": {"pruner": PairedRacePruner(z=3)},
}
POLICIES = ("OneStandardError", "PercentLoss(2)", "refit=True")
N_TRIALS = 50


@dataclass(frozen=True)
class Taken:
    """A policy's choice in one search, and the one that it would have made had all candidates run."""

    run: Run
    n_near: int
    n_near_stopped: int
    lost: bool
    more_complex: bool
    gain: float
    gives_up: float


def policy_of(name: str, task: str) -> OneStandardError | PercentLoss:
    """Return a policy with the task's order; the best candidate is one that may lose nothing."""
    if name == "OneStandardError":
        return OneStandardError(SIMPLER[task])
    return PercentLoss(2 if name == "PercentLoss(2)" else 0, simpler=SIMPLER[task])


def params_of(task: Task, rows: np.ndarray) -> list[dict[str, int]]:
    """Return the parameters of `Lookup` for candidates, as `Task.space` names them."""
    space = task.space()
    branches = [space] if isinstance(space, dict) else space
    ends = np.cumsum([np.prod(size) for size in task.sizes])
    params = []
    for row in rows:
        branch = int(np.searchsorted(ends, row, side="right"))
        place = np.unravel_index(row - (ends[branch - 1] if branch else 0), task.sizes[branch])
        names = [name for name in branches[branch] if name != "branch"]
        params.append({"branch": branch, **dict(zip(names, map(int, place), strict=True))})
    return params


def taken(name: str, task: Task, run: Run, cache: Path) -> Taken:
    """Let a policy choose among the complete candidates of a search, and among all."""
    known = table(task.name, run.n_folds, cache)
    scores, params = known.scores[run.rows], params_of(task, run.rows)
    columns = {f"split{i}_test_score": column for i, column in enumerate(scores.T)}
    results = {"params": params, "mean_test_score": run.means, **columns}
    policy = policy_of(name, task.name)
    wanted = policy.explain(results)
    complete = np.where(run.complete, "COMPLETE", "PRUNED")
    got = policy.explain({**results, "trial_state": complete})
    near = _near(policy, run.means, scores, wanted.best_index)
    key = {row: _key(SIMPLER[task.name], params[row]) for row in (got.index, wanted.index)}
    return Taken(
        run,
        n_near=len(near),
        n_near_stopped=int((~run.complete[near]).sum()),
        lost=not run.complete[wanted.index],
        more_complex=key[got.index] > key[wanted.index],
        gain=float(run.means[got.index] - run.means[wanted.index]) / run.spread,
        gives_up=float(run.means[wanted.best_index] - run.means[got.index]) / run.spread,
    )


def _near(policy: OneStandardError | PercentLoss, means: np.ndarray, scores: np.ndarray, best: int) -> np.ndarray:
    """Return the candidates within the limit: each is shown to the policy beside the best one alone."""
    alike = [dict.fromkeys(policy.simpler, 0)] * 2
    rows = []
    for row in range(len(means)):
        columns = {f"split{i}_test_score": column for i, column in enumerate(scores[[best, row]].T)}
        found = policy.explain({"params": alike, "mean_test_score": means[[best, row]], **columns})
        if found.n_near == 2:
            rows.append(row)
    return np.array(rows)


def _key(simpler: dict[str, Any], params: dict[str, int]) -> tuple[tuple[int, int], ...]:
    """Return a key that sorts candidates from simple to complex."""
    places = []
    for name, order in simpler.items():
        if name not in params:
            places.append((1, 0))
        elif isinstance(order, list):
            places.append((0, order.index(params[name])))
        else:
            places.append((0, params[name] if order == "low" else -params[name]))
    return tuple(places)


def print_half(half: str, runs: dict[str, list[Run]], tasks: dict[str, Task], cache: Path) -> None:
    """Print a line for each policy and race."""
    n_searches = sum(run.half == half for run in runs["no pruning"])
    print(f"\n=== {half} half, {N_TRIALS} trials, {n_searches} searches a line")
    print(
        f"{'':41}{'fits':>6}{'near':>7}{'stopped':>9}{'lost':>7}{'95 % interval':>15}{'complex':>9}{'score':>8}"
        f"{'gives up':>10}"
    )
    for policy in POLICIES:
        for race, found in runs.items():
            each = [taken(policy, tasks[run.task], run, cache) for run in found if run.half == half]
            print(_line(f"{policy:18}{race}", each))


def _line(name: str, each: Sequence[Taken]) -> str:
    lost = np.array([one.lost for one in each], dtype=float)
    low, high = interval(lost, [one.run.task for one in each])
    fits = np.mean([one.run.n_fits / (len(one.run.rows) * one.run.n_folds) for one in each])
    stopped = sum(one.n_near_stopped for one in each) / sum(one.n_near for one in each)
    return (
        f"{name:41}{fits:6.2f}{np.mean([one.n_near for one in each]):7.1f}{100 * stopped:9.1f}{100 * lost.mean():7.1f}"
        f"{f'[{100 * low:.1f}, {100 * high:.1f}]':>15}{100 * np.mean([one.more_complex for one in each]):9.1f}"
        f"{100 * np.mean([one.gain for one in each]):8.2f}{100 * np.mean([one.gives_up for one in each]):10.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="searches per task, number of folds and race")
    parser.add_argument("--folds", type=int, nargs="+", default=list(FOLDS), choices=FOLDS)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where tables are kept (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="two small tasks, five folds, one seed")
    arguments = parser.parse_args()

    print_versions()
    tasks, seeds, folds = CHOOSING + HELD_OUT, range(arguments.seeds), arguments.folds
    if arguments.tiny:
        tasks = [task for task in tasks if task.name in ("quantiles, SVC", "circles, SVC kernels")]
        seeds, folds = range(1), (5,)
    build(tasks, arguments.cache, arguments.jobs, folds)
    start = time.perf_counter()
    cells = [(task, k, seed, arguments.cache, N_TRIALS) for task in tasks for k in folds for seed in seeds]
    found = run_all([(search, cell, race) for race in RACES.values() for cell in cells], arguments.jobs)
    runs = {race: found[i * len(cells) : (i + 1) * len(cells)] for i, race in enumerate(RACES)}
    for half in ("choosing", "held out"):
        print_half(half, runs, {task.name: task for task in tasks}, arguments.cache)
    print(f"\n({len(found)} searches in {time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
