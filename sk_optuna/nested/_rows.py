"""The rows of a comparison: the user's searches and estimators, and the baselines that show what tuning was worth."""

import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sklearn.base import clone, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.nested._metrics import Metrics, why_not_comparable
from sk_optuna.nested._searches import (
    in_place_of_search,
    innermost,
    paths_of_searches,
    prefixes_of_searches,
    search_at,
)

BASELINES = ("default", "dummy")
KEPT = ("search", "best", "nothing")


@dataclass(frozen=True)
class Row:
    """A row of the comparison: an estimator that is fitted on each outer fold.

    Attributes
    ----------
    name : str
        Its name, which is no other row's.
    estimator : estimator
        As the user gave it, or the baseline's; never fitted.
    kind : {"search", "estimator", "default", "dummy"}
        With a search, without one, or a baseline.
    path : str or None
        The parameter that holds the search, empty if it is the estimator itself; None if there is none.
    of : str
        For defaults, the row whose defaults they are; else empty.
    why_no_inner : str
        The reason why there is no inner score to compare with the outer one; empty if there is.
    """

    name: str
    estimator: Any
    kind: Literal["search", "estimator", "default", "dummy"]
    path: str | None = None
    of: str = ""
    why_no_inner: str = ""

    @property
    def is_baseline(self) -> bool:
        """True for a row that the user did not ask for by name."""
        return self.kind in ("default", "dummy")

    @property
    def search(self) -> Any:
        """The search within; None if there is none."""
        return None if self.path is None else search_at(self.estimator, self.path)


def default_name(name: str) -> str:
    """Return the name of the row with the defaults of another row."""
    return f"{name} (defaults)"


def named(search: Any) -> dict[str, Any]:
    """Return the estimators by name; a lone one is named after the estimator that predicts in the end.

    Raises
    ------
    InvalidArgumentError
        Where there is none, or one is no estimator.
    """
    if not isinstance(search, Mapping):
        _check_estimator(search, "search")
        return {type(innermost(search)).__name__.lower(): search}
    if not search:
        raise InvalidArgumentError(
            "The 'search' parameter must have a search at least, but got an empty dict. Pass a search, or a dict such "
            "as {'svm': OptunaSearchCV(SVC(), space)}."
        )
    for name, estimator in search.items():
        if not isinstance(name, str) or not name.strip():
            raise InvalidArgumentError(f"The names in 'search' must be texts that are not empty, but got {name!r}.")
        _check_estimator(estimator, f"search[{name!r}]")
    return dict(search)


def _check_estimator(estimator: Any, argument: str) -> None:
    """Refuse an object that cannot be cloned and fitted."""
    if hasattr(estimator, "fit") and hasattr(estimator, "get_params") and not isinstance(estimator, type):
        return
    advice = "Pass an instance, such as SVC()." if isinstance(estimator, type) else ""
    raise InvalidArgumentError(
        f"The 'search' parameter must be a search, an estimator, or a dict of names and these, but {argument} is "
        f"{repr(estimator)[:80]} of type {type(estimator).__name__}, which cannot be cloned and fitted. "
        f"{advice or 'Pass, for example, OptunaSearchCV(SVC(), space).'}"
    )


def check_choices(baselines: Any, keep: Any, error_score: Any) -> tuple[str, ...]:
    """Refuse unknown baselines, an unknown `keep` and an unknown `error_score`; return the baselines."""
    chosen = () if baselines is None else (baselines,) if isinstance(baselines, str) else baselines
    unknown = [each for each in chosen if each not in BASELINES] if isinstance(chosen, Iterable) else [chosen]
    if unknown:
        raise InvalidArgumentError(
            f"The 'baselines' parameter must be some of {BASELINES}, or () for none, but got {unknown[0]!r}."
            f"{hint(str(unknown[0]), nearest(str(unknown[0]), BASELINES))} A model of your own is a row: pass "
            "search={'svm': search, 'mine': model}."
        )
    if not isinstance(keep, str) or keep not in KEPT:
        raise InvalidArgumentError(
            f"The 'keep' parameter must be one of {KEPT}, but got {keep!r}.{hint(str(keep), nearest(str(keep), KEPT))}"
        )
    is_number = isinstance(error_score, numbers.Real) and not isinstance(error_score, bool)
    if not is_number and error_score not in ("raise", "dummy"):
        raise InvalidArgumentError(
            f"The 'error_score' parameter must be a number, NaN, 'raise' or 'dummy', but got {error_score!r}."
        )
    if error_score == "dummy" and "dummy" not in chosen:
        raise InvalidArgumentError(
            "error_score='dummy' is the score of the baseline 'dummy' in the same outer fold, but baselines="
            f"{baselines!r} does not have it. Add it, or pass a number."
        )
    return tuple(dict.fromkeys(chosen))


def own_rows(estimators: Mapping[str, Any]) -> list[Row]:
    """Return the rows of the user's estimators.

    Raises
    ------
    InvalidArgumentError
        Where a search refits nothing, or classifiers stand beside regressors.
    """
    rows = []
    for name, estimator in estimators.items():
        paths = paths_of_searches(estimator)
        path = paths[0] if len(paths) == 1 else None
        row = Row(name, estimator, "estimator" if path is None else "search", path)
        if path is not None and not row.search.refit:
            raise InvalidArgumentError(
                f"The search {name!r} must refit its best candidate, which the outer fold tests, but has "
                f"refit={row.search.refit!r}. Set refit=True, or to a metric where it has several."
            )
        rows.append(row)
    _check_one_kind(rows)
    _check_study_names(rows)
    return rows


def _check_one_kind(rows: Sequence[Row]) -> None:
    """Refuse classifiers beside regressors."""
    classifiers = [row.name for row in rows if is_classifier(row.estimator)]
    regressors = [row.name for row in rows if is_regressor(row.estimator)]
    if classifiers and regressors:
        raise InvalidArgumentError(
            f"Rows of a comparison must be of one kind, but {classifiers} are classifiers, and {regressors} are "
            "regressors. Compare them in two calls."
        )


def _check_study_names(rows: Sequence[Row]) -> None:
    """Refuse two searches that would write to one study."""
    seen: dict[str, str] = {}
    for row in rows:
        study_name = getattr(row.search, "study_name", None)
        if study_name is not None and seen.setdefault(study_name, row.name) != row.name:
            raise InvalidArgumentError(
                f"Searches of a comparison must have a study_name each, but {seen[study_name]!r} and {row.name!r} both "
                f"have {study_name!r}. Leave study_name out for names that follow from the searches."
            )


def with_inner_reasons(rows: Sequence[Row], metrics: Metrics) -> list[Row]:
    """Return the rows with the reasons why inner and outer scores cannot be compared."""
    found = []
    for row in rows:
        why = "" if row.path is None else why_not_comparable(row.estimator, row.path, metrics)
        if row.path is None and not row.is_baseline and len(paths_of_searches(row.estimator)) > 1:
            why = "it has several searches"
        found.append(Row(row.name, row.estimator, row.kind, row.path, row.of, why))
    return found


def baseline_rows(rows: Sequence[Row], baselines: Sequence[str], y: Any) -> tuple[list[Row], list[str]]:
    """Return the rows of the baselines, and notes on those that there cannot be.

    Raises
    ------
    InvalidArgumentError
        Where a name of the user's is a baseline's.
    """
    found, notes = [], []
    if "default" in baselines:
        for row in rows:
            if row.path is None:
                continue
            if not hasattr(row.search.estimator, "fit"):
                notes.append(f"{row.name} has no defaults: {row.search.estimator!r} cannot be fitted.")
                continue
            defaults = in_place_of_search(row.estimator, row.path, row.search.estimator)
            found.append(Row(default_name(row.name), defaults, "default", of=row.name))
    if "dummy" in baselines:
        dummy = _dummy(rows, y)
        if dummy is None:
            notes.append("There is no dummy: the rows are neither classifiers nor regressors, or there is no y.")
        else:
            found.append(Row("dummy", dummy, "dummy"))
    _check_names(rows, found)
    return found, notes


def _dummy(rows: Sequence[Row], y: Any) -> Any:
    """Return the dummy for the rows; None where there is none for them."""
    if y is None:
        return None
    if any(is_classifier(row.estimator) for row in rows):
        return DummyClassifier()
    return DummyRegressor() if any(is_regressor(row.estimator) for row in rows) else None


def _check_names(rows: Sequence[Row], baselines: Sequence[Row]) -> None:
    """Refuse names of the user's that are baselines'."""
    clash = sorted({row.name for row in rows} & {row.name for row in baselines})
    if clash:
        raise InvalidArgumentError(
            f"The name {clash[0]!r} is a baseline's, but 'search' has it, too. Rename yours, or choose other "
            "baselines: baselines=()."
        )


def unfitted(row: Row, outer_fold: int) -> Any:
    """Return a clone of a row's estimator for one outer fold, whose study has a name of its own if one was given.

    Its searches are silent: many of them run at the same time, and the status is that of all outer folds.
    """
    estimator = clone(row.estimator)
    silent = {f"{prefix}verbose": 0 for prefix in prefixes_of_searches(estimator)}
    if silent:
        estimator.set_params(**silent)
    study_name = getattr(row.search, "study_name", None)
    if study_name is not None:
        prefix = f"{row.path}__" if row.path else ""
        estimator.set_params(**{f"{prefix}study_name": f"{study_name}, outer fold {outer_fold}"})
    return estimator
