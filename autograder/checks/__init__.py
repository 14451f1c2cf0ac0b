"""One module a task: evidence in, verdict out. Nothing here knows nbgrader or runs a student's code."""

from __future__ import annotations

from collections.abc import Callable

from autograder.assignments import TASKS
from autograder.checks import (
    baselines_study,
    input_gradient,
    integrated_gradients,
    measure,
    photo,
    quality_studies,
    steps_study,
)
from autograder.checks.sample import Sample
from autograder.evidence import Evidence
from autograder.feedback import MISTAKES, property_title
from autograder.tolerances import MAX_RECOMPUTED_PHOTO_GRADIENTS
from autograder.verdict import Finding, Verdict
from igref.memory import keep_freed_memory

CHECKS: dict[str, Callable[[Evidence, Sample], Verdict]] = {
    "ps1-input-gradient": input_gradient.judge,
    "ps1-integrated-gradients": integrated_gradients.judge,
    "ps1-photo": photo.judge,
    "ps2-study": baselines_study.judge,
    "ps3-study": steps_study.judge,
    "ps4-measure": measure.judge,
    "ps4-baselines": quality_studies.judge_baselines,
    "ps4-steps": quality_studies.judge_steps_by_quality,
}


def judge(task: str, evidence: Evidence, seed: int, gradients: int = MAX_RECOMPUTED_PHOTO_GRADIENTS) -> Verdict:
    """The verdict on a task, from its evidence and the seed that its probes were drawn from.

    A study's maps are recomputed until `gradients` of a photo are spent.

    Raises:
        KeyError: no check has the task's id.
    """
    keep_freed_memory()
    return CHECKS[task](evidence, Sample(seed, gradients))


def nothing_to_judge(task: str, mistake: str, note: str = "") -> Verdict:
    """The verdict where there is no evidence. `mistake` names the reason in `autograder.feedback.MISTAKES`."""
    cause, remedy = MISTAKES[mistake]
    findings = tuple(
        Finding(name, property_title(task, name), points, False, "nothing to judge")
        for name, points in TASKS[task].properties.items()
    )
    notes = (note,) if note else ()
    return Verdict(task, TASKS[task].title, findings, cause, remedy, mistake, notes)
