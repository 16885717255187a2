"""The race between epochs: what is compared, what is learned from trials that ran to their end, when it is silent."""

import pickle
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold

from sk_optuna import OptunaSearchCV
from sk_optuna.epochs._protocol import Curve
from sk_optuna.spaces import space_from_user
from sk_optuna.study import Proposals, open_pruning, open_study
from sk_optuna.study._epoch_race import N_STARTUP, Rival, race_judge

EPOCHS = np.arange(1, 11)
NONE = np.empty(0)
NOTHING_RAN = SimpleNamespace(n_leading=0)


def told(n_trials=8, *, n_folds=3, noise=0.02, seed=0, shift=0.0):
    """Trials that tell early what they are worth, up to noise; their curves are of the first fold."""
    rng = np.random.default_rng(seed)
    found = []
    for level in np.linspace(0.5, 0.9, n_trials):
        finals = shift + level + rng.normal(scale=noise, size=n_folds)
        found.append(Rival(finals, (finals[0] + rng.normal(scale=noise, size=len(EPOCHS) - 1)).tolist()))
        found[-1].curve.append(finals[0])
    return found


def stops_at(judge, scores):
    """Return the epoch after which a trial ends that scores the same everywhere, None if none."""
    return next((k for k in range(1, len(EPOCHS) + 1) if judge.stops([scores] * k)), None)


# --- what is decided --------------------------------------------------------------------------------------------------


def test_who_is_far_behind_is_stopped_at_once_and_who_is_ahead_never():
    judge = race_judge(NONE, told())
    assert stops_at(judge, 0.3) == 1
    assert stops_at(judge, 0.95) is None


def test_the_limit_is_what_a_computation_by_hand_says():
    """Four others are .1 to .4 behind at the end, and .2 less far at the first epoch: Student's t, 4 degrees, .9."""
    trials = [Rival(np.full(2, 0.9 - d), (0.5 - d + (0.2 if d else 0), 0.9 - d)) for d in (0, 0.1, 0.2, 0.3, 0.4)]
    judge = race_judge(NONE, trials)
    assert judge.least == pytest.approx({1: 0.5 - 1.5332062740589 * 0.2, 2: 0.9}, rel=1e-8)
    after_one = race_judge(np.array([0.85]), trials)
    assert after_one.least == pytest.approx({1: 0.5 + 0.05 - 2 * 1.5332062740589 * 0.1}, rel=1e-8)


def test_where_early_epochs_say_little_of_the_end_nobody_is_stopped_by_them():
    rng = np.random.default_rng(0)
    trials = [Rival(trial.finals, [*rng.uniform(0, 1, size=len(EPOCHS) - 1), trial.finals[0]]) for trial in told()]
    judge = race_judge(NONE, trials)
    assert stops_at(judge, 0.5) == len(EPOCHS)
    assert stops_at(race_judge(NONE, told()), 0.5) == 1


def test_folds_that_ended_count_as_much_as_the_running_one():
    ahead, behind = (race_judge(np.array([score]), told()) for score in (1.2, 0.6))
    assert stops_at(ahead, 0.75) is None
    assert stops_at(behind, 0.75) == 1


def test_looks_are_at_powers_of_two_and_at_the_end_of_a_fold_but_the_last():
    assert list(race_judge(NONE, told()).least) == [1, 2, 4, 8, 10]
    assert list(race_judge(np.array([0.7, 0.7]), told()).least) == [1, 2, 4, 8]


def test_who_ties_with_the_incumbent_is_not_stopped():
    trials = told()
    best = max(trials, key=lambda trial: trial.finals.mean())
    judge = race_judge(NONE, trials)
    assert not any(judge.stops(best.curve[:k]) for k in range(1, len(EPOCHS) + 1))


@pytest.mark.parametrize("shift", [-1000.0, 3.0])
@pytest.mark.parametrize("finals", [[], [0.7], [0.7, 0.8]])
def test_a_number_added_to_all_scores_changes_no_decision(shift, finals):
    plain = race_judge(np.array(finals), told())
    shifted = race_judge(np.array(finals) + shift, told(shift=shift))
    assert {k: least + shift for k, least in plain.least.items()} == pytest.approx(shifted.least, abs=1e-9)


def test_a_judge_decides_the_same_after_it_was_sent_to_a_worker_and_is_small():
    judge = race_judge(NONE, told(200))
    sent = pickle.loads(pickle.dumps(judge))
    assert sent == judge
    assert len(pickle.dumps(judge)) < 500


# --- when it is silent ------------------------------------------------------------------------------------------------


def test_nobody_is_stopped_before_there_are_enough_complete_trials():
    assert race_judge(NONE, told(N_STARTUP - 1)) is None
    assert stops_at(race_judge(NONE, told(N_STARTUP)), -5.0) == 1


def test_trials_that_are_the_incumbent_again_say_nothing_of_differences():
    trials = told(N_STARTUP - 1)
    assert race_judge(NONE, trials + [trials[-1]] * 5).least == {}


def test_scores_that_are_no_numbers_stop_nobody():
    judge = race_judge(NONE, told())
    assert not judge.stops([float("-inf")])
    assert not judge.stops([float("nan"), 0.0])
    assert race_judge(np.array([np.nan]), told()) is None


def test_curves_are_compared_as_far_as_enough_others_and_the_incumbent_go():
    best, *others = sorted(told(9), key=lambda trial: -trial.finals.mean())
    shorter = [Rival(trial.finals, trial.curve[:3]) for trial in others]
    assert list(race_judge(NONE, [best, *shorter]).least) == [1, 2]
    assert list(race_judge(NONE, [best, *shorter[:4], *others[4:]]).least) == [1, 2, 4, 8, 10]
    cut = Rival(best.finals, best.curve[:3])
    assert list(race_judge(NONE, [cut, *others]).least) == [1, 2, 3]


# --- in a search ------------------------------------------------------------------------------------------------------


class Model(BaseEstimator):
    """Has a learning curve for each parameter and fold."""

    def __init__(self, a=0.5):
        self.a = a

    def fit(self, X, y=None):
        return self

    def fit_epochs(self, X, y, monitor):
        rng = np.random.default_rng([int(self.a * 1e6), int(X.sum())])
        for score in self.a * (1 - np.exp(-EPOCHS / 3)) + rng.normal(scale=0.02, size=len(EPOCHS)):
            self.score_ = float(score)
            if monitor.report(score=self.score_):
                break
        return self

    def score(self, X, y=None):
        return self.score_


X = np.arange(20.0)[:, None]
SPACE = {"a": FloatDistribution(0, 1)}


def search(**kwargs):
    settings = {"n_trials": 30, "pruner": "race", "report": "epoch", "cv": KFold(4), "refit": False, "random_state": 0}
    return OptunaSearchCV(Model(), SPACE, **{**settings, **kwargs}).fit(X)


def test_a_search_spares_epochs_and_finds_what_the_one_without_pruning_finds():
    pruned, whole = search(sampler="random"), search(sampler="random", pruner=None)
    n_epochs = pruned.cv_results_["n_epochs_run"]
    assert n_epochs.sum() < 0.6 * whole.cv_results_["n_epochs_run"].sum()
    assert pruned.best_params_ == whole.best_params_
    assert pruned.best_score_ == whole.best_score_
    complete = pruned.cv_results_["trial_state"] == "COMPLETE"
    assert (n_epochs[complete] == 40).all()
    assert complete[:N_STARTUP].all()


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_a_search_is_the_same_at_any_number_of_jobs(n_jobs):
    alone, side_by_side = search(), search(n_jobs=n_jobs)
    for column in ("params", "mean_test_score", "n_epochs_run", "trial_state"):
        assert list(map(str, alone.cv_results_[column])) == list(map(str, side_by_side.cv_results_[column]))


def opened():
    space = space_from_user(SPACE, None, Model())
    proposals = Proposals(
        open_study(0), space, lambda number: optuna.samplers.RandomSampler(seed=number), random_state=0, n_trials=30
    )
    opening = {"by_epoch": True, "n_splits": 3, "random_state": 0}
    return proposals, open_pruning("race", proposals.study, proposals.told, **opening)


def test_each_fold_is_compared_with_itself():
    proposals, pruning = opened()
    for level in np.linspace(0.5, 0.9, N_STARTUP):
        proposal, finals = proposals.ask(), level + np.array([-0.4, 0.0, 0.4])
        curves = [Curve((1, 2), (0.0,) * 2, (final - 0.1, final), 2, {}) for final in finals]
        pruning.finish(proposal, finals, curves)
        proposals.tell(proposal, level, scores=finals, curves=curves)
    late, (hard, middle, easy) = proposals.ask(), pruning.order
    for fold, before, best in (hard, [], 0.5), (middle, [0.5], 0.9), (easy, [0.5, 0.9], 1.3):
        judge = pruning.judge(late, fold, np.array(before))
        assert not judge.stops([best - 0.099])
        assert judge.stops([best - 0.101])


def test_a_judge_knows_what_had_been_told_when_the_trial_was_asked():
    proposals, pruning = opened()
    early = proposals.ask()
    for level in np.linspace(0.5, 0.9, N_STARTUP):
        proposal, curve = proposals.ask(), Curve((1, 2), (0.0,) * 2, (level - 0.1, level), 2, {})
        pruning.finish(proposal, np.full(3, level), [curve] * 3)
        proposals.tell(proposal, level, scores=np.full(3, level), curves=[curve] * 3)
    late = proposals.ask()
    assert len(pruning.ready(early, NOTHING_RAN)) == 3
    assert pruning.judge(early, pruning.order[0], NONE) is None
    assert len(pruning.ready(late, NOTHING_RAN)) == 1
    assert pruning.judge(late, pruning.order[0], NONE).stops([0.1])


def test_pruned_trials_are_nothing_to_compare_with():
    proposals, pruning = opened()
    curve, n_ready = Curve((1, 2), (0.0,) * 2, (0.1, 0.2), 2, {}), []
    for number in range(2 * N_STARTUP):
        proposal, is_pruned = proposals.ask(), number % 2 == 0
        n_ready.append(len(pruning.ready(proposal, NOTHING_RAN)))
        n_ran = 1 if is_pruned else 3
        pruning.finish(proposal, np.full(n_ran, 0.2), [curve] * n_ran)
        proposals.tell(proposal, 0.2, pruned=is_pruned, scores=np.full(n_ran, 0.2), curves=[curve] * n_ran)
    assert n_ready == [3] * 2 * N_STARTUP
    assert len(pruning.ready(proposals.ask(), NOTHING_RAN)) == 1
