"""Targets by kind of net: encoded labels for classifiers, numbers for regressors.

One mixin for each of skorch's three classes, which differ in their targets; `_fitting` has the common part. Not taken:
one class with a switch.
"""

from typing import Any

import numpy as np
from skorch import NeuralNet
from torch import Tensor

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.skorch._first_batch import check_binary, check_classes, check_targets, describe
from sk_optuna.skorch._fitting import codes_in
from sk_optuna.skorch._inputs import weights_dtype_of
from sk_optuna.skorch._labels import as_labels, as_several, as_targets, classes_of, encode
from sk_optuna.skorch._weights import class_weights


class EncodesLabels(NeuralNet):
    """Mixin of both classifiers: encodes labels for the module, and decodes its predictions.

    Attributes
    ----------
    classes_inferred_ : array of shape (n_classes,)
        The labels that y had.
    _encodes_labels_ : bool or None
        True if y was given as labels, False if as codes in a Dataset, as in skorch. None before a fit.
    """

    _encodes_labels_: bool | None = None
    # True if y has more than one dimension: its values are then no classes.
    _several_a_row_ = False

    def check_data(self, X: Any, y: Any) -> None:
        """Check the data; see `skorch.NeuralNet.check_data`."""
        if not (self._encodes_labels_ and y is not None):
            super().check_data(X, y)

    def _take_in_targets(self, y: Any, *, anew: bool, classes: Any) -> Any:
        """Return the codes of labels, and store the classes."""
        self._several_a_row_ = False
        several = self._taken_as_it_is(y)
        if several is not None:
            self._encodes_labels_, self._several_a_row_ = False, True
            if anew:
                self.__dict__.pop("classes_inferred_", None)
            return several
        labels = as_labels(y)
        known, origin = self._known_classes(labels, anew=anew, classes=classes)
        codes = encode(labels, known, origin)
        self.classes_inferred_ = known
        self._encodes_labels_ = True
        return codes

    def _taken_as_it_is(self, y: Any) -> Any:
        """Return y if it holds no labels but another kind of targets that skorch takes; None for labels."""

    def _known_classes(self, labels: np.ndarray, *, anew: bool, classes: Any) -> tuple[np.ndarray, str]:
        """Return all labels, and the name of their source, for errors."""
        given = getattr(self, "classes", None)
        if given is not None and len(given):
            return np.asarray(given), "classes"
        if not anew and "classes_inferred_" in vars(self):
            return self.classes_inferred_, "the labels that the net was trained on"
        if classes is not None:
            return classes_of(np.asarray(classes)), "classes"
        return classes_of(labels), "y"

    def _take_in_dataset(self, X: Any, *, anew: bool) -> None:
        """Store that a Dataset has codes."""
        self._encodes_labels_ = self._several_a_row_ = False
        if anew:
            self.__dict__.pop("classes_inferred_", None)
        self.check_data(X, None)

    def _weights_of_classes(self, X: Any, y: Any, sample_weight: np.ndarray | None) -> np.ndarray | None:
        """Return a weight for each class; None without class weights."""
        if self.class_weight is None:
            return None
        codes = None if self._several_a_row_ else codes_in(X, y)
        if self._several_a_row_ or (codes is not None and codes.ndim != 1):
            raise InvalidArgumentError(
                "class_weight needs one label a row. Use sample_weight, or weights of the criterion's own "
                "(criterion__weight), or leave it out."
            )
        if codes is None and self.class_weight == "balanced":
            raise InvalidArgumentError(
                f"class_weight='balanced' counts the labels, but those in {type(X).__name__} cannot be seen. "
                "Pass a dict of weights."
            )
        return class_weights(self.class_weight, self.classes_, codes, sample_weight)

    def _hidden_classes(self) -> np.ndarray | None:
        """Return the labels behind the codes in y; None if labels and codes are the same."""
        if not self._encodes_labels_ or np.array_equal(self.classes_, np.arange(len(self.classes_))):
            return None
        return np.asarray(self.classes_)

    def _n_known_classes(self) -> int | None:
        """Return the number of classes; None if unknown."""
        if self._several_a_row_ and getattr(self, "classes", None) is None:
            return None
        try:
            return len(self.classes_)
        except AttributeError:
            return None

    def _predicts_labels(self) -> bool:
        """Return whether predictions are labels: `fit` had labels, or weights were loaded and `classes` is set."""
        given = getattr(self, "classes", None)
        return bool(given is not None and len(given)) if self._encodes_labels_ is None else self._encodes_labels_

    def _decoded(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels of predicted codes."""
        return np.asarray(self.classes_)[codes] if self._predicts_labels() else codes


class ManyClasses(EncodesLabels):
    """Mixin: one output a class."""

    def _facts(self) -> dict[str, int | None]:
        """Return the sizes learned from the data."""
        n_classes = self._n_known_classes()
        known = super()._facts()
        return known if n_classes is None else {**known, "n_classes": n_classes, "n_outputs": n_classes}

    def _take_in_targets(self, y: Any, *, anew: bool, classes: Any) -> Any:
        """Return the codes of labels; y itself if `classes` is empty, which is skorch's way to infer none."""
        if self.classes is not None and len(self.classes) == 0:
            self._encodes_labels_ = self._several_a_row_ = False
            return y
        return super()._take_in_targets(y, anew=anew, classes=classes)

    def _taken_as_it_is(self, y: Any) -> Any:
        """Return y if it has more than one dimension; None for labels."""
        return as_several(y)

    def _as_float_targets(self, y: Any) -> Any:
        """Return y of more than one dimension in the dtypes that torch's losses compare: the module's, or int64."""
        if not self._several_a_row_ or not isinstance(y, np.ndarray) or y.dtype == object:
            return y
        return y.astype(weights_dtype_of(self._parts()) if y.dtype.kind == "f" else np.int64, copy=False)

    def _check_first_batch(self, criterion: Any, y_pred: Any, y_true: Any) -> None:
        """Raise InvalidArgumentError where output, criterion and y do not belong together."""
        one = isinstance(y_true, Tensor) and y_true.ndim == 1
        check_classes(criterion, y_pred, self._n_known_classes() if one else None, one_label=one)

    def predict(self, X: Any) -> np.ndarray:
        """Return the label of each row; see `skorch.NeuralNetClassifier.predict`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or another input that `fit` takes
            The rows.

        Returns
        -------
        array of shape (n_samples,)
            Labels as they were in `fit`.
        """
        if not self._predicts_labels():
            return np.asarray(super().predict(X))
        return self._decoded(self.predict_proba(X)[:, : len(self.classes_)].argmax(axis=1))


class TwoClasses(EncodesLabels):
    """Mixin: one output a row, the score of the second class."""

    @property
    def classes_(self) -> np.ndarray:
        """The two labels, the positive one last; 0 and 1 before any were seen."""
        return vars(self).get("classes_inferred_", np.array([0, 1]))  # type: ignore[no-any-return]

    def _facts(self) -> dict[str, int | None]:
        """Return the sizes learned from the data."""
        known = super()._facts()
        return {**known, "n_classes": 2, "n_outputs": 1} if known or "classes_inferred_" in vars(self) else {}

    def _known_classes(self, labels: np.ndarray, *, anew: bool, classes: Any) -> tuple[np.ndarray, str]:
        """Return the two labels, and the name of their source, for errors."""
        known, origin = super()._known_classes(labels, anew=anew, classes=classes)
        if len(known) == 1 and known.dtype.kind in "biuf" and known[0] in (0, 1):
            known = np.array([0, 1]).astype(known.dtype)
        if len(known) > 2:
            raise InvalidArgumentError(
                f"Only binary classification is supported. The type of the target is multiclass: y has {len(known)} "
                "classes. Use NeuralNetClassifier."
            )
        if len(known) < 2:
            raise InvalidArgumentError(
                f"NeuralNetBinaryClassifier needs two classes, but y has only {known.tolist()}. Pass rows of both."
            )
        return known, origin

    def _taken_as_it_is(self, y: Any) -> Any:
        """Return None, or refuse y of more than one dimension: this net takes labels only."""
        several = as_several(y)
        if several is not None:
            raise InvalidArgumentError(
                "The target data should be 1-dimensional: NeuralNetBinaryClassifier has one label a row, but y is "
                f"{describe(several)}. For several labels a row use NeuralNetClassifier with "
                "criterion=torch.nn.BCEWithLogitsLoss."
            )

    def check_data(self, X: Any, y: Any) -> None:
        """Check the data; see `skorch.NeuralNetBinaryClassifier.check_data`."""
        if y is not None:
            super().check_data(X, y)

    def _as_float_targets(self, y: Any) -> Any:
        """Return codes as floats, which the criterion compares with scores."""
        return y.astype(weights_dtype_of(self._parts())) if isinstance(y, np.ndarray) else y

    def _check_first_batch(self, criterion: Any, y_pred: Any, y_true: Any) -> None:
        """Raise InvalidArgumentError where output, criterion and y do not belong together."""
        check_binary(criterion, y_pred)

    def predict(self, X: Any) -> np.ndarray:
        """Return the label of each row; see `skorch.NeuralNetBinaryClassifier.predict`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or another input that `fit` takes
            The rows.

        Returns
        -------
        array of shape (n_samples,)
            Labels as they were in `fit`: the second of `classes_` where its probability is above `threshold`.
        """
        return self._decoded(np.asarray(super().predict(X)))


class NumericTargets(NeuralNet):
    """Mixin: targets are numbers.

    Attributes
    ----------
    _target_shape_ : tuple
        The shape of one row's target; () if y was of shape (n_samples,).
    """

    _target_shape_: tuple[int, ...] | None = None

    def check_data(self, X: Any, y: Any) -> None:
        """Do nothing: `fit` checks the data when it takes them in."""

    def _take_in_targets(self, y: Any, *, anew: bool, classes: Any) -> Any:
        """Return targets as numbers, and store their shape."""
        targets = as_targets(y)
        shape = tuple(targets.shape[1:]) if hasattr(targets, "shape") else None
        if not anew and None not in (shape, self._target_shape_) and shape != self._target_shape_:
            raise InvalidArgumentError(
                f"y has targets of shape {shape} a row, but the net was trained on {self._target_shape_}. "
                "Call fit with warm_start=False to train on others."
            )
        self._target_shape_ = shape
        return targets

    def _take_in_dataset(self, X: Any, *, anew: bool) -> None:
        """Store no shape: y of a Dataset may be anything."""
        self._target_shape_ = None

    def _facts(self) -> dict[str, int | None]:
        """Return the sizes learned from the data."""
        shape = self._target_shape_
        return super()._facts() if shape is None else {**super()._facts(), "n_outputs": int(np.prod(shape, dtype=int))}

    def _as_float_targets(self, y: Any) -> Any:
        """Return targets in the dtype of the module's weights."""
        return np.ascontiguousarray(y, dtype=weights_dtype_of(self._parts())) if isinstance(y, np.ndarray) else y

    def _aligned(self, y_pred: Any, y_true: Any) -> Any:
        """Return outputs of shape (n, 1) as (n,) if y is, and the other way round."""
        if not isinstance(y_pred, Tensor) or not isinstance(y_true, Tensor):
            return y_pred
        if y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
            return y_pred.squeeze(-1)
        if y_pred.ndim + 1 == y_true.ndim and y_true.shape[-1] == 1:
            return y_pred.unsqueeze(-1)
        return y_pred

    def _check_first_batch(self, criterion: Any, y_pred: Any, y_true: Any) -> None:
        """Raise InvalidArgumentError where output, criterion and y do not belong together."""
        check_targets(criterion, y_pred, y_true)

    def predict(self, X: Any) -> np.ndarray:
        """Return the targets of each row; see `skorch.NeuralNetRegressor.predict`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or another input that `fit` takes
            The rows.

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_outputs)
            Predictions in the shape that y had in `fit`.
        """
        output = np.asarray(super().predict(X))
        shape = self._target_shape_
        if shape is None or output.shape[1:] == shape or output.size != len(output) * np.prod(shape, dtype=int):
            return output
        return output.reshape(len(output), *shape)
