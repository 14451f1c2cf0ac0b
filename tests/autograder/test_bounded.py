"""The judge's own work is bounded: too much of it ends, with a reason, and nothing of it stays."""

import time

import pytest

from autograder.sandbox.bounded import OverLimitError, in_bounds
from autograder.sandbox.limits import OwnLimits

SMALL = OwnLimits(seconds=60, cpu_seconds=20, memory=1500)


def double(number: int) -> int:
    return 2 * number


def complain(words: str) -> None:
    raise ValueError(words)


def hoard() -> int:
    return len([bytearray(100 << 20) for _ in range(30)])


def spin() -> None:
    while True:
        pass


def test_an_answer_and_an_error_come_back():
    assert in_bounds(SMALL, double, 21) == 42
    with pytest.raises(ValueError, match="as it is"):
        in_bounds(SMALL, complain, "as it is")


def test_memory_ends_it():
    with pytest.raises(OverLimitError, match="1,500 MiB of memory"):
        in_bounds(SMALL, hoard)


def test_processor_time_ends_it():
    with pytest.raises(OverLimitError, match="1 seconds of the processor"):
        in_bounds(OwnLimits(seconds=60, cpu_seconds=1, memory=1500), spin)


def test_time_ends_it():
    started = time.monotonic()
    with pytest.raises(OverLimitError, match="more than 1 seconds"):
        in_bounds(OwnLimits(seconds=1, cpu_seconds=600, memory=1500), time.sleep, 100)
    assert time.monotonic() - started < 30
