"""Check, at the first batch of a fit, that the module's outputs, the criterion and y belong together.

Only then are all three known. torch complains of some mistakes in words that name none of the three, and not at all of
the worst: (n, 1) against (n,) is broadcast to n * n differences, scores pass for probabilities. Not taken: a batch of
its own before the fit, which costs a forward pass and draws random numbers.
"""

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sk_optuna.exceptions import InvalidArgumentError

_BINARY = (nn.BCEWithLogitsLoss, nn.BCELoss)
_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss)
_SAME_SHAPE = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)
_TOLERANCE = 1e-3


def check_classes(criterion: Any, y_pred: Any, n_classes: int | None, *, one_label: bool = True) -> None:
    """Check a classifier's first batch: `y_pred` of shape (n_rows, n_classes, ...)."""
    name = type(criterion).__name__
    if one_label and isinstance(criterion, (*_BINARY, *_SAME_SHAPE)):
        raise InvalidArgumentError(
            f"criterion={name} does not fit the labels of NeuralNetClassifier, which are class numbers. Use "
            "criterion=torch.nn.CrossEntropyLoss with one output a class, or NeuralNetBinaryClassifier for two classes."
        )
    if not isinstance(criterion, _CLASSES) or not isinstance(y_pred, Tensor):
        return
    if y_pred.ndim < 2 or (n_classes is not None and y_pred.shape[1] < n_classes):
        raise InvalidArgumentError(
            f"y has {n_classes} classes, but the module's output has shape {tuple(y_pred.shape)}: criterion={name} "
            f"needs (n_rows, n_classes). Give the module's last layer {n_classes} outputs, for example through a "
            "parameter module__n_classes='auto'."
        )
    if n_classes is not None and y_pred.shape[1] > n_classes:
        warnings.warn(
            f"The module has {y_pred.shape[1]} outputs, but y has {n_classes} classes; the outputs beyond are not "
            "predicted. Pass all labels in classes=[...], or module__n_classes='auto'.",
            UserWarning,
            stacklevel=2,
        )
    if y_pred.ndim == 2:
        _warn_of_scale(criterion, y_pred.detach())


def _warn_of_scale(criterion: Any, y_pred: Tensor) -> None:
    """Warn of scores where probabilities belong, and the other way round."""
    sums = y_pred.float().sum(1)
    probable = bool((y_pred >= 0).all() and ((sums - 1).abs() < _TOLERANCE).all())
    if isinstance(criterion, nn.NLLLoss) and not probable:
        logs = bool(((y_pred.float().exp().sum(1) - 1).abs() < _TOLERANCE).all())
        kind = "log-probabilities" if logs else "raw scores"
        remedy = "replace log_softmax by softmax" if logs else "end the module with a softmax"
        warnings.warn(
            f"The module's outputs are {kind}, not probabilities, but criterion=NLLLoss takes their logarithm, as in "
            f"skorch. Use criterion=torch.nn.CrossEntropyLoss, or {remedy}.",
            UserWarning,
            stacklevel=2,
        )
    if isinstance(criterion, nn.CrossEntropyLoss) and probable and y_pred.shape[1] > 1:
        warnings.warn(
            "The module's outputs are probabilities, but criterion=CrossEntropyLoss applies a softmax itself. Take the "
            "softmax out of the module, or use criterion=torch.nn.NLLLoss.",
            UserWarning,
            stacklevel=2,
        )


def check_binary(criterion: Any, y_pred: Any) -> None:
    """Check a binary classifier's first batch: `y_pred` of shape (n_rows,)."""
    name = type(criterion).__name__
    if isinstance(criterion, _CLASSES):
        raise InvalidArgumentError(
            f"criterion={name} needs one output a class, but NeuralNetBinaryClassifier has one output a row. Use "
            "criterion=torch.nn.BCEWithLogitsLoss, or NeuralNetClassifier."
        )
    if isinstance(criterion, nn.BCELoss) and isinstance(y_pred, Tensor):
        values = y_pred.detach()
        if bool((values < 0).any() or (values > 1).any()):
            raise InvalidArgumentError(
                "criterion=BCELoss needs probabilities from 0 to 1, but the module's outputs are raw scores. Use "
                "criterion=torch.nn.BCEWithLogitsLoss, or end the module with a sigmoid."
            )


def check_targets(criterion: Any, y_pred: Any, y_true: Any) -> None:
    """Check a regressor's first batch: `y_pred` of the shape of `y_true`."""
    name = type(criterion).__name__
    if isinstance(criterion, (*_CLASSES, *_BINARY)):
        raise InvalidArgumentError(
            f"criterion={name} is for class labels, but NeuralNetRegressor has numbers. Use "
            "criterion=torch.nn.MSELoss, or one of the classifiers."
        )
    both = isinstance(y_pred, Tensor) and isinstance(y_true, Tensor)
    if isinstance(criterion, _SAME_SHAPE) and both and y_pred.shape != y_true.shape:
        n_outputs = 1 if y_true.ndim == 1 else tuple(y_true.shape[1:])
        raise InvalidArgumentError(
            f"The module's output has shape {tuple(y_pred.shape)}, but y in this batch {tuple(y_true.shape)}: "
            f"criterion={name} would compare them across rows. Give the module's last layer {n_outputs} output(s), for "
            "example through a parameter module__n_outputs='auto'."
        )


def check_loss(criterion: Any, loss: Any) -> None:
    """Check that the loss of a batch is one number."""
    if isinstance(loss, Tensor) and loss.numel() != 1:
        raise InvalidArgumentError(
            f"criterion={type(criterion).__name__} gave {loss.numel()} losses for a batch, and one is needed. Leave "
            "criterion__reduction at 'mean'; for weights of rows use sample_weight in fit."
        )


def misfit(criterion: Any, y_pred: Any, y_true: Any, error: Exception) -> InvalidArgumentError:
    """Return an error for a criterion that failed at the first batch."""
    return InvalidArgumentError(
        f"criterion={type(criterion).__name__} cannot compare the module's output ({describe(y_pred)}) with y "
        f"({describe(y_true)}): {error}. Change the criterion or the module's output."
    )


def describe(data: Any) -> str:
    """Return shape and dtype of a tensor or array, or the type of another object."""
    if isinstance(data, (Tensor, np.ndarray)):
        return f"shape {tuple(data.shape)}, {str(data.dtype).removeprefix('torch.')}"
    return type(data).__name__


def is_misfit(error: Exception) -> bool:
    """Return whether shapes and dtypes may be the cause of an error, rather than a device."""
    kinds = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError)
    return isinstance(error, kinds) and not isinstance(error, (torch.cuda.OutOfMemoryError, InvalidArgumentError))
