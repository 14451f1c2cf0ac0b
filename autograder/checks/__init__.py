"""One module a task: evidence in, verdict out. Nothing here knows nbgrader or runs a student's code."""

from __future__ import annotations

from collections.abc import Callable

from autograder.assignments import TASKS
from autograder.checks import input_gradient, integrated_gradients, photo
from autograder.evidence import Evidence
from autograder.feedback import MISTAKES, PROPERTIES
from autograder.verdict import Finding, Verdict

CHECKS: dict[str, Callable[[Evidence, int], Verdict]] = {
    "ps1-input-gradient": input_gradient.judge,
    "ps1-integrated-gradients": integrated_gradients.judge,
    "ps1-photo": photo.judge,
}


def judge(task: str, evidence: Evidence, seed: int) -> Verdict:
    """The verdict on a task, from its evidence and the seed that its probes were drawn from.

    Raises:
        KeyError: no check has the task's id.
    """
    return CHECKS[task](evidence, seed)


def nothing_to_judge(task: str, mistake: str, note: str = "") -> Verdict:
    """The verdict where there is no evidence. `mistake` names the reason in `autograder.feedback.MISTAKES`."""
    cause, remedy = MISTAKES[mistake]
    findings = tuple(
        Finding(name, PROPERTIES[name], points, False, "nothing to judge")
        for name, points in TASKS[task].properties.items()
    )
    notes = (note,) if note else ()
    return Verdict(task, TASKS[task].title, findings, cause, remedy, mistake, notes)
