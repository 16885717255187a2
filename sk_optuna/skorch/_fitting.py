"""Convert the user's rows, targets and weights into arrays that skorch takes.

This happens before skorch's own `fit`, so that callbacks, splits and datasets see one form only: rows as one array, y
as codes or numbers. A `Fitting` holds the facts of the running fit and goes when the fit ends: a fitted net refers to
no data. Not taken: a Dataset of our own that converts row by row; a loader could not take many rows from it at once.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.validation import validate_data
from skorch import NeuralNet
from skorch.dataset import Dataset, get_len
from skorch.utils import data_from_dataset, is_dataset, to_numpy
from torch import Tensor, nn
from torch.utils.data import DataLoader

from sk_optuna._compat._skorch import module_names
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.skorch._callbacks import warn_of_idle_callbacks
from sk_optuna.skorch._checks import check_parameters
from sk_optuna.skorch._inputs import (
    AXES,
    SparseRows,
    as_invalid_argument,
    as_rows,
    cast,
    check_finite,
    first_bad_rows,
    holds_rows,
    is_same,
    n_features_of,
    row_shape,
)
from sk_optuna.skorch._labels import stacked
from sk_optuna.skorch._loader import TensorLoader
from sk_optuna.skorch._weights import (
    NO_WEIGHTS,
    HasNoWeights,
    TakesWeightsOff,
    as_sample_weight,
    beside_y,
    check_can_carry,
)
from sk_optuna.worker import current_fold

# Classes of modules whose instances brought a warning. Each fold fits a clone, and scikit-learn resets the warnings
# already shown.
_warned_of: WeakSet[type] = WeakSet()


# axes of an array of rows and columns
_TABLE = 2


class Fitting:
    """Facts of the fit that runs.

    Parameters
    ----------
    X : object
        The converted rows.
    sample_weight : array of shape (n_rows,) or None
        Their weights.
    class_weight : array of shape (n_classes,) or None
        The weights of the classes.
    """

    def __init__(self, X: Any, sample_weight: np.ndarray | None, class_weight: np.ndarray | None) -> None:
        self.X = X
        self.base: Any = None
        self.sample_weight = sample_weight
        self.has_weights = sample_weight is not None or class_weight is not None
        self.must_weigh = _differ(sample_weight) or _differ(class_weight)
        self.weighed = False
        self.looked_at = False
        self.told = False
        self.ran: set[str] = set()
        # how the net is trained together with others (a Likeness), or the reason why it is not; None until it is known
        self.together: Any = None
        self.facts: Any = None
        self.noted = False
        self.first_rows: Any = None
        self._class_weight = class_weight
        self._table: Tensor | None = None
        self._of_batch: Any = None

    @property
    def weighs_batch(self) -> bool:
        """True if the rows of the current batch have weights."""
        return self.has_weights and not (self._of_batch is NO_WEIGHTS and self._class_weight is None)

    def show(self, weights: Any) -> None:
        """Store the weights of the batch that comes next."""
        self._of_batch = weights

    def weights_by_class(self, like: Tensor) -> Tensor | None:
        """Return the weights of the classes, in dtype and on the device of `like`.

        None if rows have weights of their own, or a class has the weight 0.
        """
        if self.sample_weight is not None or self._class_weight is None or not (self._class_weight > 0).all():
            return None
        return self._table_like(like)

    def _table_like(self, like: Tensor) -> Tensor:
        if self._table is None or self._table.device != like.device or self._table.dtype != like.dtype:
            self._table = torch.as_tensor(self._class_weight, dtype=like.dtype, device=like.device)
        return self._table

    def weights_of(self, y_true: Any, like: Tensor) -> Tensor | None:
        """Return the weights of the batch's rows, in dtype and on the device of `like`; None without weights."""
        weights = None
        if self._class_weight is not None:
            if not isinstance(y_true, Tensor) or y_true.ndim != 1:
                raise InvalidArgumentError("class_weight needs one label a row. Use sample_weight, or leave it out.")
            weights = self._table_like(like)[y_true.long()]
        if self.sample_weight is None or self._of_batch is NO_WEIGHTS:
            return weights
        if self._of_batch is None or len(self._of_batch) != get_len(y_true):
            raise InvalidArgumentError(
                "sample_weight did not reach this batch, which comes from a get_dataset, get_split_datasets or "
                "get_iterator that was overridden without super(). Call it there, or leave sample_weight out."
            )
        of_rows = torch.as_tensor(self._of_batch, dtype=like.dtype, device=like.device)
        return of_rows if weights is None else of_rows * weights


def _differ(weights: np.ndarray | None) -> bool:
    return weights is not None and weights.size > 0 and bool(weights.min() != weights.max())


class TakesArrays(NeuralNet):
    """Mixin: `fit`, `partial_fit` and predictions take arrays, frames, lists and sparse matrices."""

    _fitting_: Fitting | None = None
    _row_shape_: tuple[int, ...] = ()

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, **fit_params: Any) -> Any:
        """Make the module, unless `warm_start`, and train it.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or another input of skorch's
            The rows. Arrays, DataFrames, lists and sparse matrices are cast to the dtype of the module's weights
            (integers stay integers if it has an embedding); tensors, dicts, tuples and Datasets are used as they are.
        y : array-like of shape (n_samples,) or (n_samples, ...), or None
            Labels or targets; None if X is a Dataset that has them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows: a batch has the loss sum(w * l) / sum(w), where w includes the weight that the
            criterion itself gives to a row.
        **fit_params : dict
            For the module's `forward`, as in skorch.

        Returns
        -------
        self
            The fitted net.

        Raises
        ------
        InvalidArgumentError
            If a parameter or the data cannot be used.
        """
        anew = not (self.warm_start and self.initialized_)
        with self._taking_in(X, y, sample_weight, anew=anew) as (X, y):
            return super().fit(X, y, **fit_params)

    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None, **fit_params: Any
    ) -> Any:
        """Train on; see `fit`.

        Parameters
        ----------
        X, y, sample_weight : array-like
            As in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels there are, for the first call of a classifier.
        **fit_params : dict
            For the module's `forward`, as in skorch.

        Returns
        -------
        self
            The fitted net.
        """
        with self._taking_in(X, y, sample_weight, anew=not self.initialized_, classes=classes) as (X, y):
            return super().partial_fit(X, y, classes, **fit_params)

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> Any:
        """Run the epochs of one fit; see `skorch.NeuralNet.fit_loop`."""
        with self._taking_in(X, y, None, anew=False) as (X, y):
            return super().fit_loop(X, y, epochs, **fit_params)

    @contextmanager
    def _taking_in(
        self, X: Any, y: Any, sample_weight: Any, *, anew: bool, classes: Any = None
    ) -> Iterator[tuple[Any, Any]]:
        """Yield X and y as skorch sees them; `_fitting_` describes the fit until the end of the `with` block."""
        if self._fitting_ is not None:  # fit calls partial_fit, which calls fit_loop
            yield X, y
            return
        check_parameters(self)
        self._warn_of_instance()
        warn_of_idle_callbacks(self)
        X = self._take_in_rows(X, y, anew=anew)
        y = self._take_in_y(X, y, anew=anew, classes=classes)
        weights = None
        if sample_weight is not None:
            weights = as_sample_weight(sample_weight, get_len(X))
        self._fitting_ = Fitting(X, weights, self._weights_of_classes(X, y, weights))
        try:
            yield X, y
        finally:
            del self._fitting_

    def _warn_of_instance(self) -> None:
        if isinstance(self.module, nn.Module) and type(self.module) not in _warned_of:
            name = type(self.module).__name__
            warnings.warn(
                f"module is an instance of {name}: its weights are not drawn anew, each fit goes on from what they "
                "are, and every clone, such as for each fold of a search, copies them. Pass the class with its "
                f"arguments (module={name}, module__...=...), or a function that returns a new module.",
                UserWarning,
                stacklevel=5,
            )
            _warned_of.add(type(self.module))

    def _take_in_rows(self, X: Any, y: Any, *, anew: bool) -> Any:
        anew = anew or not hasattr(self, "n_features_in_")
        if anew:
            for name in ("n_features_in_", "feature_names_in_", "_row_shape_"):
                self.__dict__.pop(name, None)
        if self._converts() and holds_rows(X, len(y) if isinstance(X, list) and hasattr(y, "__len__") else None):
            rows = as_rows(X)
            self._check_features(X, rows, anew=anew)
            return rows
        shape = row_shape(X)
        if anew and shape:
            self.n_features_in_, self._row_shape_ = shape[0], shape
        return X

    def _converts(self) -> bool:
        """Return whether rows are converted here; a dataset class of the user's may expect them as they are."""
        return self.dataset is Dataset

    def _check_features(self, X: Any, rows: Any, *, anew: bool) -> None:
        if not anew and rows.ndim == 1 and hasattr(self, "n_features_in_"):
            raise InvalidArgumentError(
                f"Expected 2D array, got 1D array instead: X has shape {rows.shape}, but the net was fitted with "
                f"{self.n_features_in_} features a row. Reshape your data with X.reshape(1, -1) if it is a single row."
            )
        # sequences may be longer later, and images larger
        if anew or rows.ndim <= _TABLE:
            with as_invalid_argument():
                validate_data(self, X, reset=anew, skip_check_array=True)
        if anew:
            self._row_shape_ = tuple(rows.shape[1:])

    def _take_in_y(self, X: Any, y: Any, *, anew: bool, classes: Any) -> Any:
        if y is None:
            if not is_dataset(X) and self.iterator_train in (DataLoader, TensorLoader):
                raise InvalidArgumentError(
                    f"{type(self).__name__} requires y to be passed, but the target y is None. Pass y, or a "
                    "Dataset with both as X."
                )
            self._take_in_dataset(X, anew=anew)
            return None
        # only a dataset class of the user's makes rows of a list of sequences
        n_rows = get_len(X) if self._converts() else len(X)
        y = self._take_in_targets(stacked(y, n_rows), anew=anew, classes=classes)
        if self._converts() and get_len(y) != n_rows:
            raise InvalidArgumentError(
                f"Found input variables with inconsistent numbers of samples: X has {n_rows} rows, y has {get_len(y)}."
            )
        return y

    def _take_in_targets(self, y: Any, *, anew: bool, classes: Any) -> Any:
        """Return y as the module sees it, and store the facts that it tells, such as the classes."""
        return y

    def _take_in_dataset(self, X: Any, *, anew: bool) -> None:
        """Store the facts that the y in a Dataset tells."""

    def _weights_of_classes(self, X: Any, y: Any, sample_weight: np.ndarray | None) -> np.ndarray | None:
        """Return a weight for each class; None without class weights."""
        return None

    def _hidden_classes(self) -> np.ndarray | None:
        """Return the labels behind the codes in y; None if labels and codes are the same."""
        return None

    def _facts(self) -> dict[str, int | None]:
        """Return the sizes learned from the data (n_features, n_classes, n_outputs); empty before `fit`."""
        return {"n_features": n_features_of(self._row_shape_)} if self._row_shape_ else {}

    def _about_features(self) -> str:
        """Return a hint about n_features for an error at the first batch."""
        if not self._row_shape_:
            return "Does the module take such rows?"
        given = f"{n_features_of(self._row_shape_)}, {AXES[min(len(self._row_shape_), max(AXES))]}"
        if getattr(self, "module__n_features", None) == "auto":
            return f"module__n_features='auto' gave it {given}. If another axis belongs there, pass a number."
        return f"Does the module take such rows? A parameter module__n_features='auto' would give it {given}."

    def _as_float_targets(self, y: Any) -> Any:
        """Return y in the dtype that the criterion compares with outputs."""
        return y

    def _parts(self) -> list[nn.Module]:
        return [getattr(self, name + "_") for name in module_names(self)]

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Return the Dataset of rows and targets; see `skorch.NeuralNet.get_dataset`."""
        fitting = self._fitting_
        is_fitted_on = fitting is not None and X is fitting.X
        dataset = self._dataset_of(X, y, known=is_fitted_on)
        if fitting is not None and is_fitted_on and fitting.base is None:
            fitting.base = dataset
            if fitting.sample_weight is not None:
                check_can_carry(dataset)
        return dataset

    def _dataset_of(self, X: Any, y: Any, *, known: bool) -> Any:
        n_rows = len(X) if isinstance(X, list) and (known or hasattr(self, "n_features_in_")) else None
        if not (self._converts() and holds_rows(X, n_rows)):
            return super().get_dataset(X, y if y is None else self._as_float_targets(y))
        rows = X
        if not known:
            rows = as_rows(X)
            if hasattr(self, "n_features_in_"):
                self._check_features(X, rows, anew=False)
        rows = cast(rows, self._parts())
        self._check_finite(rows)
        y = y if y is None else self._as_float_targets(y)
        if sparse.issparse(rows):
            return SparseRows(rows, y, **self.get_params_for("dataset"))
        return super().get_dataset(rows, y)

    def _check_finite(self, rows: Any) -> None:
        """Raise InvalidArgumentError for infinity in the rows, and for NaN that the module passes on."""
        bad = first_bad_rows(rows)
        if bad is not None:
            check_finite(bad, lambda rows: self.evaluation_step([torch.as_tensor(rows), None]))

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Return the datasets for training and validation; see `skorch.NeuralNet.get_split_datasets`."""
        train, valid = super().get_split_datasets(X, y, **fit_params)
        return train, self._converted(valid)

    def _converted(self, valid: Any) -> Any:
        """Convert validation data of the user's (`skorch.helper.predefined_split`) like the training data."""
        fitting = self._fitting_
        if fitting is None or type(valid) is not Dataset or valid is fitting.base or valid.y is None:
            return valid
        if not holds_rows(valid.X):
            return valid
        y = self._take_in_targets(valid.y, anew=False, classes=None)
        made = self._dataset_of(valid.X, y, known=False)
        return valid if is_same(made.X, valid.X) and is_same(made.y, valid.y) else made

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return an iterator over a dataset's batches; see `skorch.NeuralNet.get_iterator`."""
        fitting = self._fitting_
        carrying = dataset
        if fitting is not None and fitting.sample_weight is not None:
            carrying = beside_y(dataset, fitting.base, fitting.sample_weight)
        iterator = super().get_iterator(carrying, training=training)
        if isinstance(iterator, TensorLoader):
            self._tell_place(iterator, dataset)
        if fitting is None or fitting.sample_weight is None or (training and carrying is dataset):
            return iterator
        return (HasNoWeights if carrying is dataset else TakesWeightsOff)(iterator, fitting.show)

    def _tell_place(self, loader: TensorLoader, dataset: Any) -> None:
        """Set a loader's device and, within a search, the origin of its rows."""
        if loader.device is None and self.device is not None:
            loader.device = torch.device(self.device)
        fold = current_fold()
        if fold is not None and loader.origin is None and isinstance(dataset, Dataset):
            loader.origin = fold.origin(dataset.X)

    def __sklearn_is_fitted__(self) -> bool:
        return bool(self.initialized_)  # skorch has this method since 1.4

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        # a callback may pickle the net while it trains
        for name in ("_fitting_", "_interrupts"):
            state.pop(name, None)
        return state


def codes_in(X: Any, y: Any) -> np.ndarray | None:
    """Return the codes of labels as an array, from y or else from the Dataset X; None if X does not show them."""
    if y is None:
        try:
            y = data_from_dataset(X)[1]
        except (AttributeError, TypeError):
            return None
    return np.asarray(to_numpy(y))
