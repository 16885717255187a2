"""A booster stops early on rows of its training data, in Pipelines and searches as alone."""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from sk_optuna import OptunaSearchCV
from sk_optuna.boosting import EarlyStoppingBooster
from sk_optuna.exceptions import InvalidArgumentError

X, Y = make_classification(300, 6, n_informative=4, flip_y=0.3, random_state=0)
TARGET = X[:, 0] * 3 + np.random.default_rng(0).normal(size=len(X))
QUICK = {
    "lightgbm": ("LGBM{}", {"n_jobs": 1, "verbose": -1}),
    "xgboost": ("XGB{}", {"n_jobs": 1}),
    "catboost": ("CatBoost{}", {"thread_count": 1, "max_depth": 4, "verbose": 0, "allow_writing_files": False}),
}
LIBRARIES = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"))
    for name in QUICK
]


def booster(library, kind="Classifier", **params):
    name, quick = QUICK[library]
    return getattr(import_module(library), name.format(kind))(
        **{"n_estimators": 60, "learning_rate": 0.3, **quick, **params}
    )


# --- alone ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_it_is_the_booster_with_the_rounds_that_were_best_on_the_rows_held_out(library, kind):
    y = Y if kind == "Classifier" else TARGET
    stopped = EarlyStoppingBooster(
        booster(library, kind), validation_fraction=0.25, n_iter_no_change=8, random_state=3
    ).fit(X, y)
    stratify = y if kind == "Classifier" else None
    X_train, X_valid, y_train, y_valid = train_test_split(X, y, test_size=0.25, stratify=stratify, random_state=seed(3))
    of_rounds = {
        n: clone(stopped.estimator).set_params(n_estimators=n).fit(X_train, y_train)
        for n in range(1, min(stopped.n_iter_ + 9, 61))
    }
    if kind == "Classifier":
        losses = {n: log_loss(y_valid, each.predict_proba(X_valid)) for n, each in of_rounds.items()}
    else:
        losses = {n: np.mean((y_valid - each.predict(X_valid)) ** 2) for n, each in of_rounds.items()}
    assert stopped.n_iter_ == min(losses, key=losses.get)
    np.testing.assert_array_equal(stopped.predict(X), of_rounds[stopped.n_iter_].predict(X))


def seed(random_state):
    return int(np.random.RandomState(random_state).randint(2**31 - 1))


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_last_rows_are_held_out_in_the_order_of_time(library):
    stopped = EarlyStoppingBooster(booster(library), validation_fraction=0.2, shuffle=False).fit(X, Y)
    other = Y.copy()
    other[:5] = 1 - other[:5]
    expected = clone(stopped.estimator).set_params(n_estimators=stopped.n_iter_).fit(X[:240], Y[:240])
    np.testing.assert_array_equal(stopped.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("library", LIBRARIES)
def test_weights_count_for_the_rows_held_out_too(library):
    """Rows that are held out with weight zero do not count: the others alone choose the same rounds."""
    weights = np.ones(len(X))
    weights[-30:] = 1e-9
    wrong = Y.copy()
    wrong[-30:] = 1 - wrong[-30:]
    fits = [
        EarlyStoppingBooster(booster(library), validation_fraction=0.3, shuffle=False).fit(X, y, sample_weight=weights)
        for y in (Y, wrong)
    ]
    assert fits[0].n_iter_ == fits[1].n_iter_
    np.testing.assert_array_equal(fits[0].predict_proba(X), fits[1].predict_proba(X))


@pytest.mark.parametrize("library", ["lightgbm", "catboost"])
def test_labels_may_be_words_and_columns_categories(library):
    pytest.importorskip(library)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["c"] = pd.cut(frame["c"], 4, labels=list("wxyz"))
    frame.loc[::9, "a"] = np.nan
    labels = np.array(["no", "yes"])[Y]
    given = {"cat_features": ["c"]} if library == "catboost" else {}
    words = EarlyStoppingBooster(booster(library), random_state=0).fit(frame, labels, **given)
    numbers = EarlyStoppingBooster(booster(library), random_state=0).fit(frame, Y, **given)
    assert words.n_iter_ == numbers.n_iter_
    assert words.classes_.tolist() == ["no", "yes"]
    np.testing.assert_array_equal(words.predict(frame) == "yes", numbers.predict(frame) == 1)
    np.testing.assert_array_equal(words.predict_proba(frame), numbers.predict_proba(frame))


# --- in Pipelines and searches ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_pipeline_scales_the_rows_held_out(library):
    """The scale of a feature says nothing to trees, as long as all rows are scaled alike."""
    alone = EarlyStoppingBooster(booster(library), random_state=0).fit(StandardScaler().fit_transform(X), Y)
    in_pipeline = make_pipeline(StandardScaler(), EarlyStoppingBooster(booster(library), random_state=0)).fit(X, Y)
    assert in_pipeline[-1].n_iter_ == alone.n_iter_
    np.testing.assert_array_equal(in_pipeline.predict_proba(X), alone.predict_proba(StandardScaler().fit_transform(X)))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("report", ["fold", "epoch"])
def test_a_search_evaluates_what_cross_validation_evaluates(library, report):
    estimator = make_pipeline(StandardScaler(), EarlyStoppingBooster(booster(library), random_state=0))
    name = "earlystoppingbooster__estimator__learning_rate"
    search = OptunaSearchCV(
        estimator, {name: [0.4]}, report=report, scoring="neg_log_loss", cv=2, error_score="raise", random_state=0
    ).fit(X, Y)
    candidate = clone(estimator).set_params(**{name: 0.4})
    scores = [search.cv_results_[f"split{fold}_test_score"][0] for fold in range(2)]
    np.testing.assert_array_equal(scores, cross_val_score(candidate, X, Y, cv=2, scoring="neg_log_loss"))
    np.testing.assert_array_equal(search.predict_proba(X), candidate.fit(X, Y).predict_proba(X))
    if report == "epoch":
        epochs = search.learning_curves_["epoch"]
        assert set(np.diff(epochs)) >= {2}  # 60 rounds are 30 looks
        assert epochs.max() <= 60


def test_seeds_come_from_the_search(monkeypatch):
    library = next((name for name in QUICK if find_spec(name) is not None), None)
    if library is None:
        pytest.skip("no booster is installed")
    searches = [
        OptunaSearchCV(
            EarlyStoppingBooster(booster(library)),
            {"estimator__max_depth": [2, 3]},
            cv=2,
            random_state=5,
            n_jobs=n_jobs,
        ).fit(X, Y)
        for n_jobs in (None, 2)
    ]
    first, second = (search.cv_results_["mean_test_score"].tolist() for search in searches)
    assert first == second


# --- an estimator -----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", ["Classifier", pytest.param("Regressor", marks=pytest.mark.slow)])
def test_it_fails_no_check_that_the_booster_passes(library, kind):
    inner = booster(library, kind, n_estimators=5)
    failed = {name for name, error in outcomes(EarlyStoppingBooster(inner, random_state=0)) if error is not None}
    failed_alone = {name for name, error in outcomes(inner) if error is not None}
    assert failed - failed_alone <= FAILS_BY_NATURE


# Rows that are given twice may be on both sides, where a weight of two is on one.
FAILS_BY_NATURE = {
    "check_sample_weight_equivalence",
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
}


def outcomes(estimator):
    for _, check in estimator_checks_generator(estimator, legacy=True):
        name = check.func.__name__
        try:
            check(clone(estimator))
        except Exception as error:
            yield name, error
        else:
            yield name, None


@pytest.mark.parametrize("library", LIBRARIES)
def test_it_is_of_the_kind_of_its_booster(library):
    assert is_classifier(EarlyStoppingBooster(booster(library)))
    regressor = EarlyStoppingBooster(booster(library, "Regressor"))
    assert not is_classifier(regressor)
    assert not hasattr(regressor, "predict_proba")
    assert regressor.get_params()["estimator__n_estimators"] == 60


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"validation_fraction": 1}, "validation_fraction must be a float between 0 and 1.*got 1"),
        ({"validation_fraction": 0.0}, "validation_fraction must be a float"),
        ({"validation_fraction": "a tenth"}, "validation_fraction must be a float"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be an int of at least 1, but got 0"),
        ({"n_iter_no_change": 2.5}, "n_iter_no_change must be an int"),
        ({"n_iter_no_change": True}, "n_iter_no_change must be an int"),
    ],
    ids=str,
)
def test_parameters_are_refused_before_the_first_round(library, params, match):
    with pytest.raises(InvalidArgumentError, match=match):
        EarlyStoppingBooster(booster(library), **params).fit(X, Y)


def test_other_estimators_are_refused():
    with pytest.raises(InvalidArgumentError, match=r"needs a booster of LightGBM.*got HistGradient"):
        EarlyStoppingBooster(HistGradientBoostingClassifier()).fit(X, Y)


@pytest.mark.parametrize(
    ("library", "params", "match"),
    [
        ("lightgbm", {"boosting_type": "dart"}, "boosting_type='dart': its later rounds change those before"),
        ("xgboost", {"booster": "gblinear"}, "booster='gblinear'"),
        ("lightgbm", {"early_stopping_round": 9}, "use n_iter_no_change=9 there, and leave early_stopping_round out"),
        ("xgboost", {"early_stopping_rounds": 9}, "use n_iter_no_change=9"),
        ("catboost", {"od_wait": 9}, "use n_iter_no_change=9 there, and leave od_wait out"),
    ],
    ids=str,
)
def test_boosters_that_cannot_be_stopped_or_stop_themselves_are_refused(library, params, match):
    pytest.importorskip(library)
    with pytest.raises(InvalidArgumentError, match=match):
        EarlyStoppingBooster(booster(library, **params)).fit(X, Y)
    with pytest.raises(InvalidArgumentError, match=match):
        OptunaSearchCV(EarlyStoppingBooster(booster(library, **params)), {"n_iter_no_change": [3]}).fit(X, Y)


@pytest.mark.parametrize("library", LIBRARIES)
def test_it_predicts_after_fit_only(library):
    with pytest.raises(ValueError, match="not fitted"):
        EarlyStoppingBooster(booster(library)).predict(X)
