"""Types that mypy infers for calls of users; scripts/check runs it on this file, and nothing else does."""

from typing import Any, assert_type

from sklearn.svm import SVC

from sk_optuna import NestedCVResults, OptunaSearchCV, nested_cross_validate


def calls(X: Any, y: Any) -> None:
    search = OptunaSearchCV(SVC(), {"C": [1, 2]})
    assert_type(search.fit(X, y), OptunaSearchCV)
    assert_type(search.fit(X, y).refit_best(X, y), OptunaSearchCV)
    assert_type(search.fit(X, y).best_index_, int)
    assert_type(nested_cross_validate(search, X, y), NestedCVResults)
