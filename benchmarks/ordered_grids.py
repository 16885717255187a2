"""How much of TPE's worth is left where a grid is written as lists, as GridSearchCV takes it?

Each search is the shipped OptunaSearchCV with TPE over a table of real fold scores (tables.py), whose axes are written
in three ways: as ranges; as lists of numbers in order; and as the same lists in another order, which makes choices of
them, as all lists once were. The tasks are those with a single grid whose axes are numbers in order. The lists hold
each number's place in the axis: to a sampler only the order of the numbers matters.

regret    full-CV score of the grid's best candidate minus that of the search's best, over the table's spread (the best
          candidate of the whole grid minus the median one), mean
over      the same minus that of ranges, paired by task and seed, and the 95 % bootstrap interval of the mean: tasks are
          drawn, then searches of each
alike     searches, in %, that tried the very candidates that the one with ranges tried, in its order

Run: python benchmarks/ordered_grids.py [--tiny]
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tables import CACHE, CHOOSING, HELD_OUT, Run, Task, build, interval, print_versions, run_all, search

AT = (25, 50)
N_FOLDS = 5


def in_order(values: Sequence[Any]) -> bool:
    """Return whether `values` are numbers that rise."""
    return all(isinstance(value, int | float) for value in values) and all(a < b for a, b in pairwise(values))


def shuffled(n: int) -> list[int]:
    """Return the places in an order that neither rises nor falls."""
    for seed in range(n):
        places = np.random.default_rng(seed).permutation(n).tolist()
        if not in_order(places) and not in_order(places[::-1]):
            return places
    raise ValueError(f"{n} places have no other order")


WAYS: dict[str, Callable[[int], Sequence[int]]] = {
    "ranges": range,
    "lists in order": lambda n: list(range(n)),
    "lists, shuffled": shuffled,
}


@dataclass(frozen=True)
class Written(Task):
    """A task with one grid, whose axes are written in one of the ways."""

    way: str

    def space(self) -> Any:
        """Return the space of `Lookup`."""
        return {name: WAYS[self.way](len(axis)) for name, axis in super().space().items()}


TASKS = [
    task
    for task in CHOOSING + HELD_OUT
    if len(task.branches) == 1 and all(in_order(axis) for axis in task.branches[0][1].values())
]


def regrets(runs: Sequence[Run], n_trials: int) -> np.ndarray:
    """Return the regret of each search after so many trials, in spreads."""
    return np.array([(run.top - run.first(n_trials).best) / run.spread for run in runs])


def print_comparison(runs: dict[str, list[Run]], n_trials: int) -> None:
    """Print a line for each way."""
    ranges = [run.first(n_trials) for run in runs["ranges"]]
    tasks = [run.task for run in ranges]
    print(f"\n{n_trials} trials, {len(ranges)} searches of {len(set(tasks))} tasks")
    print(f"{'':18}{'regret':>8}{'over':>9}{'95 % interval':>19}{'alike':>8}")
    for way, found in runs.items():
        over = regrets(found, n_trials) - regrets(ranges, n_trials)
        alike = np.mean([(a.first(n_trials).rows == b.rows).all() for a, b in zip(found, ranges, strict=True)])
        low, high = interval(over, tasks)
        print(
            f"{way:18}{regrets(found, n_trials).mean():8.3f}{over.mean():9.3f}{f'[{low:.3f}, {high:.3f}]':>19}"
            f"{100 * alike:8.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--tiny", action="store_true", help="one task and seed: does it run?")
    arguments = parser.parse_args()
    tasks = [task for task in TASKS if task.name == "wine, SVC"] if arguments.tiny else TASKS
    seeds = range(1 if arguments.tiny else arguments.seeds)

    print_versions()
    build(tasks, arguments.cache, arguments.n_jobs, folds=(N_FOLDS,))
    print("tasks: " + "; ".join(task.name for task in tasks))
    start = time.perf_counter()
    cells = [(task, seed) for task in tasks for seed in seeds]
    calls: list[tuple[Callable[..., Run], tuple, dict]] = []
    for way in WAYS:
        for task, seed in cells:
            written = Written(task.name, task.data, task.scoring, task.branches, way)
            calls.append((search, (written, N_FOLDS, seed, arguments.cache, max(AT)), {}))
    found = run_all(calls, arguments.n_jobs)
    runs = {way: found[i * len(cells) : (i + 1) * len(cells)] for i, way in enumerate(WAYS)}
    for n_trials in AT:
        print_comparison(runs, n_trials)
    print(f"\n{time.perf_counter() - start:.0f} s of searches")


if __name__ == "__main__":
    main()
