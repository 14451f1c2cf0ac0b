"""Grading a class: who is graded, when, and how often; what is left alone; what others are told.

Most hand-ins here are damaged files, which get a record in no time; what a kernel does is for other tests.
"""

import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import dask
import pytest
from distributed import Client
from nbgrader.api import Gradebook
from nbgrader.converters.base import NbGraderException
from rich.console import Console

from autograder.__main__ import main
from autograder.course import grading
from autograder.course.classroom import grade_class
from autograder.course.commands import GradingError, nbgrader
from autograder.course.folder import Course
from autograder.course.report import class_report, to_html
from autograder.course.table import show
from autograder.course.worker import Outcome, kept_gradients
from autograder.nbgrader_plugin import converter, feedback_pages
from autograder.nbgrader_plugin.graded_run import UNPROTECTED
from autograder.nbgrader_plugin.kept_evidence import KEPT
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1
from autograder.sandbox.bubblewrap import SandboxUnavailableError
from autograder.sandbox.limits import OwnLimits

IDS = (
    "Doe", "Doe, Jane", "ada", "zoe lee", "007", "o'brien", 'the "kid"', "müller@uni-köln.de", "李小龙", "Анна",
    "a[b]c", "{x}", "n" * 200, "%s",
)  # fmt: skip


@pytest.fixture
def course(tmp_path, released_course):
    return released_course(PS1.id, tmp_path)


def hand_in(course: Path, student: str, content: str = "damaged") -> Path:
    notebook = course / "submitted" / student / PS1.id / f"{PS1.id}.ipynb"
    notebook.parent.mkdir(parents=True, exist_ok=True)
    notebook.write_text(content)
    return notebook


def grade(course: Path, scheduler: str, **how):
    """The table by student, and what the screen said."""
    with (course / "screen.txt").open("w") as screen:
        console = Console(file=screen, width=300)
        table = grade_class(course, ["ps1"], console, count=1, scheduler=scheduler, **how)[PS1.id]
    return {result.student: result for result in table}, (course / "screen.txt").read_text()


def record(course: Path, student: str) -> dict:
    return json.loads((course / "autograded" / student / PS1.id / "verdicts.json").read_text())


def gradebook(course: Path) -> Gradebook:
    return Gradebook(f"sqlite:///{course / 'gradebook.db'}", "integrated-gradients")


def test_ids_as_they_come_are_graded_once_each_and_what_is_done_is_not_done_again(course, scheduler):
    for student in IDS:
        hand_in(course, student)
    table, said = grade(course, scheduler)
    assert set(table) == set(IDS)
    for student in IDS:
        assert len(re.findall(rf"graded \d+ of \d+: {re.escape(student)}, \d+ s", said)) == 1
        assert record(course, student)["student"] == student
        assert table[student].score == 0 and "not readable as JSON" in table[student].diagnosis
        assert table[student].feedback.is_file()
        assert "CPU seconds: the verdicts 0.00, the worker itself" in Course(course).log_of(PS1.id, student).read_text()
    with gradebook(course) as book:
        assert {submission.student_id for submission in book.assignment_submissions(PS1.id)} == set(IDS)
    seeds = {student: record(course, student)["seed"] for student in IDS}

    hand_in(course, "Doe, Jane", "another attempt, still damaged")
    _, said = grade(course, scheduler)
    assert f"{len(IDS) - 1} of {len(IDS)} submissions are graded already" in said
    changed = {student for student in IDS if record(course, student)["seed"] != seeds[student]}
    assert changed == {"Doe, Jane"}

    _, said = grade(course, scheduler, students=["ada", "007"], again=True)
    changed = {student for student in IDS if record(course, student)["seed"] != seeds[student]}
    assert changed == {"Doe, Jane", "ada", "007"}
    with pytest.raises(GradingError, match="Nothing was handed in for ps1-attribution by: 'nobody'"):
        grade(course, scheduler, students=["nobody"])


def test_points_given_by_hand_reach_the_page_and_outlive_the_late_work_of_another(course, scheduler):
    for student in ("ada", "ben"):
        hand_in(course, student)
    table, _ = grade(course, scheduler)
    with gradebook(course) as book:
        grade_by_hand = book.find_grade("ps1-discussion", PS1.id, PS1.id, "ada")
        grade_by_hand.manual_score, grade_by_hand.needs_manual_grade = 3, False
        book.find_comment("ps1-discussion", PS1.id, PS1.id, "ada").manual_comment = "well seen, by and large"
        book.db.commit()
    page = table["ada"].feedback
    untouched = table["ben"].feedback.stat().st_mtime_ns
    assert "well seen" not in page.read_text()
    hand_in(course, "zoe")
    table, said = grade(course, scheduler)
    assert "Writing 2 feedback pages" in said and "well seen, by and large" in page.read_text()
    assert table["ada"].score == 3 and table["ben"].feedback.stat().st_mtime_ns == untouched
    with gradebook(course) as book:
        assert not book.find_grade("ps1-discussion", PS1.id, PS1.id, "ada").needs_manual_grade


def test_a_grade_that_no_page_shows_is_told_and_ends_with_1(course, scheduler, monkeypatch, capsys):
    def command() -> tuple[int, str]:
        ended = main(["grade", "ps1", "--course", str(course), "--workers", "1", "--scheduler", scheduler])
        return ended, capsys.readouterr().out

    monkeypatch.setattr("autograder.__main__._leave_judging_to_workers", lambda: None)
    hand_in(course, "ada")
    hand_in(course, "ben")
    ended, said = command()
    assert ended == 0 and "none for" not in said
    write = feedback_pages.CourseFeedback.write

    def fail_for_ada(pages, assignment, student):
        if student == "ada":
            raise RuntimeError("no template")
        return write(pages, assignment, student)

    hand_in(course, "ada", "another attempt, still damaged")
    with monkeypatch.context() as broken:
        broken.setattr(feedback_pages.CourseFeedback, "write", fail_for_ada)
        ended, said = command()
        # The page of the attempt before is still there, and shows another grade.
        assert ended == 1 and "no feedback page for ada: no template" in said and "none for ada" in said
        assert "none for ben" not in said
        assert command()[0] == 1
    ended, said = command()
    assert ended == 0 and "Writing 1 feedback pages" in said and "none for" not in said


def test_a_record_that_was_handed_in_is_not_taken_for_the_graders(course, scheduler):
    folder = hand_in(course, "ada").parent
    forged = {"student": "ada", "submission": "", "verdicts": []}
    (folder / "verdicts.json").write_text(json.dumps(forged))
    forged["submission"] = Course(course).digest(folder)
    grade(course, scheduler)
    assert record(course, "ada")["verdicts"]
    # What a kill in the middle leaves behind has no record, so it is not done.
    (course / "autograded" / "ada" / PS1.id / "verdicts.json").unlink()
    _, said = grade(course, scheduler)
    assert "graded 1 of 1: ada" in said


def test_the_feedback_folder_holds_the_page_and_nothing_else(course, scheduler):
    folder = hand_in(course, "ada").parent
    (folder / "cat.png").write_bytes(b"not a picture")
    table, _ = grade(course, scheduler)
    assert [path.name for path in table["ada"].feedback.parent.iterdir()] == [f"{PS1.id}.html"]
    nbgrader(course, "generate_feedback", PS1.id, "--force")
    assert [path.name for path in table["ada"].feedback.parent.iterdir()] == [f"{PS1.id}.html"]
    assert str(record(course, "ada")["seed"]) not in table["ada"].feedback.read_text()


def test_what_the_configuration_sets_is_honoured(course, scheduler):
    config = course / "nbgrader_config.py"
    config.write_text(
        config.read_text() + f"\nc.CourseDirectory.db_url = 'sqlite:///{course}/elsewhere.db'\n"
        "c.CourseDirectory.submitted_directory = 'inbox'\nc.CourseDirectory.autograded_directory = 'graded'\n"
        "c.CourseDirectory.feedback_directory = 'returned'\nc.CourseDirectory.student_id_exclude = 'ben'\n"
        "c.AssignLatePenalties.plugin_class = 'late.Half'\nc.CourseAutograde.evidence_gib = 0.0\n"
    )
    shutil.move(course / "gradebook.db", course / "elsewhere.db")
    (course / "late.py").write_text(
        "from nbgrader.plugins import BasePlugin\n"
        "class Half(BasePlugin):\n"
        "    def late_submission_penalty(self, student_id, score, total_seconds_late):\n"
        "        return 1 if total_seconds_late else None\n"
    )
    for student in ("ada", "ben"):
        hand_in(course, student)
    (course / "submitted").rename(course / "inbox")
    (course / "inbox" / "ada" / PS1.id / "timestamp.txt").write_text("2026-01-02 00:00:00 UTC")
    with Gradebook(f"sqlite:///{course}/elsewhere.db", "integrated-gradients") as book:
        book.find_assignment(PS1.id).duedate = (
            Course(course).directory.get_existing_timestamp(str(course / "inbox" / "ada" / PS1.id)).replace(day=1)
        )
        book.db.commit()
    table, _ = grade(course, scheduler)
    assert set(table) == {"ada"} and table["ada"].feedback.is_relative_to(course / "returned")
    graded = course / "graded" / "ada" / PS1.id
    assert "would take more than 0 GiB" in json.loads((graded / "verdicts.json").read_text())["evidence"]["why"]
    assert not (graded / KEPT).exists()
    assert not (course / "gradebook.db").exists()
    with Gradebook(f"sqlite:///{course}/elsewhere.db", "integrated-gradients") as book:
        submission = book.find_submission(PS1.id, "ada")
        assert submission.total_seconds_late > 0
        assert submission.notebooks[0].late_submission_penalty is not None


def test_two_graders_on_one_course_the_second_says_so_and_stops(course, scheduler):
    hand_in(course, "ada")
    with Course(course).alone(), pytest.raises(GradingError, match="is being graded by another process"):
        grade(course, scheduler)
    grade(course, scheduler)


def test_a_zero_that_the_machine_caused_is_not_a_grade(course, scheduler, monkeypatch):
    """The worker says that it was kept waiting: twice for one student, always for the other."""
    for student in ("ada", "ben"):
        hand_in(course, student)
    said_busy = {"ada": 1, "ben": 99}
    received = grading._Run._receive

    def receive(run, sent, future):
        student = sent.student
        if said_busy[student]:
            said_busy[student] -= 1
            outcome = Outcome(student, busy="in 1200 seconds its processes could compute for 76")
            future = type("Finished", (), {"status": "finished", "result": lambda self: outcome})()
        return received(run, sent, future)

    monkeypatch.setattr(grading._Run, "_receive", receive)
    table, _ = grade(course, scheduler)
    assert table["ada"].score == 0 and "not readable" in table["ada"].diagnosis
    assert table["ben"].score is None and table["ben"].diagnosis.startswith("not graded: the machine was busy")
    assert not (course / "autograded" / "ben").exists()
    with gradebook(course) as book:
        assert {submission.student_id for submission in book.assignment_submissions(PS1.id)} == {"ada"}
    said_busy["ben"] = 0
    assert grade(course, scheduler)[0]["ben"].score == 0


def test_a_full_disk_is_a_sentence_and_the_next_run_goes_on(course, scheduler, monkeypatch):
    for student in ("ada", "ben", "cleo"):
        hand_in(course, student)
    write = Course(course).converter.__class__.write

    def full(self, student, *rest):
        if student == "ben":
            raise OSError(28, "No space left on device")
        return write(self, student, *rest)

    monkeypatch.setattr("autograder.nbgrader_plugin.converter.ClassAutograde.write", full)
    with pytest.raises(GradingError, match=r"There is no room left to write .*: it goes on from there"):
        grade(course, scheduler)
    monkeypatch.undo()
    table, _ = grade(course, scheduler)
    assert {student: result.score for student, result in table.items()} == {"ada": 0, "ben": 0, "cleo": 0}


def test_an_interrupt_ends_within_five_seconds_and_says_how_to_go_on(course):
    """With real kernels, as somebody at a terminal would do it."""
    released = (course / "assignments" / PS1.id / f"{PS1.id}.ipynb").read_text()
    for number in range(6):
        hand_in(course, f"student {number}", "damaged" if number == 0 else released)
    command = [sys.executable, "-m", "autograder", "grade", "ps1", "--workers", "1"]
    with subprocess.Popen(command, cwd=course, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            if "graded 1 of 6" in line:
                break
        time.sleep(1)
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
        process.wait()
        seconds = time.monotonic() - asked
    assert seconds < 5, said
    assert "Traceback" not in said
    assert "of 6 submissions of ps1-attribution are graded and saved. The same command goes on from there." in said
    assert process.returncode == 130


def test_the_workers_of_a_machine_keep_their_gradients_together(scheduler):
    with Client(scheduler) as client:
        folders = client.run(kept_gradients)
    assert len(folders) == 2 and len({*folders.values()}) == 1
    assert next(iter(folders.values())).is_dir()


def test_workers_spend_no_time_on_a_profile_that_nobody_reads(scheduler):
    with Client(scheduler) as client:
        profiled = client.run(dask.config.get, "distributed.worker.profile.enabled")
    assert list(profiled.values()) == [False, False]


def test_who_grades_without_a_sandbox_has_to_say_so_and_every_report_says_it(course, scheduler, monkeypatch):
    def unavailable() -> None:
        raise SandboxUnavailableError("bubblewrap does not work here")

    monkeypatch.setattr(converter, "check_sandbox", unavailable)
    with pytest.raises(NbGraderException, match="does not work here"):
        Course(course).converter.check_machine()
    with (course / "nbgrader_config.py").open("a") as configuration:
        configuration.write("c.SandboxedExecute.run_student_code_unprotected = True\n")
    Course(course).converter.check_machine()

    released = json.loads((course / "assignments" / PS1.id / f"{PS1.id}.ipynb").read_text())
    ends = {
        "cell_type": "code",
        "source": "import os; os._exit(0)",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    hand_in(course, "ada", json.dumps(released | {"cells": [ends, *released["cells"]]}))
    hand_in(course, "ben")  # which cannot be read, so nothing of it ran
    table, _ = grade(course, scheduler)
    assert {student: record(course, student)["unprotected"] for student in table} == {"ada": True, "ben": False}
    show([*table.values()], Console(file=(screen := io.StringIO()), width=300))
    assert f"{UNPROTECTED} This is so of ada." in screen.getvalue()
    assert UNPROTECTED in table["ada"].feedback.read_text() and UNPROTECTED not in table["ben"].feedback.read_text()
    report = to_html(class_report(Course(course), "ps1"))
    assert f"<b>{UNPROTECTED}</b> This is so of ada.".replace("'", "&#39;") in report
    monkeypatch.setattr(feedback_pages, "ONE_NOTEBOOK", OwnLimits(seconds=0))
    of_the_course = Course(course)
    feedback_pages.CourseFeedback(coursedir=of_the_course.directory, parent=of_the_course.app).write(PS1.id, "ada")
    short = table["ada"].feedback.read_text()
    assert UNPROTECTED in short and "Making the whole page was ended" in short


def test_a_class_without_a_worker_does_not_wait_for_ever(monkeypatch):
    client = SimpleNamespace(nthreads=lambda: {"tcp://worker": 1})
    folders = {"a": Path("a"), "b": Path("b")}
    run = grading._Run(SimpleNamespace(converter=None), grading.Graded("ps1"), folders, client, Console(), None)
    monkeypatch.setattr(grading, "SECONDS_WITHOUT_WORKERS", 0)
    monkeypatch.setattr(grading, "SECONDS_BETWEEN_LOOKS", 0)
    run._look_at_workers()
    client.nthreads = dict
    with pytest.raises(GradingError, match=r"No worker .* 0 of 2 submissions .* Run the same command again"):
        run._look_at_workers()
