"""The policy after a worker's death, without workers: deaths are made up, and an engine is played by a few lines."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_optuna.execution._suspects import Suspects

# The same examples on every machine: a suite that fails now and then is not run.
examples = settings(max_examples=200, deadline=None, derandomize=True, database=None)


class Played:
    """An engine played by the rules of `Suspects`: the workers run the oldest tasks, and a death loses them all.

    Parameters
    ----------
    n_tasks, n_workers, room : int
        Tasks to run, workers, and most tasks outstanding at a time.
    step : callable
        From the running tasks to ``(task, dies)``: the next one to end, and whether its worker dies of it.
    """

    def __init__(self, n_tasks, n_workers, room, step):
        # equal tasks must not be confused, so all of them are equal
        tasks = self.tasks = [["task"] for _ in range(n_tasks)]
        self.finished, self.blamed, self.runs_alone, self.deaths = [], [], [], []
        suspects, waiting, outstanding = Suspects(n_workers), list(range(n_tasks)), []
        while waiting or outstanding or suspects:
            alone = bool(suspects) and not outstanding
            if alone:
                outstanding.append(self._number(suspects.next_alone()))
                self.runs_alone.append(outstanding[0])
            while waiting and not suspects and not alone and len(outstanding) < room:
                outstanding.append(waiting.pop(0))
            running = outstanding[:n_workers]
            task, dies = step(running)
            if not dies:
                outstanding.remove(task)
                self.finished.append(task)
                continue
            self.deaths.append(running)
            blamed = suspects.after_death([tasks[number] for number in outstanding])
            outstanding.clear()
            if blamed is not None:
                self.blamed.append(self._number(blamed))

    def _number(self, task):
        return next(number for number, other in enumerate(self.tasks) if other is task)

    @property
    def n_deaths(self):
        """Deaths at which each task was running."""
        return Counter(number for running in self.deaths for number in running)


sizes = {"n_tasks": st.integers(1, 12), "n_workers": st.integers(1, 5), "room": st.integers(1, 12)}


@examples
@given(**sizes, deadly=st.integers(0, 10), random=st.randoms(use_true_random=False))
def test_every_task_finishes_or_is_blamed_once(n_tasks, n_workers, room, deadly, random):
    played = Played(n_tasks, n_workers, room, lambda running: (random.choice(running), random.random() * 10 < deadly))
    assert sorted(played.finished + played.blamed) == list(range(n_tasks))


@examples
@given(**sizes, deadly=st.integers(0, 10), random=st.randoms(use_true_random=False))
def test_blamed_are_those_who_may_have_been_running_at_two_deaths(n_tasks, n_workers, room, deadly, random):
    played = Played(n_tasks, n_workers, room, lambda running: (random.choice(running), random.random() * 10 < deadly))
    assert sorted(played.blamed) == sorted(number for number, n in played.n_deaths.items() if n == 2)
    assert max(played.n_deaths.values(), default=0) <= 2


@examples
@given(**sizes, deadly=st.integers(0, 10), random=st.randoms(use_true_random=False))
def test_blamed_died_alone_the_second_time(n_tasks, n_workers, room, deadly, random):
    played = Played(n_tasks, n_workers, room, lambda running: (random.choice(running), random.random() * 10 < deadly))
    for number in played.blamed:
        assert [running for running in played.deaths if number in running][-1] == [number]
        assert number in played.runs_alone


@examples
@given(**sizes, data=st.data())
def test_only_those_who_kill_their_worker_every_time_are_blamed(n_tasks, n_workers, room, data):
    killers = data.draw(st.sets(st.integers(0, n_tasks - 1)))
    random = data.draw(st.randoms(use_true_random=False))

    def step(running):
        task = random.choice(running)
        return task, task in killers

    played = Played(n_tasks, n_workers, room, step)
    assert set(played.blamed) == killers
    assert set(played.finished) == set(range(n_tasks)) - killers
    innocents_that_ran_alone = [number for number in played.runs_alone if number not in killers]
    assert len(set(innocents_that_ran_alone)) == len(innocents_that_ran_alone)


def lost_by(suspects, lost):
    """Report a death and return the order in which the suspects would run again."""
    assert suspects.after_death(lost) is None
    return [suspects.next_alone() for _ in range(len(suspects))]


def test_suspects_run_again_in_the_order_of_their_submission():
    assert lost_by(Suspects(2), ["a", "b", "c", "d"]) == ["a", "b", "c", "d"]


def test_nobody_is_suspected_before_a_death():
    assert not Suspects(2)


def test_a_suspect_is_handed_out_once():
    suspects = Suspects(2)
    suspects.after_death(["a", "b"])
    assert (suspects.next_alone(), len(suspects)) == ("a", 1)
    assert (suspects.next_alone(), len(suspects)) == ("b", 0)


@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_only_one_task_for_each_worker_may_have_been_running(n_workers):
    """Who only waited in the queue has a death less to its name, and may die alone once more."""
    suspects, tasks = Suspects(n_workers), ["a", "b", "c"]
    suspects.after_death(tasks)
    blamed = [suspects.after_death([suspects.next_alone()]) for _ in tasks]
    assert blamed == [task if i < n_workers else None for i, task in enumerate(tasks)]
    spared = tasks[n_workers:]
    assert [suspects.after_death([suspects.next_alone()]) for _ in spared] == spared


def test_who_dies_alone_for_the_first_time_runs_again_after_those_that_wait():
    suspects = Suspects(1)
    suspects.after_death(["a", "b", "c"])
    assert suspects.next_alone() == "a"
    assert suspects.next_alone() == "b"
    assert lost_by(suspects, ["b"]) == ["c", "b"]


def test_a_suspect_that_came_back_leaves_its_death_to_nobody():
    suspects = Suspects(1)
    suspects.after_death(["a"])
    assert suspects.next_alone() == "a"
    assert suspects.after_death(["b"]) is None
    assert suspects.after_death([suspects.next_alone()]) == "b"


def test_no_more_than_one_is_blamed_where_others_were_submitted_beside_a_suspect():
    suspects = Suspects(3)
    suspects.after_death(["a"])
    assert suspects.after_death([suspects.next_alone(), "b", "c"]) == "a"
    assert [suspects.next_alone() for _ in range(len(suspects))] == ["b", "c"]


def test_tasks_that_nobody_waits_for_do_not_run_again():
    suspects = Suspects(2)
    assert suspects.after_death(["a", "b", "c"], unwanted={0}) is None
    assert [suspects.next_alone() for _ in range(len(suspects))] == ["b", "c"]


def test_a_task_that_nobody_waits_for_may_have_been_running_in_the_place_of_another():
    """The third of three tasks waited in the queue, though it is the second of those that run again."""
    suspects = Suspects(2)
    suspects.after_death(["a", "b", "c"], unwanted={0})
    blamed = [suspects.after_death([suspects.next_alone()]) for _ in ("b", "c")]
    assert blamed == ["b", None]


def test_a_task_that_nobody_waits_for_is_not_blamed():
    suspects = Suspects(1)
    suspects.after_death(["a"])
    assert suspects.after_death([suspects.next_alone()], unwanted={0}) is None
    assert not suspects


def test_suspects_that_wait_can_be_dropped():
    suspects = Suspects(3)
    suspects.after_death(["a", "b", "c"])
    assert suspects.drop(lambda task: task == "b")
    assert not suspects.drop(lambda task: task == "b")
    assert [suspects.next_alone() for _ in range(len(suspects))] == ["a", "c"]
