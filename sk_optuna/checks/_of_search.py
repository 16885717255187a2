"""The checks of one search.

A check speaks where the scores of the folds bear it out, not where a rule of thumb is met: a value at a bound matters
if values inside the range do worse, and a late rise if it is larger than its standard error. Of a random search whose
scores have long ceased to rise, the best candidate is among the last fifth one time in five; so the bare rule would
speak of a fifth of the good searches. `benchmarks/check_rates.py` measures how often each speaks.
"""

import math
from collections.abc import Callable, Iterator
from itertools import chain

import numpy as np

from sk_optuna.checks._evidence import SearchEvidence
from sk_optuna.checks._findings import Finding, Findings
from sk_optuna.checks._own_bounds import is_own_bound
from sk_optuna.checks._separation import separation
from sk_optuna.spaces import UnitScale

# A value this close to an end of its range is at the end; so is the outermost that was tried, if it is within the
# second number. Values farther away than the third are inside.
AT_END, OUTERMOST, INSIDE = 0.02, 0.1, 0.2
# The next best candidates, one in so many, and how near to the same end most of them have to be.
NEXT_BEST, NEAR = 10, 0.35
# Standard errors by which values inside have to be worse, and from which on that is an issue.
TIP_ERRORS, ISSUE_ERRORS = 0.5, 1.0
# On the choosing half of the tables "bound" so speaks of 5, 0 and 0 in a hundred searches of 20, 50 and 100 candidates
# whose optimum is elsewhere, and of 60, 68 and 65 whose optimum is there; by the first number alone, of 19, 17 and 5,
# and of 73, 80 and 83. With whole errors instead of half ones it would find half as many.
# Standard errors by which the best score has to rise late. On the same half the check so speaks of 3, 0 and 0 good
# searches in a hundred, and by a late rise alone of 52, 26 and 7.
RISE_ERRORS = 1.0
# The least rise that matters, as a share of the distance between the best and the median candidate.
RISE = 0.05
# The last part of the candidates, in which a good search no longer gains.
LAST = 5
# The share of candidates that cannot be told from the best, from which on the scores hardly tell candidates apart.
MANY = 0.5
# Below so many complete candidates shares of them say little.
FEWEST = 10
# One in so many may fail; more is an issue.
FAILURES = 5


def check_search(evidence: SearchEvidence, ignore: frozenset[str] = frozenset()) -> Findings:
    """Return the findings of one search, without those whose code is in `ignore`."""
    checks = {
        "bound": _at_bound,
        "still-rising": _still_rising,
        "few-trials": _few_trials,
        "failures": _failures,
        "many-equal": _many_equal,
    }
    wanted: list[Callable[[SearchEvidence], Iterator[Finding]]] = [
        check for code, check in checks.items() if code not in ignore
    ]
    return Findings(chain.from_iterable(check(evidence) for check in wanted))


def _at_bound(evidence: SearchEvidence) -> Iterator[Finding]:
    """Look for values of the best candidate at an end of their range, where values inside are worse."""
    if evidence.best < 0:
        return
    for name, value in evidence.params[evidence.best].items():
        scale = evidence.scales.get(name)
        place = None if scale is None else scale.position(value)
        if scale is None or place is None or OUTERMOST < place < 1 - OUTERMOST:
            continue
        assert scale.bounds is not None
        end = int(place > 0.5)
        if is_own_bound(evidence.estimator, name, scale.bounds[end], evidence.n_features):
            continue
        away = _distances(evidence, name, scale, end)
        if AT_END < away[evidence.best] > np.nanmin(away):
            continue
        gap = _gap_to_inside(evidence, scale, away)
        if gap is not None:
            yield _of_bound(name, value, scale, end, gap)


def _distances(evidence: SearchEvidence, name: str, scale: UnitScale, end: int) -> np.ndarray:
    """Return how far from one end of its range each candidate has a parameter; NaN where it is not complete."""
    places = [scale.position(params[name]) if name in params else None for params in evidence.params]
    away = np.array([np.nan if place is None else abs(place - end) for place in places])
    away[~evidence.is_complete] = np.nan
    return away


def _gap_to_inside(evidence: SearchEvidence, scale: UnitScale, away: np.ndarray) -> tuple[float, float] | None:
    """Return how far the best candidate inside the range is behind, and its error.

    None unless that is enough, and most of the next best candidates are near the same end.
    """
    is_inside = away > INSIDE
    ranked = np.argsort(-np.where(np.isfinite(away), evidence.means, -np.inf), kind="stable")
    n_next = max(1, math.ceil(len(away) / NEXT_BEST) - 1)
    next_best = away[ranked[1 : 1 + min(n_next, int(np.isfinite(away).sum()) - 1)]]
    step = 1 / (scale.n_values - 1) if scale.kind == "list" and scale.n_values else 0.0
    if not is_inside.any() or not np.median(next_best) <= max(NEAR, 1.001 * step):
        return None
    behind, errors = evidence.behind()
    rival = int(np.argmax(np.where(is_inside, evidence.means, -np.inf)))
    gap, error = float(behind[rival]), float(errors[rival])
    return (gap, error) if gap > 0 and not gap <= TIP_ERRORS * error else None


def _of_bound(name: str, value: object, scale: UnitScale, end: int, gap: tuple[float, float]) -> Finding:
    assert scale.bounds is not None
    low, high = scale.bounds
    side = ("lower", "upper")[end]
    place = scale.position(value)
    at = "at" if place is not None and abs(place - end) <= AT_END else "near"
    if scale.kind == "quantiles" and at == "at":
        where = f"in the outermost {100 * AT_END:.0f} percent of its distribution"
    else:
        where = f"{at} the {side} end of its range, {number(low)} to {number(high)}"
    beyond = f"below {number(low)}" if end == 0 else f"above {number(high)}"
    behind = f"by {gap[0]:.2g}" if np.isnan(gap[1]) else f"by {gap[0]:.2g}, with a standard error of {gap[1]:.2g}"
    return Finding(
        "bound",
        "tip" if gap[0] <= ISSUE_ERRORS * gap[1] else "issue",
        f"The best {name}={number(value)} lies {where}; the best with {name} well inside is worse {behind}.",
        f"Widen the range of {name} to values {beyond} and search again; initial_params=search tries the best first.",
        about=f"{name} at the {side} end",
    )


def _still_rising(evidence: SearchEvidence) -> Iterator[Finding]:
    """Compare the best candidate with the best before the last fifth."""
    n = len(evidence.params)
    n_last = n // LAST
    if evidence.n_complete < FEWEST or evidence.is_exhausted or evidence.best < n - n_last:
        return
    before = np.where(evidence.is_complete, evidence.means, -np.inf)[: n - n_last]
    if not np.isfinite(before.max()):
        return
    behind, errors = evidence.behind()
    rival = int(before.argmax())
    gap, error = float(behind[rival]), float(errors[rival])
    usual = float(evidence.means[evidence.best] - np.median(evidence.means[evidence.is_complete]))
    if gap >= RISE * usual and not gap <= RISE_ERRORS * error:
        more = "" if np.isnan(error) else f", more than a standard error ({error:.2g})"
        yield Finding(
            "still-rising",
            "tip",
            f"The best score still rose by {gap:.2g} in the last {n_last} of {n} candidates{more}.",
            f"Search on: the same search with warm_start=True and n_trials={2 * n} goes on from where it ended.",
        )


def _few_trials(evidence: SearchEvidence) -> Iterator[Finding]:
    """Compare the number of finished candidates with the sampler's random start."""
    start = evidence.n_random_start
    n = len(evidence.params) - int(evidence.is_failed.sum())
    if start is None or evidence.is_exhausted or n > start:
        return
    yield Finding(
        "few-trials",
        "tip",
        f"{n} candidates were finished, and the sampler draws at random until {start} are: nothing was learnt from "
        "scores.",
        f"Give it more trials, n_trials={3 * start} for example, or see the result as that of a random search.",
    )


def _failures(evidence: SearchEvidence) -> Iterator[Finding]:
    """Count the candidates that failed, and look for the parameter that separates them."""
    n, n_failed = len(evidence.params), int(evidence.is_failed.sum())
    if n_failed < 2 or n_failed * FAILURES < n:
        return
    failed = [params for params, bad in zip(evidence.params, evidence.is_failed, strict=True) if bad]
    others = [params for params, bad in zip(evidence.params, evidence.is_failed, strict=True) if not bad]
    found = separation(failed, others)
    sentence = f"{n_failed} of {n} candidates failed"
    advice = "errors_ lists the errors; take out of the space what cannot be fitted."
    if found is not None:
        words, n_with, n_others = found
        share = "all of them" if n_with == n_failed else f"{n_with} of them"
        rest = "none" if n_others == 0 else f"{n_others}"
        sentence += f"; {share} have {words}, and of the {len(others)} others {rest}"
        advice = f"Take {words} out of the space; errors_ lists the errors."
    yield Finding("failures", "issue", f"{sentence}.", advice, about="" if found is None else found[0])


def _many_equal(evidence: SearchEvidence) -> Iterator[Finding]:
    """Count the candidates whose distance to the best is within its standard error."""
    if evidence.n_complete < FEWEST or evidence.scores.shape[1] < 2:
        return
    behind, errors = evidence.behind()
    k = int((behind[evidence.is_complete] <= errors[evidence.is_complete]).sum())
    if k < MANY * evidence.n_complete:
        return
    yield Finding(
        "many-equal",
        "tip",
        f"{k} of {evidence.n_complete} candidates lie within one standard error of the best: these scores do not tell "
        "them apart.",
        "Take the simplest or the fastest of them, as refit=OneStandardError() of sk_optuna.refit does, or tell them "
        "apart by more folds, such as RepeatedKFold.",
    )


def number(value: object) -> str:
    """Write a value as short as it can be read."""
    value = value.item() if isinstance(value, np.generic) else value
    return f"{value:.4g}" if isinstance(value, float) else repr(value)
