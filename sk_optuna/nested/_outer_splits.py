"""The outer splits: drawn once, given to every row, and kept in the storage that the searches have.

A splitter without a seed would split otherwise at each call, and an outer fold that another call finished would be of
no use.
"""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import get_routing_for_object

from sk_optuna._compat._sklearn import num_samples
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.storage import History, Store, describe, describe_data, versions_of

Splits = list[tuple[np.ndarray, np.ndarray]]


def draw_splits(cv: Any, X: Any, y: Any, groups: Any, *, is_classifier: bool) -> Splits:
    """Return the rows of the outer folds.

    Parameters
    ----------
    cv : int, splitter or iterable
        The user's argument, as `cross_validate` takes it.
    X, y, groups : array-like
        The data.
    is_classifier : bool
        Whether a number of folds is one of stratified folds.

    Raises
    ------
    InvalidArgumentError
        Where `cv` gives no pairs of rows.
    """
    try:
        pairs = list(check_cv(cv, y, classifier=is_classifier).split(X, y, groups))
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidArgumentError(
            f"The 'cv' parameter must be a number of folds, a splitter or pairs of rows (train, test), but "
            f"{repr(cv)[:80]} gives no splits of these rows: {error} Pass, for example, cv=5."
        ) from error
    if not pairs:
        raise InvalidArgumentError(f"The 'cv' parameter must give a split at least, but {cv!r} gives none.")
    n_rows = num_samples(X)
    return [_checked(pair, i, n_rows) for i, pair in enumerate(pairs)]


def _checked(pair: Any, i: int, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a split as two arrays of row numbers."""
    try:
        train, test = (_rows(part, n_rows) for part in pair)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            "The 'cv' parameter must give pairs of rows (train, test), each an array of row numbers or a mask of all "
            f"{n_rows} rows, but split {i} is {repr(pair)[:80]}: {error}."
        ) from error
    if not len(train) or not len(test):
        part = "test" if len(train) else "training"
        raise InvalidArgumentError(f"The 'cv' parameter must give rows to each part, but split {i} has no {part} rows.")
    return train, test


def _rows(part: Any, n_rows: int) -> np.ndarray:
    """Return one part of a split as row numbers; a ValueError says why it is none."""
    rows = np.asarray(part)
    if rows.ndim != 1:
        raise ValueError(f"one part has {rows.ndim} dimensions")
    if rows.dtype == bool:
        if len(rows) != n_rows:
            raise ValueError(f"a mask has {len(rows)} rows")
        return np.flatnonzero(rows)
    if rows.size and not np.issubdtype(rows.dtype, np.integer):
        raise ValueError(f"one part has values of type {rows.dtype}")
    if rows.size and (rows.min() < 0 or rows.max() >= n_rows):
        raise ValueError(f"one part has row {rows.max() if rows.max() >= n_rows else rows.min()}")
    return rows.astype(np.intp)


def check_classes(splits: Splits, y: Any) -> None:
    """Refuse outer folds that train on one class alone.

    Raises
    ------
    InvalidArgumentError
        Where the training rows of a split have a single class.
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        return
    for i, (train, _) in enumerate(splits):
        there = np.unique(labels[train]) if labels.dtype != object else np.array(list({*labels[train].tolist()}))
        if len(there) < 2:
            raise InvalidArgumentError(
                f"The 'cv' parameter must give training rows of two classes at least, but those of outer fold {i} are "
                f"all of class {there.tolist()[0]!r}. Use StratifiedKFold, or shuffle the rows, or use fewer folds."
            )


def note_on_classes(splits: Splits, y: Any) -> list[str]:
    """Return a note on outer folds that test classes of which they train on no row."""
    labels = np.asarray(y)
    if labels.ndim != 1:
        return []
    unknown = [i for i, (train, test) in enumerate(splits) if {*labels[test].tolist()} - {*labels[train].tolist()}]
    if not unknown:
        return []
    return [
        f"{len(unknown)} of {len(splits)} outer folds test a class of which they train on no row: is y sorted? Use "
        "StratifiedKFold, or shuffle=True."
    ]


def check_tested_classes(splits: Splits, y: Any, metrics: Sequence[str]) -> None:
    """Refuse outer folds that test one class alone, where a metric ranks one class above the other."""
    labels = np.asarray(y)
    needing = [name for name in metrics if name.startswith("roc_auc")]
    if labels.ndim != 1 or not needing:
        return
    for i, (_, test) in enumerate(splits):
        there = {*labels[test].tolist()}
        if len(there) < 2:
            raise InvalidArgumentError(
                f"The 'cv' parameter must give test rows of two classes at least for {needing[0]!r}, but those of "
                f"outer fold {i} are all of class {there.pop()!r}. Use StratifiedKFold, or StratifiedGroupKFold, or "
                "another metric."
            )


def wants_groups(splitter: Any) -> bool:
    """Tell whether a splitter splits by groups: scikit-learn's say so, and others are taken at the word of their class.

    Numbers of folds, pairs of rows and None do not.
    """
    if not hasattr(splitter, "split") or isinstance(splitter, str):
        return False
    if not hasattr(splitter, "get_metadata_routing"):
        return True  # of another library: it may look at them or not
    return bool(get_routing_for_object(splitter).consumes("split", ["groups"]))


def separates_groups(splits: Splits, groups: Any) -> bool:
    """Tell whether no group is on both sides of any split."""
    if groups is None:
        return False
    groups = np.asarray(groups)
    return all(not np.isin(groups[test], groups[train]).any() for train, test in splits)


def kept_splits(splits: Splits, cv: Any, X: Any, y: Any, groups: Any, storages: Sequence[Any], model: Any) -> Splits:
    """Return the splits that a storage has of this splitter and this data; keep these in storages that have none.

    Parameters
    ----------
    splits : list of (train, test)
        The splits as they were drawn now.
    cv, X, y, groups : object
        The arguments by which they are known again.
    storages : sequence
        The storages of the searches. The splits of the first one that has any count, and go into those that have none.
    model : estimator
        One of those that are compared, for the versions that are noted.

    Raises
    ------
    StorageError
        Where a storage cannot be used.
    """
    identity = {
        "estimator": "OuterSplits",
        # a generator of splits is known by them alone
        "cv": describe([(train, test) for train, test in splits]) if not hasattr(cv, "split") else describe(cv),
        "X": describe_data(X),
        "y": describe_data(y),
        "groups": describe_data(groups),
    }
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(Store(storage, None, identity))) for storage in storages]
        kept = [store.history.splits for store in stores if store.history is not None]
        if kept:
            assert kept[0] is not None
            splits = [(np.asarray(train), np.asarray(test)) for train, test in kept[0]]
        for store in stores:
            if store.history is None:
                store.create(History(identity, versions_of(model), 0, splits))
    return splits
