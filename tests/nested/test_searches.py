"""A search is found where parameters lead, before and after the fit, and can be exchanged there."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, VotingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna.nested._searches import (
    encloses_target_transform,
    fit_parameter,
    fitted_searches,
    in_place_of_search,
    innermost,
    paths_of_searches,
    search_at,
    with_best_only,
)

SPACE = {"alpha": [0.1, 1.0]}
SEARCHES = [
    GridSearchCV(Ridge(), SPACE, cv=2),
    RandomizedSearchCV(Ridge(), SPACE, n_iter=2, cv=2, random_state=0),
    HalvingGridSearchCV(Ridge(), SPACE, cv=2, random_state=0),
    OptunaSearchCV(Ridge(), SPACE, cv=2),
]
WRAPPERS = [
    lambda search: search,
    lambda search: make_pipeline(StandardScaler(), search),
    lambda search: TransformedTargetRegressor(search, transformer=StandardScaler()),
    lambda search: TransformedTargetRegressor(make_pipeline(StandardScaler(), search), transformer=StandardScaler()),
    lambda search: make_pipeline(make_pipeline(StandardScaler()), TransformedTargetRegressor(search)),
    lambda search: BaggingRegressor(search, n_estimators=1, random_state=0),
]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
@pytest.mark.parametrize("wrap", WRAPPERS)
def test_search_is_found_before_and_after_the_fit(wrap, search, diabetes):
    X, y = diabetes
    wrapped = wrap(clone(search))
    (path,) = paths_of_searches(wrapped)
    assert type(search_at(wrapped, path)) is type(search)
    model = clone(wrapped).fit(X, y)
    (found,) = fitted_searches(model)
    assert found.best_params_["alpha"] in SPACE["alpha"]
    best = with_best_only(model, found)
    assert fitted_searches(best) == []
    assert np.array_equal(best.predict(X), model.predict(X))
    assert fitted_searches(model) == [found]  # the model itself is as it was


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_another_estimator_takes_the_place_of_the_search(wrap):
    wrapped = wrap(GridSearchCV(Ridge(), SPACE))
    (path,) = paths_of_searches(wrapped)
    other = in_place_of_search(wrapped, path, Lasso(alpha=3))
    assert type(other) is type(wrap(Lasso()))
    assert repr(search_at(other, path)) == "Lasso(alpha=3)"
    assert paths_of_searches(wrapped) == [path]


def test_search_within_a_search_is_the_other_ones_business():
    inner = GridSearchCV(Ridge(), SPACE)
    assert paths_of_searches(GridSearchCV(make_pipeline(inner), {"gridsearchcv__cv": [2, 3]})) == [""]
    assert len(paths_of_searches(VotingRegressor([("a", inner), ("b", clone(inner))]))) == 2
    assert paths_of_searches(Ridge()) == []


def test_search_among_the_first_steps_is_found(diabetes):
    X, y = diabetes
    search = GridSearchCV(
        Pipeline([("scale", StandardScaler())]), {"scale__with_mean": [True, False]}, scoring=lambda *_: 1.0, cv=2
    )
    columns = ColumnTransformer([("searched", search, [0, 1]), ("rest", FunctionTransformer(), [2])])
    model = make_pipeline(columns, Ridge())
    assert paths_of_searches(model) == ["columntransformer__searched"]
    assert len(fitted_searches(model.fit(X, y))) == 1


@pytest.mark.parametrize(
    ("wrap", "expected"),
    zip(WRAPPERS[:5], ["groups", "gridsearchcv__groups", "groups", "gridsearchcv__groups"], strict=False),
)
def test_parameters_of_fit_are_named_as_pipelines_want_them(wrap, expected):
    wrapped = wrap(GridSearchCV(Ridge(), SPACE))
    (path,) = paths_of_searches(wrapped)
    assert fit_parameter(wrapped, path, "groups") == expected


@pytest.mark.parametrize(("wrap", "expected"), zip(WRAPPERS, [False, False, True, True, True, False], strict=True))
def test_target_is_known_to_be_transformed(wrap, expected):
    wrapped = wrap(GridSearchCV(Ridge(), SPACE))
    assert encloses_target_transform(wrapped, paths_of_searches(wrapped)[0]) is expected


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_estimator_that_predicts_is_the_innermost(wrap):
    assert isinstance(innermost(wrap(GridSearchCV(make_pipeline(StandardScaler(), Ridge()), SPACE))), Ridge)
