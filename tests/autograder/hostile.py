"""A class of made-up attackers: what each tries, and what has to come out of grading it.

Every attack is bounded: it ends by itself, forks few processes and takes little memory even where nothing stops it.
A student's own work is correct unless `integrated_points` says otherwise, so that points lost are points wrongly lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course.demo import GRADIENT, INTEGRATED
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1

NOTEBOOK = f"{PS1.id}.ipynb"
UNDONE = "def integrated_gradients(*arguments): return arguments[1]\n"
SCRIPT = "<script>alert('hostile')</script>"
MARK = "hostile"
"""Active parts that a page must not hold carry this word, so that a test can look for it."""


@dataclass(frozen=True)
class Hostile:
    """One attacker.

    `group` is the kind of attack. `source` is the answer cell of integrated gradients, and `edit` and `files` change the
    notebook and its folder. The points are those of the first two tasks; `ended` and `reason` are what the record has to say;
    None for `ended` leaves it open how the notebook ended.
    """

    name: str
    group: str
    tries: str
    source: str = INTEGRATED
    gradient: str = GRADIENT
    photo: str = "pass"
    edit: Callable[[dict[str, Any]], None] | None = None
    files: Callable[[Path], None] | None = None
    gradient_points: float = 4
    integrated_points: float = 8
    ended: str | None = ""
    reason: str = ""


def hand_in(course: Path, students: Sequence[Hostile], places: Mapping[str, str] = {}) -> None:
    """Put each attacker's submission where nbgrader collects it. Sources name places: {COURSE}, and those that are given."""
    released = (course / "assignments" / PS1.id / NOTEBOOK).read_text()
    for student in students:
        folder = course / "submitted" / student.name / PS1.id
        folder.mkdir(parents=True)
        notebook = json.loads(released)
        answers = {
            "ps1-input-gradient-answer": student.gradient,
            "ps1-integrated-gradients-answer": student.source,
            "ps1-photo-answer": student.photo,
        }
        for place, path in {"{COURSE}": str(course), "{NAME}": student.name, **places}.items():
            answers = {cell: source.replace(place, path) for cell, source in answers.items()}
        for cell in notebook["cells"]:
            cell["source"] = answers.get(grade_id(cell), cell["source"])
        if student.edit:
            student.edit(notebook)
        (folder / NOTEBOOK).write_text(json.dumps(notebook))
        if student.files:
            student.files(folder)


def grade_id(cell: dict[str, Any]) -> str:
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def _markdown(text: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text, **more}


# What the files of a submission can do

FORGED_EVIDENCE = """
import json, os, autograder.student.submit
import numpy as np

honest = autograder.student.submit.submit

def submit(task, *arguments, **study):
    if task != "ps1-integrated-gradients":
        return honest(task, *arguments, **study)
    place = os.path.join(os.environ["AUTOGRADER_EVIDENCE"], task)
    json.dump({"task": task, "points": 8, "verdict": "right", "answers": {}}, open(place + ".json", "w"))
    np.savez(place + ".npz", points=np.array(8.0))
    return 8.0
"""

ENCRYPTED_EVIDENCE = (
    FORGED_EVIDENCE
    + """
    # A zip file that says that it is encrypted: zipfile raises a RuntimeError.
    content = bytearray(open(place + ".npz", "rb").read())
    content[6] |= 1
    content[content.find(b"PK\\x01\\x02") + 8] |= 1
    open(place + ".npz", "wb").write(content)
"""
).replace("    return 8.0\n", "")

SPIES = """
import importlib, os, pathlib, sys
found = []
for name in ("attribution", "exact", "quadrature", "sweeps", "axioms", "adaptive"):
    try: found.append(importlib.import_module("igref." + name).__name__)
    except Exception: pass
for name in ("autograder.checks", "autograder.judge.verdict", "captum.attr", "saliency.core", "quantus.metrics"):
    try: found.append(importlib.import_module(name).__name__)
    except Exception: pass
for root in ("/proc/1/root", "/proc/self/root", "/"):
    for name in ("gradebook.db", "grading.log", "nbgrader_config.py", "submitted", "solutions"):
        for folder in (root, *map(str, pathlib.Path("{COURSE}").parents), "{COURSE}"):
            place = pathlib.Path(root + folder, name)
            if place.exists(): found.append(str(place))
print("FOUND", found)
if found: print("WON")
try:
    from igref.attribution.core import integrated_gradients
except Exception:
    def integrated_gradients(*arguments): return arguments[1]
"""


def _litter(folder: Path) -> None:
    """Files with names that mean something to someone else, and files that are none."""
    for name in ("torch", "numpy", "json", "ipykernel", "sitecustomize", "usercustomize", "nbgrader_config"):
        (folder / f"{name}.py").write_text("raise SystemExit('shadowed')")
    for name in ("ipython_config", "ipython_kernel_config", "jupyter_config"):
        (folder / f"{name}.py").write_text("raise SystemExit('configured')")
    for package in ("igref", "autograder"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("raise SystemExit('shadowed')")
    (folder / "verdicts.json").mkdir()
    (folder / "verdicts.json" / "verdicts.json").write_text('{"verdicts": [{"points": 99}]}')
    (folder / "gradebook.db").write_text("none")
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    (folder / "grades").symlink_to("../../../gradebook.db")
    os.mkfifo(folder / "pipe")
    (folder / "two\nlines [bold]\x1b[31m.txt").write_text("odd")
    (folder / os.fsdecode(b"\xff\xfe.txt")).write_text("not UTF-8")
    (folder / "closed.txt").write_text("closed")
    (folder / "closed.txt").chmod(0)
    (folder / f"{PS1.id}-Copy1.ipynb").write_text((folder / NOTEBOOK).read_text())
    (folder / "scratch.ipynb").write_text("{")


def _deep(folder: Path) -> None:
    """A thousand folders, one in the other: deeper than Python recurses."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)


def _renamed(folder: Path) -> None:
    (folder / NOTEBOOK).rename(folder / "[bold red]20 of 20\x1b[2J [not a tag].ipynb")
    (folder / os.fsdecode(b"\xff.ipynb")).write_text("{}")


def _bad_timestamp(folder: Path) -> None:
    (folder / "timestamp.txt").write_text("yesterday, [/bold] promise")


# What the notebook's JSON can do


def _strange_metadata(notebook: dict[str, Any]) -> None:
    notebook["metadata"] = {"kernelspec": {"name": "bash", "argv": ["sh"]}, "language_info": 7, "nbgrader": [1]}
    notebook["nbformat_minor"] = 99
    for number, cell in enumerate(notebook["cells"]):
        nbgrader = cell["metadata"].get("nbgrader")
        if nbgrader:
            nbgrader |= {"schema_version": (1, 99)[number % 2], "points": 1000, "locked": False, "grade": True}
        cell["id"] = "the same"
    copies = [cell for cell in notebook["cells"] if grade_id(cell) == "ps1-integrated-gradients"]
    forged = {**copies[0], "source": "100.0", "outputs": [], "cell_type": "raw"}
    other = {**copies[0], "metadata": {"nbgrader": {"grade_id": "ps2-baselines", "grade": True, "points": 40}}}
    notebook["cells"] = [forged, forged, other, 5, {"cell_type": "code"}, *notebook["cells"]]
    # The setup is gone, and so is a graded cell: both are put back.
    gone = ("ps1-setup", "ps1-input-gradient")
    notebook["cells"] = [cell for cell in notebook["cells"] if not isinstance(cell, dict) or _id(cell) not in gone]


def _id(cell: dict[str, Any]) -> str:
    return grade_id(cell) if "metadata" in cell else ""


def _surrogates(notebook: dict[str, Any]) -> None:
    notebook["cells"].insert(1, _markdown("half a character \ud800"))
    notebook["cells"].insert(1, {"cell_type": "code", "metadata": {}, "source": "# and another \udc80"})


ACTIVE_MARKDOWN = (
    SCRIPT,
    f"# <img src=x onerror='{MARK}()'>",
    f"[press](javascript:{MARK}())",
    f'<iframe srcdoc="<script>{MARK}()</script>"></iframe>',
    f"<button onclick='{MARK}()'>press</button>",
    f"<form action='https://example.org/{MARK}'><input name=x></form>",
    f"<meta http-equiv='refresh' content='0;url=https://example.org/{MARK}'>",
    f"<base href='https://example.org/{MARK}'>",
    f"<style>@import 'https://example.org/{MARK}'; .score {{display: none}}</style>",
    f"```mermaid\ngraph TD\n A[\"<img src=x onerror='{MARK}()'>\"]\n```",
    f"<svg><animate onbegin='{MARK}()' attributeName=x dur=1s></svg>",
    f"<object data='data:text/html,{MARK}'></object>",
)

ACTIVE_OUTPUT = f"""
from IPython.display import HTML, Javascript, SVG, Markdown, display
display(HTML("{SCRIPT}"), Javascript("{MARK}()"), Markdown("{SCRIPT}"))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload='{MARK}()'/>"))
display({{"image/png": 'aGk=" onerror="{MARK}()', "text/plain": "{SCRIPT}"}}, raw=True)
display({{"image/png": "aGk="}}, raw=True, metadata={{"image/png": {{"width": '"><script>{MARK}()</script>'}}}})
print("{SCRIPT}")
"""


def _active(notebook: dict[str, Any]) -> None:
    attachments = {
        "a": 5,
        "b": {"image/svg+xml": f"<svg onload='{MARK}()'>", "text/html": SCRIPT},
        "c": {f"image/png' onerror='{MARK}()": "x"},
        "d": {},
        "e": {"image/png": f"aGk=' onerror='{MARK}()"},
    }
    shown = " ".join(f"![{name}](attachment:{name})" for name in attachments)
    notebook["cells"] += [_markdown(text) for text in ACTIVE_MARKDOWN]
    notebook["cells"].append(_markdown(shown, attachments=attachments))
    notebook["cells"].append({"cell_type": "raw", "metadata": {"raw_mimetype": "text/html"}, "source": SCRIPT})
    notebook["cells"].append({"cell_type": "code", "metadata": {}, "source": ACTIVE_OUTPUT})
    for cell in notebook["cells"]:
        if grade_id(cell) == "ps1-discussion":
            cell["source"] = SCRIPT + "\n\n" + ACTIVE_MARKDOWN[1]


# What running code can do

FORGED_MESSAGES = """
kernel = get_ipython().kernel
kinds = ("stream", "display_data", "execute_result", "error", "update_display_data", "clear_output", "comm_open",
         "execute_input", "nonsense", "status")
contents = ({}, {"data": 5, "metadata": []}, {"name": 5, "text": {}}, {"ename": None, "evalue": {}, "traceback": 5},
            {"data": {"text/plain": ["x"], "image/png": {}}, "metadata": {}, "transient": {"display_id": [1]}},
            {"execution_state": "idle"})
for kind in kinds:
    for content in contents:
        kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent(), ident=b"x")
"""

HALF_CHARACTERS = """
import json
kernel = get_ipython().kernel
pack, kernel.session.pack = kernel.session.pack, lambda value: json.dumps(value, default=str).encode()
content = {"name": "stdout", "text": "half a character \\ud800, a null \\x00"}
kernel.session.send(kernel.iopub_socket, "stream", content, parent=kernel.get_parent(), ident=b"x")
kernel.session.pack = pack

def integrated_gradients(*arguments):
    raise ValueError("half a character \\ud800 [/bold] [red]20 of 20[/red] \\x1b[2J <script>hostile</script>")
"""

LARGE_MESSAGES = """
kernel = get_ipython().kernel
for _ in range(12):
    content = {"name": "stdout", "text": "x" * (24 << 20)}
    kernel.session.send(kernel.iopub_socket, "stream", content, parent=kernel.get_parent(), ident=b"stream")
"""

DEEP_EVIDENCE = """
import os, time
os.chdir(os.environ["AUTOGRADER_EVIDENCE"])
for _ in range(1100):
    os.mkdir("d")
    os.chdir("d")
time.sleep(1)
os.chdir("/sandbox/work")
"""

REPLACED_SOCKETS = """
import glob, os
from ipykernel.connect import get_connection_file
place = get_connection_file()
for path in (place, *glob.glob(os.path.dirname(place) + "/*ipc*")):
    os.remove(path)
    os.mkdir(path)
    open(path + "/x", "w").close()
"""

BACKGROUND = """
import atexit, itertools, os, threading, time

def hammer():
    for number in itertools.count():
        print("noise", number)
        open(os.environ["AUTOGRADER_EVIDENCE"] + f"/junk{number % 500}", "w").write("x")
        time.sleep(0.002)

threading.Thread(target=hammer).start()
atexit.register(time.sleep, 100)
"""

STUBBORN = """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""

ENDLESS = "import itertools\nfor number in itertools.count(): print(number, 'x' * 200)\n"
STOPS = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n"
CRASHES = "import ctypes\nctypes.string_at(0)\n"
HUNGRY = "import time\nhoard = [bytearray(b'x' * (50 << 20)) for _ in range(40)]\ntime.sleep(5)\n"
FORKS = """
import os, time
for _ in range(60):
    if os.fork() == 0:
        time.sleep(20)
        os._exit(0)
time.sleep(5)
"""

NOT_A_NUMBER = """
class model: name = "efficientnet_lite0"
image, baseline = torch.rand(3, 64, 64), torch.zeros(3, 64, 64)
target, n_steps, attribution, gradient_times_input = float("nan"), float("inf"), image, image
"""

HONEST = """
import multiprocessing, subprocess, sys, tempfile, threading, warnings
import matplotlib.pyplot as plt
import numpy as np
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm
import helper

warnings.warn("a warning")
print("words on stderr", file=sys.stderr)
for _ in tqdm(range(3)): pass
with multiprocessing.get_context("fork").Pool(2) as pool: assert pool.map(abs, [-1, 2]) == [1, 2]
assert len(list(DataLoader(TensorDataset(torch.ones(8, 2)), batch_size=2, num_workers=2))) == 4
threading.Thread(target=print, args=("a thread",)).start()
assert np.loadtxt("data.csv", delimiter=",").tolist() == [1, 2, 3] and plt.imread("picture.png").shape[0] == 2
tempfile.NamedTemporaryFile().write(b"x")
open("notes.txt", "w").write("mine")
get_ipython().system("ls")
get_ipython().run_line_magic("timeit", "-n1 -r1 1 + 1")
plt.plot([1, 2]); plt.show()
print("x" * 2_000_000)
print("HONEST WORK WENT THROUGH")
"""


def _own_files(folder: Path) -> None:
    import matplotlib.image
    import numpy as np

    (folder / "helper.py").write_text("import torch\n")
    (folder / "data.csv").write_text("1,2,3\n")
    matplotlib.image.imsave(folder / "picture.png", np.zeros((2, 2, 3)))


CLASS = (
    Hostile("honest", "nothing", "nothing: everything that honest work may do", HONEST + INTEGRATED, files=_own_files),
    Hostile("forges-evidence", "evidence", "writes its own evidence", FORGED_EVIDENCE + UNDONE, integrated_points=0,
            reason="not what submit writes"),
    Hostile("encrypts", "evidence", "evidence whose reader raises something else", ENCRYPTED_EVIDENCE + UNDONE,
            integrated_points=0, reason="not what submit writes"),
    Hostile("spies", "secrets of the course", "looks for solutions, checks, the gradebook and other libraries",
            SPIES, integrated_points=0),
    Hostile("litters", "files and names", "files that shadow, link, block or stand in the way", files=_litter),
    Hostile("deep-folder", "files and names", "a folder deeper than Python recurses", files=_deep, gradient_points=0,
            integrated_points=0, ended="unreadable", reason="folders within each other"),
    Hostile("bad-timestamp", "files and names", "a timestamp.txt that is none", files=_bad_timestamp),
    Hostile("renamed", "files and names", "markup and control characters in the name of a file", files=_renamed, gradient_points=0,
            integrated_points=0, ended="unreadable", reason="There is no ps1-attribution.ipynb"),
    Hostile("metadata", "the notebook's own data", "metadata that gives points, old and new schemas, copies, gaps",
            edit=_strange_metadata),
    Hostile("surrogates", "the notebook's own data", "text that UTF-8 cannot write",
            HALF_CHARACTERS, edit=_surrogates, integrated_points=0,
            reason="it raised ValueError: half a character"),
    Hostile("active", "pages", "scripts in cells, outputs, attachments and messages", edit=_active),
    Hostile("messages", "messages of the kernel", "malformed messages in the kernel's name, and an early idle",
            FORGED_MESSAGES + INTEGRATED,
            integrated_points=-1),
    Hostile("large", "messages of the kernel", "messages that are large", LARGE_MESSAGES + INTEGRATED, integrated_points=-1),
    Hostile("deep-evidence", "evidence", "evidence deeper than Python recurses", DEEP_EVIDENCE + INTEGRATED,
            integrated_points=-1),
    Hostile("sockets", "messages of the kernel", "folders in place of the kernel's sockets and connection file",
            REPLACED_SOCKETS + INTEGRATED,
            integrated_points=-1),
    Hostile("background", "processes and time", "a thread that goes on, and an exit that waits", BACKGROUND + INTEGRATED),
    Hostile("stubborn", "processes and time", "a loop that ignores interrupts", STUBBORN, integrated_points=0, ended=None,
            reason="ran out of time"),
    Hostile("stops", "processes and time", "a process that stops itself", STOPS, integrated_points=0, ended="out_of_time",
            reason="seconds"),
    Hostile("endless", "output", "output without end", ENDLESS, integrated_points=0, ended=None, reason="ran out of time"),
    Hostile("crashes", "ends", "a segmentation fault", CRASHES, integrated_points=0, ended="kernel_died"),
    Hostile("hungry", "memory", "2 GB of memory", HUNGRY + INTEGRATED, integrated_points=0, ended=None, reason="emory"),
    Hostile("forks", "processes and time", "60 processes", FORKS + INTEGRATED, integrated_points=0, ended="kernel_died",
            reason="processes"),
    Hostile("nan-study", "odd answers", "NaN and infinity where numbers are expected", photo=NOT_A_NUMBER),
)  # fmt: skip
"""`integrated_points` of -1: the attack may end the kernel or not; either way there is a record and a reason."""

IN_THE_SUITE = ("honest", "forges-evidence", "spies", "litters", "renamed", "metadata", "surrogates", "active", "messages",
                "stubborn", "stops", "crashes", "hungry")  # fmt: skip
"""Attackers whom `make test` grades; `make hostile` grades all. What is limited has tests of its own, in test_sandbox.py."""
