"""The grader's own work on what a student left behind, in a process with limits on time and memory.

The function is the grader's and its arguments are plain data, so nothing is hidden from it: this is no sandbox. It holds what a
strange study can make the judge do.
"""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.util
import os
import resource
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from autograder.sandbox.limits import MIB, OwnLimits

_preloaded = ["autograder.problem_sets.preloaded"]
"""Imported once, with this module, by the process that the others are forked from: it has no threads, as the grader has."""

LONGEST_PLACE = 107 - len("/pymp-xxxxxxxx/listener-xxxxxxxx")
"""Characters of the temporary folder in which a socket can still be told to listen: its address has 107 on Linux."""


class OverLimitError(RuntimeError):
    """The work took more than it may; the message says of what."""


def preload(*modules: str) -> None:
    """Modules that the work of this process needs, in place of those that judge: to be said before the first `in_bounds`."""
    _preloaded[:] = modules


@dataclass
class Shared:
    """The limits that pieces of work on one submission share, and what has been used of them."""

    limits: OwnLimits
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def in_bounds(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """`in_bounds` with what is left."""
        limits, started, used = self.limits.after(self.seconds, self.cpu_seconds), time.monotonic(), 0.0
        try:
            answer, used = _bounded(limits, function, arguments)
        except OverLimitError:
            used = min(float(limits.cpu_seconds), time.monotonic() - started)
            raise
        finally:
            self.seconds += time.monotonic() - started
            self.cpu_seconds += used
        return _value_of(answer)


def in_bounds(limits: OwnLimits, function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function returns, worked out in a process of its own. What it raises is raised here.

    Raises:
        OverLimitError: it took too long, or its process ended in the middle of it, as one without memory does.
    """
    answer, _ = _bounded(limits, function, arguments)
    return _value_of(answer)


def _value_of(answer: tuple[bool, Any]) -> Any:
    worked, value = answer
    if worked:
        return value
    raise value


def _bounded(
    limits: OwnLimits, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[tuple[bool, Any], float]:
    """Whether the function returned, what, or what it raised; and the seconds of the processor that it took."""
    _listen_where_it_can_be_told()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["multiprocessing.popen_forkserver", __name__, *_preloaded, function.__module__])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sender, limits, function, arguments))
    process.start()
    sender.close()
    try:
        if not receiver.poll(limits.seconds):
            raise OverLimitError(f"it took more than {limits.seconds} seconds")
        return receiver.recv()
    except EOFError:
        process.join()
        if process.exitcode == -signal.SIGXCPU:
            raise OverLimitError(f"it took more than {limits.cpu_seconds} seconds of the processor") from None
        raise OverLimitError("its process ended in the middle of it") from None
    finally:
        receiver.close()
        process.kill()
        process.join()


def _listen_where_it_can_be_told() -> None:
    """Sockets of this process lie in /tmp where the temporary folder's name is too long for them, as from Python 3.14."""
    place = tempfile.gettempdir()
    if len(os.fsencode(place)) <= LONGEST_PLACE:
        return
    tempfile.tempdir = "/tmp"
    try:
        multiprocessing.util.get_temp_dir()  # which is kept
    finally:
        tempfile.tempdir = place


def _work(sender: Connection, limits: OwnLimits, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    gc.freeze()  # what was there before is not looked through, which would copy it
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory * MIB, limits.memory * MIB))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 5))
    try:
        answer = True, function(*arguments)
    except MemoryError:
        answer = False, OverLimitError(f"it took more than {limits.memory:,} MiB of memory")
    except Exception as error:
        answer = False, error
    sender.send((answer, time.process_time()))
