"""The record of a search's learning curves: arrays, which LearningCurvesDisplay draws and tests look at.

A pruned candidate has run some folds to the end, one in part and the others not at all. A mean over all folds there are
at an epoch would jump where one of them ends. So a mean curve takes the folds that the candidate began, and goes as far
as all of them went. Boosters report after some of their rounds only, and those are the epochs of the record.

The record is numpy only. It is made without matplotlib, and without a search where only `learning_curves_` was kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sk_optuna.epochs import leaf_of, rounds_parameter
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.refit import metric_of
from sk_optuna.results._no_best import check_has_candidates

_INITIALS = {"auc", "f1", "r2", "roc"}
_COLUMNS = ("valid_score", "train_loss")


class MeanCurve(NamedTuple):
    """The curve of one trial, by epoch.

    Attributes
    ----------
    trial_number : int
        Number of the trial.
    trial_state : str
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.
    n_folds : int
        Folds that the trial began, over which the mean is taken.
    epochs : ndarray of shape (n_epochs_of_all_begun_folds,)
        The epochs, from 1, that all these folds reported; empty for a trial without epochs.
    mean, std : ndarray of shape (n_epochs_of_all_begun_folds,)
        Mean and standard deviation over these folds.
    """

    trial_number: int
    trial_state: str
    n_folds: int
    epochs: np.ndarray
    mean: np.ndarray
    std: np.ndarray


# Not frozen: a display is its own record, and users rename its score before they draw it again.
@dataclass(kw_only=True, eq=False, repr=False)
class LearningCurvesRecord:
    """Scores or losses of a search by trial, fold and epoch.

    Parameters
    ----------
    trial_number : ndarray of shape (n_trials,)
        Numbers of the trials.
    trial_state : sequence of str of length n_trials
        ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.
    values : ndarray of shape (n_trials, n_folds, n_epochs)
        Score or loss after each epoch; NaN for epochs that were not run, or not reported.
    epochs : ndarray of shape (n_epochs,) or None, default=None
        The epochs of `values`, in order; None for 1, 2, 3 and so on.
    best_trial : int or None, default=None
        Number of the best trial; None where none was chosen.
    score_name : str, default="Score"
        Name of the values.
    greater_is_better : bool, default=True
        True for scores, False for losses.
    epoch_name : str, default="Epoch"
        Name of the epochs.
    """

    trial_number: np.ndarray
    trial_state: Sequence[str]
    values: np.ndarray
    epochs: np.ndarray | None = None
    best_trial: int | None = None
    score_name: str = "Score"
    greater_is_better: bool = True
    epoch_name: str = "Epoch"

    def mean_curves(self) -> list[MeanCurve]:
        """Average each trial over the folds that it began, by epoch, as far as all of them went.

        Returns
        -------
        list of MeanCurve
            One for each trial, in order.
        """
        return [
            self._mean_curve(int(number), state, values)
            for number, state, values in zip(self.trial_number, self.trial_state, self.values, strict=True)
        ]

    def _mean_curve(self, number: int, state: str, values: np.ndarray) -> MeanCurve:
        """Average the folds of one trial, of shape (n_folds, n_epochs)."""
        epochs = np.arange(1, values.shape[1] + 1) if self.epochs is None else self.epochs
        reported = ~np.isnan(values)
        begun = reported.any(axis=1)
        if not begun.any():
            return MeanCurve(number, state, 0, np.empty(0, np.int64), np.empty(0), np.empty(0))
        # An epoch at which no fold has a number is one of other trials.
        kept = reported.any(axis=0)
        kept[_shortest(reported[begun]) :] = False
        seen = values[begun][:, kept]
        return MeanCurve(number, state, len(seen), epochs[kept], seen.mean(axis=0), seen.std(axis=0))

    def means(self) -> list[np.ndarray]:
        """Return the means of `mean_curves`, the heights of the lines.

        Returns
        -------
        list of ndarray
            For each trial, in order, its mean over the folds that it began, by epoch, as far as all of them went.
        """
        return [curve.mean for curve in self.mean_curves()]

    def columns(self) -> dict[str, np.ndarray]:
        """Return the mean curves as columns, one row for each point, by trial and epoch.

        Returns
        -------
        dict of str to ndarray of shape (n_points,)
            `trial_number`, `trial_state`, `epoch` (from 1), `n_folds`, `mean` and `std`, as `mean_curves` has them.
        """
        curves = self.mean_curves()
        lengths = np.array([len(curve.mean) for curve in curves], dtype=np.int64)
        return {
            "trial_number": np.repeat(np.asarray(self.trial_number), lengths),
            "trial_state": np.repeat(np.asarray(self.trial_state, dtype=str), lengths),
            "epoch": np.concatenate([np.empty(0, np.int64), *(curve.epochs for curve in curves)]),
            "n_folds": np.repeat(np.array([curve.n_folds for curve in curves], dtype=np.int64), lengths),
            "mean": np.concatenate([np.empty(0), *(curve.mean for curve in curves)]),
            "std": np.concatenate([np.empty(0), *(curve.std for curve in curves)]),
        }


def learning_curves_record(
    search: Any,
    *,
    column: str = "valid_score",
    fold: int | None = None,
    score_name: str | None = None,
    negate_score: bool = False,
) -> LearningCurvesRecord:
    """Record the curves of a fitted search.

    Parameters
    ----------
    search : OptunaSearchCV
        Fitted with ``report="epoch"``.
    column, fold, score_name, negate_score
        See :func:`record_of_curves`. The metric that steered the search names the scores.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where the search is not fitted.
    InvalidArgumentError
        Where it kept no curves, and for the reasons of :func:`record_of_curves`.
    """
    check_has_candidates(search)
    curves: Mapping[str, np.ndarray] | None = getattr(search, "learning_curves_", None)
    if curves is None:
        how = f"was fitted with report={search.report!r}" if hasattr(search, "report") else "keeps none"
        raise InvalidArgumentError(
            f"There are no learning curves to draw: this {type(search).__name__} {how}. "
            "Fit an OptunaSearchCV with report='epoch'."
        )
    return record_of_curves(
        curves,
        search.cv_results_,
        n_folds=search.n_splits_,
        best_index=getattr(search, "best_index_", None),
        metric=name_of_metric(search),
        epoch_name="Epoch" if rounds_parameter(leaf_of(search.estimator)) is None else "Round",
        column=column,
        fold=fold,
        score_name=score_name,
        negate_score=negate_score,
    )


def record_of_curves(
    curves: Mapping[str, np.ndarray],
    table: Mapping[str, Any],
    *,
    n_folds: int,
    best_index: int | None = None,
    metric: str = "score",
    epoch_name: str = "Epoch",
    column: str = "valid_score",
    fold: int | None = None,
    score_name: str | None = None,
    negate_score: bool = False,
) -> LearningCurvesRecord:
    """Record curves that a search kept, without the search.

    Parameters
    ----------
    curves : mapping of str to ndarray
        `learning_curves_` of the search.
    table : mapping of str to array
        Its `cv_results_`, of which the columns `trial_number` and `trial_state` are read.
    n_folds : int
        Folds of each trial.
    best_index : int or None, default=None
        Row of the best trial in `table`.
    metric : str, default="score"
        Name of the metric in `curves`.
    epoch_name : str, default="Epoch"
        Name of the epochs.
    column : {"valid_score", "train_loss"}, default="valid_score"
        Column of `curves` that becomes the values.
    fold : int, default=None
        The only fold to keep, counted from 0; None keeps all.
    score_name : str, default=None
        Name of the values; None makes one of `metric`.
    negate_score : bool, default=False
        If True, scores change their sign. Losses never do.

    Raises
    ------
    InvalidArgumentError
        Where there is no such column or fold, no epoch was reported, or no training loss was.
    """
    if column not in _COLUMNS:
        raise InvalidArgumentError(f"column must be one of {_COLUMNS}, but got {column!r}.")
    if not len(curves["epoch"]):
        raise InvalidArgumentError(
            "There are no learning curves to draw: no candidate reported an epoch. See cv_results_['trial_state'] for "
            "whether they failed, and let fit_epochs call monitor.report()."
        )
    numbers = np.asarray(table["trial_number"])
    epochs = np.unique(curves["epoch"])
    values = _as_array(curves, column, numbers, n_folds, epochs)
    if fold is not None:
        values = values[:, [_checked_fold(fold, n_folds)]]
    name, greater_is_better = metric, not negate_score
    if column == "train_loss":
        if np.isnan(values).all():
            raise InvalidArgumentError(
                "column='train_loss' cannot be drawn: the estimator did not report one. Use column='valid_score'."
            )
        name, greater_is_better = "Training loss", False
    elif negate_score:
        values, name = -values, name.removeprefix("neg_")
    return LearningCurvesRecord(
        trial_number=numbers,
        trial_state=[str(state) for state in table["trial_state"]],
        values=values,
        epochs=epochs,
        best_trial=None if best_index is None else int(numbers[best_index]),
        score_name=readable(name) if score_name is None else score_name,
        greater_is_better=greater_is_better,
        epoch_name=epoch_name,
    )


def readable(metric: str) -> str:
    """Write the name of a metric for readers: "ROC AUC ovr", "Neg log loss"."""
    words = [word.upper() if word in _INITIALS else word for word in metric.split("_")]
    text = " ".join(words)
    return f"{text[:1].upper()}{text[1:]}"


def _checked_fold(fold: Any, n_folds: int) -> int:
    if isinstance(fold, bool) or not isinstance(fold, int | np.integer) or not 0 <= fold < n_folds:
        raise InvalidArgumentError(
            f"fold must be None or an integer from 0 to {n_folds - 1}, the number of a fold of this search, but got "
            f"{fold!r}."
        )
    return int(fold)


def _as_array(
    curves: Mapping[str, np.ndarray], column: str, numbers: np.ndarray, n_folds: int, epochs: np.ndarray
) -> np.ndarray:
    """Arrange a column by trial, fold and epoch, with NaN where there is none."""
    values = np.full((len(numbers), n_folds, len(epochs)), np.nan)
    rows = np.searchsorted(numbers, curves["trial_number"])
    values[rows, curves["fold"], np.searchsorted(epochs, curves["epoch"])] = curves[column]
    return values


def _shortest(reported: np.ndarray) -> int:
    """Return the number of epochs up to the last report of the fold that ended first."""
    return min(int(np.flatnonzero(fold)[-1]) + 1 for fold in reported)


def name_of_metric(search: Any) -> str:
    """Return the name of the metric that steered the search, ``"score"`` where it has none."""
    if (metric := metric_of(search.refit)) is not None:
        return metric
    if isinstance(search.scorer_, dict):
        return str(next(iter(search.scorer_)))
    return search.scoring if isinstance(search.scoring, str) else "score"
