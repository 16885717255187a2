"""Estimators are fitted epoch by epoch as they fit themselves, and followed wherever they stand."""

import threading
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.metrics import accuracy_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sk_optuna.epochs._following import check_reports_epochs, follow_epochs
from sk_optuna.epochs._incremental import how_to_fit_by_epochs
from sk_optuna.epochs._leaf import as_leaf_sees, changes_predictions, leaf_of
from sk_optuna.epochs._monitors import FoldMonitor, UnscoredMonitor
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.worker._current_fold import CurrentFold, current_fold, in_fold

X, Y = make_classification(150, 8, n_informative=5, n_classes=3, random_state=0)
X_REG, Y_REG = make_regression(120, 6, noise=5, random_state=0)
Y_REG = (Y_REG - Y_REG.mean()) / Y_REG.std()


class Reports(UnscoredMonitor):
    """Remembers what is reported, and what the estimator predicted then."""

    def __init__(self, n_epochs=None, estimator=None, rows=None):
        super().__init__(n_epochs=n_epochs)
        self.losses, self.predictions = [], []
        self.estimator, self.rows = estimator, rows

    def report(self, *, train_loss=None, score=None):
        self.losses.append(train_loss)
        if self.estimator is not None:
            self.predictions.append(self.estimator.predict(self.rows))
        return super().report()


class Recorder(RegressorMixin, BaseEstimator):
    """Reports two epochs, and keeps what it was fitted on."""

    def __init__(self, tag=0):
        self.tag = tag

    def fit(self, X, y, **fit_params):
        self.fitted_on_ = (X, y)
        self.fit_params_ = fit_params
        return self

    def fit_epochs(self, X, y, monitor, **fit_params):
        self.fit(X, y, **fit_params)
        self.stopped_ = [monitor.report(), monitor.report()]
        self.followed_ = True
        return self

    def predict(self, X):
        return np.zeros(len(X))


def fitted_by_epochs(estimator, X, y, monitor=None):
    estimator = clone(estimator)
    return how_to_fit_by_epochs(estimator)(estimator, X, y, monitor or UnscoredMonitor())


# --- by epochs as at once ---------------------------------------------------------------------------------------------

GROWING = [
    (GradientBoostingClassifier(n_estimators=7, max_depth=2, subsample=0.7, random_state=0), X, Y, 7),
    (RandomForestClassifier(n_estimators=6, random_state=0), X, Y, 6),
    (ExtraTreesRegressor(n_estimators=5, random_state=1, bootstrap=True), X_REG, Y_REG, 5),
    (BaggingClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=4, random_state=0), X, Y, 4),
    (HistGradientBoostingRegressor(max_iter=6, random_state=0, max_features=0.5), X_REG, Y_REG, 6),
]


@pytest.mark.parametrize(("estimator", "X", "y", "n"), GROWING, ids=lambda value: type(value).__name__)
def test_ensembles_that_grow_by_epochs_predict_what_a_plain_fit_predicts(estimator, X, y, n):
    monitor = Reports()
    grown = fitted_by_epochs(estimator, X, y, monitor)
    assert len(monitor.losses) == n
    np.testing.assert_array_equal(grown.predict(X), clone(estimator).fit(X, y).predict(X))
    assert grown.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    assert repr(grown) == repr(estimator)


@pytest.mark.parametrize("random_state", [3, None], ids=str)
def test_passes_of_partial_fit_draw_their_order_one_after_the_other(random_state):
    estimator = SGDClassifier(max_iter=5, random_state=random_state, alpha=0.01, shuffle=True)
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(11)  # noqa: NPY002
    trained = fitted_by_epochs(estimator, X, Y)
    np.random.seed(11)  # noqa: NPY002
    rng = np.random.RandomState(random_state) if random_state is not None else np.random.mtrand._rand
    by_hand = clone(estimator).set_params(random_state=rng)
    for _ in range(5):
        by_hand.partial_fit(X, Y, classes=[0, 1, 2])
    np.random.set_state(before)  # noqa: NPY002
    np.testing.assert_array_equal(trained.coef_, by_hand.coef_)
    assert trained.random_state == random_state


def test_balanced_weights_are_those_of_all_rows():
    y = (Y == 0).astype(int)
    trained = fitted_by_epochs(SGDClassifier(class_weight="balanced", max_iter=4, random_state=0), X, y)
    weights = {c: len(y) / 2 / np.count_nonzero(y == c) for c in (0, 1)}
    by_hand = fitted_by_epochs(SGDClassifier(class_weight=weights, max_iter=4, random_state=0), X, y)
    np.testing.assert_array_equal(trained.coef_, by_hand.coef_)
    assert trained.class_weight == "balanced"


@pytest.mark.parametrize(
    ("estimator", "data"),
    [
        (SGDClassifier(max_iter=9, random_state=0), (X, Y)),
        (SGDRegressor(max_iter=9, random_state=0), (X_REG, Y_REG)),
        (MLPClassifier((4,), max_iter=9, random_state=0), (X, Y)),
        (GradientBoostingClassifier(n_estimators=9, random_state=0), (X, Y)),
        (HistGradientBoostingRegressor(max_iter=9), (X_REG, Y_REG)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_training_ends_where_the_monitor_says(estimator, data):
    stopped, other = Reports(n_epochs=4), Reports(n_epochs=4)
    short = fitted_by_epochs(estimator, *data, stopped)
    assert len(stopped.losses) == 4
    size = "n_estimators" if hasattr(estimator, "n_estimators") else "max_iter"
    same = fitted_by_epochs(clone(estimator).set_params(**{size: 4}), *data, other)
    np.testing.assert_array_equal(short.predict(data[0]), same.predict(data[0]))
    assert getattr(short, size) == (4 if size == "n_estimators" else 9)


def test_training_losses_are_reported_where_scikit_learn_keeps_them():
    boosting, perceptron, linear = Reports(), Reports(), Reports()
    trained = fitted_by_epochs(GradientBoostingClassifier(n_estimators=5, random_state=0), X, Y, boosting)
    fitted_by_epochs(MLPClassifier((4,), max_iter=5, random_state=0), X, Y, perceptron)
    fitted_by_epochs(SGDClassifier(max_iter=5), X, Y, linear)
    assert boosting.losses == trained.train_score_.tolist()
    assert perceptron.losses == sorted(perceptron.losses, reverse=True)
    assert linear.losses == [None] * 5


# --- which can be followed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        SGDClassifier(),
        SGDRegressor(),
        LogisticRegression(),
        Recorder(),
        make_pipeline(StandardScaler(), SGDClassifier()),
        TransformedTargetRegressor(make_pipeline(StandardScaler(), SGDRegressor())),
        Pipeline([("a", StandardScaler()), ("b", Pipeline([("c", StandardScaler()), ("d", Recorder())]))]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_epochs_is_accepted(estimator):
    check_reports_epochs(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        Ridge(),
        GaussianNB(),  # a second pass would count each row twice
        make_pipeline(StandardScaler(), Ridge()),
        SGDClassifier(learning_rate="adaptive", eta0=0.1),  # it would learn at a constant rate
        LogisticRegression(solver="liblinear"),  # it knows of no warm start
        TransformedTargetRegressor(),
        BaggingClassifier,
    ],
    ids=repr,
)
def test_what_has_no_epochs_is_refused_with_what_to_use(estimator):
    with pytest.raises(
        InvalidArgumentError, match=r"report='epoch' needs .*fit_epochs.*is none of these.*report='fold'"
    ):
        check_reports_epochs(estimator)


# --- the leaf, and what it sees ---------------------------------------------------------------------------------------

WRAPPED = [
    Recorder(),
    make_pipeline(StandardScaler(), Recorder()),
    make_pipeline(StandardScaler(), None, "passthrough", make_pipeline(MinMaxScaler(), Recorder())),
    TransformedTargetRegressor(Recorder(), transformer=StandardScaler()),
    TransformedTargetRegressor(make_pipeline(MinMaxScaler(), Recorder()), transformer=StandardScaler()),
    make_pipeline(MinMaxScaler(), TransformedTargetRegressor(Recorder(), func=np.exp, inverse_func=np.log)),
]


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("estimator", WRAPPED, ids=range(len(WRAPPED)))
def test_leaf_is_followed_wherever_it_stands_and_sees_what_is_said(estimator, n_targets):
    estimator, y = clone(estimator), Y_REG if n_targets == 1 else np.c_[Y_REG, -Y_REG]
    given = []

    def monitor_of(leaf, X):
        given.append(leaf)
        return UnscoredMonitor(n_epochs=2)

    follow_epochs(estimator, monitor_of, all_kinds=True)
    estimator.fit(X_REG, y)
    leaf = leaf_of(estimator)
    assert given == [leaf]
    assert leaf.stopped_ == [False, True]
    for ours, theirs in zip(as_leaf_sees(estimator, X_REG, y), leaf.fitted_on_, strict=True):
        np.testing.assert_allclose(ours, theirs)
    assert changes_predictions(estimator) == ("Transformed" in repr(estimator))


@pytest.mark.parametrize("estimator", WRAPPED, ids=range(len(WRAPPED)))
def test_following_leaves_no_trace_and_lasts_for_one_fit(estimator):
    estimator = clone(estimator)
    follow_epochs(estimator, lambda leaf, X: UnscoredMonitor(), all_kinds=True)
    estimator.fit(X_REG, Y_REG)
    leaf = leaf_of(estimator)
    assert leaf.followed_
    assert {"fit", "__sklearn_clone__"}.isdisjoint([*vars(estimator), *vars(leaf)])
    assert not hasattr(leaf_of(clone(estimator).fit(X_REG, Y_REG)), "followed_")


def test_without_epochs_only_estimators_of_the_protocol_are_fitted_through_it():
    followed = []
    for estimator in (Recorder(), SGDRegressor()):
        follow_epochs(estimator, lambda leaf, X: followed.append(leaf) or UnscoredMonitor(), all_kinds=False)
        estimator.fit(X_REG, Y_REG)
    assert [type(leaf) for leaf in followed] == [Recorder]


def test_fit_parameters_reach_the_leaf():
    weight = np.arange(len(Y_REG))
    pipe = make_pipeline(StandardScaler(), Recorder())
    follow_epochs(pipe, lambda leaf, X: UnscoredMonitor(), all_kinds=True)
    pipe.fit(X_REG, Y_REG, recorder__sample_weight=weight)
    assert pipe[-1].fit_params_ == {"sample_weight": weight}


def test_rows_of_a_monitor_skip_steps_that_change_training_rows_only():
    class Sampler(BaseEstimator):
        """As imbalanced-learn's samplers, which its Pipeline passes over when it predicts."""

        def fit_resample(self, X, y):
            return X[::2], y[::2]

    pipe = Pipeline([("sample", Sampler()), ("double", FunctionTransformer(lambda X: 2 * X)), ("model", Recorder())])
    seen, _ = as_leaf_sees(pipe, X_REG, Y_REG)
    np.testing.assert_array_equal(seen, 2 * X_REG)


# --- checkpoints ------------------------------------------------------------------------------------------------------


class Wavering:
    """Scores that rise and fall, whatever is scored."""

    def __init__(self, scores):
        self.scores = iter(scores)

    def __call__(self, estimator, X, y):
        return next(self.scores)


@pytest.mark.parametrize("checkpoint", ["last", "best"])
@pytest.mark.parametrize(
    "estimator",
    [
        SGDClassifier(max_iter=6, random_state=0, learning_rate="constant", eta0=0.5),
        MLPClassifier((4,), max_iter=6, random_state=0, learning_rate_init=0.1),
        GradientBoostingClassifier(n_estimators=6, random_state=0),
        RandomForestClassifier(n_estimators=6, random_state=0, max_depth=2),
        BaggingClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=6, random_state=0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_checkpoint_says_at_which_epoch_the_estimator_is_left(estimator, checkpoint):
    leaf = clone(estimator)
    monitor = FoldMonitor(leaf, leaf, lambda: (X, Y), Wavering([0.1, 0.3, 0.9, 0.2, 0.9, 0.4]), True, None, checkpoint)
    how_to_fit_by_epochs(leaf)(leaf, X, Y, monitor)
    monitor.finish()
    assert monitor.curve.best_epoch == 3
    assert monitor.curve.scores == (0.1, 0.3, 0.9, 0.2, 0.9, 0.4)
    reference = fitted_by_epochs(estimator, X, Y, Reports(n_epochs=3 if checkpoint == "best" else 6))
    np.testing.assert_array_equal(leaf.predict(X), reference.predict(X))
    if hasattr(leaf, "predict_proba"):
        np.testing.assert_allclose(leaf.predict_proba(X).sum(axis=1), 1)
    size = {"n_estimators": 3} if checkpoint == "best" and hasattr(leaf, "n_estimators") else {}
    assert repr(leaf) == repr(clone(estimator).set_params(**size))


def test_epochs_without_a_number_for_a_score_are_never_the_best():
    leaf = SGDClassifier(max_iter=3)
    monitor = FoldMonitor(leaf, leaf, lambda: (X, Y), Wavering([np.nan] * 3), True, None, "best")
    how_to_fit_by_epochs(leaf)(leaf, X, Y, monitor)
    monitor.finish()
    assert monitor.curve.best_epoch == 0


# --- the fold that is being evaluated ---------------------------------------------------------------------------------


def test_seeds_depend_on_search_trial_fold_and_turn_and_on_nothing_else():
    def seeds(*of):
        fold = CurrentFold(*of)
        return [fold.next_seed(), fold.next_seed()]

    every = [seed for s in (0, 1) for trial in (0, 1, 2) for fold in (0, 1, 2) for seed in seeds(s, trial, fold)]
    assert len(set(every)) == len(every) == 36
    assert all(0 <= seed < 2**31 for seed in every)
    assert seeds(1, 2, 0) == seeds(1, 2, 0)


def test_current_fold_is_that_of_the_innermost_search_in_this_thread():
    outer, inner = CurrentFold(0, 0, 0), CurrentFold(1, 1, 1)
    assert current_fold() is None
    elsewhere = []
    with in_fold(outer):
        with in_fold(inner):
            assert current_fold() is inner
        assert current_fold() is outer
        thread = threading.Thread(target=lambda: elsewhere.append(current_fold()))
        thread.start()
        thread.join()
    assert elsewhere == [None]
    assert current_fold() is None


def test_origin_is_known_of_the_object_itself_as_long_as_it_exists():
    fold, data = CurrentFold(0, 0, 0), np.ones(3)
    fold.remember_origin(data, b"rows")
    assert fold.origin(data) == b"rows"
    assert fold.origin(data.copy()) is None
    assert fold.origin([1]) is None
    listed = [[1.0], [2.0]]
    fold.remember_origin(listed, b"list")
    assert fold.origin(listed) == b"list"


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (MLPClassifier((4,), max_iter=3, early_stopping=True, random_state=0), Y),
        (SGDClassifier(max_iter=3, early_stopping=True, random_state=0), Y),
        (MLPClassifier((4,), max_iter=3, random_state=0), np.eye(3, dtype=int)[Y]),
        (BaggingClassifier(n_estimators=3, oob_score=True, random_state=0), Y),
        (RandomForestClassifier(n_estimators=3, random_state=np.random.RandomState(0)), Y),
    ],
    ids=["perceptron", "linear", "multilabel", "out of bag", "generator"],
)
def test_options_that_do_not_go_with_epochs_are_left_aside_meanwhile(estimator, y):
    trained, monitor = clone(estimator), Reports()
    how_to_fit_by_epochs(trained)(trained, X, y, monitor)
    assert len(monitor.losses) == 3
    assert trained.predict(X).shape == y.shape
    assert trained.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    for name in ("early_stopping", "oob_score"):
        assert getattr(trained, name, None) == getattr(estimator, name, None)


FORESTS = [
    RandomForestClassifier(n_estimators=40, class_weight="balanced", random_state=0),
    ExtraTreesClassifier(n_estimators=40, class_weight="balanced_subsample", bootstrap=True, random_state=0, n_jobs=2),
    RandomForestClassifier(n_estimators=40, class_weight="balanced_subsample", oob_score=True, random_state=0),
    RandomForestClassifier(n_estimators=40, class_weight={0: 1, 1: 2, 2: 3}, oob_score=accuracy_score, random_state=0),
    ExtraTreesRegressor(n_estimators=40, oob_score=True, bootstrap=True, random_state=0),
]


@pytest.mark.parametrize("forest", FORESTS, ids=range(len(FORESTS)))
def test_forests_grow_without_a_word_to_what_a_plain_fit_gives(forest):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grown, plain = fitted_by_epochs(forest, X, Y), clone(forest).fit(X, Y)
    np.testing.assert_array_equal(grown.predict(X), plain.predict(X))
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
        grown = fitted_by_epochs(forest, X, Y, UnscoredMonitor(n_epochs=n_epochs))
    with warnings.catch_warnings(record=True) as of_plain:
        warnings.simplefilter("always")
        plain.fit(X, Y)
    assert [str(each.message) for each in of_grown] == [str(each.message) for each in of_plain]
    assert grown.oob_score_ == plain.oob_score_
    np.testing.assert_array_equal(grown.oob_decision_function_, plain.oob_decision_function_)
    np.testing.assert_array_equal(grown.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize(
    ("booster", "off"),
    [
        (GradientBoostingClassifier(n_estimators=8, n_iter_no_change=2, random_state=0), {"n_iter_no_change": None}),
        (HistGradientBoostingRegressor(max_iter=8, early_stopping=True, random_state=0), {"early_stopping": False}),
    ],
    ids=["by trees", "by iterations"],
)
def test_a_rule_for_stopping_early_sets_no_rows_aside(booster, off):
    grown, plain = fitted_by_epochs(booster, X, Y), clone(booster).set_params(**off).fit(X, Y)
    np.testing.assert_array_equal(grown.predict(X), plain.predict(X))
    assert grown.get_params() == booster.get_params()


def test_what_a_plain_fit_warns_of_is_warned_of_by_epochs():
    too_few = RandomForestClassifier(n_estimators=2, oob_score=True, random_state=0)
    for fit in (lambda: clone(too_few).fit(X, Y), lambda: fitted_by_epochs(too_few, X, Y)):
        with pytest.warns(UserWarning, match="do not have OOB scores"):
            fit()
    ones_own = RandomForestClassifier(n_estimators=2, class_weight="balanced", warm_start=True)
    with pytest.warns(UserWarning, match="not recommended for warm_start"):
        fitted_by_epochs(ones_own, X, Y)
    with pytest.raises(ValueError, match="bootstrap=True"):
        fitted_by_epochs(ExtraTreesClassifier(n_estimators=3, oob_score=True), X, Y, Reports(n_epochs=1))


def test_iterations_of_a_warm_start_draw_one_after_the_other():
    lasso = Lasso(alpha=0.01, selection="random", random_state=0, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        trained = fitted_by_epochs(lasso, X_REG, Y_REG)
        plain = clone(lasso).fit(X_REG, Y_REG)
    np.testing.assert_allclose(trained.coef_, plain.coef_, atol=1e-3)
