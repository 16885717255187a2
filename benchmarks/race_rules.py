"""Which rule should stop a candidate between folds, and does the chosen one hold on data it was not chosen on?

The rules run inside the shipped OptunaSearchCV, with TPE, over tabulated tasks (tables.py). They are compared on the
choosing half; then the default and the rules named by ``--confirm`` are tried on the held-out half, which shares no
data set with the first. How the race begins was simulated before (race_start.py). What is asked for: the fewest fits,
while in at most 2 % of the searches the best candidate visited is among those that were stopped, and no loss of the
best CV score can be told from zero.

Columns, all from searches paired by task and seed with the search that prunes nothing:

fits    fits that ran over those without pruning, at the same number of trials
lost    searches, in %, in which a stopped candidate's full-CV mean is above that of the chosen candidate
>1%     the same, counted only if it is above by more than 1 % of the spread (the table's best minus its median)
loss    best CV score without pruning minus that with it, in % of the spread, and its 95 % bootstrap interval
to 99%  median fits until a complete trial is within 1 % of the spread of the table's best; searches that end before
        count as beyond any number

``--learning`` asks another question: is TPE better off learning from stopped trials by their estimated values?

Run: python benchmarks/race_rules.py [--learning] [--tiny]
"""

import argparse
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from optuna.pruners import BasePruner
from scipy import stats
from tables import CACHE, CHOOSING, FOLDS, HELD_OUT, Run, Task, build, interval, print_versions, run_all, search

from sk_optuna.pruners import PairedRacePruner
from sk_optuna.study import Told

Judge = Callable[[np.ndarray, np.ndarray], bool]
"""From a candidate's scores, NaN for folds to come, and those of complete trials to whether it is stopped."""


class Rule(PairedRacePruner):
    """A race by another rule, of complete trials alone, which begins when four are complete."""

    def __init__(self, judge: Judge, n_startup_trials: int = 4, n_startup_steps: int = 1) -> None:
        super().__init__(1.64, n_startup_trials, n_startup_steps)
        self._judge = judge

    def is_behind(self, own: np.ndarray, scores: np.ndarray) -> bool:
        """Decide by the rule, as PairedRacePruner does by its own."""
        return self._judge(own, scores[~np.isnan(scores).any(axis=1)])


Spread = Callable[[np.ndarray, np.ndarray], tuple[float, int]]
"""From the complete trials' differences and the candidate's own to a standard deviation and the rows it is from."""


def pooled(
    differences: np.ndarray, own: np.ndarray, *, share: float = 1.0, without_equals: bool = True
) -> tuple[float, int]:
    """Pool over the share of the rows that is nearest to the incumbent."""
    if without_equals:
        differences = differences[differences.any(axis=1)]
    if not len(differences):
        return math.inf, 0
    means = differences.mean(axis=1)
    nearest = np.argsort(np.abs(means), kind="stable")[: math.ceil(len(means) * share)]
    squares = ((differences[nearest] - means[nearest, None]) ** 2).sum()
    return math.sqrt(squares / (len(nearest) * (differences.shape[1] - 1))), len(nearest)


def with_own(differences: np.ndarray, own: np.ndarray) -> tuple[float, int]:
    """Pool, but not below the candidate's own standard deviation; from one fold there is none, so pool over all rows.

    Where the nearer half is near-copies of the incumbent, it says little of a candidate of another kind.
    """
    if len(own) == 1:
        return pooled(differences, own)
    sigma, n_rows = pooled(differences, own, share=0.5)
    return max(sigma, float(own.std(ddof=1))), n_rows


def project(
    own: np.ndarray,
    scores: np.ndarray,
    *,
    z: float = 1.64,
    spread: Spread = pooled,
    by_t: bool = False,
    looks: Sequence[int] | None = None,
) -> bool:
    """Stop if the mean difference to the incumbent, projected to all folds, is below zero by `z` standard errors.

    `by_t` takes Student's t for the normal quantile, with as many degrees of freedom as rows the standard deviation is
    from; `looks` are the numbers of folds after which it decides.
    """
    n_ran, n_folds = int(np.count_nonzero(~np.isnan(own))), len(own)
    if looks is not None and n_ran not in looks:
        return False
    incumbent = scores[scores.mean(axis=1).argmax()]
    differences = (own - incumbent)[~np.isnan(own)]
    sigma, n_rows = spread(scores - incumbent, differences)
    if sigma == math.inf:
        return False
    quantile = stats.t.ppf(stats.norm.cdf(z), n_rows) if by_t else z
    error = sigma * math.sqrt(1 / n_ran - 1 / n_folds)
    return bool(differences.mean() + quantile * error < 0)


def project_measured(own: np.ndarray, scores: np.ndarray, *, z: float = 1.64) -> bool:
    """As `project`, with the error that the projection from just these folds had for the nearer half of the trials."""
    ran = ~np.isnan(own)
    incumbent = scores[scores.mean(axis=1).argmax()]
    differences = (scores - incumbent)[(scores != incumbent).any(axis=1)]
    if not len(differences):
        return False
    means = differences.mean(axis=1)
    nearest = np.argsort(np.abs(means), kind="stable")[: math.ceil(len(means) / 2)]
    errors = differences[nearest][:, ran].mean(axis=1) - means[nearest]
    measured = math.sqrt(float((errors**2).mean()))
    assumed = pooled(differences, own)[0] * math.sqrt(1 / ran.sum() - 1 / len(own))
    return bool((own - incumbent)[ran].mean() + z * max(measured, assumed) < 0)


def below_worst_fold(own: np.ndarray, scores: np.ndarray, *, looks: Sequence[int] | None = (2,)) -> bool:
    """Stop if the mean so far is below the incumbent's worst fold; one look, after two folds."""
    ran = ~np.isnan(own)
    if looks is not None and int(ran.sum()) not in looks:
        return False
    return bool(own[ran].mean() < scores[scores.mean(axis=1).argmax()].min())


def below_incumbent(own: np.ndarray, scores: np.ndarray) -> bool:
    """Stop if the mean so far is below the incumbent's on the same folds: no allowance for chance."""
    return bool((own - scores[scores.mean(axis=1).argmax()])[~np.isnan(own)].mean() < 0)


def rules() -> dict[str, BasePruner]:
    """Return the rules that are compared, the shipped one first."""
    found: dict[str, BasePruner] = {f"race, z={z}": PairedRacePruner(z=z) for z in (1.64, 1.28, 1.5, 2.0)}
    return found | {
        "race, 4 complete first": PairedRacePruner(n_startup_trials=4),
        "all rows, z=1.64": Rule(project),
        "all rows, z=2.0": Rule(partial(project, z=2.0)),
        "nearer half, z=1.64": Rule(partial(project, spread=partial(pooled, share=0.5))),
        "nearer half, z=2.0": Rule(partial(project, z=2.0, spread=partial(pooled, share=0.5))),
        "own spread, z=2.2": Rule(partial(project, z=2.2, spread=with_own)),
        "2 folds first, z=1.64": PairedRacePruner(n_startup_steps=2),
        "equals kept, z=1.64": Rule(partial(project, spread=partial(pooled, without_equals=False))),
        "Student's t, z=1.64": Rule(partial(project, by_t=True)),
        "error measured, z=2.33": Rule(partial(project_measured, z=2.33)),
        "projected, one look": Rule(partial(project, looks=(2,))),
        "worst fold, one look": Rule(below_worst_fold),
        "below the incumbent": Rule(below_incumbent),
    }


CONFIRMED = ["race, z=2.0", "all rows, z=1.64", "nearer half, z=1.64"]


def search_deaf(*args: Any, **kwargs: Any) -> Run:
    """Search with a sampler that does not learn from the estimates of stopped trials."""
    with mock.patch.object(Told, "has_estimates", False):
        return search(*args, **kwargs)


Contestants = dict[str, tuple[Callable[..., Run], dict[str, Any]]]


def measure(
    contestants: Contestants, tasks: Sequence[Task], seeds: Sequence[int], n_trials: int, cache: Path, n_jobs: int
) -> dict[str, list[Run]]:
    """Return the runs of each contestant, in one order of tasks, folds and seeds."""
    cells = [(task, k, seed) for task in tasks for k in FOLDS for seed in seeds]
    calls = [
        (function, (task, k, seed, cache, n_trials), options)
        for function, options in contestants.values()
        for task, k, seed in cells
    ]
    runs = run_all(calls, n_jobs)
    return {name: runs[i * len(cells) : (i + 1) * len(cells)] for i, name in enumerate(contestants)}


def print_table(runs: Mapping[str, Sequence[Run]], lengths: Sequence[int]) -> None:
    """Print a block for each number of folds and trials; the first contestant prunes nothing."""
    baseline = next(iter(runs))
    for n_folds in FOLDS:
        for n_trials in lengths:
            cut = {
                name: [run.first(n_trials) for run in found if run.n_folds == n_folds] for name, found in runs.items()
            }
            whole = cut[baseline]
            print(
                f"\n{n_folds} folds, {n_trials} trials, {len(whole)} searches of {len({r.task for r in whole})} tasks"
            )
            print(f"{'':26}{'fits':>6}{'lost':>7}{'>1%':>7}{'loss':>9}{'95 % interval':>18}{'to 99%':>9}{'reached':>9}")
            for name, found in cut.items():
                print(_line(name, found, whole))


def _line(name: str, found: Sequence[Run], whole: Sequence[Run]) -> str:
    fits = np.mean([run.n_fits / base.n_fits for run, base in zip(found, whole, strict=True)])
    lost = np.array([run.lost for run in found])
    losses = np.array([(base.best - run.best) / run.spread for run, base in zip(found, whole, strict=True)])
    low, high = interval(losses, [run.task for run in found])
    to_top = np.array([run.fits_to(0.01) for run in found])
    median = float(np.median(to_top))
    return (
        f"{name:26}{fits:6.2f}{100 * np.mean(lost > 0):6.1f}%{100 * np.mean(lost > 0.01):6.1f}%"
        f"{100 * losses.mean():9.2f}{f'[{100 * low:+.2f}, {100 * high:+.2f}]':>18}"
        f"{'never' if math.isinf(median) else f'{median:.0f}':>9}{100 * np.mean(np.isfinite(to_top)):8.0f}%"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6, help="searches per task, rule and number of folds")
    parser.add_argument("--trials", type=int, default=100, help="half of them are reported too")
    parser.add_argument("--rules", nargs="+", metavar="RULE", help="compared on the choosing half (default: all)")
    parser.add_argument("--confirm", nargs="*", default=CONFIRMED, metavar="RULE", help="tried on the held-out half")
    parser.add_argument("--only", choices=["choosing", "held-out"], help="one half")
    parser.add_argument("--learning", action="store_true", help="what TPE learns from stopped trials instead")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where tables are kept (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="one small task a half, one seed, 30 trials")
    arguments = parser.parse_args()

    print_versions()
    halves = {"choosing": CHOOSING, "held-out": HELD_OUT}
    if arguments.only:
        halves = {arguments.only: halves[arguments.only]}
    seeds, n_trials = range(arguments.seeds), arguments.trials
    if arguments.tiny:
        halves = {name: [tasks[-1 if name == "choosing" else 0]] for name, tasks in halves.items()}
        seeds, n_trials = range(1), 30
    for half, tasks in halves.items():
        build(tasks, arguments.cache, arguments.jobs)
        start = time.perf_counter()
        runs = measure(contestants(half, arguments), tasks, seeds, n_trials, arguments.cache, arguments.jobs)
        print(f"\n=== {half} half: {', '.join(task.name for task in tasks)}")
        print_table(runs, sorted({n_trials // 2, n_trials}))
        print(f"\n({sum(map(len, runs.values()))} searches in {time.perf_counter() - start:.0f} s)")


def contestants(half: str, arguments: argparse.Namespace) -> Contestants:
    """Return the rules for a half: on the first every rule, on the other the default and those to be confirmed."""
    found: Contestants = {"no pruning": (search, {})}
    if arguments.learning:
        found["race"] = (search, {"pruner": "race"})
        found["race, deaf to estimates"] = (search_deaf, {"pruner": "race"})
        return found
    named = rules()
    shipped = next(iter(named))
    wanted = arguments.rules or list(named) if half == "choosing" else [shipped, *arguments.confirm]
    return found | {name: (search, {"pruner": named[name]}) for name in wanted}


if __name__ == "__main__":
    main()
