"""How much of what was handed in is looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """What a check draws: probes and pairs from `seed`, and pairs until `gradients` of a photo are spent."""

    seed: int
    gradients: int
