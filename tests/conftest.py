"""Settings of all tests: three speeds, hypothesis without chance, an end to what hangs, classes sent by value.

The quick speed, `python -m pytest`, makes each claim at least once. The slow one, `python -m pytest --slow`, makes them
of further cases, too; tests/test_speeds.py keeps it so. The third runs with other packages: scripts/extras with torch
and others, without which tests are skipped, scripts/oldest with the oldest versions that are supported.
"""

import os
import signal

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from sk_optuna._compat._joblib import cloudpickle

# The same examples in each run, none of them kept on disk, however long one takes on a busy machine.
settings.register_profile("sk_optuna", deadline=None, derandomize=True, database=None)
settings.load_profile("sk_optuna")

# Seconds: far more than any test takes on a busy machine.
PATIENCE = 300
SPEEDS = pytest.StashKey()


def pytest_configure(config):
    """Have Ctrl-C arrive, which a shell that starts tests in the background ignores; programs use one thread."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run tests marked slow, too")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Leave out slow tests, unless asked for: by --slow, by an expression of -m, or by a test's own name."""
    speeds = config.stash[SPEEDS] = {}
    for item in items:
        function, speed = item.nodeid.partition("[")[0], "slow" if item.get_closest_marker("slow") else "quick"
        speeds.setdefault(function, set()).add(speed)
    if config.option.slow or config.option.markexpr or any("::" in arg for arg in config.args):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


def failed_where_a_package_is_missing(report):
    """Turn a skip by `importorskip` into a failure in scripts/extras: without that, nothing would run such a test."""
    if os.environ.get("SK_OPTUNA_EXTRAS") and report.skipped and isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        if "could not import" in reason:
            report.outcome = "failed"
            report.longrepr = f"{path}:{line}: {reason}. scripts/extras runs with all packages: see scripts/install."
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return failed_where_a_package_is_missing((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return failed_where_a_package_is_missing((yield))


@pytest.fixture
def pictures():
    """Return pyplot, drawing into memory; figures are closed at the end."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.fixture(scope="session")
def speeds(request):
    """Test function -> the speeds of its cases, of all that were collected."""
    return request.config.stash[SPEEDS]


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Keep BLAS to one thread: data are small, and threads that wait for processors tripled the time."""
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def _not_for_ever():
    """Fail a test that hangs, and again should its clean-up hang too."""

    def out_of_patience(signum, frame):
        pytest.fail("the test hangs")

    before = signal.signal(signal.SIGALRM, out_of_patience)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE, 20)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def sent_by_value(request):
    """Send the classes and functions of a test's module to workers by value: workers cannot import tests."""
    cloudpickle.register_pickle_by_value(request.module)
    yield
    cloudpickle.unregister_pickle_by_value(request.module)
