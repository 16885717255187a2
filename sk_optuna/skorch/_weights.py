"""Weights of rows: those of their classes, and those given to `fit`.

A weighted batch has the loss sum(w * l) / sum(w) over its rows, as in scikit-learn and in torch's
`CrossEntropyLoss(weight=...)`. If the criterion has weights too, w is the product of both, and 0 for a label that the
criterion ignores. Without weights, skorch's loss is left alone. Class weights are looked up by label. Sample weights
travel beside y through any loader, and are taken off before the net and its callbacks see the batch. Not taken: weights
in X as a dict, which the module would be given; a loader of our own, to which users would be bound.
"""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.utils.class_weight import compute_class_weight
from skorch.dataset import Dataset
from skorch.utils import check_indexing
from torch import Tensor, nn
from torch.utils.data import Subset

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.skorch._inputs import as_invalid_argument

# Stands for the weights of a batch whose rows have none.
NO_WEIGHTS = object()


def check_class_weight(class_weight: Any) -> None:
    """Raise InvalidArgumentError unless the value can be a class weight."""
    if class_weight is not None and not isinstance(class_weight, dict) and not _is_balanced(class_weight):
        raise InvalidArgumentError(
            f"class_weight must be None, 'balanced' or a dict with a weight for each label, but got {class_weight!r}."
        )
    if isinstance(class_weight, dict):
        bad = {label: weight for label, weight in class_weight.items() if not _is_weight(weight)}
        if bad:
            raise InvalidArgumentError(f"Class weights must be finite numbers that are not negative, but got {bad}.")


def _is_balanced(class_weight: Any) -> bool:
    return isinstance(class_weight, str) and class_weight == "balanced"


def _is_weight(weight: Any) -> bool:
    try:
        return bool(np.isfinite(weight) and weight >= 0)
    except (TypeError, ValueError):
        return False


def class_weights(class_weight: Any, classes: np.ndarray, codes: Any, sample_weight: np.ndarray | None) -> np.ndarray:
    """Return a weight for each class.

    Parameters
    ----------
    class_weight : 'balanced' or dict
        As in scikit-learn: n_samples / (n_classes * count), or a weight for each label (1 for those left out).
    classes : array of shape (n_classes,)
        The labels.
    codes : array of shape (n_samples,)
        Index of each row's label.
    sample_weight : array of shape (n_samples,) or None
        For "balanced", rows count by their weights.
    """
    if not _is_balanced(class_weight):
        with as_invalid_argument(" Give class_weight the labels of y as keys."):
            return np.asarray(compute_class_weight(class_weight, classes=classes, y=classes), dtype=np.float64)
    counts = np.bincount(np.asarray(codes, dtype=np.int64), weights=sample_weight, minlength=len(classes))
    with np.errstate(divide="ignore"):
        weights = counts.sum() / (len(classes) * counts)
    return np.where(counts == 0, 0.0, weights)


def as_sample_weight(sample_weight: Any, n_rows: int) -> np.ndarray:
    """Return the weights of rows as an array of shape (n_rows,)."""
    try:
        weights = np.asarray(sample_weight, dtype=np.float32)
        weights = np.full(n_rows, weights) if weights.ndim == 0 else weights
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"sample_weight must be numbers, one for each row of X: {error}.") from error
    if weights.ndim != 1:
        raise InvalidArgumentError(f"Sample weights must be 1D array or scalar, but got shape {weights.shape}.")
    if len(weights) != n_rows:
        raise InvalidArgumentError(f"sample_weight has {len(weights)} weights, but X has {n_rows} rows. Pass as many.")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise InvalidArgumentError("sample_weight must be finite and not negative. Give rows to be left out weight 0.")
    if not weights.any():
        raise InvalidArgumentError("Every sample_weight is zero, so there is no row to train on.")
    return weights


def beside_y(dataset: Any, base: Any, weights: np.ndarray) -> Any:
    """Return `dataset` with [y, weights] for y, if it is `base` or a Subset of `base`; else `dataset` itself."""
    if dataset is base:
        twin = copy.copy(base)
        twin.y = [base.y, weights]
        twin.y_indexing = check_indexing(twin.y)
        return twin
    if isinstance(dataset, Subset):
        inner = beside_y(dataset.dataset, base, weights)
        return dataset if inner is dataset.dataset else Subset(inner, dataset.indices)
    return dataset


def check_can_carry(dataset: Any) -> None:
    """Raise InvalidArgumentError for a dataset whose y cannot carry weights."""
    if not isinstance(dataset, Dataset) or dataset.y is None:
        raise InvalidArgumentError(
            "sample_weight needs X and y as arrays (or a dataset class derived from skorch.dataset.Dataset), "
            f"but the rows come from {type(dataset).__name__}. Let the dataset repeat rows, or pass arrays."
        )


class TakesWeightsOff:
    """An iterator over batches (X, [y, weights]) that yields (X, y) and shows the weights of the current batch.

    Parameters
    ----------
    batches : DataLoader
        Yields the batches.
    show : callable
        Called with a batch's weights before that batch is yielded.
    """

    def __init__(self, batches: Any, show: Any) -> None:
        self._batches = batches
        self._show = show

    def __iter__(self) -> Iterator[Any]:
        try:
            for X, (y, weights) in self._batches:
                self._show(weights)
                yield [X, y]
        finally:
            # later batches of another loader have no weights from here
            self._show(None)

    def __len__(self) -> int:
        return len(self._batches)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batches, name)


class HasNoWeights(TakesWeightsOff):
    """An iterator over batches of rows that were given no weights, such as validation rows of the user's own."""

    def __iter__(self) -> Iterator[Any]:
        try:
            for batch in self._batches:
                self._show(NO_WEIGHTS)
                yield batch
        finally:
            self._show(None)


def own_weights(criterion: Any, y_true: Tensor) -> Tensor | None:
    """Return the weights that a criterion itself gives to the labels in y, 0 for a label that it ignores.

    torch divides the sum of losses by the sum of these weights; by the number of losses where there are none (None).
    """
    if not isinstance(criterion, (nn.CrossEntropyLoss, nn.NLLLoss)) or y_true.is_floating_point():
        return None
    counts = y_true != criterion.ignore_index
    if criterion.weight is None:
        return counts
    return criterion.weight[torch.where(counts, y_true, 0).long()] * counts


def own_of_mean(mean: Tensor, losses: Tensor, own: Tensor | None, *, name: str) -> Tensor | None:
    """Return the weights by whose sum a criterion of the user's divides; None if by the number of losses.

    Parameters
    ----------
    mean : Tensor
        The criterion's loss for a batch.
    losses : Tensor of shape (n_rows, ...)
        The criterion's losses for the rows.
    own : Tensor of shape (n_rows, ...) or None
        The weights by whose sum torch's criterion would divide.
    name : str
        The criterion's name, for the error.

    Raises
    ------
    InvalidArgumentError
        If the criterion divides by neither, so that equal weights would change training.
    """
    for weights in (own, None):
        share = losses.numel() if weights is None else weights.sum().to(losses.dtype)
        if torch.allclose(losses.sum() / share, mean, rtol=1e-3, equal_nan=True):
            return weights
    raise InvalidArgumentError(
        f"class_weight and sample_weight need a criterion whose mean is that of its losses, but criterion={name} gave "
        "another number with reduction='mean' than the mean of what it gave with reduction='none'. "
        "Use criterion__reduction='sum', or leave the weights out."
    )


def weighted_mean(losses: Tensor, weights: Tensor, *, own: Tensor | None = None, divide: bool = True) -> Tensor:
    """Return the weighted mean (or sum) of losses of shape (n_rows, ...) under weights of shape (n_rows,).

    Parameters
    ----------
    losses : Tensor of shape (n_rows, ...)
        The losses, times the criterion's own weights.
    weights : Tensor of shape (n_rows,)
        The weights of the rows.
    own : Tensor of shape (n_rows, ...), default=None
        The criterion's own weights, see `own_weights`; None for 1 each.
    divide : bool, default=True
        True for the mean, False for the sum.
    """
    weights = weights.to(losses.dtype)
    losses = losses.reshape(len(losses), -1)
    total = torch.dot(losses.sum(1), weights)
    if not divide:
        return total
    if own is None:
        share = weights.sum() * losses.shape[1]
    else:
        share = torch.dot(own.reshape(len(own), -1).to(losses.dtype).sum(1), weights)
    # a batch without weight has the loss 0
    return total / share.clamp_min(torch.finfo(losses.dtype).tiny)
