"""Making a release: assignments/ from solutions/, byte for byte the same from run to run.

python -m autograder release
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

from autograder.course.commands import GradingError, nbgrader
from autograder.judge.mistakes import ANNOUNCED, Mistake
from autograder.problem_sets import PROBLEM_SETS, TASKS, points_table
from autograder.sandbox.limits import limits_table
from autograder.student.handed_out import LOCKED_CELLS

KIT = Path(__file__).resolve().parents[2]
HANDED_OUT = Path("autograder") / "student" / LOCKED_CELLS.name
"""Where in the kit, and in the students' wheel, the locked cells of all releases are once more."""
DATA_SUFFIXES = (".png", ".jpg", ".csv")
"""Kinds of files beside a notebook that may go into a release. nbgrader itself would copy every one."""

TABLE = re.compile(r"<!-- (graded cells|properties|faults|limits): begin -->\n.*?<!-- \1: end -->", re.DOTALL)
"""Where a page of docs/ shows a table that is made from the declarations."""

MARKS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS", "BEGIN MARK SCHEME")


def release(kit: Path = KIT, destination: Path | None = None) -> list[Path]:
    """Make every assignment's release, in a scratch course, and put it into `destination` (default: assignments/).

    Returns the files written. Raises GradingError where a source folder holds a file that has no place in a
    release, or where a release would show a solution.
    """
    destination = destination or kit / "assignments"
    written = []
    with tempfile.TemporaryDirectory(prefix="ig-release-") as scratch:
        course = make_course(Path(scratch), kit)
        for assignment in PROBLEM_SETS:
            nbgrader(course, "generate_assignment", assignment)
            for leak in leaks(course, assignment):
                raise GradingError(f"The release of {assignment} would show {leak}")
            target = destination / assignment
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(course / "assignments" / assignment, target)
            written += sorted(path for path in target.rglob("*") if path.is_file())
    return written


def write_locked_cells(kit: Path = KIT) -> Path:
    """Keep the locked cells of the releases where `submit` and `check` look for them; the file written."""
    path = kit / HANDED_OUT
    path.write_text(locked_cells_of(kit / "assignments"), encoding="utf-8")
    return path


def locked_cells_of(releases: Path) -> str:
    """The code of the locked cells in a folder of releases, by problem sets and ids, as JSON."""
    found = {
        assignment: {
            nbgrader["grade_id"]: _source(cell)
            for cell in _cells(releases / assignment / f"{assignment}.ipynb")
            if cell["cell_type"] == "code" and (nbgrader := cell["metadata"].get("nbgrader", {})).get("locked")
        }
        for assignment in PROBLEM_SETS
    }
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def write_tables(kit: Path = KIT) -> list[Path]:
    """Bring the tables in docs/ that are made from the declarations up to date; the files that hold one."""
    tables = {
        "graded cells": points_table(),
        "properties": properties_table(),
        "faults": faults_table(),
        "limits": limits_table(),
    }
    written = []
    for path in sorted((kit / "docs").glob("*.md")):
        text = path.read_text()
        if TABLE.search(text):
            path.write_text(TABLE.sub(lambda found: _marked(found[1], tables[found[1]]), text))
            written.append(path)
    return written


def _marked(name: str, table: str) -> str:
    return f"<!-- {name}: begin -->\n{table}\n<!-- {name}: end -->"


def properties_table() -> str:
    """Each property that is graded automatically, and the words that announce it, as a Markdown table."""
    lines = ["| task | property | where | the sentence |", "|---|---|---|---|"]
    for task in TASKS.values():
        for one in task.properties:
            words, page = one.announced or ("", "")
            lines.append(f"| {task.id} | {one.name} | {page} | {words} |")
    return "\n".join(lines)


def faults_table() -> str:
    """The same of each known mistake, in the order of the catalogue."""
    announced = {mistake: said for said, mistakes in ANNOUNCED.items() for mistake in mistakes}
    lines = ["| fault | what is said of it | where | the sentence |", "|---|---|---|---|"]
    for mistake in Mistake:
        words, page = announced.get(mistake, ("", ""))
        lines.append(f"| {mistake} | {mistake.cause.replace('|', '&#124;')} | {page} | {words} |")
    return "\n".join(lines)


def make_course(course: Path, kit: Path = KIT) -> Path:
    """A course folder with the kit's configuration and sources, and nothing else."""
    course.mkdir(parents=True, exist_ok=True)
    shutil.copy(kit / "nbgrader_config.py", course)
    for assignment in PROBLEM_SETS:
        source = kit / "solutions" / assignment
        for path in sorted(source.rglob("*")):
            stray = path.is_file() and path != source / f"{assignment}.ipynb" and path.suffix not in DATA_SUFFIXES
            if stray and ".ipynb_checkpoints" not in path.parts:
                raise GradingError(
                    f"{path.relative_to(kit)} has no place in a release, where nbgrader would copy it. "
                    f"A source folder holds {assignment}.ipynb and files for it ({', '.join(DATA_SUFFIXES)})."
                )
        ignore = shutil.ignore_patterns(".ipynb_checkpoints")
        shutil.copytree(source, course / "solutions" / assignment, ignore=ignore)
    return course


def leaks(course: Path, assignment: str) -> list[str]:
    """What of the solutions can be seen in a release: marks of nbgrader, lines of solutions, outputs."""
    source = _cells(course / "solutions" / assignment / f"{assignment}.ipynb")
    solutions = {line for cell in source for line in _solution_lines(cell)}
    found = []
    for path in sorted((course / "assignments" / assignment).rglob("*.ipynb")):
        for cell in _cells(path):
            text = _source(cell)
            found += [f"{mark!r} in {path.name}" for mark in MARKS if mark in text]
            found += [f"a line of a solution: {line.strip()}" for line in text.splitlines() if line in solutions]
            if cell.get("outputs"):
                found.append(f"an output in {path.name}")
    return found


def _solution_lines(cell: dict) -> list[str]:
    """The lines between the marks, but for those that are too plain to give anything away."""
    lines, inside = [], False
    for line in _source(cell).splitlines():
        if "BEGIN SOLUTION" in line or "END SOLUTION" in line:
            inside = "BEGIN" in line
        elif inside and len(line.strip()) > 12:
            lines.append(line)
    return lines


def _cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def _source(cell: dict) -> str:
    return "".join(cell["source"])
