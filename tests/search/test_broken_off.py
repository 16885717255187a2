"""A search that was broken off: what it keeps, what it says, and how it is finished all the same."""

import contextlib
import pickle
import signal
import threading

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import check_is_fitted

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError

X, y = load_iris(return_X_y=True)
SPACE = {"C": [0.01, 0.1, 1.0, 10.0]}


def interrupt_after(number, how=None):
    def callback(study, trial):
        if trial.number == number:
            if how == "signal":
                signal.raise_signal(signal.SIGINT)
            raise KeyboardInterrupt

    return callback


def search(estimator=None, space=SPACE, *, after=2, how=None, **rest):
    estimator = LogisticRegression(max_iter=500) if estimator is None else estimator
    callbacks = None if after is None else [interrupt_after(after, how)]
    return OptunaSearchCV(estimator, space, cv=3, random_state=0, study_callbacks=callbacks, **rest)


def broken_off(**arguments):
    broken = search(**arguments)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, y)
    return broken


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_a_broken_off_search_says_what_it_keeps_and_how_to_go_on(method):
    with pytest.raises(NotFittedError, match=r"broken off .* 3 candidates are kept; call refit_best\(X, y\)"):
        getattr(broken_off(), method)(X)


def test_one_candidate_is_one():
    with pytest.raises(NotFittedError, match="1 candidate is kept; call refit_best"):
        broken_off(after=0).score(X, y)


def test_a_search_broken_off_before_its_first_candidate_keeps_none():
    class Interrupts(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            raise KeyboardInterrupt

    broken = broken_off(estimator=Interrupts(), after=None)
    with pytest.raises(NotFittedError, match=r"No candidate is kept; call fit\(X, y\)"):
        broken.predict(X)
    with pytest.raises(NotFittedError, match="no best candidate to fit: No candidate is kept"):
        broken.refit_best(X, y)


def test_the_best_candidate_can_be_refitted_later():
    broken = broken_off(estimator=SGDClassifier(), space={"alpha": [1e-4, 1e-3, 1e-2, 1.0]})
    broken = pickle.loads(pickle.dumps(broken.set_params(study_callbacks=None)))
    assert broken.refit_best(X, y) is broken
    assert broken.best_estimator_.alpha == broken.best_params_["alpha"]
    check_is_fitted(broken.best_estimator_)
    assert broken.predict(X).shape == y.shape
    assert broken.refit_time_ > 0


@pytest.mark.filterwarnings("ignore:The search was interrupted")
def test_a_later_refit_is_the_one_that_the_search_would_have_made():
    expected = search(after=None, space={"C": SPACE["C"][:3]}).fit(X, y)
    for found in (broken_off().refit_best(X, y), search(interrupted="return").fit(X, y)):
        assert found.best_params_ == expected.best_params_
        np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


def test_seeds_of_a_later_refit_are_those_of_the_fit():
    """A leaf that asks for a seed gets the one of the refit, which depends on the search's seed, also a drawn one."""
    from sk_optuna.worker import seed_of

    class Seeded(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            self.seed_ = seed_of(None)
            return super().fit(X, y)

    whole = OptunaSearchCV(Seeded(max_iter=500), SPACE, cv=3).fit(X, y)
    seed = whole.best_estimator_.seed_
    assert whole.refit_best(X, y).best_estimator_.seed_ == seed


def test_interrupted_return_refits_and_warns_how_much_was_finished():
    with pytest.warns(UserWarning, match="3 of 4 candidates were finished; the best of them is refitted now"):
        found = search(interrupted="return").fit(X, y)
    assert found.n_trials_ == 3
    assert found.predict(X).shape == y.shape


def test_interrupted_return_without_refit_keeps_the_table():
    with pytest.warns(UserWarning, match="3 of 4 candidates were finished; they are in cv_results_"):
        found = search(interrupted="return", refit=False, scoring=["accuracy", "f1_macro"]).fit(X, y)
    assert len(found.cv_results_["params"]) == 3


def test_interrupted_return_raises_where_nothing_was_finished():
    class Interrupts(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            raise KeyboardInterrupt

    broken_off(estimator=Interrupts(), after=None, interrupted="return")


class SwallowingAtRefit(LogisticRegression):
    """Ctrl-C is pressed in the refit, and swallowed."""

    def fit(self, X, y, sample_weight=None):
        if len(X) == 150:
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        return super().fit(X, y)


@pytest.mark.filterwarnings("ignore:The search was interrupted")
@pytest.mark.parametrize("interrupted", ["raise", "return"])
@pytest.mark.parametrize("after", [None, 1])
def test_ctrl_c_in_the_refit_raises(interrupted, after):
    broken = search(SwallowingAtRefit(max_iter=500), after=after, how="signal", interrupted=interrupted)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, y)
    assert broken.n_trials_ == (4 if after is None else 2)


def test_two_interrupts_are_the_end_even_if_the_first_would_return():
    def swallow_one_and_raise(study, trial):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGINT)

    broken = search(after=None, interrupted="return").set_params(study_callbacks=[swallow_one_and_raise])
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, y)


def test_a_fit_that_swallows_ctrl_c_ends_the_search_all_the_same():
    class Swallowing(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            if self.C == 1.0:
                with contextlib.suppress(KeyboardInterrupt):
                    signal.raise_signal(signal.SIGINT)
            return super().fit(X, y)

    assert broken_off(estimator=Swallowing(max_iter=500), after=None).n_trials_ == 2


def test_an_interrupt_that_code_raises_and_catches_ends_nothing():
    class Stopping(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt:
                return super().fit(X, y)

    assert search(Stopping(max_iter=500), after=None).fit(X, y).n_trials_ == 4


@pytest.mark.parametrize("own", [signal.SIG_DFL, signal.SIG_IGN, lambda signum, frame: None])
def test_handlers_are_as_before_and_an_own_one_of_sigterm_stays_meanwhile(own):
    during = []
    before = signal.signal(signal.SIGTERM, own)
    try:
        of_ctrl_c = signal.getsignal(signal.SIGINT)
        broken = search().set_params(
            study_callbacks=[lambda study, trial: during.append(signal.getsignal(signal.SIGTERM)), interrupt_after(2)]
        )
        with pytest.raises(KeyboardInterrupt):
            broken.fit(X, y)
        assert signal.getsignal(signal.SIGTERM) == own
        assert signal.getsignal(signal.SIGINT) == of_ctrl_c
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (set(during) == {own}) == (own is not signal.SIG_DFL)


def test_other_threads_touch_no_handler():
    fitted, handlers = [], set()
    whole = search(after=None).set_params(
        study_callbacks=[lambda study, trial: handlers.add(signal.getsignal(signal.SIGTERM))]
    )
    thread = threading.Thread(target=lambda: fitted.append(whole.fit(X, y)))
    thread.start()
    thread.join()
    assert fitted == [whole]
    assert handlers == {signal.getsignal(signal.SIGTERM)}


def test_refit_best_serves_a_search_without_refit():
    found = search(after=None, refit=False).fit(X, y)
    expected = GridSearchCV(LogisticRegression(max_iter=500), SPACE, cv=3).fit(X, y)
    np.testing.assert_array_equal(found.refit_best(X, y).best_estimator_.coef_, expected.best_estimator_.coef_)


def test_refit_best_passes_other_arguments_on():
    weights = np.linspace(0.1, 2, len(X))
    found = broken_off().refit_best(X, y, sample_weight=weights)
    expected = LogisticRegression(max_iter=500, **found.best_params_).fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(found.best_estimator_.coef_, expected.coef_)


def test_refit_best_needs_a_fit():
    with pytest.raises(NotFittedError, match="no best candidate to fit"):
        search().refit_best(X, y)
    assert not hasattr(search(), "best_estimator_")


@pytest.mark.parametrize("value", ["keep", None, True])
def test_an_unknown_way_to_end_is_refused(value):
    with pytest.raises((InvalidArgumentError, ValueError), match="'interrupted' parameter"):
        search(interrupted=value).fit(X, y)
