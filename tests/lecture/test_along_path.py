"""What the explorer stores of a path is integrated gradients, and survives being packed."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

import igref
from lecture.explorer import packing
from lecture.explorer.along_path import TOLERANCE, NotArrivedError, follow, step_counts

INTERVALS = 10


def forward(images: torch.Tensor) -> torch.Tensor:
    """Two classes, the second a cubic of the pixels."""
    return torch.stack([images.flatten(1).sum(1), (images**3).flatten(1).sum(1)], dim=1)


@pytest.fixture
def path():
    x, baseline = torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return x, baseline, follow(forward, x, baseline, 1, intervals=INTERVALS)


def test_slopes_and_maps_add_up_to_integrated_gradients(path):
    x, baseline, found = path
    expected = igref.integrated_gradients(forward, x, baseline, 1, n_steps=INTERVALS, rule="trapezoid")
    equal = slice(INTERVALS + 1)
    sums = torch.trapezoid(found.slopes[equal], dx=1 / INTERVALS) - (found.scores[INTERVALS] - found.scores[0])
    assert float(sums) == pytest.approx(float(expected.completeness_gap), abs=1e-5)
    torch.testing.assert_close(found.attribution.float(), expected.values[0].sum(0))
    torch.testing.assert_close(found.maps.sum((1, 2)), found.slopes)


def test_a_sheet_holds_every_frame(path):
    *_, found = path
    url, limits = packing.sheet_url(found.maps)
    sheet = np.asarray(Image.open(BytesIO(b64decode(url.split(",")[1]))).convert("L")).astype(int)
    levels, size = 0, found.maps.shape[-1]
    for k, (expected, limit) in enumerate(zip(found.maps.numpy(), limits, strict=True)):
        row, column = divmod(k, packing.SHEET_COLUMNS)
        levels = levels + sheet[row * size : (row + 1) * size, column * size : (column + 1) * size] - 128
        share = np.abs(levels / packing.LEVELS) ** (1 / packing.EXPONENT)
        assert np.abs(limit * np.sign(levels) * share - expected).max() < 0.07 * limit


def test_step_counts_are_those_whose_points_are_stored():
    assert step_counts(20) == {
        "left": [1, 2, 5, 10, 20],
        "right": [1, 2, 5, 10, 20],
        "midpoint": [1, 2, 5, 10],
        "trapezoid": [1, 2, 5, 10, 20],
    }


def test_the_sum_arrives_where_equal_steps_miss_it():
    """A score that rises between two of the equal alphas only."""

    def late(images: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(400 * (images.flatten(1).mean(1, keepdim=True) - 0.77))

    x, baseline = torch.ones(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    found = follow(late, x, baseline, 0, intervals=INTERVALS)
    order = found.alphas.argsort()
    gap = torch.trapezoid(found.slopes[order], found.alphas[order]) - (found.scores[INTERVALS] - found.scores[0])
    assert abs(float(gap)) <= TOLERANCE
    by_equal_steps = torch.trapezoid(found.slopes[: INTERVALS + 1], dx=1 / INTERVALS)
    assert abs(float(by_equal_steps) - 1) > 0.5


@pytest.mark.parametrize("seed", range(20))
def test_the_sum_is_within_when_it_stops(seed):
    """The points that come last can take a sum out of the tolerance again: then it goes on."""
    steepness, where = torch.rand(2, 6, generator=torch.Generator().manual_seed(seed))

    def bumpy(images: torch.Tensor) -> torch.Tensor:
        level = images.flatten(1).mean(1, keepdim=True)
        return (torch.tanh((20 + 500 * steepness) * (level - where)) * (2 * steepness - 0.7)).sum(1, keepdim=True)

    x, baseline = torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    found = follow(bumpy, x, baseline, 0, intervals=INTERVALS)
    order = found.alphas.argsort()
    rise = float(found.scores[INTERVALS] - found.scores[0])
    assert abs(float(torch.trapezoid(found.slopes[order], found.alphas[order])) - rise) <= TOLERANCE * abs(rise)


def test_a_sum_that_does_not_arrive_stops_the_build():
    """A step: its slope is nowhere."""

    def step(images: torch.Tensor) -> torch.Tensor:
        level = images.flatten(1).mean(1, keepdim=True)
        return (level > 0.77).float() + 0 * level

    with pytest.raises(NotArrivedError, match=r"off the rise of 1\.0000"):
        follow(step, torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 4, 4), 0, intervals=INTERVALS)
