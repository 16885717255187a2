"""Lightning's loggers are silent for the threads that ask for it, as long as they ask, and no filter stays behind."""
# ruff: noqa: E402

import logging
import threading

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from sk_optuna.lightning._training import quiet

NAMES = ["lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero"]


@pytest.fixture(autouse=True)
def _no_filter_stays_behind():
    before = [list(logging.getLogger(name).filters) for name in NAMES]
    yield
    assert [logging.getLogger(name).filters for name in NAMES] == before


def heard(caplog, name, level=logging.INFO):
    caplog.clear()
    with caplog.at_level(logging.INFO, logger=name):
        logging.getLogger(name).log(level, "a tip")
    return caplog.messages == ["a tip"]


@pytest.mark.parametrize("name", NAMES)
def test_tips_are_hidden_and_warnings_are_not(caplog, name):
    with quiet():
        assert not heard(caplog, name)
        assert heard(caplog, name, logging.WARNING)
    assert heard(caplog, name)


def test_quiet_within_quiet_ends_with_the_outer_one(caplog):
    with quiet():
        with quiet():
            assert not heard(caplog, NAMES[0])
        assert not heard(caplog, NAMES[0])
    assert heard(caplog, NAMES[0])


def test_other_threads_are_heard_and_their_quiet_is_their_own(caplog):
    asked, go_on = threading.Event(), threading.Event()

    def ask():
        with quiet():
            asked.set()
            go_on.wait(60)

    thread = threading.Thread(target=ask)
    thread.start()
    assert asked.wait(60)
    assert heard(caplog, NAMES[0])
    with quiet():
        go_on.set()
        thread.join()
        assert not heard(caplog, NAMES[0])
