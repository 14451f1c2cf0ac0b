"""The attack corpus on stock nbgrader: `python -m tests.hostile.stock` grades it and writes the table of docs/attacks.md.

Stock is `nbgrader autograde` with its own list of preprocessors, on an assignment as its manual teaches: visible tests that assert,
and hidden ones. A throwaway course lies in a sandbox of its own, without network, in which everything is read-only but the course,
one folder beside it and a /tmp in memory; the attacks are bounded as everywhere, so none can harm the machine. Each is graded
alone, and course and gradebook are put back after it. Results are kept line by line, so that a run that was ended goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1
from autograder.sandbox.bubblewrap import find_bubblewrap
from tests.autograder.hostile import NOTEBOOK, Hostile, hand_in
from tests.hostile.attacks import CORPUS
from tests.hostile.attacks.attack import SECRET, TOKEN, Attack
from tests.hostile.outcome import outside, says_that_it_won

KIT = Path(__file__).resolve().parents[2]
PAGE = KIT / "docs" / "attacks.md"
SECONDS = 150
BYSTANDER = "aaron"
HERE_ALONE = "evidence"
"""The kind of attack that aims at a part which stock nbgrader does not have."""
INSIDE = Path("/tmp/stock")
CONFIG = """
c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
c.Execute.timeout = 20
"""
GRADIENT_TEST = """
weights = torch.linspace(-1, 1, 12).reshape(6, 2)
square = lambda x: x.flatten(1) ** 2 @ weights
x = torch.tensor([1.0, -2.0, 0.5, 1.5, -1.0, 3.0])
assert torch.allclose(input_gradient(square, x, 1), 2 * x * weights[:, 1], atol=1e-4)
### BEGIN HIDDEN TESTS
picture = torch.linspace(0, 1, 48).reshape(3, 4, 4)
sums = lambda x: torch.stack([x.flatten(1).sum(1), (x.flatten(1) ** 2).sum(1)], 1)
assert torch.allclose(input_gradient(sums, picture, 1), 2 * picture, atol=1e-4)
### END HIDDEN TESTS
"""
INTEGRATED_TEST = """
weights = torch.linspace(-1, 1, 12).reshape(6, 2)
square = lambda x: x.flatten(1) ** 2 @ weights
x, zero = torch.tensor([1.0, -2.0, 0.5, 1.5, -1.0, 3.0]), torch.zeros(6)
assert torch.allclose(integrated_gradients(square, x, zero, 1, 50), x**2 * weights[:, 1], rtol=0.05, atol=1e-3)
### BEGIN HIDDEN TESTS
other = torch.full((6,), 0.25)
EXPECTED_VALUES = {(n, k): (x**2 - other**2) * weights[:, k] for n in (20, 100) for k in (0, 1)}
for (n, k), expected in EXPECTED_VALUES.items():
    assert torch.allclose(integrated_gradients(square, x, other, k, n), expected, rtol=0.1, atol=0.05)
picture = torch.linspace(0, 1, 48).reshape(3, 4, 4)
sums = lambda x: torch.stack([x.flatten(1).sum(1), (x.flatten(1) ** 2).sum(1)], 1)
expected = picture**2
assert torch.allclose(integrated_gradients(sums, picture, torch.zeros(3, 4, 4), 1, 50), expected, rtol=0.05, atol=1e-3)
### END HIDDEN TESTS
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "stock.jsonl")
    parser.add_argument("--table", action="store_true", help="make the table of what has been graded")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        _grade_all(arguments.results)
        return
    if not arguments.table:
        arguments.results.touch()
        _run_in_a_sandbox(arguments.results)
    PAGE.write_text(page([json.loads(line) for line in arguments.results.read_text().splitlines()]))


def _run_in_a_sandbox(results: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # nbgrader calls alembic
    with tempfile.TemporaryDirectory(prefix="stock-") as scratch:
        command = [
            str(find_bubblewrap()),
            *("--unshare-all", "--die-with-parent", "--new-session", "--uid", "1000", "--gid", "1000", "--clearenv"),
            *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--size", str(4 << 30), "--tmpfs", "/tmp"),
            *(
                "--ro-bind-try",
                str(KIT),
                str(KIT),
                "--bind",
                scratch,
                str(INSIDE),
                "--bind",
                str(results),
                "/tmp/results",
            ),
            *("--chdir", str(KIT), "--setenv", "HOME", str(INSIDE), "--setenv", "PATH", path),
            *("--setenv", TOKEN, SECRET, "--setenv", "OMP_NUM_THREADS", "1"),
            *("--", sys.executable, "-m", "tests.hostile.stock", "--inside", "--results", "/tmp/results"),
        ]
        subprocess.run(command, check=True)


def _grade_all(results: Path) -> None:
    done = {json.loads(line)["name"] for line in results.read_text().splitlines()}
    course = INSIDE / "course"
    with outside(INSIDE / "outside") as places:
        _make_course(course)
        for attack in in_turn(CORPUS):
            if attack.name not in done and attack.group != HERE_ALONE:
                hand_in(course, [attack], places)
                result = _graded_alone(course, attack)
                with results.open("a") as file:
                    file.write(json.dumps(result) + "\n")
                print(result, flush=True)


def in_turn(attacks: Iterable[Hostile]) -> Iterator[Hostile]:
    """One of each kind, then another of each: a part of them is a sample of all kinds."""
    kinds: dict[str, list[Hostile]] = defaultdict(list)
    for attack in attacks:
        kinds[attack.group].append(attack)
    for some in itertools.zip_longest(*kinds.values()):
        yield from filter(None, some)


def _make_course(course: Path) -> None:
    source = course / "solutions" / PS1.id
    source.mkdir(parents=True)
    (course / "nbgrader_config.py").write_text(CONFIG)
    nbformat.write(_source_notebook(), source / NOTEBOOK)
    _nbgrader(course, "generate_assignment", PS1.id)
    folder = course / "submitted" / BYSTANDER / PS1.id
    folder.mkdir(parents=True)
    shutil.copy(course / "assignments" / PS1.id / NOTEBOOK, folder)
    _nbgrader(course, "autograde", PS1.id, "--student", BYSTANDER)


def _source_notebook() -> nbformat.NotebookNode:
    setup = _cell("ps1-setup", "import torch", locked=True)
    answers = [
        _cell(f"{task}-answer", "### BEGIN SOLUTION\npass\n### END SOLUTION", solution=True)
        for task in ("ps1-input-gradient", "ps1-integrated-gradients", "ps1-photo")
    ]
    gradient = _cell("ps1-input-gradient", GRADIENT_TEST, grade=True, locked=True, points=4)
    integrated = _cell("ps1-integrated-gradients", INTEGRATED_TEST, grade=True, locked=True, points=8)
    return new_notebook(cells=[setup, answers[0], gradient, answers[1], integrated, answers[2]])


def _cell(name: str, source: str, **nbgrader: Any) -> nbformat.NotebookNode:
    kind = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3, "grade_id": name}
    return new_code_cell(source, metadata={"nbgrader": kind | nbgrader})


def _nbgrader(course: Path, *arguments: str, check: bool = True) -> None:
    command = [sys.executable, "-m", "nbgrader", *arguments]
    ended = subprocess.run(command, cwd=course, check=False, timeout=SECONDS, capture_output=True, text=True)
    if check and ended.returncode:
        raise RuntimeError(f"nbgrader {' '.join(arguments)}: {ended.stderr[-2000:]}")


def _graded_alone(course: Path, attack: Hostile) -> dict[str, Any]:
    """What one submission got. Course and gradebook are afterwards what they were before."""
    kept, others = course.with_name("kept.db"), _others(course)
    shutil.copy(course / "gradebook.db", kept)
    started, hung = time.monotonic(), False
    try:
        _nbgrader(course, "autograde", PS1.id, "--student", attack.name, check=False)
    except subprocess.TimeoutExpired:
        hung = True
    if attack.name == "outlives":
        time.sleep(16)
    grades = _grades(course)
    notebook = course / "autograded" / attack.name / PS1.id / NOTEBOOK
    result = {
        "name": attack.name,
        "points": grades.get((attack.name, "ps1-integrated-gradients"), 0.0),
        "kept": grades.get((attack.name, "ps1-input-gradient"), 0.0),
        "won": notebook.is_file() and says_that_it_won(notebook),
        "outside": (INSIDE / "outside" / attack.name).exists(),
        "harmed": others != _others(course),
        "hung": hung,
        "megabytes": round(notebook.stat().st_size / 2**20) if notebook.is_file() else 0,
        "seconds": round(time.monotonic() - started, 1),
    }
    shutil.copy(kept, course / "gradebook.db")
    (INSIDE / "outside" / attack.name).unlink(missing_ok=True)
    for folder in ("submitted", "autograded"):
        subprocess.run(["rm", "-rf", str(course / folder / attack.name)], check=False)
    released, theirs = course / "assignments" / PS1.id / NOTEBOOK, course / "submitted" / BYSTANDER / PS1.id / NOTEBOOK
    shutil.copy(released, theirs)
    return result


def _others(course: Path) -> str:
    """What stands of the bystander: the submission, and the grades."""
    digest = hashlib.sha256((course / "submitted" / BYSTANDER / PS1.id / NOTEBOOK).read_bytes()).hexdigest()
    return digest + repr(sorted((key, value) for key, value in _grades(course).items() if key[0] == BYSTANDER))


def _grades(course: Path) -> dict[tuple[str, str], float]:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        return {
            (submission.student.id, grade.name): float(grade.score)
            for submission in gradebook.assignment_submissions(PS1.id)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


# The page

ABOUT = """\
# Attacks, here and on stock nbgrader

{attacks} attacks of {kinds} kinds: `tests/autograder/hostile.py` (the class that `make test` grades) and `tests/hostile/attacks/`
(the rest, graded by `make hostile`). Stock nbgrader {version}, with its own list of preprocessors, graded the same files on
an assignment with visible and hidden tests, in a sandbox that protected the machine from them; the largest attacks use
2 GB, 100 processes or 60,000 files and then stop on their own. `python -m tests.hostile.stock` writes this page.

An attack succeeds if it gains points that the same work would not get without it, gets what it looks for (a secret, another
student's file or one outside, the network, more than the limits), changes other students' work or grades, keeps running after its
notebook has been graded,
produces a notebook of more than {largest} MB, stalls the grader for {seconds} seconds, or loses its author a task that was already
finished. An attempt to outguess the questions succeeds if it gets full points. The kit's tests fail if any attack succeeds;
137 of the attacks were graded here as one class and 33 in smaller ones; the other five, which compute or wait until they reach a
limit, separately afterwards, on two cores that ten processes competed for.

"""


def page(results: list[dict[str, Any]]) -> str:
    """The tables, of what has been graded."""
    from importlib.metadata import version

    attacks = [attack for attack in CORPUS if attack.group != "nothing"]
    aimed_there = {attack.name for attack in attacks if attack.group != HERE_ALONE}
    found = {result["name"]: result for result in results if result["name"] in aimed_there}
    kinds: dict[str, list[Hostile]] = defaultdict(list)
    for attack in attacks:
        kinds[attack.group].append(attack)
    text = ABOUT.format(
        attacks=len(attacks), kinds=len(kinds), version=version("nbgrader"), largest=LARGEST, seconds=SECONDS
    )
    text += (
        "| kind | attacks | on stock nbgrader, tried | succeeded there | succeeded here |\n|---|---:|---:|---:|---:|\n"
    )
    tried, succeeded = 0, 0
    for kind, members in kinds.items():
        ran = [attack for attack in members if attack.name in found]
        won = [attack for attack in ran if got(attack, found[attack.name])]
        tried, succeeded = tried + len(ran), succeeded + len(won)
        text += f"| {kind} | {len(members)} | {len(ran)} | {len(won)} | 0 |\n"
    text += f"| **all** | **{len(attacks)}** | **{tried}** | **{succeeded}** | **0** |\n\n"
    text += "| attack | what it tries | what it got on stock nbgrader |\n|---|---|---|\n"
    for attack in attacks:
        text += f"| {attack.name} | {attack.tries.replace('|', ' ')} | {_there(attack, found.get(attack.name))} |\n"
    return text


LARGEST = 32


def got(attack: Hostile, result: dict[str, Any]) -> list[str]:
    """What an attack gained, in words; nothing where it failed."""
    deserved = attack.deserved if isinstance(attack, Attack) else 8.0 if attack.integrated_points else 0.0
    words = {
        f"{result['points']:g} of 8 points": result["points"] > deserved,
        "what it looked for": result["won"] or result["outside"],
        "others' work or grades changed": result["harmed"],
        f"a notebook of {result['megabytes']} MB": result["megabytes"] > LARGEST,
        f"the grader held for {SECONDS} s": result["hung"],
        "its finished task lost": result["kept"] < attack.gradient_points,
    }
    return [word for word, holds in words.items() if holds]


def _there(attack: Hostile, result: dict[str, Any] | None) -> str:
    if result is None:
        return "aims at a part that it does not have" if attack.group == HERE_ALONE else "not tried"
    return "; ".join(got(attack, result)) or "nothing"


if __name__ == "__main__":
    main()
