"""How many fits does pruning between folds save, and what does it cost in the best CV score?

Every search is the shipped OptunaSearchCV over a task whose fold scores are known for all candidates (tables.py): real
scores of scikit-learn models on scikit-learn data. So the score that a stopped candidate would have is known, too.
Searches are paired by task, number of folds and seed. The held-out tasks are those that no rule was chosen on
(race_rules.py).

fits      fits that ran over those of the search without pruning, at the same number of trials
loss      best CV score without pruning minus that with it, in % of the task's spread (the best candidate of the whole
          grid minus the median one), and the 95 % bootstrap interval of the mean: tasks are drawn, then searches
lost      searches, in % of those in which anything was stopped, in which a stopped candidate would have had a full-CV
          mean above that of the candidate that the search chose
>1%       the same, counted only where it would have been above by more than 1 % of the spread
to 99%    median number of fits until a complete trial is within 1 % of the spread of the grid's best; a search that
          ends before counts as beyond any number, also where it ended early for having saved fits
in half   searches, in %, that were there within half the fits of an unpruned search of that many trials

Run: python benchmarks/fits_saved.py [--tiny]
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables import (
    CACHE,
    CHOOSING,
    FOLDS,
    HELD_OUT,
    Run,
    Task,
    build,
    interval,
    print_versions,
    run_all,
    search,
    search_at_random,
)

CONTESTANTS: dict[str, tuple[Callable[..., Run], dict[str, Any]]] = {
    "no pruning": (search, {}),
    'pruner="race"': (search, {"pruner": "race"}),
    'pruner="median"': (search, {"pruner": "median"}),
    'pruner="wilcoxon"': (search, {"pruner": "wilcoxon"}),
    "RandomizedSearchCV": (search_at_random, {}),
}
# With this number of trials, by the number of folds.
N_ASKED, TARGETS = 50, {5: 0.52, 10: 0.45}


def paired(
    tasks: Sequence[Task], seeds: Sequence[int], n_trials: int, cache: Path, n_jobs: int
) -> dict[str, list[Run]]:
    """Return the runs of each contestant, in one order of tasks, folds and seeds."""
    cells = [(task, k, seed) for task in tasks for k in FOLDS for seed in seeds]
    runs = run_all(
        [
            (function, (task, k, seed, cache, n_trials), options)
            for function, options in CONTESTANTS.values()
            for task, k, seed in cells
        ],
        n_jobs,
    )
    return {name: runs[i * len(cells) : (i + 1) * len(cells)] for i, name in enumerate(CONTESTANTS)}


def print_comparison(runs: dict[str, list[Run]], n_folds: int, n_trials: int) -> None:
    cut = {name: [run.first(n_trials) for run in found if run.n_folds == n_folds] for name, found in runs.items()}
    whole = cut["no pruning"]
    print(f"\n{n_folds} folds, {n_trials} trials, {len(whole)} searches of {len({run.task for run in whole})} tasks")
    print(
        f"{'':22}{'fits':>6}{'loss':>8}{'95 % interval':>18}{'lost':>8}{'>1%':>7}{'to 99%':>9}{'reached':>9}"
        f"{'in half':>9}"
    )
    for name, found in cut.items():
        print(_line(name, found, whole, budget=n_trials * n_folds / 2))


def _line(name: str, found: Sequence[Run], whole: Sequence[Run], budget: float) -> str:
    fits = np.mean([run.n_fits / base.n_fits for run, base in zip(found, whole, strict=True)])
    losses = np.array([(base.best - run.best) / run.spread for run, base in zip(found, whole, strict=True)])
    low, high = (100 * end for end in interval(losses, [run.task for run in found]))
    raced = np.array([run.lost for run in found if not run.complete.all()])
    lost = [f"{100 * np.mean(raced > least):.1f}%" if len(raced) else "" for least in (0, 0.01)]
    to_top = np.array([run.fits_to(0.01) for run in found])
    median = float(np.median(to_top))
    return (
        f"{name:22}{fits:6.2f}{100 * losses.mean():8.2f}{f'[{low:+.2f}, {high:+.2f}]':>18}{lost[0]:>8}{lost[1]:>7}"
        f"{'never' if math.isinf(median) else f'{median:.0f}':>9}{100 * np.mean(np.isfinite(to_top)):8.0f}%"
        f"{100 * np.mean(to_top <= budget):8.0f}%"
    )


def print_tasks(runs: dict[str, list[Run]], name: str) -> None:
    """Print, task by task, one contestant's savings and losses, and the scores in the metric's own unit."""
    print(f"\n{name}, task by task (5 and 10 folds){'fits':>14}{'lost':>11}{'loss':>10}{'best score':>13}{'spread':>9}")
    pairs = list(zip(runs[name], runs["no pruning"], strict=True))
    for half, task in dict.fromkeys((run.half, run.task) for run, _ in pairs):
        own = [(run, base) for run, base in pairs if run.task == task]
        fits = [f"{np.mean([run.n_fits / base.n_fits for run, base in own if run.n_folds == k]):.2f}" for k in FOLDS]
        lost = sum(run.lost > 0 for run, _ in own)
        loss = np.mean([base.best - run.best for run, base in own])
        best, spread = (np.mean([getattr(run, what) for run, _ in own]) for what in ("top", "spread"))
        lost_of = f"{lost} of {len(own)}"
        print(f"  {task:26}{half:10}{' / '.join(fits):>22}{lost_of:>11}{loss:10.4f}{best:13.4f}{spread:9.4f}")


def print_verdict(runs: dict[str, list[Run]]) -> None:
    cut = {name: [run.first(N_ASKED) for run in runs[name]] for name in ("no pruning", 'pruner="race"')}
    raced = cut['pruner="race"']
    print()
    for n_folds, target in TARGETS.items():
        pairs = zip(raced, cut["no pruning"], strict=True)
        ratio = np.mean([run.n_fits / base.n_fits for run, base in pairs if run.n_folds == n_folds])
        print(f"race, {n_folds} folds, {N_ASKED} trials: {ratio:.3f} of the fits (asked for: at most {target})")
    lost = [run.lost > 0 for run in raced if not run.complete.all()]
    print(f"race, full-CV best lost: {sum(lost)} of {len(lost)} searches, {100 * np.mean(lost):.1f} % (at most 2 %)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="searches per task, contestant and number of folds")
    parser.add_argument("--trials", type=int, default=100, help="half of them are reported too")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where tables are kept (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="two small tasks, one seed, 30 trials")
    arguments = parser.parse_args()

    print_versions()
    tasks, seeds, n_trials = CHOOSING + HELD_OUT, range(arguments.seeds), arguments.trials
    if arguments.tiny:
        tasks = [task for task in tasks if task.name in ("iris, three models", "circles, SVC kernels")]
        seeds, n_trials = range(1), 30
    build(tasks, arguments.cache, arguments.jobs)
    start = time.perf_counter()
    runs = paired(tasks, seeds, n_trials, arguments.cache, arguments.jobs)
    for name, half in {"all tasks": ("choosing", "held out"), "held-out tasks": ("held out",)}.items():
        print(f"\n=== {name}")
        part = {contestant: [run for run in found if run.half in half] for contestant, found in runs.items()}
        for n_folds in FOLDS:
            for length in sorted({n_trials // 2, n_trials}):
                print_comparison(part, n_folds, length)
    print_tasks(runs, 'pruner="race"')
    print_verdict(runs)
    print(f"\n({sum(map(len, runs.values()))} searches in {time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
