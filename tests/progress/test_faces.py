"""The faces of a status: a terminal's line, a notebook's output, lines of a file; time is what the tests say."""

import io
import re
import sys
import types

import pytest
from joblib import parallel_config
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from sk_optuna import OptunaSearchCV
from sk_optuna.progress import _choice, _notebook, table
from sk_optuna.progress._lines import LinesFace
from sk_optuna.progress._notebook import NotebookFace, display_of_kernel
from sk_optuna.progress._search_status import Best, SearchStatus
from sk_optuna.progress._terminal import TerminalFace, line_of, width_of

STATUS = SearchStatus(n_trials=10, n_finished=3, seconds=5.0, left=12.0, best=Best(0.5, 2, {"C": 1.5}))
LINE = "3/10 trials; best 0.5000 (trial 2); 5.0s, about 12s left; {'C': 1.5}"
BETTER = SearchStatus(n_trials=10, n_finished=4, seconds=6.0, best=Best(0.75, 3, {"C": 2}))
END = SearchStatus(n_trials=10, n_finished=10, seconds=7.0, best=Best(0.75, 3, {"C": 2}), end="finished")


class Time:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


# --- a terminal -------------------------------------------------------------------------------------------------------


class Screen:
    """As much of a terminal as a line needs: it prints, returns, erases to the end of the line, and wraps."""

    def __init__(self, columns):
        self.columns, self.rows, self.column = columns, [""], 0

    def feed(self, text):
        for part in re.findall(r"\x1b\[K|[\s\S]", text):
            if part == "\r":
                self.column = 0
            elif part == "\n":
                self.rows.append("")
                self.column = 0
            elif part == "\x1b[K":
                self.rows[-1] = self.rows[-1][: self.column]
            else:
                if self.column + width_of(part) > self.columns:
                    self.rows.append("")
                    self.column = 0
                self.rows[-1] = self.rows[-1][: self.column].ljust(self.column) + part
                self.column += width_of(part)


@pytest.fixture
def terminal(time):
    stream = io.StringIO()
    face = TerminalFace(stream, clock=time, columns=lambda: 100, knows_escapes=True)
    face.written = stream.getvalue
    return face


def test_terminal_has_one_line_that_is_written_anew_and_ends(terminal, time):
    terminal.begin("Fitting")
    terminal.show(STATUS)
    time.now += 1
    terminal.show(BETTER)
    terminal.end(END)
    screen = Screen(100)
    screen.feed(terminal.written())
    assert screen.rows == ["Fitting", "[########] 10/10 trials; best 0.7500 (trial 3); 7.0s; {'C': 2}", ""]


def test_terminal_is_written_to_five_times_a_second_at_most(terminal, time):
    for _ in range(1000):
        terminal.show(STATUS)
        time.now += 0.001
    assert terminal.written().count("\r") == 5


def test_last_state_is_written_even_right_after_another_one(terminal):
    terminal.show(STATUS)
    terminal.end(END)
    assert terminal.written().endswith("7.0s; {'C': 2}\n")


def test_each_writing_begins_at_the_start_of_the_line_and_erases_it(terminal, time):
    for _ in range(3):
        terminal.show(STATUS)
        time.now += 1
    first, *writings = terminal.written().split("\r")
    assert first == ""
    assert len(writings) == 3
    assert all(each == f"\x1b[K[##......] {LINE}" for each in writings)


@pytest.mark.parametrize("printed", ["hello\n", "hello", "a warning\nof two lines\n", "x" * 250, ""])
def test_line_is_whole_again_after_something_was_printed(terminal, time, printed):
    screen = Screen(100)
    terminal.show(STATUS)
    screen.feed(terminal.written() + printed)
    n_written = len(terminal.written())
    time.now += 1
    terminal.show(BETTER)
    screen.feed(terminal.written()[n_written:])
    assert screen.rows[-1] == "[###.....] 4/10 trials; best 0.7500 (trial 3); 6.0s; {'C': 2}"


def test_lines_of_trials_stand_above_the_line(terminal, time):
    screen = Screen(100)
    terminal.show(STATUS)
    time.now += 1
    terminal.line("[3/10] trial 2: score 0.5")
    terminal.tell("Going on")
    time.now += 1
    terminal.show(STATUS)
    screen.feed(terminal.written())
    assert screen.rows == ["[3/10] trial 2: score 0.5", "Going on", f"[##......] {LINE}"]


@pytest.mark.parametrize("columns", range(0, 120, 7))
@pytest.mark.parametrize("name", ["C", "宽宽宽宽宽宽宽宽宽宽宽宽宽", "é́", "tab\tand\x1b[31mred"])
def test_line_is_cut_to_the_width_and_never_wraps(columns, name):
    status = SearchStatus(n_trials=10, n_finished=3, best=Best(0.5, 2, {name: "x" * 30}))
    stream, screen = io.StringIO(), Screen(max(columns, 1))
    face = TerminalFace(stream, columns=lambda: columns, knows_escapes=True)
    face.show(status)
    screen.feed(stream.getvalue())
    assert len(screen.rows) == 1
    assert screen.column < max(columns, 1)


def test_bar_gives_way_before_the_rest_is_cut():
    assert line_of(STATUS, 200) == f"[##......] {LINE}"
    assert line_of(STATUS, len(LINE) + 2).startswith("[##......] 3/10 trials; best")
    assert line_of(STATUS, 60) == f"{LINE[:57]}..."


def test_consoles_without_escapes_are_written_blanks(time):
    stream = io.StringIO()
    face = TerminalFace(stream, clock=time, columns=lambda: 100, knows_escapes=False)
    stream.write("x" * 80)
    face.show(STATUS)
    screen = Screen(100)
    screen.feed(stream.getvalue())
    assert "\x1b" not in stream.getvalue()
    assert [row.rstrip() for row in screen.rows] == [f"[##......] {LINE}"]


def test_characters_that_the_terminal_does_not_know_do_not_end_a_search():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    TerminalFace(stream, columns=lambda: 200).show(SearchStatus(n_trials=1, best=Best(1.0, 0, {"größe": 1})))
    assert rb"gr\xf6\xdfe" in stream.buffer.getvalue()


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lines(time):
    stream = io.StringIO()
    face = LinesFace(stream, clock=time)
    face.written = lambda: stream.getvalue().splitlines()
    face.begin("Fitting")
    face.show(SearchStatus(n_trials=10))
    return face


def test_file_has_a_line_when_the_best_improves_and_none_for_other_trials(lines, time):
    for _ in range(50):
        time.now += 1
        lines.show(STATUS)
    lines.show(BETTER)
    assert lines.written() == ["Fitting", LINE, "4/10 trials; best 0.7500 (trial 3); 6.0s; {'C': 2}"]


def test_file_has_a_line_a_minute(lines, time):
    for _ in range(200):
        time.now += 1
        lines.show(STATUS)
    assert lines.written() == ["Fitting", *[LINE] * 4]


def test_file_has_one_line_of_the_last_state(lines):
    lines.show(SearchStatus(n_trials=10, n_finished=10, seconds=7.0, best=Best(0.75, 3, {"C": 2})))
    lines.end(END)
    assert lines.written() == ["Fitting", "10/10 trials; best 0.7500 (trial 3); 7.0s; {'C': 2}"]


def test_file_with_a_line_for_each_trial_does_not_say_twice_that_the_best_improves(time):
    stream = io.StringIO()
    face = LinesFace(stream, clock=time, every_trial=True)
    face.show(SearchStatus(n_trials=10))
    face.line("[3/10] trial 2: score 0.5; best 0.5")
    face.show(STATUS)
    assert stream.getvalue() == "[3/10] trial 2: score 0.5; best 0.5\n"


def test_lines_of_a_file_are_there_at_once(tmp_path, time):
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        face = LinesFace(stream, clock=time)
        face.begin("Fitting")
        assert (tmp_path / "log").read_text(encoding="utf-8") == "Fitting\n"


# --- a notebook -------------------------------------------------------------------------------------------------------


class Display:
    """Stands for IPython.display."""

    def __init__(self):
        self.calls = []

    def display(self, data, *, raw, display_id):
        self.calls.append(("display", data, display_id))

    def update_display(self, data, *, raw, display_id):
        self.calls.append(("update", data, display_id))


@pytest.fixture
def notebook(time):
    display = Display()
    face = NotebookFace(display, io.StringIO(), clock=time)
    face.calls = display.calls
    return face


def test_notebook_has_one_output_that_is_updated(notebook, time):
    notebook.begin("Fitting")
    for _ in range(3):
        notebook.show(STATUS)
        time.now += 1
    notebook.end(END)
    assert [kind for kind, _, _ in notebook.calls] == ["display", *["update"] * 4]
    assert len({display_id for _, _, display_id in notebook.calls}) == 1
    assert notebook.calls[1][1]["text/plain"] == LINE
    assert 'aria-valuenow="30"' in notebook.calls[1][1]["text/html"]


def test_notebook_ends_with_the_summary(notebook):
    notebook.begin("Fitting")
    notebook.show(STATUS)
    notebook.end(END)
    html = notebook.calls[-1][1]["text/html"]
    assert "progressbar" not in html
    assert "left" not in html.replace("text-align:left", "")
    for text in ("Fitting", "10 of 10", "0.7500 (trial 3)", "{&#x27;C&#x27;: 2}", "7.0s"):
        assert text in html


def test_notebook_is_updated_twice_a_second_at_most(notebook, time):
    for _ in range(1000):
        notebook.show(STATUS)
        time.now += 0.001
    assert len(notebook.calls) == 2


def test_html_is_escaped_and_takes_the_colours_of_its_surroundings():
    html = table("<b>title</b>", [("<i>name", "</td><script>alert(1)</script>")], share=0.5)
    assert not re.search(r"<(b|i|script)>", html)
    assert html.count("<td") == html.count("</td>") == 1
    assert not re.search(r"#[0-9a-f]{3}|black|white|rgb", html)


def test_kernel_is_told_by_its_shell_and_nothing_is_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert display_of_kernel() is None
    monkeypatch.delitem(sys.modules, "IPython")
    assert display_of_kernel() is None
    assert "IPython" not in sys.modules
    ipython = types.ModuleType("IPython")
    ipython.display = Display()
    for shell, found in [(None, None), (types.SimpleNamespace(), None), (types.SimpleNamespace(kernel=1), Display)]:
        ipython.get_ipython = lambda shell=shell: shell
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        assert isinstance(display_of_kernel(), found or type(None))


def test_real_ipython_displays_and_updates_one_output():
    """IPython's own shell stands for a kernel's, whose outputs are published in the same way."""
    pytest.importorskip("IPython")
    from IPython import display
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    published = []
    shell.display_pub.publish = lambda data, **more: published.append((data, more))
    try:
        face = NotebookFace(display, io.StringIO())
        face.begin("Fitting")
        face.show(STATUS)
        face.end(END)
    finally:
        InteractiveShell.clear_instance()
    assert [more.get("update", False) for _, more in published] == [False, True, True]
    assert len({more["transient"]["display_id"] for _, more in published}) == 1
    assert published[1][0]["text/plain"] == LINE


# --- the choice -------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def chosen(monkeypatch):
    """Return the class of the face that is chosen for an output, under certain circumstances."""

    def chosen(stream, verbose=1, **environment):
        monkeypatch.setenv("TERM", "xterm")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdout", stream)
        with _choice._face(verbose) as face:
            return type(face)

    return chosen


def test_face_fits_where_the_output_goes(chosen, monkeypatch):
    assert chosen(Terminal()) is TerminalFace
    assert chosen(io.StringIO()) is LinesFace
    assert chosen(Terminal(), TERM="dumb") is LinesFace
    assert chosen(None) is type(None)
    assert chosen(Terminal(), verbose=0) is type(None)
    monkeypatch.setattr(_choice, "display_of_kernel", lambda: _notebook)
    assert chosen(io.StringIO()) is NotebookFace


def test_only_one_status_of_a_process_is_live(chosen):
    sys_stdout = Terminal()
    assert chosen(sys_stdout) is TerminalFace
    with _choice._face(1) as first, _choice._face(1) as second:
        assert isinstance(first, TerminalFace)
        assert second is None
    with _choice._face(1) as third:
        assert isinstance(third, TerminalFace)


def test_in_a_file_each_search_of_a_process_has_its_lines(chosen):
    assert chosen(io.StringIO()) is LinesFace
    with _choice._face(1) as first, _choice._face(1) as second:
        assert isinstance(first, LinesFace)
        assert isinstance(second, LinesFace)


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_worker_processes_show_nothing(chosen, monkeypatch, stream):
    monkeypatch.setattr(_choice.multiprocessing, "parent_process", lambda: object())
    assert chosen(stream, verbose=2) is type(None)


def test_searches_in_worker_processes_write_nothing(capfd):
    search = OptunaSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2, verbose=2)
    with parallel_config(backend="loky"):  # joblib 1.3.0 would take an n_jobs of this for 1
        cross_val_score(search, *make_classification(40, random_state=0), cv=2, n_jobs=2)
    assert capfd.readouterr().out == ""


class ToLogger:
    """Stands for standard output where a program hands what is printed to its log: it can write, and no more."""

    def __init__(self):
        self.written = []

    def write(self, text):
        self.written.append(text)


def test_output_that_can_only_be_written_to_has_lines(monkeypatch):
    stream = ToLogger()
    monkeypatch.setattr(sys, "stdout", stream)
    X, y = make_classification(40, random_state=0)
    OptunaSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2, verbose=1).fit(X, y)
    assert stream.written[0].startswith("Fitting 2 folds")
    assert stream.written[-1].startswith("2/2 trials; best")
