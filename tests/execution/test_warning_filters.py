"""Warning filters belong to the process: a search leaves them alone wherever another thread may be fitting."""

import ast
import threading
import warnings
from itertools import count
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.utils import parallel

import sk_optuna
from sk_optuna import OptunaSearchCV

X, Y = np.arange(12.0)[:, None], np.arange(12.0)


def search(estimator, space=None, **kwargs):
    settings = {"n_trials": None, "cv": 3, "refit": False, "error_score": "raise", "n_jobs": 3}
    return OptunaSearchCV(estimator, space or {"a": [0]}, **{**settings, **kwargs})


def on_threads(estimator, **kwargs):
    with joblib.parallel_config("threading"):
        return search(estimator, **kwargs).fit(X, Y)


class Moments:
    """Moments of three fits, each in a thread; whoever waits for one fails if it does not come."""

    def __init__(self, *names):
        self.roles = count()
        self.happened = {name: threading.Event() for name in names}

    def reach(self, name):
        self.happened[name].set()

    def after(self, name):
        assert self.happened[name].wait(60), name


class Scripted(RegressorMixin, BaseEstimator):
    """Calls one of its class's three `parts` in each fit."""

    parts = ()
    moments = None

    def __init__(self, a=0):
        self.a = a

    def fit(self, X, y):
        self.parts[next(self.moments.roles)](self.moments)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def call_in_parallel(function, before=lambda: None):
    """Make one parallel call, in this thread, as SGDClassifier does for each class. `before` runs in between."""

    def calls():
        before()
        yield parallel.delayed(function)()

    return parallel.Parallel(n_jobs=1)(calls())


def test_no_fit_fails_since_another_makes_parallel_calls(monkeypatch):
    """The order of events in which scikit-learn's wrapper says, of a right use of it, that it is used wrongly.

    The first fit empties the filters, the second takes note of them, the third has a copy of them in place when the
    first puts them back. So the second knows no filters, and says so while warnings are errors again.
    """
    reset = warnings.resetwarnings

    def reset_and_wait():
        reset()
        if threading.current_thread() is first[0]:
            moments.reach("emptied")
            moments.after("copied")

    def call_and_wait():
        moments.reach("emptied")
        moments.after("copied")
        moments.reach("filled")
        moments.after("called")

    def one(moments):
        first.append(threading.current_thread())
        call_in_parallel(call_and_wait)

    def two(moments):
        def noted():
            moments.reach("noted")
            moments.after("filled")

        moments.after("emptied")
        try:
            call_in_parallel(int, noted)
        finally:
            moments.reach("called")

    def three(moments):
        moments.after("noted")
        with warnings.catch_warnings():
            moments.reach("copied")
            moments.after("called")

    first = []
    moments = Moments("emptied", "noted", "copied", "filled", "called")
    monkeypatch.setattr(warnings, "resetwarnings", reset_and_wait)
    monkeypatch.setattr(Scripted, "parts", (one, two, three))
    monkeypatch.setattr(Scripted, "moments", moments)
    found = on_threads(Scripted())
    assert found.cv_results_["trial_state"].tolist() == ["COMPLETE"]


def test_fits_that_make_parallel_calls_leave_the_filters_of_other_threads_in_place(monkeypatch):
    """The first fit to begin is the first to end; the others would put its filters back, for good."""
    seen = []

    def look(own, awaited):
        def called():
            seen.append(warnings.filters)
            moments.reach(own)
            moments.after(awaited)

        return called

    def one(moments):
        call_in_parallel(look("one is within", "three is within"))
        moments.reach("one has left")

    def two(moments):
        moments.after("one is within")
        call_in_parallel(look("two is within", "one has left"))
        moments.reach("two has left")

    def three(moments):
        moments.after("two is within")
        call_in_parallel(look("three is within", "two has left"))

    moments = Moments(*(f"{who} {does}" for who in ("one", "two", "three") for does in ("is within", "has left")))
    monkeypatch.setattr(Scripted, "parts", (one, two, three))
    monkeypatch.setattr(Scripted, "moments", moments)
    before = warnings.filters
    on_threads(Scripted())
    assert warnings.filters is before
    assert len(seen) == 3
    assert all(filters is before for filters in seen)


class Configured(Scripted):
    """Predicts whether its parallel call knew the configuration that `fit` was called under."""

    def fit(self, X, y):
        self.knew_ = call_in_parallel(lambda: sklearn.get_config()["assume_finite"])[0]
        return self

    def predict(self, X):
        return np.full(len(X), float(self.knew_))


@pytest.mark.parametrize("known", [False, True])
def test_parallel_calls_in_a_thread_know_the_configuration(known):
    with sklearn.config_context(assume_finite=known):
        found = on_threads(Configured(), scoring=lambda estimator, X, y: float(estimator.predict(X)[0]))
    assert found.cv_results_["mean_test_score"].tolist() == [float(known)]


class Failing(Scripted):
    def fit(self, X, y):
        raise ValueError("no")


def test_scikit_learns_wrapper_of_parallel_calls_is_its_own_again_after_a_search():
    wrapper = parallel._FuncWrapper.__call__
    on_threads(Configured())
    assert parallel._FuncWrapper.__call__ is wrapper
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        on_threads(Failing(), error_score=np.nan)
    assert parallel._FuncWrapper.__call__ is wrapper


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_an_interrupt_keeps_scores_that_are_not_finite_without_a_word(score):
    """Warnings are errors here."""

    def interrupt(study, trial):
        raise KeyboardInterrupt

    def steep(estimator, X, y):
        return score if X[0] else 1.0

    found = search(DummyRegressor(), {"constant": [0]}, scoring=steep, study_callbacks=[interrupt], n_jobs=1)
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, Y)
    assert found.n_trials_ == 1
    np.testing.assert_array_equal(found.cv_results_["mean_test_score"], [score])


def test_no_function_exchanges_the_filters():
    """Any may be called beside fits: the search itself, if it runs in a thread, as well as what a fold calls."""
    exchanges = {"catch_warnings", "filterwarnings", "resetwarnings", "simplefilter"}
    for path in Path(sk_optuna.__file__).parent.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                names = {getattr(node, "attr", getattr(node, "id", None)) for node in ast.walk(function)}
                assert not exchanges & names, f"{path}, line {function.lineno}"
