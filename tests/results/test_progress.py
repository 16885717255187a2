"""Lines about folds that run for long: at 30 seconds, and each time that twice as much has passed."""

import re

import pytest

from sk_optuna.evaluation import TrialRecord
from sk_optuna.results import Progress, in_short


@pytest.fixture
def lines(capsys):
    """Return the lines that a progress prints for a fold, looked at after so many seconds."""
    progress = Progress(10, 5)
    capsys.readouterr()

    def lines(*looks, trial=3, fold=1):
        for seconds in looks:
            progress.report_running(trial, fold, seconds, {"C": 10})
        return capsys.readouterr().out.splitlines()

    return lines


def test_a_short_fold_has_no_line(lines):
    assert lines(0.0, 5.0, 29.9) == []


def test_a_long_fold_has_a_line_with_its_parameters(lines):
    assert lines(29.5, 30.5, 31.5) == ["trial 3, fold 1: running for 30.5s with {'C': 10}"]


def test_the_next_line_comes_after_twice_the_time(lines):
    seconds = [line.split()[6] for line in lines(*range(300))]
    assert seconds == ["30.0s", "1min00s", "2min00s", "4min00s"]


def test_a_look_that_comes_late_makes_one_line(lines):
    assert len(lines(1000.0, 1001.0)) == 1
    assert lines(1919.0) == []
    assert len(lines(1921.0)) == 1


def test_each_fold_has_lines_of_its_own(lines):
    assert len(lines(40.0)) == 1
    assert len(lines(40.0, trial=4)) == 1
    assert len(lines(40.0, fold=2)) == 1


def test_long_parameters_are_cut_off():
    text = in_short({"a": "x" * 1000, "b": 1})
    assert text.startswith("{'a': 'xxx")
    assert text.endswith("x...")
    assert len(text) < 400
    assert "\n" not in in_short({"a": _Lines()})


class _Lines:
    def __repr__(self):
        return "one\n    two"


def scores_shown(capsys, values):
    progress = Progress(len(values), 2)
    capsys.readouterr()
    for number, value in enumerate(values):
        progress.report(TrialRecord(number, {}, [0, 1]), "COMPLETE", value, 1.0, None)
    return re.findall(r"score (\S+); best (\S+) ", capsys.readouterr().out)


def test_scores_have_as_many_digits_as_tell_them_from_the_best(capsys):
    rising = [0.98121 + 1e-7 * i for i in range(7)]
    shown = scores_shown(capsys, [0.5, *rising])
    assert shown[:2] == [("0.5000", "0.5000"), ("0.9812", "0.9812")]
    assert len({score for score, _ in shown[2:]}) == 6
    assert [best for _, best in shown] == [score for score, _ in shown]


def test_equal_scores_and_plain_ones_have_four_decimals(capsys):
    assert scores_shown(capsys, [-1234.5, 0.75, 0.75, 0.5]) == [
        ("-1234.5000", "-1234.5000"),
        ("0.7500", "0.7500"),
        ("0.7500", "0.7500"),
        ("0.5000", "0.7500"),
    ]


def test_small_scores_are_not_shown_as_nothing(capsys):
    (shown,) = scores_shown(capsys, [-3e-6])
    assert float(shown[0]) == -3e-6
