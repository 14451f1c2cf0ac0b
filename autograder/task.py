"""What a problem set and its tasks are: ids, points, properties, parts handed in, and what of igref is withheld.

A set is declared once, in `autograder/problem_sets/NAME/task.py`, as plain data that the sandbox shows too. The
notebooks, the checks, the tables of the documentation and the tests are all held against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

ARRAY, VALUE, ARRAYS = "array", "value", "arrays"
"""What a part of a study is: an array, a short text or a number, or a dictionary of arrays."""
ANSWER = "-answer"
"""A task's code is written in the cell whose id is the task's with this at its end."""


class Announced(NamedTuple):
    """Where a rule is announced: the very words, and the page, "students" for docs/students.md or an assignment's id."""

    words: str
    page: str = "students"


@dataclass(frozen=True)
class Property:
    """One thing that a check looks at: `title` is what a student reads."""

    name: str
    points: float
    title: str
    announced: Announced | None = None


@dataclass(frozen=True)
class Function:
    """A task that asks for a function: the kind of probes it is asked, and which of a probe's fields it is given."""

    probes: str
    arguments: tuple[str, ...]


MEASURE = ("network", "x", "attribution", "target")
"""The arguments of a measure of quality, by what the questions call them."""


@dataclass(frozen=True)
class AskedAbout:
    """A part of a study that is a function of a table: it is asked about this one, {count: a number for each column}."""

    table: dict[int, tuple[float, ...]]


@dataclass(frozen=True)
class Study:
    """A task that asks for a study: its parts by name, each an ARRAY, a VALUE, ARRAYS or a function that is AskedAbout.

    `measured` says that the student's own measure comes with it. It is asked again about a few of the study's maps, and about maps
    that its author has never seen.
    """

    parts: dict[str, str | AskedAbout]
    measured: bool = False


@dataclass(frozen=True)
class Task:
    """One graded cell.

    Attributes:
        id: its nbgrader grade_id.
        title: what it asks for, in a few words.
        properties: what is graded automatically, in the order that the feedback has.
        asks: what is handed in; None where a person grades.
        check: where the check is, "psN.module:function" in autograder/problem_sets.
        by_hand: points that a person gives; a task has these or properties.
    """

    id: str
    title: str
    properties: tuple[Property, ...] = ()
    asks: Function | Study | None = None
    check: str = ""
    by_hand: float = 0.0

    @property
    def points(self) -> float:
        return self.by_hand + sum(one.points for one in self.properties)

    @property
    def automatic(self) -> bool:
        return bool(self.properties)


@dataclass(frozen=True)
class ProblemSet:
    """One notebook: `solutions/ID/ID.ipynb`. `withholds` is the sub-package of igref that it asks students to write."""

    id: str
    title: str
    tasks: tuple[Task, ...]
    withholds: str = ""

    @property
    def points(self) -> float:
        return sum(task.points for task in self.tasks)
