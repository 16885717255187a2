"""Findings print as a short list, the issues first, and are left out by codes that exist."""

import pickle
from dataclasses import FrozenInstanceError

import pytest

from sk_optuna.checks import CODES, Finding, Findings, checked_ignore
from sk_optuna.exceptions import InvalidArgumentError

TIP = Finding("many-equal", "tip", "Half of them are equal.", "Take the fastest.")
ISSUE = Finding("bound", "issue", "The best C=9.9 lies at the upper end of its range, 0.1 to 10.", "Widen it.", "C")


def test_no_findings_are_one_short_line():
    assert repr(Findings()) == "No findings."
    assert not Findings()


def test_each_finding_says_code_sentence_and_advice_the_issues_first():
    assert repr(Findings([TIP, ISSUE])).splitlines() == [
        "issue [bound]",
        "  The best C=9.9 lies at the upper end of its range, 0.1 to 10.",
        "  -> Widen it.",
        "tip [many-equal]",
        "  Half of them are equal.",
        "  -> Take the fastest.",
    ]


def test_lines_have_at_most_80_columns():
    long = Finding("bound", "issue", "many words " * 40, "many more words " * 40)
    assert max(map(len, str(long).splitlines())) <= 80


def test_findings_are_a_tuple_that_pickles():
    findings = Findings([ISSUE, TIP])
    assert pickle.loads(pickle.dumps(findings)) == findings
    assert repr(pickle.loads(pickle.dumps(findings))) == repr(findings)
    assert (len(findings), findings[0], findings.codes) == (2, ISSUE, ["bound", "many-equal"])


def test_a_finding_cannot_be_changed_and_names_its_section():
    with pytest.raises(FrozenInstanceError):
        ISSUE.code = "other"
    assert ISSUE.section == "checks.md#bound"


def test_one_code_or_several_can_be_left_out():
    assert checked_ignore("bound") == {"bound"}
    assert checked_ignore(["bound", "optimism"]) == {"bound", "optimism"}
    assert checked_ignore(()) == checked_ignore([]) == set()


@pytest.mark.parametrize("ignore", ["bounds", ["bound", "bounds"]])
def test_unknown_codes_are_refused_with_the_nearest(ignore):
    with pytest.raises(InvalidArgumentError, match=r"but got 'bounds'\. Nearest to 'bounds': 'bound'"):
        checked_ignore(ignore)


def test_what_is_no_code_at_all_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"made of codes of checks, 'bound', .* but got 3"):
        checked_ignore(3)


def test_codes_differ():
    assert len(set(CODES)) == len(CODES)
