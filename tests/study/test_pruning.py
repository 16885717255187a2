"""Decisions between folds: what a pruner is shown, and what samplers learn of a trial that was stopped."""

import math
import pickle
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna.pruners import BasePruner
from optuna.trial import TrialState
from sklearn.base import BaseEstimator

from sk_optuna._compat._optuna import make_unwarned
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.pruners import PairedRacePruner
from sk_optuna.spaces import space_from_user
from sk_optuna.study import EveryFold, Proposals, check_pruner, open_pruning, open_study

NOTHING_RAN = SimpleNamespace(n_leading=0)
NAMES = ["race", "median", "percentile", "wilcoxon", "halving", "hyperband", "threshold"]
KINDS = {
    "race": PairedRacePruner,
    "median": optuna.pruners.MedianPruner,
    "percentile": optuna.pruners.PercentilePruner,
    "wilcoxon": optuna.pruners.WilcoxonPruner,
    "halving": optuna.pruners.SuccessiveHalvingPruner,
    "hyperband": optuna.pruners.HyperbandPruner,
    "threshold": optuna.pruners.ThresholdPruner,
}


class Model(BaseEstimator):
    def __init__(self, a=1.0):
        self.a = a

    def fit(self, X, y=None):
        return self


class Noting(BasePruner):
    """Notes what it is shown of the study and of the trial, and never stops."""

    def __init__(self):
        self.notes = []

    def __deepcopy__(self, memo):
        return self

    def prune(self, study, trial):
        told = [(t.number, t.state.name, t.value) for t in study.get_trials(deepcopy=False)]
        self.notes.append((trial.number, dict(trial.intermediate_values), told))
        return False


class RecordingSampler(optuna.samplers.RandomSampler):
    """Notes the trials that it is shown."""

    def __init__(self, seed, notes):
        super().__init__(seed)
        self.notes = notes

    def sample_independent(self, study, trial, param_name, param_distribution):
        shown = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        self.notes[trial.number] = [(t.number, t.state.name, t.value) for t in shown]
        return super().sample_independent(study, trial, param_name, param_distribution)


def opened(pruner, *, n_splits=4, random_state=0, sampler=None, n_trials=30):
    space = space_from_user({"a": optuna.distributions.FloatDistribution(0, 1)}, None, Model())
    make_sampler = sampler or (lambda number: optuna.samplers.RandomSampler(seed=number))
    proposals = Proposals(open_study(random_state), space, make_sampler, random_state=random_state, n_trials=n_trials)
    opening = {"by_epoch": False, "n_splits": n_splits, "random_state": random_state}
    return proposals, open_pruning(pruner, proposals.study, proposals.told, **opening)


def tell(proposals, pruning, proposal, scores):
    """Tell a trial that ran these folds, pruned if they are not all."""
    scores = np.array(scores, dtype=float)
    pruned = len(scores) < len(pruning.order)
    value = float(scores.mean()) if np.isfinite(scores).all() else None
    pruning.finish(proposal, scores, [])
    if pruned and value is not None:
        value = pruning.estimate(proposal, scores, [])
    return proposals.tell(proposal, value, pruned=pruned and value is not None, scores=scores).trial


ROWS = [[0.9, 0.8, 0.7, 0.6], [0.88, 0.79, 0.7, 0.57], [0.89, 0.78, 0.68, 0.6], [0.87, 0.8, 0.69, 0.58]]


# --- pruners by name --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_splits", [2, 3, 5, 10])
def test_every_name_is_a_pruner_of_optuna_at_any_number_of_folds(name, n_splits):
    check_pruner(name, by_epoch=False)
    proposals, pruning = opened(name, n_splits=n_splits)
    assert type(pruning.pruner) is KINDS[name]
    for _ in range(6):
        proposal = proposals.ask()
        scores = np.linspace(0.5, 0.6, n_splits)
        for k in range(1, n_splits):
            assert not pruning.stops(proposal, scores[:k])  # all are alike
        tell(proposals, pruning, proposal, scores)


@pytest.mark.parametrize("name", ["race", "median", "percentile", "halving", "hyperband"])
def test_hopeless_trial_is_stopped_sooner_or_later(name):
    proposals, pruning = opened(name)
    for number in range(8):
        proposal, shift = proposals.ask(), 0.001 * (number % 3)
        for k in range(1, 4):
            pruning.stops(proposal, np.array(ROWS[number % 4][:k]) - shift)
        tell(proposals, pruning, proposal, np.array(ROWS[number % 4]) - shift)
    hopeless = []
    for _ in range(4):  # Hyperband's brackets differ in when they begin
        proposal = proposals.ask()
        hopeless.append(any(pruning.stops(proposal, np.full(k, 0.1)) for k in range(1, 4)))
    assert any(hopeless)


@pytest.mark.parametrize("pruner", [None, *NAMES, PairedRacePruner(), optuna.pruners.NopPruner(), Noting()])
def test_what_can_decide_is_let_through(pruner):
    check_pruner(pruner, by_epoch=False)


@pytest.mark.parametrize("pruner", [3, True, "Race", "", "none", ["race"], {"race": 1}, lambda: None, object()])
def test_what_cannot_decide_is_refused(pruner):
    with pytest.raises(InvalidArgumentError, match=r"'pruner' parameter must be None, one of .*'race'.*, but got"):
        check_pruner(pruner, by_epoch=False)


# --- the order of folds -----------------------------------------------------------------------------------------------


def test_order_is_a_permutation_that_random_state_determines():
    orders = [opened("race", n_splits=7, random_state=seed)[1].order for seed in (0, 0, 1, 2, 3)]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) > 2


def test_order_does_not_depend_on_the_pruner():
    assert len({tuple(opened(name, n_splits=6)[1].order) for name in NAMES}) == 1


def test_every_fold_may_come_first():
    firsts = {opened("race", n_splits=5, random_state=seed)[1].order[0] for seed in range(60)}
    assert firsts == set(range(5))


def test_without_pruning_folds_run_in_the_splitters_order_and_all_at_once():
    pruning = EveryFold(4)
    assert list(pruning.order) == [0, 1, 2, 3]
    assert len(pruning.ready(None, NOTHING_RAN)) == 4
    assert not pruning.stops(None, np.array([-math.inf]))


# --- how many folds run before a decision -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES[1:])
def test_every_other_pruner_decides_after_each_fold(name):
    proposals, pruning = opened(name)
    assert len(pruning.ready(proposals.ask(), NOTHING_RAN)) == 1


def test_race_lets_all_folds_run_until_there_is_something_to_compare_with():
    proposals, pruning = opened(PairedRacePruner(n_startup_trials=2, n_startup_steps=3))
    free = []
    for row in ROWS:
        proposal = proposals.ask()
        free.append(len(pruning.ready(proposal, NOTHING_RAN)))
        tell(proposals, pruning, proposal, row)
    assert free == [4, 4, 3, 3]


def test_chances_of_a_race_are_those_as_of_the_asking():
    proposals, pruning = opened("race")
    first, second = proposals.ask(), proposals.ask()
    early = proposals.ask()
    assert pruning.chances(first) == [1.0] * 4  # in the heat
    tell(proposals, pruning, first, [1.0, 2.0, 3.0, 4.0])
    tell(proposals, pruning, second, [0.0, 3.0, 2.0, 5.0])
    late, unknown = proposals.ask(), proposals.ask()
    assert pruning.chances(early) == [1.0] * 4
    assert not pruning.stops(late, np.array([0.9]))
    tell(proposals, pruning, early, [9.0, 9.0, 9.0, 9.0])
    guess = pruning.chances(late)
    assert guess[:2] == [1, 1]
    assert 0.5 < guess[3] <= guess[2] < 1
    assert pruning.chances(unknown) == [1.0, 0.9, 0.9**2, 0.9**3]


@pytest.mark.parametrize("pruner", [None, "median", "threshold"])
def test_without_a_race_all_folds_are_taken_to_be_wanted(pruner):
    proposals, pruning = opened(pruner)
    assert pruning.chances(proposals.ask()) == [1.0] * 4


def test_race_counts_complete_trials_as_of_the_asking():
    proposals, pruning = opened(PairedRacePruner(n_startup_trials=2))
    early = [proposals.ask() for _ in range(3)]
    for proposal, row in zip(early, ROWS, strict=False):
        tell(proposals, pruning, proposal, row)
        late = proposals.ask()
    assert [len(pruning.ready(proposal, NOTHING_RAN)) for proposal in early] == [4, 4, 4]
    assert len(pruning.ready(late, NOTHING_RAN)) == 1
    assert not pruning.stops(early[2], np.array([0.0]))
    assert pruning.stops(late, np.array([0.0]))


# --- what a pruner is shown -------------------------------------------------------------------------------------------


def test_pruner_sees_the_trials_told_when_the_trial_was_asked_and_no_others():
    proposals, pruning = opened(noting := Noting())
    first, second = proposals.ask(), proposals.ask()
    pruning.stops(first, np.array([0.5]))
    tell(proposals, pruning, first, ROWS[0])
    third = proposals.ask()
    pruning.stops(second, np.array([0.4]))
    pruning.stops(third, np.array([0.3]))
    tell(proposals, pruning, second, ROWS[1][:1])
    fourth = proposals.ask()
    pruning.stops(third, np.array([0.3, 0.1]))
    pruning.stops(fourth, np.array([0.2]))
    zeroth = (0, "COMPLETE", pytest.approx(0.75))
    stopped = (1, "PRUNED", pytest.approx(0.88))  # nothing was complete when it was asked
    assert [(number, told) for number, _, told in noting.notes] == [
        (0, []),
        (1, []),
        (2, [zeroth]),
        (2, [zeroth]),
        (3, [zeroth, stopped]),
    ]


def test_reports_are_running_means_under_steps_from_1():
    proposals, pruning = opened(noting := Noting())
    proposal, scores = proposals.ask(), np.array([0.4, 0.8, 0.0, 0.8])
    for k in (1, 2, 3):
        pruning.stops(proposal, scores[:k])
    means = {1: 0.4, 2: 0.6, 3: 0.4, 4: 0.5}
    assert [reports for _, reports, _ in noting.notes] == [
        pytest.approx({step: means[step] for step in range(1, k + 1)}) for k in (1, 2, 3)
    ]
    told = tell(proposals, pruning, proposal, scores)
    assert told.intermediate_values == pytest.approx(means)


@pytest.mark.parametrize("pruner", ["race", "wilcoxon", PairedRacePruner(z=1), make_unwarned(KINDS["wilcoxon"])])
def test_reports_to_pruners_that_compare_folds_are_the_folds_own_scores(pruner):
    proposals, pruning = opened(pruner)
    proposal, scores = proposals.ask(), [0.4, 0.8, 0.0, 0.8]
    assert not pruning.stops(proposal, np.array(scores[:2]))
    assert tell(proposals, pruning, proposal, scores).intermediate_values == dict(enumerate(scores, 1))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"threshold"}))
def test_score_that_is_not_finite_is_not_reported_and_stops_nothing(name, bad):
    proposals, pruning = opened(name)
    for row in ROWS * 2:
        tell(proposals, pruning, proposals.ask(), row)
    proposal = proposals.ask()
    for scores in ([bad], [bad, 0.0], [bad, 0.0, 0.0]):
        assert not pruning.stops(proposal, np.array(scores))
    told = tell(proposals, pruning, proposal, [bad, 0.0, 0.0, 0.0])
    assert told.state is TrialState.FAIL
    assert told.intermediate_values == {}


@pytest.mark.parametrize("pruner", ["threshold", optuna.pruners.ThresholdPruner(lower=-5.0)])
def test_threshold_stops_where_a_fold_failed(pruner):
    proposals, pruning = opened(pruner)
    proposal = proposals.ask()
    assert not pruning.stops(proposal, np.array([-1.0]))
    assert pruning.stops(proposal, np.array([-1.0, math.nan]))


@pytest.mark.parametrize(
    "pruner",
    [
        optuna.pruners.HyperbandPruner(min_resource=1, reduction_factor=2),  # finds max_resource as it goes
        optuna.pruners.SuccessiveHalvingPruner(min_resource="auto", reduction_factor=2),
        make_unwarned(
            optuna.pruners.PatientPruner, wrapped_pruner=optuna.pruners.MedianPruner(n_startup_trials=2), patience=0
        ),
    ],
    ids=["hyperband", "halving", "patient"],
)
def test_decision_does_not_depend_on_trials_judged_in_between(pruner):
    rng = np.random.default_rng(1)
    scores = rng.uniform(0.5, 0.6, size=(20, 4)) - 0.05 * (np.arange(20) % 3)[:, None]

    def decisions(order):
        proposals, pruning = opened(pruner)
        found = {}
        for _ in range(10):
            pair = [proposals.ask() for _ in range(2)]
            n_run = {}
            for proposal in order(pair):
                row = scores[proposal.number]
                n_run[proposal.number] = next((k for k in (1, 2, 3) if pruning.stops(proposal, row[:k])), 4)
            for proposal in pair:
                tell(proposals, pruning, proposal, scores[proposal.number][: n_run[proposal.number]])
            found |= n_run
        return dict(sorted(found.items()))

    assert decisions(list) == decisions(lambda pair: pair[::-1])
    assert set(decisions(list).values()) != {4}


class Counting(BasePruner):
    """Stops at the second time it is asked, whoever it is asked about."""

    def __init__(self):
        self.n_asked = 0

    def prune(self, study, trial):
        self.n_asked += 1
        return self.n_asked == 2


def test_pruner_remembers_a_trials_own_folds_and_nothing_of_other_trials():
    proposals, pruning = opened(Counting())
    trials = [proposals.ask() for _ in range(3)]
    for k, stops in ((1, False), (2, True), (3, False)):
        for proposal in trials:
            assert pruning.stops(proposal, np.full(k, 0.5)) is stops


@pytest.mark.parametrize(
    "pruner",
    [optuna.pruners.HyperbandPruner(min_resource=1, reduction_factor=2), PairedRacePruner(), Counting()],
    ids=["hyperband", "race", "counting"],
)
def test_callers_pruner_is_left_as_it_was(pruner):
    before = pickle.dumps(pruner)
    proposals, pruning = opened(pruner)
    for row in ROWS * 3:
        proposal = proposals.ask()
        pruning.stops(proposal, np.array(row[:1]))
        tell(proposals, pruning, proposal, row)
    assert pickle.dumps(pruner) == before


# --- what a stopped trial is estimated to be --------------------------------------------------------------------------


def test_estimate_is_the_incumbents_mean_and_the_mean_difference_to_it():
    proposals, pruning = opened("race")
    for row in ROWS:
        tell(proposals, pruning, proposals.ask(), row)
    proposal = proposals.ask()
    incumbent = np.array(ROWS[0])
    for k in (1, 2, 3):
        scores = np.array([0.5, 0.6, 0.1][:k])
        expected = incumbent.mean() + (scores - incumbent[:k]).mean()
        assert proposals.told.as_of(proposal.n_told).estimate(scores) == pytest.approx(expected)


def test_estimate_does_not_depend_on_how_hard_the_first_folds_are():
    """A candidate a constant behind the incumbent is estimated at just that, whichever folds it ran."""
    proposals, pruning = opened("race")
    for row in ROWS:
        tell(proposals, pruning, proposals.ask(), row)
    proposal = proposals.ask()
    estimates = [proposals.told.as_of(proposal.n_told).estimate(np.array(ROWS[0][:k]) - 0.25) for k in (1, 2, 3)]
    assert estimates == pytest.approx([0.75 - 0.25] * 3)


def test_estimate_is_by_the_incumbent_as_of_the_asking():
    proposals, pruning = opened("race")
    tell(proposals, pruning, proposals.ask(), ROWS[1])
    early = proposals.ask()
    tell(proposals, pruning, early, ROWS[0])
    late = proposals.ask()
    expected = np.mean(ROWS[1]) + 0.5 - ROWS[1][0]
    assert proposals.told.as_of(early.n_told).estimate(np.array([0.5])) == pytest.approx(expected)
    assert proposals.told.as_of(late.n_told).estimate(np.array([0.5])) == pytest.approx(0.75 + 0.5 - 0.9)


def test_estimate_without_a_complete_trial_is_the_mean():
    proposals, _ = opened("threshold")
    assert proposals.told.estimate(np.array([0.5, 0.7])) == pytest.approx(0.6)


def test_sampler_sees_a_stopped_trial_complete_with_its_estimate_while_the_study_shows_it_pruned():
    notes = {}
    proposals, pruning = opened("race", sampler=lambda number: RecordingSampler(number, notes))
    runs = [ROWS[0], ROWS[1][:2], [math.nan] * 4, ROWS[2], ROWS[3][:1], ROWS[3]]
    told = []
    for run in runs:
        told.append(tell(proposals, pruning, proposals.ask(), run))
    expected = [0.75, 0.75 + (0.88 + 0.79 - 1.7) / 2, None, 0.7375, 0.75 + 0.87 - 0.9, 0.735]
    shown = [(i, "COMPLETE", pytest.approx(value)) for i, value in enumerate(expected) if value is not None]
    for number in range(6):
        assert notes[number] == [row for row in shown if row[0] < number]
    states = ["COMPLETE", "PRUNED", "FAIL", "COMPLETE", "PRUNED", "COMPLETE"]
    for trials in (told, proposals.study.trials, proposals.close().trials):
        assert [trial.state.name for trial in trials] == states
        assert [trial.value for trial in trials] == [v if v is None else pytest.approx(v) for v in expected]
    assert proposals.study.best_trial.number == 0


def test_stopped_trial_is_never_the_studys_best_however_high_its_estimate():
    proposals, pruning = opened("race")
    tell(proposals, pruning, proposals.ask(), ROWS[0])
    told = tell(proposals, pruning, proposals.ask(), [5.0])
    assert told.value > 4
    assert proposals.close().best_trial.number == 0
