"""What is withheld, and what is the course's: code, gradebook, solutions, other submissions."""

from __future__ import annotations

from tests.autograder.hostile import UNDONE
from tests.hostile.attacks.attack import Attack

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
