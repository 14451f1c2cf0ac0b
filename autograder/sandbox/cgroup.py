"""A cgroup (version 2) for each sandbox, where one may be made: the kernel then keeps memory and processes exactly.

It counts what belongs to no process as well: buffers, page tables, files in memory. Where none can be made, as for most users
outside of the slices that systemd delegates, the watch looks from outside (`autograder.sandbox.kernel`), which goes on in any case.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

from autograder.sandbox.limits import MIB, Limits

MOUNTED = Path("/sys/fs/cgroup")
SECONDS_TO_EMPTY = 2


class Cgroup:
    """One sandbox's cgroup.

    Attributes:
        folder: where the kernel shows it.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        (folder / "memory.max").write_text(str(limits.memory * MIB))
        (folder / "memory.swap.max").write_text("0")
        (folder / "memory.oom.group").write_text("1")  # over the limit all of it ends, not some process of it
        (folder / "pids.max").write_text(str(limits.threads))

    def command(self, command: list[str]) -> list[str]:
        """A command line whose process moves into the cgroup before it becomes what `command` says."""
        return ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(self.folder), *command]

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel ended processes of it because it was at its limit."""
        with contextlib.suppress(OSError):
            events = dict(line.split() for line in (self.folder / "memory.events").read_text().splitlines())
            return int(events.get("oom_kill", 0)) > 0
        return False

    def remove(self) -> None:
        """Remove it, once its processes have ended; one that stays is empty and costs nothing."""
        until = time.monotonic() + SECONDS_TO_EMPTY
        while time.monotonic() < until:
            try:
                self.folder.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.05)
            else:
                return


def cgroup_for(limits: Limits) -> Cgroup | None:
    """A new cgroup with these limits, below the grader's own or beside it; None where none may be made."""
    for parent in _parents():
        folder = None
        try:
            folder = Path(tempfile.mkdtemp(prefix="autograder-", dir=parent))
            if (
                (folder / "memory.max").exists()
                and (folder / "pids.max").exists()
                and os.access(parent / "cgroup.procs", os.W_OK)
            ):
                return Cgroup(folder, limits)
            folder.rmdir()
        except OSError:
            with contextlib.suppress(OSError):
                if folder:
                    folder.rmdir()
    return None


def _parents() -> list[Path]:
    """The grader's own cgroup of version 2, and the one above; none where the machine has version 1 or none."""
    if not (MOUNTED / "cgroup.controllers").is_file():
        return []
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = next((line.partition("0::")[2] for line in lines if line.startswith("0::")), "/")
    folder = MOUNTED / own.lstrip("/")
    return [folder, folder.parent] if folder != MOUNTED else [folder]
