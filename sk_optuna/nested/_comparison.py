"""Everything that was computed of a nested cross-validation, as plain tables, beside the models that are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from sk_optuna.checks import Findings
from sk_optuna.nested._checks import findings_of
from sk_optuna.nested._metrics import Metrics
from sk_optuna.nested._outer_fold import OuterFold
from sk_optuna.nested._outer_splits import Splits
from sk_optuna.nested._rows import Row
from sk_optuna.nested._stability import stability_columns
from sk_optuna.nested._statistics import OuterSplits, corrected_interval, outer_splits
from sk_optuna.nested._tables import (
    Columns,
    Folds,
    archive_columns,
    error_columns,
    filled,
    objects,
    outer_columns,
    prediction_columns,
)


@dataclass
class Comparison:
    """The record of a nested cross-validation.

    Attributes
    ----------
    rows : list of Row
        The rows that are compared.
    metrics : Metrics
        The metrics.
    splits : list of (train, test)
        The outer splits.
    outer_splits : OuterSplits
        The same, as statistics see them.
    n_rows : int
        Rows of the data.
    keep : str
        As much as is kept of each outer fold.
    scores : dict of str to columns
        The scores and times of each row, by outer fold.
    outer, archive, stability, predictions, errors : dict of str to ndarray
        The tables.
    models : dict of str to list
        The fitted models of each row, by outer fold; None where none is kept.
    studies : dict of str to list
        Their studies.
    notes : list of str
        Sentences on what there is not.
    defaults : dict of str to str
        For names of searches, the names of the rows that have their defaults.
    findings : Findings
        The findings of all checks.
    """

    rows: list[Row]
    metrics: Metrics
    splits: Splits
    outer_splits: OuterSplits
    n_rows: int
    keep: str
    scores: dict[str, Columns]
    outer: Columns
    archive: Columns
    stability: Columns
    predictions: Columns
    errors: Columns
    models: dict[str, list[Any]]
    studies: dict[str, list[Any]]
    notes: list[str]
    defaults: dict[str, str]
    findings: Findings

    def test_scores(self) -> dict[str, np.ndarray]:
        """Return the outer scores of each row, of the first metric."""
        return {name: columns[f"test_{self.metrics.first}"] for name, columns in self.scores.items()}

    def row(self, name: str) -> Row:
        """Return a row by its name."""
        return next(row for row in self.rows if row.name == name)

    def means(self) -> Columns:
        """Return a row for each row of the comparison, best first; those without a mean come last."""
        scores = self.test_scores()
        found = [self._mean_row(row, scores) for row in self.rows]
        found.sort(key=lambda row: -np.inf if np.isnan(row["mean"]) else row["mean"], reverse=True)
        texts = ("search", "kind", "defaults")
        return {
            key: objects([row[key] for row in found]) if key in texts else np.array([row[key] for row in found])
            for key in found[0]
        }

    def _mean_row(self, row: Row, scores: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Return the means of one row, as a row of the table."""
        own, times = scores[row.name], self.scores[row.name]
        here = self.outer["search"] == row.name
        low, high = np.nan, np.nan
        if not self.outer_splits.why_no_test:
            low, high = corrected_interval(own, self.outer_splits.test_to_train)
        defaults = scores.get(self.defaults.get(row.name, ""))
        inner = float(self.outer["inner_best"][here].mean())
        return {
            "search": row.name,
            "kind": row.kind,
            "defaults": self.defaults.get(row.name, ""),
            "mean": float(own.mean()),
            "std": float(own.std(ddof=1)) if len(own) > 1 else np.nan,
            "low": low,
            "high": high,
            "inner_best": inner,
            "optimism": inner - float(own.mean()),
            "gain": np.nan if defaults is None else float((own - defaults).mean()),
            "seconds": float(np.nansum(times["fit_time"] + times["score_time"])),
            "n_failed": int((self.errors["search"] == row.name).sum()),
        }


def concluded(
    rows: Sequence[Row],
    folds: Folds,
    metrics: Metrics,
    splits: Splits,
    *,
    n_rows: int,
    has_groups: bool,
    error_score: Any,
    keep: str,
    notes: Sequence[str],
    defaults: Mapping[str, str],
) -> Comparison:
    """Make the record of finished outer folds.

    Parameters
    ----------
    rows : sequence of Row
        The rows; a baseline that failed on every outer fold is left out, with a note.
    folds : mapping of str to sequence of OuterFold
        Their folds by name.
    metrics : Metrics
        The metrics.
    splits : list of (train, test)
        The outer splits.
    n_rows : int
        Rows of the data.
    has_groups : bool
        Whether the splits keep groups apart.
    error_score : float or "dummy"
        The score of a fold that failed.
    keep : str
        As much as is kept of each outer fold.
    notes : sequence of str
        Sentences on what there is not.
    defaults : mapping of str to str
        For names of searches, the names of the rows that have their defaults.
    """
    metrics = _as_returned(metrics, folds)
    scores, errors = filled(folds, error_score, metrics.first), error_columns(folds)
    without = {row.name: _why_without(row, folds[row.name]) for row in rows if row.is_baseline}
    rows = [row for row in rows if not without.get(row.name)]
    folds = {row.name: folds[row.name] for row in rows}
    defaults = {name: other for name, other in defaults.items() if {name, other} <= folds.keys()}
    scores = {name: scores[name] for name in folds}
    train, test = zip(*splits, strict=True)
    described = outer_splits(train, test, has_groups=has_groups)
    own = {name: columns[f"test_{metrics.first}"] for name, columns in scores.items()}
    findings, unchecked = _findings(rows, folds, own, defaults, described)
    return Comparison(
        # of their own: the user's may be fitted, or be given other parameters later
        rows=[replace(row, estimator=clone(row.estimator)) for row in rows],
        metrics=metrics,
        splits=splits,
        outer_splits=described,
        n_rows=n_rows,
        keep=keep,
        scores=scores,
        outer=outer_columns(folds, scores, splits, metrics.first, {row.name: row.why_no_inner for row in rows}),
        archive=archive_columns(folds),
        stability=stability_columns(rows, folds),
        predictions=prediction_columns(folds, splits),
        errors=errors,
        models={name: [fold.model for fold in row] for name, row in folds.items()},
        studies={
            name: [None if fold.tuning is None else fold.tuning.study for fold in row] for name, row in folds.items()
        },
        notes=[*notes, *filter(None, without.values()), *_notes(rows, folds), *unchecked],
        defaults=defaults,
        findings=findings,
    )


def _findings(
    rows: Sequence[Row],
    folds: Folds,
    scores: Mapping[str, np.ndarray],
    defaults: Mapping[str, str],
    splits: OuterSplits,
) -> tuple[Findings, list[str]]:
    """Check the searches; a table of another library that cannot be checked is a note, and loses no results."""
    try:
        return findings_of(rows, folds, scores, defaults, splits), []
    except Exception as error:
        return Findings(), [f"The checks could not be made: {type(error).__name__}: {error}."]


def _as_returned(metrics: Metrics, folds: Folds) -> Metrics:
    """Return the metrics with the first name that there is, where a callable has named its metrics by itself."""
    names = dict.fromkeys(name for row in folds.values() for fold in row for name in fold.scores)
    found = [name.removeprefix("test_") for name in names if name.startswith("test_")]
    if not found or metrics.first in found:
        return metrics
    return Metrics(metrics.scoring, found[0], found[0])


def _why_without(row: Row, folds: Sequence[OuterFold]) -> str:
    """Return the note on a baseline that failed on every outer fold; empty if it did not."""
    error = folds[0].error
    if error is None or any(fold.error is None or fold.is_missing for fold in folds):
        return ""
    told = f"{error.exception}: {error.message}".partition("\n")[0]
    whose = f"{row.of} has no row of its defaults" if row.of else "There is no row of the dummy"
    return f"{whose}, which could not be fitted and scored on any outer fold ({told})."


def _notes(rows: Sequence[Row], folds: Folds) -> list[str]:
    """Return notes on failed folds, on inner scores that are left out, and on missing predictions."""
    notes = []
    for row in rows:
        failed = [i for i, fold in enumerate(folds[row.name]) if fold.error is not None and not fold.is_missing]
        if failed:
            listed = ", ".join(map(str, failed))
            notes.append(f"{row.name} failed on outer fold{'s' if len(failed) > 1 else ''} {listed}: see errors_.")
        missing = next((fold.no_predictions for fold in folds[row.name] if fold.no_predictions), "")
        if missing:
            notes.append(f"{row.name} has no predictions: {missing}.".replace("..", "."))
        lost = next((fold.no_model for fold in folds[row.name] if fold.no_model), "")
        if lost:
            notes.append(
                f"The models of {row.name} could not come back from the worker processes, and are not kept ({lost}). "
                "They are with n_jobs=1, or if their classes are in a module."
            )
    for why in dict.fromkeys(row.why_no_inner for row in rows if row.why_no_inner):
        names = [row.name for row in rows if row.why_no_inner == why]
        verb = "has" if len(names) == 1 else "have"
        notes.append(f"{', '.join(names)} {verb} no inner score to compare: {why}.")
    return notes
