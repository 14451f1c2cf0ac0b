"""The system calls that the sandbox refuses, as a filter for bubblewrap.

They take memory that belongs to no process, so that the watch over the sandbox would not see it, use up what all processes of a
machine or of a user have together (contexts of asynchronous input and output, watches of files), or reach parts of the operating
system that no notebook needs. A refused call fails with "operation not permitted". Of sockets there are those between
processes of the sandbox alone: there is no network, and each end of a TCP connection may hold megabytes of the system's memory.
"""

from __future__ import annotations

import errno
import os
import platform
import struct
import tempfile

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

SOCKET = (41, 198)
FAMILIES = (1, 16)
"""AF_UNIX, and AF_NETLINK, which the names of the network's interfaces are asked by."""

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
    # Offsets count the instructions that a jump passes over; the permission is the last but one, the refusal is the last.
    refusal = 4 + len(numbers) + 2 + len(FAMILIES) + 1
    program = [(_LOAD, 0, 0, 4), (_JUMP_EQUAL, 0, refusal - 2, ARCHITECTURES[machine]), (_LOAD, 0, 0, 0)]
    program.append((_JUMP_GREATER_EQUAL, refusal - 4, 0, _X32))
    program += [(_JUMP_EQUAL, refusal - 5 - index, 0, number) for index, number in enumerate(numbers)]
    program += [(_JUMP_EQUAL, 0, 1 + len(FAMILIES), SOCKET[column]), (_LOAD, 0, 0, 16)]  # 16: the first argument
    program += [(_JUMP_EQUAL, left, 0 if left else 1, family) for left, family in zip((1, 0), FAMILIES, strict=True)]
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


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
