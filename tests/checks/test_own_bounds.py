"""A bound that is the parameter's own is no bound of the range."""

import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

from sk_optuna.checks._own_bounds import is_own_bound

PIPELINE = make_pipeline(SelectKBest(), RandomForestClassifier())


@pytest.mark.parametrize(
    ("estimator", "name", "bound", "is_own"),
    [
        (GradientBoostingClassifier(), "subsample", 1.0, True),
        (GradientBoostingClassifier(), "subsample", 0.5, False),
        (GradientBoostingClassifier(), "n_estimators", 500, False),
        (GradientBoostingClassifier(), "n_estimators", 1, True),
        (ElasticNet(), "l1_ratio", 1.0, True),
        (ElasticNet(), "l1_ratio", 0.0, True),
        (ElasticNet(), "alpha", 0.0, True),
        (ElasticNet(), "alpha", 1e-4, False),
        (DecisionTreeClassifier(), "min_samples_leaf", 1, True),
        (DecisionTreeClassifier(), "min_samples_leaf", 20, False),
        (DecisionTreeClassifier(), "min_samples_split", 2, True),
        (RandomForestClassifier(), "max_features", 1.0, True),
        (RandomForestClassifier(), "max_features", 0.1, False),
        (KNeighborsClassifier(), "n_neighbors", 1, True),
        (NuSVC(), "nu", 1.0, True),
        (SVC(), "C", 1e3, False),
        (LogisticRegression(), "C", 1e-4, False),
        (PIPELINE, "randomforestclassifier__min_samples_leaf", 1, True),
        (PIPELINE, "randomforestclassifier__min_samples_leaf", 2, False),
        (PIPELINE, "elsewhere__alpha", 1.0, False),
        (SVC(), "unknown", 1.0, False),
        (object(), "alpha", 1.0, False),
    ],
)
def test_the_bounds_are_those_that_scikit_learn_declares(estimator, name, bound, is_own):
    assert is_own_bound(estimator, name, bound) == is_own


def test_a_number_of_columns_ends_at_all_of_them():
    assert is_own_bound(PIPELINE, "selectkbest__k", 30, n_features=30)
    assert not is_own_bound(PIPELINE, "selectkbest__k", 20, n_features=30)
    assert not is_own_bound(PIPELINE, "selectkbest__k", 30)


def test_bounds_of_boosters_are_known_by_name():
    booster = type("LGBMClassifier", (), {"__module__": "lightgbm.sklearn"})()
    assert is_own_bound(booster, "colsample_bytree", 1.0)
    assert is_own_bound(booster, "reg_lambda", 0.0)
    assert not is_own_bound(booster, "reg_lambda", 10.0)
    assert not is_own_bound(booster, "num_leaves", 200)
