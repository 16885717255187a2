"""Patience and TargetScore: when they end a study, and a search, and that they keep nothing of the last one."""

import copy
import pickle

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial
from scipy.stats import uniform
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import KFold

from sk_optuna import OptunaSearchCV
from sk_optuna.callbacks import Patience, TargetScore
from sk_optuna.exceptions import InvalidArgumentError

# integers, too: told apart from numbers by identity
PRUNED, FAIL = TrialState.PRUNED, TrialState.FAIL


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def objective_of(outcomes):
    """Return the objective whose trials end like that: a number, or a state."""

    def objective(trial):
        outcome = outcomes[trial.number]
        if outcome is PRUNED:
            trial.report(1e9, 0)  # which Optuna takes for the value of the pruned trial
            raise optuna.TrialPruned
        return float("nan") if outcome is FAIL else outcome

    return objective


def n_run(callback, outcomes, direction="maximize", before=()):
    """Return how many trials ran until the callback ended the study."""
    study = optuna.create_study(direction=direction)
    study.add_trials(before)
    objective = objective_of([None] * len(before) + list(outcomes))
    study.optimize(objective, n_trials=len(outcomes), callbacks=[callback])
    return len(study.trials) - len(before)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([1, 0, 0, 0, 0], 4),
        ([1, 0, 2, 0, 0, 0, 9], 6),
        ([1, 1, 1, 1, 1], 4),  # equal is no better
        ([1, 0, 0, 2, 0], 5),  # one that comes in time
        ([1, PRUNED, FAIL, PRUNED, 0], 4),
        ([PRUNED, FAIL, PRUNED, 0], 3),
        ([FAIL, FAIL, -9, PRUNED, FAIL, -9, 0], 6),
        ([float("-inf")] * 5, 4),
    ],
)
def test_patience_ends_a_study_after_three_trials_in_a_row_without_an_improvement(outcomes, expected):
    assert n_run(Patience(3), outcomes) == expected
    negated = [outcome if isinstance(outcome, TrialState) else -outcome for outcome in outcomes]
    assert n_run(Patience(3), negated, "minimize") == expected


def test_gains_up_to_min_delta_are_no_improvement_but_add_up():
    assert n_run(Patience(3, min_delta=1.0), [0, 1, 0.5, 1.0, 0, 0]) == 4
    assert n_run(Patience(3, min_delta=1.0), [0, 0.6, 1.2, 0, 0, 0, 0]) == 6
    assert n_run(Patience(3, min_delta=1.0), [0, -0.6, -1.2, 0, 0, 0, 0], "minimize") == 6


values = st.one_of(st.integers(-3, 3), st.sampled_from([PRUNED, FAIL]))


@given(st.lists(values, min_size=1, max_size=25), st.integers(1, 6))
def test_patience_ends_at_the_first_window_whose_trials_are_no_better_than_those_before(outcomes, n):
    scores = [-100 if isinstance(outcome, TrialState) else outcome for outcome in outcomes]

    def is_over(end):
        before = max(scores[: end - n], default=-100)
        return end >= n and max(scores[end - n : end]) <= before

    expected = next((end for end in range(1, len(outcomes) + 1) if is_over(end)), len(outcomes))
    assert n_run(Patience(n), outcomes) == expected


def test_target_score_ends_a_study_at_the_first_complete_trial_that_reaches_it():
    assert n_run(TargetScore(2), [0, PRUNED, FAIL, 1.9, 2, 3, 4]) == 5
    assert n_run(TargetScore(-2), [0, PRUNED, FAIL, -1.9, -2, -3], "minimize") == 5
    assert n_run(TargetScore(9), [0, 1, 2]) == 3


def test_trials_from_before_count():
    before = [create_trial(value=value) for value in (1.0, 0.0, 0.0)]
    assert n_run(Patience(3), [0, 0, 0], before=before) == 1
    assert n_run(TargetScore(1), [0, 0, 0], before=before) == 1


def test_running_and_waiting_trials_do_not_count():
    study = optuna.create_study(direction="maximize")
    study.add_trial(create_trial(value=1.0))
    study.enqueue_trial({})
    study.add_trial(create_trial(state=TrialState.RUNNING))
    for callback in (Patience(2), TargetScore(2)):
        callback(study, study.trials[0])  # else Optuna refuses to stop a study that does not run


def test_a_study_of_several_objectives_is_refused():
    study = optuna.create_study(directions=["maximize", "minimize"])
    for callback in (Patience(2), TargetScore(2)):
        with pytest.raises(
            InvalidArgumentError, match=rf"{type(callback).__name__} needs a study with one objective.* 2"
        ):
            study.optimize(lambda trial: (0, 0), n_trials=1, callbacks=[callback])


@pytest.mark.parametrize("n_trials", [0, -1, 2.0, "20", None, True, np.nan])
def test_a_patience_that_is_no_number_of_trials_is_refused(n_trials):
    with pytest.raises(
        InvalidArgumentError, match=r"n_trials of Patience must be an int of at least 1.*Patience\(20\)"
    ):
        Patience(n_trials)


@pytest.mark.parametrize("min_delta", [-0.1, np.nan, np.inf, "0.1", None, True])
def test_a_difference_that_is_none_is_refused(min_delta):
    with pytest.raises(InvalidArgumentError, match=r"min_delta of Patience must be a finite number of at least 0"):
        Patience(5, min_delta=min_delta)


@pytest.mark.parametrize("score", [np.nan, np.inf, "0.9", None, True, [0.9]])
def test_a_target_that_is_no_score_is_refused(score):
    with pytest.raises(InvalidArgumentError, match=r"score of TargetScore must be a finite number.*'neg_log_loss'"):
        TargetScore(score)


@pytest.mark.parametrize("kind", [Patience, TargetScore])
def test_a_class_in_the_place_of_a_callback_is_refused_before_the_first_fit(kind):
    with pytest.raises(
        InvalidArgumentError, match=rf"study_callbacks\[0\].*the class {kind.__name__}.*{kind.__name__}\("
    ):
        search(kind).fit(X)
    assert FITS == []


def test_numbers_of_numpy_will_do():
    assert Patience(np.int64(3), np.float32(0.5)) == Patience(3, 0.5)
    assert TargetScore(np.float64(1)) == TargetScore(1)


@pytest.mark.parametrize("callback", [Patience(3, min_delta=0.5), TargetScore(0.9)])
def test_copies_are_equal_and_shown_as_they_are_written(callback):
    assert copy.deepcopy(callback) == pickle.loads(pickle.dumps(callback)) == callback == eval(repr(callback))


# --- in a search ------------------------------------------------------------------------------------------------------

X = np.arange(12.0)[:, None]
FITS = []

pytestmark = [
    pytest.mark.usefixtures("sent_by_value"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _no_fits():
    FITS.clear()


class Hill(BaseEstimator):
    def __init__(self, a=0.0):
        self.a = a

    def fit(self, X, y=None):
        FITS.append(self.a)
        return self

    def score(self, X, y=None):
        return -abs(self.a - 0.7) + 0.001 * float(X[0, 0])


def search(callback, n_jobs=1, **arguments):
    whole = {"n_trials": 40, "cv": KFold(3), "random_state": 0, "sampler": "random", **arguments}
    return OptunaSearchCV(Hill(), {"a": uniform(0, 1)}, n_jobs=n_jobs, study_callbacks=[callback], **whole)


@pytest.mark.parametrize("callback", [Patience(5), TargetScore(-0.1)], ids=["patience", "target"])
@pytest.mark.parametrize("pruner", [None, "race"])
def test_a_search_ends_after_the_same_trial_at_any_n_jobs_and_in_each_fit(callback, pruner):
    one = search(callback, pruner=pruner).fit(X)
    again = one.cv_results_["params"]
    assert 1 < one.n_trials_ < 40
    for other in (one.fit(X), clone(one).fit(X), search(callback, 2, pruner=pruner).fit(X)):
        assert other.cv_results_["params"] == again


def test_a_search_ends_five_trials_after_its_best():
    found = search(Patience(5)).fit(X)
    assert found.best_trial_.number == found.n_trials_ - 6


def test_estimates_of_pruned_trials_do_not_reach_a_target():
    target = -0.05
    found = search(TargetScore(target), pruner="race").fit(X)
    complete = found.cv_results_["trial_state"] == "COMPLETE"
    reached = np.flatnonzero(complete & (found.cv_results_["mean_test_score"] >= target))
    assert reached.tolist() == [found.n_trials_ - 1]
