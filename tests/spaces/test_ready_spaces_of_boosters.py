"""Ready spaces of LightGBM, XGBoost and CatBoost, where these are installed."""

import json
import pickle

import pytest
from sklearn.base import is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna import OptunaSearchCV, suggest_space
from sk_optuna.spaces._domains import domain_of

X, y = make_classification(120, 8, random_state=0)
TARGETS = {True: y, False: make_regression(120, 8, random_state=0)[1]}
ROUNDS = {"iterations", "n_estimators", "num_boost_round"}
QUIET = {
    "catboost": {"verbose": 0, "thread_count": 1, "allow_writing_files": False},
    "lightgbm": {"verbose": -1, "n_jobs": 1},
    "xgboost": {"n_jobs": 1},
}


def booster(package, name, **params):
    return getattr(pytest.importorskip(package), name)(**QUIET[package], **params)


def ends(values):
    return (values[0], values[-1]) if isinstance(values, list | range) else (values.low, values.high)


@pytest.mark.parametrize(
    ("package", "name", "params"),
    [
        ("lightgbm", "LGBMClassifier", {}),
        ("lightgbm", "LGBMRegressor", {"subsample_freq": 1}),
        ("lightgbm", "LGBMRegressor", {"min_data_in_leaf": 5, "lambda_l2": 1.0, "bagging_freq": 2}),
        ("xgboost", "XGBClassifier", {}),
        ("xgboost", "XGBRegressor", {"booster": "gblinear"}),
        ("xgboost", "XGBRegressor", {"eta": 0.1}),
        ("catboost", "CatBoostClassifier", {}),
        ("catboost", "CatBoostRegressor", {"max_depth": 3, "num_boost_round": 10, "reg_lambda": 1.0}),
    ],
)
def test_corners_and_points_within_can_be_fitted(package, name, params):
    """Parameters that were given by another name are searched under that one, by which the library knows them."""
    model = booster(package, name, **params)
    space = suggest_space(model)
    assert params.keys() - {"subsample_freq", "bagging_freq", "booster"} <= space.keys()
    assert pickle.loads(pickle.dumps(space)) == space
    space |= {rounds: [5, 10] for rounds in ROUNDS & space.keys()}
    first = [{parameter: ends(values)[place] for parameter, values in space.items()} for place in (0, 1)]
    options = {"sampler": "random", "cv": 2, "refit": False, "error_score": "raise", "random_state": 0}
    search = OptunaSearchCV(model, space, n_trials=4, initial_params=first, **options)
    assert search.fit(X, TARGETS[is_classifier(model)]).cv_results_["params"][:2] == first


def test_lightgbms_defaults_lie_within():
    model = booster("lightgbm", "LGBMRegressor", subsample_freq=1)
    space, defaults = suggest_space(model), model.get_params()
    assert defaults["reg_lambda"] == 0  # no point of a log scale
    for name in space.keys() - {"reg_lambda"}:
        domain_of(name, space[name]).encode(defaults[name])


def test_lightgbm_heeds_the_other_name_of_a_parameter_alone():
    """So it does not do to suggest a space under the name of the constructor."""
    few, many = (booster("lightgbm", "LGBMRegressor", min_data_in_leaf=n) for n in (2, 50))
    assert "min_data_in_leaf" in suggest_space(few)
    predictions = [m.set_params(min_child_samples=20).fit(X, TARGETS[False]).predict(X) for m in (few, many)]
    assert (predictions[0] != predictions[1]).any()


def test_xgboosts_own_defaults_lie_within():
    model = booster("xgboost", "XGBClassifier").fit(X, y)
    config = json.loads(model.get_booster().save_config())["learner"]["gradient_booster"]["tree_train_param"]
    own = {name: float(value) for name, value in config.items() if value.replace(".", "", 1).isdigit()}
    own |= {"n_estimators": model.get_booster().num_boosted_rounds(), "learning_rate": round(own["learning_rate"], 6)}
    for name, values in suggest_space(model).items():
        domain_of(name, values).encode(own[name])


def test_catboosts_own_defaults_lie_within():
    model = booster("catboost", "CatBoostClassifier").fit(X, y)
    own = model.get_all_params()
    for name, values in suggest_space(model).items():
        if name != "learning_rate":  # a function of X and the number of rounds
            domain_of(name, values).encode(own[name])


@pytest.mark.parametrize(
    ("package", "name"), [("lightgbm", "LGBMRanker"), ("xgboost", "XGBRanker"), ("catboost", "CatBoostRanker")]
)
def test_steps_and_other_classes_of_a_library_have_the_same_space(package, name):
    regressor = name.replace("Ranker", "Regressor")
    space = suggest_space(booster(package, regressor))
    assert suggest_space(booster(package, name)) == space
    step = make_pipeline(StandardScaler(), booster(package, regressor))
    assert suggest_space(step) == {f"{regressor.lower()}__{parameter}": values for parameter, values in space.items()}


def test_forests_of_xgboost_are_no_boosting():
    with pytest.raises(ValueError, match="but got XGBRFRegressor"):
        suggest_space(booster("xgboost", "XGBRFRegressor"))
