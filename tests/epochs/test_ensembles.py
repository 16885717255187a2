"""An ensemble that is followed by rounds is the one of a plain fit of as many rounds, at the price of about one fit."""

import pickle
import warnings
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, check_scoring
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sk_optuna.epochs import FoldMonitor, UnscoredMonitor, follow_epochs
from sk_optuna.epochs._incremental import how_to_fit_by_epochs

X, Y3 = make_classification(150, 8, n_informative=5, n_classes=3, random_state=0)
Y2 = np.array(["no", "yes"])[np.minimum(Y3, 1)]
X_REG, Y_REG = make_regression(150, 6, noise=5, random_state=0)
Y_REG = (Y_REG - Y_REG.mean()) / Y_REG.std()
TRAIN, TEST = slice(0, 100), slice(100, None)
PERIOD, N = 3, 13
ROUNDS = (3, 6, 9, 12, 13)

MODELS = {
    "hist binary": (HistGradientBoostingClassifier(max_iter=N, max_features=0.5, random_state=0), X, Y2),
    "hist multiclass": (HistGradientBoostingClassifier(max_iter=N, random_state=0), X, Y3),
    "hist regression": (HistGradientBoostingRegressor(max_iter=N, loss="absolute_error", random_state=0), X_REG, Y_REG),
    "hist poisson": (HistGradientBoostingRegressor(max_iter=N, loss="poisson"), X_REG, np.exp(Y_REG)),
    "trees binary": (GradientBoostingClassifier(n_estimators=N, subsample=0.7, random_state=0), X, Y2),
    "trees multiclass": (GradientBoostingClassifier(n_estimators=N, max_features=3, random_state=0), X, Y3),
    "trees regression": (
        GradientBoostingRegressor(n_estimators=N, init=Ridge(), subsample=0.7, random_state=0), X_REG, Y_REG,
    ),
    "forest binary": (RandomForestClassifier(n_estimators=N, class_weight="balanced", random_state=0), X, Y2),
    "forest multiclass": (ExtraTreesClassifier(n_estimators=N, random_state=0, n_jobs=2), X, Y3),
    "forest regression": (RandomForestRegressor(n_estimators=N, random_state=0), X_REG, Y_REG),
    "forest outputs": (ExtraTreesRegressor(n_estimators=N, random_state=0), X_REG, np.c_[Y_REG, -Y_REG]),
    "forest labels": (RandomForestClassifier(n_estimators=N, random_state=0), X, np.eye(3, dtype=int)[Y3]),
    "bag binary": (BaggingClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=N, random_state=0), X, Y2),
    "bag regression": (BaggingRegressor(max_features=0.5, n_estimators=N, random_state=0), X_REG, Y_REG),
}  # fmt: skip
ALL = pytest.mark.parametrize("name", MODELS)
ONE_OF_EACH = ["hist binary", "hist regression", "trees multiclass", "forest binary", "bag regression"]
SOME = pytest.mark.parametrize("name", ONE_OF_EACH)


class Judge:
    """Stops after so many looks."""

    notes = {}  # noqa: RUF012

    def __init__(self, n_looks=None):
        self.n_looks = n_looks

    def stops(self, scores):
        return len(scores) == self.n_looks


def size_of(estimator):
    return "n_estimators" if hasattr(estimator, "n_estimators") else "max_iter"


def with_rounds(estimator, n):
    return clone(estimator).set_params(**{size_of(estimator): n})


def followed(estimator, X, y, *, judge=None, checkpoint="last", scoring=None, period=PERIOD, **fit_params):
    """Fit as a fold does; return the fitted estimator and its monitor."""
    fitted, scorer, monitors = clone(estimator), check_scoring(estimator, scoring), []
    calls_score, scores_leaf = scoring is None, not callable(scoring)

    def monitor_of(leaf, rows):
        monitors.append(
            FoldMonitor(fitted, leaf, lambda: (X[TEST], y[TEST]), scorer, scores_leaf, judge, checkpoint,
                        period=period, calls_score=calls_score)
        )  # fmt: skip
        return monitors[-1]

    follow_epochs(fitted, monitor_of, all_kinds=True)
    fitted.fit(X[TRAIN], y[TRAIN], **fit_params)
    (monitor,) = monitors
    return fitted, monitor


def assert_same_model(one, other, X):
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(other, method):
            np.testing.assert_array_equal(getattr(one, method)(X), getattr(other, method)(X))


@contextmanager
def counted_fits(estimator, monkeypatch):
    """Count the fits of the estimator's class."""
    fits, kind = [], type(estimator)
    fit = kind.fit

    def counting(self, *args, **kwargs):
        fits.append(self)
        return fit(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "fit", counting)
        yield fits


# --- the model of a plain fit -----------------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
def test_predictions_are_those_of_a_plain_fit(name, judge):
    estimator, X, y = MODELS[name]
    fitted, monitor = followed(estimator, X, y, judge=judge)
    plain = clone(estimator).fit(X[TRAIN], y[TRAIN])
    assert monitor.curve.epochs == ROUNDS
    assert_same_model(fitted, plain, X)
    assert fitted.get_params(deep=False).keys() == plain.get_params(deep=False).keys()
    assert repr(fitted) == repr(estimator)
    assert vars(fitted).keys() == vars(plain).keys()


@ALL
@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
def test_curves_are_the_scores_of_models_refitted_to_that_many_rounds(name, judge):
    estimator, X, y = MODELS[name]
    _, monitor = followed(estimator, X, y, judge=judge)
    refitted = [with_rounds(estimator, n).fit(X[TRAIN], y[TRAIN]) for n in ROUNDS]
    assert monitor.curve.scores == tuple(model.score(X[TEST], y[TEST]) for model in refitted)


@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc", ["accuracy", "neg_log_loss"]], ids=str)
@pytest.mark.parametrize("name", ["hist binary", "trees binary", "forest binary", "bag binary"])
def test_scorers_ask_for_probabilities_and_decisions_of_the_round(name, scoring, judge):
    estimator, X, y = MODELS[name]
    fitted, leaf = clone(estimator), clone(estimator)
    scorer = check_scoring(fitted, scoring)

    def score(estimator, X, y):
        scores = scorer(estimator, X, y)
        return scores if isinstance(scoring, str) else scores["accuracy"] + scores["neg_log_loss"]

    monitor = FoldMonitor(leaf, leaf, lambda: (X[TEST], y[TEST]), score, True, judge, "last", period=PERIOD)
    how_to_fit_by_epochs(leaf)(leaf, X[TRAIN], y[TRAIN], monitor)
    refitted = [with_rounds(estimator, n).fit(X[TRAIN], y[TRAIN]) for n in ROUNDS]
    assert monitor.curve.scores == tuple(score(model, X[TEST], y[TEST]) for model in refitted)


def of_the_model(estimator, X, y):
    return accuracy_score(y, estimator.predict(X)) if y.dtype != float else -np.abs(y - estimator.predict(X)).mean()


@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
@SOME
def test_scorers_that_are_plain_functions_are_given_the_model_as_of_the_round(name, judge):
    estimator, X, y = MODELS[name]
    fitted, monitor = followed(estimator, X, y, judge=judge, scoring=of_the_model)
    refitted = [with_rounds(estimator, n).fit(X[TRAIN], y[TRAIN]) for n in ROUNDS]
    assert monitor.needs_model
    assert monitor.curve.scores == tuple(of_the_model(model, X[TEST], y[TEST]) for model in refitted)
    assert_same_model(fitted, refitted[-1], X)


@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
@pytest.mark.parametrize("name", ["hist regression", "trees regression", "forest regression", "bag regression"])
def test_pipelines_and_target_transformations_are_around_the_scores(name, judge):
    leaf, X, y = MODELS[name]
    for estimator, prefix in (
        (make_pipeline(StandardScaler(), leaf), f"{type(leaf).__name__.lower()}__"),
        (TransformedTargetRegressor(leaf, func=np.arcsinh, inverse_func=np.sinh), "regressor__"),
        (TransformedTargetRegressor(make_pipeline(StandardScaler(), leaf), transformer=StandardScaler()), None),
    ):
        prefix = prefix or f"regressor__{type(leaf).__name__.lower()}__"
        fitted, monitor = followed(estimator, X, y, judge=judge)
        refitted = [clone(estimator).set_params(**{prefix + size_of(leaf): n}).fit(X[TRAIN], y[TRAIN]) for n in ROUNDS]
        assert monitor.curve.scores == tuple(model.score(X[TEST], y[TEST]) for model in refitted)
        assert_same_model(fitted, refitted[-1], X)


def test_targets_of_test_rows_are_not_transformed():
    leaf = HistGradientBoostingRegressor(max_iter=N)
    estimator = TransformedTargetRegressor(leaf, func=np.log, inverse_func=np.exp, check_inverse=False)
    y = np.where(np.arange(150) < 100, np.exp(Y_REG), 0.0)
    for judge in (None, Judge()):
        _, monitor = followed(estimator, X_REG, y, judge=judge, scoring="neg_mean_absolute_error")
        assert np.isfinite(monitor.curve.scores).all()


# --- stopped, and taken back ------------------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("n_looks", [1, 3])
def test_a_stopped_model_is_a_refit_to_its_last_round(name, n_looks):
    estimator, X, y = MODELS[name]
    stopped, monitor = followed(estimator, X, y, judge=Judge(n_looks))
    refitted = with_rounds(estimator, n_looks * PERIOD).fit(X[TRAIN], y[TRAIN])
    assert monitor.pruned
    assert monitor.curve.epochs == ROUNDS[:n_looks]
    assert_same_model(stopped, refitted, X)
    size = size_of(estimator)
    assert getattr(stopped, size) == (n_looks * PERIOD if size == "n_estimators" else N)


class Wavering:
    """Scores that rise and fall, whatever is scored."""

    def __init__(self, *scores):
        self.scores = iter(scores)

    def __call__(self, estimator, X, y):
        return next(self.scores)


@ALL
@pytest.mark.parametrize("judge", [None, Judge(4)], ids=["unjudged", "judged"])
def test_the_best_round_is_a_refit_to_it(name, judge):
    estimator, X, y = MODELS[name]
    leaf = clone(estimator)
    scorer = Wavering(0.1, 0.9, 0.2, 0.9, 0.3)
    monitor = FoldMonitor(leaf, leaf, lambda: (X[TEST], y[TEST]), scorer, True, judge, "best", period=PERIOD)
    follow_epochs(leaf, lambda *_: monitor, all_kinds=True)
    leaf.fit(X[TRAIN], y[TRAIN])
    assert monitor.curve.best_epoch == 6
    assert_same_model(leaf, with_rounds(estimator, 6).fit(X[TRAIN], y[TRAIN]), X)
    for attribute in ("train_score_", "oob_improvement_", "oob_scores_", "estimators_", "estimators_features_"):
        assert len(getattr(leaf, attribute, range(6))) in (0, 6)


@SOME
def test_a_refit_is_one_plain_fit_of_as_many_rounds(name, monkeypatch):
    estimator, X, y = MODELS[name]
    refitted = clone(estimator)
    with counted_fits(estimator, monkeypatch) as fits:
        how_to_fit_by_epochs(refitted)(refitted, X, y, UnscoredMonitor(n_epochs=5))
    assert len(fits) == 1
    assert_same_model(refitted, with_rounds(estimator, 5).fit(X, y), X)
    assert getattr(refitted, size_of(estimator)) == (5 if size_of(estimator) == "n_estimators" else N)


# --- the price --------------------------------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("judge", [None, Judge(), Judge(2)], ids=["unjudged", "judged", "stopped"])
def test_boosters_are_fitted_once_and_what_a_judge_may_stop_by_blocks(name, judge, monkeypatch):
    estimator, X, y = MODELS[name]
    with counted_fits(estimator, monkeypatch) as fits:
        followed(estimator, X, y, judge=judge)
    once = judge is None or "Boosting" in type(estimator).__name__
    assert len(fits) == (1 if once else judge.n_looks or len(ROUNDS))


@pytest.mark.parametrize("name", ["hist binary", "hist multiclass", "hist poisson", "trees binary", "forest binary"])
def test_unjudged_ensembles_predict_the_test_rows_once(name, monkeypatch):
    estimator, X, y = MODELS[name]
    asked = []

    def note(self, *args, **kwargs):
        asked.append(self)
        raise AssertionError("predicted with all rounds")

    with monkeypatch.context() as patch:
        for method in ("predict", "predict_proba", "decision_function"):
            if hasattr(type(estimator), method):
                patch.setattr(type(estimator), method, note)
        # A class that is patched predicts as its kind, since the class is of scikit-learn.
        _, monitor = followed(estimator, X, y)
    assert monitor.curve.epochs == ROUNDS
    assert asked == []


# --- what users set ---------------------------------------------------------------------------------------------------


@SOME
@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
def test_weights_reach_the_fit(name, judge):
    estimator, X, y = MODELS[name]
    weight = np.linspace(0, 2, 100)
    fitted, _ = followed(estimator, X, y, judge=judge, sample_weight=weight)
    assert_same_model(fitted, clone(estimator).fit(X[TRAIN], y[TRAIN], sample_weight=weight), X)


@SOME
@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
def test_a_warm_start_of_the_users_own_stays_one(name, judge):
    estimator, X, y = MODELS[name]
    warm = clone(estimator).set_params(warm_start=True)
    with warnings.catch_warnings():  # of a class weight with a warm start, which is the user's here
        warnings.simplefilter("ignore")
        fitted, _ = followed(warm, X, y, judge=judge)
    assert fitted.warm_start
    assert_same_model(fitted, clone(estimator).fit(X[TRAIN], y[TRAIN]), X)


@SOME
@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
@pytest.mark.parametrize("random_state", [None, np.random.RandomState(3)], ids=["none", "generator"])
def test_random_states_of_any_form_are_kept(name, judge, random_state):
    estimator, X, y = MODELS[name]
    estimator = clone(estimator).set_params(random_state=random_state)
    fitted, monitor = followed(estimator, X, y, judge=judge)
    assert monitor.curve.scores[-1] == fitted.score(X[TEST], y[TEST])
    assert type(fitted.random_state) is type(random_state)


@pytest.mark.parametrize("name", ["hist binary", "trees regression"])
@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
def test_boosters_take_a_generator_as_a_plain_fit_does(name, judge):
    estimator, X, y = MODELS[name]
    fitted, _ = followed(clone(estimator).set_params(random_state=np.random.RandomState(3)), X, y, judge=judge)
    plain = clone(estimator).set_params(random_state=np.random.RandomState(3))
    assert_same_model(fitted, plain.fit(X[TRAIN], y[TRAIN]), X)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("trees binary", {"n_iter_no_change": 2}),
        ("hist binary", {"early_stopping": True, "scoring": "accuracy", "n_iter_no_change": 3}),
    ],
)
@pytest.mark.parametrize("how", ["unjudged", "judged", "unscored"])
def test_a_rule_for_stopping_early_sets_no_rows_aside(name, rule, how):
    estimator, X, y = MODELS[name]
    ruled = clone(estimator).set_params(**rule)
    plain = clone(estimator).fit(X[TRAIN], y[TRAIN])
    if how == "unscored":
        fitted = clone(ruled)
        how_to_fit_by_epochs(fitted)(fitted, X[TRAIN], y[TRAIN], UnscoredMonitor())
    else:
        fitted, _ = followed(ruled, X, y, judge=None if how == "unjudged" else Judge())
    assert_same_model(fitted, plain, X)
    assert fitted.get_params() == ruled.get_params()


@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
def test_categories_and_missing_values_of_tables_are_the_boosters_own(judge):
    table = pd.DataFrame(X.copy(), columns=[f"x{i}" for i in range(8)])
    table["kind"] = pd.Categorical(np.array(["a", "b", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)])
    table.loc[::7, "x2"] = np.nan
    estimator = HistGradientBoostingClassifier(max_iter=N, categorical_features="from_dtype", random_state=0)
    fitted, monitor = followed(estimator, table, Y2, judge=judge)
    refitted = [with_rounds(estimator, n).fit(table[TRAIN], Y2[TRAIN]) for n in ROUNDS]
    assert monitor.curve.scores == tuple(model.score(table[TEST], Y2[TEST]) for model in refitted)
    assert_same_model(fitted, refitted[-1], table)


@pytest.mark.parametrize("as_rows", [csr_matrix, pd.DataFrame], ids=["sparse", "table"])
@pytest.mark.parametrize("name", ["trees binary", "forest binary", "forest regression"])
def test_sparse_rows_and_tables_are_followed(name, as_rows):
    estimator, X, y = MODELS[name]
    rows = as_rows(np.where(X > 0, X, 0))
    for judge in (None, Judge()):
        _, monitor = followed(estimator, rows, y, judge=judge)
        refitted = [with_rounds(estimator, n).fit(rows[TRAIN], y[TRAIN]) for n in ROUNDS]
        assert monitor.curve.scores == tuple(model.score(rows[TEST], y[TEST]) for model in refitted)


@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
def test_a_monitor_of_the_users_own_is_called_and_may_end_the_fit(judge):
    estimator, X, y = MODELS["trees binary"]
    rounds = []

    def own(i, booster, variables):
        rounds.append((i, variables["i"]))
        return i == 7

    fitted, monitor = followed(estimator, X, y, judge=judge, monitor=own)
    assert rounds == [(i, i) for i in range(8)]
    assert monitor.curve.epochs == (3, 6, 8)
    assert monitor.curve.scores[-1] == fitted.score(X[TEST], y[TEST])


@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
def test_training_losses_are_reported_where_scikit_learn_keeps_them(judge):
    estimator, X, y = MODELS["trees multiclass"]
    fitted, monitor = followed(estimator, X, y, judge=judge)
    assert monitor.curve.train_losses == tuple(fitted.train_score_[n - 1] for n in ROUNDS)
    assert np.isnan(followed(*MODELS["hist binary"], judge=judge)[1].curve.train_losses).all()


class Shifted(HistGradientBoostingRegressor):
    """Predicts one more."""

    def predict(self, X):
        return super().predict(X) + 1


class Flipped(GradientBoostingClassifier):
    """Predicts the other of two classes."""

    def predict(self, X):
        return np.where(super().predict(X) == "no", "yes", "no")


class Halved(RandomForestRegressor):
    """Predicts half of it."""

    def predict(self, X):
        return super().predict(X) / 2


class Scaled(HistGradientBoostingRegressor):
    """Cannot predict before its fit is over."""

    def fit(self, X, y):
        super().fit(X, y / 2)
        self.factor_ = 2
        return self

    def predict(self, X):
        return self.factor_ * super().predict(X)


class Elsewhere(RandomForestRegressor):
    """Predicts by something that is made of all trees when it is fitted."""

    def fit(self, X, y):
        super().fit(X, y)
        self.all_trees_ = list(self.estimators_)
        return self

    def predict(self, X):
        return np.mean([tree.predict(X) for tree in self.all_trees_], axis=0)


@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (Scaled(max_iter=N), Y_REG),
        (Elsewhere(n_estimators=N, random_state=0), Y_REG),
        (Shifted(max_iter=N), Y_REG),
        (Flipped(n_estimators=N, random_state=0), Y2),
        (Halved(n_estimators=N, random_state=0), Y_REG),
    ],
    ids=lambda value: type(value).__name__,
)
def test_classes_that_predict_in_their_own_way_are_asked_themselves(estimator, y, judge):
    _, monitor = followed(estimator, X_REG, y, judge=judge)
    refitted = [with_rounds(estimator, n).fit(X_REG[TRAIN], y[TRAIN]) for n in ROUNDS]
    assert monitor.curve.scores == tuple(model.score(X_REG[TEST], y[TEST]) for model in refitted)


def test_ensembles_of_another_kind_grow_by_blocks():
    estimator = IsolationForest(n_estimators=N, random_state=0)
    fitted, monitor = followed(estimator, X, Y3, judge=Judge(2), scoring=lambda model, X, y: len(model.estimators_))
    assert monitor.curve.scores == (3, 6)
    refitted = with_rounds(estimator, 6).fit(X[TRAIN])
    assert_same_model(fitted, refitted, X)
    leaf = clone(estimator)
    monitor = FoldMonitor(leaf, leaf, lambda: (X, Y3), Wavering(0.1, 0.9, 0.2), True, Judge(3), "best", period=PERIOD)
    follow_epochs(leaf, lambda *_: monitor, all_kinds=True)
    leaf.fit(X[TRAIN])
    assert_same_model(leaf, refitted, X)


@pytest.mark.parametrize("n", [0, -1, "many", 2.5])
@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
@SOME
def test_numbers_of_rounds_that_scikit_learn_refuses_are_refused_in_its_words(name, judge, n):
    estimator, X, y = MODELS[name]
    with pytest.raises(ValueError, match=f"'{size_of(estimator)}' parameter"):
        followed(with_rounds(estimator, n), X, y, judge=judge)


# --- nothing of ours --------------------------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("judge", [None, Judge(), Judge(2)], ids=["unjudged", "judged", "stopped"])
def test_pickles_parameters_and_clones_hold_nothing_of_ours(name, judge):
    estimator, X, y = MODELS[name]
    fitted, _ = followed(estimator, X, y, judge=judge)
    assert b"sk_optuna" not in pickle.dumps(fitted)
    assert not any("sk_optuna" in repr(type(value)) for value in fitted.get_params().values())
    size = {size_of(estimator): getattr(fitted, size_of(estimator))}
    assert repr(clone(fitted)) == repr(clone(estimator).set_params(**size))
    assert vars(clone(fitted)).keys() == vars(clone(estimator)).keys()


@pytest.mark.parametrize("name", ["hist binary", "trees binary"])
def test_a_fit_that_fails_on_the_way_leaves_the_parameters_as_they_were(name):
    estimator, X, y = MODELS[name]
    fitted = clone(estimator)

    def fails(estimator, X, y):
        raise RuntimeError("no score")

    monitor = FoldMonitor(fitted, fitted, lambda: (X[TEST], y[TEST]), fails, True, Judge(), "last", period=PERIOD)
    follow_epochs(fitted, lambda *_: monitor, all_kinds=True)
    with pytest.raises(RuntimeError, match="no score"):
        fitted.fit(X[TRAIN], y[TRAIN])
    assert repr(fitted) == repr(estimator)
    assert_same_model(fitted.fit(X[TRAIN], y[TRAIN]), clone(estimator).fit(X[TRAIN], y[TRAIN]), X)


# --- out of bag -------------------------------------------------------------------------------------------------------


FORESTS = [
    RandomForestClassifier(n_estimators=40, class_weight="balanced", random_state=0),
    ExtraTreesClassifier(n_estimators=40, class_weight="balanced_subsample", bootstrap=True, random_state=0, n_jobs=2),
    RandomForestClassifier(n_estimators=40, class_weight="balanced_subsample", oob_score=True, random_state=0),
    RandomForestClassifier(n_estimators=40, class_weight={0: 1, 1: 2, 2: 3}, oob_score=accuracy_score, random_state=0),
    ExtraTreesRegressor(n_estimators=40, oob_score=True, bootstrap=True, random_state=0),
]


@pytest.mark.parametrize("judge", [None, Judge()], ids=["unjudged", "judged"])
@pytest.mark.parametrize("forest", FORESTS, ids=range(len(FORESTS)))
def test_forests_grow_without_a_word_to_what_a_plain_fit_gives(forest, judge):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grown, plain = followed(forest, X, Y3, judge=judge)[0], clone(forest).fit(X[TRAIN], Y3[TRAIN])
    assert_same_model(grown, plain, X)
    np.testing.assert_array_equal(grown.feature_importances_, plain.feature_importances_)
    assert getattr(grown, "oob_score_", None) == getattr(plain, "oob_score_", None)
    assert grown.get_params() == forest.get_params()
    assert vars(grown).keys() == vars(plain).keys()


@pytest.mark.parametrize("n_epochs", [1, 30])
def test_a_refit_that_ends_early_scores_out_of_bag_as_a_plain_fit_of_as_many_trees(n_epochs):
    forest = RandomForestClassifier(n_estimators=40, class_weight="balanced", oob_score=True, random_state=0)
    plain = clone(forest).set_params(n_estimators=n_epochs)
    with warnings.catch_warnings(record=True) as of_grown:
        warnings.simplefilter("always")
        grown = clone(forest)
        how_to_fit_by_epochs(grown)(grown, X, Y3, UnscoredMonitor(n_epochs=n_epochs))
    with warnings.catch_warnings(record=True) as of_plain:
        warnings.simplefilter("always")
        plain.fit(X, Y3)
    assert [str(each.message) for each in of_grown] == [str(each.message) for each in of_plain]
    assert grown.oob_score_ == plain.oob_score_
    np.testing.assert_array_equal(grown.oob_decision_function_, plain.oob_decision_function_)
    np.testing.assert_array_equal(grown.predict_proba(X), plain.predict_proba(X))


def test_what_a_plain_fit_warns_of_is_warned_of_by_epochs():
    too_few = RandomForestClassifier(n_estimators=2, oob_score=True, random_state=0)
    for fit in (
        clone(too_few).fit,
        lambda X, y: followed(too_few, X, y),
        lambda X, y: followed(too_few, X, y, judge=Judge()),
    ):
        with pytest.warns(UserWarning, match="do not have OOB scores"):
            fit(X, Y3)
    ones_own = RandomForestClassifier(n_estimators=2, class_weight="balanced", warm_start=True)
    with pytest.warns(UserWarning, match="not recommended for warm_start"):
        followed(ones_own, X, Y3)
    with pytest.raises(ValueError, match="bootstrap=True"):
        followed(ExtraTreesClassifier(n_estimators=3, oob_score=True), X, Y3, judge=Judge(1), period=1)


def test_bags_score_out_of_bag_unless_they_may_be_stopped():
    bag = BaggingClassifier(n_estimators=40, oob_score=True, random_state=0)
    plain = clone(bag).fit(X[TRAIN], Y3[TRAIN])
    assert followed(bag, X, Y3)[0].oob_score_ == plain.oob_score_
    grown, _ = followed(bag, X, Y3, judge=Judge())
    assert_same_model(grown, plain, X)
    assert grown.oob_score
    assert not hasattr(grown, "oob_score_")


@pytest.mark.parametrize(
    "forest",
    [RandomForestClassifier(oob_score=True), BaggingClassifier(oob_score=True)],
    ids=lambda value: type(value).__name__,
)
def test_scores_out_of_bag_of_all_trees_are_not_those_of_the_first(forest):
    leaf = clone(forest).set_params(n_estimators=40, random_state=0)
    scorer = Wavering(0.9, 0.1)
    monitor = FoldMonitor(leaf, leaf, lambda: (X[TEST], Y3[TEST]), scorer, True, None, "best", period=20)
    follow_epochs(leaf, lambda *_: monitor, all_kinds=True)
    leaf.fit(X[TRAIN], Y3[TRAIN])
    assert len(leaf.estimators_) == leaf.n_estimators == 20
    assert not hasattr(leaf, "oob_score_")
