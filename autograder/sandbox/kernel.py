"""A Jupyter kernel in a sandbox, and the watch over what it uses.

The kernel talks to the grader over sockets in a private folder (ZeroMQ's ipc transport), since the
sandbox has no network. What a process may use is limited from within by the operating system; what all of
them use together is watched from outside, where the student's code cannot reach.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO, Any

import psutil
import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from autograder.sandbox.bubblewrap import SCRATCH, Sandbox
from autograder.sandbox.cgroup import Cgroup, cgroup_for
from autograder.sandbox.clock import Clock
from autograder.sandbox.limits import MIB, Limits
from autograder.sandbox.other_user import STILL_ROOT, as_another_user, warning_of_root
from autograder.sandbox.processes import Processes
from autograder.sandbox.system_calls import filter_file
from autograder.sandbox.warm import PLACEHOLDER, WarmStartError, warm_parent_of_this_process

WATCH_SECONDS = 0.2
GLANCE_SECONDS = 0.02
BEGINNING = 256
"""Bytes of /proc/meminfo in which it says what is available: that is its third line."""
FALL = 16
"""The watch looks at once where the machine's free memory has fallen by the FALL-th part of a sandbox's limit."""
SECONDS_TO_END = 10
MAX_FILES = 1000
SMALL_PROCESS = 32 * MIB
TIMES_WRITTEN = 4
"""How often as much as the evidence may hold may be written: a task is handed in again, and its file is overwritten."""


class SandboxedKernelManager(AsyncKernelManager):
    """Starts the kernel by the sandbox's command line. `watch.violation` says why it was ended, if it was."""

    def __init__(self, sandbox: Sandbox, warm: bool = True, **kwargs: Any) -> None:
        super().__init__(
            transport="ipc",
            connection_file=str(sandbox.runtime / "kernel.json"),
            kernel_name="python3",
            **kwargs,
        )
        self.sandbox, self.warm = sandbox, warm
        self.watch: Watch | None = None
        # A message that is larger than this is dropped by the socket before it fills the grader's memory.
        self.context = zmq.asyncio.Context()
        self.context.setsockopt(zmq.MAXMSGSIZE, sandbox.limits.message * MIB)
        self.context.setsockopt(zmq.RCVHWM, sandbox.limits.messages)

    @property
    def log_file(self) -> Path:
        return self.sandbox.runtime / "kernel.log"

    @property
    def kernel_spec(self) -> KernelSpec:
        # Interrupts travel as messages: a signal to bubblewrap would end the whole sandbox.
        return KernelSpec(argv=[], display_name="Python 3 (sandboxed)", language="python", interrupt_mode="message")

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """The launcher's arguments: they are the same for a kernel that starts warm and for a cold one."""
        return ["-f", self.connection_file, *(extra_arguments or [])]

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kwargs: Any) -> None:
        cgroup = cgroup_for(self.sandbox.limits)
        self.log.info(
            "Memory and processes are kept by %s", f"the cgroup {cgroup.folder}" if cgroup else "the watch alone"
        )
        # What the process prints past its kernel goes to a file: never among the grader's own lines.
        with self.log_file.open("wb") as log:
            kernel = await self._launch_warm(kernel_cmd, cgroup, log) if self.warm else None
            if kernel is None:
                await self._launch(partial(self.sandbox.command, kernel_cmd), cgroup, stdout=log, stderr=log)
        folders = (self.sandbox.evidence, self.sandbox.runtime)
        self.watch = Watch(self.provisioner.pid, self.sandbox.limits, folders, cgroup, kernel)
        self.watch.start()

    async def _launch_warm(self, arguments: list[str], cgroup: Cgroup | None, log: IO[bytes]) -> int | None:
        """Make an empty sandbox and fork a kernel into it; the kernel's process, or None where that did not work."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                empty = partial(self.sandbox.empty_command, PLACEHOLDER)
                await self._launch(empty, cgroup, stdin=theirs, stdout=theirs, stderr=log)
            try:
                parent = warm_parent_of_this_process()
                return parent.start(self.sandbox, self.provisioner.pid, arguments, ours, log.fileno(), cgroup)
            except (WarmStartError, OSError) as error:
                self.log.warning("The kernel starts cold: %s", error)
        await self.provisioner.kill()
        await self.provisioner.wait()
        return None

    async def _launch(
        self, command_with: Callable[[int | None], list[str]], cgroup: Cgroup | None, **streams: Any
    ) -> None:
        """Start bubblewrap, with the command line for a filter of system calls, as whoever it is to be, in the cgroup."""
        refused = filter_file()
        inherited = () if refused is None else (refused,)
        plain = command_with(refused)
        command = as_another_user(self.sandbox, plain)
        if command == plain and warning_of_root():
            self.log.warning(STILL_ROOT)
        command = cgroup.command(command) if cgroup else command
        environment = {"PATH": os.defpath}
        await super()._async_launch_kernel(command, env=environment, pass_fds=inherited, **streams)
        for descriptor in inherited:
            os.close(descriptor)

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        if self.watch:
            self.watch.stop()
        await super()._async_cleanup_resources(restart)


class Watch(threading.Thread):
    """Ends a sandbox that uses more than its limits, and remembers why.

    Attributes:
        violation: what was exceeded, in words; empty while nothing was.
        clock: how long the sandbox's processes computed.
        joined: the kernel's process where it started warm.
    """

    def __init__(
        self,
        pid: int,
        limits: Limits,
        folders: tuple[Path, ...],
        cgroup: Cgroup | None = None,
        kernel: int | None = None,
    ) -> None:
        super().__init__(name="sandbox watch", daemon=True)
        self.pid, self.limits, self.folders, self.cgroup = pid, limits, folders, cgroup
        self.joined = _process(kernel)
        self._seen = Processes()
        self.violation = ""
        self.clock = Clock()
        self._ended = threading.Event()
        self._started_at = time.monotonic()
        self._devices = {folder.stat().st_dev for folder in folders}
        self._wrote: dict[psutil.Process, int] = {}
        self._first: dict[psutil.Process, bool] = {}

    def run(self) -> None:
        while not self._ended_before_the_next_look():
            try:
                violation = self._look()
            except psutil.NoSuchProcess:
                if not psutil.pid_exists(self.pid):
                    self.violation = self._out_of_memory()
                    return
                continue
            except Exception as error:  # what cannot be watched is not let run
                violation = f"it could not be watched ({type(error).__name__})"
            if violation:
                self.violation = violation
                self.end_sandbox()
                return

    def _ended_before_the_next_look(self) -> bool:
        """Wait until it is time to look again, or until the machine's free memory falls fast, which is cheap to see."""
        with Path("/proc/meminfo").open("rb", buffering=0) as file:
            before, begun = _free_memory(file), time.monotonic()
            while not self._ended.wait(GLANCE_SECONDS):
                waited = time.monotonic() - begun
                if waited >= WATCH_SECONDS or before - _free_memory(file) > self.limits.memory * MIB / FALL:
                    return False
        return True

    def stop(self) -> None:
        self._ended.set()

    def end_sandbox(self) -> None:
        """Kill bubblewrap, and with it every process in the sandbox, and wait until they have ended."""
        try:
            processes = self.processes()
        except psutil.NoSuchProcess:
            processes = []
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        for process in processes:  # bubblewrap ends with its parent, but for where it may not be told to
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(processes, timeout=SECONDS_TO_END)
        if self.cgroup:
            self.violation = self.violation or self._out_of_memory()
            self.cgroup.remove()

    def _is_bubblewrap(self, process: psutil.Process) -> bool:
        """Whether a process is the sandbox's first one, which waits for the others; root alone may see what it has open."""
        if process not in self._first:
            try:
                self._first[process] = process.ppid() == self.pid
            except psutil.NoSuchProcess:
                return False
        return self._first[process]

    def processes(self) -> list[psutil.Process]:
        """All that are in the sandbox, and the one that watches over it from within bubblewrap.

        A kernel that joined it is no descendant of bubblewrap's. What its children leave behind is.
        """
        if self.joined and self.joined.is_running():
            return [*self._seen.below(self.pid, self.joined.pid), self.joined]
        return self._seen.below(self.pid)

    def _out_of_memory(self) -> str:
        """What there is to say where the kernel ended it; empty where it did not, or nobody knows."""
        return self._too_much_memory if self.cgroup and self.cgroup.out_of_memory else ""

    @property
    def _too_much_memory(self) -> str:
        return f"it used more than {self.limits.memory:,} MiB of memory"

    def _is_over_memory(self, scratch: int, processes: list[psutil.Process]) -> bool:
        """Whether all of it together is too much. What several processes share is told apart only where it would matter."""
        most = self.limits.memory * MIB
        at_most = scratch + sum(_resident(process, count_shared_once=False) for process in processes)
        return at_most > most and scratch + sum(_resident(process) for process in processes) > most

    def _look(self) -> str:
        """What is exceeded now; empty where nothing is. A file of /proc is read once a look, whatever is asked of it."""
        with ExitStack() as look:
            processes = self.processes()
            for process in processes:
                look.enter_context(process.oneshot())
            return self._violation_by(processes)

    def _violation_by(self, processes: list[psutil.Process]) -> str:
        if ended := self._out_of_memory():
            return ended
        if len(processes) > self.limits.processes:  # at once: to add up the memory of too many takes long
            return f"it started more than {self.limits.processes} processes"
        scratch, files = _scratch(processes)
        if self._is_over_memory(scratch, processes):
            return self._too_much_memory
        self.clock.tick(processes)
        if sum(_threads(process) for process in processes) > self.limits.threads:
            return f"it started more than {self.limits.threads} threads"
        inside = [process for process in processes if not self._is_bubblewrap(process)]
        pipes, nameless = _held_open(inside, self._devices)
        if pipes + _sockets_and_terminals(inside) > self.limits.channels:
            return f"it opened more than {self.limits.channels} sockets, pipes and terminals"
        if files > self.limits.files:
            return f"it made more than {self.limits.files:,} files"
        if sum(_cpu_seconds(process) for process in processes) > self.limits.cpu_seconds:
            return f"it used more than {self.limits.cpu_seconds} seconds of the processor"
        if self.clock.computed > self.limits.notebook_seconds:
            return f"it computed for more than {self.limits.notebook_seconds} seconds"
        wall_seconds = self.limits.wall_factor * self.limits.notebook_seconds
        if time.monotonic() - self._started_at > wall_seconds:
            return f"it did not end within {wall_seconds} seconds"
        try:
            written = sum(_size(folder) for folder in self.folders)
        except OSError as error:
            return f"it put {error} where its evidence goes"
        written = max(written + nameless, self._written_so_far(processes) // TIMES_WRITTEN)
        if written > self.limits.evidence * MIB:
            return f"it wrote more than {self.limits.evidence} MiB of evidence"
        return ""

    def _written_so_far(self, processes: list[psutil.Process]) -> int:
        """Bytes written to the machine's disk, by processes that have ended as well: a file may lie where nobody sees it.

        One without a name that was sent over a socket and closed is in no folder and open in no process.
        """
        for process in processes:
            with contextlib.suppress(psutil.Error):  # root alone may ask about bubblewrap's own
                self._wrote[process] = process.io_counters().write_bytes
        return sum(self._wrote.values())


def _process(pid: int | None) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid) if pid else None
    return None


def _threads(process: psutil.Process) -> int:
    try:
        return process.num_threads()
    except psutil.NoSuchProcess:
        return 0


def _cpu_seconds(process: psutil.Process) -> float:
    """Processor time of a process and of its children that have ended."""
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return used.user + used.system + used.children_user + used.children_system


def _free_memory(meminfo: IO[bytes]) -> int:
    """The machine's, in bytes, with what it can take from its caches."""
    _, _, after = os.pread(meminfo.fileno(), BEGINNING, 0).partition(b"MemAvailable:")
    return int(after.split(None, 1)[0]) * 1024 if after else 0


def _resident(process: psutil.Process, count_shared_once: bool = True) -> int:
    """The process's share of memory, and its page tables: pages that several processes share count once between them, if wanted."""
    try:
        info, tables = process.memory_info(), _page_tables(process.pid)
        if info.rss < SMALL_PROCESS or not count_shared_once:
            return tables + info.rss
        try:
            return tables + process.memory_full_info().pss
        except psutil.AccessDenied:  # no sight of the shares: what belongs to files is left out
            return tables + info.rss - info.shared
    except psutil.NoSuchProcess:
        return 0


def _page_tables(pid: int) -> int:
    """Bytes that the system keeps to know where a process's pages are; no page of them is the process's own."""
    try:
        _, _, after = Path(f"/proc/{pid}/status").read_bytes().partition(b"\nVmPTE:")  # a name holds no end of a line
    except OSError:
        return 0
    return int(after.split(None, 1)[0]) * 1024 if after else 0


def _scratch(processes: list[psutil.Process]) -> tuple[int, int]:
    """Bytes in the sandbox's scratch folders together, and the files in the fullest of them; seen through a process."""
    for process in reversed(processes):  # the last ones are inside for certain
        used, files = 0, 0
        try:
            for folder in SCRATCH:
                place = os.statvfs(f"/proc/{process.pid}/root{folder}")
                used += (place.f_blocks - place.f_bfree) * place.f_frsize
                files = max(files, place.f_files - place.f_ffree)
        except OSError:
            continue
        return used, files
    return 0, 0


def _sockets_and_terminals(processes: list[psutil.Process]) -> int:
    """How many the sandbox's own network and terminals have: a socket that was sent over another one and closed is open nowhere.

    What lies in their buffers is memory that no process has, as with pipes, and of terminals a machine has a few thousand for all.
    """
    for process in reversed(processes):  # the last ones are inside for certain
        with contextlib.suppress(OSError):
            seen = Path("/proc") / str(process.pid)
            used = (seen / "net" / "sockstat").read_text().split()[2]  # "sockets: used 20"
            return int(used) + sum(1 for _ in (seen / "root" / "dev" / "pts").iterdir())
    return 0


def _size(folder: Path) -> int:
    """The bytes in a folder that holds plain files and sockets only. Links are not followed.

    Raises OSError where it holds folders or too many files: nothing that is wanted there does.
    """
    total = 0
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count > MAX_FILES or entry.is_dir(follow_symlinks=False):
                raise OSError(f"folders or more than {MAX_FILES} files")
            with contextlib.suppress(FileNotFoundError):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def _held_open(processes: list[psutil.Process], devices: set[int]) -> tuple[int, int]:
    """How many pipes the processes have open, and the bytes of files on these devices that are open and have been removed."""
    pipes, nameless = set(), 0
    for process in processes:
        for entry in _open_files(process):
            with contextlib.suppress(OSError):
                status = entry.stat()
                if stat.S_ISFIFO(status.st_mode):
                    pipes.add((status.st_dev, status.st_ino))
                elif stat.S_ISREG(status.st_mode) and not status.st_nlink and status.st_dev in devices:
                    nameless += status.st_blocks * 512
    return len(pipes), nameless


def _open_files(process: psutil.Process) -> list[os.DirEntry[str]]:
    """What a process has open; nothing where it has ended.

    Raises PermissionError where that is hidden, as it is of a program that may be run and not read: such a sandbox is not let run.
    """
    try:
        with os.scandir(f"/proc/{process.pid}/fd") as entries:
            return list(entries)
    except (FileNotFoundError, ProcessLookupError):
        return []
