"""nested_cv_results: the same results from what scikit-learn's `cross_validate` has returned."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sk_optuna._compat._sklearn import num_samples
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.nested._comparison import concluded
from sk_optuna.nested._metrics import outer_metrics
from sk_optuna.nested._outer_fold import FoldError, OuterFold, read_out
from sk_optuna.nested._outer_splits import Splits, separates_groups
from sk_optuna.nested._results import NestedCVResults
from sk_optuna.nested._rows import check_choices, default_name, named, own_rows, with_inner_reasons

_WAY_ON = "Call cross_validate with return_estimator=True and return_indices=True."


def nested_cv_results(
    output: Mapping[str, Any],
    X: Any = None,
    y: Any = None,
    *,
    scoring: Any = None,
    groups: Any = None,
    defaults: Mapping[str, str] | None = None,
    keep: str = "search",
) -> NestedCVResults:
    """Make nested results of what scikit-learn's `cross_validate` returned for a search, or for several.

    Parameters
    ----------
    output : dict of str to ndarray, or dict of str to such dicts
        What `cross_validate` returned with ``return_estimator=True`` and ``return_indices=True``; or several of these,
        by name, of the same outer folds.

    X, y : array-like, default=None
        The data, for `predictions_`; without X there are none.

    scoring : str, callable, list, tuple or dict, default=None
        The `scoring` that `cross_validate` was called with, which is not in the output. None for None: the score is the
        search's own.

    groups : array-like of shape (n_samples,), default=None
        The groups that the outer folds keep apart, if they do: there are no tests then.

    defaults : dict of str to str, default=None
        For names of searches, the names of the rows that have their defaults: ``{"svm": "plain svm"}``.

    keep : {"search", "best", "nothing"}, default="search"
        As in `nested_cross_validate`.

    Returns
    -------
    NestedCVResults
        The results.

    Raises
    ------
    InvalidArgumentError
        Where the output has no estimators or indices, or the outer folds are not the same ones.

    See Also
    --------
    nested_cross_validate : Runs the searches, with baselines, on the same folds.

    Notes
    -----
    `cross_validate` tells no errors: a fold that failed has a score of NaN, or the `error_score`, and a row of
    `errors_` that says no more, where its estimator was not fitted.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV, cross_validate
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import nested_cv_results
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=3)
    >>> output = cross_validate(search, X, y, cv=3, return_estimator=True, return_indices=True)
    >>> results = nested_cv_results(output, X, y)
    >>> len(results.outer_), len(results.archive_), len(results.predictions_)
    (3, 9, 150)
    """
    check_choices((), keep, np.nan)
    outputs = _by_name(output)
    splits = _same_splits(outputs)
    rows = own_rows({name: clone(each["estimator"][0]) for name, each in outputs.items()})
    searches = [row.search for row in rows if row.search is not None]
    metrics = outer_metrics(scoring, searches, rows[0].estimator)
    _check_metrics(outputs, metrics.first)
    rows = with_inner_reasons(rows, metrics)
    folds = {name: _folds(each, X, y, splits, keep) for name, each in outputs.items()}
    n_rows = num_samples(X) if X is not None else 1 + max(int(max(map(max, split))) for split in splits)
    record = concluded(
        rows,
        folds,
        metrics,
        splits,
        n_rows=n_rows,
        has_groups=separates_groups(splits, groups),
        error_score=np.nan,
        keep=keep,
        notes=[],
        defaults=_checked_defaults(defaults, outputs),
    )
    return NestedCVResults(record)


def _by_name(output: Any) -> dict[str, Mapping[str, Any]]:
    """Return the outputs by name, one or several."""
    if not isinstance(output, Mapping) or not output:
        raise InvalidArgumentError(
            f"The 'output' parameter must be what cross_validate returned, or a dict of names and such, but got "
            f"{type(output).__name__}. {_WAY_ON}"
        )
    outputs = dict(output) if all(isinstance(each, Mapping) for each in output.values()) else {"": output}
    for name, each in outputs.items():
        missing = [key for key in ("estimator", "indices") if key not in each]
        if missing:
            of = f" of {name!r}" if name else ""
            raise InvalidArgumentError(f"The output{of} has no {' and no '.join(map(repr, missing))}. {_WAY_ON}")
    if "" in outputs:
        (name,) = named(output["estimator"][0])
        return {name: output}
    return outputs


def _same_splits(outputs: Mapping[str, Mapping[str, Any]]) -> Splits:
    """Return the outer splits, which all outputs must have."""
    first, *others = outputs
    for other in others:
        for part in ("train", "test"):
            one, two = outputs[first]["indices"][part], outputs[other]["indices"][part]
            if len(one) != len(two) or not all(map(np.array_equal, one, two)):
                raise InvalidArgumentError(
                    f"Rows of a comparison must have the same outer folds, but those of {first!r} and {other!r} are "
                    "others. Give cross_validate the same list of splits, or the same splitter with a seed, each time."
                )
    indices = outputs[first]["indices"]
    return [
        (np.asarray(train), np.asarray(test)) for train, test in zip(indices["train"], indices["test"], strict=True)
    ]


def _check_metrics(outputs: Mapping[str, Mapping[str, Any]], metric: str) -> None:
    """Refuse outputs that lack scores of the metric."""
    for name, each in outputs.items():
        if f"test_{metric}" not in each:
            found = [key.removeprefix("test_") for key in each if key.startswith("test_")]
            raise InvalidArgumentError(
                f"The output of {name!r} has no scores of {metric!r}, but of {found}. Pass the scoring that "
                "cross_validate was called with."
            )


def _checked_defaults(defaults: Mapping[str, str] | None, names: Mapping[str, Any]) -> dict[str, str]:
    """Return the rows of defaults: those named so, and those that the user names."""
    unknown = [each for pair in (defaults or {}).items() for each in pair if each not in names]
    if unknown:
        raise InvalidArgumentError(
            f"The 'defaults' parameter must name rows, which are {list(names)}, but got {unknown[0]!r}."
        )
    return {**{name: default_name(name) for name in names if default_name(name) in names}, **(defaults or {})}


def _folds(output: Mapping[str, Any], X: Any, y: Any, splits: Splits, keep: Any) -> Sequence[OuterFold]:
    """Read the outer folds of one output out."""
    names = [name for name in output if name.startswith(("test_", "train_")) or name in ("fit_time", "score_time")]
    folds = []
    for i, (model, split) in enumerate(zip(output["estimator"], splits, strict=True)):
        scores = {name: float(output[name][i]) for name in names}
        if _is_fitted(model):
            folds.append(read_out(model, X, y, split, scores, keep))
        else:
            folds.append(OuterFold(scores, error=FoldError("", "not fitted; cross_validate has warned of it", "")))
    return folds


def _is_fitted(model: Any) -> bool:
    """Tell whether an estimator was fitted; of a fold that failed it was not."""
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True
