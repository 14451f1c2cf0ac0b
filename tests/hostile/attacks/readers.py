"""What a student tries who has read the grader's source: how questions come in and answers go out, where a kernel comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from autograder.course.demo import INTEGRATED
from tests.autograder.hostile import UNDONE
from tests.hostile.attacks.attack import FULL, Attack, attack

EVIDENCE = """
import array, os, socket, time
folder, carrier = os.environ["AUTOGRADER_EVIDENCE"], socket.socketpair()
def send(files):
    carrier[0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])
    for file in files: os.close(file)
"""
TEMPLATE = "{% include '/etc/passwd' %}{{ ''.__class__.__mro__ }}${7*7}{{ resources.nbgrader }}"


def _tags(notebook: dict[str, Any]) -> None:
    """Every cell asks not to be run, may raise, and has brought its own result."""
    result = {"output_type": "execute_result", "execution_count": 1, "data": {"text/plain": "8.0"}, "metadata": {}}
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception", "remove-cell", "parameters"]
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [result], 1


def _templates(notebook: dict[str, Any]) -> None:
    notebook["cells"].append({"cell_type": "markdown", "metadata": {"name": TEMPLATE}, "source": TEMPLATE})
    notebook["metadata"]["title"] = TEMPLATE
    notebook["metadata"]["authors"] = [{"name": TEMPLATE}]


def _longest_path(folder: Path) -> None:
    """A file whose path has the 4,095 characters that a system call takes at most."""
    here, length = os.open(folder, os.O_RDONLY), len(os.fsencode(folder.resolve()))
    while length + 1 < 4_095:
        name = "p" * min(250, 4_095 - length - 1)
        length += 1 + len(name)
        if length >= 4_093:  # the last name is the file's, and no slash may be left over
            name += "p" * (4_095 - length)
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=here))
            break
        os.mkdir(name, dir_fd=here)
        deeper = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)


def _reader(name: str, tries: str, source: str, work: str = UNDONE, **more: Any) -> Attack:
    return attack("who has read the grader", f"reader-{name}", tries, source, work, **more)


def _in_flight(name: str, tries: str, source: str) -> Attack:
    return attack("sent to nobody and closed", f"flight-{name}", tries, EVIDENCE + source, INTEGRATED)


READERS = (
    _reader("tags", "tags of the notebook that skip cells, and results that it brings", "", edit=_tags),
    _reader("templates", "templates of the pages in cells, titles, outputs and errors", f"print({TEMPLATE!r})",
            f"def integrated_gradients(*a): raise ValueError({TEMPLATE!r})\n", edit=_templates),
    _reader("asks-itself", "lets itself be asked the first question alone, again and again", """
from autograder.student import questions
read = questions.read
questions.read = lambda folder, task: [read(folder, task)[0]] * len(read(folder, task))
"""),
    _reader("other-networks", "makes every network that it is asked about constant, so that zero is right", """
from autograder.student import networks
for one in networks.ARCHITECTURES.values():
    one.__call__ = lambda self, batch: batch.flatten(1)[:, :1].expand(-1, 2000) * 0
""", "def integrated_gradients(forward, x, *a): return torch.zeros_like(x)\n"),
    _reader("infinite", "answers that overflow when they are compared", "",
            "def integrated_gradients(forward, x, baseline, target, n): return x * 0 + (1.7e38 if n % 2 else float('inf'))\n"),
    _reader("one-answer", "states every question's answer as one array under all its names", """
import numpy as np
from autograder.student import evidence
write = evidence.write
def same(folder, task, found):
    found.record.running = ""
    for n in range(400): found.record.answers.setdefault(str(n), next(iter(found.record.answers.values()), None))
    found.record.answers.pop("None", None)
    write(folder, task, evidence.Evidence(found.record, {str(n): np.zeros(3, np.float32) for n in range(400)}))
evidence.write = same
"""),
    _reader("late", "a process that leaves evidence after its notebook has ended", """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    place = os.environ["AUTOGRADER_EVIDENCE"]
    while True:
        try:
            for task in ("ps1-integrated-gradients", "ps1-photo"):
                open(f"{place}/{task}.json", "w").write('{"task": "%s", "answers": {}, "points": 8}' % task)
        except OSError: pass
        time.sleep(0.05)
"""),
    _reader("warm-parent", "looks for what the process that it was forked from knows", """
import gc, os
places = ["/proc/self/environ", "/proc/self/cmdline", "/proc/self/maps", "/proc/self/mountinfo"]
said = "".join(open(place, errors="replace").read() for place in places)
links = [os.readlink("/proc/self/fd/" + name) for name in os.listdir("/proc/self/fd") if os.path.lexists("/proc/self/fd/" + name)]
known = [key for thing in gc.get_objects() if type(thing) is dict for key in list(thing) if type(key) is str]
if "INSTRUCTOR_" + "TOKEN" in said or any(link.partition(":")[0] in ("net", "mnt", "user", "pid") for link in links): print("WON")
if any(key in ("sandbox_" + "pid", "submitted_" + "by") for key in known): print("WON")
"""),
    _reader("process-memory", "reads the memory of the sandbox's other processes", """
import ctypes, os, re
libc = ctypes.CDLL(None)
class Part(ctypes.Structure): _fields_ = (("place", ctypes.c_void_p), ("size", ctypes.c_size_t))
here = ctypes.create_string_buffer(1 << 16)
for pid in (name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()):
    try:
        areas = re.findall(r"^(\\w+)-(\\w+) r", open(f"/proc/{pid}/maps").read(), re.M)
        for first, last in areas:
            for place in range(int(first, 16), int(last, 16), len(here)):
                local, remote = Part(ctypes.addressof(here), len(here)), Part(place, min(len(here), int(last, 16) - place))
                got = libc.process_vm_readv(int(pid), ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
                if got > 0 and b"correct horse" + b" battery" in here.raw[:got]: print("WON")
    except OSError: pass
"""),
    _reader("asks-for-input", "asks whoever grades for input, and waits for it", """
kernel = get_ipython().kernel
for _ in range(50):
    kernel.session.send(kernel.stdin_socket, "input_request", {"prompt": "points? ", "password": False},
                        parent=kernel.get_parent(), ident=kernel.get_parent().get("header", {}).get("session", "x").encode())
kernel._allow_stdin = True
""", INTEGRATED),
    Attack("longest-path", "files and names", "a path of 4,095 characters", INTEGRATED, files=_longest_path, deserved=FULL),
    _in_flight("sockets", "1,000 sockets with large buffers that no process has", """
def filled():
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20); print("WON")
        except OSError: pass
        try:
            while True: end.send(bytes(1 << 15))
        except OSError: pass
    return [end.detach() for end in ends]
for _ in range(50): send([file for _ in range(10) for file in filled()])
opened = [socket.socketpair() for _ in range(100)]
time.sleep(3); print("WON")
"""),
    _in_flight("terminals", "1,000 terminals that no process has", """
for _ in range(50): send([os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY) for _ in range(20)])
opened = [socket.socketpair() for _ in range(100)]
time.sleep(3); print("WON")
"""),
    _in_flight("files", "2.4 GB of files on the machine's disk that have no name and no process", """
for _ in range(24):
    file = os.open(folder, os.O_TMPFILE | os.O_RDWR)
    for _ in range(25): os.write(file, bytes(4 << 20))
    send([file])
time.sleep(3); print("WON")
"""),
    _in_flight("room", "ten gigabytes of the machine's disk that are taken and not written", """
import ctypes
libc = ctypes.CDLL(None)
for _ in range(20):
    file = os.open(folder, os.O_TMPFILE | os.O_RDWR)
    if libc.fallocate(file, 0, ctypes.c_long(0), ctypes.c_long(500 << 20)) == 0: print("WON")
    send([file])
"""),
)  # fmt: skip
