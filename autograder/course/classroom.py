"""A class from the evening to the morning: grade what is new, make the pages anew that need it, and say who got what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from autograder.course.folder import Course
from autograder.course.grading import grade, write_pages
from autograder.course.table import Result, results


def grade_class(folder: Path, assignments: list[str], console: Console, **how: Any) -> dict[str, list[Result]]:
    """Grade assignments of a course folder, write the feedback, and return each one's table.

    `how` are the options of `autograder.course.grading.grade`.

    Raises:
        GradingError: there is nothing to grade, nbgrader does not know the assignment, or the run was interrupted.
    """
    course = Course(folder)
    tables = {}
    for graded in grade(course, assignments, console, **how):
        write_pages(course, graded, console)
        tables[graded.assignment] = results(course, graded)
    return tables
