"""The process that kernels are forked from: it has imported what notebooks import, and nothing of the kit.

Run by its path, with the environment that kernels have. It reads nothing but that a kernel is wanted. A fork of it reads what
for, joins the namespaces of the sandbox that bubblewrap has made for that one submission, gives up every right that bubblewrap
gives up, and only then becomes the kernel. So what a kernel can find of its parent is what any interpreter has after these imports.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import importlib
import importlib.util
import json
import os
import random
import runpy
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

PRELOADED = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "IPython.core.completerlib", "IPython.core.logger",
    "IPython.core.oinspect", "IPython.extensions.storemagic", "sqlite3", "tornado.platform.asyncio", "tornado.queues",
    "jaxtyping", "msgspec.json",
    "matplotlib.pyplot", "matplotlib.backends.backend_agg", "torch", "torch.utils.serialization.config", "timm", "scipy.ndimage",
    "skimage.data", "skimage.transform", "sklearn.datasets", "PIL.Image", "PIL.JpegImagePlugin", "safetensors.torch",
)  # fmt: skip
MAX_REQUEST, MAX_STATUS = 2**17, 2**16
NAMESPACES = {
    "mnt": 0x00020000,
    "ipc": 0x08000000,
    "net": 0x40000000,
    "uts": 0x04000000,
    "cgroup": 0x02000000,
    "pid": 0x20000000,
}
NEW_USER = 0x10000000
# From linux/nsfs.h, linux/prctl.h and linux/capability.h.
NS_GET_PARENT = 0xB702
SET_DUMPABLE, SET_SECCOMP, DROP_FROM_BOUNDING_SET, SET_NO_NEW_PRIVS, AMBIENT, CLEAR_ALL = 4, 22, 24, 38, 47, 4
FILTER = 2
CAPABILITY_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def main(control: str, torchvision_import: str) -> None:
    """Fork a kernel for each socket that comes in over `control`, until that closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    _import_all(torchvision_import)
    with socket.socket(fileno=int(control)) as wanted:
        while fds := socket.recv_fds(wanted, 1, 1)[1]:
            if os.fork() == 0:
                wanted.close()
                _serve(fds[0])
            os.close(fds[0])


def _import_all(torchvision_import: str) -> None:
    """Import what notebooks import. igref's own module for torchvision is taken by its path: igref stays unknown here."""
    described = importlib.util.spec_from_file_location("torchvision_import", torchvision_import)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    module.import_torchvision()
    for name in PRELOADED:
        with contextlib.suppress(ImportError):  # a kernel that wants it says what is missing
            importlib.import_module(name)
    shutil.rmtree(os.environ["MPLCONFIGDIR"])  # matplotlib has read its list of fonts
    gc.collect()
    gc.freeze()  # a collection in a fork would copy all of it


def _serve(fd: int) -> None:
    """Become the kernel that is asked for, and the process that waits for its end. Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked = socket.socket(fileno=fd)
    kernel = -1
    try:
        content, fds, _, _ = socket.recv_fds(asked, MAX_REQUEST, 2)
        request = json.loads(content)
        placeholder, log = socket.socket(fileno=fds[0]), fds[1]
        _wait_for_the_sandbox(placeholder)
        _enter(request)
        kernel = os.fork()
        if kernel:
            asked.send(json.dumps({"kernel": kernel}).encode())
            os.waitpid(kernel, 0)  # then the placeholder's socket closes, and the sandbox ends
    except Exception as error:
        with contextlib.suppress(OSError):
            asked.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
    if kernel:
        os._exit(0)
    status = 1
    try:
        _become_kernel(request["environment"], request["arguments"], log)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(status)


def _wait_for_the_sandbox(placeholder: socket.socket) -> None:
    """A byte comes back from the process in it when all is mounted."""
    placeholder.send(b".")
    if not placeholder.recv(1):
        raise RuntimeError("the sandbox ended before it was there")


def _enter(request: dict) -> None:
    """Join a sandbox as one of its processes without rights. Raises where any of it does not go as it should."""
    first = Path(f"/proc/{request['sandbox']}/task/{request['sandbox']}/children").read_text().split()[0]
    status, own_status = _status(Path(f"/proc/{first}/status").read_text()), os.open("/proc/self/status", os.O_RDONLY)
    opened = {name: os.open(f"/proc/{first}/ns/{name}", os.O_RDONLY) for name in NAMESPACES}
    users = _users_down_to(os.open(f"/proc/{first}/ns/user", os.O_RDONLY))
    if request["cgroup"]:
        (Path(request["cgroup"]) / "cgroup.procs").write_text("0")
    _become_user(status)
    _join(users[0], NEW_USER)
    for name, kind in NAMESPACES.items():
        _join(opened[name], kind)
    for fd in users[1:]:
        _join(fd, NEW_USER)
    _give_up_rights(bytes.fromhex(request["filter"]))
    own = _status(os.read(own_status, MAX_STATUS).decode())  # in the sandbox's /proc this process is not seen
    _require_no_rights(own, request["user"], filtered=bool(request["filter"]))


def _users_down_to(fd: int) -> list[int]:
    """The user namespaces between this process and that one, which comes last."""
    own, found = Path("/proc/self/ns/user").stat(), [fd]
    while os.fstat(parent := fcntl.ioctl(found[0], NS_GET_PARENT)).st_ino != own.st_ino:
        found.insert(0, parent)
    return found


def _become_user(status: dict[str, list[str]]) -> None:
    """Where root grades, the sandbox may be another user's."""
    user, group = int(status["Uid"][1]), int(status["Gid"][1])
    if os.geteuid() != user:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)


def _join(namespace: int, kind: int) -> None:
    _call(_libc.setns, namespace, kind)


def _give_up_rights(program: bytes) -> None:
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        _call(_libc.prctl, DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
    _call(_libc.prctl, AMBIENT, CLEAR_ALL, 0, 0, 0)
    header, nothing = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    _call(_libc.capset, header, nothing)
    _call(_libc.prctl, SET_DUMPABLE, 1, 0, 0, 0)  # a change of user clears it, and its own /proc would be root's
    _call(_libc.prctl, SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if program:
        instructions = ctypes.create_string_buffer(program, len(program))
        described = _Program(len(program) // 8, ctypes.addressof(instructions))
        _call(_libc.prctl, SET_SECCOMP, FILTER, ctypes.byref(described), 0, 0)


class _Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _require_no_rights(status: dict[str, list[str]], user: int, *, filtered: bool) -> None:
    """Nothing of the student's runs unless the operating system says that all of it is in place."""
    found = {name: int(status[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    ids = {*os.getresuid(), *os.getresgid()}
    if any(found.values()) or ids != {user} or status["NoNewPrivs"] != ["1"]:
        raise RuntimeError(f"it kept rights: {found}, users and groups {ids}")
    if filtered and status["Seccomp"] != ["2"]:
        raise RuntimeError("it has no filter of system calls")


def _status(content: str) -> dict[str, list[str]]:
    """The fields of a process's /proc/.../status."""
    return {name: value.split() for name, _, value in (line.partition(":") for line in content.splitlines())}


def _call(function: Callable[..., int], *arguments: object) -> None:
    if function(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{getattr(function, '__name__', function)}: {os.strerror(number)}")


def _become_kernel(environment: dict[str, str], arguments: list[str], log: int) -> None:
    """Be what a new interpreter would be: its streams and no other file, session, environment, search results, random draws."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for path in list(Path("/proc/self/fd").iterdir()):
        if int(path.name) > 2:
            with contextlib.suppress(OSError):  # the one that the list was read from
                os.close(int(path.name))
    os.environ.clear()
    os.environ.update(environment)
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    random.seed()
    sys.modules["numpy"].random.seed()
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
