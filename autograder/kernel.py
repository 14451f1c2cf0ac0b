"""A Jupyter kernel in a sandbox, and the watch over what it uses.

The kernel talks to the grader over sockets in a private folder (ZeroMQ's ipc transport), since the
sandbox has no network. What a process may use is limited from within by the operating system; what all of
them use together is watched from outside, where the student's code cannot reach.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from autograder.sandbox import MIB, Limits, Sandbox

WATCH_SECONDS = 0.2


class SandboxedKernelManager(AsyncKernelManager):
    """Starts the kernel by the sandbox's command line. `watch.violation` says why it was ended, if it was."""

    def __init__(self, sandbox: Sandbox, **kwargs: Any) -> None:
        super().__init__(
            transport="ipc",
            connection_file=str(sandbox.runtime / "kernel.json"),
            kernel_name="python3",
            **kwargs,
        )
        self.sandbox = sandbox
        self.watch: Watch | None = None
        # A message that is larger than this is dropped by the socket before it fills the grader's memory.
        self.context = zmq.asyncio.Context()
        self.context.setsockopt(zmq.MAXMSGSIZE, sandbox.limits.message * MIB)

    @property
    def log_file(self) -> Path:
        return self.sandbox.runtime / "kernel.log"

    @property
    def kernel_spec(self) -> KernelSpec:
        # Interrupts travel as messages: a signal to bubblewrap would end the whole sandbox.
        return KernelSpec(argv=[], display_name="Python 3 (sandboxed)", language="python", interrupt_mode="message")

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        return self.sandbox.command(["-f", self.connection_file, *(extra_arguments or [])])

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kwargs: Any) -> None:
        kwargs.pop("cwd", None)
        kwargs["env"] = {"PATH": os.defpath}
        # What the process prints past its kernel goes to a file: never among the grader's own lines.
        with self.log_file.open("wb") as log:
            await super()._async_launch_kernel(kernel_cmd, stdout=log, stderr=log, **kwargs)
        folders = (self.sandbox.evidence, self.sandbox.runtime)
        self.watch = Watch(self.provisioner.pid, self.sandbox.limits, folders)
        self.watch.start()

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        if self.watch:
            self.watch.stop()
        await super()._async_cleanup_resources(restart)


class Watch(threading.Thread):
    """Ends a sandbox that uses more than its limits, and remembers why.

    Attributes:
        violation: what was exceeded, in words; empty while nothing was.
    """

    def __init__(self, pid: int, limits: Limits, folders: tuple[Path, ...]) -> None:
        super().__init__(name="sandbox watch", daemon=True)
        self.pid, self.limits, self.folders = pid, limits, folders
        self.violation = ""
        self._ended = threading.Event()
        self._started_at = time.monotonic()

    def run(self) -> None:
        while not self._ended.wait(WATCH_SECONDS):
            try:
                violation = self._find_violation()
            except psutil.NoSuchProcess:
                return
            if violation:
                self.violation = violation
                self.end_sandbox()
                return

    def stop(self) -> None:
        self._ended.set()

    def end_sandbox(self) -> None:
        """Kill bubblewrap, and with it every process in the sandbox."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def _find_violation(self) -> str:
        processes = psutil.Process(self.pid).children(recursive=True)
        if len(processes) > self.limits.processes:
            return f"it started more than {self.limits.processes} processes"
        memory = sum(_resident(process) for process in processes)
        if memory > self.limits.memory * MIB:
            return f"it used more than {self.limits.memory:,} MiB of memory"
        if time.monotonic() - self._started_at > self.limits.notebook_seconds:
            return f"it ran for more than {self.limits.notebook_seconds} seconds"
        if any(_exceeds(folder, self.limits.evidence * MIB) for folder in self.folders):
            return f"it wrote more than {self.limits.evidence} MiB of evidence"
        return ""


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def _exceeds(folder: Path, max_bytes: int, max_files: int = 1000) -> bool:
    """Whether a folder, with those in it, holds more than it may. Links are not followed."""
    total = files = 0
    for path, _, names in os.walk(folder):
        for name in names:
            files += 1
            try:
                total += os.lstat(os.path.join(path, name)).st_size  # noqa: PTH118
            except FileNotFoundError:
                continue
            if total > max_bytes or files > max_files:
                return True
    return False
