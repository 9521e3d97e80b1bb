"""The first signal asks, the second insists."""

from __future__ import annotations

import os
import signal

import pytest

from luthier.workflow.stop import Stop, in_one_piece


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_asks(number: signal.Signals) -> None:
    stop = Stop()
    with stop.graceful():
        os.kill(os.getpid(), number)
        assert stop.requested()


def test_the_second_signal_interrupts() -> None:
    def insist() -> None:
        with Stop().graceful():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        insist()


def test_signals_are_handled_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Stop().graceful():
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_signal_is_handled_as_before() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))

    def insist() -> None:
        with Stop().graceful():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt):
            insist()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_what_belongs_together_is_finished_before_the_interrupt() -> None:
    written: list[str] = []

    def write() -> None:
        with in_one_piece():
            written.append("first")
            os.kill(os.getpid(), signal.SIGINT)
            written.append("second")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert written == ["first", "second"]
