"""How should a race between folds begin, and what should it know of the spread of differences?

A simulation over tables of real fold scores (tables.py), with candidates drawn at random and, with ``--traces``, with
those that TPE visited without pruning. It needs no search, so hundreds of runs of a rule take seconds. Rules are chosen
on the choosing half; ``--confirm`` tries the named ones on the held-out half. What is chosen is then measured inside
the shipped search (race_rules.py, fits_saved.py).

The first trials, the heat, run a few folds each. The best of them is completed and leads; the others race against it by
a margin of their own. Every later trial races against the best complete one as of its ask.

first 8, 20, 50   folds that ran over all folds of so many trials, 5 / 10 folds together
lost              searches, in %, in which a stopped candidate's full-CV mean is above that of the chosen one
>1%               the same, counted only if it is above by more than 1 % of the spread (the best minus the median)
loss              the best mean of all 50 minus the chosen one's, in % of the spread, and its 95 % bootstrap interval

What lost: a fold's effect on all differences to one incumbent, taken off (fewest fits, but the rows that it is learned
from are survivors, who were lucky in the first folds: it loses the best most often); what the nearest candidates were
like, as a sampler's belief would be (loses more for the little that it saves); a margin of its own for the heat; one
fold first, of which there is no spread; a heat of four or twelve; complete rows only.

Run: python benchmarks/race_start.py [--traces] [--confirm RULE ...] [--tiny]
"""

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from scipy import stats
from tables import CACHE, CHOOSING, FOLDS, HELD_OUT, Task, build, interval, print_versions, run_all, search, table

N_TRIALS = 50
LENGTHS = (8, 20, 50)


@dataclass(frozen=True)
class Rule:
    """A race.

    Attributes
    ----------
    heat : int
        Trials that begin together; 0 for none.
    first_folds : int
        Folds that each of them runs before there is a leader.
    z0, z : float
        Standard errors that a trial may be behind in the heat, and later.
    partial : bool
        Whether the spread is also estimated from trials that were stopped.
    n_complete, least_df : int
        Complete trials, and degrees of freedom of the spread, before a later trial is stopped.
    by_t : bool
        Whether Student's t replaces the normal quantile.
    own : bool
        Whether the candidate's own differences are among those that the spread is estimated from.
    share : float
        Share of the rows, those nearest to the incumbent, that the spread is estimated from.
    moderate : float
        Degrees of freedom with which the pooled spread is joined to the candidate's own, by Student's t; 0 for not.
    effects : bool
        Whether a fold's effect, common to all differences to one incumbent, is estimated and taken off.
    prior : float
        Weight of what the nearest candidates so far were like, in folds of the candidate's own; 0 for none.
    lag : int
        Trials in flight after the heat.
    first_runs_on : bool
        Whether the first trial is never stopped, so that a search that is ended early has a result.
    leads_on : bool
        Whether the leader of the heat also judges later trials that were asked before any complete one was told.
    """

    heat: int = 8
    first_folds: int = 2
    z0: float = 1.64
    z: float = 1.64
    partial: bool = True
    n_complete: int = 1
    least_df: int = 2
    by_t: bool = False
    own: bool = False
    share: float = 0.5
    moderate: float = 3.0
    effects: bool = False
    prior: float = 0.0
    lag: int = 4
    first_runs_on: bool = True
    leads_on: bool = False


BEFORE = Rule(heat=0, partial=False, n_complete=4, least_df=0, share=1.0, moderate=0.0)


def simulate(scores: np.ndarray, places: np.ndarray, rule: Rule) -> np.ndarray:
    """Return how many folds of each trial run.

    Parameters
    ----------
    scores : ndarray of shape (n_trials, n_folds)
        All scores, higher is better, in the order in which trials are asked and folds run.
    places : ndarray of shape (n_trials, n_dimensions)
        Where the candidates are in the grid.
    """
    n_trials, n_folds = scores.shape
    n_run = np.full(n_trials, n_folds)
    n_heat = rule.heat if rule.first_folds < n_folds else 0
    leader = None
    if n_heat:
        leader = int(scores[:n_heat, : rule.first_folds].mean(axis=1).argmax())
        ran = np.arange(n_heat)
        for t in set(range(rule.first_runs_on, n_heat)) - {leader}:
            n_seen = np.full(n_heat, rule.first_folds)
            for k in range(rule.first_folds, n_folds):
                if rule.own:
                    n_seen[t] = k
                rivals = _Rivals(scores[ran], places[ran], n_seen, leader)
                if rivals.stop(scores[t, :k], n_folds, scores[leader], places[t], rule, rule.z0, skip=t):
                    n_run[t] = k
                    break
    for t in range(n_heat, n_trials):
        told = np.arange(max(0, t - rule.lag + 1))
        complete = told[n_run[told] == n_folds]
        if not len(complete) and rule.leads_on and leader is not None:
            complete = np.array([leader])
            told = np.append(told, leader)
        if len(complete) < rule.n_complete:
            continue
        incumbent = complete[scores[complete].mean(axis=1).argmax()]
        rows = told if rule.partial else complete
        for k in range(1, n_folds):
            rivals = _Rivals(scores[rows], places[rows], n_run[rows], int(np.flatnonzero(rows == incumbent)[0]))
            if rivals.stop(scores[t, :k], n_folds, scores[incumbent], places[t], rule, rule.z):
                n_run[t] = k
                break
    return n_run


@dataclass(frozen=True)
class _Rivals:
    scores: np.ndarray
    places: np.ndarray
    n_run: np.ndarray
    incumbent: int

    def stop(
        self,
        own: np.ndarray,
        n_folds: int,
        leader: np.ndarray,
        place: np.ndarray,
        rule: Rule,
        z: float,
        skip: int | None = None,
    ) -> bool:
        k = len(own)
        differences = own - leader[:k]
        ran = np.arange(n_folds) < self.n_run[:, None]
        rows = np.where(ran, self.scores - leader, 0.0)
        used = (self.n_run >= 2) & (rows != 0).any(axis=1)
        used[self.incumbent] = False
        rows, ran, n_run = rows[used], ran[used], self.n_run[used]
        if rule.own and skip is None and k >= 2 and differences.any():
            rows = np.vstack([rows, np.pad(differences, (0, n_folds - k))])
            ran = np.vstack([ran, np.arange(n_folds) < k])
            n_run = np.append(n_run, k)
        if not len(rows):
            return False
        means = rows.sum(axis=1) / n_run
        if rule.share < 1:
            near = np.argsort(np.abs(means), kind="stable")[: max(2, math.ceil(len(means) * rule.share))]
            rows, ran, n_run, means = rows[near], ran[near], n_run[near], means[near]
        df = int((n_run - 1).sum())
        if df < rule.least_df:
            return False
        effects = np.zeros(n_folds)
        if rule.effects:
            for _ in range(4):
                effects = np.where(ran, rows - means[:, None], 0).sum(axis=0) / (ran.sum(axis=0) + 1)
                means = np.where(ran, rows - effects, 0).sum(axis=1) / n_run
        residuals = np.where(ran, rows - means[:, None] - effects, 0)
        sigma = math.sqrt((residuals**2).sum() / df)
        expected = float((differences - effects[:k]).mean() + effects.mean())
        error = sigma * math.sqrt(1 / k - 1 / n_folds)
        if rule.prior and len(rows) >= 4:
            expected, error = self._with_prior(expected, error, sigma, place, means, used, rule)
        if rule.moderate:
            squares = ((differences - differences.mean()) ** 2).sum()
            ratio = math.sqrt((rule.moderate * sigma**2 + squares) / (rule.moderate + k - 1)) / sigma if sigma else 1
            return expected + _t_quantile(z, rule.moderate + k - 1) * ratio * error < 0
        quantile = _t_quantile(z, df) if rule.by_t else z
        return expected + quantile * error < 0

    def _with_prior(
        self,
        expected: float,
        error: float,
        sigma: float,
        place: np.ndarray,
        means: np.ndarray,
        used: np.ndarray,
        rule: Rule,
    ) -> tuple[float, float]:
        """Combine the projection with the mean of the three nearest candidates so far, by their variances."""
        if len(means) != used.sum():
            return expected, error
        near = np.abs(self.places[used] - place).sum(axis=1).argsort(kind="stable")[:3]
        variance = max(float(means[near].var(ddof=1)), sigma**2 / rule.prior)
        weight = variance / (variance + error**2)
        return weight * expected + (1 - weight) * float(means[near].mean()), error * math.sqrt(weight)


@cache
def _t_quantile(z: float, df: float) -> float:
    return float(stats.t.ppf(stats.norm.cdf(z), df))


def rules() -> dict[str, Rule]:
    """Return the rules that are compared: the one without a heat, the chosen one, and each with one thing changed."""
    chosen, plain = Rule(), Rule(share=1.0, moderate=0.0, z0=2.0, z=2.0)
    found = {"chosen": chosen, "before: no heat, four complete": BEFORE}
    for z in (1.28, 1.5, 1.8, 2.0):
        found[f"z={z:g}"] = replace(chosen, z0=z, z=z)
    changes = {
        "z0=2, z=1.64": {"z0": 2.0},
        "first may be stopped": {"first_runs_on": False},
        "no heat, from 1 complete": {"heat": 0},
        "heat of 4": {"heat": 4},
        "heat of 12": {"heat": 12},
        "one fold first": {"first_folds": 1, "least_df": 1},
        "three folds first": {"first_folds": 3},
        "complete rows only": {"partial": False},
        "all rows": {"share": 1.0},
        "own weighs less (others 6)": {"moderate": 6.0},
        "own weighs more (others 2)": {"moderate": 2.0},
        "nearer half only": {"moderate": 0.0},
        "nearer half only, z=2": {"moderate": 0.0, "z0": 2.0, "z": 2.0},
        "lag 1": {"lag": 1},
        "lag 8": {"lag": 8},
        "leader judges on": {"leads_on": True},
    }
    found |= {name: replace(chosen, **change) for name, change in changes.items()}
    changes = {
        "plain: all rows, z0=z=2": {},
        "plain, z0=z=1.64": {"z0": 1.64, "z": 1.64},
        "plain, z0=2.5, z=2": {"z0": 2.5},
        "plain, t, own, z0=z=1.64": {"z0": 1.64, "z": 1.64, "by_t": True, "own": True},
        "plain, t, own, z0=z=2": {"by_t": True, "own": True},
        "plain, nearer half, t, own, z=2": {"by_t": True, "own": True, "share": 0.5},
        "plain, fold effects": {"effects": True},
        "plain, fold effects, z0=z=2.5": {"effects": True, "z0": 2.5, "z": 2.5},
        "plain, neighbours, weight 1": {"prior": 1.0},
        "plain, neighbours, weight .3": {"prior": 0.3},
    }
    return found | {name: replace(plain, **change) for name, change in changes.items()}


def places_of(task: Task) -> np.ndarray:
    """Return where each candidate is: its branch, far apart, and its positions from 0 to 1."""
    width = max(map(len, task.sizes))
    found = []
    for branch, size in enumerate(task.sizes):
        at = np.indices(size).reshape(len(size), -1).T / np.maximum(np.array(size) - 1, 1)
        padded = np.pad(at, ((0, 0), (0, width - len(size))))
        found.append(np.column_stack([np.full(len(at), 10.0 * branch), padded]))
    return np.concatenate(found)


@dataclass(frozen=True)
class Outcome:
    """One simulated search."""

    task: str
    n_folds: int
    shares: tuple[float, ...]
    lost: float


def play(rule: Rule, task: Task, n_folds: int, seed: int, rows: np.ndarray | None, cache_dir: Path) -> Outcome:
    """Simulate one search over a task's table; without `rows` the candidates are drawn."""
    known = table(task.name, n_folds, cache_dir)
    rng = np.random.default_rng([seed, n_folds])
    if rows is None:
        rows = rng.permutation(len(known.scores))[:N_TRIALS]
    order = rng.permutation(n_folds)
    n_run = simulate(known.scores[rows][:, order], places_of(task)[rows], rule)
    means = known.means[rows]
    lost = max(0.0, float(means.max() - means[n_run == n_folds].max())) / known.spread
    return Outcome(task.name, n_folds, tuple(n_run[:n].sum() / (n * n_folds) for n in LENGTHS), lost)


def play_all(name: str, rule: Rule, cells: Sequence[tuple], cache_dir: Path) -> tuple[str, list[Outcome]]:
    """Simulate a rule in every cell."""
    return name, [play(rule, *cell, cache_dir) for cell in cells]


def print_table(results: dict[str, list[Outcome]]) -> None:
    print(
        f"{'':32}{'first 8':>9}{'20':>6}{'50':>6}{'(5':>7}{'10)':>6}{'lost':>8}{'>1%':>7}{'loss':>8}"
        f"{'95 % interval':>17}"
    )
    for name, found in results.items():
        shares = np.array([one.shares for one in found])
        folds = np.array([one.n_folds for one in found])
        lost = np.array([one.lost for one in found])
        low, high = interval(lost, [one.task for one in found], n_draws=500)
        print(
            f"{name:32}{shares[:, 0].mean():9.3f}{shares[:, 1].mean():6.3f}{shares[:, 2].mean():6.3f}"
            f"{shares[folds == 5, 2].mean():7.3f}{shares[folds == 10, 2].mean():6.3f}"
            f"{100 * np.mean(lost > 0):7.1f}%{100 * np.mean(lost > 0.01):6.1f}%{100 * lost.mean():8.3f}"
            f"{f'[{100 * low:.3f}, {100 * high:.3f}]':>17}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=30, help="searches per task, rule and number of folds")
    parser.add_argument("--traces", action="store_true", help="candidates that TPE visited, instead of random ones")
    parser.add_argument("--rules", nargs="+", metavar="RULE", help="compared on the choosing half (default: all)")
    parser.add_argument("--confirm", nargs="+", metavar="RULE", help="tried on the held-out half, and nothing else")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where tables are kept (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="one small task, two seeds, three rules")
    arguments = parser.parse_args()

    print_versions()
    tasks = HELD_OUT if arguments.confirm else CHOOSING
    named, n_seeds = rules(), arguments.seeds
    wanted = arguments.confirm or arguments.rules or list(named)
    if arguments.tiny:
        tasks, n_seeds, wanted = tasks[-1:], 2, wanted[:3]
    build(tasks, arguments.cache, arguments.jobs)
    start = time.perf_counter()
    cells = [(task, k, seed) for task in tasks for k in FOLDS for seed in range(n_seeds)]
    traces: list[np.ndarray | None] = [None] * len(cells)
    if arguments.traces:
        calls = [(search, (task, k, seed, arguments.cache, N_TRIALS), {}) for task, k, seed in cells]
        traces = [run.rows for run in run_all(calls, arguments.jobs)]
    cells = [(*cell, rows) for cell, rows in zip(cells, traces, strict=True)]
    results = Parallel(n_jobs=arguments.jobs)(
        delayed(play_all)(name, named[name], cells, arguments.cache) for name in wanted
    )
    source = "TPE's candidates" if arguments.traces else "random candidates"
    print(f"\n=== {'held-out' if arguments.confirm else 'choosing'} half, {source}, {len(cells)} searches a rule")
    print_table(dict(results))
    print(f"\n({len(cells) * len(wanted)} searches in {time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
