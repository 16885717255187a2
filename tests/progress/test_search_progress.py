"""A search's progress: its numbers, its words, and the time that it thinks is left."""

import re
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_optuna._short_value import in_short
from sk_optuna.evaluation import FoldResult, TrialRecord
from sk_optuna.progress import RunningFold, SearchProgress, duration
from sk_optuna.progress._pace import seconds_left
from sk_optuna.progress._search_status import Best, SearchStatus


class Clock:
    """A time that passes when it is told to."""

    def __init__(self, timeout=None):
        self.elapsed = 0.0
        self.timeout = timeout

    @property
    def left(self):
        return None if self.timeout is None else self.timeout - self.elapsed


class Face:
    """Remembers all that it is to show."""

    def __init__(self):
        self.titles, self.statuses, self.lines, self.told, self.last = [], [], [], [], None

    def begin(self, title):
        self.titles.append(title)

    def show(self, status):
        self.statuses.append(status)

    def tell(self, text):
        self.told.append(text)

    def line(self, text):
        self.lines.append(text)

    def end(self, status):
        self.last = status


def fold(score=0.5, **scores):
    return FoldResult(scores or score, None, 10, 1.0, 0.0, None, ())


def record(number=0, n_run=2, n_splits=2, params=None, result=None):
    made = TrialRecord(number, params or {"C": number}, range(n_splits))
    for i in range(n_run):
        made.add(i, result or fold())
    return made


def followed(n_trials=10, n_splits=2, clock=None, **arguments):
    face = Face()
    clock = clock or Clock()
    return SearchProgress(face, n_trials=n_trials, n_splits=n_splits, clock=clock, **arguments), face, clock


def scores_shown(values):
    progress, face, _ = followed(len(values), every_trial=True)
    for number, value in enumerate(values):
        progress.report(record(number), "COMPLETE", value)
    return [re.search(r"score (\S+); best (\S+) ", line).groups() for line in face.lines]


# --- parameters -------------------------------------------------------------------------------------------------------


def test_parameters_have_four_digits_on_screens_only():
    params = {"C": 6.812345678901234, "gamma": np.float64(1.23456e-7), "n": 123456, "yes": True, "flag": np.True_}
    shown = f"{{'C': 6.812, 'gamma': 1.235e-07, 'n': 123456, 'yes': True, 'flag': {np.True_!r}}}"
    progress, face, _ = followed(every_trial=True)
    progress.report(record(params=params), "COMPLETE", 0.5)
    assert face.lines[0].endswith(shown)
    assert face.statuses[-1].pieces[-1] == dict(face.statuses[-1].rows)["Best parameters"] == shown
    assert RunningFold(0, 1, 30.0, params).words.endswith(shown)
    assert "6.812345678901234" in in_short(params)


# --- scores -----------------------------------------------------------------------------------------------------------


def test_scores_have_as_many_digits_as_tell_them_from_the_best():
    rising = [0.98121 + 1e-7 * i for i in range(7)]
    shown = scores_shown([0.5, *rising])
    assert shown[:2] == [("0.5000", "0.5000"), ("0.9812", "0.9812")]
    assert len({score for score, _ in shown[2:]}) == 6
    assert [best for _, best in shown] == [score for score, _ in shown]


def test_equal_scores_and_plain_ones_have_four_decimals():
    assert scores_shown([-1234.5, 0.75, 0.75, 0.5]) == [
        ("-1234.5000", "-1234.5000"),
        ("0.7500", "0.7500"),
        ("0.7500", "0.7500"),
        ("0.5000", "0.7500"),
    ]


def test_small_scores_are_not_shown_as_nothing():
    (shown,) = scores_shown([-3e-6])
    assert float(shown[0]) == -3e-6


def test_a_line_of_a_trial_has_all_metrics_and_the_parameters():
    progress, face, _ = followed(every_trial=True)
    progress.report(record(result=fold(accuracy=0.75, roc_auc=0.875)), "COMPLETE", 0.875)
    assert face.lines == [
        "[1/10] trial 0: score 0.8750 (accuracy 0.7500, roc_auc 0.8750); best 0.8750 (trial 0); 0.0s elapsed; {'C': 0}"
    ]


def test_a_better_score_never_looks_like_a_worse_one():
    assert scores_shown([0.99966, 0.99967]) == [("0.9996", "0.9996"), ("0.99967", "0.99967")]
    mean = 0.9728571428571428
    assert scores_shown([mean, mean + 2e-16]) == [("0.9728", "0.9728"), ("0.9728", "0.9728")]
    assert scores_shown([0.97 - 1e-16, 0.57]) == [("0.9700", "0.9700"), ("0.5700", "0.9700")]


near = st.builds(lambda n, digits: 0.9995 + n * 10.0**-digits, st.integers(-20, 20), st.integers(3, 12))
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.one_of(near, near.map(lambda score: -score), finite), min_size=1, max_size=20))
def test_shown_bests_never_fall_and_never_exceed_the_score(values):
    bests = [Decimal(best) for _, best in scores_shown(values)]
    assert bests == sorted(bests)
    assert all(best <= Decimal(f"{most:.12f}") for best, most in zip(bests, accumulate(values, max), strict=True))


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_status_counts_trials_by_their_ends():
    progress, face, _ = followed()
    progress.report(record(0), "COMPLETE", 0.5)
    progress.report(record(1, n_run=1), "PRUNED", 0.4)
    progress.report(record(2), "FAIL", None)
    infeasible = replace(record(3), constraints=(1.0,))
    progress.report(infeasible, "COMPLETE", 0.9)
    status = face.statuses[-1]
    assert (status.n_finished, status.n_pruned, status.n_failed, status.n_infeasible) == (4, 1, 1, 1)
    assert status.best == Best(0.5, 0, {"C": 0})
    assert status.share == 0.4
    assert status.pieces[0] == "4/10 trials, 1 pruned, 1 failed, 1 breaking a constraint"
    assert dict(status.rows)["Trials"] == "4 of 10, 1 pruned, 1 failed, 1 breaking a constraint"


def test_status_of_several_objectives_has_the_size_of_the_front():
    progress, face, _ = followed()
    for number, values in enumerate([(0.0, 1.0), (1.0, 0.0), (0.5, 0.5), (0.0, 0.5)]):
        progress.report(record(number), "COMPLETE", values)
    assert face.statuses[-1].n_front == 3
    assert "front of 3" in face.statuses[-1].pieces
    assert dict(face.statuses[-1].rows)["Best"] == "front of 3"


def test_bar_counts_trials_and_with_a_timeout_alone_seconds():
    assert SearchStatus(n_trials=8, n_finished=2, seconds=9, timeout=10).share == 0.25
    assert SearchStatus(n_trials=None, n_finished=2, seconds=9, timeout=10).share == 0.9
    assert SearchStatus(n_trials=None, seconds=99, timeout=10).share == 1.0
    assert SearchStatus(n_trials=None).share is None


def test_search_that_goes_on_says_so_once_and_counts_what_was_known():
    progress, face, clock = followed(n_past=3)
    for number in range(3):
        progress.recall(record(number), "COMPLETE", number / 10)
    assert face.told == ["Going on after 3 candidates that were finished before"]
    assert len(face.statuses) == 1
    assert dict(face.statuses[-1].rows)["Known before"] == "3 trials"
    clock.elapsed = 4.0
    progress.fold_ended(4.0)
    assert face.statuses[-1].left == pytest.approx(4.0 * (7 * 2 - 1))


@pytest.mark.parametrize(
    ("error", "end"), [(None, ""), (KeyboardInterrupt, ", interrupted"), (ValueError, ", ended by ValueError")]
)
def test_last_status_says_how_the_search_ended(error, end):
    progress, face, clock = followed()
    clock.elapsed = 65.0
    try:
        with progress:
            progress.report(record(), "COMPLETE", 0.5)
            if error is not None:
                raise error
    except (KeyboardInterrupt, ValueError):
        pass
    assert face.titles == ["Fitting 2 folds for each of 10 candidates, totalling 20 fits"]
    assert face.last.pieces == ["1/10 trials", "best 0.5000 (trial 0)", f"1min05s{end}", "{'C': 0}"]


def test_folds_that_were_not_wanted_are_told_and_in_the_summary():
    progress, face, _ = followed()
    with progress:
        progress.dropped([record()])
        progress.dropped([record(), replace(record(1), n_dropped=3)])
    (told,) = face.told
    assert told.endswith("folds ran; 3 more, on workers that had nothing else to do, not wanted")
    assert dict(face.last.rows)["Folds not wanted"].startswith("3, ")


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0.0s"), (9.94, "9.9s"), (9.96, "10s"), (59.4, "59s"), (59.6, "1min00s"), (3700, "1h01min"), (-1, "0.0s")],
)
def test_seconds_in_words(seconds, words):
    assert duration(seconds) == words


def test_time_left_is_the_fits_to_come_at_the_pace_so_far():
    left = seconds_left(10.0, 0.0, n_fits=20, n_fits_of_told=20, n_told=4, n_left=6, n_splits=5)
    assert left == pytest.approx(6 * 5 * 0.5)


def test_time_left_has_what_the_race_spares():
    full, pruned = (
        seconds_left(10.0, 0.0, n_fits=20, n_fits_of_told=20, n_told=n, n_left=10, n_splits=5) for n in (4, 10)
    )
    assert pruned == pytest.approx(full * 4 / 10)


def test_eight_workers_do_not_make_the_first_estimate_eight_times_too_long():
    """Eight trials in flight, one fold each a second: after five seconds one is told and seven are nearly finished."""
    left = seconds_left(5.0, 0.0, n_fits=40, n_fits_of_told=5, n_told=1, n_left=79, n_splits=5)
    assert left == pytest.approx(80 * 5 / 8 - 5)


def test_folds_on_which_nothing_rests_make_the_pace_slower_and_nothing_else():
    """Of two workers one runs in vain: the pace of what counts is half, and so the time left is what it will be."""
    left = seconds_left(10.0, 0.0, n_fits=10, n_fits_of_told=10, n_told=5, n_left=5, n_splits=5)
    assert left == pytest.approx(10.0)


def test_start_of_the_workers_is_not_taken_for_the_pace():
    progress, face, clock = followed(n_trials=10)
    clock.elapsed = 101.0
    progress.fold_ended(1.0)
    assert face.statuses[-1].left == pytest.approx(19.0)


def test_time_left_counts_down_to_the_fit_that_is_due():
    progress, face, clock = followed(n_trials=10)
    clock.elapsed = 2.0
    progress.fold_ended(2.0)
    lefts = []
    for clock.elapsed in (2.0, 3.0, 4.0, 9.0):
        progress.look([])
        lefts.append(face.statuses[-1].left)
    assert lefts == pytest.approx([38.0, 37.0, 36.0, 36.0])


def test_the_nearer_limit_is_the_time_left():
    progress, face, clock = followed(n_trials=10, clock=Clock(timeout=5.0))
    progress.look([])
    assert face.statuses[-1].left == 5.0
    clock.elapsed = 1.0
    progress.fold_ended(1.0)
    assert face.statuses[-1].left == 4.0
    clock.timeout = 100.0
    progress.look([])
    assert face.statuses[-1].left == pytest.approx(19.0)
    assert "1.0s, about 19s left" in face.statuses[-1].pieces


def test_no_time_is_left_where_nothing_is_known():
    progress, face, _ = followed(n_trials=None)
    progress.look([])
    assert face.statuses[-1].left is None
    assert face.statuses[-1].pieces == ["0 trials", "no score yet", "0.0s"]


# --- folds that run for long ------------------------------------------------------------------------------------------


@pytest.fixture
def looked():
    """Return what a progress tells of a fold, looked at after so many seconds."""
    progress, face, _ = followed()

    def looked(*looks, trial=3, fold=1):
        face.told.clear()
        for seconds in looks:
            progress.look([RunningFold(trial, fold, seconds, {"C": 10})])
        return list(face.told)

    looked.face = face
    return looked


def test_a_short_fold_has_no_line(looked):
    assert looked(0.0, 5.0, 29.9) == []
    assert looked.face.statuses[-1].running is None


def test_a_long_fold_has_a_line_with_its_parameters(looked):
    assert looked(29.5, 30.4, 31.5) == ["trial 3, fold 1: running for 30s with {'C': 10}"]
    assert "trial 3 runs for 32s" in looked.face.statuses[-1].pieces
    assert dict(looked.face.statuses[-1].rows)["Long fold"].endswith("running for 32s with {'C': 10}")


def test_the_next_line_comes_after_twice_the_time(looked):
    seconds = [line.split()[6] for line in looked(*range(300))]
    assert seconds == ["30s", "1min00s", "2min00s", "4min00s"]


def test_a_look_that_comes_late_makes_one_line(looked):
    assert len(looked(1000.0, 1001.0)) == 1
    assert looked(1919.0) == []
    assert len(looked(1921.0)) == 1


def test_each_fold_has_lines_of_its_own(looked):
    assert len(looked(40.0)) == 1
    assert len(looked(40.0, trial=4)) == 1
    assert len(looked(40.0, fold=2)) == 1


def test_long_parameters_are_cut_off():
    text = in_short({"a": "x" * 1000, "b": 1})
    assert text.startswith("{'a': 'xxx")
    assert text.endswith("x...")
    assert len(text) < 400
    assert "\n" not in in_short({"a": _Lines()})


class _Lines:
    def __repr__(self):
        return "one\n    two"
