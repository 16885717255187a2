"""The splits of a search, drawn once: a splitter with a RandomState would give each trial other rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

from sk_optuna._compat._sklearn import num_samples
from sk_optuna.exceptions import InvalidArgumentError


def split_once(cv: Any, X: Any, y: Any, split_params: Mapping[str, Any], *, classifier: bool) -> list[tuple[Any, Any]]:
    """Return the one list of splits that every trial is evaluated on.

    Parameters
    ----------
    cv : int, cross-validation generator or iterable
        The user's argument.
    X, y : array-like
        The data.
    split_params : mapping
        Arguments of ``cv.split``, such as groups.
    classifier : bool
        Whether a number of folds means stratified ones.

    Returns
    -------
    list of (train, test)
        Indices of rows, or masks.

    Raises
    ------
    InvalidArgumentError
        Where `cv` gives anything else.
    ValueError
        Where `cv` gives no splits, or not as many as it says.
    """
    if isinstance(cv, type):
        raise InvalidArgumentError(
            f"The 'cv' parameter must be a splitter, a number or splits, but got the class {cv.__name__}. "
            f"Call it: {cv.__name__}()."
        )
    if isinstance(cv, Iterable) and not isinstance(cv, str) and not hasattr(cv, "split"):
        cv = list(cv)
        for i, split in enumerate(cv):
            _check_pair(i, split)
    splitter = check_cv(cv, y, classifier=classifier)
    n_splits = splitter.get_n_splits(X, y, **split_params)
    splits = list(splitter.split(X, y, **split_params))
    if len(splits) != n_splits:
        raise ValueError(
            f"cv.split and cv.get_n_splits return inconsistent results. Expected {n_splits} splits, got {len(splits)}"
        )
    if not splits:
        raise ValueError(
            f"No fits were performed. Was the CV iterator empty? Were there no candidates? cv={cv!r} gave no "
            "splits; a generator can be used once, so pass a list of splits or a splitter."
        )
    n_samples = num_samples(X)
    for i, split in enumerate(splits):
        for rows in _check_pair(i, split):
            _check_rows(i, rows, n_samples)
    return splits


class Splits(Sequence[tuple[Any, Any]]):
    """Splits whose rows lie in one array, which worker processes map instead of receiving each split with each task.

    Parameters
    ----------
    splits : sequence of (train, test)
        Arrays of indices of one integer type.
    """

    def __init__(self, splits: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        parts = [part for split in splits for part in split]
        self._rows = np.concatenate(parts)
        self._ends = np.cumsum([0, *map(len, parts)]).tolist()

    def __len__(self) -> int:
        return len(self._ends) // 2

    def __getitem__(self, i: Any) -> Any:
        if not 0 <= i < len(self):
            raise IndexError(i)
        start, middle, end = self._ends[2 * i : 2 * i + 3]
        rows = np.asarray(self._rows)  # in a worker a memory map
        return rows[start:middle], rows[middle:end]


def packed(splits: Sequence[tuple[Any, Any]]) -> Sequence[tuple[Any, Any]]:
    """Return `splits` with their rows in one array, or as they are where they are masks, lists or mixed."""
    parts = [part for split in splits for part in split]
    alike = {part.dtype for part in parts if type(part) is np.ndarray and part.dtype.kind in "iu"}
    if len(alike) != 1 or not all(type(part) is np.ndarray and part.dtype in alike for part in parts):
        return splits
    return Splits(splits)


def _check_pair(i: int, split: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the train and test indices of a split, refusing all but a pair of arrays."""
    try:
        train, test = split
        return np.asarray(train), np.asarray(test)
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"The 'cv' parameter must give pairs of train and test indices, but split {i} is {split!r}. Pass a "
            "splitter, a number of folds, or a list of (train, test) tuples."
        ) from None


def _check_rows(i: int, rows: np.ndarray, n_samples: int) -> None:
    """Refuse anything but indices of rows of the data, or a mask of its length."""
    mask = rows.dtype == bool and rows.shape == (n_samples,)
    indices = rows.ndim == 1 and (
        not rows.size or (rows.dtype.kind in "iu" and -n_samples <= rows.min() <= rows.max() < n_samples)
    )
    if not mask and not indices:
        raise InvalidArgumentError(
            f"The 'cv' parameter must give indices of the {n_samples} rows of X, but split {i} contains {rows!r}. Give "
            "integers from 0 to the number of rows less one."
        )
