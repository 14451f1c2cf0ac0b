"""A small picture of a study's wrong map for its feedback: the student's, the recomputed one, and what lies between them.

Everything in it is the student's own: the picture, the baseline, the model and the map. What a question of the grader's holds is
never drawn.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from torch.nn import functional

LARGEST_SIDE = 80
"""Pixels of a map as it is drawn: of a larger one, sums over squares."""
COLOURS = (64, 32, 16)
"""Colours of the file, fewer where it would be too large."""
MOST_BYTES = 45_000
"""Of the file; in a page it takes a third more."""
LARGEST_VALUE = 1e30
NAMES = ("yours", "recomputed")


@dataclass(frozen=True)
class MapPicture:
    """A PNG in base64, and what it shows in words."""

    png: str
    words: str


@dataclass(frozen=True)
class WrongMap:
    """A map of a study, (C, H, W), beside what was recomputed; `label` is the study's name for it."""

    label: str
    values: np.ndarray
    expected: np.ndarray

    def draw(self) -> MapPicture | None:
        """The picture; None where a value is not finite, or too large to be drawn, or the file would be."""
        sums = [given.sum(axis=0) for given in (self.values, self.expected)]
        if not all(np.isfinite(one).all() and np.abs(one).max() <= LARGEST_VALUE for one in sums):
            return None
        from igref.plots import alt_text, map_against  # which imports matplotlib: only for who needs it

        figure = map_against(*map(_of_drawn_size, sums), names=NAMES)
        drawn = BytesIO()
        figure.savefig(drawn, format="png", dpi=figure.dpi)
        for colours in COLOURS:
            png = _with_few_colours(drawn, colours)
            if len(png) <= MOST_BYTES:
                words = f"{self.label}, summed over channels. {alt_text(figure)}"
                return MapPicture(base64.b64encode(png).decode("ascii"), words)
        return None


def _of_drawn_size(summed: np.ndarray) -> torch.Tensor:
    """A map (H, W) as (1, h, w), of LARGEST_SIDE pixels at most."""
    square = -(-max(summed.shape) // LARGEST_SIDE)
    return functional.avg_pool2d(torch.from_numpy(summed)[None], square, ceil_mode=True, divisor_override=1)


def _with_few_colours(png: BytesIO, colours: int) -> bytes:
    from PIL import Image

    smaller = BytesIO()
    drawn = Image.open(png).convert("RGB")
    drawn.quantize(colours, dither=Image.Dither.NONE).save(smaller, format="png", optimize=True)
    return smaller.getvalue()
