"""What is known of one run of a submitted notebook, as it goes from one step of the pipeline to the next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.problem_sets.checking import Run

PROBLEM = "submission_problem"
RUN = "grading_run"
GIVEN = "given_run"
PLACE = "submission_place"
"""Where the steps find these among nbconvert's resources."""

UNPROTECTED = "Run without a sandbox: the code could have changed its own points and everybody else's."
"""What every report says of such a run."""


@dataclass(frozen=True)
class Place:
    """Where a submission lies while it runs: the folder that its sandbox shows, and the folders that it must not."""

    folder: Path
    hidden: tuple[Path, ...] = ()


@dataclass(frozen=True)
class GivenRun:
    """A run that took place elsewhere: the sources of its cells, which have to be those at hand, and their outputs."""

    sources: list[str]
    outputs: list[list[dict[str, Any]]]
    run: Run
