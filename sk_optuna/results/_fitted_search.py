"""Only fitted searches have records: whatever else a user gives is refused by what it is."""

from typing import Any

from sk_optuna._compat._sklearn import BaseSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results._nested_tables import is_nested
from sk_optuna.results._no_best import check_has_candidates


def check_fitted_search(search: Any, drawer: str) -> None:
    """Refuse whatever is no fitted search.

    Parameters
    ----------
    search : object
        What the user gave.
    drawer : str
        Name of the display, for errors.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where this is a search that is not fitted.
    InvalidArgumentError
        Where this is no search.
    """
    if isinstance(search, BaseSearchCV):
        check_has_candidates(search)
    elif is_nested(search):
        raise InvalidArgumentError(
            f"{drawer} draws one fitted search, but got nested results. NestedScoresDisplay, ComparisonDisplay and "
            "ParamStabilityDisplay draw these, by their from_results."
        )
    elif not hasattr(search, "cv_results_"):
        raise InvalidArgumentError(
            f"{drawer} draws a fitted search, OptunaSearchCV or one of scikit-learn, but got {repr(search)[:80]} of "
            f"type {type(search).__name__}, which has no cv_results_."
        )
