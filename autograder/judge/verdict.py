"""What the grader says about one task, and how it looks: in a gradebook, a feedback page, a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from autograder.judge.feedback import MISTAKES
from autograder.student.plain_text import writable
from autograder.task import Task


@dataclass(frozen=True)
class Finding:
    """One property of the work: whether it holds, what was seen and what was expected."""

    name: str
    title: str
    points: float
    holds: bool
    seen: str
    expected: str = ""

    @property
    def earned(self) -> float:
        return self.points if self.holds else 0.0


@dataclass(frozen=True)
class Verdict:
    """The points for one task and the reasons for them.

    `cause` is the likely mistake and `remedy` what to try; both empty where nothing is wrong. `mistake` is
    the cause's short name, for tables. In a notebook a verdict shows as a table; as plain text it is
    the number of points, which is what nbgrader reads.
    """

    task: str
    title: str
    findings: tuple[Finding, ...]
    cause: str = ""
    remedy: str = ""
    mistake: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def points(self) -> float:
        return sum(finding.earned for finding in self.findings)

    @property
    def max_points(self) -> float:
        return sum(finding.points for finding in self.findings)

    def __repr__(self) -> str:
        return f"{self.points:.2f}"

    def _repr_html_(self) -> str:
        return to_html(self)

    def as_record(self) -> dict[str, Any]:
        """Everything in plain values, for a JSON file."""
        return writable(asdict(self)) | {"points": self.points, "max_points": self.max_points}


def verdict_of(
    task: Task,
    faults: Mapping[str, str],
    mistake: str = "",
    notes: Sequence[str] = (),
    *,
    seen: Mapping[str, str] | None = None,
    expected: Mapping[str, str] | None = None,
) -> Verdict:
    """The verdict on a task from what is wrong with each of its properties; an empty fault, and it holds.

    Args:
        faults: the fault of every property, by name.
        mistake: the name of the likely cause in `autograder.judge.feedback.MISTAKES`, or an empty string.
        seen: what to say of a property that holds, in place of "yes".
        expected: what was expected of a property.
    """
    seen, expected = seen or {}, expected or {}
    findings = tuple(
        Finding(
            one.name, one.title, one.points, not fault, fault or seen.get(one.name, "yes"), expected.get(one.name, "")
        )
        for one in task.properties
        for fault in [faults[one.name]]
    )
    cause, remedy = MISTAKES[mistake] if mistake else ("", "")
    return Verdict(task.id, task.title, findings, cause, remedy, mistake, tuple(notes))


def to_html(verdict: Verdict) -> str:
    """The verdict as an HTML fragment. Everything that came from a student is escaped."""
    rows = "".join(
        f"<tr><td>{'✓' if finding.holds else '✗'}</td>"
        f"<td>{escape(finding.title)}</td>"
        f"<td>{finding.earned:g}&nbsp;of&nbsp;{finding.points:g}</td>"
        f"<td>{escape(finding.seen)}</td>"
        f"<td>{escape(finding.expected)}</td></tr>"
        for finding in verdict.findings
    )
    lines = [f"<b>{escape(verdict.title)}: {verdict.points:g} of {verdict.max_points:g} points</b>"]
    if verdict.cause:
        lines.append(f"<b>Likely cause:</b> {escape(verdict.cause)}.")
    if verdict.remedy:
        lines.append(f"<b>Try:</b> {escape(verdict.remedy)}")
    lines += [escape(note) for note in verdict.notes]
    heading = "".join(f"<th>{name}</th>" for name in ("", "property", "points", "seen", "expected"))
    return writable(
        "".join(f"<div>{line}</div>" for line in lines)
        + f'<table class="table table-condensed"><thead><tr>{heading}</tr></thead><tbody>{rows}</tbody></table>'
    )
