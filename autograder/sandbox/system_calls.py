"""The system calls that the sandbox refuses, as a filter for bubblewrap.

They take memory that belongs to no process, so that the watch over the sandbox would not see it, use up what all processes of a
machine or of a user have together (contexts of asynchronous input and output, watches of files), or reach parts of the operating
system that no notebook needs. A refused call fails with "operation not permitted". Of sockets there are those between
processes of the sandbox alone: there is no network, and each end of a TCP connection may hold megabytes of the system's memory.
So may an end of any other where the machine lets its buffer grow (`net.core.wmem_max`): buffers keep the size they are made with.
"""

from __future__ import annotations

import errno
import os
import platform
import struct
import tempfile
from dataclasses import dataclass

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Numbers of include/uapi/asm-generic/unistd.h (aarch64) and arch/x86/entry/syscalls/syscall_64.tbl (x86_64).
REFUSED = {
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "io_setup": (206, 0),
    "ptrace": (101, 117),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "perf_event_open": (298, 241),
    "fanotify_init": (300, 262),
    "memfd_create": (319, 279),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "memfd_secret": (447, 447),
}

ALLOCATE = (285, 47)
"""fallocate: it takes room on the disk and writes nothing there. "Not supported": the C library then writes instead."""

SOCKET = (41, 198)
FAMILIES = (1, 16)
"""AF_UNIX, and AF_NETLINK, which the names of the network's interfaces are asked by."""

SET_OPTION = (54, 208)
OF_SOCKETS = 1
"""SOL_SOCKET, the level of these options."""
SIZES = (7, 8)
"""SO_SNDBUF and SO_RCVBUF."""

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_X32 = 0x40000000  # calls of the x32 interface of x86_64 have this bit, and would pass by their numbers


def filter_program(machine: str | None = None) -> bytes:
    """The filter as classic BPF (linux/filter.h); empty where the processor is not known."""
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        return b""
    column = 0 if machine == "x86_64" else 1
    numbers = [pair[column] for pair in REFUSED.values() if pair[column] is not None]
    # What is loaded is a place in seccomp_data: 0 the call's number, 4 the processor, then 16 and every 8 bytes an argument.
    first, second, third = 16, 24, 32
    steps: list[_Step] = [_load(4), _equal(ARCHITECTURES[machine], "next", "refuse"), _load(0)]
    steps += [_Step(_JUMP_GREATER_EQUAL, _X32, "refuse", "next")]
    steps += [_equal(number, "refuse", "next") for number in numbers]
    steps += [_equal(ALLOCATE[column], "not supported", "next")]
    steps += [_equal(SOCKET[column], "next", "option"), _load(first)]
    steps += [_equal(family, "allow", "next") for family in FAMILIES[:-1]] + [_equal(FAMILIES[-1], "allow", "refuse")]
    steps += [_equal(SET_OPTION[column], "next", "allow", label="option"), _load(second)]
    steps += [_equal(OF_SOCKETS, "next", "allow"), _load(third)]
    steps += [_equal(size, "refuse", "next") for size in SIZES]
    steps += [_Step(_RETURN, _ALLOW, label="allow"), _Step(_RETURN, _ERRNO | errno.EPERM, label="refuse")]
    steps += [_Step(_RETURN, _ERRNO | errno.EOPNOTSUPP, label="not supported")]
    return _assembled(steps)


@dataclass(frozen=True)
class _Step:
    """An instruction; where it jumps to if what it asks is so and if not, by labels."""

    code: int
    value: int
    so: str = "next"
    if_not: str = "next"
    label: str = ""


def _load(place: int) -> _Step:
    return _Step(_LOAD, place)


def _equal(value: int, so: str, if_not: str, label: str = "") -> _Step:
    return _Step(_JUMP_EQUAL, value, so, if_not, label)


def _assembled(steps: list[_Step]) -> bytes:
    """The program with every jump as the count of the instructions that it passes over."""
    labels = {step.label: place for place, step in enumerate(steps) if step.label}

    def passed(place: int, label: str) -> int:
        return 0 if label == "next" else labels[label] - place - 1

    return b"".join(
        struct.pack("=HBBI", step.code, passed(place, step.so), passed(place, step.if_not), step.value)
        for place, step in enumerate(steps)
    )


def filter_file() -> int | None:
    """An open file that holds the filter, for bubblewrap to inherit; None where there is none."""
    program = filter_program()
    if not program:
        return None
    with tempfile.TemporaryFile() as file:
        file.write(program)
        file.flush()
        descriptor = os.dup(file.fileno())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
