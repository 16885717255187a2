"""FunctionEstimator: a function with parameters a search can set, folds it can see and epochs it can report."""

import functools
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from sk_optuna import OptunaSearchCV
from sk_optuna._function_estimator import FunctionEstimator
from sk_optuna.exceptions import InvalidArgumentError

X, y = make_classification(120, 5, flip_y=0.1, random_state=0)
N_EPOCHS = 4


class Monitor:
    """What a search would be: rows, and a stop after so many epochs."""

    def __init__(self, valid_data=None, stop_after=None, estimator=None):
        self.valid_data = valid_data
        self.stop_after = stop_after
        self.estimator = estimator
        self.reports = []

    def report(self, *, train_loss=None, score=None):
        if score is None and self.estimator is not None:
            score = self.estimator.score(*self.valid_data)
        self.reports.append((train_loss, score))
        return len(self.reports) == self.stop_after


def plain(X):
    return np.nan_to_num(X.toarray() if issparse(X) else np.asarray(X))


def predict(model, X):
    return model.predict(plain(X))


def predict_proba(model, X):
    return model.predict_proba(plain(X))


def train_logistic(params, train_data, valid_data, report):
    X, y = train_data
    return LogisticRegression(C=params["C"]).fit(plain(X), np.asarray(y))


def train_ridge(params, train_data, valid_data, report):
    X, y = train_data
    return Ridge(alpha=params["alpha"]).fit(plain(X), np.asarray(y))


def train_epochs(params, train_data, valid_data, report):
    """Report the model of each epoch."""
    X, y = train_data
    model = SGDClassifier(alpha=params["alpha"], random_state=params["random_state"])
    for _ in range(params["n_epochs"]):
        model.partial_fit(X, y, classes=[0, 1])
        if report(model=model, train_loss=0.5):
            break
    return model


def train_scored(params, train_data, valid_data, report):
    """Report a score of its own for each epoch, and return the last."""
    X, y = train_data
    model = SGDClassifier(alpha=params["alpha"], random_state=0)
    score = np.nan
    for _ in range(N_EPOCHS):
        model.partial_fit(X, y, classes=[0, 1])
        if valid_data is not None:
            score = accuracy_score(valid_data[1], model.predict(valid_data[0]))
        if report(score):
            break
    return score


def classifier(train=train_epochs, **params):
    return FunctionEstimator(
        train, predict_func=predict, estimator_type="classifier", **{"alpha": 1e-3, "n_epochs": N_EPOCHS, **params}
    )


def logistic(**params):
    functions = {"predict_func": predict, "predict_proba_func": predict_proba, "estimator_type": "classifier"}
    return FunctionEstimator(train_logistic, **functions, **params)


CHECKED = {
    "classifier": logistic(C=1.0),
    "regressor": FunctionEstimator(train_ridge, predict_func=predict, estimator_type="regressor", alpha=1.0),
}
CHECKS = [
    pytest.param(estimator, check, id=f"{kind}-{number}-{check.func.__name__}")
    for kind, estimator in CHECKED.items()
    for number, (_, check) in enumerate(estimator_checks_generator(estimator))
    if check.func.__name__ != "check_no_attributes_set_in_init"  # the function's parameters are attributes
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_estimator_checks(estimator, check):
    check(clone(estimator))


def test_keywords_are_parameters_in_scikit_learns_sense():
    estimator = classifier(alpha=0.1)
    assert estimator.get_params()["alpha"] == estimator.alpha == 0.1
    assert clone(estimator).set_params(alpha=0.2).get_params()["alpha"] == 0.2
    assert estimator.get_params()["alpha"] == 0.1
    assert "alpha=0.1" in repr(estimator)


def test_parameters_of_a_value_that_is_an_estimator_are_reached():
    estimator = FunctionEstimator(train_logistic, model=Ridge())
    assert estimator.set_params(model__alpha=3.0).model.alpha == 3.0


def test_the_function_sees_parameters_and_rows_as_they_are():
    seen = {}

    def train(params, train_data, valid_data, report):
        seen.update(params=params, train_data=train_data, valid_data=valid_data, stop=report(0.5))
        return "model"

    rows, labels = [["a.png"], ["b.png"]], ["cat", "dog"]
    estimator = FunctionEstimator(train, lr=0.1, layers=(1, 2)).fit(rows, labels)
    assert seen["params"] == {"lr": 0.1, "layers": (1, 2)}
    assert seen["train_data"][0] is rows
    assert seen["train_data"][1] is labels
    assert seen["valid_data"] is None
    assert seen["stop"] is False
    assert estimator.model_ == "model"


@pytest.mark.parametrize("container", [list, np.array, lambda names: np.array(names, dtype=object)])
def test_rows_may_be_names_of_files(container):
    names = [f"images/{'cat' if i % 3 else 'dog'}{i}.png" for i in range(30)]
    labels = ["cat" if "cat" in name else "dog" for name in names]

    def train(params, train_data, valid_data, report):
        assert len(train_data[0]) == 20
        assert all(isinstance(name, str) for name in train_data[0])
        return params["letters"]

    def predict_names(letters, X):
        return np.array([name.removeprefix("images/")[:letters].ljust(3, "x") for name in X])

    estimator = FunctionEstimator(train, predict_func=predict_names, estimator_type="classifier", letters=1)
    search = OptunaSearchCV(estimator, {"letters": [1, 2, 3]}, cv=3, refit=False).fit(container(names), labels)
    assert search.best_params_ == {"letters": 3}
    assert search.best_score_ == 1.0


def test_it_equals_the_estimator_that_it_wraps():
    wrapped = GridSearchCV(logistic(C=1.0), {"C": [0.01, 1.0]}, scoring=["roc_auc", "accuracy"], refit="roc_auc")
    plain = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, scoring=["roc_auc", "accuracy"], refit="roc_auc")
    for metric in ("roc_auc", "accuracy"):
        name = f"mean_test_{metric}"
        np.testing.assert_array_equal(wrapped.fit(X, y).cv_results_[name], plain.fit(X, y).cv_results_[name])


def test_data_frames_arrive_as_data_frames():
    frame = pd.DataFrame(X, columns=list("abcde"))

    def train(params, train_data, valid_data, report):
        return list(train_data[0].columns)

    assert FunctionEstimator(train).fit(frame, pd.Series(y)).model_ == list("abcde")


@pytest.mark.parametrize(("kind", "test"), [("classifier", is_classifier), ("regressor", is_regressor)])
def test_estimator_type_is_what_scikit_learn_takes_it_for(kind, test):
    assert test(FunctionEstimator(train_logistic, estimator_type=kind))
    assert not test(FunctionEstimator(train_logistic))


def test_methods_are_there_if_their_functions_are():
    bare = FunctionEstimator(train_logistic, C=1.0)
    assert not hasattr(bare, "predict")
    assert not hasattr(bare, "predict_proba")
    with pytest.raises(AttributeError, match="predict"):
        bare.predict(X)
    assert hasattr(logistic(C=1.0), "predict_proba")


def test_score_func_comes_before_predictions():
    estimator = classifier(random_state=0, score_func=lambda model, X, y: 42)
    assert estimator.fit(X, y).score(X, y) == 42.0


# --- seeds ------------------------------------------------------------------------------------------------------------


def seen_seed(random_state):
    seeds = []

    def train(params, train_data, valid_data, report):
        seeds.append(params["random_state"])
        return 1.0

    FunctionEstimator(train, random_state=random_state).fit(X, y)
    return seeds[0]


def test_random_state_reaches_the_function_as_an_int():
    assert seen_seed(7) == 7
    assert isinstance(seen_seed(None), int)
    assert seen_seed(np.random.RandomState(3)) == seen_seed(np.random.RandomState(3)) != seen_seed(None)


def test_an_unset_random_state_follows_from_that_of_the_search():
    def curves(random_state):
        search = OptunaSearchCV(
            classifier(random_state=None), {"alpha": [1e-4, 1e-2]}, cv=3, random_state=random_state, report="epoch"
        )
        return search.fit(X, y).learning_curves_["valid_score"]

    np.testing.assert_array_equal(curves(0), curves(0))
    assert not np.array_equal(curves(0), curves(1))


# --- epochs -----------------------------------------------------------------------------------------------------------


def test_outside_a_search_reports_do_nothing():
    alone, followed = classifier(random_state=0).fit(X, y), classifier(random_state=0)
    followed.fit_epochs(X, y, Monitor((X, y), estimator=followed))
    np.testing.assert_array_equal(alone.model_.coef_, followed.model_.coef_)


def test_a_reported_model_is_scored_by_the_monitor_as_of_that_epoch():
    estimator = classifier(random_state=0)
    monitor = Monitor((X, y), estimator=estimator)
    estimator.fit_epochs(X, y, monitor)
    expected = [classifier(random_state=0, n_epochs=n).fit(X, y).score(X, y) for n in range(1, N_EPOCHS + 1)]
    assert monitor.reports == [(0.5, score) for score in expected]


def test_training_ends_where_the_monitor_says_so():
    estimator = classifier(random_state=0).fit_epochs(X, y, monitor := Monitor(stop_after=2))
    assert len(monitor.reports) == 2
    short = classifier(random_state=0, n_epochs=2).fit(X, y)
    np.testing.assert_array_equal(estimator.model_.coef_, short.model_.coef_)


def test_a_function_that_goes_on_after_the_stop_is_not_heard():
    def train(params, train_data, valid_data, report):
        return [report(score) for score in (0.1, 0.2, 0.3)]

    estimator = FunctionEstimator(train).fit_epochs(X, y, monitor := Monitor((X, y), stop_after=2))
    assert estimator.model_ == [False, True, True]
    assert len(monitor.reports) == 2


def test_valid_data_are_the_folds_test_rows_and_none_in_the_refit():
    seen = []

    def train(params, train_data, valid_data, report):
        seen.append(None if valid_data is None else (len(train_data[0]), len(valid_data[0])))
        return 1.0

    OptunaSearchCV(FunctionEstimator(train, a=1), {"a": [1]}, cv=3).fit(X, y)
    assert seen == [(80, 40)] * 3 + [None]


def test_in_a_pipeline_valid_data_are_transformed():
    means = []

    def train(params, train_data, valid_data, report):
        means.append(np.abs(train_data[0].mean(axis=0)).max())
        if valid_data is not None:
            assert np.abs(valid_data[0].mean()) < 1
        return 1.0

    pipeline = make_pipeline(StandardScaler(), FunctionEstimator(train, a=1))
    OptunaSearchCV(pipeline, {"functionestimator__a": [1]}, cv=3).fit(X + 100, y)
    assert max(means) < 1e-9


def test_a_function_that_scores_itself_is_scored_so():
    search = OptunaSearchCV(
        FunctionEstimator(train_scored, estimator_type="classifier", alpha=1.0),
        {"alpha": [1e-4, 10.0]},
        cv=3,
        report="epoch",
    ).fit(X, y)
    curves = search.learning_curves_
    last = curves["valid_score"][curves["epoch"] == N_EPOCHS].reshape(2, 3)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], last.mean(axis=1))


def test_the_last_reported_score_counts_where_a_model_is_returned():
    def train(params, train_data, valid_data, report):
        for score in (0.2, 0.6):
            report(score)
        return "weights.pt"

    search = OptunaSearchCV(FunctionEstimator(train, a=1), {"a": [1]}, cv=3).fit(X, y)
    assert search.best_score_ == 0.6
    assert search.best_estimator_.model_ == "weights.pt"


def test_the_best_epoch_can_be_gone_back_to():
    estimator = classifier(random_state=0)
    scores, states = [], []

    class Best(Monitor):
        def report(self, **what):
            scores.append(estimator.score(X, y))
            states.append(estimator.get_checkpoint())
            return False

    estimator.fit_epochs(X, y, Best((X, y)))
    estimator.set_checkpoint(states[0])
    assert estimator.score(X, y) == scores[0] != scores[-1]


def test_a_function_that_only_scores_itself_has_the_best_of_its_scores():
    estimator = FunctionEstimator(train_scored, estimator_type="classifier", alpha=1.0)
    search = OptunaSearchCV(estimator, {"alpha": [1e-4, 10.0]}, cv=3, report="epoch", checkpoint="best").fit(X, y)
    curves = pd.DataFrame(search.learning_curves_)
    best = curves.groupby(["trial_number", "fold"])["valid_score"].max().groupby("trial_number").mean()
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], best)


def test_to_go_back_needs_the_models():
    def train(params, train_data, valid_data, report):
        for score in (0.9, 0.1):
            report(score)
        return "weights.pt"

    search = OptunaSearchCV(
        FunctionEstimator(train, a=1), {"a": [1]}, cv=3, report="epoch", checkpoint="best", error_score="raise"
    )
    with pytest.raises(InvalidArgumentError, match=r"report\(score, model=model\), or search with checkpoint='last'"):
        search.fit(X, y)


@pytest.mark.parametrize("train", [train_epochs, train_scored])
def test_same_search_at_any_n_jobs(train):
    def table(n_jobs, backend):
        estimator = classifier(random_state=None) if train is train_epochs else FunctionEstimator(train, alpha=1.0)
        search = OptunaSearchCV(
            estimator,
            {"alpha": [1e-5, 1e-3, 1e-1, 10.0]},
            cv=3,
            report="epoch",
            pruner="median",
            n_jobs=n_jobs,
            random_state=0,
            refit=False,
        )
        with joblib.parallel_config(backend):
            search.fit(X, y)
        return search.cv_results_["mean_test_score"], search.learning_curves_["valid_score"]

    expected = table(1, "threading")
    for backend in ("threading", "loky"):
        for one, other in zip(expected, table(2, backend), strict=True):
            np.testing.assert_array_equal(one, other)


def test_lambdas_reach_worker_processes():
    estimator = FunctionEstimator(
        lambda params, train_data, valid_data, report: params["a"], score_func=lambda model, X, y: model, a=1
    )
    assert list(cross_val_score(estimator, X, y, n_jobs=2, cv=2)) == [1.0, 1.0]


def test_a_fitted_estimator_can_be_pickled_and_holds_no_test_rows():
    estimator = FunctionEstimator(train_scored, alpha=1.0)
    estimator.fit_epochs(X, y, Monitor((np.tile(X, (100, 1)), np.tile(y, 100))))
    pickled = pickle.dumps(estimator)
    assert len(pickled) < 2000
    assert pickle.loads(pickled).alpha == 1.0


def test_a_script_in_another_process_reports_line_by_line(tmp_path):
    script = tmp_path / "train.py"
    script.write_text("import sys, itertools\nfor i in itertools.count(): print(i * float(sys.argv[1]), flush=True)\n")

    def train(params, train_data, valid_data, report):
        command = [sys.executable, str(script), str(params["lr"])]
        score = 0.0
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                score = float(line)
                if report(score) or score > 5:
                    process.kill()
                    break
        return score

    estimator = FunctionEstimator(train, lr=1.0).fit_epochs(X, y, monitor := Monitor((X, y), stop_after=3))
    assert estimator.score(X, y) == 2.0
    assert len(monitor.reports) == 3


# --- errors -----------------------------------------------------------------------------------------------------------


def returning(value):
    return FunctionEstimator(lambda params, train_data, valid_data, report: value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FunctionEstimator("train.py"), "train_func must be a function, got 'train.py'"),
        (lambda: FunctionEstimator(train_logistic, predict_func=3), "predict_func must be a function, got 3"),
        (
            lambda: FunctionEstimator(lambda params, data: 1),
            r"train_func\(params, train_data, valid_data, report\), but got <lambda>\(params, data\)",
        ),
        (lambda: returning(None), "train_func returned None.* a model, or a number"),
        (lambda: FunctionEstimator(train_logistic, c=1.0), r"the parameter 'C', .* has c.*FunctionEstimator\(.*C=..."),
        (lambda: logistic(C=1.0).set_params(estimator_type="clf"), "'classifier', 'regressor' or None, got 'clf'"),
    ],
)
def test_what_cannot_be_used_is_refused_by_fit(make, message):
    with pytest.raises(InvalidArgumentError, match=message):
        make().fit(X, y)


class Yields:
    def __call__(self, *args):
        yield from args


async def wait(*args):
    return args


async def wait_and_yield(*args):
    yield args


def yields(*args):
    yield from args


def yields_after(params, *args):
    yield params


NEVER_RUN = {
    "generator": (yields, "is yields, a generator function"),
    "object": (Yields(), "is Yields, a generator function"),
    "partial": (functools.partial(functools.partial(Yields(), 1), 2), "is Yields, a generator function"),
    "coroutine": (wait, "is wait, an async function.*asyncio.run"),
    "async generator": (wait_and_yield, "is wait_and_yield, an async function"),
    "hidden generator": (lambda *args: yields(*args), "returned <generator object.*of which nothing has run"),
    "hidden coroutine": (lambda *args: wait(*args), "returned <coroutine object.*asyncio.run"),
    "hidden async generator": (lambda *args: wait_and_yield(*args), "returned <async_generator.*asyncio.run"),
}


@pytest.mark.parametrize("kind", NEVER_RUN)
@pytest.mark.parametrize("name", ["train_func", "predict_func", "predict_proba_func", "score_func"])
def test_a_function_whose_call_runs_nothing_is_refused(name, kind):
    function, message = NEVER_RUN[kind]
    estimator = FunctionEstimator(**{"train_func": lambda *args: "model", name: function}, estimator_type="classifier")
    use = {"predict_func": lambda: estimator.predict(X), "predict_proba_func": lambda: estimator.predict_proba(X)}
    with pytest.raises(InvalidArgumentError, match=f"{name} must return .*{message}"):
        estimator.fit(X, y) and use.get(name, lambda: estimator.score(X, y))()


def test_a_generator_that_trains_is_told_to_return_and_report():
    with pytest.raises(InvalidArgumentError, match=r"Return the model, and call report\(score\).*not yield"):
        FunctionEstimator(yields_after).check_fit()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FunctionEstimator(yields), "a generator function"),
        (lambda: FunctionEstimator(train_logistic, predict_func=yields), "predict_func must return all predictions"),
        (lambda: FunctionEstimator(lambda params: params), "called with four arguments"),
        (lambda: FunctionEstimator(train_logistic, score_func=3), "score_func must be a function, got 3"),
        (lambda: FunctionEstimator(train_logistic, estimator_type="tree"), "estimator_type must be .* got 'tree'"),
        (lambda: FunctionEstimator(train_logistic, random_state="x"), "random_state must be an int.* got 'x'"),
    ],
)
def test_parameters_that_cannot_be_used_are_told_before_the_first_fit(make, message):
    for refused in (lambda: make().check_fit(), lambda: make().check_fit(X, y), lambda: make().fit(X, y)):
        with pytest.raises(InvalidArgumentError, match=message):
            refused()


def test_targets_that_cannot_be_used_are_told_before_the_first_fit():
    with pytest.raises(InvalidArgumentError, match="classifier requires y"):
        logistic(C=1.0).check_fit(X)
    with pytest.raises(InvalidArgumentError, match="Unknown label type: continuous"):
        logistic(C=1.0).check_fit(X, X[:, 0])
    logistic(C=1.0).check_fit()  # nothing is said of targets that nobody has seen


def test_a_check_before_the_first_fit_calls_nothing_draws_nothing_and_leaves_nothing():
    calls = []
    generator = np.random.RandomState(0)
    estimator = FunctionEstimator(lambda *args: calls.append(args), estimator_type="classifier", random_state=generator)
    before = dict(vars(estimator))
    estimator.check_fit()
    estimator.check_fit(X, y)
    assert not calls
    assert vars(estimator) == before
    assert generator.randint(1000) == np.random.RandomState(0).randint(1000)


def test_a_number_is_a_model_where_a_function_uses_it():
    estimator = FunctionEstimator(
        lambda params, train_data, valid_data, report: params["threshold"],
        predict_func=lambda threshold, X: (X[:, 0] > threshold).astype(int),
        estimator_type="classifier",
        threshold=0.3,
    )
    np.testing.assert_array_equal(estimator.fit(X, y).predict(X), X[:, 0] > 0.3)


def test_a_missing_parameter_can_still_be_caught_as_a_missing_key():
    def train(params, train_data, valid_data, report):
        with pytest.raises(KeyError):
            params["momentum"]
        return params.get("momentum", 0.9)

    estimator = FunctionEstimator(train).fit_epochs(X, y, Monitor((X, y)))
    assert estimator.score(X, y) == 0.9


def test_tab_completion_shows_parameters_scikit_learns_methods_and_the_protocol_of_epochs():
    protocol = {"check_fit", "fit_epochs", "get_checkpoint", "set_checkpoint"}
    scikit_learns = {"fit", "predict", "predict_proba", "score", "get_params", "set_params", "get_metadata_routing"}
    estimator = FunctionEstimator(train_logistic, predict_func=predict, predict_proba_func=predict_proba, C=1.0)
    shown = {name for name in dir(estimator) if not name.startswith("_")}
    assert shown == protocol | scikit_learns | set(estimator.get_params())


def test_unknown_parameters_are_refused_with_the_nearest_names():
    with pytest.raises(
        InvalidArgumentError, match=r"no parameter 'alfa'.*Nearest to 'alfa': 'alpha'.*FunctionEstimator\(train"
    ):
        classifier().set_params(alfa=1)
    with pytest.raises(InvalidArgumentError, match="alpha"):
        OptunaSearchCV(classifier(), {"alfa": [1]}).fit(X, y)


@pytest.mark.parametrize("name", ["fit", "score", "model_", "_x", "a__b"])
def test_names_that_cannot_be_parameters_are_refused(name):
    with pytest.raises(InvalidArgumentError, match=f"'{name}' cannot be a parameter of train_func"):
        FunctionEstimator(train_logistic, **{name: 1})


def test_a_near_miss_of_a_functions_name_is_pointed_out():
    with pytest.raises(InvalidArgumentError, match="Nearest to 'score': 'score_func'"):
        FunctionEstimator(train_logistic, score=lambda: 1)


def test_a_model_of_unknown_kind_is_not_scored():
    with pytest.raises(InvalidArgumentError, match="score_func, or say estimator_type="):
        FunctionEstimator(train_logistic, predict_func=predict, C=1.0).fit(X, y).score(X, y)


def test_a_functions_own_score_is_refused_for_other_rows():
    estimator = returning(0.5)
    with pytest.raises(InvalidArgumentError, match="only in a fold of an OptunaSearchCV"):
        estimator.fit(X, y).score(X, y)
    estimator.fit_epochs(X, y, Monitor((X[:10], y[:10])))
    assert estimator.score(np.asfortranarray(X[:10]), y[:10].copy()) == 0.5
    for rows in ((X[:11], y[:11]), (X[:10], 1 - y[:10])):
        with pytest.raises(InvalidArgumentError, match="these are other rows"):
            estimator.score(*rows)


@pytest.mark.parametrize("convert", [pd.DataFrame, lambda X: [f"{x}.png" for x in X[:, 0]]])
def test_rows_of_any_kind_are_known_again(convert):
    estimator = returning(0.5).fit_epochs(convert(X), y, Monitor((convert(X), pd.Series(y))))
    assert estimator.score(convert(X.copy()), pd.Series(y)) == 0.5


def test_a_score_that_is_not_a_number_is_refused():
    estimator = returning(np.nan).fit_epochs(X, y, Monitor((X, y)))
    with pytest.raises(InvalidArgumentError, match="is NaN"):
        estimator.score(X, y)
    reporting = FunctionEstimator(lambda params, train_data, valid_data, report: report("good"))
    with pytest.raises(InvalidArgumentError, match="report's score must be a number, got 'good'"):
        reporting.fit_epochs(X, y, Monitor((X, y)))


def test_an_epoch_without_score_and_model_is_refused_where_there_are_rows():
    estimator = FunctionEstimator(lambda params, train_data, valid_data, report: report(train_loss=0.1))
    with pytest.raises(InvalidArgumentError, match=r"Call report\(score\) or report\(model=model\)"):
        estimator.fit_epochs(X, y, Monitor((X, y)))
    assert estimator.fit_epochs(X, y, monitor := Monitor()).model_ is False
    assert monitor.reports == [(0.1, None)]


def test_a_second_fit_leaves_nothing_of_the_first():
    returned = iter([0.5, None])
    estimator = FunctionEstimator(lambda *_: next(returned), estimator_type="classifier")
    estimator.fit_epochs(X, y, Monitor((X, y)))
    with pytest.raises(InvalidArgumentError):
        estimator.fit(X, y)
    assert not hasattr(estimator, "model_")
