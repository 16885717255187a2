"""Predictions for rows that folds tested, as columns: a row of data occurs once for each fold that tested it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sk_optuna.evaluation import FoldPredictions


def predictions_table(
    tests: Sequence[Any], y_true: Sequence[Any] | None, predictions: Sequence[FoldPredictions]
) -> dict[str, np.ndarray]:
    """Write predictions as columns of one length, fold by fold.

    Parameters
    ----------
    tests : sequence of ndarray
        The numbers of the rows that each fold tested.
    y_true : sequence of array-like of shape (n_test,) or (n_test, n_outputs), or None
        The targets of these rows, in the same order.
    predictions : sequence of FoldPredictions
        The predictions for these rows.

    Returns
    -------
    dict of str to ndarray
        Columns: `row`, `fold`, `y_true` (without targets missing), `y_pred`; ``proba_<class>``, or else ``decision`` or
        ``decision_<class>``, where all folds have them. Of several outputs ``y_true_0``, ``y_pred_0`` and so on.
    """
    table = {
        "row": np.concatenate(tests),
        "fold": np.repeat(np.arange(len(tests)), [len(rows) for rows in tests]),
    }
    if y_true is not None:
        table |= _outputs("y_true", np.concatenate([np.asarray(each) for each in y_true]))
    table |= _outputs("y_pred", np.concatenate([each.y_pred for each in predictions]))
    return table | _values(predictions)


def _outputs(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return one column, or one for each output of several."""
    if values.ndim == 1:
        return {name: values}
    if values.shape[1] == 1:
        return {name: values[:, 0]}
    return {f"{name}_{i}": column for i, column in enumerate(values.T)}


def _values(predictions: Sequence[FoldPredictions]) -> dict[str, np.ndarray]:
    """Return the columns of probabilities or decision values; none where not all folds have the same kind."""
    kinds = {(each.kind, each.classes is None) for each in predictions}
    if len(kinds) != 1 or predictions[0].kind is None:
        return {}
    kind = predictions[0].kind
    if predictions[0].classes is None:
        return {kind: np.concatenate([each.values for each in predictions if each.values is not None])}
    classes = np.unique(np.concatenate([each.classes for each in predictions if each.classes is not None]))
    # a model that was trained without a class gives it no probability, and no decision value
    missing = 0.0 if kind == "proba" else np.nan
    blocks = []
    for each in predictions:
        assert each.values is not None
        assert each.classes is not None
        block = np.full((len(each.values), len(classes)), missing)
        block[:, np.searchsorted(classes, each.classes)] = each.values
        blocks.append(block)
    whole = np.concatenate(blocks)
    return {f"{kind}_{label}": whole[:, i] for i, label in enumerate(classes.tolist())}
