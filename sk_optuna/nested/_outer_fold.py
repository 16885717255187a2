"""One row of the comparison on one outer fold: scikit-learn fits and scores, and the model is read out and dropped.

This runs in a worker. It returns an error as text, since an exception may hold the model or not be picklable, and an
outer fold that fails must not take the others with it.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from traceback import format_exc
from typing import Any, Literal

import numpy as np
from sklearn.model_selection import cross_validate

from sk_optuna._compat._sklearn import safe_split
from sk_optuna.evaluation import FoldPredictions, predictions_of
from sk_optuna.exceptions import InvalidArgumentError, StorageError
from sk_optuna.nested._searches import fitted_searches, with_best_only
from sk_optuna.refit import metric_of

Keep = Literal["search", "best", "nothing"]


# Errors of the call, and not of a fold: the others would meet them, too.
MISTAKES = (InvalidArgumentError, StorageError)


@dataclass
class Tuning:
    """An inner search, without its models.

    Attributes
    ----------
    params : dict
        The parameters that it chose.
    score : float
        Its best mean score, of the metric by which it chose; NaN where it names none.
    table : dict of str to ndarray
        Its `cv_results_`.
    study : optuna.Study or None
        Its study, where it has one.
    """

    params: dict[str, Any]
    score: float
    table: dict[str, Any]
    study: Any = None


@dataclass
class FoldError:
    """The error of an outer fold: its class, its message, and the text of its traceback."""

    exception: str
    message: str
    traceback: str


@dataclass
class OuterFold:
    """The results of one row on one outer fold.

    Attributes
    ----------
    scores : dict of str to float
        Columns of `cross_validate`: times, test and train scores; only times where the fold failed.
    model : estimator or None
        As much of the fitted model as is kept.
    tuning : Tuning or None
        The inner search; None where there is none, or several.
    y_true : ndarray of shape (n_test,) or (n_test, n_outputs), or None
        The targets of the test rows; None without targets, or without predictions.
    predictions : FoldPredictions or None
        The predictions for the test rows; None where the model cannot predict.
    error : FoldError or None
        The error of a fold that failed.
    no_predictions : str
        The error for which there are no predictions, though there is a score; empty if there was none.
    no_model : str
        The error for which the model did not come back from its worker process; empty if there was none.
    is_missing : bool
        True if it had not ended when the error of another one broke off the run.
    """

    scores: dict[str, float] = field(default_factory=dict)
    model: Any = None
    tuning: Tuning | None = None
    y_true: np.ndarray | None = None
    predictions: FoldPredictions | None = None
    error: FoldError | None = None
    no_predictions: str = ""
    no_model: str = ""
    is_missing: bool = False


@dataclass(frozen=True)
class FoldTask:
    """The arguments that all outer folds share."""

    X: Any
    y: Any
    scoring: Any
    return_train_score: bool
    keep: Keep


def run_outer_fold(
    task: FoldTask,
    estimator: Any,
    train: np.ndarray,
    test: np.ndarray,
    params: Mapping[str, Any],
    raises: tuple[type[Exception], ...],
) -> OuterFold:
    """Fit and score an estimator on one outer fold.

    Parameters
    ----------
    task : FoldTask
        The data and what is wanted.
    estimator : estimator
        The unfitted estimator.
    train, test : ndarray of int
        The rows of the fold.
    params : mapping
        What `fit` gets beside the data, in scikit-learn's sense.
    raises : tuple of exception classes
        The errors that are raised instead of returned.
    """
    start = time.perf_counter()
    try:
        output = cross_validate(
            estimator,
            task.X,
            task.y,
            cv=[(train, test)],
            scoring=task.scoring,
            params=dict(params),
            return_train_score=task.return_train_score,
            return_estimator=True,
            error_score="raise",
        )
    except raises:
        raise
    except Exception as error:
        return failed_fold(error, format_exc(), time.perf_counter() - start)
    (model,) = output.pop("estimator")
    scores = {name: float(column[0]) for name, column in output.items()}
    return read_out(model, task.X, task.y, (train, test), scores, task.keep)


def failed_fold(error: BaseException, traceback: str = "", seconds: float = np.nan) -> OuterFold:
    """Return an outer fold that ended with an error."""
    told = FoldError(type(error).__name__, str(error).strip(), traceback)
    return OuterFold({"fit_time": seconds, "score_time": 0.0}, error=told)


def missing_fold(error: BaseException) -> OuterFold:
    """Return an outer fold that had not ended when an error, or Ctrl-C, broke off the others."""
    fold = failed_fold(error)
    fold.is_missing = True
    return fold


def read_out(
    model: Any, X: Any, y: Any, split: tuple[np.ndarray, np.ndarray], scores: dict[str, float], keep: Keep
) -> OuterFold:
    """Read a fitted model out, and drop as much of it as is not to be kept.

    Parameters
    ----------
    model : estimator
        The fitted model.
    X, y : array-like or None
        The data; without X there are no predictions.
    split : tuple of two ndarrays of int
        The rows that the fold trains on, and those that it tests.
    scores : dict of str to float
        Columns of `cross_validate`.
    keep : {"search", "best", "nothing"}
        As much as is kept.
    """
    searches = fitted_searches(model)
    tuning = tuning_of(searches[0]) if len(searches) == 1 else None
    fold = OuterFold(scores, _kept(model, searches, keep), tuning)
    if X is not None and hasattr(model, "predict"):
        try:
            fold.y_true, fold.predictions = _predicted(model, X, y, split)
        except Exception as error:  # of an estimator that can be scored all the same: the score is not to be lost
            fold.no_predictions = f"{type(error).__name__}: {error}"
    return fold


def tuning_of(search: Any) -> Tuning:
    """Read a fitted search out."""
    params, table = getattr(search, "best_params_", {}), dict(search.cv_results_)
    return Tuning(dict(params), _best_score(search), table, getattr(search, "study_", None))


def _best_score(search: Any) -> float:
    """Return the mean score of the chosen candidate, also where a callable `refit` has chosen it."""
    metric = metric_of(search.refit) if getattr(search, "multimetric_", False) else "score"
    column = search.cv_results_.get(f"mean_test_{metric}")
    best = getattr(search, "best_index_", None)
    return np.nan if column is None or best is None else float(column[best])


def _kept(model: Any, searches: list[Any], keep: Keep) -> Any:
    """Return as much of a fitted model as is to be kept."""
    if keep == "nothing":
        return None
    if keep == "best":
        for search in searches:
            model = with_best_only(model, search)
    return model


def _predicted(model: Any, X: Any, y: Any, split: tuple[np.ndarray, np.ndarray]) -> tuple[Any, FoldPredictions | None]:
    """Return the targets and the predictions of the test rows; None in place of either that makes no columns."""
    train, test = split
    X_test, y_test = safe_split(model, X, y, test, train)  # of a precomputed kernel, the columns of the training rows
    predictions = predictions_of(model, X_test)
    y_true = None if y_test is None else np.asarray(y_test)
    return (
        y_true if _are_columns(y_true, len(test)) else None,
        predictions if _are_columns(predictions.y_pred, len(test)) else None,
    )


def _are_columns(values: np.ndarray | None, n_rows: int) -> bool:
    """Return whether each row has a value, or one for each output."""
    return values is not None and values.ndim in (1, 2) and len(values) == n_rows
