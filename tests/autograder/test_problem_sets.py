"""ps2 to ps4 the whole way: the solution, on other pictures by its one cell, through nbgrader and the sandbox."""

import json
import re
import shutil

import pytest
from rich.console import Console

from autograder.course.classroom import grade_class
from autograder.course.release import KIT
from autograder.problem_sets import PROBLEM_SETS
from tests.autograder.choice import with_digits

STUDIES = ("ps2-baselines", "ps3-steps", "ps4-quality")


def on_digits(notebook: dict) -> dict:
    """The notebook with the digits chosen in place of the photos."""
    (choice,) = (cell for cell in notebook["cells"] if cell.get("id", "").endswith("-choice"))
    choice["source"] = with_digits("".join(choice["source"]))
    return notebook


@pytest.fixture(scope="module", params=STUDIES)
def graded(request, tmp_path_factory, released_course, scheduler):
    assignment = request.param
    course = released_course(assignment, tmp_path_factory.mktemp("course"))
    for student, source in (("ada", "solutions"), ("bob", "assignments")):
        target = course / "submitted" / student / assignment / f"{assignment}.ipynb"
        target.parent.mkdir(parents=True)
        shutil.copy(KIT / source / assignment / target.name, target)
    ada = course / "submitted" / "ada" / assignment / f"{assignment}.ipynb"
    ada.write_text(json.dumps(on_digits(json.loads(ada.read_text()))))
    table = grade_class(course, [assignment], Console(quiet=True), count=2, scheduler=scheduler)[assignment]
    records = {
        student: json.loads((course / "autograded" / student / assignment / "verdicts.json").read_text())
        for student in ("ada", "bob")
    }
    return assignment, {result.student: result for result in table}, records


def test_the_solution_on_digits_gets_all_automatic_points(graded):
    assignment, table, records = graded
    automatic = sum(task.points for task in PROBLEM_SETS[assignment].tasks if task.automatic)
    assert table["ada"].automatic == automatic, records["ada"]
    assert not records["ada"]["ended"]


def test_an_untouched_notebook_gets_nothing_and_is_told_so(graded):
    _, table, records = graded
    assert table["bob"].score == 0
    mistakes = {verdict["mistake"] for verdict in records["bob"]["verdicts"]}
    assert mistakes <= {"not_done", "not_reached"}, mistakes


def test_the_solution_is_recognised_as_the_solution(graded):
    assignment, _, records = graded
    own = records["ada"]["own_work"]
    assert re.search(rf"of the code is also in the solution of {assignment}", own["remark"])
    assert records["bob"]["own_work"]["remark"] == ""
