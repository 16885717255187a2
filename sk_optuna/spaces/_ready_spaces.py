"""Ranges for the estimators that are tuned most, each with its source beside it.

A space has the few parameters that matter, over ranges in which the best values of many data sets lie. Choices that
make another model (kernel, penalty, solver, loss, booster) stay as they are set, and the space follows them: so a plain
dict is enough, and no combination is invalid. Not taken: a list of dicts with a branch for each kernel, which spreads a
small budget over models that are rarely the best.

Ranges are Optuna's distributions. scipy's frozen ones are printed as addresses, and have no integers on a log scale.
Papers and projects are cited by name and year; the docstring of `suggest_space` lists them. Estimators are known by the
package and the name of their class, so that nothing is imported for them.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

Space = dict[str, Any]
Params = Mapping[str, Any]


def _uniform(low: float, high: float) -> FloatDistribution:
    return FloatDistribution(low, high)


def _log(low: float, high: float) -> FloatDistribution:
    return FloatDistribution(low, high, log=True)


def _log_integers(low: int, high: int) -> IntDistribution:
    return IntDistribution(low, high, log=True)


# --- support vector machines ------------------------------------------------------------------------------------------


def _svc(params: Params) -> Space:
    # Hsu, Chang & Lin 2003, and auto-sklearn (Feurer et al. 2015) after them: C from 2**-5 to 2**15, gamma from 2**-15
    # to 2**3. scikit-learn's example "RBF SVM parameters": 1e-3 to 1e3 is usually sufficient. Above C=1e3 a fit takes
    # long and rarely gains; 1 / n_features, about which the good gammas lie, is at least 1e-4 for 10,000 features.
    space: Space = {"C": _log(1e-2, 1e3)}
    if params.get("kernel") in ("rbf", "poly", "sigmoid"):
        # The default, "scale", is a function of X and no point of a range. Polynomials with a gamma above 1 take LIBSVM
        # millions of steps.
        space["gamma"] = _log(1e-4, 1.0) if params.get("kernel") == "poly" else _log(1e-4, 1e1)
    if params.get("kernel") == "poly":
        space["degree"] = range(2, 6)  # auto-sklearn, 2015
    if params.get("kernel") in ("poly", "sigmoid"):
        space["coef0"] = _uniform(-1.0, 1.0)  # auto-sklearn, 2015
    return space


def _svr(params: Params) -> Space:
    return {**_svc(params), "epsilon": _log(1e-3, 1.0)}  # auto-sklearn, 2015; in units of y


def _linear_svc(params: Params) -> Space:
    # Fan et al. 2008 (LIBLINEAR): beyond some C the models are alike, while they take longer and longer.
    return {"C": _log(1e-3, 1e2)}


def _linear_svr(params: Params) -> Space:
    # The default epsilon, 0, is no point of a log range; 1e-3 is as good.
    return {**_linear_svc(params), "epsilon": _log(1e-3, 1.0)}


# --- linear models ----------------------------------------------------------------------------------------------------


def _logistic_regression(params: Params) -> Space:
    # The range of scikit-learn's own LogisticRegressionCV.
    space: Space = {"C": _log(1e-4, 1e4)}
    penalty = params.get("penalty", "deprecated")  # scikit-learn 1.8 and later: l1_ratio alone says it
    if penalty == "elasticnet" or (penalty == "deprecated" and params.get("solver") == "saga"):
        space["l1_ratio"] = _uniform(0.0, 1.0)  # Zou & Hastie 2005; Probst et al. 2019
    return space


def _ridge(params: Params) -> Space:
    return {"alpha": _log(1e-4, 1e4)}  # Bischl et al. 2023, table of search spaces


def _lasso(params: Params) -> Space:
    # Friedman, Hastie & Tibshirani 2010 (glmnet): from the least alpha that selects no feature down to 1e-4 of it. That
    # alpha is at most 1 for standardized X and y, and grows with the unit of y.
    return {"alpha": _log(1e-4, 1e2)}


def _elastic_net(params: Params) -> Space:
    # The guide of scikit-learn's ElasticNetCV: more values close to 1, that is, to the lasso.
    return {**_lasso(params), "l1_ratio": [0.1, 0.5, 0.7, 0.9, 0.95, 0.99, 1.0]}


def _sgd(params: Params) -> Space:
    # scikit-learn's user guide, "Stochastic Gradient Descent": alpha from 1e-6 to 1e-1.
    space: Space = {"alpha": _log(1e-6, 1e-1), "average": [False, True]}
    if params.get("penalty") == "elasticnet":
        space["l1_ratio"] = _uniform(0.0, 1.0)
    if params.get("learning_rate") in ("constant", "invscaling", "adaptive"):  # "optimal" has no eta0
        space["eta0"] = _log(1e-4, 1e-1)  # auto-sklearn, 2015, has 1e-7 to 1e-1
    return space


# --- neighbours, forests ----------------------------------------------------------------------------------------------


def _neighbors(params: Params) -> Space:
    # auto-sklearn, 2015: 1 to 100 on a log scale. Here to 50: more neighbours than rows to train on are an error.
    space: Space = {"n_neighbors": _log_integers(1, 50), "weights": ["uniform", "distance"]}
    if params.get("metric") == "minkowski":
        space["p"] = [1, 2]
    return space


def _forest(params: Params) -> Space:
    # Probst et al. 2019: max_features pays most, then the share of the rows. The number of trees is no parameter to
    # tune: as a rule, more are better (Probst & Boulesteix 2018). min_samples_leaf: auto-sklearn, 2015. Classifiers
    # have max_features="sqrt" by default, a function of X and no point of a range.
    space: Space = {"max_features": _uniform(0.1, 1.0), "min_samples_leaf": _log_integers(1, 20)}
    if params.get("bootstrap"):
        space["max_samples"] = _uniform(0.5, 1.0)  # the default, None, is 1.0
    return space


# --- boosting ---------------------------------------------------------------------------------------------------------

# Rounds and learning rate belong together (Friedman 2001). TabArena (Erickson et al. 2025) has rates from 5e-3 to 0.1
# and stops early, after up to thousands of rounds; with some hundreds, rates below 0.01 do not arrive. 0.3 is XGBoost's
# default.
_RATES = (0.01, 0.3)
_ROUNDS = (50, 500)


def _hist_gradient_boosting(params: Params) -> Space:
    # auto-sklearn (Feurer et al. 2022): 3 to 2047 leaves, 1 to 200 rows a leaf, l2 from 1e-10 to 1; HPOBench
    # (Eggensperger et al. 2021): 2 to 64 leaves, l2 from 1e-3 to 1e3.
    return {
        "max_iter": _log_integers(*_ROUNDS),
        "learning_rate": _log(*_RATES),
        "max_leaf_nodes": _log_integers(3, 128),
        "min_samples_leaf": _log_integers(2, 100),
        "l2_regularization": _log(1e-3, 1e1),  # the default, 0, is no point of a log range; 1e-3 is as good
        "max_features": _uniform(0.3, 1.0),  # TabArena, 2025, for LightGBM: 0.4 to 1
    }


def _gradient_boosting(params: Params) -> Space:
    return {
        "n_estimators": _log_integers(*_ROUNDS),
        "learning_rate": _log(*_RATES),
        # Hastie, Tibshirani & Friedman 2009, section 10.11: trees of four to eight leaves work well.
        "max_depth": range(1, 7),
        "min_samples_leaf": _log_integers(1, 50),  # Grinsztajn et al. 2022, for forests
        "subsample": _uniform(0.5, 1.0),  # Friedman 2002
        "max_features": _uniform(0.1, 1.0),  # the default, None, is 1.0
    }


def _lightgbm(params: Params) -> Space:
    # TabArena, 2025: 2 to 200 leaves, 1 to 64 rows a leaf, 0.4 to 1 of the features, 0.7 to 1 of the rows, l2 to 2.
    space: Space = {
        "n_estimators": _log_integers(*_ROUNDS),
        "learning_rate": _log(*_RATES),
        "num_leaves": _log_integers(4, 200),
        "min_child_samples": _log_integers(2, 100),
        "colsample_bytree": _uniform(0.4, 1.0),
        "reg_lambda": _log(1e-3, 1e1),  # the default, 0, is no point of a log range; 1e-3 is as good
    }
    if params.get("bagging_freq", params.get("subsample_freq")):  # without it LightGBM ignores subsample
        space["subsample"] = _uniform(0.5, 1.0)
    return space


def _xgboost(params: Params) -> Space:
    # Its scikit-learn classes say None for each default; the library's own, such as a rate of 0.3, are points of these.
    space: Space = {"n_estimators": _log_integers(*_ROUNDS), "learning_rate": _log(*_RATES)}
    # Kühn et al. 2018: 1e-4 to 1e3; TabArena, 2025: 1e-4 to 5; Grinsztajn et al. 2022: 1 to 4.
    regularization = {"reg_lambda": _log(1e-2, 1e1)}
    if params.get("booster") == "gblinear":
        return space | regularization
    trees = {
        "max_depth": range(2, 11),  # Grinsztajn et al. 2022: 1 to 11; TabArena, 2025: 4 to 10
        "min_child_weight": _log(1e-1, 2e1),  # Grinsztajn et al. 2022: 1 to 100; TabArena, 2025: 1e-3 to 5
        "subsample": _uniform(0.5, 1.0),  # Grinsztajn et al. 2022
        "colsample_bytree": _uniform(0.5, 1.0),  # Grinsztajn et al. 2022
    }
    return space | trees | regularization


def _catboost(params: Params) -> Space:
    return {
        "iterations": _log_integers(100, 1000),  # 1000 by default; Hollmann et al. 2023 have 100 to 4000
        "learning_rate": _log(*_RATES),  # by default CatBoost chooses it from the data
        "depth": range(4, 9),  # TabArena, 2025, for the time that deeper ones take; CatBoost's guide: 4 to 10
        "l2_leaf_reg": _log(1e0, 1e1),  # Popov et al. 2020; Gorishniy et al. 2021; Hollmann et al. 2023
        "random_strength": _log(1e-1, 2e1),  # Popov et al. 2020: 1 to 20
    }


# --- networks ---------------------------------------------------------------------------------------------------------


def _mlp(params: Params) -> Space:
    # auto-sklearn (Feurer et al. 2022): one to three layers of 16 to 264 units, alpha from 1e-7 to 1e-1, rates from
    # 1e-4 to 0.5; HPOBench, 2021: alpha from 1e-8 to 1.
    space: Space = {
        "hidden_layer_sizes": [(32,), (100,), (256,), (32, 32), (100, 100), (100, 100, 100)],
        "activation": ["relu", "tanh"],
        "alpha": _log(1e-6, 1.0),
    }
    if params.get("solver") != "lbfgs":
        space["learning_rate_init"] = _log(1e-4, 1e-1)
    return space


def _skorch(params: Params) -> Space:
    # Grinsztajn et al. 2022 and Gorishniy et al. 2021, both with AdamW: rates from 1e-5 to 1e-2, decay (the latter)
    # from 1e-6 to 1e-3, or 0, which is the default and no point of a log range. Plain SGD: Bengio 2012 has rates of up
    # to 1, and 0.01 as a first guess. Batches: HPOBench, 2021, has 4 to 256.
    optimizer: Any = params.get("optimizer")
    is_plain = getattr(optimizer, "__name__", "") == "SGD"
    space: Space = {"lr": _log(1e-3, 1.0) if is_plain else _log(1e-5, 1e-2)}
    if params.get("batch_size") != -1:  # -1 is the whole of X
        space["batch_size"] = [32, 64, 128, 256]
    if callable(optimizer) and "weight_decay" in inspect.signature(optimizer).parameters:
        space["optimizer__weight_decay"] = _log(1e-6, 1e-3)
    return space


# By package and class; None: it tunes itself, or is no such model although its base class is.
READY: dict[tuple[str, str], Callable[[Params], Space] | None] = {
    ("sklearn", "SVC"): _svc,
    ("sklearn", "SVR"): _svr,
    ("sklearn", "LinearSVC"): _linear_svc,
    ("sklearn", "LinearSVR"): _linear_svr,
    ("sklearn", "LogisticRegression"): _logistic_regression,
    ("sklearn", "LogisticRegressionCV"): None,
    ("sklearn", "Ridge"): _ridge,
    ("sklearn", "RidgeClassifier"): _ridge,
    ("sklearn", "Lasso"): _lasso,
    ("sklearn", "MultiTaskLasso"): _lasso,
    ("sklearn", "ElasticNet"): _elastic_net,
    ("sklearn", "MultiTaskElasticNet"): _elastic_net,
    ("sklearn", "SGDClassifier"): _sgd,
    ("sklearn", "SGDRegressor"): _sgd,
    ("sklearn", "KNeighborsClassifier"): _neighbors,
    ("sklearn", "KNeighborsRegressor"): _neighbors,
    ("sklearn", "RandomForestClassifier"): _forest,
    ("sklearn", "RandomForestRegressor"): _forest,
    ("sklearn", "ExtraTreesClassifier"): _forest,
    ("sklearn", "ExtraTreesRegressor"): _forest,
    ("sklearn", "HistGradientBoostingClassifier"): _hist_gradient_boosting,
    ("sklearn", "HistGradientBoostingRegressor"): _hist_gradient_boosting,
    ("sklearn", "GradientBoostingClassifier"): _gradient_boosting,
    ("sklearn", "GradientBoostingRegressor"): _gradient_boosting,
    ("sklearn", "MLPClassifier"): _mlp,
    ("sklearn", "MLPRegressor"): _mlp,
    ("sklearn", "BaseSearchCV"): None,
    ("lightgbm", "LGBMModel"): _lightgbm,
    ("xgboost", "XGBModel"): _xgboost,
    ("xgboost", "XGBRFClassifier"): None,
    ("xgboost", "XGBRFRegressor"): None,
    ("catboost", "CatBoost"): _catboost,
    ("skorch", "NeuralNet"): _skorch,
}

# Other names by which an estimator may have been given a parameter. If both are set, CatBoost refuses to train, and
# LightGBM heeds the other name alone.
ALIASES: dict[str, dict[str, tuple[str, ...]]] = {
    "catboost": {
        "iterations": ("n_estimators", "num_boost_round", "num_trees"),
        "learning_rate": ("eta",),
        "depth": ("max_depth",),
        "l2_leaf_reg": ("reg_lambda",),
    },
    "lightgbm": {
        "n_estimators": ("num_iterations", "num_iteration", "num_trees", "num_round", "num_rounds", "num_boost_round"),
        "learning_rate": ("eta", "shrinkage_rate"),
        "num_leaves": ("max_leaves", "max_leaf_nodes"),
        "min_child_samples": ("min_data_in_leaf", "min_data", "min_samples_leaf"),
        "colsample_bytree": ("feature_fraction", "sub_feature"),
        "reg_lambda": ("lambda_l2", "l2_regularization"),
        "subsample": ("bagging_fraction", "sub_row"),
    },
    "xgboost": {"learning_rate": ("eta",)},
}

# Their get_params lists what was set, and leaves out others that may be.
UNLISTED = {"catboost", "skorch"}
