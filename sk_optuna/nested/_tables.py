"""Outer folds -> tables: plain columns of one length, from which models are gone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sk_optuna.nested._outer_fold import OuterFold
from sk_optuna.nested._outer_splits import Splits
from sk_optuna.results import predictions_table

Columns = dict[str, np.ndarray]
Folds = Mapping[str, Sequence[OuterFold]]


def filled(folds: Folds, error_score: Any, first: str) -> dict[str, Columns]:
    """Return the scores and times of each row in the shape of `cross_validate`, with scores for the folds that failed.

    Parameters
    ----------
    folds : mapping of str to sequence of OuterFold
        The folds by the name of the row.
    error_score : float or "dummy"
        The score of a fold that failed: a number, or that of the dummy on the same fold.
    first : str
        The metric that there is if no fold has any.
    """
    every = [fold for row in folds.values() for fold in row]
    names = list(dict.fromkeys(name for fold in every for name in fold.scores)) or ["fit_time", "score_time"]
    if not any(name.startswith("test_") for name in names):
        names.append(f"test_{first}")

    def score(row: Sequence[OuterFold], i: int, name: str) -> float:
        if name in row[i].scores:
            return row[i].scores[name]
        if not name.startswith("test_"):
            return np.nan
        return folds["dummy"][i].scores.get(name, np.nan) if error_score == "dummy" else error_score

    return {
        of: {name: np.array([score(row, i, name) for i in range(len(row))], dtype=float) for name in names}
        for of, row in folds.items()
    }


def outer_columns(
    folds: Folds, scores: Mapping[str, Columns], splits: Splits, first: str, why: Mapping[str, str]
) -> Columns:
    """Return a row for each row of the comparison and outer fold.

    Parameters
    ----------
    folds : mapping of str to sequence of OuterFold
        The folds by the name of the row.
    scores : mapping of str to columns
        As `filled` returns them.
    splits : sequence of (train, test)
        The outer splits.
    first : str
        The metric of the column `test_score`.
    why : mapping of str to str
        By name, the reason why the inner score is left out; empty where it is not.
    """
    blocks = []
    for name, row in folds.items():
        own = scores[name]
        inner = np.array([np.nan if fold.tuning is None or why[name] else fold.tuning.score for fold in row])
        others = {key: column for key, column in own.items() if key not in (f"test_{first}", "fit_time", "score_time")}
        blocks.append(
            {
                "search": _repeated(name, len(row)),
                "outer_fold": np.arange(len(row)),
                "test_score": own[f"test_{first}"],
                "inner_best": inner,
                "optimism": inner - own[f"test_{first}"],
                **others,
                "n_train": np.array([len(train) for train, _ in splits]),
                "n_test": np.array([len(test) for _, test in splits]),
                "seconds": own["fit_time"] + own["score_time"],
                "params": objects([{} if fold.tuning is None else fold.tuning.params for fold in row]),
                "error": objects(["" if fold.error is None else _first_line(fold) for fold in row]),
            }
        )
    return stacked(blocks)


def _first_line(fold: OuterFold) -> str:
    """Return the error of a fold in a line."""
    assert fold.error is not None
    return f"{fold.error.exception}: {fold.error.message}".partition("\n")[0].rstrip(": ")


def archive_columns(folds: Folds) -> Columns:
    """Return a row for each inner candidate, with its search and outer fold before the columns of `cv_results_`."""
    blocks = []
    for name, row in folds.items():
        for i, fold in enumerate(row):
            if fold.tuning is None:
                continue
            n_rows = len(fold.tuning.table["params"])
            head = {"search": _repeated(name, n_rows), "outer_fold": np.full(n_rows, i)}
            blocks.append({**head, **{key: _plain(column) for key, column in fold.tuning.table.items()}})
    return stacked(blocks or [{"search": objects([]), "outer_fold": np.empty(0, int), "params": objects([])}])


def prediction_columns(folds: Folds, splits: Splits) -> Columns:
    """Return a row for each row of the data, each time that an outer fold of a search tested it."""
    blocks = []
    for name, row in folds.items():
        numbers = np.array([i for i, fold in enumerate(row) if fold.predictions is not None], dtype=int)
        if len(numbers):
            y_true = [fold.y_true for fold in row if fold.y_true is not None]
            predictions = [fold.predictions for fold in row if fold.predictions is not None]
            tests = [splits[i][1] for i in numbers]
            table = predictions_table(tests, y_true if len(y_true) == len(tests) else None, predictions)
            fold_of_row = numbers[table.pop("fold")]
            blocks.append({"search": _repeated(name, len(fold_of_row)), "outer_fold": fold_of_row, **table})
    return stacked(blocks or [{name: objects([]) for name in ("search", "outer_fold", "row", "y_true", "y_pred")}])


def error_columns(folds: Folds) -> Columns:
    """Return a row for each outer fold that failed."""
    found = [(name, i, fold.error) for name, row in folds.items() for i, fold in enumerate(row) if fold.error]
    return {
        "search": objects([name for name, _, _ in found]),
        "outer_fold": np.array([i for _, i, _ in found], dtype=int),
        "exception": objects([error.exception for _, _, error in found]),
        "message": objects([error.message for _, _, error in found]),
        "traceback": objects([error.traceback for _, _, error in found]),
    }


def stacked(blocks: Sequence[Mapping[str, np.ndarray]]) -> Columns:
    """Put tables under each other; a column that one lacks is NaN there, or None where it is not of numbers."""
    names = dict.fromkeys(name for block in blocks for name in block)
    return {name: _stacked(blocks, name) for name in names}


def _stacked(blocks: Sequence[Mapping[str, np.ndarray]], name: str) -> np.ndarray:
    """Return one column of tables under each other."""
    kinds = {block[name].dtype.kind for block in blocks if name in block}
    is_number = kinds <= set("iuf")
    if (is_number or len(kinds) == 1) and all(name in block for block in blocks):
        return np.concatenate([block[name] for block in blocks])
    lengths = [len(next(iter(block.values()))) for block in blocks]
    fill, dtype = (np.nan, float) if is_number else (None, object)
    parts = [
        np.asarray(block[name], dtype=dtype) if name in block else np.full(length, fill, dtype=dtype)
        for block, length in zip(blocks, lengths, strict=True)
    ]
    return np.concatenate(parts)


def _plain(column: Any) -> np.ndarray:
    """Return a column without a mask: what is masked is NaN or None."""
    if not isinstance(column, np.ma.MaskedArray):
        return objects(column) if isinstance(column, list) else np.asarray(column)
    if not np.ma.getmaskarray(column).any():
        return np.asarray(column.data)
    if column.dtype.kind in "iuf":
        return np.ma.filled(column.astype(float), np.nan)
    return np.ma.filled(column.astype(object), None)


def objects(values: Sequence[Any]) -> np.ndarray:
    """Return an array of objects, whatever they are."""
    column = np.empty(len(values), dtype=object)
    column[:] = list(values)
    return column


def _repeated(name: str, n: int) -> np.ndarray:
    """Return a column of one name."""
    return objects([name] * n)
