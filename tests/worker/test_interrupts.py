"""The user's Ctrl-C is told from one that code raises, passes libraries that swallow it, and SIGINT is as before."""

import os
import signal
import threading

import pytest

from sk_optuna.worker._interrupts import delivered, kept_alive, on_interrupt, watched


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(1)  # the handler runs in between bytecodes


def swallow(train):
    """Train as skorch does: a KeyboardInterrupt ends the training, and nobody hears of it."""
    try:
        train()
    except KeyboardInterrupt:
        return "swallowed"


@pytest.fixture(autouse=True)
def _sigint_is_left_as_it_was():
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_is_the_users():
    with pytest.raises(KeyboardInterrupt), watched() as interrupts:
        press_ctrl_c()
    assert interrupts.by_user


def test_an_interrupt_that_code_raises_is_not_the_users():
    with pytest.raises(KeyboardInterrupt), watched() as interrupts:
        raise KeyboardInterrupt
    assert not interrupts.by_user


def test_ctrl_c_passes_code_that_swallows_it():
    def train():
        with watched() as interrupts, interrupts.carried():
            press_ctrl_c()

    with pytest.raises(KeyboardInterrupt), delivered():
        swallow(train)


def test_an_interrupt_that_code_raises_is_swallowed_as_ever():
    def train():
        with watched() as interrupts, interrupts.carried():
            raise KeyboardInterrupt

    with delivered():
        assert swallow(train) == "swallowed"


def test_other_threads_leave_the_handler_alone():
    seen = []

    def watch():
        before = signal.getsignal(signal.SIGINT)
        with watched() as interrupts:
            seen.append((signal.getsignal(signal.SIGINT) is before, interrupts.by_user))

    thread = threading.Thread(target=watch)
    thread.start()
    thread.join()
    assert seen == [(True, False)]


@pytest.mark.parametrize("exits", [True, False])
def test_a_library_that_ends_the_process_on_ctrl_c_does_not(exits):
    """As a Trainer: it ignores SIGINT from then on, and exits or returns."""

    def train():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if exits:
            raise SystemExit(1)

    with pytest.raises(KeyboardInterrupt), kept_alive(lambda: True):
        train()


def test_an_exit_without_an_interrupt_stays_an_exit():
    with pytest.raises(SystemExit, match="2"), kept_alive(lambda: False):
        raise SystemExit(2)


def test_an_action_on_interrupt_runs_and_the_interrupt_goes_on():
    done = []
    with pytest.raises(KeyboardInterrupt), on_interrupt(lambda: done.append(1)):
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="another"), on_interrupt(lambda: done.append(2)):
        raise ValueError("another")
    with on_interrupt(lambda: done.append(3)):
        pass
    assert done == [1]


def test_an_action_that_fails_does_not_take_the_place_of_the_interrupt():
    def fail():
        raise ValueError("nothing to keep")

    with pytest.raises(KeyboardInterrupt) as caught, on_interrupt(fail):
        raise KeyboardInterrupt
    assert caught.value.__notes__ == ["On Ctrl-C, ValueError: nothing to keep"]
