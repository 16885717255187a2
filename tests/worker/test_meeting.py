"""Members of a meeting do their parts together, and nobody ever waits in vain."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sk_optuna.worker import Meeting, MeetingClosedError, MemberExpelledError, Note, current_place


def run(meeting, bodies):
    """Run a function for each member in a thread of its own; return values and errors in their order."""
    keys = [(number,) for number in range(len(bodies))]
    meeting.invite(*keys)

    def fold(key, body):
        with meeting.member(key):
            return body(key)

    with ThreadPoolExecutor(len(bodies)) as pool:
        futures = [pool.submit(fold, key, body) for key, body in zip(keys, bodies, strict=True)]
    return [future.exception() or future.result() for future in futures]


def together(rounds):
    """Return a function that notes the parts of each round and gives each part its place among them."""

    def do(meeting, parts):
        rounds.append(list(parts))
        return [(part, i) for i, part in enumerate(parts)]

    return do


def test_round_has_every_member_sorted_by_key():
    rounds = []
    do = together(rounds)
    outcomes = run(Meeting(), [lambda key: current_place().bring(key[0], do)] * 5)
    assert rounds == [[0, 1, 2, 3, 4]]
    assert outcomes == [(i, i) for i in range(5)]


def test_member_that_leaves_is_not_waited_for():
    rounds = []
    do = together(rounds)

    def body(n_rounds):
        return lambda key: [current_place().bring(key[0], do) for _ in range(n_rounds)]

    run(Meeting(), [body(1), body(3), body(2)])
    assert rounds == [[0, 1, 2], [1, 2], [1]]


def test_parts_of_another_kind_are_done_apart():
    first, second = [], []
    kinds = [together(first), together(second)]
    outcomes = run(Meeting(), [lambda key: current_place().bring(key[0], kinds[key[0] % 2])] * 4)
    assert first == [[0, 2]]
    assert second == [[1, 3]]
    assert outcomes == [(0, 0), (1, 0), (2, 1), (3, 1)]


def test_no_member_works_during_a_round():
    at_work, seen = [0], []
    lock = threading.Lock()

    def do(meeting, parts):
        seen.append(at_work[0])
        return parts

    def works(key):
        with lock:
            at_work[0] += 1
        time.sleep(0.02)
        with lock:
            at_work[0] -= 1

    def body(key):
        works(key)
        if key[0] % 2:
            current_place().bring(key[0], do)
        works(key)

    assert run(Meeting(n_turns=3), [body] * 7) == [None] * 7
    assert seen
    assert set(seen) == {0}


def test_nobody_waits_for_one_who_was_invited_and_expelled():
    meeting = Meeting()
    meeting.invite((0,), (1,))
    with ThreadPoolExecutor(1) as pool:

        def fold():
            with meeting.member((0,)):
                return current_place().bring("part", lambda meeting, parts: parts)

        future = pool.submit(fold)
        meeting.expel((1,))
        assert future.result(60) == "part"
    with pytest.raises(MeetingClosedError, match="not wanted"), meeting.member((1,)):
        pass


def test_member_that_is_expelled_leaves_at_its_next_part_and_the_others_go_on():
    rounds = []
    do = together(rounds)
    meeting = Meeting()

    def body(key):
        current_place().bring(key[0], do)
        if key == (2,):
            meeting.expel((0,))
        return current_place().bring(key[0], do)

    errors = run(meeting, [body] * 3)
    assert rounds == [[0, 1, 2], [1, 2]]
    assert isinstance(errors[0], MemberExpelledError)
    assert errors[1:] == [(1, 0), (2, 1)]


@pytest.mark.parametrize("n_turns", [1, 2])
def test_between_rounds_as_many_work_at_a_time_as_there_are_turns(n_turns):
    lock, at_work, most = threading.Lock(), [0], [0]

    def work():
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        time.sleep(0.002)
        with lock:
            at_work[0] -= 1

    def do(meeting, parts):
        work()
        return parts

    def body(key):
        for _ in range(3):
            work()
            current_place().bring(key[0], do)

    assert run(Meeting(n_turns=n_turns), [body] * 6) == [None] * 6
    assert most[0] == n_turns


def test_time_of_a_member_is_what_it_works_and_its_share_of_the_rounds():
    meeting, n_members = Meeting(), 5
    own = [0.0] * n_members

    def do(meeting, parts):
        time.sleep(0.05)
        return parts

    def body(key):
        start = time.perf_counter()
        for _ in range(3):
            time.sleep(0.01)
            current_place().bring(key[0], do)
        own[key[0]] = time.perf_counter() - start - meeting.take_waited(key)

    start = time.perf_counter()
    run(meeting, [body] * n_members)
    whole = time.perf_counter() - start
    # three sleeps of its own and three fifths of a round's, at least; all of them together no more than there was
    assert min(own) >= 3 * 0.01 + 3 * 0.05 / n_members
    assert sum(own) <= whole


def test_failed_round_fails_for_each_of_its_members_and_the_next_round_is_held():
    def fails(meeting, parts):
        raise ZeroDivisionError("out of parts")

    rounds = []
    do = together(rounds)

    def body(key):
        with pytest.raises((ZeroDivisionError, MeetingClosedError)) as caught:
            current_place().bring(key[0], fails)
        current_place().bring(key[0], do)
        return caught.value

    errors = run(Meeting(), [body] * 3)
    assert sorted(type(error).__name__ for error in errors) == ["MeetingClosedError"] * 2 + ["ZeroDivisionError"]
    assert all(error.__cause__ is not None for error in errors if isinstance(error, MeetingClosedError))
    assert rounds == [[0, 1, 2]]


def test_closing_ends_the_waiting():
    meeting = Meeting()
    meeting.invite((9,))  # never comes
    threading.Timer(0.05, meeting.close, [KeyboardInterrupt()]).start()
    errors = run(meeting, [lambda key: current_place().bring(key[0], together([]))] * 3)
    assert [type(error) for error in errors] == [MeetingClosedError] * 3
    with pytest.raises(MeetingClosedError, match="KeyboardInterrupt"):
        meeting.check()


def test_closing_ends_a_round_at_its_next_check():
    meeting = Meeting()

    def endless(meeting, parts):
        threading.Timer(0.05, meeting.close, [KeyboardInterrupt()]).start()
        while True:
            meeting.check()

    errors = run(meeting, [lambda key: current_place().bring(key[0], endless)] * 2)
    assert [type(error) for error in errors] == [MeetingClosedError] * 2


def test_inner_meeting_hides_the_outer_one():
    outer, inner = Meeting(), Meeting()
    with outer.member((0,)):
        with inner.member((1,)):
            assert current_place().meeting is inner
        assert current_place().meeting is outer
    assert current_place() is None


def test_notes_are_kept_once():
    meeting = Meeting()
    with meeting.member((0,)):
        for _ in range(2):
            current_place().note("MLP", None)
    assert meeting.notes == [Note((0,), "MLP", None)]


# A member's life: in each round it comes, or works for a while before it comes, or dies; then it leaves.
LIVES = st.lists(st.lists(st.sampled_from(["come", "work", "die"]), max_size=4), min_size=1, max_size=5)


@example([["come", "come"], ["die"], []], [1])
@given(LIVES, st.lists(st.integers(0, 6), max_size=2))
def test_nobody_waits_in_vain_whoever_leaves_or_fails(lives, failing_rounds):
    rounds = []

    def do(meeting, parts):
        rounds.append(list(parts))
        if len(rounds) - 1 in failing_rounds:
            raise ZeroDivisionError
        return parts

    def body(life):
        def live(key):
            n_done = 0
            for event in life:
                if event == "die":
                    raise LookupError(key)
                if event == "work":
                    time.sleep(0.001)
                current_place().bring(key[0], do)
                n_done += 1
            return n_done

        return live

    ends = run(Meeting(), [body(life) for life in lives])
    for life, end in zip(lives, ends, strict=True):
        failed = isinstance(end, (ZeroDivisionError, MeetingClosedError))
        assert failed or (isinstance(end, LookupError) if "die" in life else end == len(life))
    assert all(parts == sorted(parts) for parts in rounds)
