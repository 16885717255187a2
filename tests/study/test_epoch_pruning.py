"""Decisions between epochs: Optuna's own, on what was known at the ask, at the same epoch of the same fold."""

import pickle
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.pruners import (
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PatientPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
    WilcoxonPruner,
)
from sklearn.base import BaseEstimator
from sklearn.model_selection import ShuffleSplit

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._optuna import make_unwarned
from sk_optuna.epochs._protocol import Curve
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.pruners import PairedRacePruner
from sk_optuna.spaces import space_from_user
from sk_optuna.study import Proposals, check_pruner, open_pruning, open_study

N_EPOCHS = 9
NONE = np.empty(0)
NOTHING_RAN = SimpleNamespace(n_leading=0)


class Model(BaseEstimator):
    """Has a learning curve for each parameter, and no use for data."""

    def __init__(self, a=0.5):
        self.a = a

    def curve(self):
        epochs = np.arange(1, N_EPOCHS + 1)
        noise = np.random.default_rng(int(self.a * 1e6)).normal(scale=0.03, size=N_EPOCHS)
        return (self.a * (1 - np.exp(-epochs / 4)) + noise).tolist()

    def fit(self, X, y=None):
        return self

    def fit_epochs(self, X, y, monitor):
        for score in self.curve():
            if monitor.report(score=score):
                break
        return self

    def score(self, X, y=None):
        return self.curve()[-1]


X = np.zeros((20, 1))
SPACE = {"a": FloatDistribution(0, 1)}


def random_sampler(seed):
    return optuna.samplers.RandomSampler(seed=seed)


def opened(pruner="median", *, n_splits=3, period=1):
    space = space_from_user(SPACE, None, Model())
    proposals = Proposals(open_study(0), space, random_sampler, random_state=0, n_trials=30)
    opening = {"by_epoch": True, "n_splits": n_splits, "random_state": 0, "period": period}
    return proposals, open_pruning(pruner, proposals.study, proposals.told, **opening)


def curve(*scores, notes=None):
    return Curve(
        tuple(range(1, len(scores) + 1)), (float("nan"),) * len(scores), scores, 1 + int(np.argmax(scores)), notes or {}
    )


def tell(proposals, pruning, proposal, curves, *, pruned=False):
    scores = np.array([each.scores[-1] for each in curves])
    pruning.finish(proposal, scores, curves)
    return proposals.tell(proposal, float(scores.mean()), pruned=pruned, scores=scores, curves=curves).trial


# --- the same decisions as Optuna's -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pruner",
    [
        MedianPruner(n_startup_trials=4),
        PercentilePruner(30.0, n_startup_trials=2, n_warmup_steps=2, interval_steps=2),
        SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        SuccessiveHalvingPruner(min_resource=2, reduction_factor=2, bootstrap_count=2),
        HyperbandPruner(min_resource=1, max_resource=N_EPOCHS, reduction_factor=3),
        HyperbandPruner(min_resource=1, max_resource="auto", reduction_factor=2),
        make_unwarned(PatientPruner, wrapped_pruner=MedianPruner(n_startup_trials=3), patience=1),
        ThresholdPruner(lower=0.1),
        NopPruner(),
    ],
    ids=lambda pruner: type(pruner).__name__,
)
def test_one_trial_at_a_time_in_one_fold_is_what_optuna_does_itself(pruner):
    """Optuna's own loop, report and should_prune, over the same candidates."""
    search = OptunaSearchCV(
        Model(),
        SPACE,
        n_trials=40,
        sampler="random",
        pruner=pruner,
        report="epoch",
        cv=ShuffleSplit(1, random_state=0),
        max_concurrent_trials=1,
        random_state=0,
        refit=False,
    ).fit(X)
    study = optuna.create_study(
        study_name=search.study_.study_name, direction="maximize", pruner=pickle.loads(pickle.dumps(pruner))
    )
    n_epochs = []
    for params in search.cv_results_["params"]:
        study.enqueue_trial(params)
        trial = study.ask(SPACE)
        scores = Model(**trial.params).curve()
        for epoch, score in enumerate(scores, start=1):
            trial.report(score, epoch)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, scores[-1])
        n_epochs.append(epoch)
    assert search.cv_results_["n_epochs_run"].tolist() == n_epochs
    states = [trial.state.name for trial in study.trials]
    assert search.cv_results_["trial_state"].tolist() == states
    assert type(pruner) is NopPruner or "PRUNED" in states


# --- what is compared -------------------------------------------------------------------------------------------------


def test_a_trial_is_compared_at_the_same_epoch_of_the_same_fold():
    proposals, pruning = opened(MedianPruner(n_startup_trials=1))
    hard, easy, middle = pruning.order
    first = proposals.ask()
    tell(proposals, pruning, first, [curve(0.1, 0.2), curve(0.7, 0.8), curve(0.4, 0.5)])
    second = proposals.ask()
    stops = {
        (fold, len(scores)): pruning.judge(second, fold, NONE).stops(scores)
        for fold in (hard, easy, middle)
        for scores in ([0.15], [0.15, 0.15], [0.6], [0.6, 0.6], [0.75, 0.75])
    }
    assert pruning.judge(second, hard, NONE).stops([0.05])
    assert not pruning.judge(second, hard, NONE).stops([0.15])
    assert pruning.judge(second, hard, NONE).stops([0.15, 0.15])
    assert not pruning.judge(second, middle, NONE).stops([0.45])
    assert pruning.judge(second, middle, NONE).stops([0.45, 0.45])
    assert not pruning.judge(second, easy, NONE).stops([0.75])
    assert pruning.judge(second, easy, NONE).stops([0.75, 0.75])
    assert stops[easy, 1]


def test_a_judge_knows_what_had_been_told_when_the_trial_was_asked():
    proposals, pruning = opened(MedianPruner(n_startup_trials=1))
    first, second = proposals.ask(), proposals.ask()
    tell(proposals, pruning, first, [curve(0.9)] * 3)
    third = proposals.ask()
    assert not pruning.judge(second, 0, NONE).stops([0.1])
    assert pruning.judge(third, 0, NONE).stops([0.1])


@pytest.mark.parametrize("pruner", ["median", "halving", "hyperband", "percentile"])
def test_a_judge_decides_the_same_after_it_was_sent_to_a_worker(pruner):
    proposals, pruning = opened(pruner)
    rng, n_stopped = np.random.default_rng(0), 0
    for _ in range(20):
        judge = pruning.judge(proposal := proposals.ask(), 1, NONE)
        sent, scores = pickle.loads(pickle.dumps(judge)), rng.random(N_EPOCHS).tolist()
        ours = [judge.stops(scores[:k]) for k in range(1, N_EPOCHS + 1)]
        assert [sent.stops(scores[:k]) for k in range(1, N_EPOCHS + 1)] == ours
        assert sent.notes == judge.notes
        n_stopped += any(ours)
        tell(proposals, pruning, proposal, [curve(*scores, notes=judge.notes)] * 3)
    assert 0 < n_stopped < 20


def test_what_successive_halving_notes_of_a_trial_is_known_to_later_ones():
    proposals, pruning = opened(SuccessiveHalvingPruner(min_resource=1, reduction_factor=2))
    for _ in range(3):
        judge = pruning.judge(proposal := proposals.ask(), 0, NONE)
        assert not judge.stops([0.9])
        assert judge.notes
        tell(proposals, pruning, proposal, [curve(0.9, notes=judge.notes)] * 3)
    assert pruning.judge(proposals.ask(), 0, NONE).stops([0.5])
    assert not pruning.judge(proposals.ask(), 0, NONE).stops([0.95])


def test_trials_with_a_failed_fold_are_nothing_to_compare_with():
    proposals, pruning = opened(MedianPruner(n_startup_trials=1))
    failed = proposals.ask()
    scores, curves = np.array([0.9, np.nan, 0.9]), [curve(0.9), None, curve(0.9)]
    pruning.finish(failed, scores, curves)
    proposals.tell(failed, None, scores=scores, curves=curves)
    assert not pruning.judge(proposals.ask(), 0, NONE).stops([0.1])


def test_scores_that_are_no_numbers_end_a_trial_only_where_a_threshold_says_so():
    for name, stops in ("median", False), ("threshold", True):
        _, pruning = opened(name)
        proposals, _ = opened(name)
        assert pruning.judge(proposals.ask(), 0, NONE).stops([0.5, float("nan")]) is stops


def test_curves_are_reported_as_means_over_the_folds_that_had_the_epoch():
    proposals, pruning = opened()
    proposal = proposals.ask()
    told = tell(proposals, pruning, proposal, [curve(0.2, 0.4, 0.6), curve(0.4)], pruned=True)
    assert told.intermediate_values == pytest.approx({1: 0.3, 2: 0.4, 3: 0.6})


def test_estimate_is_the_incumbents_mean_and_the_difference_on_the_same_folds_at_the_same_epoch():
    proposals, pruning = opened()
    first, worse = proposals.ask(), proposals.ask()
    tell(proposals, pruning, first, [curve(0.5, 0.6), curve(0.7, 0.8), curve(0.9, 1.0)])
    tell(proposals, pruning, worse, [curve(0.0, 0.1)] * 3)
    later = proposals.ask()
    scores = np.array([0.5, 0.6])
    curves = [curve(0.4, 0.5), curve(0.6)]
    expected = 0.8 + np.mean([0.5 - 0.6, 0.6 - 0.7])
    assert proposals.told.as_of(later.n_told).estimate(scores, curves) == pytest.approx(expected)
    assert proposals.told.as_of(first.n_told).estimate(scores, curves) == pytest.approx(0.55)  # nothing was known then
    assert pruning.estimate(later, scores, curves) == pytest.approx(expected)


def test_without_a_pruner_folds_run_side_by_side_in_the_splitters_order():
    proposals, pruning = opened(None, n_splits=4)
    proposal = proposals.ask()
    assert list(pruning.order) == [0, 1, 2, 3]
    assert len(pruning.ready(proposal, NOTHING_RAN)) == 4
    assert pruning.judge(proposal, 2, NONE) is None


# --- names and errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["median", "percentile", "halving", "hyperband", "race", "threshold", None])
def test_names_for_epochs_are_accepted(name):
    check_pruner(name, by_epoch=True)


@pytest.mark.parametrize(
    "pruner",
    [
        "wilcoxon",
        PairedRacePruner(),
        make_unwarned(WilcoxonPruner),
        make_unwarned(PatientPruner, wrapped_pruner=PairedRacePruner(), patience=1),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_compares_folds_is_refused_between_epochs(pruner):
    with pytest.raises(InvalidArgumentError, match=r"compares the scores of folds.*'median'.*'race' is.*report='fold'"):
        check_pruner(pruner, by_epoch=True)


@pytest.mark.parametrize("pruner", ["Median", "", 3, MedianPruner])
def test_what_is_no_pruner_is_refused_with_the_names(pruner):
    with pytest.raises(InvalidArgumentError, match=r"'pruner' parameter must be None, one of 'halving', 'hyperband'"):
        check_pruner(pruner, by_epoch=True)


@pytest.mark.parametrize("pruner", ["median", "race"])
def test_boosters_are_compared_after_whole_periods_and_not_after_their_last_rounds(pruner):
    proposals, pruning = opened(pruner, period=20)
    for number in range(6):
        # Trial 0 is far ahead, but after rounds at which the others have no score.
        epochs = (20, 40, 60) if number else (15,)
        scores = (0.1, 0.2, 0.3 + 0.01 * number) if number else (0.9,)
        each = Curve(epochs, (0.0,) * len(epochs), scores, epochs[-1], {})
        tell(proposals, pruning, proposals.ask(), [each] * 3)
    late = proposals.ask()
    judge = pruning.judge(late, pruning.order[0], np.empty(0))
    if pruner == "median":
        assert {len(rival.curve) for rival in judge.rivals} == {0, 3}
        assert judge.stops([0.05])
        assert not judge.stops([0.15])
    else:
        # The incumbent has no whole period.
        assert judge.least == {}


def test_the_study_shows_the_mean_of_the_folds_by_round():
    proposals, pruning = opened(period=20)
    shorter, longer = (Curve(epochs, (0.0,) * 3, (0.1, 0.2, 0.4), 1, {}) for epochs in ((20, 40, 45), (20, 40, 60)))
    trial = tell(proposals, pruning, proposals.ask(), [shorter, longer])
    assert trial.intermediate_values == pytest.approx({20: 0.1, 40: 0.2, 45: 0.4, 60: 0.4})
