"""Grades as the learning-management systems take them: CSV files for Canvas and for Moodle."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

COLLECTED = re.compile(r"(?P<name>.+)_(?P<number>\d+)")
"""An id as `autograder.course.collect` makes it."""


@dataclass(frozen=True)
class Grade:
    """A line: who, as the gradebook has it, the points, None where there are none, and of how many."""

    student: str
    first_name: str
    last_name: str
    email: str
    points: float | None
    max_points: float


def canvas_csv(assignment: str, grades: Sequence[Grade]) -> str:
    """For Canvas' "Import Grades": its columns, and under the assignment's name the points it is of."""
    rows = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment]]
    rows.append(["    Points Possible", "", "", "", "", f"{max((one.max_points for one in grades), default=0.0):g}"])
    for one in grades:
        collected = COLLECTED.fullmatch(one.student)
        name = ", ".join(part for part in (one.last_name, one.first_name) if part)
        number, login = (collected["number"], "") if collected else ("", one.student)
        rows.append([name or (collected["name"] if collected else one.student), number, login, login, "", _points(one)])
    return _csv(rows)


def moodle_csv(assignment: str, grades: Sequence[Grade]) -> str:
    """For Moodle's grading worksheet, and its import of grades by id number or e-mail address."""
    rows = [["Identifier", "Full name", "ID number", "Email address", "Grade", "Maximum Grade", "Assignment"]]
    for one in grades:
        collected = COLLECTED.fullmatch(one.student)
        name = " ".join(part for part in (one.first_name, one.last_name) if part)
        email = one.email or (one.student if "@" in one.student else "")
        identifier = f"Participant {collected['number']}" if collected else ""
        name = name or (collected["name"] if collected else one.student)
        rows.append(
            [identifier, name, "" if collected else one.student, email, _points(one), f"{one.max_points:g}", assignment]
        )
    return _csv(rows)


def _points(grade: Grade) -> str:
    return "" if grade.points is None else f"{grade.points:g}"


def _csv(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([[_harmless(value) for value in row] for row in rows])
    return written.getvalue()


def _harmless(value: str) -> str:
    """A spreadsheet would compute what begins like a formula; ids and names may."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
