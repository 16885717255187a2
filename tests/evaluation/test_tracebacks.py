"""The text of a traceback gives back the errors that were raised."""

import linecache
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_optuna.evaluation._tracebacks import raised_errors


class OwnError(Exception):
    pass


def text_of(error, cause=None):
    try:
        raise error from cause
    except BaseException:
        return traceback.format_exc()


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        (ValueError("no more"), "ValueError", "no more"),
        (ValueError(), "ValueError", ""),
        (KeyError("gamma"), "KeyError", "'gamma'"),
        (OwnError("a: b"), f"{__name__}.OwnError", "a: b"),
        (RuntimeError("first\n  second: x\nthird"), "RuntimeError", "first\n  second: x\nthird"),
        (RuntimeError("\nafter a blank line\n"), "RuntimeError", "after a blank line"),
    ],
)
def test_class_and_whole_message_of_an_error(error, name, message):
    [found] = raised_errors(text_of(error))
    assert (found.name, found.message) == (name, message)


lines = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=20)


@given(st.lists(lines, min_size=1, max_size=4))
def test_messages_of_any_words_come_back(message):
    [found] = raised_errors(text_of(ValueError("\n".join(message))))
    assert found.message == "\n".join(message).strip()


def test_a_cause_comes_before_its_consequence():
    text = text_of(RuntimeError("late"), ValueError("early"))
    assert [(error.name, error.message) for error in raised_errors(text)] == [
        ("ValueError", "early"),
        ("RuntimeError", "late"),
    ]


def test_an_error_that_was_handled_comes_first_too():
    try:
        try:
            int("a")
        except ValueError:
            raise KeyError("b")  # noqa: B904
    except KeyError:
        first, second = raised_errors(traceback.format_exc())
    assert (first.name, second.name) == ("ValueError", "KeyError")
    assert first.lines[-1].source == 'int("a")'
    assert second.lines[-1].source == 'raise KeyError("b")  # noqa: B904'


def test_lines_are_those_of_the_frames_the_deepest_last():
    def deep(n):
        return 1 / n if n == 0 else deep(n - 1)

    try:
        deep(2)
    except ZeroDivisionError as error:
        frames = traceback.extract_tb(error.__traceback__)
        [found] = raised_errors(traceback.format_exc())
    assert found.lines == [(frame.filename, frame.lineno, frame.name, frame.line) for frame in frames]
    assert len(found.lines) == 4


def test_code_without_a_file_has_lines_without_a_source():
    try:
        exec(compile("def f():\n    g()\ndef g():\n    1 / 0\nf()", "<nowhere>", "exec"), {})
    except ZeroDivisionError:
        [found] = raised_errors(traceback.format_exc())
    assert found.lines[1:] == [
        ("<nowhere>", 5, "<module>", ""),
        ("<nowhere>", 2, "f", ""),
        ("<nowhere>", 4, "g", ""),
    ]
    assert linecache.getline("<nowhere>", 5) == ""


@pytest.mark.parametrize("text", ["", "\n", "  indented only", "no error: at all!", "WorkerDiedError - odd"])
def test_other_text_has_no_errors(text):
    assert raised_errors(text) == []


def test_an_error_without_a_traceback_is_one():
    assert raised_errors("WorkerDiedError: It died.\n") == [("WorkerDiedError", "It died.", [])]
