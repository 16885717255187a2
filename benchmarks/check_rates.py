"""How often does each check speak where nothing is wrong?

Searches run over tables of real scores (tables.py), where the truth is known: which candidate is the best, and how far
a search is from it.

- "bound" is a false alarm for an end of a range at which the best candidate of the table is not.
- "still-rising" is a false alarm where the best candidate so far is within .05 of the best of the table, in units of
  the distance between the best and the median one. What twice as many trials bring is shown, too.
- "many-equal" is a false alarm where less than a fifth of the whole table lies within a standard error of its best.

"bare" is the same check by the rule of thumb alone: the best value is within 2 percent of an end, the best candidate is
among the last fifth.

A nested cross-validation is imitated. The search of an outer fold sees the other folds of the table, and the candidate
that it chooses is scored on the fold left out. For want of defaults, the middle of each range stands for them. There,
"defaults-as-good" is a false alarm where the best candidate is better than the middle by half a unit or more. Optimism
and choices that scatter are in the nature of searches: of these it is shown how often they are said.

Rules and numbers were chosen on the first half of the tasks; the second half shares no data set with it.

Run: python benchmarks/check_rates.py [--half choosing|held-out] [--seeds N] [--cache DIR] [--tiny]
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tables import CACHE, CHOOSING, HELD_OUT, Lookup, Run, Task, build, print_versions, run_all, search, table

from sk_optuna import OptunaSearchCV
from sk_optuna.checks import CODES, Findings, ResultsEvidence, SearchEvidence, check_results, check_search, evidence_of
from sk_optuna.nested._statistics import corrected_standard_error
from sk_optuna.spaces import unit_scales

N_FOLDS = 5
MARKS = (20, 50, 100)
CLOSE, FEW, BETTER = 0.05, 0.2, 0.5
TEST_TO_TRAIN = 1 / (N_FOLDS - 1)
Rates = dict[str, list[list[bool]]]


@dataclass(frozen=True)
class Truth:
    """The table of a task, as evidence."""

    task: Task
    whole: SearchEvidence
    ends: frozenset[tuple[str, int]]
    spread: float

    @property
    def share_equal(self) -> float:
        behind, errors = self.whole.behind()
        return float(np.mean(behind <= errors))

    def rows(self, rows: np.ndarray) -> SearchEvidence:
        """Return the evidence of a search that tried these rows."""
        params = [self.whole.params[row] for row in rows]
        return evidence(params, self.whole.scores[rows], self.whole.scales)


def evidence(params: Sequence, scores: np.ndarray, scales: dict) -> SearchEvidence:
    return SearchEvidence(params, scores, np.zeros(len(params), bool), scales, n_random_start=10)


def truth(task: Task, cache_dir: Path) -> Truth:
    space, known = task.space(), table(task.name, N_FOLDS, cache_dir)
    params: list[dict[str, int]] = []
    for branch in space if isinstance(space, list) else [space]:
        names = [name for name in branch if name != "branch"]
        own = {"branch": branch["branch"][0]} if "branch" in branch else {}
        places = np.ndindex(*(len(branch[name]) for name in names))
        params += [own | dict(zip(names, map(int, place), strict=True)) for place in places]
    whole = evidence(params, known.scores, unit_scales(space))
    best = np.flatnonzero(known.means == known.means.max())
    ends = frozenset(end for row in best for end in at_ends(whole, row))
    return Truth(task, whole, ends, known.spread)


def at_ends(of: SearchEvidence, row: int) -> list[tuple[str, int]]:
    """Return the ends of ranges at which a candidate is: the bare rule."""
    places = {name: of.scales[name].position(value) for name, value in of.params[row].items()}
    return [(name, int(at > 0.5)) for name, at in places.items() if at is not None and not 0.02 < at < 0.98]


def said_ends(findings: Findings) -> set[tuple[str, int]]:
    abouts = [finding.about for finding in findings if finding.code == "bound"]
    return {(about.split()[0], int("upper" in about)) for about in abouts}


def judge(known: Truth, run: Run, rates: Rates) -> None:
    """Note of one search, at each number of trials, which checks spoke, and whether they were right."""
    for i, n in enumerate(MARKS):
        if n > len(run.rows):
            continue
        seen = known.rows(run.rows[:n])
        findings = check_search(seen)
        bare, said = set(at_ends(seen, seen.best)), said_ends(findings)
        best = float(seen.means[seen.best])
        is_close = known.whole.means.max() - best <= CLOSE * known.spread
        is_late = seen.best >= n - n // 5
        rising, equal = ("still-rising" in findings.codes), ("many-equal" in findings.codes)
        notes = {
            "bound, the optimum elsewhere: bare": bool(bare - known.ends),
            "bound, the optimum elsewhere": bool(said - known.ends),
            f"still-rising, {'close' if is_close else 'far'}: bare": is_late,
            f"still-rising, {'close' if is_close else 'far'}": rising,
            f"many-equal, {'few' if known.share_equal < FEW else 'many'} are": equal,
        }
        if known.ends:
            notes |= {"bound, the optimum there: bare": bool(bare & known.ends)}
            notes |= {"bound, the optimum there": bool(said & known.ends)}
        if is_close and not known.ends and known.share_equal < FEW:
            notes["any check, a search with nothing wrong"] = bool(findings)
        for name, is_so in notes.items():
            rates[name][i].append(is_so)


def gains(known: Truth, run: Run) -> list[tuple[bool, bool, float]]:
    """Return whether the check, and the bare rule, spoke, and what twice as many trials brought, in spreads."""
    found = []
    for n in MARKS:
        if 2 * n <= len(run.rows):
            seen, later = known.rows(run.rows[:n]), known.rows(run.rows[: 2 * n])
            gain = float(later.means.max() - seen.means.max()) / known.spread
            found.append(("still-rising" in check_search(seen).codes, seen.best >= n - n // 5, gain))
    return found


def nested(task: Task, seed: int, cache_dir: Path, n_trials: int) -> Findings:
    """Return the findings of an imitated nested cross-validation over a task's table."""
    known = truth(task, cache_dir)
    X = np.arange(N_FOLDS)[:, None]
    chosen, inner, findings = [], [], []
    for outer in range(N_FOLDS):
        folds = [k for k in range(N_FOLDS) if k != outer]
        splits = [(np.array([j for j in folds if j != k]), np.array([k])) for k in folds]
        found = OptunaSearchCV(
            Lookup(task.name, N_FOLDS, cache_dir),
            task.space(),
            n_trials=n_trials,
            cv=splits,
            refit=False,
            random_state=100 * seed + outer,
        ).fit(X)
        chosen.append(found.best_params_)
        inner.append(found.best_score_)
        findings.append(check_search(evidence_of(found.cv_results_, found, n_random_start=10)))
    rows = [known.whole.params.index({k: int(v) for k, v in params.items()}) for params in chosen]
    outer_scores = known.whole.scores[rows, range(N_FOLDS)]
    gain = outer_scores - known.whole.scores[middle(known)]
    return check_results(
        [
            ResultsEvidence(
                "search",
                N_FOLDS,
                choices=chosen,
                scales=known.whole.scales,
                outer_mean=float(outer_scores.mean()),
                outer_error=corrected_standard_error(outer_scores, TEST_TO_TRAIN),
                inner_best=float(np.mean(inner)),
                gain=float(gain.mean()),
                gain_error=corrected_standard_error(gain, TEST_TO_TRAIN),
                inner=findings,
            )
        ]
    )


def middle(known: Truth) -> int:
    """Return the row in the middle of the first branch."""
    sizes = known.task.sizes[0]
    return int(np.ravel_multi_index(tuple((n - 1) // 2 for n in sizes), sizes))


def print_rates(rates: Rates) -> None:
    print(f"{'share of searches of which it speaks':45s}" + "".join(f"{n:>7d} trials" for n in MARKS))
    for name in sorted(rates):
        cells = [f"{np.mean(cell):.3f} /{len(cell):4d}" if cell else "" for cell in rates[name]]
        print(f"{name:45s}" + "".join(f"{cell:>14s}" for cell in cells))


def print_gains(found: Sequence[tuple[bool, bool, float]]) -> None:
    checked, bare, gain = map(np.array, zip(*found, strict=True))
    for name, spoke in (("the check", checked), ("the bare rule", bare)):
        parts = [f"{gain[part].mean():.3f} of {part.sum()}" if part.any() else "none" for part in (spoke, ~spoke)]
        print(f"gain of twice as many trials where {name} spoke: {parts[0]}; where not: {parts[1]}")


def print_nested(tasks: Sequence[Task], results: Sequence[Findings], cache_dir: Path, n_trials: int) -> None:
    print(f"\nnested, {N_FOLDS} outer folds, {n_trials} trials each: share of {len(results)} in which it is said")
    for code in CODES:
        print(f"{code:45s}{np.mean([code in findings.codes for findings in results]):10.3f}")
    gain = {}
    for task in tasks:
        known = truth(task, cache_dir)
        gain[task.name] = float(known.whole.means.max() - known.whole.means[middle(known)]) / known.spread
    worth = [gain[task.name] >= BETTER for task in tasks]
    said = np.array(["defaults-as-good" in findings.codes for findings in results])
    print(f"{'defaults-as-good, where tuning gains .5':45s}{said[worth].mean() if any(worth) else np.nan:10.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["choosing", "held-out"], default="held-out")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--tiny", action="store_true", help="one task, one seed, few trials")
    options = parser.parse_args()
    tasks = CHOOSING if options.half == "choosing" else HELD_OUT
    tasks, seeds, n_trials = (tasks[:1], 1, 20) if options.tiny else (tasks, options.seeds, MARKS[-1])
    n_inner = 12 if options.tiny else 30
    began = time.perf_counter()
    print_versions()
    build(tasks, options.cache, options.jobs, folds=(N_FOLDS,))
    truths = {task.name: truth(task, options.cache) for task in tasks}
    calls = [
        (partial(search, sampler=sampler), (task, N_FOLDS, seed, options.cache, n_trials), {})
        for task in tasks
        for seed in range(seeds)
        for sampler in ("tpe", "random")
    ]
    rates: Rates = defaultdict(lambda: [[] for _ in MARKS])
    found = []
    for run in run_all(calls, options.jobs):
        judge(truths[run.task], run, rates)
        found += gains(truths[run.task], run)
    print(f"{options.half}: {len(tasks)} tasks, {N_FOLDS} folds, {seeds} seeds, tpe and random\n")
    print_rates(rates)
    if found:
        print_gains(found)
    repeated = [task for task in tasks for _ in range(seeds)]
    nested_calls = [(nested, (task, i % seeds, options.cache, n_inner), {}) for i, task in enumerate(repeated)]
    print_nested(repeated, run_all(nested_calls, options.jobs), options.cache, n_inner)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
