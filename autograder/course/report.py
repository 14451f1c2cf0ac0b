"""The class at one look: a page of its own for the instructor, and the grades for learning-management systems.

    python -m autograder report ps1

writes reports/ps1-attribution.html, and beside it the CSV files for Canvas and Moodle. The page holds everything about everybody,
so it stays with the instructor.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from nbgrader.api import MissingEntry

from autograder.course.folder import Course
from autograder.course.learning_systems import Grade, canvas_csv, moodle_csv
from autograder.course.pairs import AlikePair, Passage, alike
from autograder.judge.likeness import KIT, MAX_CODE, notebook_code, starter_code
from autograder.judge.mistakes import Mistake, remedy_of
from autograder.judge.slides import DECK, slide_of
from autograder.nbgrader_plugin.converter import write_whole
from autograder.nbgrader_plugin.graded_run import UNPROTECTED
from autograder.problem_sets import TASKS
from autograder.student.plain_text import printable

BINS, FEW_BINS, SMALL_CLASS = 10, 5, 15
"""Bars of the histogram, and how many there are for a class of at most so many students."""
SLOWEST = 5
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Share:
    """How many of the class have what a task's property asks for."""

    task: str
    title: str
    holds: int
    of: int

    @property
    def percent(self) -> float:
        return 100 * self.holds / self.of if self.of else 0.0


@dataclass(frozen=True)
class Made:
    """A mistake, who made it, and the address of the lecture's slide about it; empty where there is none."""

    cause: str
    remedy: str
    students: list[str]
    slide: str = ""


@dataclass
class ClassReport:
    """What the page shows of an assignment.

    Attributes:
        histogram: for each of some equal ranges of points, its label and the number of students.
        mistakes: the most frequent first.
        unprotected: the students whose code ran without a sandbox.
        by_hand: for each written answer, the students whose answer waits for a person.
    """

    assignment: str
    max_score: float = 0.0
    grades: list[Grade] = field(default_factory=list)
    histogram: list[tuple[str, int]] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    mistakes: list[Made] = field(default_factory=list)
    slow: list[tuple[str, float]] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)
    unverified: list[tuple[str, str]] = field(default_factory=list)
    not_graded: list[str] = field(default_factory=list)
    unprotected: list[str] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)
    by_hand: dict[str, list[str]] = field(default_factory=dict)
    pairs: list[AlikePair] = field(default_factory=list)


def class_report(course: Course, name: str) -> ClassReport:
    """Read what is known of a class.

    Raises:
        GradingError: the gradebook does not know the assignment, or nothing was handed in.
    """
    assignment = course.assignment(name)
    report = ClassReport(assignment)
    students = course.submissions(assignment)
    records = {student: record for student in students if (record := course.record(assignment, student))}
    report.not_graded = [student for student in students if student not in records]
    _read_gradebook(course, report, records)
    scores = [one.points for one in report.grades if one.points is not None]
    report.histogram = histogram(scores, report.max_score)
    _read_records(report, records)
    codes = {student: _code(course, assignment, student, record) for student, record in records.items()}
    report.pairs = alike(codes, starter_code(assignment))
    return report


def write_report(course: Course, report: ClassReport) -> list[Path]:
    """Write the page and the two CSV files; where they are."""
    folder = course.root / "reports"
    folder.mkdir(exist_ok=True)
    written = {
        f"{report.assignment}.html": to_html(report),
        f"{report.assignment}.canvas.csv": canvas_csv(report.assignment, report.grades),
        f"{report.assignment}.moodle.csv": moodle_csv(report.assignment, report.grades),
    }
    for name, text in written.items():
        write_whole(folder / name, text.encode())
    return [folder / name for name in written]


def to_html(report: ClassReport) -> str:
    """The report as a page that needs nothing else. Whatever comes from students is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_in_one_line
    )
    environment.filters["marked"] = marked
    tallest = max((count for _, count in report.histogram), default=0) or 1
    return environment.get_template("report.html.jinja").render(
        report=report, tallest=tallest, without_a_sandbox=UNPROTECTED
    )


def _in_one_line(value: Any) -> Any:
    """Names as they are, whatever they make a browser do with the text around them."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def histogram(scores: Sequence[float], max_score: float) -> list[tuple[str, int]]:
    """How many scores lie in each of some equal ranges from 0 to `max_score`; full marks belong to the last one.

    >>> histogram([0, 2, 10], 10)
    [('0 to under 2', 1), ('2 to under 4', 1), ('4 to under 6', 0), ('6 to under 8', 0), ('8 to 10', 1)]
    """
    bins = FEW_BINS if len(scores) <= SMALL_CLASS else BINS
    width = (max_score or 1) / bins
    counts = Counter(min(bins - 1, max(0, int(score / width))) for score in scores)
    ends = [*(f"under {(k + 1) * width:g}" for k in range(bins - 1)), f"{bins * width:g}"]
    return [(f"{k * width:g} to {end}", counts[k]) for k, end in enumerate(ends)]


def marked(passage: Passage) -> Markup:
    """A student's code as HTML, with what is also in the other's marked."""
    parts, at = [], 0
    for start, end in sorted(passage.shared):
        start = max(start, at)
        if end > start:
            parts += [
                escape(passage.code[at:start]),
                Markup("<mark>"),
                escape(passage.code[start:end]),
                Markup("</mark>"),
            ]
            at = end
    return Markup("").join([*parts, escape(passage.code[at:])])


def _read_gradebook(course: Course, report: ClassReport, records: dict[str, dict[str, Any]]) -> None:
    with course.gradebook() as gradebook:
        report.max_score = gradebook.find_assignment(report.assignment).max_score
        for student in [*records, *report.not_graded]:
            known = {"first_name": "", "last_name": "", "email": ""}
            points = None
            try:
                person = gradebook.find_student(student)
                known = {name: getattr(person, name) or "" for name in known}
                submission = gradebook.find_submission(report.assignment, student)
            except MissingEntry:
                submission = None
            if submission is not None and student in records:
                penalty = sum(notebook.late_submission_penalty or 0 for notebook in submission.notebooks)
                points = submission.score - penalty
                for notebook in submission.notebooks:
                    for grade in notebook.grades:
                        if grade.needs_manual_grade:
                            report.by_hand.setdefault(grade.name, []).append(student)
            report.grades.append(Grade(student, points=points, max_points=report.max_score, **known))


def _read_records(report: ClassReport, records: dict[str, dict[str, Any]]) -> None:
    holds: Counter[tuple[str, str]] = Counter()
    made: dict[str, list[str]] = {}
    made_in: dict[str, str] = {}
    for student, record in records.items():
        for verdict in record["verdicts"]:
            holds.update((verdict["task"], finding["name"]) for finding in verdict["findings"] if finding["holds"])
            if (mistake := verdict["mistake"]) and student not in made.setdefault(mistake, []):
                made[mistake].append(student)
                made_in.setdefault(mistake, verdict["task"])
            if mistake == Mistake.MODEL_NOT_HERE:
                report.unverified.append((student, TASKS[verdict["task"]].title))
        if record.get("unprotected"):
            report.unprotected.append(student)
        if record["ended"]:
            report.ended.append((student, record["detail"]))
        remarks = [*record.get("remarks", []), record.get("own_work", {}).get("remark")]
        report.remarks += [(student, remark) for remark in remarks if remark]
    seen = {
        (verdict["task"], finding["name"]): finding["title"]
        for record in records.values()
        for verdict in record["verdicts"]
        for finding in verdict["findings"]
    }
    report.shares = [
        Share(TASKS[task].title, title, holds[task, name], len(records)) for (task, name), title in seen.items()
    ]
    ordered = sorted(made.items(), key=lambda item: -len(item[1]))
    known = {mistake.value: mistake for mistake in Mistake}
    report.mistakes = [
        Made(known[name].cause, remedy_of(known[name], made_in[name]), students, address_of_slide(name))
        for name, students in ordered
        if name in known
    ]
    times = sorted(((student, record["seconds"]) for student, record in records.items()), key=lambda item: -item[1])
    report.slow = times[:SLOWEST]


def address_of_slide(mistake: str) -> str:
    """The address of the lecture's slide about a mistake, by its name; empty where there is none, or the lecture is not built."""
    built, slide = KIT / "lecture" / "built", slide_of(mistake)
    return f"{built.as_uri()}/{slide.address}" if slide and (built / DECK).is_file() else ""


def _code(course: Course, assignment: str, student: str, record: dict[str, Any]) -> str:
    """The code of the cells that a student may write, from the graded notebook, as much of it as is ever compared."""
    try:
        path = course.graded_folder(assignment, student) / f"{record['notebook']}.ipynb"
        cells = json.loads(path.read_text())["cells"]
    except (OSError, ValueError, KeyError):
        return ""
    return notebook_code(cell for cell in cells if not cell["metadata"].get("nbgrader", {}).get("locked"))[:MAX_CODE]
