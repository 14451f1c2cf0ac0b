"""An instructor's own exercise in the same course, which the kit knows nothing of: graded as nbgrader grades it, in the sandbox."""

import json
import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook
from rich.console import Console

from autograder.course.classroom import grade_class
from autograder.course.commands import nbgrader
from tests.kit_copy import KIT

NAME = "hw1"
ANSWER = """\
### BEGIN SOLUTION
import torch
from igref import integrated_gradients, make_baseline

def square(x):
    return x * x
### END SOLUTION"""
TESTS = """\
assert square(2) == 4
### BEGIN HIDDEN TESTS
assert square(-3) == 9
### END HIDDEN TESTS"""
PARTIAL = "0.5 * sum(square(n) == n * n for n in (1, 2, 3, 4))"
SANDBOXED = "import socket\nassert square(2) == 4 and socket.gethostname() == 'sandbox'"


def graded(source, name, points, *, locked=True, solution=False, grade=True):
    cell = new_code_cell(source)
    cell.metadata["nbgrader"] = {"schema_version": 3, "grade_id": name, "locked": locked, "grade": grade}
    cell.metadata["nbgrader"] |= {"solution": solution, "task": False} | ({"points": points} if grade else {})
    return cell


@pytest.fixture(scope="module")
def scores(tmp_path_factory, scheduler):
    """What each student gets for each cell, and each one's line in the table of the class."""
    course = tmp_path_factory.mktemp("course")
    shutil.copy(KIT / "nbgrader_config.py", course)
    cells = [
        new_markdown_cell("# Squares"),
        graded(ANSWER, "square", 0, locked=False, solution=True, grade=False),
        graded(TESTS, "tests", 2),
        graded(PARTIAL, "partial", 2),
        graded(SANDBOXED, "sandboxed", 1),
    ]
    source = course / "solutions" / NAME / f"{NAME}.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells), source)
    nbgrader(course, "generate_assignment", NAME)
    for student, answer in {
        "right": ANSWER,
        "wrong": "def square(n):\n    return 4",  # the hidden test finds it
    }.items():
        released = nbformat.read(course / "assignments" / NAME / f"{NAME}.ipynb", as_version=4)
        (cell,) = (cell for cell in released.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "square")
        cell.source = answer
        target = course / "submitted" / student / NAME / f"{NAME}.ipynb"
        target.parent.mkdir(parents=True)
        nbformat.write(released, target)
    table = {
        result.student: result
        for result in grade_class(course, [NAME], Console(quiet=True), count=1, scheduler=scheduler)[NAME]
    }
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "integrated-gradients") as gradebook:
        points = {
            student: {
                grade.name: grade.auto_score for grade in gradebook.find_submission(NAME, student).notebooks[0].grades
            }
            for student in table
        }
    return course, points, table


@pytest.mark.parametrize(
    ("student", "tests", "partial", "sandboxed"),
    [("right", 2, 2, 1), ("wrong", 0, 0.5, 1)],
)
def test_its_cells_get_the_points_that_nbgrader_gives(scores, student, tests, partial, sandboxed):
    _, points, table = scores
    assert points[student] == {"tests": tests, "partial": partial, "sandboxed": sandboxed}
    assert table[student].score == tests + partial + sandboxed


def test_the_table_and_the_record_say_that_its_own_tests_have_graded_it(scores):
    course, _, table = scores
    assert table["right"].diagnosis == "graded by the notebook's own tests"
    record = json.loads((course / "autograded" / "right" / NAME / "verdicts.json").read_text())
    assert record["verdicts"] == [] and record["ended"] == ""
    assert (course / "feedback" / "right" / NAME / f"{NAME}.html").is_file()
