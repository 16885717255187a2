"""The heat: the first trials of a race wait for a leader, and who is stopped does not depend on who is faster."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from optuna.samplers import RandomSampler
from sklearn.base import BaseEstimator

from sk_optuna.evaluation import Ending, Fold
from sk_optuna.evaluation._fold import FoldResult
from sk_optuna.execution import Outcome
from sk_optuna.pruners import PairedRacePruner
from sk_optuna.search._budget import Deadline, in_flight
from sk_optuna.search._schedule import search_trials
from sk_optuna.spaces import space_from_user
from sk_optuna.study import Proposals, open_pruning, open_study

OUT_OF_MEMORY = None  # in a table of scores


class Model(BaseEstimator):
    def __init__(self, a=1.0):
        self.a = a


class Shuffled:
    """An engine of `room` slots whose tasks finish in a drawn order."""

    def __init__(self, room, draw):
        self.outstanding, self.submitted = [], []
        self._room, self._draw = room, draw

    @property
    def has_room(self):
        return len(self.outstanding) < self._room

    @property
    def has_idle_worker(self):
        return self.has_room

    @property
    def is_idle(self):
        return not self.outstanding

    def submit(self, key, *args):
        self.outstanding.append(key)
        self.submitted.append(key)

    def cancel(self, key):
        return False

    def wait(self):
        key = self.outstanding.pop(self._draw(len(self.outstanding)))
        return Outcome(key, key, None, 0.0)


class Race:
    """The conduct of a search whose scores are known, by trial and in the order in which folds run."""

    def __init__(self, scores, pruner="race", most="auto", n_trials=None):
        space = space_from_user({"a": FloatDistribution(0, 1)}, None, Model())
        self.n_splits = len(scores[0])
        self.proposals = Proposals(
            open_study(0), space, lambda number: RandomSampler(seed=number), random_state=0, n_trials=len(scores)
        )
        self.pruning = open_pruning(
            pruner, self.proposals.study, self.proposals.told, by_epoch=False, n_splits=self.n_splits, random_state=0
        )
        self.order, self.ready, self.chances = self.pruning.order, self.pruning.ready, self.pruning.chances
        self._scores, self._most = scores, most

    def fold(self, proposal, record, number, *, ahead):
        return Fold(proposal.number, number, {})

    def result_of(self, proposal, record, fold, outcome):
        score = self._scores[proposal.number][self.order.index(fold)]
        ending = Ending("memory", "none left") if score is OUT_OF_MEMORY else None
        is_bad = score is OUT_OF_MEMORY or math.isnan(score)
        return FoldResult(
            test_scores=math.nan if is_bad else score,
            train_scores=None,
            n_test_samples=1,
            fit_time=0.0,
            score_time=0.0,
            fit_error="It failed." if is_bad else None,
            failed_scores=frozenset(),
            ending=ending,
        )

    def stops(self, proposal, record):
        return self.pruning.stops(proposal, record.leading_scores("score"))

    def ended(self, proposal, record):
        self.pruning.ended(proposal, record.leading_scores("score"))

    def tell(self, proposal, record):
        scores, value = record.leading_scores("score"), record.value("score")
        is_pruned = record.state("score") == "PRUNED"
        self.pruning.finish(proposal, scores, [])
        if is_pruned and value is not None:
            value = self.pruning.estimate(proposal, scores, [])
        return self.proposals.tell(proposal, value, pruned=is_pruned, scores=scores, record=record)

    def run(self, *, room=1, draw=lambda n: 0, speculate=False):
        """Run the search, and return for each trial its state, the folds that ran, and what it was told."""
        self.engine = Shuffled(room, draw)
        trials = search_trials(
            self.proposals,
            self.engine,
            self,
            n_in_flight=in_flight(self._most, self.n_splits),
            deadline=Deadline(None),
            speculate=speculate,
        )
        return [(told.state, len(told.record.results), told.value, told.trial.intermediate_values) for told in trials]


def n_run(outcome):
    return [n for _, n, _, _ in outcome]


# Eight trials, of which 3 leads after two folds; 4 is near it, 6 is better in the end.
TABLE = [
    [0.50, 0.60, 0.40, 0.50, 0.55],
    [0.70, 0.79, 0.60, 0.69, 0.75],
    [0.20, 0.25, 0.20, 0.25, 0.20],
    [0.90, 0.98, 0.80, 0.91, 0.95],
    [0.89, 0.98, 0.81, 0.90, 0.96],
    [0.52, 0.63, 0.40, 0.50, 0.55],
    [0.86, 1.00, 0.90, 0.97, 0.99],
    [0.55, 0.60, 0.40, 0.50, 0.55],
]
NAN = math.nan


def test_the_first_and_the_leader_and_those_near_it_run_to_their_end_and_the_others_two_folds():
    outcome = Race(TABLE).run()
    assert n_run(outcome) == [5, 2, 2, 5, 5, 2, 5, 2]
    assert [state for state, _, _, _ in outcome] == ["COMPLETE" if n == 5 else "PRUNED" for n in n_run(outcome)]


def test_stopped_trial_is_told_the_leaders_mean_and_the_difference_to_it_also_where_it_is_told_first():
    outcome = Race(TABLE).run()
    leader = np.array(TABLE[3])
    for (state, n, value, reports), row in zip(outcome, TABLE, strict=True):
        expected = np.mean(row) if state == "COMPLETE" else leader.mean() + np.mean(np.array(row)[:n] - leader[:n])
        assert value == pytest.approx(expected)
        assert reports == dict(enumerate(row[:n], start=1))


def test_all_but_the_first_run_two_folds_before_the_leader_ends_and_the_others_go_on():
    race = Race(TABLE)
    race.run()
    runs = [(trial, race.order.index(fold)) for trial, fold in race.engine.submitted]
    assert runs[:5] == [(0, place) for place in range(5)]
    assert sorted(runs[5:19]) == [(trial, place) for trial in range(1, 8) for place in (0, 1)]
    assert runs[19:22] == [(3, 2), (3, 3), (3, 4)]


def test_the_first_of_equals_leads():
    rows = [row[:] for row in TABLE]
    rows[1][:2] = rows[5][:2] = [0.91, 0.98]
    rows[6][:2] = [0.91, 0.97]
    race = Race(rows)
    race.run()
    assert race.engine.submitted[19][0] == 1


@pytest.mark.parametrize("bad", [NAN, OUT_OF_MEMORY], ids=["fails", "runs out of memory"])
def test_where_the_leader_fails_the_next_best_leads(bad):
    rows = [row[:] for row in TABLE]
    rows[3][3] = bad
    outcome = Race(rows).run()
    assert n_run(outcome) == [5, 2, 2, 5 if bad is NAN else 4, 5, 2, 5, 2]
    assert outcome[3][2] is None
    leader = np.array(rows[4])
    assert outcome[1][2] == pytest.approx(leader.mean() + np.mean(np.array(rows[1])[:2] - leader[:2]))


@pytest.mark.parametrize("bad", [NAN, OUT_OF_MEMORY], ids=["fails", "runs out of memory"])
@pytest.mark.parametrize("place", [0, 1])
def test_trial_that_fails_in_its_first_folds_keeps_nobody_waiting(bad, place):
    rows = [row[:] for row in TABLE]
    rows[3][place] = bad
    outcome = Race(rows).run()
    assert n_run(outcome) == [5, 2, 2, 5 if bad is NAN else place + 1, 5, 2, 5, 2]


@pytest.mark.parametrize("bad", [NAN, OUT_OF_MEMORY], ids=["fails", "runs out of memory"])
@pytest.mark.parametrize("place", [0, 1, 2, 4])
def test_search_ends_where_all_fail(bad, place):
    rows = [[*row[:place], bad, *row[place + 1 :]] for row in TABLE]
    outcome = Race(rows).run(room=3, speculate=True)
    assert [value for _, _, value, _ in outcome] == [None] * 8
    assert n_run(outcome) == [5 if bad is NAN else place + 1] * 8


score = st.integers(-8, 8).map(lambda n: n / 8)
cell = st.one_of(score, score, score, score, st.sampled_from([NAN, OUT_OF_MEMORY]))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(data=st.data(), room=st.integers(1, 9), speculate=st.booleans(), n_splits=st.integers(2, 5))
def test_result_does_not_depend_on_the_order_in_which_folds_end(data, room, speculate, n_splits):
    n_trials, most = data.draw(st.integers(1, 13)), data.draw(st.sampled_from(["auto", "auto", 1, 2, 3, 5, 9]))
    rows = data.draw(st.lists(st.lists(cell, min_size=n_splits, max_size=n_splits), min_size=1, max_size=n_trials))
    alone = Race(rows, most=most).run()
    mixed = Race(rows, most=most).run(room=room, draw=lambda n: data.draw(st.integers(0, n - 1)), speculate=speculate)
    assert mixed == alone


@pytest.mark.parametrize("most", [3, 4, 6, 8, 11])
def test_heat_is_of_the_trials_in_flight_at_the_start_up_to_eight(most):
    race = Race(TABLE * 2, most=most)
    race.run(room=100)
    n_started = 5 + 2 * (min(most, 8) - 1) + 5 * (most - min(most, 8))
    assert len(set(race.engine.submitted[:n_started])) == n_started
    started = dict.fromkeys(range(most), 0)
    for trial, _ in race.engine.submitted[:n_started]:
        started[trial] += 1
    assert started == {trial: 5 if trial in (0, 8, 9, 10) else 2 for trial in range(most)}


@pytest.mark.parametrize(
    ("rows", "arguments"),
    [
        (TABLE, {"most": 1}),
        (TABLE, {"most": 2}),
        (TABLE[:2], {}),
        ([row[:2] for row in TABLE], {}),
        (TABLE, {"pruner": PairedRacePruner(n_startup_trials=2)}),
        (TABLE, {"pruner": PairedRacePruner(n_startup_steps=5)}),
        (TABLE, {"pruner": "median"}),
    ],
    ids=["one at a time", "two", "two trials", "two folds", "n_startup_trials", "n_startup_steps", "another pruner"],
)
def test_there_is_no_heat_where_it_could_save_nothing_or_is_not_wanted(rows, arguments):
    race = Race(rows, **arguments)
    race.run()
    assert 0 not in race.pruning._heat


def test_heat_is_judged_by_the_pruners_own_rule_after_as_many_folds_as_it_asks_for():
    class Noted(PairedRacePruner):
        def is_behind(self, own, scores):
            asked.append((np.count_nonzero(~np.isnan(own)), scores))
            return False

    asked = []
    Race(TABLE, Noted(n_startup_steps=3)).run()
    assert sorted(n for n, _ in asked) == [3] * 6 + [4] * 6
    for _, scores in asked:
        assert scores[~np.isnan(scores).any(axis=1)].tolist() == [TABLE[6]]
        assert sorted(np.count_nonzero(~np.isnan(scores), axis=1)) == [3] * 7 + [5]


def test_what_a_trial_is_compared_with_are_the_first_folds_of_all_and_the_leaders_row():
    race = Race(TABLE)
    race.run()
    rows = race.pruning._heat.rows
    expected = np.full((8, 5), NAN)
    expected[0] = TABLE[3]
    expected[1:, :2] = np.delete(np.array(TABLE), 3, axis=0)[:, :2]
    np.testing.assert_array_equal(rows, expected)
