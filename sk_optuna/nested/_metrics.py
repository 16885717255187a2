"""The metric of the outer folds, the one that the inner searches were steered by, and whether they are the same."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier, is_regressor
from sklearn.metrics import check_scoring, get_scorer

from sk_optuna.evaluation import nearest_scorers
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.nested._searches import encloses_target_transform, innermost, search_at

# Names of the scores that estimators have of their own.
_NAMES = {repr(get_scorer(name)): name for name in ("accuracy", "r2")}


@dataclass(frozen=True)
class Metrics:
    """The metrics of the outer folds.

    Attributes
    ----------
    scoring : object
        As scikit-learn's `cross_validate` takes it.
    first : str
        The metric that the first screen shows, as `cross_validate` names it: "score" if there is only one.
    shown : str
        Its name for readers.
    """

    scoring: Any
    first: str
    shown: str

    @property
    def names(self) -> list[str]:
        """The names of several metrics; none of a single one, or of a callable, which names its own."""
        return _names(self.scoring) or []


def outer_metrics(scoring: Any, searches: Sequence[Any], estimator: Any) -> Metrics:
    """Return the metrics of the outer folds.

    Parameters
    ----------
    scoring : object
        The user's argument; None for that of the searches.
    searches : sequence of BaseSearchCV
        The searches that are compared.
    estimator : estimator
        One of the rows, whose own score counts where nothing else is said.

    Raises
    ------
    InvalidArgumentError
        Where `scoring` is None, and searches have different ones.
    """
    if scoring is None and searches:
        scoring = _scoring(searches[0])
        if len({_key(_scoring(search)) + str(_refit(search)) for search in searches}) > 1:
            each = "; ".join(dict.fromkeys(f"scoring={_written(_scoring(search))}" for search in searches))
            raise InvalidArgumentError(
                "The 'scoring' parameter must be given where the searches do not have the same one, but they have "
                f"{each} (refit={[_refit(search) for search in searches]}). Pass the metric by which they are to be "
                "compared, such as scoring='accuracy'."
            )
    names = _names(scoring)
    wanted = [name for search in searches if (name := _refit(search)) is not None]
    if names is None:
        is_several = bool(wanted) and callable(scoring) and any(_scoring(search) is scoring for search in searches)
        first = wanted[0] if is_several else "score"
        return Metrics(scoring, first, first if is_several else _named(scoring, estimator))
    if not names:
        raise InvalidArgumentError(
            f"The 'scoring' parameter must name a metric at least, but got {scoring!r}. Pass None for that of the "
            "searches."
        )
    same = set(wanted)
    first = wanted[0] if len(same) == 1 and wanted[0] in names else names[0]
    return Metrics(scoring, first, first)


def check_scorers(metrics: Metrics, estimators: Sequence[Any]) -> None:
    """Refuse metrics that are not known, before the first fit.

    Raises
    ------
    ValueError
        scikit-learn's error, with the nearest names.
    """
    with nearest_scorers(metrics.scoring):
        for estimator in estimators:
            check_scoring(estimator, scoring=metrics.scoring)


def why_not_comparable(estimator: Any, path: str, metrics: Metrics) -> str:
    """Return the reason why the inner best score cannot be compared with the outer one; empty if it can."""
    search = search_at(estimator, path)
    if encloses_target_transform(estimator, path):
        return "the search scores a transformed target"
    if callable(search.refit) and _names(_scoring(search)) is not None:
        return "the search chooses among several metrics by a callable"
    inner, outer = _of_search(search), _identity(metrics.scoring, metrics.first, search.estimator)
    if inner == outer:
        return ""
    name = _refit(search) or _named(_scoring(search), search.estimator)
    return f"the search is steered by {name}" if name != metrics.shown else "the search has another scorer of that name"


def _of_search(search: Any) -> str:
    """Return the text of the metric that steers a search."""
    return _identity(_scoring(search), _refit(search) or "score", search.estimator)


def _identity(scoring: Any, name: str, estimator: Any) -> str:
    """Return a text that two equal metrics share."""
    if isinstance(scoring, Mapping):
        return _key(scoring.get(name, name))
    if scoring is None:
        return _default_metric(innermost(estimator))
    if callable(scoring) or isinstance(scoring, str):
        return _key(scoring) if name == "score" else f"{_key(scoring)}: {name}"
    return _key(name)


def _default_metric(estimator: Any) -> str:
    """Return the text of the score that an estimator has of its own."""
    kind = type(estimator)
    score = getattr(kind, "score", None)
    # scikit-learn's own ones override it to the same effect, unless they have a metric to choose
    is_plain = kind.__module__.startswith("sklearn.") and getattr(estimator, "scoring", None) is None
    if is_classifier(estimator) and (is_plain or score is ClassifierMixin.score):
        return _key("accuracy")
    if is_regressor(estimator) and (is_plain or score is RegressorMixin.score):
        return _key("r2")
    return f"score of {type(estimator).__qualname__}"


def _key(scoring: Any) -> str:
    """Return a text for a scorer, the same for a name and for the scorer that it names."""
    if isinstance(scoring, str):
        try:
            return repr(get_scorer(scoring))
        except ValueError:  # misspelt: scikit-learn has the error
            return scoring
    return repr(scoring)


def _names(scoring: Any) -> list[str] | None:
    """Return the names of several metrics; None for a single one, or for a callable, which may name several."""
    if scoring is None or isinstance(scoring, str) or callable(scoring):
        return None
    if isinstance(scoring, Iterable):
        return list(scoring)
    return None


def _written(scoring: Any) -> str:
    """Return the argument as it may be written."""
    return re.sub(r" at 0x\w+", "", repr(scoring))[:80]


def _scoring(search: Any) -> Any:
    """Return the metrics of a search: its objectives, where it has some and `scoring` names none."""
    objectives = getattr(search, "objectives", None)
    return list(objectives) if search.scoring is None and objectives else search.scoring


def _refit(search: Any) -> str | None:
    """Return the metric that chooses, where a search has several."""
    return search.refit if isinstance(search.refit, str) else None


def _named(scoring: Any, estimator: Any) -> str:
    """Return a name for readers; of the score that the estimator has of its own for None."""
    if scoring is None:
        return _NAMES.get(_default_metric(innermost(estimator)), "score")
    if isinstance(scoring, str):
        return scoring
    name = getattr(scoring, "__name__", None)
    if isinstance(name, str):
        return name
    made_of = re.match(r"make_scorer\((\w+)", repr(scoring))
    return made_of[1] if made_of else _written(scoring)[:40]
