"""The outer loop: scikit-learn's scores, the same folds for each row, failures as rows, both loops' metadata."""

import signal
import warnings
from copy import copy

import numpy as np
import pytest
import sklearn
from joblib import parallel_config
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit, StratifiedKFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV, nested_cross_validate
from sk_optuna.exceptions import InvalidArgumentError, NoScoreError, StorageError


class FailsOn(ClassifierMixin, BaseEstimator):
    """A classifier that fails where its training rows lack a row, which it knows by its first feature."""

    def __init__(self, needed=(), seen=None, alpha=1.0):
        self.needed = needed
        self.seen = seen
        self.alpha = alpha

    def fit(self, X, y, sample_weight=None, groups=None):
        if self.needed and not set(self.needed) <= set(X[:, 0].tolist()):
            raise RuntimeError("row is missing\nand a second line")
        if self.seen is not None:
            self.seen.append(None if sample_weight is None else np.sum(sample_weight))
        self.classes_ = np.unique(y)
        self.model_ = DummyClassifier().fit(X, y)
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def __sklearn_clone__(self):
        """Share the list of what was seen, which scikit-learn would copy."""
        other = copy(self)
        vars(other).pop("model_", None)
        return other


X_rows = np.arange(40.0).reshape(-1, 1)
y_rows = np.arange(40) % 2


def grid(estimator=None, **kwargs):
    return GridSearchCV(estimator or FailsOn(), {"alpha": [1, 2]}, cv=KFold(2), **kwargs)


def random_state():
    return np.random.get_state()[1].tolist()  # noqa: NPY002


def columns_without_times(output):
    return {name: column.tolist() for name, column in output.items() if name.startswith(("test_", "train_"))}


def test_scores_are_those_of_cross_validate_for_each_row(iris, svc_search):
    X, y = iris
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    results = nested_cross_validate(svc_search, X, y, cv=cv, return_train_score=True)
    for name, estimator in {"svc": svc_search, "svc (defaults)": SVC(), "dummy": DummyClassifier()}.items():
        expected = cross_validate(clone(estimator), X, y, cv=cv, return_train_score=True)
        found = results.cross_validate_[name]
        assert columns_without_times(found) == columns_without_times(expected)
        assert found.keys() == {*expected, "estimator", "indices"}


def test_result_is_the_same_at_any_n_jobs(iris, svc_search):
    X, y = iris
    alone, together = (nested_cross_validate(svc_search, X, y, cv=3, n_jobs=n_jobs) for n_jobs in (1, 2))
    for name in ("outer_", "archive_", "predictions_", "stability_"):
        one, two = (getattr(each, name) for each in (alone, together))
        times = [column for column in one if "time" in column or column == "seconds"]
        assert one.drop(columns=times).equals(two.drop(columns=times))


def test_each_outer_fold_equals_a_search_fitted_on_its_training_rows_alone(iris, svc_search):
    X, y = iris
    results = nested_cross_validate(svc_search, X, y, cv=KFold(3, shuffle=True, random_state=1))
    train, test = (results.cross_validate_["svc"]["indices"][part][1] for part in ("train", "test"))
    alone = clone(svc_search).fit(X[train], y[train])
    row = results.outer_.query("search == 'svc' and outer_fold == 1").iloc[0]
    assert row.test_score == alone.score(X[test], y[test])
    assert row.inner_best == alone.best_score_ == row.optimism + row.test_score
    assert row.params == alone.best_params_
    archive = results.archive_.query("outer_fold == 1")
    assert archive.mean_test_score.tolist() == alone.cv_results_["mean_test_score"].tolist()


def test_caller_keeps_search_random_state_and_filters_as_they_were(iris, svc_search):
    X, y = iris
    state, filters, before = random_state(), list(warnings.filters), repr(svc_search)
    nested_cross_validate(svc_search, X, y, cv=2)
    assert not hasattr(svc_search, "cv_results_")
    assert repr(svc_search) == before
    assert random_state() == state
    assert list(warnings.filters) == filters


def test_failed_outer_fold_is_a_row_with_its_error_and_its_mean_is_nan():
    estimators = {"fails": FailsOn(needed=(39.0,)), "works": FailsOn()}
    with pytest.warns(FitFailedWarning, match="fails on outer fold 3 .RuntimeError: row is missing and a second line"):
        results = nested_cross_validate(estimators, X_rows, y_rows, cv=KFold(4))
    outer = results.outer_.query("search == 'fails'")
    assert outer.error.tolist() == ["", "", "", "RuntimeError: row is missing"]
    assert np.isnan(outer.test_score.iloc[3])
    assert np.isfinite(outer.test_score.iloc[:3]).all()
    assert np.isnan(results.table_.set_index("search")["mean"]["fails"])
    (error,) = results.errors_.to_dict("records")
    assert (error["search"], error["outer_fold"], error["exception"]) == ("fails", 3, "RuntimeError")
    assert "raise RuntimeError" in error["traceback"]


@pytest.mark.parametrize(("error_score", "expected"), [(-2.0, -2.0), ("dummy", 0.5)])
def test_error_score_stands_for_the_score_of_a_failed_fold(error_score, expected):
    with pytest.warns(FitFailedWarning):
        results = nested_cross_validate(FailsOn(needed=(39.0,)), X_rows, y_rows, cv=KFold(4), error_score=error_score)
    assert results.outer_.query("search == 'failson'").test_score.iloc[3] == expected


def test_error_score_raise_raises_the_error_with_the_folds_that_were_finished():
    with pytest.raises(RuntimeError, match="row is missing") as caught:
        nested_cross_validate(FailsOn(needed=(39.0,)), X_rows, y_rows, cv=KFold(4), error_score="raise")
    finished = caught.value.nested_results.outer_.query("search == 'failson'")
    assert np.isfinite(finished.test_score.iloc[:3]).all()


def test_search_that_fails_on_the_two_hardest_folds_does_not_come_out_ahead():
    """Without the folds 0 and 1, on which labels are wrong, its mean would be the higher one."""
    X = np.column_stack([np.arange(60.0), np.arange(60) % 2])
    y = np.arange(60) % 2
    y[:24] = 1 - y[:24]
    careful = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3]}, cv=2)
    picky = GridSearchCV(make_pipeline(Picky()), {"picky__alpha": [1, 2]}, cv=KFold(2), error_score=np.nan)
    with pytest.warns(FitFailedWarning):
        results = nested_cross_validate({"picky": picky, "careful": careful}, X, y, cv=KFold(5), baselines=())
    table = results.table_
    scores = results.outer_.query("search == 'picky'").test_score
    assert scores.isna().tolist() == [True, True, False, False, False]
    assert scores.mean() > table.set_index("search")["mean"]["careful"]  # pandas leaves NaN out: the trap
    assert table.search.tolist() == ["careful", "picky"]
    assert repr(results).splitlines()[2].startswith("careful")


class Picky(ClassifierMixin, BaseEstimator):
    """Predicts the second feature, and fails to predict rows with a first feature below 24."""

    def __init__(self, alpha=1):
        self.alpha = alpha

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        if len(X) == 12 and (X[:, 0] < 24).all():
            raise ValueError("too hard")
        return X[:, 1].astype(int)


def test_nothing_but_failures_is_an_error_that_tells_them():
    with pytest.raises(NoScoreError, match=r"All outer folds failed(.|\n)*failson: RuntimeError: row is missing"):
        nested_cross_validate(FailsOn(needed=(-1.0,)), X_rows, y_rows)


def test_baseline_that_cannot_be_fitted_has_no_row_and_says_so(iris):
    X, y = iris
    placeholder = Pipeline([("scale", StandardScaler()), ("model", "passthrough")])
    search = GridSearchCV(placeholder, {"model": [SVC(), KNeighborsClassifier()]}, scoring="accuracy", cv=3)
    results = nested_cross_validate({"two": search, "svc": SVC()}, X, y, cv=3)
    assert list(results.cross_validate_) == ["two", "svc", "dummy"]
    assert [note for note in results.notes_ if note.startswith("two has no row of its defaults")]
    assert "two has no row of its defaults" in repr(results)
    assert set(results.errors_.search) == {"two (defaults)"}


def test_defaults_keep_what_encloses_the_search(diabetes):
    X, y = diabetes
    X = X * 1000
    search = GridSearchCV(Ridge(), {"alpha": [1.0, 1e6]}, cv=3)
    results = nested_cross_validate(make_pipeline(StandardScaler(), search), X, y, cv=3)
    expected = cross_validate(make_pipeline(StandardScaler(), Ridge()), X, y, cv=3)["test_score"]
    assert results.cross_validate_["ridge (defaults)"]["test_score"].tolist() == expected.tolist()


def test_scoring_of_the_search_is_that_of_all_rows(iris):
    X, y = iris
    search = GridSearchCV(SVC(), {"C": [0.01, 1]}, scoring="f1_macro", cv=3)
    results = nested_cross_validate(search, X, y, cv=3)
    expected = cross_validate(SVC(), X, y, cv=3, scoring="f1_macro")["test_score"]
    assert results.metric_ == "f1_macro"
    assert results.cross_validate_["svc (defaults)"]["test_score"].tolist() == expected.tolist()


def test_of_several_metrics_the_one_that_chooses_is_shown(iris):
    X, y = iris
    search = GridSearchCV(SVC(), {"C": [0.01, 1]}, scoring=["f1_macro", "accuracy"], refit="accuracy", cv=3)
    results = nested_cross_validate(search, X, y, cv=3)
    assert results.metric_ == "accuracy"
    outer = results.outer_
    assert outer.test_score.equals(results.outer_.test_score)
    assert {"test_score", "test_f1_macro"} <= set(outer.columns)
    assert np.isfinite(outer.query("search == 'svc'").optimism).all()


@pytest.mark.parametrize("routing", [False, True])
def test_groups_reach_both_loops(diabetes, routing):
    X, y = diabetes
    groups = np.arange(len(y)) % 12
    searches = {
        "alone": OptunaSearchCV(Ridge(), {"alpha": loguniform(0.1, 10)}, n_trials=2, cv=GroupKFold(3), random_state=0),
        "in a pipeline": make_pipeline(StandardScaler(), GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=GroupKFold(3))),
        "without": GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2),
        "no search": Ridge(),
    }
    with sklearn.config_context(enable_metadata_routing=routing):
        results = nested_cross_validate(searches, X, y, groups=groups, cv=GroupKFold(4))
        by_params = nested_cross_validate(searches, X, y, params={"groups": groups}, cv=GroupKFold(4))
    assert results.outer_.test_score.equals(by_params.outer_.test_score)
    assert not any(results.errors_.search)
    indices = results.cross_validate_["alone"]["indices"]
    for i, (train, test) in enumerate(zip(indices["train"], indices["test"], strict=True)):
        assert not set(groups[train]) & set(groups[test])
        with sklearn.config_context(enable_metadata_routing=routing):
            alone = clone(searches["alone"]).fit(X[train], y[train], groups=groups[train])
        assert results.outer_.query("search == 'alone'").inner_best.iloc[i] == alone.best_score_
    assert "groups" in results.summary()
    assert np.isnan(results.compare()["p_value"]).all()


def test_routing_is_that_of_the_caller_in_whatever_thread_a_fold_begins(diabetes):
    """joblib asks for all tasks but the first ones in another thread, whose configuration is scikit-learn's default."""
    X, y = diabetes
    by_groups = make_pipeline(StandardScaler(), GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=GroupKFold(3)))
    searches = {"by groups": by_groups, "no search": Ridge()}
    with sklearn.config_context(enable_metadata_routing=True):
        arguments = {"groups": np.arange(len(y)) % 12, "cv": GroupKFold(6)}
        alone = nested_cross_validate(searches, X, y, **arguments)
        with parallel_config("threading", n_jobs=2):
            together = nested_cross_validate(searches, X, y, **arguments)
    assert together.outer_.test_score.tolist() == alone.outer_.test_score.tolist()
    assert len(together.errors_) == 0


def test_table_that_cannot_be_checked_loses_no_results(iris):
    class Other(GridSearchCV):
        def fit(self, X, y):
            super().fit(X, y)
            self.cv_results_ = {"params": self.cv_results_["params"]}
            return self

    X, y = iris
    results = nested_cross_validate(Other(SVC(), {"C": [0.1, 1]}, cv=2), X, y, cv=2)
    assert np.isfinite(results.table_["mean"]).all()
    assert "The checks could not be made" in repr(results)
    assert len(results.archive_) == 4


@pytest.mark.parametrize("routing", [False, True])
def test_sample_weight_reaches_searches_defaults_and_dummy(routing):
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(60, 2)), rng.integers(1, 5, 60).astype(float)
    y = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
    with sklearn.config_context(enable_metadata_routing=routing):
        model = LogisticRegression()
        if routing:
            model.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        search = GridSearchCV(model, {"C": [0.01, 1.0]}, cv=2)
        results = nested_cross_validate(search, X, y, cv=3, params={"sample_weight": weight})
        unweighted = nested_cross_validate(search, X, y, cv=3)
        train = results.cross_validate_["logisticregression"]["indices"]["train"][0]
        alone = clone(search).fit(X[train], y[train], sample_weight=weight[train])
    fitted = results.cross_validate_["logisticregression"]["estimator"][0]
    assert fitted.best_estimator_.coef_.tolist() == alone.best_estimator_.coef_.tolist()
    plain = unweighted.cross_validate_["logisticregression"]["estimator"][0]
    assert fitted.best_estimator_.coef_.tolist() != plain.best_estimator_.coef_.tolist()
    defaults = results.cross_validate_["logisticregression (defaults)"]["estimator"][0]
    assert (
        defaults.coef_.tolist()
        != unweighted.cross_validate_["logisticregression (defaults)"]["estimator"][0].coef_.tolist()
    )
    assert list(results.cross_validate_) == ["logisticregression", "logisticregression (defaults)", "dummy"]


def test_metadata_that_nobody_has_decided_upon_is_refused_before_the_first_fit():
    with sklearn.config_context(enable_metadata_routing=True):
        seen = []
        rows = {"first": FailsOn(seen=seen).set_fit_request(sample_weight=True), "second": FailsOn(seen=seen)}
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            nested_cross_validate(rows, X_rows, y_rows, params={"sample_weight": np.ones(40)})
        assert seen == []
        rows["second"].set_fit_request(sample_weight=False)
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=False)
        nested_cross_validate(rows, X_rows, y_rows, cv=2, params={"sample_weight": np.ones(40)}, scoring=scorer)
        assert seen == [20.0, None, 20.0, None]
        with pytest.raises(InvalidArgumentError, match="has 'weight', which no row requests"):
            nested_cross_validate(rows, X_rows, y_rows, params={"weight": np.ones(40)}, scoring=scorer)


def test_weights_reach_outer_scores_of_all_rows_that_have_the_same_scorer():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(60, 2)), rng.integers(1, 9, 60).astype(float)
    y = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        model = LogisticRegression().set_fit_request(sample_weight=True)
        search = GridSearchCV(model, {"C": [0.01, 1.0]}, cv=2, scoring=scorer)
        results = nested_cross_validate(search, X, y, cv=3, params={"sample_weight": weight}, scoring=scorer)
    for name, output in results.cross_validate_.items():
        for model, test, score in zip(
            output["estimator"], output["indices"]["test"], output["test_score"], strict=True
        ):
            assert score == accuracy_score(y[test], model.predict(X[test]), sample_weight=weight[test]), name
    assert len(results.cross_validate_) == 3


def test_ctrl_c_hands_on_the_outer_folds_that_were_finished():
    class Interrupts(FailsOn):
        def fit(self, X, y):
            if 39.0 not in X[:, 0]:
                signal.raise_signal(signal.SIGINT)
            return super().fit(X, y)

    with pytest.raises(KeyboardInterrupt) as caught:
        nested_cross_validate(Interrupts(), X_rows, y_rows, cv=KFold(4))
    assert "6 of 8 outer folds were finished" in caught.value.__notes__[0]
    results = caught.value.nested_results
    assert results.outer_.query("search == 'interrupts'").test_score.notna().tolist() == [True, True, True, False]
    assert set(results.errors_.exception) == {"KeyboardInterrupt"}
    assert "Broken off: 6 of 8 outer folds were finished." in repr(results)
    assert "failed" not in repr(results)


def test_mistake_in_a_search_is_raised_and_no_failed_fold(iris):
    X, y = iris
    with pytest.raises(InvalidArgumentError, match="Invalid parameter 'D' for estimator SVC"):
        nested_cross_validate(OptunaSearchCV(SVC(), {"D": [1, 2]}), X, y)


def test_verbose_prints_a_line_for_each_outer_fold(iris, capsys):
    X, y = iris
    nested_cross_validate(SVC(), X, y, cv=2)
    assert capsys.readouterr().out == ""
    nested_cross_validate(SVC(), X, y, cv=2, verbose=2)
    title, *lines, last = capsys.readouterr().out.splitlines()
    assert title == "2 outer folds for each of 2 rows, totalling 4"
    assert len(lines) == 4
    assert lines[0].startswith("[1/4] svc, outer fold 0: accuracy 0.")
    assert last.startswith("4/4 outer folds; ")
    assert "mean accuracy: svc 0." in last


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("kind", [OptunaSearchCV, GridSearchCV])
def test_searches_within_print_nothing_whatever_their_verbose(iris, capfd, kind, n_jobs):
    """One status, the driver's: of a search in a pipeline, and of one within it, too."""
    X, y = iris
    inner = kind(SVC(), {"C": [1, 2]}, cv=2, verbose=3)
    search = kind(Pipeline([("inner", inner)]), {"inner__cv": [2]}, cv=2, verbose=3)
    nested_cross_validate(make_pipeline(StandardScaler(), search), X, y, cv=2, verbose=1, n_jobs=n_jobs)
    out, err = capfd.readouterr()
    assert err == ""
    assert [line.split("; ")[0] for line in out.splitlines()][1:] == ["3/6 outer folds", "6/6 outer folds"]
    assert search.verbose == 3


def test_outer_loop_goes_on_from_a_storage_with_its_splits(iris, tmp_path):
    """Without a seed the second call would split otherwise, and no inner study would be the same."""
    X, y = iris

    def run(n_trials=3):
        search = OptunaSearchCV(
            SVC(), {"C": loguniform(0.01, 100)}, n_trials=n_trials, cv=3, storage=str(tmp_path / "nested.db")
        )
        return nested_cross_validate({"svm": search}, X, y, cv=KFold(3, shuffle=True))

    first, second, longer = run(), run(), run(4)
    assert first.outer_.test_score.equals(second.outer_.test_score)
    assert first.archive_.drop(columns="rank_test_score").equals(second.archive_.drop(columns="rank_test_score"))
    assert longer.archive_.groupby("outer_fold").size().tolist() == [4, 4, 4]
    kept = longer.archive_.query("trial_number < 3")
    assert kept.mean_test_score.tolist() == first.archive_.mean_test_score.tolist()


class InterruptedOnce(SVC):
    """Presses Ctrl-C in a fit, once."""

    fits_before = 0

    def fit(self, X, y):
        InterruptedOnce.fits_before -= 1
        if InterruptedOnce.fits_before == 0:
            signal.raise_signal(signal.SIGINT)
        return super().fit(X, y)


def test_outer_loop_that_was_interrupted_ends_as_if_it_had_not_been(iris, tmp_path):
    """Three outer folds of three candidates: 11 fits each, and one of the defaults; the interrupt is in the second."""
    X, y = iris

    def run(name):
        space = {"C": loguniform(0.01, 100)}
        search = OptunaSearchCV(
            InterruptedOnce(), space, n_trials=3, cv=3, random_state=0, storage=str(tmp_path / name)
        )
        return nested_cross_validate(search, X, y, cv=KFold(3, shuffle=True, random_state=0))

    whole = run("whole.db")
    InterruptedOnce.fits_before = 18
    with pytest.raises(KeyboardInterrupt) as caught:
        run("interrupted.db")
    finished = caught.value.nested_results.outer_.query("search == 'interruptedonce'").test_score
    assert finished.notna().tolist() == [True, False, False]
    InterruptedOnce.fits_before = 0
    resumed = run("interrupted.db")
    n_fits = -InterruptedOnce.fits_before
    assert n_fits < 33 - 11
    for name in ("outer_", "archive_", "stability_"):
        columns = [column for column in getattr(whole, name) if "time" not in column and column != "seconds"]
        assert getattr(resumed, name)[columns].equals(getattr(whole, name)[columns])


def test_splits_of_one_storage_go_into_the_others(iris, tmp_path):
    X, y = iris
    searches = {
        name: OptunaSearchCV(SVC(), {"C": [0.1, 1]}, cv=2, storage=str(tmp_path / name)) for name in ("one", "two")
    }
    cv = KFold(2, shuffle=True)
    alone = nested_cross_validate({"two": searches["two"]}, X, y, cv=cv, baselines=(), keep="nothing")
    both = nested_cross_validate(searches, X, y, cv=cv, baselines=(), keep="nothing")
    expected = alone.cross_validate_["two"]["indices"]["test"]
    for results in (both, nested_cross_validate(searches["one"], X, y, cv=cv, baselines=(), keep="nothing")):
        for output in results.cross_validate_.values():
            assert all(map(np.array_equal, output["indices"]["test"], expected))


def test_studies_with_a_name_have_one_for_each_outer_fold(iris, tmp_path):
    import optuna

    X, y = iris
    search = OptunaSearchCV(
        SVC(), {"C": [0.1, 1]}, cv=3, storage=str(tmp_path / "nested.db"), study_name="svm", random_state=0
    )
    nested_cross_validate(search, X, y, cv=2)
    names = optuna.get_all_study_names(f"sqlite:///{tmp_path / 'nested.db'}")
    assert {"svm, outer fold 0", "svm, outer fold 1"} <= set(names)
    with pytest.raises(InvalidArgumentError, match="study_name"):
        nested_cross_validate({"a": search, "b": clone(search)}, X, y, cv=2)


def test_storage_that_cannot_be_used_is_refused_before_the_first_fit(iris, tmp_path):
    X, y = iris
    seen = []
    search = OptunaSearchCV(FailsOn(seen=seen), {"alpha": [1, 2]}, cv=2, storage=str(tmp_path))
    with pytest.raises(StorageError, match="it is a directory"):
        nested_cross_validate({"first": FailsOn(seen=seen), "search": search}, X, y)
    assert seen == []


def test_shuffled_splits_give_the_published_procedure(iris, svc_search):
    X, y = iris
    results = nested_cross_validate(svc_search, X, y, cv=ShuffleSplit(4, test_size=0.3, random_state=0))
    assert set(results.compare()["basis"]) == {"published procedure"}
