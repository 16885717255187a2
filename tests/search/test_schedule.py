"""The schedule, on workers that finish in any order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sk_optuna.evaluation._fold import Fold, FoldResult
from sk_optuna.execution import Outcome
from sk_optuna.search._budget import Deadline
from sk_optuna.search._schedule import search_trials
from sk_optuna.study._ready import one_after_the_other
from sk_optuna.study._told import ToldTrial


class Shuffled:
    """An engine of `room` slots whose tasks finish in a drawn order; `look` is called whenever it is waited for."""

    def __init__(self, room, draw, look):
        self.outstanding, self.submitted = [], []
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

    def wait(self):
        self._look()
        key = self.outstanding.pop(self._draw(len(self.outstanding)))
        return Outcome(key, key, None, 0.0)


class Plan:
    """Proposals and conduct in one: trial t has `free[t]` folds before a decision, and ends after `ends[t]`."""

    def __init__(self, order, free, ends):
        self.order, self.free, self.ends = order, free, ends
        self.n_asked, self.told = 0, []

    def ask(self):
        if self.n_asked == len(self.ends):
            return None
        self.n_asked += 1
        return type("Proposal", (), {"number": self.n_asked - 1, "params": {}})

    def ready(self, proposal, record):
        return one_after_the_other(self.order, record, self.free[proposal.number])

    def fold(self, proposal, record, number):
        return Fold(proposal.number, number, {})

    def result_of(self, fold, outcome):
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
    trials = search_trials(plan, engine, plan, max_concurrent_trials=most, deadline=Deadline(None))
    records = [told.record for told in trials]
    assert plan.told == [record.number for record in records] == list(range(n_trials))
    assert [len(record.results) for record in records] == [n_run(number) for number in range(n_trials)]
    assert len(engine.submitted) == sum(map(n_run, range(n_trials)))
