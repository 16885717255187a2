"""Searches that report epochs: the same at any n_jobs, honest about the test rows, and in the table as they were."""

import time
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits, make_classification
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.study._pruning import random_order
from sk_optuna.worker._current_fold import current_fold

X, Y = load_digits(return_X_y=True)
X, Y = X[:300], Y[:300]
BACKENDS = [("loky", 2), ("threading", 3), ("multiprocessing", 2)]


def search(**kwargs):
    settings = {
        "estimator": make_pipeline(StandardScaler(), SGDClassifier(max_iter=6, random_state=0)),
        "param_distributions": {"sgdclassifier__alpha": loguniform(1e-6, 10)},
        "n_trials": 14,
        "pruner": "median",
        "report": "epoch",
        "cv": 3,
        "random_state": 0,
    }
    return OptunaSearchCV(**{**settings, **kwargs})


def without_times(found):
    return {key: column for key, column in found.cv_results_.items() if "time" not in key}


def assert_same_search(one, other):
    ours, theirs = without_times(one), without_times(other)
    assert ours.keys() == theirs.keys()
    for key, column in ours.items():
        assert list(map(str, column)) == list(map(str, theirs[key])), key
    for key, column in one.learning_curves_.items():
        np.testing.assert_array_equal(column, other.learning_curves_[key])
    assert [t.value for t in one.study_.trials] == [t.value for t in other.study_.trials]


# --- the same everywhere ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pruner",
    [
        "median",
        "race",
        *(pytest.param(p, marks=pytest.mark.slow) for p in ("hyperband", "halving", "percentile", None)),
    ],
)
def test_result_does_not_depend_on_workers_or_backend(pruner):
    # those in flight are not compared with each other, and Hyperband compares within brackets
    arguments = {"pruner": pruner, "n_trials": 24 if pruner == "hyperband" else 14}
    alone = search(**arguments).fit(X, Y)
    assert pruner is None or "PRUNED" in alone.cv_results_["trial_state"]
    for backend, n_jobs in BACKENDS if pruner == "median" else BACKENDS[1:2]:
        with joblib.parallel_config(backend):
            assert_same_search(alone, search(**arguments, n_jobs=n_jobs).fit(X, Y))


def test_a_second_fit_and_a_clone_find_the_same():
    once = search().fit(X, Y)
    table = without_times(once)
    again = once.fit(X, Y)
    assert {k: list(map(str, v)) for k, v in table.items()} == {
        k: list(map(str, v)) for k, v in without_times(again).items()
    }
    assert_same_search(again, clone(once).fit(X, Y))


def test_nested_cross_validation_is_the_same_at_any_number_of_jobs():
    scores = [cross_val_score(search(n_trials=7, cv=2), X, Y, cv=2, n_jobs=n_jobs) for n_jobs in (1, 2)]
    np.testing.assert_array_equal(*scores)
    assert min(scores[0]) > 0.7


def test_without_pruning_the_scores_are_those_of_plain_fits():
    kwargs = {
        "estimator": GradientBoostingClassifier(n_estimators=6, random_state=0, max_depth=2),
        "param_distributions": {"learning_rate": [0.03, 0.1, 0.3]},
        "pruner": None,
    }
    by_epoch, by_fold = search(**kwargs).fit(X, Y), search(**kwargs, report="fold").fit(X, Y)
    grid = GridSearchCV(kwargs["estimator"], kwargs["param_distributions"], cv=3).fit(X, Y)
    for column in ("mean_test_score", "std_test_score", "rank_test_score", "split1_test_score"):
        np.testing.assert_array_equal(by_epoch.cv_results_[column], grid.cv_results_[column])
        np.testing.assert_array_equal(by_fold.cv_results_[column], grid.cv_results_[column])
    assert by_epoch.cv_results_["n_epochs_run"].tolist() == [18] * 3
    np.testing.assert_array_equal(by_epoch.predict(X), grid.predict(X))


# --- the test rows ----------------------------------------------------------------------------------------------------


class Canary(TransformerMixin, BaseEstimator):
    """Adds a feature that is the target in rows that it was not fitted on, and 0 in those that it was."""

    def __init__(self, known=None, is_on=True):
        self.known, self.is_on = known, is_on

    def fit(self, X, y=None):
        self.seen_ = {row.tobytes() for row in np.asarray(X)}
        return self

    def transform(self, X):
        X = np.asarray(X)
        told = [0.0 if row.tobytes() in self.seen_ or not self.is_on else self.known[row.tobytes()] for row in X]
        return np.c_[X, told]


@pytest.mark.parametrize(
    ("pruner", "checkpoint"),
    [
        (None, "last"),
        ("race", "best"),
        pytest.param("median", "best", marks=pytest.mark.slow),
        pytest.param("hyperband", "last", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    ("model", "parameter"),
    [
        (SGDClassifier(max_iter=6, random_state=0), "alpha"),
        (GradientBoostingClassifier(n_estimators=6, random_state=0), "learning_rate"),
        (HistGradientBoostingClassifier(max_iter=6, random_state=0), "learning_rate"),
        (RandomForestClassifier(n_estimators=6, random_state=0), "max_features"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_feature_that_tells_the_target_of_test_rows_only_changes_nothing(model, parameter, pruner, checkpoint):
    """A model that was fitted on the test rows of a fold, if only for an epoch, would look at it."""
    rows, target = make_classification(240, 6, n_informative=4, flip_y=0.2, random_state=0)
    known = {row.tobytes(): 50.0 * (2 * label - 1) for row, label in zip(rows, target, strict=True)}
    name = type(model).__name__.lower()
    tables = [
        search(
            estimator=make_pipeline(Canary(known, is_on), model),
            param_distributions={f"{name}__{parameter}": loguniform(1e-3, 1)},
            pruner=pruner,
            checkpoint=checkpoint,
            n_trials=10,
        )
        .fit(rows, target)
        .cv_results_
        for is_on in (True, False)
    ]
    for key in ("mean_test_score", "n_epochs_run", "trial_state"):
        assert list(map(str, tables[0][key])) == list(map(str, tables[1][key]))
    assert np.nanmax(tables[0]["mean_test_score"]) < 0.9


class Learner(ClassifierMixin, BaseEstimator):
    """Predicts the first feature of rows of class 1, and says what it was given."""

    def __init__(self, a=0.0):
        self.a = a

    def fit_epochs(self, X, y, monitor):
        self.classes_ = np.array([0, 1])
        self.valid_ = monitor.valid_data
        monitor.report(score=0.5)
        return self

    def fit(self, X, y):
        self.classes_, self.valid_ = np.array([0, 1]), "not asked"
        return self

    def predict(self, X):
        if self.valid_ is not None:  # not the refit
            assert np.array_equal(self.valid_[0], X), "the monitor's rows are not those that are scored"
        return np.zeros(len(X), dtype=int)


@pytest.mark.parametrize("report", ["epoch", "fold"])
def test_an_estimator_that_validates_itself_is_given_the_rows_that_are_scored_and_none_at_the_refit(report):
    rows, target = make_classification(60, 5, random_state=0)
    found = search(
        estimator=make_pipeline(StandardScaler(), Learner()),
        param_distributions={"learner__a": [0, 1]},
        report=report,
        pruner=None,
        error_score="raise",
    ).fit(rows, target)
    assert found.best_estimator_[-1].valid_ is None


# --- the table and the curves -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pruned():
    return search(return_train_score=True).fit(X, Y)


def test_curves_tell_what_the_table_tells(pruned):
    curves, table = pd.DataFrame(pruned.learning_curves_), pruned.cv_results_
    assert curves.columns.tolist() == ["trial_number", "fold", "epoch", "train_loss", "valid_score"]
    assert curves.equals(curves.sort_values(["trial_number", "fold", "epoch"], ignore_index=True))
    assert curves.groupby("trial_number").size().tolist() == table["n_epochs_run"].tolist()
    assert curves.groupby("trial_number")["fold"].nunique().tolist() == table["n_folds_run"].tolist()
    last = curves.groupby(["trial_number", "fold"]).last()["valid_score"]
    for (trial, fold), score in last.items():
        assert table[f"split{fold}_test_score"][trial] == score
    assert (
        curves.groupby(["trial_number", "fold"])["epoch"]
        .apply(list)
        .map(lambda e: e == list(range(1, len(e) + 1)))
        .all()
    )


def test_pruned_candidates_have_rows_without_means_and_rank_last(pruned):
    table = pruned.cv_results_
    stopped = table["trial_state"] == "PRUNED"
    assert 0 < stopped.sum() < len(stopped)
    assert np.isnan(table["mean_test_score"][stopped]).all()
    assert np.isnan(table["mean_train_score"][stopped]).all()
    assert np.isfinite(table["mean_test_score"][~stopped]).all()
    assert (table["rank_test_score"][stopped] == (~stopped).sum() + 1).all()
    assert (table["n_epochs_run"][~stopped] == 18).all()
    assert (table["n_epochs_run"][stopped] < 18).all()
    assert table["trial_state"][pruned.best_index_] == "COMPLETE"
    assert pruned.best_score_ == np.nanmax(table["mean_test_score"])


def test_study_shows_the_mean_curve_and_the_epochs(pruned):
    curves = pd.DataFrame(pruned.learning_curves_)
    for trial in pruned.study_.trials:
        ours = curves[curves["trial_number"] == trial.number].groupby("epoch")["valid_score"].mean()
        assert trial.intermediate_values == pytest.approx(ours.to_dict())
        assert trial.user_attrs["n_epochs_run"] == pruned.cv_results_["n_epochs_run"][trial.number]


def test_a_candidate_stopped_in_its_last_fold_is_not_complete():
    n_rows, last = (12, 14, 15), random_order(3, 0)[-1]

    class DropsInItsLastFold(BaseEstimator):
        def __init__(self, a=0):
            self.a = a

        def fit(self, X, y=None):
            return self

        def fit_epochs(self, X, y, monitor):
            for _ in range(3):
                if monitor.report(score=self.a if len(X) == n_rows[last] else 10.0):
                    break
            return self

        def score(self, X, y=None):
            return float(self.a)

    found = search(
        estimator=DropsInItsLastFold(),
        param_distributions={"a": list(range(20, 0, -1))},
        n_trials=None,
        cv=[(np.arange(n), np.arange(n, 20)) for n in n_rows],
    ).fit(np.zeros((20, 1)))
    table = found.cv_results_
    whole_folds = table["n_folds_run"] == 3
    assert (whole_folds & (table["trial_state"] == "PRUNED")).any()
    assert np.isnan(table["mean_test_score"][table["trial_state"] == "PRUNED"]).all()
    assert found.best_params_ == {"a": 20}


def test_times_of_scoring_epochs_are_no_fit_times():
    found = search(
        estimator=GradientBoostingClassifier(n_estimators=5),
        scoring=slow_accuracy,
        param_distributions={"max_depth": [1]},
        pruner=None,
        n_trials=1,
        refit=False,
    )
    start = time.time()
    found.fit(X[:60], Y[:60] % 2)
    seconds = time.time() - start
    score_time, fit_time = (found.cv_results_[f"mean_{kind}_time"][0] for kind in ("score", "fit"))
    assert score_time > 5 * 0.05
    # Were the scoring of epochs part of both, they would be longer than the search together.
    assert 3 * (fit_time + score_time) <= seconds


def slow_accuracy(estimator, X, y):
    time.sleep(0.1)
    return accuracy_score(y, estimator.predict(X))


def test_verbose_says_how_far_a_pruned_candidate_got(capsys):
    search(verbose=2).fit(X, Y)
    out = capsys.readouterr().out
    assert "pruned in fold 1 of 3, after 2 epochs" in out or "pruned in fold 1 of 3, after 1 epochs" in out


# --- scoring ----------------------------------------------------------------------------------------------------------


def by_name(estimator, X, y):
    return {"first": 0.0, "accuracy": accuracy_score(y, estimator.predict(X))}


def of_whole_pipeline(estimator, X, y):
    assert hasattr(estimator, "named_steps"), "a scorer that a user wrote is given what the search tunes"
    return accuracy_score(y, estimator.predict(X))


@pytest.mark.parametrize(
    ("scoring", "refit"),
    [
        pytest.param("accuracy", True, marks=pytest.mark.slow),
        (["neg_log_loss", "accuracy"], "accuracy"),
        pytest.param({"a": make_scorer(accuracy_score)}, "a", marks=pytest.mark.slow),
        (by_name, "accuracy"),
        (of_whole_pipeline, True),
    ],
    ids=["one", "list", "dict", "callable-dict", "callable"],
)
def test_epochs_are_scored_by_the_metric_that_steers(scoring, refit):
    estimator = make_pipeline(StandardScaler(), SGDClassifier(max_iter=5, random_state=0, loss="log_loss"))
    found = search(estimator=estimator, scoring=scoring, refit=refit).fit(X, Y)
    plain = search(estimator=estimator).fit(X, Y)
    np.testing.assert_array_equal(found.learning_curves_["valid_score"], plain.learning_curves_["valid_score"])
    assert found.best_params_ == plain.best_params_


def test_sample_weights_reach_the_fit_and_the_score_of_epochs():
    estimator, space = SGDClassifier(max_iter=4, random_state=0), {"alpha": [1e-4, 1e-2]}
    weight = np.where(Y == 3, 0.0, 1.0)
    found = search(estimator=estimator, param_distributions=space, pruner=None, scoring="accuracy").fit(
        X, Y, sample_weight=weight
    )
    last = pd.DataFrame(found.learning_curves_).groupby(["trial_number", "fold"]).last()["valid_score"]
    for (trial, fold), score in last.items():
        assert found.cv_results_[f"split{fold}_test_score"][trial] == score


@pytest.mark.parametrize("steering", ["neg_max_error", "r2"])
def test_weights_reach_the_metrics_that_take_them_and_no_other(steering):
    rows, target = load_diabetes(return_X_y=True)
    weight = np.linspace(0.1, 3, len(target))
    regressor = search(
        estimator=SGDRegressor(max_iter=3, random_state=0),
        param_distributions={"alpha": [1e-4, 0.1]},
        scoring=["neg_max_error", "r2"],
        refit=steering,
        pruner=None,
    )
    with warnings.catch_warnings():  # scikit-learn 1.9 says that the maximum takes no weights
        warnings.filterwarnings("ignore", message=".*does not support sample_weight")
        found = regressor.fit(rows, target, sample_weight=weight)
    last = pd.DataFrame(found.learning_curves_).groupby(["trial_number", "fold"]).last()["valid_score"]
    for (trial, fold), score in last.items():
        assert found.cv_results_[f"split{fold}_test_{steering}"][trial] == score


def test_a_placeholder_is_filled_by_parameters():
    found = search(
        estimator=Pipeline([("scale", StandardScaler()), ("model", "passthrough")]),
        param_distributions={"model": [SGDClassifier(max_iter=3, random_state=0)], "model__alpha": [1e-4, 1e-2]},
        scoring="accuracy",
        pruner=None,
        n_trials=None,
    ).fit(X, Y)
    assert found.cv_results_["n_epochs_run"].tolist() == [9, 9]


def test_target_transformations_are_undone_before_epochs_are_scored():
    rows, target = load_diabetes(return_X_y=True)
    estimator = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), SGDRegressor(max_iter=5, random_state=0)), transformer=StandardScaler()
    )
    found = search(estimator=estimator, param_distributions={"regressor__sgdregressor__alpha": loguniform(1e-5, 1)},
                   cv=KFold(3), scoring="neg_mean_absolute_error").fit(rows, target)  # fmt: skip
    assert -60 < found.best_score_ < -30


@pytest.mark.parametrize("cache_prefix", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_shared_prefixes_change_no_curve(cache_prefix):
    assert_same_search(search(cache_prefix=cache_prefix).fit(X, Y), search().fit(X, Y))


# --- checkpoints ------------------------------------------------------------------------------------------------------


def test_best_checkpoint_scores_the_best_epoch_and_refits_for_the_median_of_them():
    estimator = SGDClassifier(max_iter=12, random_state=0, learning_rate="constant", eta0=1.0)
    found = search(
        estimator=estimator, param_distributions={"alpha": [1e-4, 1e-3]}, pruner=None, checkpoint="best"
    ).fit(X, Y)
    curves = pd.DataFrame(found.learning_curves_)
    best = curves.groupby(["trial_number", "fold"])["valid_score"].max()
    for (trial, fold), score in best.items():
        assert found.cv_results_[f"split{fold}_test_score"][trial] == score
    of_winner = curves[curves["trial_number"] == found.best_index_]
    epochs = [fold["epoch"].iloc[fold["valid_score"].argmax()] for _, fold in of_winner.groupby("fold")]
    assert found.refit_epochs_ == round(np.median(epochs))
    assert found.refit_epochs_ < 12
    short = clone(estimator).set_params(**found.best_params_, random_state=np.random.RandomState(0))
    for _ in range(found.refit_epochs_):
        short.partial_fit(X, Y, classes=np.unique(Y))
    np.testing.assert_array_equal(found.best_estimator_.coef_, short.coef_)
    assert found.best_estimator_.max_iter == 12


# --- bad input --------------------------------------------------------------------------------------------------------


class Untouched(BaseEstimator):
    def fit(self, X, y=None):
        raise AssertionError("trained")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"estimator": Ridge()},
            "report='epoch' needs an estimator that can report its epochs.*Ridge is none of these",
        ),
        ({"estimator": make_pipeline(Untouched())}, "Untouched, the last step of Pipeline, is none of these"),
        ({"report": "batch"}, "'report' parameter of OptunaSearchCV must be a str among"),
        ({"checkpoint": "first"}, "'checkpoint' parameter of OptunaSearchCV must be a str among"),
        ({"checkpoint": "best", "report": "fold"}, "checkpoint='best' needs report='epoch'"),
        ({"pruner": "wilcoxon"}, "compares the scores of folds"),
    ],
)
def test_bad_arguments_are_refused_before_the_first_fit(kwargs, message):
    with pytest.raises((InvalidArgumentError, ValueError), match=message):
        search(**kwargs).fit(X, Y)


def test_a_fit_that_fails_after_some_epochs_is_a_failed_fit():
    class Breaks(RegressorMixin, BaseEstimator):
        def __init__(self, a=0):
            self.a = a

        def fit_epochs(self, X, y, monitor):
            monitor.report(score=1.0)
            if self.a == 1:
                raise RuntimeError("no more")
            return self

        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.zeros(len(X))

    found = search(estimator=Breaks(), param_distributions={"a": [0, 1]}, n_trials=None)
    with pytest.warns(FitFailedWarning, match="3 fits failed"), pytest.warns(UserWarning, match="non-finite"):
        found.fit(X, Y)
    assert found.cv_results_["trial_state"].tolist() == ["COMPLETE", "FAIL"]
    assert found.best_params_ == {"a": 0}


def test_linear_models_with_warm_start_can_be_followed_by_iteration():
    with pytest.warns(match="failed to converge"):
        found = search(
            estimator=LogisticRegression(max_iter=4), param_distributions={"C": [0.01, 1]}, pruner=None, n_trials=None
        ).fit(X / 16, Y)
    assert found.cv_results_["n_epochs_run"].tolist() == [12, 12]


# --- seeds ------------------------------------------------------------------------------------------------------------


class Seeded(RegressorMixin, BaseEstimator):
    """Scores its fold's seed."""

    def __init__(self, a=0):
        self.a = a

    def fit(self, X, y):
        self.seed_ = current_fold().next_seed()
        return self

    def score(self, X, y):
        return float(self.seed_)

    def predict(self, X):
        return np.zeros(len(X))


def test_estimators_find_a_seed_of_trial_and_fold_that_depends_on_the_search_alone():
    def run(random_state, n_jobs, backend):
        with joblib.parallel_config(backend):
            found = search(
                estimator=make_pipeline(StandardScaler(), Seeded()),
                param_distributions={"seeded__a": [0, 1, 2]},
                n_trials=None,
                pruner=None,
                report="fold",
                random_state=random_state,
                n_jobs=n_jobs,
            ).fit(X, Y)
        seeds = [found.cv_results_[f"split{i}_test_score"].tolist() for i in range(3)]
        return [*seeds, [found.best_estimator_[-1].seed_]]

    first = run(0, 1, "loky")
    assert run(0, 2, "loky") == run(0, 2, "threading") == first
    assert run(1, 1, "loky") != first
    assert len({seed for fold in first for seed in fold}) == 10
