"""Trial records -> `learning_curves_`, a dict of columns with one row for each reported epoch."""

from collections.abc import Sequence

import numpy as np

from sk_optuna.evaluation import TrialRecord


def learning_curves(records: Sequence[TrialRecord]) -> dict[str, np.ndarray]:
    """List every reported epoch as one row, ordered by trial, fold and epoch."""
    rows = [
        (record.number, fold, epoch, train_loss, score)
        for record in records
        for fold, result in enumerate(record.folds)
        if result is not None and result.curve is not None
        for epoch, train_loss, score in zip(
            result.curve.epochs, result.curve.train_losses, result.curve.scores, strict=True
        )
    ]
    names = {"trial_number": np.int64, "fold": np.int64, "epoch": np.int64, "train_loss": float, "valid_score": float}
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return {name: np.array(column, dtype=kind) for (name, kind), column in zip(names.items(), columns, strict=True)}
