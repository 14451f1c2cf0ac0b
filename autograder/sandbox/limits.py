"""What one submission may use: every limit of the sandbox, and who keeps it.

The operating system keeps those of one process (`of_a_process`) and the sizes of the scratch folders; `Watch` in
`autograder.sandbox.kernel` keeps those of all processes together, from outside, and ends the sandbox that exceeds one.
Memory that belongs to no process counts as well: page tables, what lies in the scratch folders, and, since the kernel tells
nobody how much the buffers of sockets and pipes hold, the number of these.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """Times in seconds, sizes in MiB.

    Attributes:
        cell_seconds, notebook_seconds: time in which anything of it computes; threads at the same time count once.
        wall_factor: how many times as long either may take by the wall clock.
        cpu_seconds: processor time of all processes together.
        memory: of all processes, with their page tables and the scratch folders, which lie in memory.
        processes, threads: at the same time.
        channels: sockets, pipes and terminals at the same time, also those that were sent over a socket and closed. Each end holds
            up to 0.2 MiB of the system's memory (`net.core.wmem_default`), since buffers may not be made larger.
        tmp, home, work, shared_memory: the folders that can be written; they lie in memory.
        files: files and folders in each of these folders.
        evidence: what lies on the machine's disk, in 1,000 files at most; four times as much may be written.
        output: what cells print and show.
        message, messages: the size of one message of the kernel, and how many may wait.
    """

    cell_seconds: int = 300
    notebook_seconds: int = 900
    wall_factor: int = 4
    cpu_seconds: int = 3600
    memory: int = 4096
    processes: int = 64
    threads: int = 600
    channels: int = 1000
    tmp: int = 1024
    home: int = 256
    work: int = 1024
    shared_memory: int = 256
    files: int = 20_000
    evidence: int = 512
    output: int = 16
    message: int = 8
    messages: int = 8

    def of_a_process(self) -> dict[str, int]:
        """The limits that the operating system keeps for each process."""
        limits = {
            "RLIMIT_CPU": self.cpu_seconds,
            "RLIMIT_DATA": self.memory * MIB,
            "RLIMIT_FSIZE": self.evidence * MIB,
            "RLIMIT_CORE": 0,
            "RLIMIT_NOFILE": 1024,
        }
        if _kernel_version() >= (5, 14):  # from then on counted within the sandbox, threads included
            limits["RLIMIT_NPROC"] = self.threads
        return limits


@dataclass(frozen=True)
class OwnLimits:
    """What the grader's own work on one task of one submission may use."""

    seconds: int = 1800
    cpu_seconds: int = 900
    memory: int = 8192


ONE_NOTEBOOK = OwnLimits(seconds=600, cpu_seconds=60, memory=4096)
"""To read a notebook that was handed in or the evidence of a task, to compare its code with known code, or to make its page."""


def _kernel_version() -> tuple[int, int]:
    major, minor = platform.release().split(".")[:2]
    return int(major), int("".join(digit for digit in minor if digit.isdigit()) or 0)
