"""The whole way, through nbgrader's own commands: a release, handed-in notebooks, grades, feedback.

Everything happens in a scratch course. The students are those of `make demo`.
"""

import dataclasses
import json
import shutil

import pytest
from distributed import LocalCluster
from nbgrader.api import Gradebook
from rich.console import Console

from autograder.course.classroom import grade_class
from autograder.course.commands import GradingError, nbgrader
from autograder.course.demo import STUDENTS, hand_in
from autograder.course.folder import Course
from autograder.course.replay import apply, replay
from autograder.course.report import class_report, write_report
from autograder.nbgrader_plugin import judging
from autograder.problem_sets.ps1 import input_gradient
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1

AUTOMATIC = sum(task.points for task in PS1.tasks if task.automatic)
CLASS = ("ben", "carla", "dan", "finn", "greta", "hugo", "jonas")


RENAMED = (
    ("mia", "Copy of ps1-attribution (2).ipynb"), ("mia", "notes.ipynb"),
    ("nora", "ps1-attribution-1.ipynb"), ("nora", "ps1-attribution (2).ipynb"),
)  # fmt: skip


@pytest.fixture(scope="module")
def course(tmp_path_factory, released_course, scheduler):
    """A graded course: some of the demo's students, and two whose notebooks have other names, the one's beyond doubt."""
    course = released_course(PS1.id, tmp_path_factory.mktemp("course"))
    hand_in(course, tuple(student for student in STUDENTS if student.name in CLASS))
    for student, name in RENAMED:
        copy = course / "submitted" / student / PS1.id / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(course / "submitted" / "ben" / PS1.id / f"{PS1.id}.ipynb", copy)
    table = grade_class(course, [PS1.id], Console(quiet=True), count=2, scheduler=scheduler)[PS1.id]
    return course, {result.student: result for result in table}


def record(course, student):
    return json.loads((course / "autograded" / student / PS1.id / "verdicts.json").read_text())


def feedback(course, student):
    return (course / "feedback" / student / PS1.id / f"{PS1.id}.html").read_text()


def gradebook(course):
    return Gradebook(f"sqlite:///{course / 'gradebook.db'}", "integrated-gradients")


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
    assert "is not written yet" in table["finn"].diagnosis
    assert "is not written yet" in feedback(course, "finn")


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


@pytest.mark.parametrize(("student", "reason"), [("jonas", "The file is damaged"), ("nora", "ps1-attribution-1.ipynb")])
def test_a_damaged_or_missing_notebook_has_a_record_and_a_reason(course, student, reason):
    course, table = course
    assert table[student].score == 0
    assert reason in table[student].diagnosis
    assert reason in feedback(course, student)


def test_a_notebook_under_another_name_is_graded_where_only_one_can_be_meant(course):
    course, table = course
    assert table["mia"].score == table["ben"].score == AUTOMATIC
    for said in (table["mia"].diagnosis, feedback(course, "mia")):
        assert "Copy of ps1-attribution (2).ipynb" in said and "the only notebook that can be meant" in said
        assert "notes.ipynb" in said
    assert (course / "autograded" / "mia" / PS1.id / f"{PS1.id}.ipynb").is_file()


def test_where_two_compete_a_person_is_sent_to_look(course):
    course, table = course
    assert "ps1-attribution (2).ipynb" in table["nora"].diagnosis
    with gradebook(course) as book:
        assert book.find_grade("ps1-discussion", PS1.id, PS1.id, "nora").needs_manual_grade
    report = class_report(Course(course), "ps1")
    assert any(student == "nora" and "ps1-attribution-1.ipynb" in remark for student, remark in report.remarks)
    assert {path.name for path in (course / "submitted" / "nora" / PS1.id).iterdir()} == {
        name for student, name in RENAMED if student == "nora"
    }


def test_written_answers_wait_for_a_person(course):
    course, _ = course
    with gradebook(course) as book:
        grade = book.find_grade("ps1-discussion", PS1.id, PS1.id, "ben")
        assert grade.needs_manual_grade and grade.auto_score is None
        untouched = book.find_grade("ps1-discussion", PS1.id, PS1.id, "finn")
        assert untouched.auto_score == 0


def test_probes_differ_from_student_to_student(course):
    course, table = course
    seeds = {record(course, student)["seed"] for student in table}
    assert len(seeds) == len(table)


@pytest.fixture(scope="module")
def here():
    """Workers in this process, where a test can change a check under them."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, memory_limit=0
    ) as cluster:
        yield cluster.scheduler_address


def test_verdicts_are_the_same_when_they_are_computed_again_from_evidence_alone(course, here):
    course, table = course
    replayed = replay(Course(course), "ps1", None, count=1, scheduler=here)
    assert replayed.changes == [] and replayed.left_out == {}
    assert set(replayed.verdicts) == set(table)


def test_a_check_that_changed_says_whose_points_would_change_before_any_do(course, here, monkeypatch):
    course, table = course
    before = {student: points(course, student) for student in table}
    with gradebook(course) as book:
        by_hand = book.find_grade("ps1-discussion", PS1.id, PS1.id, "ben")
        by_hand.manual_score, by_hand.needs_manual_grade = 3, False
        book.db.commit()
    judge = input_gradient.judge

    def stricter(evidence, sample):
        verdict = judge(evidence, sample)
        last = dataclasses.replace(verdict.findings[-1], holds=False, seen="the check is stricter now")
        return dataclasses.replace(verdict, findings=(*verdict.findings[:-1], last))

    monkeypatch.setattr(input_gradient, "judge", stricter)
    # Another process has no patch.
    monkeypatch.setattr(judging.Shared, "in_bounds", lambda _, function, *arguments: function(*arguments))
    replayed = replay(Course(course), "ps1", ["ben", "finn"], count=1, scheduler=here)
    (change,) = replayed.changes
    assert (change.student, change.task, change.name) == ("ben", "ps1-input-gradient", "target")
    assert (change.before, change.now, change.why) == (1, 0, "the check is stricter now")
    assert before == {student: points(course, student) for student in table}
    assert apply(Course(course), replayed) == {}
    assert points(course, "ben") == before["ben"] | {"ps1-input-gradient": 3}
    with gradebook(course) as book:
        assert book.find_submission(PS1.id, "ben").score == AUTOMATIC - 1 + 3
        assert not book.find_grade("ps1-discussion", PS1.id, PS1.id, "ben").needs_manual_grade
    monkeypatch.undo()
    replayed = replay(Course(course), "ps1", ["ben"], count=1, scheduler=here)
    assert [change.now for change in replayed.changes] == [1]


def test_evidence_that_was_changed_is_not_judged(course, here):
    course, _ = course
    kept = course / "autograded" / "dan" / PS1.id / "evidence.zip"
    content = kept.read_bytes()
    kept.chmod(0o644)
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    replayed = replay(Course(course), "ps1", ["dan"], count=1, scheduler=here)
    kept.write_bytes(content)
    assert "its checksum differs" in replayed.left_out["dan"] and not replayed.changes


def test_the_report_of_the_class_names_the_mistakes_and_who_waits(course):
    course, table = course
    report = class_report(Course(course), "ps1")
    assert len(report.grades) == len(table) and report.not_graded == []
    assert any("dan" in made.students for made in report.mistakes if "not multiplied by x - x" in made.cause)
    assert "carla" in report.by_hand["ps1-discussion"]
    page, *files = write_report(Course(course), report)
    assert "not multiplied by x - x" in page.read_text() and all(path.stat().st_size for path in files)


def test_a_course_without_submissions_and_a_folder_without_a_course_say_what_to_do(tmp_path, released_course):
    with pytest.raises(GradingError, match="Run this in the course's folder"):
        grade_class(tmp_path, [PS1.id], Console(quiet=True), count=1)
    course = released_course(PS1.id, tmp_path)
    with pytest.raises(GradingError, match="Collect the submissions first"):
        grade_class(course, [PS1.id], Console(quiet=True), count=1)
    with pytest.raises(GradingError, match="nbgrader generate_assignment ps9"):
        grade_class(course, ["ps9"], Console(quiet=True), count=1)


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
