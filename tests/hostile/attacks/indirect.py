"""Ways round: the grader's own work, names that it writes itself, the next submission, what a machine has once, the watch."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.course.demo import INTEGRATED
from tests.autograder.hostile import NOTEBOOK, UNDONE
from tests.hostile.attacks.attack import FULL, Attack

MUCH = 3 << 20
"""Characters of code. A parser takes a hundred times as much memory, and a page's colours ten times."""


def _last_cell(source: str) -> Callable[[dict[str, Any]], None]:
    def edit(notebook: dict[str, Any]) -> None:
        cell = {
            "cell_type": "code",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
            "id": "last",
        }
        notebook["cells"].append(cell)

    return edit


def _of_bombs() -> str:
    """Strings that hold, compressed and in base64, 190,000 characters of code each."""
    code = "".join(f"def f{k}(): return {k}\n" for k in range(9_000))[:190_000].rpartition("\n")[0]
    bomb = base64.b64encode(zlib.compress(code.encode(), 9)).decode()
    return "\n".join(f"text{k} = '{bomb}{' ' * k}'" for k in range(60))


def _terabyte(folder: Path) -> None:
    with (folder / "large.bin").open("wb") as file:
        file.truncate(1 << 40)


def _in_a_folder_called(name: str) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()
        (folder / name / "x").write_text("in the way")

    return put


def _graded_before(folder: Path) -> None:
    """A record and evidence, as if it had been graded before."""
    verdicts = [{"task": "ps1-integrated-gradients", "points": 8, "max_points": 8, "mistake": "", "findings": []}]
    record = {
        "student": folder.parent.name,
        "assignment": folder.name,
        "notebook": folder.name,
        "ended": "",
        "verdicts": verdicts,
    }
    (folder / "verdicts.json").write_text(json.dumps(record))
    (folder / "evidence.zip").write_bytes(b"PK\x05\x06" + bytes(18))


WORK = (
    *(Attack(name, "work for the grader", tries, work, edit=edit, deserved=FULL)
    for name, tries, work, edit in (
        ("work-parser", "three megabytes of short lines of code", INTEGRATED, _last_cell("x=1\n" * (MUCH // 4))),
        ("work-no-python", "three megabytes of lines that are no Python", INTEGRATED, _last_cell("x=1\n" * (MUCH // 4) + "x=(")),
        ("work-strings", "sixty strings of code, each of which unpacks to 190,000 characters", INTEGRATED, _last_cell(_of_bombs())),
    )),
    Attack("work-terabyte", "work for the grader", "a file that says it has a terabyte", UNDONE, files=_terabyte,
           gradient_points=0),
)  # fmt: skip

NAMES = (
    Attack("names-notebook", "the grader's own names", "a folder, with a file in it, called as its notebook", UNDONE,
           files=_in_a_folder_called(NOTEBOOK), gradient_points=0),
    Attack("names-record", "the grader's own names", "a folder called as the grader's record is until it is whole", INTEGRATED,
           files=_in_a_folder_called(".verdicts.json.partial"), deserved=FULL),
    Attack("names-evidence", "the grader's own names", "a folder called as the grader's copy of the evidence", INTEGRATED,
           files=_in_a_folder_called("evidence.zip"), deserved=FULL),
    Attack("names-graded", "the grader's own names", "a record and evidence, as if it had been graded before", UNDONE,
           files=_graded_before),
)  # fmt: skip

LEFT = """
import os, pathlib
places = [os.path.expanduser(place) for place in ("~", "~/.ipython/profile_default/startup", "~/.config/matplotlib", "~/.cache",
          "~/.local/lib/python3/site-packages", "~/.jupyter", "/tmp", "/var/tmp", "/dev/shm", ".", "/sandbox/work")]
paths = [pathlib.Path(place) / "left-by-another.py" for place in places]
"""
NEXT = (
    Attack("leaves-something", "from one submission to the next", "leaves a file wherever it can, for whoever is graded next",
           LEFT + """
for path in paths:
    try: path.parent.mkdir(parents=True, exist_ok=True); path.write_text("x = 1")
    except OSError: pass
""" + UNDONE),
    Attack("next-finds-it", "from one submission to the next", "looks for what another submission left", LEFT + """
if any(path.exists() for path in paths): print("WON")
""" + UNDONE),
)  # fmt: skip

SHARED = tuple(
    Attack(f"shared-{name}", "what a machine has once for all", tries, source + "\n" + INTEGRATED, deserved=FULL)
    for name, tries, source in (
        ("terminals", "2,400 of a machine's 4,096 terminals", """
import os, time
children = []
for _ in range(4):
    read, write = os.pipe()
    if os.fork() == 0:
        held = []
        try:
            while len(held) < 600: held.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
        except OSError: pass
        os.write(write, b"%d" % len(held)); time.sleep(4); os._exit(0)
    children.append(read)
time.sleep(2)
if sum(int(os.read(read, 9)) for read in children) > 1200: print("WON")
"""),
        ("contexts", "15,000 of a machine's 65,536 events of asynchronous input and output", """
import ctypes, os, platform
libc = ctypes.CDLL(None)
context = ctypes.c_ulong(0)
number = {"x86_64": 206, "aarch64": 0}[platform.machine()]
if libc.syscall(number, 15_000, ctypes.byref(context)) == 0 and context.value: print("WON")
"""),
        ("watches", "a hundred of the 128 sets of file watches that a user may have", """
import ctypes, os, platform
libc = ctypes.CDLL(None)
number = 253 if platform.machine() == "x86_64" else 26
sets = [libc.syscall(number, 0) for _ in range(100)]
if max(sets) >= 0: print("WON")
for one in sets: one >= 0 and os.close(one)
"""),
    )
)  # fmt: skip

WATCHED = tuple(
    Attack(f"watch-{name}", "the watch over it", tries, source + "\n" + INTEGRATED, deserved=FULL)
    for name, tries, source in (
        ("unreadable", "1,500 pairs of sockets in programs that may be run and not read, whose files only root can see", """
import os, shutil, subprocess, sys, time
shutil.copy(os.path.realpath(sys.executable), "/tmp/{NAME}")
os.chmod("/tmp/{NAME}", 0o111)
source = "import socket, time; pairs = [socket.socketpair() for _ in range(380)]; time.sleep(6)"
home = os.environ | {"PYTHONHOME": sys.base_prefix}
children = [subprocess.Popen(["/tmp/{NAME}", "-S", "-c", source], env=home) for _ in range(4)]
time.sleep(4)
if all(child.poll() is None for child in children): print("WON")
for child in children: child.kill()
os.remove("/tmp/{NAME}")
"""),
        ("names", "60 processes with names that look like the end of a line about a process", """
import ctypes, os, time
libc = ctypes.CDLL(None)
for k in range(60):
    if os.fork() == 0:
        libc.prctl(15, (b") Z 0 0 0", b") S 1\\n1 (", b"(sd-pam)", b"\\xff) R 1")[k % 4])
        time.sleep(8); os._exit(0)
time.sleep(5); print("WON")
"""),
        ("stopped", "60 processes that stop themselves", """
import os, signal, time
children = []
for _ in range(60):
    if (child := os.fork()) == 0: os.kill(os.getpid(), signal.SIGSTOP); os._exit(0)
    children.append(child)
time.sleep(4); print("WON")
for child in children: os.kill(child, signal.SIGKILL)
"""),
    )
)  # fmt: skip

INDIRECT = (*WORK, *NAMES, *NEXT, *SHARED, *WATCHED)
