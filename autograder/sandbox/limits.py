"""What one submission may use: every limit of the sandbox, and who keeps it.

The operating system keeps those of one process (`of_a_process`) and the sizes of the scratch folders; `Watch` in
`autograder.sandbox.kernel` keeps those of all processes together, from outside, and ends the sandbox that exceeds one.
Memory that belongs to no process counts as well: page tables, what lies in the scratch folders, and, since the kernel tells
nobody how much the buffers of sockets and pipes hold, the number of these.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field, fields, replace
from typing import Any

MIB = 2**20


def _limit(value: int, *, kept_by: str, beyond: str, test: str, option: str = "") -> Any:
    """A limit with its row in docs/limits.md: who keeps it, what happens beyond it, the test that goes there, what sets it."""
    said = {"option": f"`{option}`" if option else "", "kept_by": kept_by, "beyond": beyond, "test": test}
    return field(default=value, metadata=said)


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

    cell_seconds: int = _limit(
        300,
        option="Execute.timeout",
        kept_by="the grader, by `Clock`",
        beyond="the cell is interrupted; one that ignores it ends the notebook",
        test="`test_attacks.py::test_there_is_a_record_with_the_points_and_the_reason` (stubborn)",
    )
    notebook_seconds: int = _limit(
        900,
        option="SandboxedExecute.notebook_seconds",
        kept_by="watch, by `Clock`",
        beyond="the sandbox ends",
        test="`test_sandbox.py::test_computing_too_long_ends_it_within_a_second`",
    )
    wall_factor: int = _limit(
        4,
        option="SandboxedExecute.wall_factor",
        kept_by="watch, by the wall",
        beyond="the sandbox ends; no grade is given if the machine, not the submission, caused the delay",
        test="`test_clock.py::test_the_bound_by_the_wall_clock_is_a_zero_only_where_the_submission_is_to_blame`",
    )
    cpu_seconds: int = _limit(
        3600,
        kept_by="kernel (`RLIMIT_CPU`) for each process; watch for all together",
        beyond="the process, or the sandbox, ends",
        test="`test_sandbox.py::test_processor_time_is_limited_of_all_processes_together`",
    )
    memory: int = _limit(
        4096,
        option="SandboxedExecute.memory",
        kept_by="cgroup; kernel (`RLIMIT_DATA`) for each process; watch for all together",
        beyond="`MemoryError`, or the sandbox ends",
        test="`test_sandbox.py::test_memory_is_limited_however_it_is_taken`",
    )
    processes: int = _limit(
        64,
        option="SandboxedExecute.processes",
        kept_by="watch",
        beyond="the sandbox ends",
        test="`test_sandbox.py::test_processes_and_threads_are_limited`",
    )
    threads: int = _limit(
        600,
        kept_by="cgroup; kernel (`RLIMIT_NPROC`, Linux 5.14 on); watch",
        beyond="no thread, or the sandbox ends",
        test="`test_sandbox.py::test_processes_and_threads_are_limited`",
    )
    channels: int = _limit(
        1000,
        kept_by="watch",
        beyond="the sandbox ends",
        test="`test_sandbox.py::test_memory_that_no_process_has_counts_as_well`, "
        "`test_sandbox.py::test_what_was_sent_to_nobody_and_closed_counts_as_well`",
    )
    tmp: int = _limit(
        1024,
        kept_by="kernel (size of `/tmp`)",
        beyond="no space left",
        test="`test_sandbox.py::test_each_scratch_folder_is_full_at_its_size`",
    )
    home: int = _limit(
        256,
        kept_by="kernel (size of the home folder)",
        beyond="no space left",
        test="`test_sandbox.py::test_each_scratch_folder_is_full_at_its_size`",
    )
    work: int = _limit(
        1024,
        kept_by="kernel (size of the work folder)",
        beyond="no space left",
        test="`test_sandbox.py::test_each_scratch_folder_is_full_at_its_size`",
    )
    shared_memory: int = _limit(
        256,
        kept_by="kernel (size of `/dev/shm`)",
        beyond="no space left",
        test="`test_sandbox.py::test_each_scratch_folder_is_full_at_its_size`",
    )
    files: int = _limit(
        20_000,
        kept_by="watch",
        beyond="the sandbox ends",
        test="`test_sandbox.py::test_memory_that_no_process_has_counts_as_well`",
    )
    evidence: int = _limit(
        512,
        kept_by="kernel (`RLIMIT_FSIZE`) for each file; watch for all together",
        beyond="the sandbox ends",
        test="`test_sandbox.py::test_what_is_written_outside_is_limited`",
    )
    output: int = _limit(
        16,
        kept_by="the grader, message by message",
        beyond="what comes after it is dropped",
        test="`test_clock.py::test_output_beyond_its_limit_is_dropped`",
    )
    message: int = _limit(
        8,
        kept_by="ZeroMQ, before it is read",
        beyond="the message is dropped",
        test="`test_sandbox.py::test_a_message_beyond_its_limit_is_dropped_before_it_is_read`",
    )
    messages: int = _limit(
        8,
        kept_by="ZeroMQ",
        beyond="the Jupyter kernel waits until they are read; this is a count",
        test="`test_sandbox.py::test_a_message_beyond_its_limit_is_dropped_before_it_is_read`",
    )

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
    """What the grader's own work on one task of one submission may use; the last two are of its tasks together."""

    seconds: int = _limit(
        1800,
        kept_by="the grader",
        beyond="the task is not judged, and says so",
        test="`test_bounded.py::test_time_ends_it`",
    )
    cpu_seconds: int = _limit(
        900,
        kept_by="kernel (`RLIMIT_CPU`)",
        beyond="the task is not judged, and says so",
        test="`test_bounded.py::test_processor_time_ends_it`",
    )
    memory: int = _limit(
        8192,
        kept_by="kernel (`RLIMIT_DATA`)",
        beyond="the task is not judged, and says so",
        test="`test_bounded.py::test_memory_ends_it`",
    )
    submission_seconds: int = _limit(
        2400,
        kept_by="the grader, from task to task",
        beyond="the task is not judged, and says so; each after it gets what is left, at least 600",
        test="`test_bounded.py::test_the_tasks_of_a_submission_share_their_time`",
    )
    submission_cpu_seconds: int = _limit(
        1200,
        kept_by="the grader, from task to task",
        beyond="the task is not judged, and says so; each after it gets what is left, at least 60",
        test="`test_bounded.py::test_the_tasks_of_a_submission_share_their_time`",
    )

    def after(self, seconds: float, cpu_seconds: float) -> OwnLimits:
        """The limits of a task where the tasks before it have used so much; what any task needs is left to it."""
        left = int(self.submission_seconds - seconds), int(self.submission_cpu_seconds - cpu_seconds)
        return replace(
            self,
            seconds=min(self.seconds, max(left[0], ONE_NOTEBOOK.seconds)),
            cpu_seconds=min(self.cpu_seconds, max(left[1], ONE_NOTEBOOK.cpu_seconds)),
        )


def limits_table() -> str:
    """Every limit as a row of a Markdown table, for docs/limits.md."""
    lines = [
        "| limit | value | option | kept by | beyond it | test that goes beyond it |",
        "|---|---:|---|---|---|---|",
    ]
    for of, prefix in ((Limits, ""), (OwnLimits, "OwnLimits.")):
        lines += [
            f"| `{prefix}{one.name}` | {one.default} | {' | '.join(one.metadata.values())} |" for one in fields(of)
        ]
    return "\n".join(lines)


ONE_NOTEBOOK = OwnLimits(seconds=600, cpu_seconds=60, memory=4096)
"""To read a notebook that was handed in or the evidence of a task, to compare its code with known code, or to make its page."""


def _kernel_version() -> tuple[int, int]:
    major, minor = platform.release().split(".")[:2]
    return int(major), int("".join(digit for digit in minor if digit.isdigit()) or 0)
