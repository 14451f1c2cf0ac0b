"""Grading a class: nbgrader's own commands on a course folder, in parallel, with progress and a table.

    python -m autograder grade ps1-attribution

runs `nbgrader autograde` and `nbgrader generate_feedback` on everything in submitted/, and shows who got what
and why.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from autograder.nbgrader_plugin.judging import RECORD
from autograder.student.plain_text import printable

_SANITIZING = re.compile(r"Sanitizing (?P<path>.+\.ipynb)")


class GradingError(Exception):
    """The class could not be graded; the message says what to do."""


@dataclass(frozen=True)
class Result:
    """A line of the class's table. Scores are points; `score` is None where nbgrader could not grade the work.

    `remark` is what an instructor may want to look at: imports, likeness to known code.
    """

    student: str
    score: float | None
    automatic: float
    max_automatic: float
    max_score: float
    seconds: float
    diagnosis: str
    remark: str
    feedback: Path | None


def grade_class(course: Path, assignment: str, jobs: int, console: Console) -> list[Result]:
    """Grade everything in `course`/submitted for an assignment, write the feedback, and return the table.

    Raises:
        GradingError: there is nothing to grade, nbgrader does not know the assignment, or a command failed.
    """
    students = sorted(path.parent.name for path in course.glob(f"submitted/*/{assignment}") if path.is_dir())
    if not students:
        raise GradingError(
            f"There is nothing in {course / 'submitted'} for {assignment}. Collect the submissions first: "
            f"submitted/STUDENT/{assignment}/{assignment}.ipynb, by nbgrader collect, zip_collect or by hand."
        )
    _require_assignment(course, assignment)
    failed = _autograde(course, assignment, students, max(1, min(jobs, len(students))), console)
    console.print("Writing the feedback pages ...")
    try:
        nbgrader(course, "generate_feedback", assignment, "--force")
    except GradingError as error:  # it goes on with the others where one page fails
        console.print(Text(printable(f"Some feedback pages are missing; see {course / 'grading.log'}")))
        if not any((course / "feedback").glob(f"*/{assignment}/*.html")):
            raise GradingError(f"No feedback page was written: {error}") from None
    if failed:
        console.print(Text(printable(f"nbgrader could not process: {', '.join(failed)}; see {course / 'grading.log'}")))
    return results(course, assignment, students)


def nbgrader(course: Path, *arguments: str, on_line: Callable[[str], None] | None = None) -> None:
    """Run one of nbgrader's commands in a course folder; what it prints goes to the course's grading.log.

    Raises:
        GradingError: the command failed; the message ends with the last lines that it printed.
    """
    command = [sys.executable, "-m", "nbgrader", *arguments]
    lines: list[str] = []
    with (
        (course / "grading.log").open("a") as log,
        subprocess.Popen(
            command, cwd=course, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process,
    ):
        for line in process.stdout:
            log.write(line)
            lines.append(line)
            if on_line:
                on_line(line)
    if process.returncode:
        said = "".join(lines[-12:])
        raise GradingError(f"nbgrader {' '.join(arguments)} ended with status {process.returncode}:\n{said}")


def results(course: Path, assignment: str, students: list[str]) -> list[Result]:
    """The class's table, from the gradebook and from the record of each submission."""
    table = []
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for student in students:
            record_path = course / "autograded" / student / assignment / RECORD
            record = json.loads(record_path.read_text()) if record_path.is_file() else {}
            verdicts = record.get("verdicts", [])
            feedback = course / "feedback" / student / assignment / f"{assignment}.html"
            try:
                submission = gradebook.find_submission(assignment, student)
                score, max_score = (submission.score if record else None), submission.max_score
            except MissingEntry:
                score, max_score = None, 0.0
            table.append(
                Result(
                    student,
                    score,
                    sum(verdict["points"] for verdict in verdicts),
                    sum(verdict["max_points"] for verdict in verdicts),
                    max_score,
                    record.get("seconds", 0.0),
                    _diagnosis(record),
                    str(record.get("own_work", {}).get("remark", "")),
                    feedback if feedback.is_file() else None,
                )
            )
    return table


def show(table: list[Result], console: Console) -> None:
    """Print the table, then where the feedback pages are."""
    max_score = max((result.max_score for result in table), default=0.0)
    max_automatic = max((result.max_automatic for result in table), default=0.0)
    shown = Table(title=f"Automatic points of {max_automatic:g}; {max_score - max_automatic:g} more are graded by hand")
    shown.add_column("student")
    shown.add_column(f"score of {max_score:g}", justify="right")
    shown.add_column("seconds", justify="right")
    shown.add_column("diagnosis", overflow="fold")
    for result in table:
        score = "not graded" if result.score is None else f"{result.score:g}"
        shown.add_row(
            Text(printable(result.student)), score, f"{result.seconds:.0f}", Text(printable(result.diagnosis))
        )
    console.print(shown)
    for result in table:
        if result.remark:
            console.print(Text(printable(f"Worth a look, {result.student}: {result.remark}.")))
    console.print("Feedback pages:")
    for result in table:
        console.print(Text(printable(f"  {result.feedback or f'none for {result.student}'}")), soft_wrap=True)


def _require_assignment(course: Path, assignment: str) -> None:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        try:
            gradebook.find_assignment(assignment)
        except MissingEntry:
            raise GradingError(
                f"The gradebook does not know {assignment}. Run: nbgrader generate_assignment {assignment} --force"
            ) from None


def _autograde(course: Path, assignment: str, students: list[str], jobs: int, console: Console) -> list[str]:
    """Run nbgrader autograde on shares of the class, one process a share; the students it failed on."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    counting = threading.Lock()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"Grading {len(students)} submissions", total=len(students))
        done = 0

        def finished(student: str) -> None:
            nonlocal done
            with counting:
                done += 1
                progress.advance(bar)
                console.print(Text(printable(f"  graded {done} of {len(students)}: {student}")))

        def grade(share: list[str]) -> None:
            excluded = ",".join(sorted(set(students) - set(share)))
            running: list[str] = []

            def follow(line: str) -> None:
                if match := _SANITIZING.search(line):
                    if running:
                        finished(running.pop())
                    running.append(Path(match["path"]).parent.parent.name)

            options = ["--force", f"--CourseDirectory.student_id_exclude={excluded}"]
            try:
                nbgrader(course, "autograde", assignment, *options, on_line=follow)
            finally:
                if running:
                    finished(running.pop())

        shares = [students[start::jobs] for start in range(jobs)]
        os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))
        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(grade, share) for share in shares]
    errors = [error for future in futures if (error := future.exception())]
    failed = [s for s in students if not (course / "autograded" / s / assignment / RECORD).is_file()]
    # A share that ended with an error may still have graded most of its students.
    if errors and (len(failed) == len(students) or not isinstance(errors[0], GradingError)):
        raise errors[0]
    return failed


def _diagnosis(record: dict) -> str:
    if not record:
        return "not graded"
    if record["detail"]:
        return record["detail"]
    causes = dict.fromkeys(verdict["cause"] for verdict in record["verdicts"] if verdict["cause"])
    if causes:
        return "; ".join(causes)
    full = all(verdict["points"] == verdict["max_points"] for verdict in record["verdicts"])
    return "all properties hold" if full else "no known mistake explains the answers"
