"""What a check is given beside the evidence: what it draws, what it may spend, and who runs a model from a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from autograder.judge.deadline import Deadline
from autograder.judge.studies.model_files import OpenModel, not_run


@dataclass(frozen=True)
class Sample:
    """What a check draws: probes and pairs from `seed`, and pairs until `gradients` of a photo are spent.

    `open_model` runs a model that comes as a file. `kept` is the folder of gradients that other verdicts have computed. Where there
    is a `deadline`, what would come after it is left out.
    """

    seed: int
    gradients: int
    open_model: OpenModel = field(default=not_run, repr=False)
    kept: Path | None = None
    deadline: Deadline = field(default_factory=Deadline, repr=False)
