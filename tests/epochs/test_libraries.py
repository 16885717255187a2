"""Boosters of LightGBM, XGBoost and CatBoost are followed round by round, and become what a plain fit makes of them."""

import pickle
from importlib import import_module
from importlib.util import find_spec
from inspect import signature

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import cpu_count, parallel_config
from optuna.pruners import MedianPruner
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import make_classification
from sklearn.metrics import get_scorer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna.epochs import FoldMonitor, UnscoredMonitor, rounds_parameter
from sk_optuna.epochs._incremental import how_to_fit_by_epochs
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.worker import CurrentFold, in_fold

X, Y = make_classification(240, 6, n_informative=6, n_redundant=0, n_classes=3, flip_y=0.2, random_state=0)
TARGETS = {"binary": (Y > 0).astype(int), "multiclass": Y, "regression": X[:, 0] * 3 + X[:, 1] ** 2}
TRAIN, TEST = slice(0, 160), slice(160, 240)
N_ROUNDS = 12

LIBRARIES = {
    "lightgbm": ("LGBM{}", {"n_jobs": 1, "random_state": 0, "subsample": 0.7, "subsample_freq": 1, "verbose": -1}),
    "xgboost": ("XGB{}", {"n_jobs": 1, "random_state": 0, "subsample": 0.7}),
    "catboost": (
        "CatBoost{}",
        {"thread_count": 1, "learning_rate": 0.1, "max_depth": 4, "verbose": 0, "allow_writing_files": False},
    ),
}
CASES = [
    pytest.param(name, task, id=f"{name} {task}", marks=pytest.mark.skipif(find_spec(name) is None, reason=name))
    for name in LIBRARIES
    for task in TARGETS
]
BINARY = [case for case in CASES if case.values[1] == "binary"]
REGRESSION = [case for case in CASES if case.values[1] == "regression"]


def booster(library, task, **params):
    """A booster, and the name of its metric."""
    name, own = LIBRARIES[library]
    kind = "Regressor" if task == "regression" else "Classifier"
    return getattr(import_module(library), name.format(kind))(n_estimators=N_ROUNDS, **{**own, **params})


def metric_of(task):
    return get_scorer("r2" if task == "regression" else "neg_log_loss")


def raw(estimator, rows=X[TEST]):
    return estimator.predict_proba(rows) if hasattr(estimator, "predict_proba") else estimator.predict(rows)


class Stops:
    """A judge that stops at the given look."""

    def __init__(self, look):
        self.look = look
        self.notes = {}

    def stops(self, scores):
        return len(scores) == self.look


def followed(estimator, task, *, stop=None, checkpoint="last", only_predicts=True, period=5, scorer=None, **fit_params):
    """A fitted clone, and its monitor."""
    y = TARGETS[task]
    leaf = clone(estimator)
    monitor = FoldMonitor(
        leaf,
        leaf,
        rows=lambda: (X[TEST], y[TEST]),
        scorer=scorer or metric_of(task),
        scores_leaf=only_predicts,
        judge=None if stop is None else Stops(stop),
        checkpoint=checkpoint,
        period=period,
    )
    how_to_fit_by_epochs(leaf)(leaf, X[TRAIN], y[TRAIN], monitor, **fit_params)
    monitor.finish()
    return leaf, monitor


def plain(estimator, task, n_rounds=N_ROUNDS, **fit_params):
    y = TARGETS[task]
    return clone(estimator).set_params(n_estimators=n_rounds).fit(X[TRAIN], y[TRAIN], **fit_params)


# --- what a plain fit makes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("library", "task"), CASES)
def test_a_followed_booster_predicts_bit_for_bit_what_a_plain_fit_predicts(library, task):
    estimator = booster(library, task)
    leaf, monitor = followed(estimator, task)
    expected = plain(estimator, task)
    np.testing.assert_array_equal(raw(leaf), raw(expected))
    np.testing.assert_array_equal(leaf.predict(X[TEST]), expected.predict(X[TEST]))
    np.testing.assert_array_equal(leaf.feature_importances_, expected.feature_importances_)
    assert monitor.curve.epochs == (5, 10, 12)
    assert leaf.get_params() == expected.get_params()
    assert b"sk_optuna" not in pickle.dumps(leaf)
    assert clone(leaf).get_params() == leaf.get_params()
    np.testing.assert_array_equal(raw(pickle.loads(pickle.dumps(leaf))), raw(expected))


@pytest.mark.parametrize(("library", "task"), CASES)
@pytest.mark.parametrize("only_predicts", [True, False], ids=["predictions", "model"])
def test_the_curve_has_the_scores_of_boosters_that_are_fitted_to_these_rounds(library, task, only_predicts):
    estimator = booster(library, task)
    leaf, monitor = followed(estimator, task, only_predicts=only_predicts)
    y = TARGETS[task]
    expected = [metric_of(task)(plain(estimator, task, n), X[TEST], y[TEST]) for n in monitor.curve.epochs]
    np.testing.assert_allclose(monitor.curve.scores, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(raw(leaf), raw(plain(estimator, task)))


@pytest.mark.parametrize(("library", "task"), CASES)
@pytest.mark.parametrize("only_predicts", [True, False], ids=["predictions", "model"])
def test_a_booster_that_is_stopped_equals_one_that_is_fitted_to_its_last_round(library, task, only_predicts):
    leaf, monitor = followed(booster(library, task), task, stop=2, only_predicts=only_predicts)
    assert monitor.pruned
    assert monitor.curve.epochs == (5, 10)
    np.testing.assert_array_equal(raw(leaf), raw(plain(booster(library, task), task, 10)))
    assert rounds_parameter(leaf).value == N_ROUNDS


@pytest.mark.parametrize(("library", "task"), CASES)
def test_the_best_round_is_gone_back_to(library, task):
    estimator = booster(library, task)
    up_and_down = iter([1.0, 3.0, 2.0])
    leaf, monitor = followed(estimator, task, checkpoint="best", scorer=lambda *_: next(up_and_down))
    assert monitor.curve.best_epoch == 10
    np.testing.assert_array_equal(raw(leaf), raw(plain(estimator, task, 10)))
    assert leaf.get_params() == plain(estimator, task).get_params()


@pytest.mark.parametrize(("library", "task"), CASES)
def test_a_refit_of_so_many_rounds_is_a_plain_fit_of_as_many(library, task):
    leaf = booster(library, task)
    before = clone(leaf).fit(X[TRAIN], TARGETS[task][TRAIN]).get_params()
    how_to_fit_by_epochs(leaf)(leaf, X[TRAIN], TARGETS[task][TRAIN], UnscoredMonitor(n_epochs=7))
    np.testing.assert_array_equal(raw(leaf), raw(plain(booster(library, task), task, 7)))
    assert leaf.get_params() == before


@pytest.mark.parametrize(("library", "task"), BINARY)
@settings(max_examples=6)
@given(data=st.data())
def test_any_rounds_periods_and_stops_give_models_of_plain_fits(library, task, data):
    n_rounds = data.draw(st.integers(1, 12), label="rounds")
    period = data.draw(st.integers(1, 6), label="period")
    stop = data.draw(st.one_of(st.none(), st.integers(1, 4)), label="stop")
    seed = data.draw(st.integers(0, 99), label="seed")
    scores = iter(np.random.default_rng(seed).normal(size=20))
    estimator = booster(library, task).set_params(n_estimators=n_rounds)
    leaf, monitor = followed(
        estimator, task, period=period, stop=stop, checkpoint="best", scorer=lambda *_: next(scores)
    )
    looks = [n for n in range(1, n_rounds + 1) if n % period == 0 or n == n_rounds]
    last = next((i for i, n in enumerate(looks, start=1) if n % period == 0 and i == stop), len(looks))
    assert list(monitor.curve.epochs) == looks[:last]
    np.testing.assert_array_equal(raw(leaf), raw(plain(estimator, task, monitor.curve.best_epoch)))


# --- data -------------------------------------------------------------------------------------------------------------


def table():
    """Rows with categories and missing values, labels that are words, weights."""
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["c"] = pd.cut(frame["c"], 5, labels=list("vwxyz")).astype("category")
    frame.loc[::7, "a"] = np.nan
    return frame


OWN = {
    "lightgbm": ({}, {}),
    "xgboost": ({"enable_categorical": True}, {}),
    "catboost": ({}, {"cat_features": ["c"]}),
}


@pytest.mark.parametrize(("library", "task"), [case for case in CASES if case.values[1] != "multiclass"])
def test_categories_missing_values_and_weights_are_seen_as_in_a_plain_fit(library, task):
    frame, y = table(), TARGETS[task]
    weights = np.random.default_rng(0).uniform(0.2, 2, len(frame))
    estimator = booster(library, task, **OWN[library][0])
    scorer = metric_of(task)
    leaf = clone(estimator)
    monitor = FoldMonitor(
        leaf, leaf, lambda: (frame[TEST], y[TEST]), scorer, scores_leaf=True, judge=None, checkpoint="last", period=6
    )
    given = {"sample_weight": weights[TRAIN], **OWN[library][1]}
    how_to_fit_by_epochs(leaf)(leaf, frame[TRAIN], y[TRAIN], monitor, **given)
    expected = clone(estimator).fit(frame[TRAIN], y[TRAIN], **given)
    half = clone(estimator).set_params(n_estimators=6).fit(frame[TRAIN], y[TRAIN], **given)
    np.testing.assert_array_equal(raw(leaf, frame[TEST]), raw(expected, frame[TEST]))
    scores = [scorer(each, frame[TEST], y[TEST]) for each in (half, expected)]
    np.testing.assert_allclose(monitor.curve.scores, scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize("library", ["lightgbm", "catboost"])
@pytest.mark.parametrize("labels", [["no", "yes", "maybe"], ["9", "10", "2"], [30, -1, 7], [2.0, 0.0, 1.0]], ids=str)
def test_classes_of_any_kind_are_scored_as_they_are(library, labels):
    pytest.importorskip(library)
    y = np.array(labels)[Y]
    metrics = [get_scorer(name) for name in ("neg_log_loss", "accuracy", "roc_auc_ovr")]
    seen = []

    def scores(estimator, rows, y):
        seen.append([metric(estimator, rows, y) for metric in metrics])
        return seen[-1][0]

    leaf = booster(library, "multiclass")
    monitor = FoldMonitor(leaf, leaf, lambda: (X[TEST], y[TEST]), scores, True, None, "last", period=N_ROUNDS)
    how_to_fit_by_epochs(leaf)(leaf, X[TRAIN], y[TRAIN], monitor)
    expected = booster(library, "multiclass").fit(X[TRAIN], y[TRAIN])
    of_plain = [metric(expected, X[TEST], y[TEST]) for metric in metrics]
    np.testing.assert_allclose(seen, [of_plain], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("library", "task"), CASES)
def test_targets_of_test_rows_reach_no_booster(library, task):
    """A feature that is the target in the test rows, and noise in the others, raises no score."""
    y = TARGETS[task]
    noise = np.random.default_rng(0).permutation(y)
    telling = noise.copy()
    telling[TEST] = y[TEST]
    models = []
    for feature in (noise, telling):
        rows = np.column_stack([X, feature])
        leaf = booster(library, task)
        monitor = FoldMonitor(
            leaf,
            leaf,
            lambda rows=rows: (rows[TEST], y[TEST]),
            metric_of(task),
            scores_leaf=True,
            judge=Stops(2),
            checkpoint="last",
            period=5,
        )
        how_to_fit_by_epochs(leaf)(leaf, rows[TRAIN], y[TRAIN], monitor)
        models.append(raw(leaf, rows[TRAIN]))
    np.testing.assert_array_equal(*models)


# --- in searches ------------------------------------------------------------------------------------------------------


def in_columns(estimator):
    steps = make_column_transformer((StandardScaler(), list("abdef")), (OneHotEncoder(), ["c"]))
    return make_pipeline(steps, estimator)


@pytest.mark.parametrize(("library", "task"), CASES)
def test_boosters_at_the_end_of_pipelines_are_followed(library, task):
    estimator = in_columns(booster(library, task))
    frame, y, name = table(), TARGETS[task], estimator.steps[-1][0]
    scoring = metric_of(task)
    candidate = {f"{name}__max_depth": 2}
    search = OptunaSearchCV(
        estimator, {each: [2] for each in candidate}, report="epoch", scoring=scoring, cv=2, error_score="raise"
    )
    search.fit(frame, y)
    scores = [search.cv_results_[f"split{fold}_test_score"][0] for fold in range(2)]
    expected = cross_val_score(clone(estimator).set_params(**candidate), frame, y, scoring=scoring, cv=2)
    np.testing.assert_array_equal(scores, expected)
    last = search.learning_curves_["epoch"] == N_ROUNDS
    np.testing.assert_allclose(search.learning_curves_["valid_score"][last], scores, rtol=0, atol=1e-12)
    refitted = clone(estimator).set_params(**candidate).fit(frame, y)
    np.testing.assert_array_equal(raw(search, frame), raw(refitted, frame))


@pytest.mark.parametrize(("library", "task"), REGRESSION)
def test_targets_that_are_transformed_are_scored_as_they_were(library, task):
    y = np.exp(TARGETS[task] / 10)
    estimator = TransformedTargetRegressor(booster(library, task), func=np.log, inverse_func=np.exp)
    search = OptunaSearchCV(estimator, {"regressor__max_depth": [2]}, report="epoch", cv=2, error_score="raise")
    search.fit(X, y)
    for fold, (train, test) in enumerate([(slice(120, 240), slice(0, 120)), (slice(0, 120), slice(120, 240))]):
        curve = search.learning_curves_["fold"] == fold
        for n, score in zip(
            search.learning_curves_["epoch"][curve][::5],
            search.learning_curves_["valid_score"][curve][::5],
            strict=True,
        ):
            candidate = clone(estimator).set_params(regressor__max_depth=2, regressor__n_estimators=n)
            np.testing.assert_allclose(score, candidate.fit(X[train], y[train]).score(X[test], y[test]), atol=1e-12)


def searched(library, n_jobs):
    rates = [0.3, 0.2, 0.4, 0.001, 0.0005, 0.1]
    search = OptunaSearchCV(
        booster(library, "binary"),
        {"learning_rate": rates},
        initial_params=[{"learning_rate": rate} for rate in rates],
        pruner=MedianPruner(n_startup_trials=2),
        report="epoch",
        scoring="neg_log_loss",
        checkpoint="best",
        cv=3,
        max_concurrent_trials=2,
        random_state=0,
        n_jobs=n_jobs,
    )
    return search.fit(X, TARGETS["binary"])


@pytest.mark.parametrize(("library", "task"), BINARY)
@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_workers_give_the_same_search(library, task, backend):
    alone = searched(library, None)
    with parallel_config(backend):
        on_workers = searched(library, 2)
    assert "PRUNED" in set(alone.cv_results_["trial_state"])
    for name, curves in alone.learning_curves_.items():
        np.testing.assert_array_equal(curves, on_workers.learning_curves_[name])
    assert alone.refit_epochs_ == on_workers.refit_epochs_
    np.testing.assert_array_equal(alone.predict_proba(X), on_workers.predict_proba(X))


@pytest.mark.parametrize(("library", "task"), BINARY)
def test_the_refit_has_the_rounds_of_the_best_candidate(library, task):
    space = {"max_depth": [2, 3]}
    y = TARGETS[task]
    search = OptunaSearchCV(booster(library, task), space, report="epoch", checkpoint="best", cv=3).fit(X, y)
    assert search.refit_epochs_ <= N_ROUNDS
    rounds = {"n_estimators": search.refit_epochs_}
    expected = booster(library, task).set_params(**search.best_params_, **rounds).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), expected.predict_proba(X))
    assert b"sk_optuna" not in pickle.dumps(search.best_estimator_)


# --- early stopping ---------------------------------------------------------------------------------------------------

PATIENCE = {"lightgbm": "early_stopping_round", "xgboost": "early_stopping_rounds", "catboost": "early_stopping_rounds"}


@pytest.mark.parametrize(("library", "task"), BINARY)
def test_early_stopping_by_the_test_rows_is_refused_unless_it_is_asked_for(library, task):
    stopping = booster(library, task, **{PATIENCE[library]: 4})
    y = TARGETS[task]
    match = r"would be the test rows of each fold.*EarlyStoppingBooster.*checkpoint='best'"
    with pytest.raises(InvalidArgumentError, match=match):
        OptunaSearchCV(make_pipeline(stopping), {}, report="epoch", cv=2).fit(X, y)
    with pytest.raises(InvalidArgumentError, match=f"'{PATIENCE[library]}' in the space"):
        OptunaSearchCV(booster(library, task), {PATIENCE[library]: [3]}, report="epoch", cv=2).fit(X, y)
    with pytest.raises(InvalidArgumentError, match=match):
        followed(stopping, task)
    search = OptunaSearchCV(stopping, {"max_depth": [2]}, report="epoch", cv=2, checkpoint="best", error_score="raise")
    search.fit(X, y)
    assert search.best_estimator_.get_params()[PATIENCE[library]] == 4


@pytest.mark.parametrize(("library", "task"), BINARY)
def test_patience_counts_rounds_without_a_better_score(library, task):
    stopping = booster(library, task, **{PATIENCE[library]: 4})
    scores = iter([1.0, 2.0, 1.5, 1.0, 9.0])
    leaf, monitor = followed(stopping, task, checkpoint="best", period=2, scorer=lambda *_: next(scores))
    assert monitor.curve.epochs == (2, 4, 6, 8)
    assert not monitor.pruned
    np.testing.assert_array_equal(raw(leaf), raw(plain(booster(library, task), task, 4)))
    assert leaf.get_params()[PATIENCE[library]] == 4


@pytest.mark.parametrize(("library", "task"), BINARY)
def test_an_evaluation_set_of_the_users_decides_as_it_would_alone(library, task):
    stopping = booster(library, task, learning_rate=0.8)
    y = TARGETS[task]
    own = {"eval_set": [(X[:40], 1 - y[:40])]}
    if library == "lightgbm":
        # 4.7 deprecates `eval_set`.
        if "eval_X" in signature(stopping.fit).parameters:
            own = {"eval_X": (X[:40],), "eval_y": (1 - y[:40],)}
        own["callbacks"] = [import_module(library).early_stopping(2, verbose=False)]
    else:
        stopping.set_params(early_stopping_rounds=2)
    leaf, monitor = followed(stopping, task, **own)
    expected = clone(stopping).fit(X[TRAIN], y[TRAIN], **own)
    np.testing.assert_array_equal(raw(leaf), raw(expected))
    evaluations = leaf.evals_result_
    assert evaluations == expected.evals_result_
    assert monitor.curve.n_epochs < N_ROUNDS


# --- parameters come back ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("library", "task"), BINARY)
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_of_a_scorer_leaves_the_parameters_as_they_were(library, task, error):
    def fails(estimator, X, y):
        raise error("on purpose")

    leaf = booster(library, task, **{PATIENCE[library]: 4})
    before, y = leaf.get_params(), TARGETS[task]
    monitor = FoldMonitor(leaf, leaf, lambda: (X[TEST], y[TEST]), fails, True, None, "best", period=5)
    with in_fold(CurrentFold(0, 0, 0, n_threads=1)), pytest.raises(error, match="on purpose"):
        how_to_fit_by_epochs(leaf)(leaf, X[TRAIN], y[TRAIN], monitor)
    assert leaf.get_params() == before
    assert b"sk_optuna" not in pickle.dumps(leaf)


THREADS = {"lightgbm": "n_jobs", "xgboost": "n_jobs", "catboost": "thread_count"}
OTHER_NAMES = {"lightgbm": "num_threads", "xgboost": "nthread", "catboost": "thread_count"}


@pytest.mark.parametrize(("library", "task"), BINARY)
@pytest.mark.parametrize("n_epochs", [None, 3])
def test_a_fold_uses_its_share_of_the_cores_unless_the_user_said_how_many(library, task, n_epochs):
    seen = []
    kind = type(booster(library, task))

    class Watched(kind):
        def fit(self, *args, **kwargs):
            seen.append(self.get_params().get(THREADS[library]))
            return super().fit(*args, **kwargs)

    for own, n_threads, expected in [({}, 2, 2), ({}, None, None), ({OTHER_NAMES[library]: 1}, 2, None)]:
        leaf = Watched(
            n_estimators=3, **own, **({"verbose": 0, "allow_writing_files": False} if library == "catboost" else {})
        )
        before = leaf.get_params()
        with in_fold(CurrentFold(0, 0, 0, n_threads=n_threads)):
            how_to_fit_by_epochs(leaf)(leaf, X, TARGETS[task], UnscoredMonitor(n_epochs=n_epochs))
        assert seen.pop() == (own.get(THREADS[library]) if expected is None else expected)
        assert leaf.get_params() == before


@pytest.mark.parametrize(("library", "task"), BINARY)
@pytest.mark.parametrize("report", ["fold", "epoch"])
def test_a_search_with_several_workers_gives_each_fold_its_share_however_it_reports(library, task, report):
    seen = []
    kind = type(booster(library, task))
    silent = {"verbose": 0, "allow_writing_files": False} if library == "catboost" else {}

    class Watched(kind):
        def fit(self, *args, **kwargs):
            seen.append(self.get_params().get(THREADS[library]))
            return super().fit(*args, **kwargs)

    y = TARGETS[task]
    space = {"max_depth": [2, 3]}
    search = OptunaSearchCV(Watched(n_estimators=3, **silent), space, cv=2, n_jobs=2, report=report)
    with parallel_config("threading", inner_max_num_threads=None):
        search.fit(X, y)
    share = max(1, cpu_count() // 2)
    assert seen[:-1] == [share] * 4
    # the refit has the machine to itself
    assert seen[-1] is None
    assert THREADS[library] not in {k for k, v in search.best_estimator_.get_params().items() if v is not None}
    pickle.dumps(search.best_estimator_.get_params())

    del seen[:]
    own = Watched(n_estimators=3, **silent, **{OTHER_NAMES[library]: 1})
    with parallel_config("threading"):
        OptunaSearchCV(own, space, cv=2, n_jobs=2, report=report, refit=False).fit(X, y)
    assert seen == [own.get_params().get(THREADS[library])] * 4


# --- what cannot be followed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("library", "task"), BINARY)
def test_versions_without_the_hooks_are_named(library, task, monkeypatch):
    monkeypatch.setattr(import_module(library), "__version__", "1.2.3")
    with pytest.raises(InvalidArgumentError, match=rf"hooks of {library} \d+\.\d.* or newer, and this is 1\.2\.3"):
        OptunaSearchCV(booster(library, task), {"max_depth": [2]}, report="epoch").fit(X, TARGETS[task])


@pytest.mark.parametrize(
    ("library", "name", "reason"),
    [
        ("lightgbm", "LGBMRanker", "list of sizes"),
        ("xgboost", "XGBRFClassifier", "all its trees in one round"),
        ("catboost", "CatBoost", "neither a CatBoostClassifier nor a CatBoostRegressor"),
        ("catboost", "CatBoostRanker", "neither a CatBoostClassifier nor a CatBoostRegressor"),
    ],
)
def test_boosters_that_cannot_be_followed_are_refused_with_the_reason(library, name, reason):
    ranker = getattr(pytest.importorskip(library), name)()
    with pytest.raises(InvalidArgumentError, match=f"cannot follow {name}.*{reason}.*Use report='fold'"):
        OptunaSearchCV(ranker, {"max_depth": [2]}, report="epoch", scoring="r2").fit(X, Y)


@pytest.mark.parametrize(("library", "task"), BINARY)
def test_the_number_of_rounds_is_found_under_each_of_its_names(library, task):
    kind = type(booster(library, task))
    names = rounds_parameter(kind()).names
    assert rounds_parameter(kind()).value == {"lightgbm": 100, "xgboost": 100, "catboost": 1000}[library]
    for name in names:
        leaf = kind(**{**LIBRARIES[library][1], name: 7})
        assert rounds_parameter(leaf).value == 7
        monitor = FoldMonitor(leaf, leaf, lambda: (X, TARGETS[task]), metric_of(task), True, None, "last", period=3)
        how_to_fit_by_epochs(leaf)(leaf, X, TARGETS[task], monitor)
        assert monitor.curve.epochs == (3, 6, 7)
