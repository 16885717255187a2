"""Signals that end a search are counted, also where somebody swallows them."""

import contextlib
import os
import signal
import sys
import threading

import pytest

from sk_optuna.worker import CurrentFold, end_signals, in_fold


def press_ctrl_c():
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def in_thread(function):
    """Run a function in another thread and return what it raised."""
    raised = []

    def run():
        try:
            function()
        except BaseException as error:
            raised.append(type(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised


def test_an_interrupt_that_was_swallowed_is_raised():
    with end_signals() as signals:
        signals.raise_swallowed()
        press_ctrl_c()
        assert signals.n_interrupts == 1
        with pytest.raises(KeyboardInterrupt):
            signals.raise_swallowed()


def test_the_first_interrupt_can_be_forgiven():
    with end_signals() as signals:
        press_ctrl_c()
        signals.forgive_first()
        signals.raise_swallowed()


def test_an_inner_search_counts_beside_the_outer_one():
    with end_signals() as outer:
        with end_signals() as inner:
            press_ctrl_c()
        assert (outer.n_interrupts, inner.n_interrupts) == (1, 1)


def test_a_handler_that_raises_nothing_stays_in_charge():
    pressed = []
    before = signal.signal(signal.SIGINT, lambda signum, frame: pressed.append(signum))
    try:
        with end_signals() as signals:
            signal.raise_signal(signal.SIGINT)
            signals.raise_swallowed()
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [signal.SIGINT]


@pytest.mark.parametrize(("is_in_fold", "raised"), [(True, [KeyboardInterrupt]), (False, [])])
def test_a_search_in_a_thread_ends_with_the_one_whose_fold_it_runs_in(is_in_fold, raised):
    def inner():
        with in_fold(CurrentFold(0, 0, 0)) if is_in_fold else contextlib.nullcontext(), end_signals() as signals:
            signals.raise_swallowed()

    with end_signals() as outer:
        assert in_thread(inner) == []
        press_ctrl_c()
        assert in_thread(inner) == raised
        outer.forgive_first()
        assert in_thread(inner) == raised
    assert in_thread(inner) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_is_ended_by_sigterm_itself():
    """Its Python may wait for a lock, and run no handler."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with end_signals():
            assert callable(signal.getsignal(signal.SIGTERM))
            pid = os.fork()
            if pid == 0:
                os._exit(signal.getsignal(signal.SIGTERM) != signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
