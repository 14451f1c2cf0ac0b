"""Studies that look like the work and are less of it, as an outsider made them up: each loses what it did not earn.

`docs/grader.md` says which of the others may pass, and why.
"""

import hashlib
import math
import os
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import affine_grid, grid_sample, interpolate

import igref
from autograder.judge.studies.pictures import images_fault
from corpus import studies
from corpus.entries import DIGITS, Entry, study
from corpus.maps import midpoint, trapezoid
from corpus.models import COLOURS
from tests.calibration.judged import verdict_on

HELD_OUT = igref.load_digits("held_out")[0]
ONE = HELD_OUT[3:4]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def moved(x, angle=0.0, size=1.0, shift=0.0, shear=0.0):
    cosine, sine = math.cos(angle) / size, math.sin(angle) / size
    how = torch.tensor([[[cosine, shear - sine, shift], [sine, cosine, 0.0]]])
    return grid_sample(x, affine_grid(how, x.shape, align_corners=False), align_corners=False, padding_mode="border")


def warped(x, seed):
    field = 0.05 * interpolate(torch.randn(1, 2, 3, 3, generator=seeded(seed)), x.shape[-2:], mode="bicubic")
    grid = affine_grid(torch.eye(2, 3)[None], x.shape, align_corners=False) + field.permute(0, 2, 3, 1)
    return grid_sample(x, grid, align_corners=False, padding_mode="border")


DISGUISES = {
    "turned by up to 20 degrees": lambda k: moved(ONE, angle=0.08 * (k - 4.5)),
    "larger and smaller": lambda k: moved(ONE, size=0.6 + 0.1 * k),
    "shifted by parts of a pixel": lambda k: moved(ONE, shift=0.024 * k),
    "sheared": lambda k: moved(ONE, shear=0.11 * (k - 4.5)),
    "warped": lambda k: warped(ONE, k),
    "mixed with a fifth of another": lambda k: 0.8 * ONE + 0.2 * HELD_OUT[k + 4 : k + 5],
    "with noise just over the bound of copies": lambda k: ONE + 0.05 * torch.randn(ONE.shape, generator=seeded(k)),
    "with twice as much": lambda k: ONE + 0.1 * torch.randn(ONE.shape, generator=seeded(k)),
}


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_ten_pictures_that_are_one_in_disguise_are_refused(disguise):
    images = torch.cat([disguise(k) for k in range(10)]).clamp(0, 1)
    assert images_fault(images, 10).mistake == "images_repeated"


def test_ten_digits_of_one_class_are_ten_pictures():
    images, classes = igref.load_digits()
    for digit in range(10):
        assert not images_fault(images[classes == digit][:10], 10).seen


def with_steps(n):
    return lambda job: trapezoid(replace(job, n=n))


def fine_with_noise(size, falls=0):
    """The map of 200 steps under every count, with noise on it that is `size` of the map, or that falls with the count."""
    generator = seeded()

    def compute(job):
        fine, noise = with_steps(200)(job), torch.randn(job.x.shape, generator=generator)
        return fine if job.n == 200 else fine + size / job.n**falls * fine.norm() * noise / noise.norm()

    return compute


ONE_FINE_MAP = [
    (COLOURS, 1e-6, 0),
    (DIGITS, 0.02, 1),
    *((COLOURS, size, 0) for size in (1e-4, 1e-3, 3e-3, 0.01)),
    *((COLOURS, size, 1) for size in (0.02, 0.1)),
    *((DIGITS, size, 0) for size in (1e-6, 1e-4, 1e-3, 3e-3, 0.01)),
]


@pytest.mark.parametrize(("model", "size", "falls"), ONE_FINE_MAP if "HOSTILE" in os.environ else ONE_FINE_MAP[:2])
def test_one_fine_map_is_not_the_map_of_every_count(model, size, falls):
    compute = fine_with_noise(size, falls)
    cheat = study(lambda: studies.of_steps(model, compute))
    verdict = verdict_on(Entry("ps3-study", "cheat", "", cheat, False))
    assert verdict.mistake == "other_step_count" and verdict.points == verdict.max_points - 7


def test_fewer_steps_than_stated_lose_the_maps():
    """Two steps for five; three for five are as near as a rule of five may be, and pass."""
    cheat = study(lambda: studies.of_baselines(COLOURS, lambda job: midpoint(replace(job, n=2)), n=5))
    verdict = verdict_on(Entry("ps2-study", "cheat", "", cheat, False))
    assert verdict.points == 14, [finding.seen for finding in verdict.findings]


def random_numbers(forward, x, attribution, target):
    """Numbers that know nothing of a map, and are the same each time."""
    digest = hashlib.sha256(attribution.detach().numpy().tobytes()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


@pytest.mark.parametrize(
    ("task", "of", "lost"), [("ps4-baselines", studies.of_baselines, 4), ("ps4-steps", studies.of_steps, 8)]
)
def test_a_study_that_is_scored_by_random_numbers_loses_its_qualities(task, of, lost):
    def cheat():
        return random_numbers, studies.scored(of(COLOURS), random_numbers)

    verdict = verdict_on(Entry(task, "cheat", "", cheat, False))
    assert verdict.mistake == "measure_no_better_than_chance" and verdict.points == verdict.max_points - lost
