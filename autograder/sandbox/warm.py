"""Kernels that start warm: forked from a process that has imported what notebooks import, into a sandbox of their own.

bubblewrap makes the sandbox as for a cold start, around a process that waits. The kernel joins it and gives up what bubblewrap
gives up (`autograder.sandbox.warm_parent`). Where that does not go as it should, the kernel starts cold.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import igref
from autograder.sandbox import warm_parent
from autograder.sandbox.bubblewrap import USER, WORK, Sandbox, font_lists, kernel_variables
from autograder.sandbox.cgroup import Cgroup
from autograder.sandbox.system_calls import filter_program

SECONDS = 120
"""How long the parent may take to import everything, on a busy machine."""
PLACEHOLDER = ["cat"]
"""What waits in a sandbox, and says by an echo that the sandbox is there. It ends with its kernel, and the sandbox with it."""


class WarmStartError(RuntimeError):
    """A kernel could not be started warm; the message says why."""


class WarmParent:
    """The process that the kernels of this process are forked from. It ends with this one."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        torchvision_import = Path(igref.__file__).with_name("torchvision_import.py")
        environment = kernel_variables() | {
            "MPLCONFIGDIR": _font_lists(),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # which ipykernel would set before that import
        }
        script = [sys.executable, "-I", "-B", warm_parent.__file__, str(theirs.fileno()), str(torchvision_import)]
        with theirs:
            self._process = subprocess.Popen(
                script, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
            )  # fmt: skip
        atexit.register(self.end)

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()

    def start(
        self,
        sandbox: Sandbox,
        pid: int,
        arguments: list[str],
        placeholder: socket.socket,
        log: int,
        cgroup: Cgroup | None,
    ) -> int:
        """Fork a kernel into the sandbox whose bubblewrap is `pid`, and whose placeholder is spoken to over a socket; its process.

        Raises:
            WarmStartError: it is not there.
        """
        request = {
            "sandbox": pid,
            "user": USER,
            "cgroup": str(cgroup.folder) if cgroup else "",
            "environment": sandbox.variables() | {"PWD": WORK},
            "arguments": sandbox.launcher(arguments),
            "filter": filter_program().hex(),
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            try:
                with theirs:
                    socket.send_fds(self._control, [b"."], [theirs.fileno()])
                socket.send_fds(ours, [json.dumps(request).encode()], [placeholder.fileno(), log])
                ours.settimeout(SECONDS)
                answer = json.loads(ours.recv(warm_parent.MAX_REQUEST) or b'{"error": "its parent ended"}')
            except OSError as error:
                raise WarmStartError(str(error)) from error
        if "error" in answer:
            raise WarmStartError(answer["error"])
        return answer["kernel"]


def _font_lists() -> str:
    """A folder with matplotlib's list of fonts, of a name that tells kernels nothing. The parent removes it."""
    folder = tempfile.mkdtemp(prefix="ig-")
    for path in font_lists():
        shutil.copy(path, folder)
    return folder


_parents: dict[int, WarmParent] = {}


def warm_parent_of_this_process() -> WarmParent:
    """One for each process that grades; a new one where it has ended."""
    found = _parents.get(os.getpid())
    if found is None or not found.lives:
        found = _parents[os.getpid()] = WarmParent()
    return found
