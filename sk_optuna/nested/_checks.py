"""The findings of a nested cross-validation: numbers with their standard errors, and what the inner searches found."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sk_optuna._standard_error import corrected_standard_error
from sk_optuna.checks import Findings, ResultsEvidence, check_results, check_search, evidence_of
from sk_optuna.nested._outer_fold import OuterFold
from sk_optuna.nested._rows import Row
from sk_optuna.nested._stability import scales_of
from sk_optuna.nested._statistics import OuterSplits
from sk_optuna.study import random_start


def findings_of(
    rows: Sequence[Row],
    folds: Mapping[str, Sequence[OuterFold]],
    scores: Mapping[str, np.ndarray],
    defaults: Mapping[str, str],
    splits: OuterSplits,
) -> Findings:
    """Check each search of a comparison.

    Parameters
    ----------
    rows : sequence of Row
        The rows.
    folds : mapping of str to sequence of OuterFold
        Their folds by name.
    scores : mapping of str to ndarray of shape (n_outer,)
        Their outer scores.
    defaults : mapping of str to str
        For names of searches, the names of the rows that have their defaults.
    splits : OuterSplits
        The outer splits.
    """
    return check_results(
        [
            _evidence(row, folds[row.name], scores[row.name], scores.get(defaults.get(row.name, "")), splits)
            for row in rows
            if row.search is not None and not row.is_baseline
        ]
    )


def _evidence(
    row: Row,
    folds: Sequence[OuterFold],
    scores: np.ndarray,
    of_defaults: np.ndarray | None,
    splits: OuterSplits,
) -> ResultsEvidence:
    """Return the evidence on one search."""
    tunings = [fold.tuning for fold in folds if fold.tuning is not None]
    inner = [np.nan if fold.tuning is None or row.why_no_inner else fold.tuning.score for fold in folds]
    gains = np.full(len(scores), np.nan) if of_defaults is None else scores - of_defaults
    return ResultsEvidence(
        name=row.name,
        n_outer=len(folds),
        choices=[tuning.params for tuning in tunings],
        scales=scales_of(row.search, tunings),
        outer_mean=float(scores.mean()),
        outer_error=_error(scores, splits),
        inner_best=float(np.mean(inner)),
        gain=float(gains.mean()),
        gain_error=_error(gains, splits),
        inner=list(_inner_findings(row.search, folds)),
    )


def _error(scores: np.ndarray, splits: OuterSplits) -> float:
    """Return the standard error of a mean over outer folds; NaN where there is no basis for one."""
    return np.nan if splits.why_no_test else float(corrected_standard_error(scores, splits.test_to_train))


def _inner_findings(search: Any, folds: Sequence[OuterFold]) -> Iterator[Findings]:
    """Check the search of each outer fold that has ended."""
    start = random_start(search.sampler) if hasattr(search, "sampler") else None
    for fold in folds:
        if fold.tuning is not None:
            n_features = getattr(fold.model, "n_features_in_", None)
            yield check_search(evidence_of(fold.tuning.table, search, n_random_start=start, n_features=n_features))
