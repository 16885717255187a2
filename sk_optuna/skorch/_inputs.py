"""Convert rows from the forms of scikit-learn's users to arrays that torch can train on.

skorch hands X on as it is: float64 meets float32 weights, a DataFrame becomes a dict of columns, a list of rows is
taken for a list of inputs. Here any plain rows of numbers become one array, once a fit, in the dtype of the module's
own weights. Inputs with a meaning in skorch (datasets, dicts, tensors, tuples or lists of arrays) are left alone.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import check_array
from skorch.dataset import Dataset
from skorch.helper import SliceDataset
from skorch.utils import is_dataset, multi_indexing
from torch import Tensor, nn

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.worker import current_fold

_TEXT_HINT = " Turn text and categories into numbers first, for example with OneHotEncoder or TfidfVectorizer."
# The axis whose length is n_features, by the number of dimensions of a row.
AXES = {
    1: "the number of columns of X",
    2: "the last axis of X, of shape (n_rows, time, features)",
    3: "the channels of X, of shape (n_rows, channels, height, width)",
}
_NUMPY = {torch.float16: np.float16, torch.float32: np.float32, torch.float64: np.float64}


@contextmanager
def as_invalid_argument(hint: str = "") -> Iterator[None]:
    """Raise scikit-learn's errors as InvalidArgumentError, with a remedy."""
    try:
        yield
    except InvalidArgumentError:
        raise
    except (ValueError, TypeError) as error:
        raise InvalidArgumentError(f"{error}{hint}") from error


def holds_rows(X: Any, n_rows: int | None = None) -> bool:
    """Return whether X is rows of numbers as scikit-learn knows them, rather than one of skorch's own kinds of input.

    Parameters
    ----------
    X : object
        The user's X.
    n_rows : int, optional
        The expected number of rows. A list of as many 1d arrays is a list of rows, otherwise a list of inputs.
    """
    if sparse.issparse(X):
        return True
    if isinstance(X, (Tensor, Mapping, torch.utils.data.Dataset, SliceDataset, nn.utils.rnn.PackedSequence, tuple)):
        return False
    if isinstance(X, list):
        arrays = [each for each in X if hasattr(each, "ndim") and np.ndim(each) > 0]
        return not arrays or (len(arrays) == len(X) == n_rows and all(each.ndim == 1 for each in arrays))
    return hasattr(X, "__array__") or hasattr(X, "__dataframe__")


def as_rows(X: Any) -> Any:
    """Return rows as one array, or as a CSR matrix where they are sparse; numbers keep their dtype."""
    try:
        rows = check_array(
            X,
            accept_sparse="csr",
            dtype="numeric",
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=False,
            input_name="X",
        )
    except (ValueError, TypeError) as error:
        is_text = any(words in str(error) for words in ("could not convert", "bytes/strings"))
        raise InvalidArgumentError(f"{error}{_TEXT_HINT if is_text else ''}") from error
    if not sparse.issparse(rows) and rows.dtype.kind not in "biufc":  # a frame with categories
        try:
            rows = rows.astype(np.float64)
        except (ValueError, TypeError) as error:
            raise InvalidArgumentError(f"{error}{_TEXT_HINT}") from error
    if rows is not X:
        know(rows, of=X)
    return rows


def row_shape(X: Any) -> tuple[int, ...]:
    """Return the shape of a row of a Dataset, Tensor or the like; () if it cannot be seen."""
    if not is_dataset(X):
        return tuple(int(n) for n in getattr(X, "shape", ())[1:])
    if type(X) is Dataset:
        return row_shape(X.X)
    if isinstance(X, torch.utils.data.IterableDataset) or not hasattr(X, "__len__") or len(X) == 0:
        return ()
    try:
        # the dataset may draw random numbers, as for an augmentation
        with torch.random.fork_rng(devices=()):
            first = X[0]
    except Exception:
        # only a sampler of the user's may know the keys; other errors come again in the fit
        return ()
    x = first[0] if isinstance(first, (tuple, list)) and first else None
    return tuple(int(n) for n in getattr(x, "shape", ()))


def n_features_of(shape: tuple[int, ...]) -> int:
    """Return the number of features of a row: its columns, the features of a time step, or an image's channels."""
    return shape[-1] if len(shape) == 2 else shape[0]


def know(made: Any, *, of: Any) -> None:
    """Within a search, register the origin of `of` for `made`, which was converted from it."""
    fold = current_fold()
    key = None if fold is None else fold.origin(of)
    if fold is not None and key is not None:
        fold.remember_origin(made, key)


def cast(rows: Any, modules: list[nn.Module]) -> Any:
    """Return rows in the dtype of the modules' weights.

    Integers and booleans stay integers (int64) if there is an embedding among the modules.
    """
    dtype = _weights_dtype(modules)
    if rows.dtype.kind in "iub" and _looks_up(modules):
        made = rows.astype(np.int64, copy=False)
    elif dtype not in _NUMPY:
        made = torch.as_tensor(rows.toarray() if sparse.issparse(rows) else rows).to(dtype)
    else:
        with np.errstate(over="ignore"):  # `first_bad_rows` finds infinite values
            made = rows.astype(_NUMPY[dtype], copy=False)
            made = made if sparse.issparse(made) else np.ascontiguousarray(made)
    if made is not rows:
        know(made, of=rows)
    return made


def is_same(made: Any, given: Any) -> bool:
    """Return whether `made` is the array `given`, or a view of all of it."""
    if not (isinstance(made, np.ndarray) and isinstance(given, np.ndarray)):
        return made is given
    one, other = made.__array_interface__, given.__array_interface__
    return all(one[key] == other[key] for key in ("data", "typestr", "shape", "strides"))


def _weights_dtype(modules: list[nn.Module]) -> torch.dtype:
    dtypes = (weights.dtype for module in modules for weights in module.parameters() if weights.is_floating_point())
    return next(dtypes, torch.get_default_dtype())


def weights_dtype_of(modules: list[nn.Module]) -> Any:
    """Return the dtype of the modules' weights as numpy's, float32 where numpy has none like it."""
    return _NUMPY.get(_weights_dtype(modules), np.float32)


def _looks_up(modules: list[nn.Module]) -> bool:
    return any(isinstance(part, (nn.Embedding, nn.EmbeddingBag)) for module in modules for part in module.modules())


def first_bad_rows(rows: Any, at_most: int = 8) -> Any:
    """Return a few rows with NaN or infinity, as a dense array; None if there are none."""
    if isinstance(rows, Tensor) or rows.dtype.kind != "f":
        return None
    values = rows.data if sparse.issparse(rows) else rows
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.sum(values)):
            return None
    if sparse.issparse(rows):
        row_of = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        bad = np.unique(row_of[~np.isfinite(rows.data)])
        return rows[bad[:at_most]].toarray() if len(bad) else None
    bad = np.flatnonzero(~np.isfinite(rows).reshape(len(rows), -1).all(axis=1))
    return rows[bad[:at_most]] if len(bad) else None


def check_finite(bad: np.ndarray, output_of: Callable[[np.ndarray], Any]) -> None:
    """Raise InvalidArgumentError for infinity in rows, and for NaN that a module passes on.

    Parameters
    ----------
    bad : array of shape (n_rows, ...)
        Rows with NaN or infinity.
    output_of : callable
        From rows to the module's output.
    """
    remedy = "Impute, clip or drop these values before, for example with SimpleImputer in a Pipeline."
    if np.isinf(bad).any():
        raise InvalidArgumentError(f"Input X contains infinity or a value too large for dtype('{bad.dtype}'). {remedy}")
    outputs = output_of(bad)
    output = outputs[0] if isinstance(outputs, tuple) else outputs
    if isinstance(output, Tensor) and not bool(torch.isfinite(output).all()):
        raise InvalidArgumentError(f"Input X contains NaN, and so does the module's output for these rows. {remedy}")


class SparseRows(Dataset):
    """skorch's Dataset over a CSR matrix; it makes a whole batch dense at once."""

    def __getitems__(self, indices: list[int]) -> list[tuple[Any, Any]]:
        """Return the rows of a batch, which DataLoader collates."""
        dense = self.X[indices].toarray()
        y = [multi_indexing(self.y, i, self.y_indexing) for i in indices]
        return [self.transform(*row) for row in zip(dense, y, strict=True)]
