"""What takes too long for a slide, measured once and kept: slides, report.ipynb and docs/report.md tell one story.

`python -m lecture.measured` measures, and writes measured.json and docs/report.md. The slides import this package as `measured`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float64
from torch import Tensor

from .page import enough

__all__ = ["FILE", "KeptSweep", "enough", "kept", "sweep"]

FILE = Path(__file__).parent / "measured.json"


def kept() -> dict:
    """What was measured: `measure.measure` says what is in it."""
    return json.loads(FILE.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class KeptSweep:
    """What `igref.plots.convergence` draws of S step counts of the trapezoid rule and N pairs of photo and baseline.

    Attributes:
        rules: the rule of each of the S counts.
        steps: the counts.
        relative_gap, map_error: as those of `igref.StepSweep`.
    """

    rules: tuple[str, ...]
    steps: tuple[int, ...]
    relative_gap: Float64[Tensor, "S N"]
    map_error: Float64[Tensor, "S N"]


def sweep(*pairs: tuple[str, str]) -> KeptSweep:
    """The rows of the step counts that were measured for some pairs of photo and baseline.

    Raises:
        ValueError: a pair was not measured.
    """
    rows = {(row["photo"], row["baseline"]): row for row in kept()["steps"]}
    if missing := set(pairs) - rows.keys():
        raise ValueError(f"pairs: expected some of {sorted(rows)}, got {sorted(missing)} as well.")
    steps = tuple(map(int, rows[pairs[0]]["gap"]))

    def column(name: str) -> Tensor:
        return torch.tensor([[rows[pair][name][str(n)] for pair in pairs] for n in steps], dtype=torch.float64)

    return KeptSweep(("trapezoid",) * len(steps), steps, column("gap"), column("map_error"))
