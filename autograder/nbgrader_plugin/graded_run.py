"""What is known of one run of a submitted notebook, as it goes from one step of the pipeline to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.judge.verdict import Verdict
from autograder.student.evidence import Evidence

PROBLEM = "submission_problem"
RUN = "grading_run"
GIVEN = "given_run"
PLACE = "submission_place"
"""Where the steps find these among nbconvert's resources."""


@dataclass(frozen=True)
class Place:
    """Where a submission lies while it runs: the folder that its sandbox shows, and the folders that it must not."""

    folder: Path
    hidden: tuple[Path, ...] = ()


@dataclass
class Run:
    """What happened when a notebook was run: its evidence, why it ended before its end, if it did, and what follows.

    `ended` is a name in `autograder.judge.mistakes.Mistake` and `detail` says more. `errors` maps the ids of cells
    to the name and text of the error that they stopped with, in the student's own words. `verdicts` and `own_work`
    are there once it has been judged. `seconds` are of wall time, `cpu_seconds` are those in which its processes computed.
    """

    seed: int
    evidence: dict[str, Evidence] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    ended: str = ""
    detail: str = ""
    errors: dict[str, tuple[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    own_work: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GivenRun:
    """A run that took place elsewhere: the sources of its cells, which have to be those at hand, and their outputs."""

    sources: list[str]
    outputs: list[list[dict[str, Any]]]
    run: Run
