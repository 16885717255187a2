"""How sure a mean over outer folds is, and a difference of two.

Outer folds share training rows, so their scores are correlated, and the plain t interval, which takes them for
independent, is too narrow. There is no unbiased estimate of that correlation from the scores of one cross-validation
(Bengio & Grandvalet 2004). Nadeau and Bengio's correction puts the ratio of test to training rows in its place.

Not taken: a plain paired t test, or Wilcoxon's, over folds, which reject equal models several times as often as they
say; an average over data sets, since a nested cross-validation has one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from scipy import stats

from sk_optuna._nearest import hint, nearest
from sk_optuna._standard_error import corrected_standard_error
from sk_optuna.exceptions import InvalidArgumentError

Basis = Literal["published procedure", "heuristic", "none"]
_FEWEST_SPLITS = 3
# Differences this close to the rope are within it: .905 - .900 is .005000000000000004 in floats.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class OuterSplits:
    """The outer splits, as far as statistics depend on them.

    Attributes
    ----------
    kind : str
        ``"k-fold"``, where the tests are parts of the rows; ``"repeated k-fold"``; ``"shuffle"``, where training and
        test rows are drawn anew for each split; ``"groups"``; ``"time series"``, where all training rows come before
        all test rows; ``"other"``.
    n_splits : int
        Their number.
    test_to_train : float
        Rows that are tested for each row that is trained on, the mean over splits.
    """

    kind: Literal["k-fold", "repeated k-fold", "shuffle", "groups", "time series", "other"]
    n_splits: int
    test_to_train: float

    @property
    def basis(self) -> Basis:
        """The ground that a test of a difference has with these splits."""
        if self.why_no_test:
            return "none"
        return "published procedure" if self.kind == "shuffle" else "heuristic"

    @property
    def why_no_test(self) -> str:
        """The reason why there is no test with these splits; empty where there is one."""
        if self.kind == "groups":
            return "no test: rows of a group depend on each other, of which the correction knows nothing"
        if self.kind == "time series":
            return "no test: splits in time have training sets that grow, and scores that may drift"
        if self.n_splits < _FEWEST_SPLITS:
            few = f"{self.n_splits} outer split{'' if self.n_splits == 1 else 's'}"
            return f"no test: {few}, and a test needs at least {_FEWEST_SPLITS}"
        return ""


def outer_splits(train: Sequence[np.ndarray], test: Sequence[np.ndarray], *, has_groups: bool = False) -> OuterSplits:
    """Describe the outer splits, from the indices of their rows.

    Parameters
    ----------
    train, test : sequence of ndarray of int
        The rows that each split trains on and tests.
    has_groups : bool, default=False
        Whether the splitter was given groups.
    """
    train, test = [np.asarray(rows) for rows in train], [np.asarray(rows) for rows in test]
    ratio = float(np.mean([len(tested) / max(len(trained), 1) for trained, tested in zip(train, test, strict=True)]))
    if has_groups:
        kind: Any = "groups"
    elif len(train) > 1 and _is_in_time(train, test):
        kind = "time series"
    elif _is_repeated(test):
        kind = "k-fold" if sum(map(len, test)) == len(np.unique(np.concatenate(test))) else "repeated k-fold"
    else:
        kind = "shuffle" if _is_drawn_anew(train, test) else "other"
    return OuterSplits(kind, len(test), ratio)


def _is_in_time(train: Sequence[np.ndarray], test: Sequence[np.ndarray]) -> bool:
    """Tell whether every split tests rows that come after all of its training rows, and later ones each time."""
    first = [tested.min(initial=np.iinfo(np.intp).max) for tested in test]
    comes_later = all(trained.max(initial=-1) < start for trained, start in zip(train, first, strict=True))
    return comes_later and all(a < b for a, b in pairwise(first))


def _is_repeated(test: Sequence[np.ndarray]) -> bool:
    """Tell whether the tests, taken in turn, make up all rows once, or several times one after the other."""
    everything = np.unique(np.concatenate(test))
    if len(test) < 2:
        return False
    seen: set[int] = set()
    for rows in test:
        new = set(rows.tolist())
        if len(new) < len(rows) or new & seen:
            return False
        seen |= new
        if len(seen) == len(everything):
            seen = set()
    return not seen


def _is_drawn_anew(train: Sequence[np.ndarray], test: Sequence[np.ndarray]) -> bool:
    """Tell whether splits are alike in size, and no row is twice in one, as ShuffleSplit draws them."""
    rows = [np.concatenate(pair) for pair in zip(train, test, strict=True)]
    sizes = {(len(trained), len(tested)) for trained, tested in zip(train, test, strict=True)}
    return len(sizes) == 1 and all(len(np.unique(each)) == len(each) for each in rows)


def corrected_interval(scores: Any, test_to_train: float, level: float = 0.95) -> tuple[float, float]:
    """Return an interval for the mean of scores over outer folds, by the corrected resampled t.

    Parameters
    ----------
    scores : array-like of shape (n_outer,)
        Scores, or paired differences of scores.
    test_to_train : float
        Rows that are tested for each row that is trained on: 0.25 in five folds.
    level : float, default=0.95
        The share of such intervals that are meant to contain the true mean.

    Returns
    -------
    low, high : float
        The bounds. NaN where a score is missing or there are fewer than two. Both the mean where all scores are equal.

    Notes
    -----
    The variance of the mean is taken as ``(1 / n_outer + test_to_train) * variance``, and the bounds from Student's t
    with ``n_outer - 1`` degrees of freedom [1]_. It was derived for random splits; with k folds, and for the scores of
    searches, it is a heuristic, whose coverage ``benchmarks/nested_coverage.py`` measures.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003.
       :doi:`10.1023/A:1024068626366`
    """
    scores = np.asarray(scores, dtype=float)
    if len(scores) < 2 or not np.isfinite(scores).all():
        return np.nan, np.nan
    mean, half = float(scores.mean()), float(stats.t.ppf((1 + level) / 2, len(scores) - 1))
    half *= float(corrected_standard_error(scores, test_to_train))
    return mean - half, mean + half


def compare_scores(
    scores: Mapping[str, Any],
    *,
    splits: OuterSplits,
    reference: str | None = None,
    rope: float = 0.0,
    level: float = 0.95,
    baselines: Collection[str] = (),
) -> dict[str, np.ndarray]:
    """Compare models by their scores on the same outer folds, each with a reference.

    Parameters
    ----------
    scores : mapping of str to array-like of shape (n_outer,)
        Scores by the name of the model, higher is better; NaN where one is missing.
    splits : OuterSplits
        The outer splits.
    reference : str or None, default=None
        The model that the others are compared with; None for the one with the highest mean. That one was chosen by the
        same scores, so that differences to it come out somewhat too large.
    rope : float, default=0.0
        Region of practical equivalence: a difference of at most so much, either way, counts as none.
    level : float, default=0.95
        The level of the intervals.
    baselines : collection of str, default=()
        Models that are corrected for by themselves: nobody asked which of them is better.

    Returns
    -------
    dict of str to ndarray of shape (n_models - 1,)
        A row for each other model, in the order of `scores`: `model` and `reference`; `difference`, the mean of model
        minus reference; `low` and `high`, its interval; `t` and `p_value` of the corrected resampled t test [1]_ of no
        difference, two-sided; `p_holm`, the same after Holm's correction for the tests of models, and for those
        of baselines; `wins`, `ties` and `losses`, outer folds in which the model is better, within the rope, and worse;
        `p_worse`, `p_equivalent` and `p_better`, the probabilities by the posterior of the correlated t test [2]_ [3]_;
        `basis`,
        ``"published procedure"``, ``"heuristic"`` or ``"none"``; and `reason`, why a row has no test, else empty.
        Columns of a test are NaN where it has no basis.

    Raises
    ------
    InvalidArgumentError
        Where `reference` is none of the models, there are fewer than two, or `rope` is negative or no number.

    Notes
    -----
    As in other implementations, a probability of one half lies on either side where all differences are zero and the
    rope is, too.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003.
       :doi:`10.1023/A:1024068626366`
    .. [2] G. Corani, A. Benavoli, "A Bayesian approach for comparing cross-validated algorithms on multiple data sets",
       Machine Learning 100, 2015. :doi:`10.1007/s10994-015-5486-z`
    .. [3] A. Benavoli, G. Corani, J. Demsar, M. Zaffalon, "Time for a Change: a Tutorial for Comparing Multiple
       Classifiers Through Bayesian Analysis", JMLR 18(77), 2017. :arxiv:`1606.04316`
    """
    columns = {name: np.asarray(values, dtype=float) for name, values in scores.items()}
    check_rope(rope)
    reference = _reference(columns, reference)
    others = [name for name in columns if name != reference]
    rows = [_compared(columns[name], columns[reference], splits, rope, level) for name in others]
    table: dict[str, np.ndarray] = {
        "model": np.array(others, dtype=object),
        "reference": np.array([reference] * len(others), dtype=object),
    }
    for key in rows[0]:
        table[key] = np.array([row[key] for row in rows], dtype=object if isinstance(rows[0][key], str) else None)
        if key == "p_value":
            is_baseline = np.array([name in baselines for name in others])
            table["p_holm"] = np.full(len(others), np.nan)
            for family in (is_baseline, ~is_baseline):
                table["p_holm"][family] = holm(table["p_value"][family])
    return table


def holm(p_values: Any) -> np.ndarray:
    """Correct p-values for their number by Holm's procedure; NaN counts as no test and stays NaN."""
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)[: np.count_nonzero(np.isfinite(p_values))]
    corrected = np.full(p_values.shape, np.nan)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)))
    return corrected


def check_rope(rope: Any) -> None:
    """Refuse a rope that is no width."""
    if isinstance(rope, bool) or not isinstance(rope, int | float | np.number) or not 0 <= rope < np.inf:
        raise InvalidArgumentError(
            f"The 'rope' parameter must be a finite number of at least 0, in units of the score, but got {rope!r}. "
            "Pass the largest difference that does not matter to you, such as rope=0.005, or 0 for none."
        )


def _reference(columns: Mapping[str, np.ndarray], reference: str | None) -> str:
    """Return the name of the model that the others are compared with."""
    if len(columns) < 2:
        raise InvalidArgumentError(
            f"A comparison needs at least two models, but there is only {', '.join(map(repr, columns)) or 'none'}. "
            "Pass several searches as a dict, or keep baselines=('default', 'dummy')."
        )
    if reference is None:
        means = {name: values.mean() for name, values in columns.items()}
        return max(means, key=lambda name: -np.inf if np.isnan(means[name]) else means[name])
    if reference not in columns:
        raise InvalidArgumentError(
            f"The 'reference' parameter must be None or one of {list(columns)}, but got {reference!r}."
            f"{hint(str(reference), nearest(str(reference), columns))}"
        )
    return reference


def _compared(ours: np.ndarray, theirs: np.ndarray, splits: OuterSplits, rope: float, level: float) -> dict[str, Any]:
    """Return one row of the comparison."""
    differences = ours - theirs
    # equal but for the order in which a mean was summed
    differences[abs(differences) <= _ROUNDING * np.maximum(abs(ours), abs(theirs))] = 0.0
    known = differences[np.isfinite(differences)]
    reason = splits.why_no_test or _why_missing(differences)
    low, high, t, p_value, worse, equivalent, better = [np.nan] * 7
    mean = float(differences.mean())
    if not reason:
        low, high = corrected_interval(differences, splits.test_to_train, level)
        error = float(corrected_standard_error(differences, splits.test_to_train))
        t, p_value = _t_test(mean, error, len(differences) - 1)
        worse, equivalent, better = posterior(mean, error, len(differences) - 1, rope)
    return {
        "difference": mean,
        "low": low,
        "high": high,
        "t": t,
        "p_value": p_value,
        "wins": int((known > rope + _ROUNDING).sum()),
        "ties": int((abs(known) <= rope + _ROUNDING).sum()),
        "losses": int((known < -rope - _ROUNDING).sum()),
        "p_worse": worse,
        "p_equivalent": equivalent,
        "p_better": better,
        "basis": "none" if reason else splits.basis,
        "reason": reason,
    }


def _why_missing(differences: np.ndarray) -> str:
    """Name the outer folds in which a score is missing; empty if none is."""
    missing = np.flatnonzero(~np.isfinite(differences)).tolist()
    if not missing:
        return ""
    return f"no test: no score in outer fold{'s' if len(missing) > 1 else ''} {', '.join(map(str, missing))}"


def _t_test(mean: float, error: float, df: int) -> tuple[float, float]:
    """Return the statistic and its two-sided p-value; without variance, their limits."""
    if error == 0:
        return (0.0, 1.0) if mean == 0 else (float(np.copysign(np.inf, mean)), 0.0)
    return mean / error, float(2 * stats.t.sf(abs(mean / error), df))


def posterior(mean: float, error: float, df: int, rope: float) -> tuple[float, float, float]:
    """Return the probabilities that a difference is below the rope, within it, and above.

    Parameters
    ----------
    mean, error : float
        The mean difference, and its corrected standard error.
    df : int
        Degrees of freedom, one less than there are outer folds.
    rope : float
        Half the width of the region of practical equivalence.
    """
    if error == 0:
        if rope == 0 and mean == 0:
            return 0.5, 0.0, 0.5
        worse, better = float(mean < -rope - _ROUNDING), float(mean > rope + _ROUNDING)
    else:
        worse, better = (float(stats.t.cdf(-rope, df, mean, error)), float(stats.t.sf(rope, df, mean, error)))
    return worse, max(0.0, 1.0 - worse - better), better
