"""Judging again from kept evidence alone: whose points would change, by how much and why, before anything does.

    python -m autograder replay ps1            # says what would change
    python -m autograder replay ps1 --apply    # changes it

As when a programming contest is rejudged (DOMjudge), nothing is run again: the answers are those of the submission's run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from distributed import Client
from nbgrader.converters.base import NbGraderException
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.course.commands import GradingError
from autograder.course.engine import workers
from autograder.course.folder import Course
from autograder.course.worker import kept_gradients
from autograder.judge.verdict import Verdict
from autograder.nbgrader_plugin.converter import SubmissionChangedError
from autograder.nbgrader_plugin.graded_run import GivenRun
from autograder.nbgrader_plugin.judging import verdict_on
from autograder.nbgrader_plugin.kept_evidence import KEPT, KeptEvidenceError, unpack
from autograder.sandbox.bounded import Shared
from autograder.sandbox.limits import OwnLimits
from autograder.student.plain_text import printable

BATCH = 32
"""Submissions whose evidence is on its way at the same time."""


@dataclass(frozen=True)
class Change:
    """A property whose points would change, and what is seen of it now."""

    student: str
    task: str
    name: str
    before: float
    now: float
    why: str


@dataclass
class Replayed:
    """The new verdicts by student, what they would change, and of whom there is no evidence, with the reason."""

    assignment: str
    verdicts: dict[str, dict[str, Verdict]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> list[str]:
        return list(dict.fromkeys(change.student for change in self.changes))


def replay(course: Course, name: str, students: Sequence[str] | None, *, count: int, scheduler: str = "") -> Replayed:
    """Judge every graded submission of an assignment again, or those of some students. Nothing is written.

    Raises:
        GradingError: nothing is graded, or a student's work is not.
    """
    assignment = course.assignment(name)
    replayed = Replayed(assignment)
    records = {student: course.record(assignment, student) for student in students or course.submissions(assignment)}
    if missing := [student for student in students or () if not records[student]]:
        raise GradingError(f"Not graded yet for {assignment}: {', '.join(map(repr, missing))}.")
    records = {student: record for student, record in records.items() if record}
    if not records:
        raise GradingError(f"Nothing is graded for {assignment}. Run: python -m autograder grade {assignment}")
    with workers(max(1, min(count, len(records))), scheduler) as client:
        waiting = list(records)
        while waiting:
            batch, waiting = waiting[:BATCH], waiting[BATCH:]
            for student, outcome in _judge(course, replayed, {one: records[one] for one in batch}, client).items():
                if isinstance(outcome, str):
                    replayed.left_out[student] = outcome
                else:
                    replayed.verdicts[student] = outcome
                    replayed.changes += changes(student, records[student]["verdicts"], outcome)
    return replayed


def judge_again(content: bytes, checksum: str, tasks: list[str]) -> dict[str, Verdict] | str:
    """The verdicts on kept evidence, or why there are none. This is what a worker does."""
    try:
        run = unpack(content, checksum)
        shared = Shared(OwnLimits())
        return {task: verdict_on(task, run, kept_gradients(), shared) for task in tasks}
    except KeptEvidenceError as error:
        return str(error)
    except Exception as error:  # a hole in a check must not hide what it does to the others
        return f"judging it failed ({type(error).__name__}: {error})"


def changes(student: str, before: list[dict[str, Any]], now: dict[str, Verdict]) -> list[Change]:
    """The properties whose points differ between a record's verdicts and new ones."""
    found = []
    for old in before:
        verdict = now[old["task"]]
        had = {finding["name"]: finding["points"] * finding["holds"] for finding in old["findings"]}
        for finding in verdict.findings:
            if (points := had.get(finding.name, 0.0)) != finding.earned:
                found.append(Change(student, verdict.task, finding.name, points, finding.earned, finding.seen))
        left = had.keys() - {finding.name for finding in verdict.findings}
        found += [
            Change(student, verdict.task, name, had[name], 0.0, "no longer asked for")
            for name in sorted(left)
            if had[name]
        ]
    return found


def apply(course: Course, replayed: Replayed) -> dict[str, str]:
    """Write the new verdicts of those whose points change, as `grade` does; why it failed, for whom it did."""
    failed = {}
    with course.alone():
        try:
            course.converter.open(replayed.assignment)
        except NbGraderException as error:
            raise GradingError(str(error)) from None
        for student in replayed.changed:
            record = course.record(replayed.assignment, student)
            try:
                given = _as_graded(course, replayed, student, record)
                course.converter.write(student, record["submission"], {record["notebook"]: given})
            except SubmissionChangedError:
                failed[student] = "it was handed in anew since; grade it"
            except (NbGraderException, KeptEvidenceError, OSError) as error:
                failed[student] = str(error)
    return failed


def show(replayed: Replayed, console: Console) -> None:
    """Print what would change."""
    judged = len(replayed.verdicts)
    if not replayed.changes:
        console.print(f"{replayed.assignment}: {judged} submissions judged again, and no points would change.")
    else:
        table = Table(title=f"{replayed.assignment}: what would change, of {judged} submissions judged again")
        for heading in ("student", "task", "property", "points", "seen now"):
            table.add_column(heading, overflow="fold")
        for change in replayed.changes:
            points = f"{change.before:g} → {change.now:g}"
            table.add_row(
                Text(printable(change.student)), change.task, change.name, points, Text(printable(change.why))
            )
        console.print(table)
    for student, why in replayed.left_out.items():
        console.print(Text(printable(f"Not judged again, {student}: {why}")))


def _judge(course: Course, replayed: Replayed, records: dict[str, dict], client: Client) -> dict[str, Any]:
    outcomes: dict[str, Any] = {}
    futures = {}
    for student, record in records.items():
        kept = record.get("evidence", {})
        path = course.graded_folder(replayed.assignment, student) / KEPT
        if not kept.get("kept"):
            outcomes[student] = kept.get("why", "its evidence was not kept")
        elif not path.is_file():
            outcomes[student] = f"its evidence, {path}, is gone"
        else:
            tasks = [verdict["task"] for verdict in record["verdicts"]]
            futures[student] = client.submit(judge_again, path.read_bytes(), kept["sha256"], tasks, pure=False)
    return outcomes | {student: future.result() for student, future in futures.items()}


def _as_graded(course: Course, replayed: Replayed, student: str, record: dict[str, Any]) -> GivenRun:
    """The graded notebook as a run that took place elsewhere, which it did: its cells, what they printed, the new verdicts."""
    folder: Path = course.graded_folder(replayed.assignment, student)
    run = unpack((folder / KEPT).read_bytes(), record["evidence"]["sha256"])
    run.verdicts, run.own_work = replayed.verdicts[student], record["own_work"]
    cells = nbformat.read(folder / f"{record['notebook']}.ipynb", as_version=4).cells
    return GivenRun([cell.source for cell in cells], [list(cell.get("outputs", [])) for cell in cells], run)
