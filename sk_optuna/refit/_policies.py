"""The policies: a limit of the loss against the best candidate, and the simplest one within it.

They are told nothing but the table of a search, so that they serve any. A table does not say how many rows a split
trains on; a search of this package does.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Any

import numpy as np

from sk_optuna._nearest import hint, nearest
from sk_optuna._standard_error import corrected_standard_error
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.refit._choice import Choice
from sk_optuna.refit._order import TIMES, check_fits_space, check_simpler, sort_keys

_PREFIX = "mean_test_"


class Policy(ABC):
    """Base of the policies: a callable from `cv_results_` to the row of the candidate to refit.

    Attributes
    ----------
    simpler : dict or str
        The order from simple to complex.
    metric : str or None
        The metric by which candidates are compared.
    """

    simpler: Any
    metric: str | None

    @property
    @abstractmethod
    def limit(self) -> str:
        """The limit of the loss, in words."""

    @abstractmethod
    def _within(
        self, means: np.ndarray, scores: np.ndarray, best: int, test_size: float | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Mark the candidates that are near the best one; return the standard errors of the differences to it, too."""

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Choose a row of `cv_results_`; see `explain`."""
        return self.explain(cv_results).index

    def explain(self, cv_results: Mapping[str, Any], *, test_size: float | None = None) -> Choice:
        """Choose a candidate, and say how it compares with the best one.

        Parameters
        ----------
        cv_results : dict of str to ndarray, or DataFrame
            The table of a fitted search: ours, GridSearchCV, RandomizedSearchCV and their like.
        test_size : float or None, default=None
            Rows that a split tests, as a share of those that it uses. None for 1 / k, as in k-fold cross-validation.

        Returns
        -------
        Choice
            The choice; `print` shows it as a sentence.

        Raises
        ------
        InvalidArgumentError
            Where the policy does not fit the table: its metric, its parameters or their values are not there, or one
            standard error is asked of a single split. No candidate is complete.
        """
        metric = self.check_metrics([name.removeprefix(_PREFIX) for name in cv_results if name.startswith(_PREFIX)])
        means = np.asarray(cv_results[f"{_PREFIX}{metric}"], dtype=float)
        complete = np.flatnonzero(_candidates(cv_results, means))
        if complete.size == 0:
            raise InvalidArgumentError(
                f"{type(self).__name__} has no candidate to choose: none of the {len(means)} rows is complete and has "
                f"a finite {_PREFIX}{metric}."
            )
        best = int(complete[np.argmax(means[complete])])
        splits = _splits(cv_results, metric)
        self.check_splits(len(splits))
        scores = np.array([np.asarray(cv_results[name], dtype=float) for name in splits]).T
        near, errors = self._within(means[complete], scores[complete], int(np.searchsorted(complete, best)), test_size)
        rows = complete[near].tolist()
        keys = sort_keys(self.simpler, type(self).__name__, cv_results, rows)
        index = min(rows, key=lambda row: (keys[row], -means[row], row))
        error = None if errors is None else float(errors[np.searchsorted(complete, index)])
        return Choice(
            index,
            best,
            n_near=len(rows),
            loss=float(means[best] - means[index]),
            standard_error=error,
            metric=metric,
            kind=TIMES[self.simpler] if isinstance(self.simpler, str) else "simplest",
            limit=self.limit,
        )

    def check_metrics(self, metrics: Sequence[str]) -> str:
        """Return the metric by which candidates are compared.

        Parameters
        ----------
        metrics : sequence of str
            The metrics of a search, ``["score"]`` where there is one.

        Raises
        ------
        InvalidArgumentError
            Where the policy names none of several, or one that is not there.
        """
        name = type(self).__name__
        if self.metric is None and len(metrics) == 1:
            return metrics[0]
        if self.metric is None:
            raise InvalidArgumentError(
                f"{name} must name the metric by which candidates are compared, since the search has several: "
                f"{', '.join(map(repr, metrics))}. Write, for example, {name}(..., metric={next(iter(metrics), '')!r})."
            )
        if self.metric not in metrics:
            advice = " Leave metric out where the search has a single one." if list(metrics) == ["score"] else ""
            near = hint(self.metric, nearest(self.metric, metrics) or metrics)
            raise InvalidArgumentError(f"metric={self.metric!r} of {name} is no metric of the search.{near}{advice}")
        return self.metric

    def check_splits(self, n_splits: int) -> None:  # noqa: B027 - most policies take any number
        """Refuse a search with too few splits."""

    def check_space(self, branches: Sequence[Mapping[str, Sequence[Any] | None]]) -> None:
        """Refuse a space whose candidates the policy cannot compare.

        Parameters
        ----------
        branches : sequence of mapping
            The alternatives of the space: the values of each parameter, None for a range of numbers.

        Raises
        ------
        InvalidArgumentError
            Where no alternative has a parameter that `simpler` names, or one has values that it does not compare.
        """
        check_fits_space(self.simpler, type(self).__name__, branches)


@dataclass(frozen=True)
class OneStandardError(Policy):
    """The simplest candidate whose mean score is within one standard error of the best one's.

    The standard error is that of the difference between the two, paired by splits, so that how hard a split is for all
    candidates does not count. It is corrected for the training rows that splits share [1]_: with J splits, of which
    each tests n_test rows and trains on n_train, the variance of the J differences is multiplied by
    ``1 / J + n_test / n_train`` instead of ``1 / J``.

    Parameters
    ----------
    simpler : dict or str
        The order of candidates.

        - A dict from parameter names to ``"low"`` or ``"high"``, for numbers of which a low or a high one makes the
          simpler model, or to a list of values from simple to complex. The first name decides, the second among equals,
          and so on. A candidate without the parameter, as in a space of alternatives, comes behind those that have it:
          put what tells the alternatives apart first, ``{"kernel": ["linear", "rbf"], "gamma": "low"}``.
        - ``"mean_fit_time"`` or ``"mean_score_time"``: the fastest candidate to fit or to score. The choice then
          depends on the machine. Fit times are short where `cache_prefix` had fitted the first steps before.

        Of equally simple candidates the one with the better score is chosen, then the first.

    metric : str, default=None
        The metric, where the search has several. OptunaSearchCV's sampler maximizes it.

    test_size : float, default=None
        Rows that a split tests, as a share of those that it uses. None takes it from the splits in OptunaSearchCV, and
        1 / J elsewhere, as in k-fold. For other searches with shuffled or repeated splits, give it.

    Raises
    ------
    InvalidArgumentError
        Where an argument cannot be used.

    See Also
    --------
    PercentLoss : Gives up a percentage of the best score instead.
    sklearn.model_selection.GridSearchCV : Takes policies as `refit`, as does RandomizedSearchCV.

    Notes
    -----
    Breiman et al. [2]_ take the standard error of the best candidate's own mean, as ``select_by_one_std_err`` of
    tidymodels does. That contains how much splits differ, which all candidates share. The paired one tells candidates
    apart that the other does not; the correction makes it wider.

    When not to use it: if the score is all that counts. One standard error is no test: a candidate within it may well
    be worse. With a single split there is no standard error, which is an error here. ``pruner="race"`` stopped the
    very candidate that a policy would have chosen in 38 to 46 % of the searches (``benchmarks/race_and_policies.py``):
    use no pruner with a policy, or a lenient one.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003.
       :doi:`10.1023/A:1024068626366`
    .. [2] L. Breiman, J. Friedman, R. Olshen and C. Stone, "Classification and Regression Trees", 1984, section 3.4.3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sk_optuna import OptunaSearchCV
    >>> from sk_optuna.refit import OneStandardError
    >>> X, y = load_iris(return_X_y=True)
    >>> policy = OneStandardError({"n_neighbors": "high"})  # many neighbours make a smooth boundary
    >>> search = OptunaSearchCV(KNeighborsClassifier(), {"n_neighbors": range(1, 40, 2)}, refit=policy).fit(X, y)
    >>> search.best_params_
    {'n_neighbors': 13}
    >>> print(search.refit_choice_)
    simplest of 5 within one SE, 0.0067 below the best
    """

    simpler: Any
    _: KW_ONLY
    metric: str | None = None
    test_size: float | None = None

    def __post_init__(self) -> None:
        check_simpler(self.simpler, "OneStandardError")
        _check_metric(self.metric, "OneStandardError")
        size = self.test_size
        if size is not None and not (_is_finite(size) and 0 < size < 1):
            raise InvalidArgumentError(
                "test_size of OneStandardError must be a number between 0 and 1, the share of rows that a split tests, "
                f"or None, but got {size!r}. For five folds, repeated or not, it is 0.2."
            )

    @property
    def limit(self) -> str:
        """The limit of the loss, in words."""
        return "one SE"

    def check_splits(self, n_splits: int) -> None:
        """Refuse a search with a single split.

        Raises
        ------
        InvalidArgumentError
            Where there is one split, which has no standard error.
        """
        if n_splits < 2:
            raise InvalidArgumentError(
                f"OneStandardError needs at least two splits, whose differences have a standard error, but cv gives "
                f"{n_splits}. Use more splits, or PercentLoss, which takes one."
            )

    def _within(
        self, means: np.ndarray, scores: np.ndarray, best: int, test_size: float | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        errors = standard_errors(scores, best, self.test_size if self.test_size is not None else test_size)
        near: np.ndarray = means[best] - means <= errors + _rounding(means[best])
        return near, errors


@dataclass(frozen=True)
class PercentLoss(Policy):
    """The simplest candidate whose mean score is at most so many percent worse than the best one.

    Parameters
    ----------
    percent : float, default=2.0
        Percent of the best mean score, its sign aside, that may be lost; at least 0. With 0 only candidates that are as
        good as the best one are left.

    simpler : dict or str
        The order of candidates, as in :class:`OneStandardError`.

    metric : str, default=None
        The metric, where the search has several. OptunaSearchCV's sampler maximizes it.

    Raises
    ------
    InvalidArgumentError
        Where an argument cannot be used.

    See Also
    --------
    OneStandardError : Takes the limit from how much the differences between splits vary.

    Notes
    -----
    It is tidymodels' ``select_by_pct_loss``. It works with a single split.

    When not to use it: for scores whose zero means nothing. Two percent of an R2 of .02 are next to nothing, and those
    of a log-likelihood depend on its units.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sk_optuna.refit import PercentLoss
    >>> X, y = load_iris(return_X_y=True)
    >>> policy = PercentLoss(2, simpler={"n_neighbors": "high"})
    >>> search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": range(1, 40, 2)}, refit=policy).fit(X, y)
    >>> search.best_params_
    {'n_neighbors': 21}
    >>> print(policy.explain(search.cv_results_))
    simplest of 10 within 2 %, 0.013 below the best
    """

    percent: float = 2.0
    _: KW_ONLY
    simpler: Any
    metric: str | None = None

    def __post_init__(self) -> None:
        if not _is_finite(self.percent) or self.percent < 0:
            raise InvalidArgumentError(
                "percent of PercentLoss must be a finite number of at least 0, of the best mean score, but got "
                f"{self.percent!r}. Write, for example, PercentLoss(2, simpler={{'max_depth': 'low'}})."
            )
        check_simpler(self.simpler, "PercentLoss")
        _check_metric(self.metric, "PercentLoss")

    @property
    def limit(self) -> str:
        """The limit of the loss, in words."""
        return f"{self.percent:g} %"

    def _within(
        self, means: np.ndarray, scores: np.ndarray, best: int, test_size: float | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        limit = self.percent / 100 * abs(means[best])
        return means[best] - means <= limit + _rounding(means[best]), None


def standard_errors(scores: np.ndarray, best: int, test_size: float | None = None) -> np.ndarray:
    """Return the corrected standard error of each candidate's mean difference to the best one.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_splits)
        Test scores.
    best : int
        Row of the best candidate.
    test_size : float or None, default=None
        Rows that a split tests, as a share of those that it uses; None for ``1 / n_splits``.
    """
    size = 1 / scores.shape[1] if test_size is None else test_size
    return corrected_standard_error(scores[best] - scores, size / (1.0 - size))


def _rounding(mean: float) -> float:
    """Return a difference that means nothing: candidates with the same scores in another order are alike."""
    return float(8 * np.finfo(float).eps * abs(mean))


def metric_of(refit: Any) -> str | None:
    """Return the metric that a search's `refit` names, itself or as a policy; None if it names none."""
    if isinstance(refit, Policy):
        return refit.metric
    return refit if isinstance(refit, str) else None


def _candidates(table: Mapping[str, Any], means: np.ndarray) -> np.ndarray:
    """Mark the rows that may be chosen: those that are complete, have a score, and keep to constraints."""
    able: np.ndarray = np.isfinite(means)
    if "trial_state" in table:
        able &= np.asarray(table["trial_state"]) == "COMPLETE"
    if "feasible" in table:
        able &= np.asarray(table["feasible"], dtype=bool)
    return able


def _splits(table: Iterable[str], metric: str) -> list[str]:
    """Return the names of the columns of splits, in no order."""
    pattern = re.compile(rf"split\d+_test_{re.escape(metric)}")
    return [name for name in table if pattern.fullmatch(name)]


def _check_metric(metric: Any, policy: str) -> None:
    if metric is not None and not isinstance(metric, str):
        raise InvalidArgumentError(
            f"metric of {policy} must be the name of one of the search's metrics, or None, but got {metric!r}."
        )


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
