"""Where root grades, a sandbox is another user's: what gets out of its mounts and namespaces has no rights there.

That user may have no way to what the sandbox shows, as to an interpreter in root's own home. Then the sandbox stays root's, and the
grader says so: a mount namespace around it, in which such folders are open, would be one more process, and the kernel does not
let a process without rights end another user's when its own end comes, so what it leaves behind would go on.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from autograder import student
from autograder.sandbox.bubblewrap import SUBMISSION, Sandbox

NOBODY = 65534
SECONDS = 60
AS_ROOT = (
    f"Grading as root: each sandbox is run as the user {NOBODY} where that can be done. "
    "Grade as an ordinary user, who owns the course folder, to be sure of it."
)
STILL_ROOT = (
    "This sandbox is root's: another user cannot start it or read the submission, so only its mounts and namespaces stand "
    "between it and the machine. Grade as an ordinary user."
)

_READS_ALL = """
import os, sys
for top in sys.argv[1:]:
    for root, folders, files in os.walk(top, onerror=lambda error: sys.exit(1)):
        if not all(os.access(os.path.join(root, name), os.R_OK) for name in files):
            sys.exit(1)
"""


def warning_of_root() -> str:
    """What whoever grades as root is told; empty for everybody else."""
    return AS_ROOT if os.geteuid() == 0 else ""


def as_another_user(sandbox: Sandbox, command: list[str]) -> list[str]:
    """The sandbox's command line, run by another user where root grades and that can be done; else as it is.

    Call it when everything is in the sandbox's folders: those that it writes become that user's.
    """
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None or has_no_way_to(command) or has_no_way_to(sandbox.trial_command([])):
        return command
    _give(sandbox, NOBODY)
    for folder in {sandbox.evidence.parent, sandbox.submission.parent}:
        if folder.parent == Path(tempfile.gettempdir()):  # the grader's own, which nobody else could enter
            os.chown(folder, -1, NOBODY)
            folder.chmod(0o710)
    user = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
    kit = Path(student.__file__).parent
    torch = Path(find_spec("torch").origin).parent / "nn"  # a part of what was installed beside the kit
    read = [SUBMISSION, *map(str, (kit, torch, *([sandbox.questions] if sandbox.questions else [])))]
    trial = sandbox.trial_command(["-c", _READS_ALL, *read])
    if _works([*user, *trial]):
        return [*user, *command]
    _give(sandbox, 0)
    return command


def _give(sandbox: Sandbox, user: int) -> None:
    for folder in (sandbox.evidence, sandbox.runtime):
        for path in (folder, *folder.iterdir()):
            os.chown(path, user, user, follow_symlinks=False)


def has_no_way_to(command: list[str]) -> bool:
    """Whether what a command line shows lies in folders that not everybody may enter."""
    return any(_is_closed(path) for path in shown_paths(command))


def shown_paths(command: list[str]) -> list[Path]:
    """bubblewrap itself, and what its command line shows of the machine."""
    binds = ("--bind", "--ro-bind", "--ro-bind-try")
    return [Path(command[0]), *(Path(command[k + 1]) for k, word in enumerate(command) if word in binds)]


def _is_closed(path: Path) -> bool:
    """Whether a folder on the way to a path is not for everybody to enter; the grader's scratch folders are opened later."""
    for folder in reversed(path.parents):
        if folder.parent == Path(tempfile.gettempdir()):
            return False
        if folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
            return True
    return False


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
