"""The schedule, on workers that finish in any order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_optuna.evaluation._fold import Fold, FoldResult
from sk_optuna.execution import Outcome
from sk_optuna.search._budget import Deadline
from sk_optuna.search._schedule import search_trials
from sk_optuna.study._ready import one_after_the_other
from sk_optuna.study._told import ToldTrial


class Shuffled:
    """An engine of `room` slots whose tasks finish in a drawn order; `look` is called whenever it is waited for.

    Tasks that are among the oldest, one for each worker, may finish and cannot be cancelled.
    """

    def __init__(self, room, draw, look=lambda: None, n_workers=1000):
        self.outstanding, self.submitted, self.cancelled = [], [], []
        self.n_workers = n_workers
        self._room, self._draw, self._look = room, draw, look

    @property
    def has_room(self):
        return len(self.outstanding) < self._room

    @property
    def is_idle(self):
        return not self.outstanding

    def submit(self, key, *args):
        assert self.has_room
        self.outstanding.append(key)
        self.submitted.append(key)

    @property
    def has_idle_worker(self):
        return len(self.outstanding) < min(self._room, self.n_workers)

    def cancel(self, key):
        if key not in self.outstanding[self.n_workers :]:
            return False
        self.outstanding.remove(key)
        self.cancelled.append(key)
        return True

    def wait(self):
        self._look()
        key = self.outstanding.pop(self._draw(min(self.n_workers, len(self.outstanding))))
        return Outcome(key, key, None, 0.0)


class Plan:
    """Proposals and conduct in one: trial t has `free[t]` folds before a decision, and ends after `ends[t]`."""

    def __init__(self, order, free, ends):
        self.order, self.free, self.ends = order, free, ends
        self.n_asked, self.told = 0, []
        self.ended_folds = [[] for _ in ends]

    def ask(self):
        if self.n_asked == len(self.ends):
            return None
        self.n_asked += 1
        return type("Proposal", (), {"number": self.n_asked - 1, "params": {}})

    def running(self):
        """Return the trials that were asked and have not ended."""
        return [number for number in range(self.n_asked) if not self.ended_folds[number]]

    def ready(self, proposal, record):
        return one_after_the_other(self.order, record, self.free[proposal.number])

    def chances(self, proposal):
        return [1.0] * len(self.order)

    def fold(self, proposal, record, number, *, ahead):
        return Fold(proposal.number, number, {})

    def result_of(self, proposal, record, fold, outcome):
        return FoldResult(
            test_scores=0.0,
            train_scores=None,
            n_test_samples=1,
            fit_time=0.0,
            score_time=0.0,
            fit_error=None,
            failed_scores=frozenset(),
        )

    def stops(self, proposal, record):
        assert record.n_leading < len(self.order)
        return record.n_leading >= max(self.free[proposal.number], self.ends[proposal.number])

    def ended(self, proposal, record):
        assert record.is_finished
        self.ended_folds[proposal.number].append(record.n_leading)

    def tell(self, proposal, record):
        self.told.append(proposal.number)
        return ToldTrial(None, None, (), record)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=st.data(), room=st.integers(1, 6), most=st.integers(1, 5), n_splits=st.integers(2, 5))
def test_no_slot_idles_while_a_fold_may_start_and_no_fold_starts_that_may_be_spared(data, room, most, n_splits):
    n_trials = data.draw(st.integers(1, 8))
    ends = data.draw(st.lists(st.integers(1, n_splits), min_size=n_trials, max_size=n_trials))
    free = data.draw(st.lists(st.integers(1, n_splits), min_size=n_trials, max_size=n_trials))
    order = data.draw(st.permutations(range(n_splits)))
    plan = Plan(order, free, ends)

    def look():
        assert plan.n_asked - len(plan.told) <= most
        assert plan.n_asked == min(n_trials, len(plan.told) + most)
        for number in range(plan.n_asked):
            started = [fold for trial, fold in engine.submitted if trial == number]
            back = len(started) - sum(trial == number for trial, _ in engine.outstanding)
            may_start = free[number] if back < free[number] else n_run(number) if back == n_run(number) else back + 1
            assert started == order[: len(started)]
            assert len(started) <= may_start
            assert len(started) == may_start or not engine.has_room

    def n_run(number):
        return min(n_splits, max(ends[number], free[number]))

    engine = Shuffled(room, lambda n: data.draw(st.integers(0, n - 1)), look)
    trials = search_trials(
        plan, engine, plan, n_in_flight=lambda number: most, deadline=Deadline(None), speculate=False
    )
    records = [told.record for told in trials]
    assert plan.told == [record.number for record in records] == list(range(n_trials))
    assert [len(record.results) for record in records] == [n_run(number) for number in range(n_trials)]
    assert len(engine.submitted) == sum(map(n_run, range(n_trials)))
    assert plan.ended_folds == [[n_run(number)] for number in range(n_trials)]


class Queue(Plan):
    """A plan in which trial t > 0 waits after its first fold until trial t - 1 has ended, and ends if that was odd."""

    def ready(self, proposal, record):
        free = proposal.number == 0 or self.ended_folds[proposal.number - 1]
        return self.order if free else self.order[:1]

    def stops(self, proposal, record):
        before = proposal.number and self.ended_folds[proposal.number - 1]
        return bool(before) and before[0] == len(self.order)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(data=st.data(), room=st.integers(1, 6), most=st.integers(1, 9))
def test_trials_that_wait_for_others_are_judged_again_when_these_end(data, room, most):
    plan = Queue([2, 0, 1], [1] * 9, [3] * 9)
    engine = Shuffled(room, lambda n: data.draw(st.integers(0, n - 1)))
    trials = search_trials(
        plan, engine, plan, n_in_flight=lambda number: most, deadline=Deadline(None), speculate=False
    )
    assert [len(told.record.results) == 3 for told in trials] == [t % 2 == 0 for t in range(9)]
    assert all(len(ended) == 1 for ended in plan.ended_folds)


def test_trials_that_wait_for_each_other_are_an_error():
    plan = Queue([0, 1, 2], [1] * 3, [3] * 3)
    plan.ready = lambda proposal, record: plan.order[:1]
    plan.stops = lambda proposal, record: False
    engine = Shuffled(2, lambda n: 0)
    with pytest.raises(RuntimeError, match=r"trials \[0, 1\] wait for each other"):
        list(search_trials(plan, engine, plan, n_in_flight=lambda number: 2, deadline=Deadline(None), speculate=False))


def test_first_trial_is_finished_at_the_end_of_the_time_though_it_waits():
    plan = Queue([0, 1, 2], [1] * 3, [3] * 3)
    plan.ready = lambda proposal, record: plan.order[:1]
    plan.stops = lambda proposal, record: False
    engine = Shuffled(2, lambda n: 0)
    (told,) = search_trials(plan, engine, plan, n_in_flight=lambda number: 2, deadline=Deadline(1e-9), speculate=False)
    assert len(told.record.results) == 3


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(data=st.data(), room=st.integers(1, 6))
def test_trials_told_when_one_is_asked_depend_on_its_number_only(data, room):
    n_trials = 12
    in_flight = data.draw(st.lists(st.integers(1, 9), min_size=n_trials + 1, max_size=n_trials + 1))
    plan = Plan([0, 1], [2] * n_trials, [2] * n_trials)
    told_at_ask, ask = [], plan.ask

    def noted():
        told_at_ask.append(len(plan.told))
        return ask()

    plan.ask = noted
    engine = Shuffled(room, lambda n: data.draw(st.integers(0, n - 1)))
    list(search_trials(plan, engine, plan, n_in_flight=in_flight.__getitem__, deadline=Deadline(None), speculate=False))
    least = np.maximum.accumulate([max(0, t - in_flight[t] + 1) for t in range(n_trials)])
    assert told_at_ask[:n_trials] == least.tolist()


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(data=st.data(), n_workers=st.integers(2, 9), most=st.integers(1, 5), n_splits=st.integers(2, 5))
def test_no_worker_idles_while_a_fold_may_run_ahead(data, n_workers, most, n_splits):
    n_trials = data.draw(st.integers(1, 8))
    ends = data.draw(st.lists(st.integers(1, n_splits), min_size=n_trials, max_size=n_trials))
    plan = Plan(data.draw(st.permutations(range(n_splits))), [1] * n_trials, ends)

    def look():
        n_started = {number: sum(trial == number for trial, _ in engine.submitted) for number in plan.running()}
        left = [number for number, started in n_started.items() if started < n_splits]
        assert len(engine.outstanding) >= n_workers or not left

    engine = Shuffled(2 * n_workers, lambda n: data.draw(st.integers(0, n - 1)), look, n_workers)
    trials = search_trials(plan, engine, plan, n_in_flight=lambda number: most, deadline=Deadline(None), speculate=True)
    records = [told.record for told in trials]
    assert [len(record.results) for record in records] == ends
    assert sum(ends) + sum(record.n_dropped for record in records) == len(engine.submitted) - len(engine.cancelled)
    assert plan.ended_folds == [[n] for n in ends]
    for number in range(n_trials):
        started = [fold for trial, fold in engine.submitted if trial == number]
        assert started == plan.order[: len(started)]


def test_folds_of_the_oldest_trial_run_ahead_first():
    plan = Plan([0, 1, 2], [1, 1], [3, 3])
    engine = Shuffled(12, lambda n: 0, n_workers=5)
    next(search_trials(plan, engine, plan, n_in_flight=lambda number: 2, deadline=Deadline(None), speculate=True))
    assert engine.submitted[:5] == [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1)]


class Likely(Plan):
    """A plan with a chance for each fold of each trial; a trial's chances are noted when they are asked for."""

    def __init__(self, chances, *args):
        super().__init__(*args)
        self._chances, self.guessed = chances, []

    def chances(self, proposal):
        self.guessed.append(proposal.number)
        return self._chances[proposal.number]


def test_folds_that_are_likelier_to_be_wanted_run_ahead_first():
    plan = Likely([[1, 0.6, 0.5], [1, 0.8, 0.2]], [0, 1, 2], [1, 1], [3, 3])
    engine = Shuffled(12, lambda n: 0, n_workers=6)
    next(search_trials(plan, engine, plan, n_in_flight=lambda number: 2, deadline=Deadline(None), speculate=True))
    assert engine.submitted[:6] == [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]


def test_chances_of_a_trial_are_asked_for_once_for_each_fold_that_ended():
    plan = Likely([[1] * 9] * 2, range(9), [1] * 2, [9] * 2)
    engine = Shuffled(99, lambda n: n - 1, n_workers=3)
    list(search_trials(plan, engine, plan, n_in_flight=lambda number: 2, deadline=Deadline(None), speculate=True))
    assert 1 <= plan.guessed.count(0) <= 9
    assert 1 <= plan.guessed.count(1) <= 9


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(data=st.data(), n_workers=st.integers(2, 9), most=st.integers(1, 5))
def test_workers_are_given_folds_before_the_next_trial_is_asked_for(data, n_workers, most):
    n_trials, n_splits = 9, 3
    ends = data.draw(st.lists(st.integers(1, n_splits), min_size=n_trials, max_size=n_trials))
    plan = Plan(range(n_splits), [1] * n_trials, ends)
    ask, n_asks = plan.ask, []

    def noted():
        left = [number for number in plan.running() if sum(trial == number for trial, _ in engine.submitted) < n_splits]
        assert not plan.told or not left or len(engine.outstanding) >= n_workers
        n_asks.append(bool(left))
        return ask()

    plan.ask = noted
    engine = Shuffled(2 * n_workers, lambda n: data.draw(st.integers(0, n - 1)), n_workers=n_workers)
    list(search_trials(plan, engine, plan, n_in_flight=lambda number: most, deadline=Deadline(None), speculate=True))
    assert len(n_asks) > n_trials


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(data=st.data(), n_workers=st.integers(2, 9), most=st.integers(1, 9))
def test_trials_that_wait_are_judged_by_the_same_folds_where_others_ran_ahead(data, n_workers, most):
    plan = Queue([2, 0, 1], [1] * 9, [3] * 9)
    engine = Shuffled(2 * n_workers, lambda n: data.draw(st.integers(0, n - 1)), n_workers=n_workers)
    trials = search_trials(plan, engine, plan, n_in_flight=lambda number: most, deadline=Deadline(None), speculate=True)
    assert [len(told.record.results) for told in trials] == [3 - 2 * (t % 2) for t in range(9)]
    assert all(len(ended) == 1 for ended in plan.ended_folds)


def test_first_trial_is_finished_at_the_end_of_the_time_though_its_folds_ran_ahead_and_it_waits():
    class Waiting(Queue):
        """Each trial waits for ever after its first fold; the time ends when one has come to that."""

        passed = False

        def ready(self, proposal, record):
            return self.order[:1]

        def stops(self, proposal, record):
            self.passed = self.passed or len(engine.outstanding) == 0
            return False

    plan = Waiting([0, 1, 2], [1] * 2, [3] * 2)
    engine = Shuffled(8, lambda n: n - 1, n_workers=4)
    (told,) = search_trials(plan, engine, plan, n_in_flight=lambda number: 2, deadline=plan, speculate=True)
    assert told.record.number == 0
    assert len(told.record.results) == 3
