"""Who got what, and why: a line for each submission, from gradebook and records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.api import MissingEntry
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.course.folder import Course
from autograder.course.grading import Graded
from autograder.nbgrader_plugin.graded_run import UNPROTECTED
from autograder.student.plain_text import printable


@dataclass(frozen=True)
class Result:
    """A line of the class's table. Scores are points; `score` is None where the work could not be graded.

    `remark` is what an instructor may want to look at: imports, likeness to known code. `feedback` is None where there is no page
    that shows the grade. `unprotected`: run without a sandbox.
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
    unprotected: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the work was graded and its student has a page that says so."""
        return self.score is not None and self.feedback is not None


def results(course: Course, graded: Graded) -> list[Result]:
    """The table of an assignment: everyone whom this run of the grader looked at."""
    assignment = graded.assignment
    table = []
    with course.gradebook() as gradebook:
        for student in sorted([*graded.done, *graded.skipped, *graded.failed]):
            record = {} if student in graded.failed else course.record(assignment, student)
            verdicts = record.get("verdicts", [])
            feedback = sorted(course.feedback_folder(assignment, student).glob("*.html"))
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
                    graded.failed.get(student) or _diagnosis(record),
                    str(record.get("own_work", {}).get("remark", "")),
                    feedback[0] if feedback and record and student not in graded.without_page else None,
                    bool(record.get("unprotected")),
                )
            )
    return table


def _diagnosis(record: dict[str, Any]) -> str:
    if not record:
        return "not graded"
    if remarks := record.get("remarks"):
        return " ".join([*remarks, _diagnosis(record | {"remarks": []})])
    if record["detail"]:
        return record["detail"]
    if not record["verdicts"]:
        return "graded by the notebook's own tests"
    causes = dict.fromkeys(verdict["cause"] for verdict in record["verdicts"] if verdict["cause"])
    if causes:
        return "; ".join(causes)
    full = all(verdict["points"] == verdict["max_points"] for verdict in record["verdicts"])
    return "all properties hold" if full else "no known mistake explains the answers"


def show(table: list[Result], console: Console) -> None:
    """Print the table, then where the feedback pages are."""
    max_score = max((result.max_score for result in table), default=0.0)
    max_automatic = max((result.max_automatic for result in table), default=0.0)
    shown = Table(
        title=f"Automatic points out of {max_automatic:g}; {max_score - max_automatic:g} more are graded by hand"
    )
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
    if unprotected := [result.student for result in table if result.unprotected]:
        console.print(Text(printable(f"{UNPROTECTED} This is so of {', '.join(unprotected)}.")))
    for result in table:
        if result.remark:
            console.print(Text(printable(f"To review, {result.student}: {result.remark}.")))
    console.print("Feedback pages:")
    for result in table:
        console.print(Text(printable(f"  {result.feedback or f'none for {result.student}'}")), soft_wrap=True)
