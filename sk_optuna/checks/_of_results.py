"""The checks of a nested cross-validation, each of one of its searches.

They compare numbers that nested cross-validation brings with their standard errors, and the choices of the outer folds
with draws at random. What the inner searches have found is gathered: a finding counts if half of the outer folds have
it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from sk_optuna._short_value import short_value
from sk_optuna.checks._findings import Finding, Findings
from sk_optuna.checks._of_search import number
from sk_optuna.spaces import UnitScale

# Fewer choices agree, or not, by chance.
FEWEST_CHOICES = 4
# Standard errors from which on optimism, or a loss to the defaults, is an issue.
ISSUE_ERRORS = 2.0
# Random draws with which choices are compared, and the share of them that has to be more alike.
_DRAWS, ALIKE = 2000, 0.5
_GATHERED = {
    "bound": "the best candidate has {about} of its range, and those well inside are worse",
    "still-rising": "the best score still rose in the last fifth of the candidates",
    "few-trials": "no more candidates were finished than the sampler draws at random",
    "failures": "a fifth of the candidates or more failed{about}",
    "many-equal": "half of the candidates or more lie within one standard error of the best",
}


@dataclass(frozen=True)
class ResultsEvidence:
    """One search of a nested cross-validation.

    Attributes
    ----------
    name : str
        The search.
    n_outer : int
        Outer folds.
    choices : sequence of mapping
        The parameters that each outer fold chose, without folds that failed.
    scales : mapping of str to UnitScale
        The parameters' scales.
    outer_mean, outer_error : float
        The mean of the outer scores, and its corrected standard error; the latter is NaN where there is no basis for
        one.
    inner_best : float
        The mean of the best inner scores; NaN where they are of another metric.
    gain, gain_error : float
        The mean difference to the defaults, and its corrected standard error; NaN where there are none.
    inner : sequence of Findings
        The findings of the inner searches.
    """

    name: str
    n_outer: int
    choices: Sequence[Mapping[str, Any]] = ()
    scales: Mapping[str, UnitScale] | None = None
    outer_mean: float = np.nan
    outer_error: float = np.nan
    inner_best: float = np.nan
    gain: float = np.nan
    gain_error: float = np.nan
    inner: Sequence[Findings] = ()


def check_results(searches: Sequence[ResultsEvidence], ignore: frozenset[str] = frozenset()) -> Findings:
    """Return the findings of a nested cross-validation, without those whose code is in `ignore`."""
    found: list[Finding] = []
    for evidence in searches:
        for check in (_optimism, _defaults_as_good, _unstable_choice, _gathered):
            found += check(evidence)
    return Findings(finding for finding in found if finding.code not in ignore)


def _optimism(evidence: ResultsEvidence) -> Iterator[Finding]:
    """Compare the optimism of the inner scores with the standard error of the outer mean."""
    optimism = evidence.inner_best - evidence.outer_mean
    if optimism > evidence.outer_error:
        yield Finding(
            "optimism",
            "issue" if optimism > ISSUE_ERRORS * evidence.outer_error else "tip",
            f"{evidence.name}: the best inner scores are {optimism:.2g} above the outer ones, which have a standard "
            f"error of {evidence.outer_error:.2g}.",
            f"Report the outer mean, {evidence.outer_mean:.4g}, and not best_score_; fewer candidates, or more inner "
            "folds, make the two differ less.",
            about=evidence.name,
        )


def _defaults_as_good(evidence: ResultsEvidence) -> Iterator[Finding]:
    """Compare the gain over the defaults with its standard error."""
    if not evidence.gain <= evidence.gain_error:
        return
    is_loss = evidence.gain < -ISSUE_ERRORS * evidence.gain_error
    change = f"lost {-evidence.gain:.2g} to" if evidence.gain < 0 else f"gained {evidence.gain:.2g} over"
    yield Finding(
        "defaults-as-good",
        "issue" if is_loss else "tip",
        f"{evidence.name}: tuning {change} its defaults, with a standard error of {evidence.gain_error:.2g}.",
        "Look whether the space contains the defaults; initial_params='default' tries them first."
        if is_loss
        else "As far as these folds tell, the defaults are as good, and cheaper; more outer splits would tell more.",
        about=evidence.name,
    )


def _unstable_choice(evidence: ResultsEvidence) -> Iterator[Finding]:
    """Look for parameters that outer folds choose no more alike than random draws would be."""
    found = []
    for name, scale in (evidence.scales or {}).items():
        values = [choice[name] for choice in evidence.choices if name in choice]
        if len(values) >= FEWEST_CHOICES and _as_at_random(values, scale):
            found.append(f"{name} ({_told(values, scale)})")
    if found:
        yield Finding(
            "unstable-choice",
            "tip",
            f"{evidence.name}: the outer folds chose {_listed(found)} no more alike than random draws are.",
            "Read no meaning into these values. They matter little here and may be fixed, or the inner scores are too "
            "noisy to choose by: then more inner folds help.",
            about=evidence.name,
        )


def _as_at_random(values: Sequence[Any], scale: UnitScale) -> bool:
    """Tell whether values are no more alike than most random draws from their scale."""
    places = [scale.position(value) for value in values]
    rng = np.random.default_rng(0)
    drawn = rng.random((_DRAWS, len(values)))
    if scale.kind == "choices" and scale.n_values is not None and scale.n_values > 1:
        texts = [repr(value) for value in values]
        codes = np.array([texts.index(text) for text in texts])
        return bool(np.mean(_agreements(np.floor(drawn * scale.n_values)) >= _agreements(codes[None])[0]) >= ALIKE)
    if None in places:
        return False
    if scale.kind == "list" and scale.n_values is not None:
        drawn = np.floor(drawn * scale.n_values) / (scale.n_values - 1)
    return bool(np.mean(_distances(drawn) <= _distances(np.array([places], dtype=float))[0]) >= ALIKE)


def _agreements(rows: np.ndarray) -> np.ndarray:
    """Return how many pairs of each row are equal."""
    pairs = combinations(range(rows.shape[1]), 2)
    return np.asarray(np.sum([rows[:, i] == rows[:, j] for i, j in pairs], axis=0))


def _distances(rows: np.ndarray) -> np.ndarray:
    """Return the mean distance of pairs of each row, rounded, so that equal ones are equal."""
    pairs = combinations(range(rows.shape[1]), 2)
    return np.asarray(np.mean([abs(rows[:, i] - rows[:, j]) for i, j in pairs], axis=0).round(9))


def _told(values: Sequence[Any], scale: UnitScale) -> str:
    """Write the choices in short: from the least to the greatest number, or each with its count."""
    if scale.is_numeric:
        return f"{number(min(values))} to {number(max(values))}"
    counts = Counter(map(_short, values)).most_common(3)
    return ", ".join(f"{text} in {n}" for text, n in counts) + f" of {len(values)}"


def _short(value: Any) -> str:
    text = short_value(value)
    return text if len(text) <= 30 else f"{text[:27]}..."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _gathered(evidence: ResultsEvidence) -> Iterator[Finding]:
    """Gather what half of the inner searches or more have found."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for findings in evidence.inner:
        for finding in findings:
            found.setdefault((finding.code, finding.about), []).append(finding)
    for (code, about), alike in found.items():
        if 2 * len(alike) < len(evidence.inner) or (len(alike) < 2 < evidence.n_outer):
            continue
        words = _GATHERED[code].format(about=f", most of them with {about}" if code == "failures" and about else about)
        yield Finding(
            code,
            min(each.severity for each in alike),
            f"{evidence.name}: in {len(alike)} of {evidence.n_outer} outer folds {words}.",
            alike[0].advice,
            about=f"{evidence.name}, {about}" if about else evidence.name,
        )
