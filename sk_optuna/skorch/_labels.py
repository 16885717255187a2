"""Encode the user's labels as the codes 0, 1, 2, ... that networks are trained on, and show labels to callbacks.

Labels are encoded before there is a dataset, so that every reader of a dataset finds codes; `predict` decodes them.
skorch's scoring callbacks compare the y of batches with predictions: while they run, they read y as labels
(`shown_as_labels`). Not taken: predictions in codes while callbacks run, which would be silently wrong where a callback
scores on labels of its own; labels in the dataset, which no loader can make into tensors.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from skorch.callbacks import BatchScoring, EpochScoring
from skorch.utils import to_numpy
from torch import Tensor

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.skorch._inputs import as_invalid_argument

_MOST_SHOWN = 5


def as_labels(y: Any) -> np.ndarray:
    """Return class labels as an array of shape (n_samples,)."""
    labels = to_numpy(y) if isinstance(y, Tensor) else y
    try:
        labels = column_or_1d(labels, warn=True)
    except ValueError as error:
        raise InvalidArgumentError(
            f"{error} Labels are one for each row; of several, only numbers are taken, as NeuralNetClassifier's module "
            "and criterion are to see them. Or fit one net per output, in sklearn.multioutput.MultiOutputClassifier."
        ) from error
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        found = "NaN" if np.isnan(labels).any() else "infinity"
        raise InvalidArgumentError(f"Input y contains {found}. Drop rows whose label is missing.")
    try:
        check_classification_targets(labels)
    except TypeError as error:
        raise _several_kinds(labels) from error
    except ValueError as error:
        raise InvalidArgumentError(str(error)) from error
    return np.asarray(labels)


def as_several(y: Any) -> Any:
    """Return y if it has more than one dimension, such as masks or soft labels, or is nested; None for labels.

    Numbers become an array, and the module sees these very numbers. A column, of shape (n_samples, 1), holds labels.
    """
    if isinstance(y, Mapping) or holds_several(y) or _holds_sequences(y):
        return y
    if isinstance(y, Tensor):
        return y if y.ndim != 1 else None
    is_nested = isinstance(y, list) and y and isinstance(y[0], (list, tuple, np.ndarray))
    if not (is_nested or len(getattr(y, "shape", ())) > 1) or sparse.issparse(y):
        return None
    try:
        values = np.asarray(y)
    except ValueError:  # ragged lists, which `as_labels` refuses
        return None
    if values.dtype.kind not in "biuf" or values.ndim < 2 or (values.ndim == 2 and values.shape[1] == 1):
        return None
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InvalidArgumentError("Input y contains NaN or infinity. Drop rows whose label is missing.")
    return values


def stacked(y: Any, n_rows: int) -> Any:
    """Return y as one array where it is a list with an array for each row; an array of objects if shapes differ."""
    if not (isinstance(y, list) and len(y) == n_rows and holds_several(y)):
        return y
    rows = [to_numpy(row) for row in y]
    if len({row.shape for row in rows}) == 1:
        return np.stack(rows)
    made = np.empty(n_rows, dtype=object)
    made[:] = rows
    return made


def _holds_sequences(y: Any) -> bool:
    """Return whether y is an array of objects, each of which has a length of its own."""
    is_objects = isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1 and len(y) > 0
    return is_objects and all(isinstance(each, (np.ndarray, Tensor, list)) for each in y)


def holds_several(y: Any) -> bool:
    """Return whether y is a list or tuple of arrays, each with a target for every row, as skorch takes it."""
    return (
        isinstance(y, (list, tuple))
        and bool(y)
        and all(isinstance(each, (np.ndarray, Tensor)) and each.ndim for each in y)
    )


def classes_of(labels: np.ndarray) -> np.ndarray:
    """Return the sorted distinct labels."""
    try:
        return np.unique(labels)
    except TypeError as error:
        raise _several_kinds(labels) from error


def _several_kinds(labels: np.ndarray) -> InvalidArgumentError:
    kinds = sorted({type(label).__name__ for label in labels.tolist()})
    return InvalidArgumentError(
        f"y holds labels of several kinds ({', '.join(kinds)}), which have no common order. "
        "Drop rows whose label is missing, and make all labels strings or all numbers."
    )


def encode(labels: np.ndarray, classes: np.ndarray, origin: str) -> np.ndarray:
    """Return the index of each label among the classes.

    Parameters
    ----------
    labels : array of shape (n_samples,)
        Labels.
    classes : array of shape (n_classes,)
        Distinct labels in any order.
    origin : str
        The source of the classes, for the error.

    Returns
    -------
    array of shape (n_samples,), dtype int64
        The codes; `labels` itself if it consists of these.

    Raises
    ------
    InvalidArgumentError
        If there is a label that is not a class.
    """
    is_codes = labels.dtype == np.int64 and classes.dtype.kind in "iu"
    if is_codes and np.array_equal(classes, np.arange(len(classes))) and np.isin(labels, classes).all():
        return labels
    if (labels.dtype.kind in "biuf") != (classes.dtype.kind in "biuf"):
        _refuse_unseen(labels, np.ones(len(labels), bool), classes, origin)
    order = np.argsort(classes)
    found = np.searchsorted(classes, labels, sorter=order)
    codes = order[np.minimum(found, len(classes) - 1)]
    unseen = classes[codes] != labels
    if unseen.any():
        _refuse_unseen(labels, unseen, classes, origin)
    return codes.astype(np.int64, copy=False)


def _refuse_unseen(labels: np.ndarray, unseen: np.ndarray, classes: np.ndarray, origin: str) -> None:
    raise InvalidArgumentError(
        f"y holds labels that are not among {origin}: {_some(np.unique(labels[unseen]))}. Known labels: "
        f"{_some(classes)}. Pass all labels there are, in classes=[...] or in the first call's y."
    )


def _some(labels: np.ndarray) -> str:
    shown = ", ".join(map(repr, labels[:_MOST_SHOWN].tolist()))
    return shown if len(labels) <= _MOST_SHOWN else f"{shown}, ... ({len(labels)} in all)"


def as_targets(y: Any) -> Any:
    """Return the targets of a regressor as numbers of shape (n_samples,) or (n_samples, ...)."""
    if isinstance(y, Tensor) or holds_several(y):
        return y
    with as_invalid_argument(" A regressor needs a number, or several, for each row of X."):
        return check_array(y, dtype="numeric", ensure_2d=False, allow_nd=True, ensure_min_features=0, input_name="y")


@contextmanager
def shown_as_labels(callbacks: list[tuple[str, Any]], classes: np.ndarray) -> Iterator[None]:
    """Have skorch's scoring callbacks decode the y of batches and datasets, within the `with` block."""
    scoring = [callback for _, callback in callbacks if isinstance(callback, (EpochScoring, BatchScoring))]
    extractors = [callback.target_extractor for callback in scoring]
    for callback, extractor in zip(scoring, extractors, strict=True):
        callback.target_extractor = _decoding(extractor, classes)
    try:
        yield
    finally:
        for callback, extractor in zip(scoring, extractors, strict=True):
            callback.target_extractor = extractor


def _decoding(extractor: Callable[[Any], Any], classes: np.ndarray) -> Callable[[Any], Any]:
    def extract(y: Any) -> Any:
        codes = extractor(y)
        return classes[codes.astype(np.int64)] if isinstance(codes, np.ndarray) else codes

    return extract
