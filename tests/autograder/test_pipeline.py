"""The whole way, through nbgrader's own commands: a release, handed-in notebooks, grades, feedback, an export.

Everything happens in a scratch course. The students are those of `make demo`.
"""

import csv
import json
import shutil
import subprocess
import sys

import pytest
from rich.console import Console

from autograder.course.classroom import GradingError, grade_class, nbgrader
from autograder.course.demo import STUDENTS, hand_in
from autograder.course.release import KIT
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1

AUTOMATIC = sum(task.points for task in PS1.tasks if task.automatic)
CLASS = ("ben", "carla", "dan", "finn", "greta", "hugo", "jonas")


@pytest.fixture(scope="module")
def course(tmp_path_factory, released_course):
    """A graded course: some of the demo's students, and one who hands in a notebook under another name."""
    course = released_course(PS1.id, tmp_path_factory.mktemp("course"))
    hand_in(course, tuple(student for student in STUDENTS if student.name in CLASS))
    renamed = course / "submitted" / "mia" / PS1.id / "ps1 (final).ipynb"
    renamed.parent.mkdir(parents=True)
    shutil.copy(course / "submitted" / "ben" / PS1.id / f"{PS1.id}.ipynb", renamed)
    table = grade_class(course, PS1.id, jobs=2, console=Console(quiet=True))
    return course, {result.student: result for result in table}


def record(course, student):
    return json.loads((course / "autograded" / student / PS1.id / "verdicts.json").read_text())


def feedback(course, student):
    return (course / "feedback" / student / PS1.id / f"{PS1.id}.html").read_text()


def points(course, student):
    return {verdict["task"]: verdict["points"] for verdict in record(course, student)["verdicts"]}


@pytest.mark.parametrize("student", ["ben", "carla"])
def test_correct_work_gets_all_automatic_points_in_any_style(course, student):
    course, table = course
    assert table[student].score == AUTOMATIC
    assert table[student].diagnosis == "all properties hold"


def test_the_missing_factor_is_named(course):
    course, table = course
    assert points(course, "dan")["ps1-integrated-gradients"] == 0
    assert points(course, "dan")["ps1-input-gradient"] == 4
    assert "not multiplied by x - x" in table["dan"].diagnosis
    assert "not multiplied by x - x" in feedback(course, "dan")


def test_untouched_work_gets_nothing_and_is_told_so(course):
    course, table = course
    assert table["finn"].score == 0
    assert "has not been done" in table["finn"].diagnosis
    assert "has not been done" in feedback(course, "finn")


def test_a_forger_gets_nothing(course):
    course, table = course
    assert table["greta"].score == 0
    assert "not what submit writes" in feedback(course, "greta")


def test_a_dead_kernel_keeps_what_was_finished_before(course):
    course, table = course
    assert points(course, "hugo") == {
        "ps1-input-gradient": 4,
        "ps1-integrated-gradients": 0,
        "ps1-photo": 0,
    }
    assert record(course, "hugo")["ended"] == "kernel_died"
    assert "kernel" in feedback(course, "hugo") and table["hugo"].score == 4


@pytest.mark.parametrize(("student", "reason"), [("jonas", "not readable as JSON"), ("mia", "ps1 (final).ipynb")])
def test_a_damaged_or_missing_notebook_has_a_record_and_a_reason(course, student, reason):
    course, table = course
    assert table[student].score == 0
    assert reason in table[student].diagnosis
    assert reason in feedback(course, student)


def test_written_answers_wait_for_a_person(course):
    course, _ = course
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade("ps1-discussion", PS1.id, PS1.id, "ben")
        assert grade.needs_manual_grade and grade.auto_score is None
        untouched = gradebook.find_grade("ps1-discussion", PS1.id, PS1.id, "finn")
        assert untouched.auto_score == 0


def test_probes_differ_from_student_to_student(course):
    course, table = course
    seeds = {record(course, student)["seed"] for student in table}
    assert len(seeds) == len(table)


def test_the_grades_can_be_exported(course):
    course, table = course
    nbgrader(course, "export")
    rows = list(csv.DictReader((course / "grades.csv").open()))
    assert {row["student_id"]: float(row["score"]) for row in rows} == {
        name: result.score for name, result in table.items()
    }


def test_validate_accepts_the_solution_and_names_what_a_release_lacks(tmp_path):
    solution = validate(KIT / "solutions" / PS1.id / f"{PS1.id}.ipynb")
    assert "Success" in solution.stdout, solution.stdout + solution.stderr
    release = validate(KIT / "assignments" / PS1.id / f"{PS1.id}.ipynb")
    assert "VALIDATION FAILED ON 4 CELL(S)" in release.stdout, release.stdout + release.stderr


def validate(notebook):
    command = [sys.executable, "-m", "nbgrader", "validate", str(notebook)]
    return subprocess.run(command, cwd=KIT, capture_output=True, text=True, timeout=300)


def test_an_empty_course_says_what_to_do(tmp_path):
    with pytest.raises(GradingError, match="Collect the submissions first"):
        grade_class(tmp_path, PS1.id, jobs=1, console=Console(quiet=True))


def test_no_sandbox_no_grading(tmp_path, released_course):
    """Where bubblewrap does not work, nbgrader stops at once, says what to do, and grades nobody."""
    course = released_course(PS1.id, tmp_path)
    hand_in(course, (STUDENTS[0],))
    config = (course / "nbgrader_config.py").read_text()
    broken = "import autograder.sandbox.bubblewrap as s\ns._bubblewraps = lambda: []\n"
    (course / "nbgrader_config.py").write_text(broken + config)
    with pytest.raises(GradingError, match="apt-get install bubblewrap"):
        nbgrader(course, "autograde", PS1.id)
    assert not (course / "autograded").exists()


def test_outputs_that_were_handed_in_are_never_graded(tmp_path, released_course):
    course = released_course(PS1.id, tmp_path)
    hand_in(course, (STUDENTS[0],))
    with pytest.raises(GradingError, match="no-execute is not possible"):
        nbgrader(course, "autograde", PS1.id, "--no-execute")
