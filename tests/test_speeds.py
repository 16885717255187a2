"""The quick tests leave no claim out: of every test function some case runs without --slow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# Test function -> why no case of it is quick.
SLOW_ONLY = {
    "tests/test_estimator_checks.py::test_estimator_checks_of_further_searches": "has a quick sibling",
}


def test_every_test_has_a_quick_case_but_for_those_listed(speeds):
    """Files whose packages are not installed have no tests here, and none that could be listed."""
    collected = {function.partition("::")[0] for function in speeds}
    if {str(path.relative_to(TESTS.parent)) for path in TESTS.glob("test_*.py")} - collected:
        pytest.skip("the files with slow cases are not all in this run; a run of all tests looks at them")
    assert {"slow", "quick"} in speeds.values()
    slow_only = {function for function, of_cases in speeds.items() if of_cases == {"slow"}}
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
RUNS = {
    "by default": (["test_cases.py"], "1 passed, 1 deselected"),
    "--slow": (["--slow", "test_cases.py"], "2 passed"),
    "-m slow": (["-m", "slow", "test_cases.py"], "1 passed, 1 deselected"),
    "by name": (["test_cases.py::test_case[slow]"], "1 passed"),
}
RUN_ALL = """
import json, sys, pytest

for arguments in json.loads(sys.argv[1]):
    pytest.main(["-p", "no:cacheprovider", *arguments])
"""


MISSING = """
import pytest

def test_case():
    pytest.importorskip("no_such_package")
"""


def test_a_missing_package_is_an_error_in_scripts_extras_and_a_skip_elsewhere(tmp_path):
    (tmp_path / "test_case.py").write_text(MISSING)
    (tmp_path / "test_module.py").write_text('import pytest\n\npytest.importorskip("no_such_package")\n')
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    for extras, summary in [("", " 2 skipped"), ("1", " 1 failed, 1 error"), ("1 of test_case", " 1 failed")]:
        arguments = ["test_case.py"] if "test_case" in extras else ["--continue-on-collection-errors"]
        environment = {**os.environ, "SK_OPTUNA_EXTRAS": extras}
        done = subprocess.run(
            [*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=250
        )
        assert f"{summary} in " in done.stdout
        assert ("scripts/extras runs with all packages" in done.stdout) == bool(extras)


def test_slow_cases_run_if_asked_for(tmp_path):
    (tmp_path / "test_cases.py").write_text(CASES)
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    command = [sys.executable, "-c", RUN_ALL, json.dumps([arguments for arguments, _ in RUNS.values()])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250)
    summaries = [line for line in done.stdout.splitlines() if line.startswith("=") and " passed" in line]
    assert len(summaries) == len(RUNS), done.stdout + done.stderr
    for line, (_, run) in zip(summaries, RUNS.values(), strict=True):
        assert f" {run} in " in line
