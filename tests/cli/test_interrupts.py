"""Ctrl-C that a library swallows ends the work all the same."""

import os
import signal
from collections.abc import Iterator

import pytest

from taskzip.cli.interrupts import Interrupts


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Listening, for one test."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    listening = Interrupts()
    listening.listen()
    yield listening
    for each, handler in before.items():
        signal.signal(each, handler)


def swallow(sign: signal.Signals) -> None:
    """What a careless import does."""
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), sign)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_swallowed_signal_is_raised_again_once(interrupts: Interrupts, sign) -> None:
    interrupts.check()
    swallow(sign)
    with pytest.raises(KeyboardInterrupt):
        interrupts.check()
    interrupts.check()


def test_cleaning_up_is_not_interrupted_by_the_same_signal(interrupts: Interrupts) -> None:
    cleaned = []

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            interrupts.check()
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert cleaned
