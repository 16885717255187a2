"""Constraints: the user's argument -> numbers of a candidate, each of which is fine at 0 or below.

They are computed of the candidate's row of cv_results_, so that what decides is what the table shows.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import ConstraintError, InvalidArgumentError

Row = Mapping[str, Any]
"""One row of cv_results_, without its ranks."""

# Stands for numbers that are not finite: samplers add them up.
_MOST = 1e30
_BOUND = re.compile(r"\s*([<>]=)\s*(\S+)\s*")
_SCORE = re.compile(r"(mean|std|split\d+)_(test|train)_(.+)")
_TIMES = ["mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"]


@dataclass(frozen=True)
class Bound:
    """A bound on a column.

    Attributes
    ----------
    column : str
        The column.
    relation : {"<=", ">="}
        At most, or at least.
    limit : float
        The bound.
    """

    column: str
    relation: str
    limit: float

    def excess(self, row: Row) -> float:
        """Return by how much a row exceeds the bound, in units of the bound; a column that is not a number is worst."""
        over = float(row[self.column]) - self.limit
        excess = (over if self.relation == "<=" else -over) / (abs(self.limit) or 1.0)
        return math.inf if math.isnan(excess) else excess

    def words(self, row: Row) -> str:
        """Say how a row stands to the bound."""
        return f"{self.column} is {float(row[self.column]):.6g} and must be {self.relation} {self.limit:.6g}"


@dataclass(frozen=True)
class Constraints:
    """The constraints of a search.

    Attributes
    ----------
    bounds : sequence of Bound
        Bounds on columns; none where `function` says it.
    function : callable or None
        The user's callable, from a row to numbers.
    """

    bounds: Sequence[Bound] = ()
    function: Callable[[Row], Any] | None = None

    def values(self, row: Row) -> tuple[float, ...]:
        """Return the numbers of a row, which are fine at 0 or below; very large ones for those that are not finite.

        Raises
        ------
        ConstraintError
            Where a column does not exist, or the callable raises or returns anything but numbers.
        """
        values = self._of_bounds(row) if self.function is None else self._of_function(row)
        return tuple(min(max(value, -_MOST), _MOST) for value in values)

    def _of_bounds(self, row: Row) -> list[float]:
        missing = [bound.column for bound in self.bounds if bound.column not in row]
        if missing:
            raise ConstraintError(
                f"constraints names {missing[0]!r}, but cv_results_ has no such column; it has {_numeric(row)}. Name "
                "one of these, or a metric of scoring."
            )
        return [bound.excess(row) for bound in self.bounds]

    def _of_function(self, row: Row) -> list[float]:
        assert self.function is not None
        try:
            returned = self.function(row)
        except Exception as error:
            raise ConstraintError(
                f"The callable for constraints raised {type(error).__name__}: {error}, for the row of cv_results_ with "
                f"params={row['params']!r}. It gets a mapping from columns, such as 'mean_score_time', to the values "
                "of one complete candidate. Finished candidates are kept."
            ) from error
        several = isinstance(returned, np.ndarray) or (
            isinstance(returned, Sequence) and not isinstance(returned, str | bytes)
        )
        values = list(np.ravel(np.asarray(returned, dtype=object))) if several else [returned]
        if not values or not all(_is_number(value) for value in values) or any(map(_is_nan, values)):
            raise ConstraintError(
                "The callable for constraints must return a number, or a sequence of as many numbers each time, fine "
                f"at 0 or below, but returned {returned!r} of type {type(returned).__name__}. Write, for example, "
                "lambda row: row['mean_score_time'] - 0.01."
            )
        return [float(value) for value in values]

    def words(self, row: Row, values: Sequence[float]) -> str:
        """Say which constraints a row breaks."""
        if self.function is not None:
            return f"its numbers are {', '.join(f'{value:.6g}' for value in values)}, and must be <= 0"
        broken = (bound for bound, value in zip(self.bounds, values, strict=True) if value > 0)
        return "; ".join(bound.words(row) for bound in broken)


def constraints_from(
    given: Any, metrics: Sequence[str] | None, scoring: Any, *, with_train: bool, more: Sequence[str] = ()
) -> Constraints | None:
    """Read the user's `constraints`.

    Parameters
    ----------
    given : None, mapping or callable
        The user's argument.
    metrics : sequence of str or None
        Names of the metrics; None where a callable will name them.
    scoring : object
        The user's `scoring`: if it is a name, the one metric may be called by it.
    with_train : bool
        Whether there are scores on training rows.
    more : sequence of str
        Other columns of numbers that the table will have.

    Raises
    ------
    InvalidArgumentError
        Where it is neither, or a column or a bound cannot be used.
    """
    if given is None or (isinstance(given, Mapping) and not given):
        return None
    if callable(given):
        return Constraints(function=given)
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(
            "The 'constraints' parameter must be None, a dict from columns of cv_results_ or metrics to bounds, or a "
            f"callable from a row to numbers, but got {given!r} of type {type(given).__name__}. Write, for example, "
            "{'mean_score_time': 0.01, 'roc_auc': '>= 0.9'}."
        )
    kinds = ("test", "train") if with_train else ("test",)
    columns = [*_TIMES, *more, *(f"{of}_{kind}_{m}" for m in metrics or () for kind in kinds for of in ("mean", "std"))]
    bounds = []
    for key, bound in given.items():
        name = "score" if metrics == ["score"] and isinstance(scoring, str) and key == scoring else key
        column = _column(name, columns, metrics, kinds)
        bounds.append(Bound(column, *_relation_and_limit(key, bound, column)))
    return Constraints(tuple(bounds))


def _column(name: Any, columns: Sequence[str], metrics: Sequence[str] | None, kinds: Sequence[str]) -> str:
    """Return the column that a key names.

    Raises
    ------
    InvalidArgumentError
        Where there will be none.
    """
    if isinstance(name, str):
        if name in columns:
            return name
        if name in (metrics or ()):
            return f"mean_test_{name}"
        found = _SCORE.fullmatch(name)
        if found and found[2] in kinds and (metrics is None or found[3] in metrics):
            return name
        if metrics is None and not found:
            return f"mean_test_{name}"
    known = [*(metrics or ()), *columns]
    near = hint(name, nearest(name, known)) if isinstance(name, str) else ""
    train = (
        " Scores on training rows need return_train_score=True."
        if "train" in str(name).split("_") and "train" not in kinds
        else ""
    )
    raise InvalidArgumentError(
        f"constraints names {name!r}, but cv_results_ will have no such column of numbers.{near}{train} The metrics "
        f"are {list(metrics or ())}, and other columns are {columns}. A metric has to be in scoring."
    )


def _relation_and_limit(key: Any, bound: Any, column: str) -> tuple[str, float]:
    """Return ``"<="`` or ``">="``, and the number of a bound.

    Raises
    ------
    InvalidArgumentError
        Where it cannot be read; where it is a bare number for a score, of which greater ones are better.
    """
    if _is_number(bound) and math.isfinite(bound):
        score = _SCORE.fullmatch(column)
        if score and score[1] != "std":
            raise InvalidArgumentError(
                f"constraints[{key!r}] must say on which side of {bound!r} a score is to lie: a bare number means at "
                f"most, but of scores greater ones are better. Write '>= {bound!r}' or '<= {bound!r}'."
            )
        return "<=", float(bound)
    found = _BOUND.fullmatch(bound) if isinstance(bound, str) else None
    limit = _float(found[2]) if found else math.nan
    if found is None or not math.isfinite(limit):
        raise InvalidArgumentError(
            f"constraints[{key!r}] must be a finite number, which means at most, or a text such as '<= 0.5' or "
            f"'>= 0.5', but got {bound!r}."
        )
    return found[1], limit


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _is_nan(value: Any) -> bool:
    return math.isnan(value)


def _numeric(row: Row) -> list[str]:
    return [name for name, value in row.items() if _is_number(value)]
