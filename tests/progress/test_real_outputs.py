"""A search in a real terminal: its line survives prints, warnings and Ctrl-C."""

import os
import re
import select
import signal
import subprocess
import sys
import textwrap
import time

import pytest

pty = pytest.importorskip("pty")

_PROGRAM = """
    import sys
    import warnings

    import joblib
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sk_optuna import OptunaSearchCV

    class Loud(LogisticRegression):
        def fit(self, X, y):
            if {is_loud}:
                print("hello", flush=True)
                warnings.warn("mind this")
            return super().fit(X, y)

    warnings.simplefilter("always")
    X, y = load_iris(return_X_y=True)
    search = OptunaSearchCV(Loud(max_iter=1000), {{"C": [1, 2, 3]}}, cv=2, verbose=1, **{arguments})
    with joblib.parallel_config(backend="threading"):  # processes may take long to start
        search.fit(X, y)
    print("after")
"""


def in_terminal(program, *, columns=70, interrupt_at=None):
    """Run a program in a terminal of its own, and return all that it writes there."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdin=child,
        stdout=child,
        stderr=child,
        env={**os.environ, "COLUMNS": str(columns), "TERM": "xterm"},
    )
    os.close(child)
    written, end = b"", time.monotonic() + 250
    try:
        while time.monotonic() < end:
            if select.select([parent], [], [], 1)[0]:
                try:
                    part = os.read(parent, 65536)
                except OSError:  # the terminal is closed by the end of the program
                    break
                written += part
                if interrupt_at is not None and interrupt_at in written:
                    process.send_signal(signal.SIGINT)
                    interrupt_at = None
                if not part:
                    break
        process.wait(timeout=60)
    finally:
        process.kill()
        os.close(parent)
    return written.decode().replace("\r\n", "\n"), process.returncode


def program(arguments="{}", *, is_loud=False):
    return _PROGRAM.format(arguments=arguments, is_loud=is_loud)


@pytest.mark.parametrize("arguments", ["{}", "dict(n_jobs=2)"])
def test_status_is_one_line_that_stays(arguments):
    written, code = in_terminal(program(arguments))
    assert code == 0, written
    title, *writings = written.split("\r\x1b[K")
    assert title == "Fitting 2 folds for each of 3 candidates, totalling 6 fits\n"
    assert all("\n" not in each and len(each) < 70 for each in writings[:-1])
    last, after, nothing = writings[-1].split("\n")
    assert re.fullmatch(r"\[########\] 3/3 trials; best 0\.\d+ \(trial \d\); \S+s; {'C': \d}", last)
    assert (after, nothing) == ("after", "")


def test_status_recovers_after_prints_and_warnings():
    written, code = in_terminal(program(is_loud=True))
    assert code == 0, written
    assert written.count("hello\n") == written.count("mind this\n") == 7  # six folds and the refit
    writings = written.split("\r\x1b[K")[1:]
    assert all(re.match(r"(\[[#.]{8}\] )?\d/3 trials; ", each) for each in writings)
    assert "3/3 trials; best" in writings[-1]


def test_ctrl_c_leaves_the_last_state_on_a_line_of_its_own():
    endless = "dict(n_trials=10**6, param_grid=None)"
    text = program(endless).replace('{"C": [1, 2, 3]}', '{"C": __import__("scipy").stats.loguniform(0.1, 10)}')
    written, code = in_terminal(text, interrupt_at=b" trials; best")
    assert code != 0
    last, _, rest = written.split("\r\x1b[K")[-1].partition("\n")
    assert re.search(r"\d+/1000000 trials; best 0\.\d+ \(trial \d+\); \S+s, interrupted", last)
    assert rest.startswith("Traceback")


def test_verbose_2_has_lines_above_the_status():
    written, code = in_terminal(program("{}").replace("verbose=1", "verbose=2"), columns=200)
    assert code == 0, written
    lines = [each.rpartition("\r\x1b[K")[2] for each in written.split("\n")]
    assert [line[:14] for line in lines[1:4]] == ["[1/3] trial 0:", "[2/3] trial 1:", "[3/3] trial 2:"]
    assert "3/3 trials; best" in lines[4]


def test_file_has_few_lines(tmp_path):
    many = program("dict(n_trials=None)").replace("[1, 2, 3]", "list(range(1, 41))")
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        subprocess.run([sys.executable, "-c", textwrap.dedent(many)], stdout=log, timeout=250, check=True)
    title, *lines, last, after = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert title.startswith("Fitting 2 folds for each of 40 candidates")
    assert len(lines) < 20
    bests = [float(re.search(r"best (\S+)", line)[1]) for line in lines]
    assert bests == sorted(set(bests))
    assert last.startswith("40/40 trials; best")
    assert after == "after"
