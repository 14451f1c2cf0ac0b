"""What is known of one run of a submitted notebook, as it goes from one step of the pipeline to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from autograder.student.evidence import Evidence

PROBLEM = "submission_problem"
RUN = "grading_run"
"""Where the steps find it among nbconvert's resources."""


@dataclass
class Run:
    """What happened when a notebook was run: its evidence, and why it ended before its end, if it did.

    `ended` is a name in `autograder.judge.mistakes.Mistake` and `detail` says more. `errors` maps the ids of cells
    to the name and text of the error that they stopped with, in the student's own words.
    """

    seed: int
    evidence: dict[str, Evidence] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    ended: str = ""
    detail: str = ""
    errors: dict[str, tuple[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
