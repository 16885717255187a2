"""The quick tests leave no claim out: of every test function some case runs without --slow."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# Test function -> why no case of it is quick.
SLOW_ONLY = {
    "tests/test_estimator_checks.py::test_estimator_checks_of_further_searches": "has a quick sibling",
}
COLLECT = """
import sys, pytest

class Seen:
    def pytest_collection_modifyitems(self, items):
        for item in items:
            print("seen", item.nodeid.partition("[")[0], "slow" if item.get_closest_marker("slow") else "quick")

sys.exit(pytest.main(["--collect-only", "-qq", "--slow", "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[Seen()]))
"""


def _speeds():
    """Test function -> the speeds of its cases, in the files that have slow ones at all."""
    files = [str(path) for path in sorted(TESTS.rglob("test_*.py")) if "mark.slow" in path.read_text(encoding="utf-8")]
    command = [sys.executable, "-c", COLLECT, *files]
    done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    speeds = {}
    for line in done.stdout.splitlines():
        if line.startswith("seen "):
            _, function, speed = line.split()
            speeds.setdefault(function, set()).add(speed)
    return speeds


def test_every_test_has_a_quick_case_but_for_those_listed():
    """Files whose packages are not installed have no tests here, and none that could be listed."""
    speeds = _speeds()
    assert {"slow", "quick"} in speeds.values()
    slow_only = {function for function, of_cases in speeds.items() if of_cases == {"slow"}}
    collected = {function.partition("::")[0] for function in speeds}
    assert slow_only == {function for function in SLOW_ONLY if function.partition("::")[0] in collected}


@pytest.mark.parametrize("function", SLOW_ONLY)
def test_those_listed_are_there(function):
    path, _, name = function.partition("::")
    assert f"def {name}(" in (TESTS.parent / path).read_text(encoding="utf-8")


CASES = """
import pytest

@pytest.mark.parametrize("speed", ["quick", pytest.param("slow", marks=pytest.mark.slow)])
def test_case(speed):
    pass
"""


@pytest.mark.parametrize(
    ("arguments", "run"),
    [
        (["test_cases.py"], "1 passed, 1 deselected"),
        (["--slow", "test_cases.py"], "2 passed"),
        (["-m", "slow", "test_cases.py"], "1 passed, 1 deselected"),
        (["test_cases.py::test_case[slow]"], "1 passed"),
    ],
    ids=["by default", "--slow", "-m slow", "by name"],
)
def test_slow_cases_run_if_asked_for(tmp_path, arguments, run):
    (tmp_path / "test_cases.py").write_text(CASES)
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250)
    assert f" {run} in " in done.stdout, done.stdout + done.stderr
